package import AdmixEngine
package import AdmixModel
import AdmixStore
import Foundation

/// A run as OpenLineage events (openlineage.io/spec/2-0-2): a job for the pipeline and one for each stage,
/// with START and one of COMPLETE, FAIL and ABORT each.
///
/// A view: everything in it is in the run's record or in what its stages gave. It names no machine, no
/// user and no absolute path. Somebody who follows a run as it happens calls the functions that give
/// single events; `events` gives those of a run that is over.
package struct OpenLineage {
  /// Namespaces of jobs and datasets that are admix's own, and of files.
  package static let namespace = "admix"
  static let files = "file"
  /// More files than this of one stage are told as the folders they lie in.
  static let mostFiles = 20

  private let map: LineageMap
  private let version: String

  package init(_ map: LineageMap, version: String) {
    self.map = map
    self.version = version
  }

  private var record: RunRecord { map.record }
  private var producer: JSONValue { .string("urn:admix:producer:\(version)") }

  // MARK: Events

  package var events: [JSONValue] {
    var timed: [(time: Double, order: Int, event: JSONValue)] = []
    let end = record.started + record.seconds
    for stage in record.stages {
      guard let outcome = Self.outcome(stage) else { continue }
      // Records of before starts were kept have nothing nearer than the run's own times.
      let begin = stage.started ?? record.started
      let finish = stage.started.map { $0 + stage.seconds } ?? end
      timed.append((begin, 0, started(stage, at: begin)))
      timed.append((finish, 1, event(stage, outcome, at: finish)))
    }
    let sorted = timed.enumerated().sorted {
      ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
    }
    let last = ended(at: max(end, sorted.last?.element.time ?? end))
    return [runStarted(at: record.started)] + sorted.map(\.element.event)
      + (record.status == .running ? [] : [last])
  }

  private enum Outcome: String { case complete = "COMPLETE", fail = "FAIL", abort = "ABORT" }

  /// Nil for a stage that never began.
  private static func outcome(_ stage: StageRecord) -> Outcome? {
    switch stage.status {
    case .executed, .cached: .complete
    case .failed: .fail
    case .skipped: stage.failureReason == .cancelled ? .abort : nil
    case .gated: nil
    }
  }

  /// The run as a whole begins.
  package func runStarted(at time: Double) -> JSONValue {
    event("START", time, run: record.run, runFacets: [:], job: runJob, inputs: [], outputs: [])
  }

  /// The run as a whole is over; the inputs are the files that were read, the outputs those written.
  package func ended(at time: Double) -> JSONValue {
    let outcome: Outcome =
      switch record.status {
      case .succeeded: .complete
      case .failed, .gated: .fail
      case .interrupted, .running: .abort
      }
    var facets: [String: JSONValue] = [:]
    if outcome == .fail { facets["errorMessage"] = error(problems) }
    let stages = record.stages.filter { Self.outcome($0) == .complete }
    return event(
      outcome.rawValue, time, run: record.run, runFacets: facets, job: runJob,
      inputs: stages.flatMap { sources($0, schema: nil) }, outputs: stages.flatMap(written))
  }

  /// A stage begins; what it reads is known, what it gives is not.
  package func started(_ stage: StageRecord, at time: Double) -> JSONValue {
    event(
      "START", time, run: runID(stage.name), runFacets: parent, job: job(stage),
      inputs: inputs(stage, isOver: false), outputs: [])
  }

  /// A stage is over; nil for one that never began.
  package func ended(_ stage: StageRecord, at time: Double) -> JSONValue? {
    Self.outcome(stage).map { event(stage, $0, at: time) }
  }

  private func event(_ stage: StageRecord, _ outcome: Outcome, at time: Double) -> JSONValue {
    var facets = parent
    if outcome != .complete { facets["errorMessage"] = error(stage.failure.map(Self.words)) }
    if stage.status == .cached {
      facets["admix_reuse"] = facet(
        "2-0-2/OpenLineage.json#/$defs/RunFacet",
        ["reused": true, "description": "the result was known; nothing ran"])
    }
    if let found = stage.determinism {
      facets["admix_determinism"] = facet(
        "2-0-2/OpenLineage.json#/$defs/RunFacet",
        [
          "deterministic": .bool(!found.isRefuted), "tasks": JSONValue(found.tasks),
          "same": JSONValue(found.same), "different": JSONValue(found.different),
          "description": .string(DeterminismText.words(found)),
        ])
    }
    return event(
      outcome.rawValue, time, run: runID(stage.name), runFacets: facets, job: job(stage),
      inputs: inputs(stage, isOver: true), outputs: outcome == .complete ? outputs(stage) : [])
  }

  private func event(
    _ type: String, _ time: Double, run: String, runFacets: [String: JSONValue], job: JSONValue,
    inputs: [JSONValue], outputs: [JSONValue]
  ) -> JSONValue {
    var facets = runFacets
    facets["processing_engine"] = facet(
      "facets/1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet",
      ["name": "admix", "version": .string(version)])
    return .object([
      "eventType": .string(type), "eventTime": .string(Self.time(time)),
      "run": .object(["runId": .string(run), "facets": .object(facets)]), "job": job,
      "inputs": .array(inputs), "outputs": .array(outputs), "producer": producer,
      "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    ])
  }

  // MARK: Runs and jobs

  /// A stage's run within this run: the same whenever it is told.
  package func runID(_ stage: String) -> String {
    var bytes = Array(Digest(of: "admix stage run\u{0}\(record.run)\u{0}\(stage)").bytes.prefix(16))
    // RFC 9562: version 8, made by a way of one's own.
    bytes[6] = bytes[6] & 0x0F | 0x80
    bytes[8] = bytes[8] & 0x3F | 0x80
    let hex = bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }
    return [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { hex[$0].joined() }.joined(separator: "-")
  }

  private var parent: [String: JSONValue] {
    [
      "parent": facet(
        "facets/1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet",
        [
          "run": .object(["runId": .string(record.run)]),
          "job": .object([
            "namespace": .string(Self.namespace), "name": .string(record.pipeline),
          ]),
        ])
    ]
  }

  private var runJob: JSONValue {
    job(record.pipeline, "PIPELINE", record.description)
  }

  private func job(_ stage: StageRecord) -> JSONValue {
    job(
      "\(record.pipeline).\(stage.name)", stage.kind.uppercased(), map.description(of: stage.name))
  }

  private func job(_ name: String, _ type: String, _ description: String?) -> JSONValue {
    var facets = [
      "jobType": facet(
        "facets/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
        ["processingType": "BATCH", "integration": "ADMIX", "jobType": .string(type)])
    ]
    if let description {
      facets["documentation"] = facet(
        "facets/1-1-0/DocumentationJobFacet.json#/$defs/DocumentationJobFacet",
        ["description": .string(description)])
    }
    return .object([
      "namespace": .string(Self.namespace), "name": .string(name), "facets": .object(facets),
    ])
  }

  private var problems: [String] {
    record.stages.flatMap { stage in
      stage.failure.map { "\(stage.name): \(Self.words($0))" }
        + stage.gates.filter { !$0.passed && $0.action == .fail }
        .map { "\(stage.name): the gate '\($0.rule)' tripped" }
    }
  }

  private static func words(_ problem: Diagnostic) -> String {
    "\(problem.fact) [\(problem.code)]" + (problem.cause.map { ": \($0)" } ?? "")
  }

  private func error(_ problems: [String]) -> JSONValue {
    facet(
      "facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
      [
        "message": .string(problems.isEmpty ? "interrupted" : problems.joined(separator: "\n")),
        "programmingLanguage": "Swift",
      ])
  }

  private func facet(_ schema: String, _ members: [String: JSONValue]) -> JSONValue {
    var members = members
    members["_producer"] = producer
    members["_schemaURL"] = .string("https://openlineage.io/spec/" + schema)
    return .object(members)
  }

  /// RFC 3339 in UTC with milliseconds.
  static func time(_ seconds: Double) -> String {
    Date(timeIntervalSince1970: seconds).formatted(style)
  }

  private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

  // MARK: Datasets

  private func name(_ stage: String, _ output: String) -> String {
    "\(record.pipeline).\(stage).\(output)"
  }

  private func inputs(_ stage: StageRecord, isOver: Bool) -> [JSONValue] {
    let schemas = map.inputSchemas(of: stage)
    var seen: Set<String> = []
    let datasets = stage.inputs.compactMap { input -> JSONValue? in
      let name = name(input.stage, input.output)
      guard seen.insert(name).inserted else { return nil }
      let artifact = map[input.stage]?.artifacts[input.output]
      var members = dataset(Self.namespace, name, facets(schemas[input.role], artifact?.digest))
      if isOver {
        members["inputFacets"] = inputFacets(stage, input, artifact, schemas[input.role])
      }
      return .object(members)
    }
    // What the files hold is known once they are read.
    let schema = isOver ? map.schemas(of: stage.name)[stage.outputs.first ?? ""] : nil
    return sources(stage, schema: schema) + datasets
  }

  private func sources(_ stage: StageRecord, schema: Schema?) -> [JSONValue] {
    places(stage).map { place in
      .object(dataset(place.namespace, place.name, facets(schema, place.digest)))
    }
  }

  private struct Place: Hashable {
    var namespace: String
    var name: String
    var digest: Digest?
  }

  /// The files a stage read, by the names people gave them; many are told as their folders.
  private func places(_ stage: StageRecord) -> [Place] {
    var seen: Set<Place> = []
    let isMany = stage.sources.count > Self.mostFiles
    return stage.sources.map { source in
      let name = PublicName.of(source.name)
      if let url = URL(string: source.name), let scheme = url.scheme, let host = url.host {
        return Place(
          namespace: "\(scheme)://\(host)\(url.port.map { ":\($0)" } ?? "")",
          name: String(url.path.drop { $0 == "/" }), digest: source.digest)
      }
      guard isMany else { return Place(namespace: Self.files, name: name, digest: source.digest) }
      let folder = (name as NSString).deletingLastPathComponent
      return Place(namespace: Self.files, name: folder.isEmpty ? "." : folder, digest: nil)
    }.filter { seen.insert($0).inserted }
  }

  private func outputs(_ stage: StageRecord) -> [JSONValue] {
    let schemas = map.schemas(of: stage.name)
    return stage.outputs.compactMap { output -> JSONValue? in
      // What is put beside the project is told by its path.
      guard let artifact = stage.artifacts[output],
        !(map.deliveries[stage.name] ?? []).contains(where: { $0.artifact == artifact })
      else { return nil }
      var facets = facets(schemas[output], artifact.digest)
      facets["columnLineage"] = columnLineage(stage, output)
      if output == stage.outputs.first, let profile = stage.artifacts["profile"] {
        facets["dataQualityMetrics"] = metrics(profile, schemas[output], artifact)
      }
      var members = dataset(Self.namespace, name(stage.name, output), facets)
      members["outputFacets"] = statistics(artifact)
      return .object(members)
    } + written(stage)
  }

  private func written(_ stage: StageRecord) -> [JSONValue] {
    (map.deliveries[stage.name] ?? []).map { delivery in
      let output = stage.artifacts.first { $0.value == delivery.artifact }?.key
      var facets = facets(nil, delivery.artifact.digest)
      if let output {
        facets["columnLineage"] = columnLineage(stage, output)
        if let table = map.columns(of: stage.name)?.tables[output] {
          let input = map.inputSchemas(of: stage).values.first
          let columns = input?.columns.filter { table.columns[$0.name] != nil } ?? []
          facets["schema"] = schema(Schema(columns))
        }
      }
      var members = dataset(Self.files, delivery.path, facets)
      members["outputFacets"] = statistics(delivery.artifact)
      return .object(members)
    }
  }

  private func dataset(_ namespace: String, _ name: String, _ facets: [String: JSONValue])
    -> [String: JSONValue]
  {
    ["namespace": .string(namespace), "name": .string(name), "facets": .object(facets)]
  }

  private func facets(_ schema: Schema?, _ digest: Digest?) -> [String: JSONValue] {
    var facets: [String: JSONValue] = [:]
    if let schema { facets["schema"] = self.schema(schema) }
    if let digest {
      facets["version"] = facet(
        "facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
        ["datasetVersion": .string("sha256:\(digest.hex)")])
    }
    return facets
  }

  private func schema(_ schema: Schema) -> JSONValue {
    facet(
      "facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
      [
        "fields": .array(
          schema.columns.map { column in
            var members: [String: JSONValue] = [
              "name": .string(column.name), "type": .string(column.type.rawValue),
            ]
            if !column.roles.isEmpty {
              members["description"] = .string(
                "role: " + column.roles.map(\.rawValue).joined(separator: ", "))
            }
            return .object(members)
          })
      ])
  }

  private func statistics(_ artifact: Artifact) -> JSONValue {
    var members: [String: JSONValue] = ["size": JSONValue(artifact.bytes)]
    if let rows = artifact.rows { members["rowCount"] = JSONValue(rows) }
    return .object([
      "outputStatistics": facet(
        "facets/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet",
        members)
    ])
  }

  // MARK: Quality

  private struct Profile: Decodable {
    struct Column: Decodable {
      var rows: Int
      var missing: Int
      var distinct: Int?
    }
    var columns: [Column]
  }

  /// Counts alone: the least and the greatest value are somebody's.
  private func metrics(_ profile: Artifact, _ schema: Schema?, _ data: Artifact) -> JSONValue? {
    guard let schema, let content = try? map.store.content(of: profile),
      let found = try? CanonicalJSON.decode(Profile.self, from: content),
      found.columns.count == schema.columns.count
    else { return nil }
    let columns = zip(schema.names, found.columns).map { name, column -> (String, JSONValue) in
      var members: [String: JSONValue] = [
        "nullCount": JSONValue(column.missing), "count": JSONValue(column.rows - column.missing),
      ]
      if let distinct = column.distinct { members["distinctCount"] = JSONValue(distinct) }
      return (name, .object(members))
    }
    var members: [String: JSONValue] = ["columnMetrics": .object(Dictionary(columns) { $1 })]
    if let rows = data.rows { members["rowCount"] = JSONValue(rows) }
    return facet(
      "facets/1-0-1/DataQualityMetricsDatasetFacet.json#/$defs/DataQualityMetricsDatasetFacet",
      members)
  }

  private func inputFacets(
    _ stage: StageRecord, _ input: Graph.Input, _ artifact: Artifact?, _ schema: Schema?
  ) -> JSONValue {
    var facets: [String: JSONValue] = [:]
    if let rows = artifact?.rows {
      facets["dataQualityMetrics"] = facet(
        "facets/1-0-3/DataQualityMetricsInputDatasetFacet.json#/$defs/DataQualityMetricsInputDatasetFacet",
        ["rowCount": JSONValue(rows), "columnMetrics": [:]])
    }
    if input == stage.inputs.first {
      let assertions = assertions(stage, schema)
      if !assertions.isEmpty {
        facets["dataQualityAssertions"] = facet(
          "facets/1-1-0/DataQualityAssertionsDatasetFacet.json#/$defs/DataQualityAssertionsDatasetFacet",
          ["assertions": .array(assertions)])
      }
    }
    return .object(facets)
  }

  /// Gates, and expectations: those that failed are among the gates, the others in the report.
  private func assertions(_ stage: StageRecord, _ schema: Schema?) -> [JSONValue] {
    var told: Set<String> = []
    func assertion(_ rule: String, _ passed: Bool, _ more: [String: JSONValue]) -> JSONValue {
      told.insert(rule)
      var members = more
      members["assertion"] = .string(rule)
      members["success"] = .bool(passed)
      let column = rule.components(separatedBy: ": ").first ?? ""
      if schema?[column] != nil { members["column"] = .string(column) }
      return .object(members)
    }
    let gates = stage.gates.map { gate in
      var more: [String: JSONValue] = ["severity": gate.action == .fail ? "error" : "warn"]
      if let value = gate.measurement.value { more["actual"] = .string("\(value)") }
      return assertion(gate.rule, gate.passed, more)
    }
    guard let artifact = stage.artifacts["report"], let data = try? map.store.content(of: artifact),
      let report = try? CanonicalJSON.decode(CheckReport.self, from: data),
      let table = report.sections.first(where: { $0.title == "Expectations" })?.tables.first
    else { return gates }
    return gates
      + table.rows.compactMap { row in
        guard case .text(let rule)? = row.first, case .flag(true)? = row.last,
          !told.contains(rule)
        else { return nil }
        return assertion(rule, true, [:])
      }
  }

  // MARK: Columns

  /// Uses of columns of the same table are left out: the facet tells of other datasets.
  private func columnLineage(_ stage: StageRecord, _ output: String) -> JSONValue? {
    guard let table = map.columns(of: stage.name)?.tables[output],
      !table.columns.isEmpty || !table.whole.isEmpty
    else { return nil }
    let places = places(stage)
    func fields(_ uses: [ColumnLineage.Use]) -> JSONValue {
      var order: [[String]] = []
      var ways: [[String]: [JSONValue]] = [:]
      for use in uses {
        let datasets: [[String]]
        switch use.source {
        case .own: datasets = []
        case .output(let output):
          datasets = [[Self.namespace, name(stage.name, output), use.column]]
        case .files: datasets = places.map { [$0.namespace, $0.name, use.column] }
        case .input(let role):
          datasets = stage.inputs.filter { $0.role == role }.map {
            [Self.namespace, name($0.stage, $0.output), use.column]
          }
        }
        var way: [String: JSONValue] = [
          "type": use.how.isDirect ? "DIRECT" : "INDIRECT", "subtype": .string(use.how.rawValue),
          "masking": .bool(use.isMasking),
        ]
        if let note = use.note { way["description"] = .string(note) }
        for dataset in datasets {
          if ways[dataset] == nil { order.append(dataset) }
          ways[dataset, default: []].append(.object(way))
        }
      }
      return .array(
        order.map { place in
          .object([
            "namespace": .string(place[0]), "name": .string(place[1]), "field": .string(place[2]),
            "transformations": .array(ways[place] ?? []),
          ])
        })
    }
    var members: [String: JSONValue] = [
      "fields": .object(
        table.columns.mapValues { .object(["inputFields": fields($0)]) })
    ]
    if !table.whole.isEmpty { members["dataset"] = fields(table.whole) }
    return facet(
      "facets/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet", members)
  }
}
