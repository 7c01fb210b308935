import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStatistics

/// What came of one expectation.
struct ExpectationResult: Sendable {
  var expectation: Expectation
  var tally: ExpectationTally
  /// The share of the rows that hold, or the figure.
  var measurement: Measurement
  var passed: Bool

  var gate: GateResult {
    GateResult(
      rule: expectation.rule, action: expectation.action, measurement: measurement, passed: passed,
      span: expectation.span)
  }

  /// - Parameter figure: what was collected over all rows, where the tally alone cannot tell.
  init(
    _ expectation: Expectation, _ tally: ExpectationTally, schema: Schema, rows: Int,
    figure: Double?
  ) {
    self.expectation = expectation
    self.tally = tally
    if case .figure(.rowCount, _) = expectation.check { self.tally.checked = tally.rows }
    switch expectation.check {
    case .rows, .unique, .increasing, .references:
      measurement = .share(
        tally.checked - tally.failing, of: tally.checked, none: "no rows to check")
      // Nothing to check is nothing that fails; the table says that nothing was checked.
      passed = measurement.value.map { $0 >= expectation.mostly - 1e-12 } ?? true
    case .type(let type):
      let found = expectation.columns.first.flatMap { schema[$0]?.type }
      passed = found == type
      measurement = Measurement(passed ? 1 : 0)
      if !passed { measurement.reason = "it is \(found?.rawValue ?? "absent")" }
    case .figure(let kind, let bounds):
      measurement = Self.figure(
        kind, tally, rows: expectation.scope == nil ? rows : tally.rows, figure)
      passed = measurement.value.map(bounds.contains) ?? false
    }
  }

  private static func figure(
    _ kind: Expectation.Figure, _ tally: ExpectationTally, rows: Int, _ collected: Double?
  ) -> Measurement {
    if kind == .rowCount { return Measurement(Double(rows), support: rows) }
    if kind == .distinct { return Measurement(collected ?? 0, support: tally.checked) }
    guard tally.checked > 0 else { return .undefined("no values", support: 0) }
    let n = tally.checked
    let sum = tally.sum + tally.lost
    func finite(_ value: Double, _ what: String = "it lies") -> Measurement {
      value.isFinite
        ? Measurement(value, support: n)
        : .undefined("\(what) beyond what a number can hold", support: n)
    }
    return switch kind {
    case .min: Measurement(tally.least ?? .nan, support: n)
    case .max: Measurement(tally.greatest ?? .nan, support: n)
    // The compensated sum is the more exact; the running mean is there where a part of it was too large.
    case .mean: finite(sum.isFinite ? sum / Double(n) : tally.mean)
    case .sum: finite(sum.isFinite ? sum : tally.mean * Double(n))
    case .sd:
      n < 2
        ? .undefined("one value has no deviation", support: n)
        : finite((tally.squares / Double(n - 1)).squareRoot(), "its squares lie")
    case .median: Measurement(collected ?? .nan, support: n)
    case .nullShare: .share(tally.missing, of: n)
    case .distinct, .rowCount: .undefined("not a figure of values")
    }
  }

  private var isShare: Bool {
    switch expectation.check {
    case .figure(.nullShare, _): true
    case .figure, .type: false
    default: true
    }
  }

  static func tell(
    _ results: [ExpectationResult], in report: inout CheckReport, _ said: inout [String]
  ) {
    let passed = results.count(where: \.passed)
    report.metrics["expect.passed"] = Measurement(Double(passed), support: results.count)
    report.metrics["expect.failed"] = Measurement(
      Double(results.count { !$0.passed && $0.expectation.action == .fail }), support: results.count
    )
    report.metrics["expect.warned"] = Measurement(
      Double(results.count { !$0.passed && $0.expectation.action == .warn }), support: results.count
    )
    said.append("\(passed) of \(results.count) expectations hold")
    report.sections.append(
      CheckReport.Section(
        title: "Expectations",
        text:
          "Each check counts the rows that have something to check; 'holds' is the share of them in which it holds, with its 95 % interval, or the figure itself. Rows with a missing value have nothing to check, except for 'not-null' and 'null-share'. Rows are counted from 1.",
        tables: [
          CheckReport.Table(
            columns: [
              "Expectation", "Rows checked", "Failing", "Holds", "First failing rows", "Passed",
            ],
            rows: results.map { result in
              [
                .text(result.expectation.rule), .count(result.tally.checked),
                .count(result.tally.failing),
                result.isShare ? .share(result.measurement) : .measurement(result.measurement),
                .text(result.tally.first.map { String($0 + 1) }.joined(separator: ", ")),
                .flag(result.passed),
              ]
            })
        ]))
  }
}

extension Validate {
  func checkExpectations(_ frame: ValidateFrame) async throws -> [ExpectationResult] {
    let stage = frame.stage
    let columns = try ExpectationTask.columns(expectations, frame.table.schema)
    let parameters: JSONValue = .object([
      "expect": .array(expectations.map(\.source)),
      "schema": try ValidateFrame.shape(frame.table.schema, columns),
    ])
    let outputs = try await stage.run(
      frame.table.partitions.map { partition in
        TaskRequest(
          step: "expect", parameters: parameters, inputs: ["partition": [partition]],
          expectedRows: partition.rows)
      })
    let offsets = frame.table.offsets
    var tallies = [ExpectationTally](repeating: ExpectationTally(), count: expectations.count)
    for (index, output) in outputs.enumerated() {
      let parts = try CanonicalJSON.decode(
        [ExpectationTally].self, from: CanonicalJSON.encode(output.value))
      guard parts.count == tallies.count else { throw PackedReader.damaged }
      for (position, expectation) in expectations.enumerated() {
        var strictly: Bool?
        if case .increasing(let flag) = expectation.check { strictly = flag }
        tallies[position].merge(parts[position], offset: offsets[index], strictly: strictly)
      }
    }
    var figures: [Int: Double] = [:]
    var requests: [(position: Int, request: TaskRequest)] = []
    for (position, expectation) in expectations.enumerated() {
      guard let kind = expectation.collects else { continue }
      var inputs = [
        "parts": outputs.flatMap { $0.artifacts["collected.\(expectation.index)"] ?? [] }
      ]
      inputs["known"] = try await keys(expectation, frame)
      let known = (inputs["known"] ?? []).reduce(0) { $0 + $1.bytes } / 16
      for bucket in kind == "median"
        ? [KeyBucket(bits: 0, index: 0)]
        : KeyBucket.all(of: max(frame.table.rows, known))
      {
        requests.append(
          (
            position,
            TaskRequest(
              step: "collect",
              parameters: .object([
                "kind": .string(kind), "bits": JSONValue(bucket.bits),
                "bucket": JSONValue(bucket.index),
                "offsets": .array(offsets.dropLast().map { JSONValue($0) }),
              ]), inputs: inputs)
          ))
      }
    }
    for ((position, _), output) in zip(requests, try await stage.run(requests.map(\.request))) {
      if let figure = output.value["figure"]?.double { figures[position, default: 0] += figure }
      tallies[position].failing += output.value["failing"]?.int ?? 0
      tallies[position].first += (output.value["first"]?.array ?? []).compactMap(\.int)
    }
    for position in tallies.indices {
      tallies[position].first = Array(
        tallies[position].first.sorted().prefix(ExpectationTally.mostRowsShown))
    }
    return expectations.indices.map {
      ExpectationResult(
        expectations[$0], tallies[$0], schema: frame.table.schema, rows: frame.table.rows,
        figure: figures[$0])
    }
  }

  /// The keys that `references` looks up, by partition of the other dataset.
  private func keys(_ expectation: Expectation, _ frame: ValidateFrame) async throws -> [Artifact] {
    guard case .references(let column) = expectation.check,
      let artifact = frame.stage.inputs[expectation.edgeRole]
    else { return [] }
    let manifest = try frame.stage.artifacts.dataset(artifact)
    let parameters: JSONValue = .object([
      "schema": try ValidateFrame.shape(manifest.schema, [column])
    ])
    let parts = try await frame.stage.run(
      manifest.partitions.map {
        TaskRequest(
          step: "keys", parameters: parameters, inputs: ["partition": [$0]],
          expectedRows: $0.rows)
      })
    return parts.flatMap { $0.artifacts["keys"] ?? [] }
  }

  func performKeys(_ task: any TaskContext) throws -> TaskOutputs {
    let batch = try task.rows(task.parameter(Schema.self, "schema"))
    guard let column = batch.columns.first else { throw PackedReader.damaged }
    let hashes = RowHash.keys([column], rows: batch.rows)
    let keys = Set((0..<batch.rows).filter { !column.isMissing($0) }.map { hashes[$0] }).sorted()
    var out = PackedWriter()
    KeyFile.write(keys, to: &out)
    task.progress(rows: batch.rows)
    return TaskOutputs([
      "keys": [try task.artifacts.publish(out.data, kind: .statistics, rows: nil)]
    ])
  }

  func performExpect(_ task: any TaskContext) throws -> TaskOutputs {
    let schema = try task.parameter(Schema.self, "schema")
    let batch = try task.rows(schema)
    let (tallies, collected) = try ExpectationTask(expectations: expectations, schema: schema)
      .run(batch)
    var artifacts: [String: [Artifact]] = [:]
    for item in collected {
      artifacts["collected.\(item.index)"] = [
        try task.artifacts.publish(item.bytes.data, kind: .statistics, rows: nil)
      ]
    }
    task.progress(rows: batch.rows)
    return TaskOutputs(artifacts, value: try ValidateFrame.json(tallies))
  }

  /// Joins what the partitions collected of one bucket of keys: at most a few tens of megabytes,
  /// however many rows there are.
  func performCollect(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = task.request.parameters
    let offsets = (parameters["offsets"]?.array ?? []).compactMap(\.int)
    let bucket = KeyBucket(
      bits: parameters["bits"]?.int ?? 0, index: parameters["bucket"]?.int ?? 0)
    let parts = task.request.inputs["parts"] ?? []
    switch parameters["kind"]?.string {
    case "distinct":
      var seen: Set<RowKey> = []
      for part in parts {
        seen.formUnion(try KeyFile(task.artifacts.mapped(part)).keys(bucket))
        try task.checkCancellation()
      }
      return TaskOutputs(value: .object(["figure": JSONValue(seen.count)]))
    case "median":
      let median = NumberFile.median(try parts.map { try NumberFile(task.artifacts.mapped($0)) })
      return TaskOutputs(value: .object(median.map { ["figure": .double($0)] } ?? [:]))
    default: break
    }
    var entries: [(key: RowKey, row: Int)] = []
    for (index, part) in parts.enumerated() {
      let file = try KeyFile(task.artifacts.mapped(part))
      let places = try file.places(bucket)
      guard index < offsets.count else { throw PackedReader.damaged }
      for (key, row) in zip(try file.keys(places), try file.rows(places)) {
        entries.append((key, row + offsets[index]))
      }
      try task.checkCancellation()
    }
    var failing: [Int] = []
    if parameters["kind"]?.string == "references" {
      var known: Set<RowKey> = []
      for part in task.request.inputs["known"] ?? [] {
        known.formUnion(try KeyFile(task.artifacts.mapped(part)).keys(bucket))
        try task.checkCancellation()
      }
      for entry in entries where !known.contains(entry.key) { failing.append(entry.row) }
    } else {
      entries.sort { $0.key < $1.key }
      for index in entries.indices {
        // Every copy fails, the first one too: none of them is the right one.
        let isCopy =
          index > 0 && entries[index - 1].key == entries[index].key
          || index + 1 < entries.count && entries[index + 1].key == entries[index].key
        if isCopy { failing.append(entries[index].row) }
      }
    }
    failing.sort()
    return TaskOutputs(
      value: .object([
        "failing": JSONValue(failing.count),
        "first": .array(failing.prefix(ExpectationTally.mostRowsShown).map { JSONValue($0) }),
      ]))
  }
}

extension Expectation {
  /// What it collects over all rows beside its tally.
  var collects: String? {
    switch check {
    case .unique: "unique"
    case .references: "references"
    case .figure(.distinct, _): "distinct"
    case .figure(.median, _): "median"
    default: nil
    }
  }
}
