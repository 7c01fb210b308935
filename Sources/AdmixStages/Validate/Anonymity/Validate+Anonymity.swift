import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStatistics

/// The classes of one dataset and what they give away.
struct AnonymityResult: Hashable, Sendable, Codable {
  var sizes = ClassSizes()
  /// As many as there are sensitive columns.
  var sensitive: [SensitiveFigures]

  mutating func merge(_ other: AnonymityResult) {
    sizes.merge(other.sizes)
    for (index, figures) in other.sensitive.enumerated() where index < sensitive.count {
      sensitive[index].merge(figures)
    }
  }
}

extension Validate {
  func measureAnonymity(
    _ options: AnonymityOptions, _ frame: ValidateFrame, _ report: inout CheckReport,
    _ said: inout [String]
  ) async throws {
    let names = options.quasiIdentifiers + options.sensitive
    let hasReference =
      frame.reference.map { real in names.allSatisfy { real.schema[$0] != nil } } ?? false
    let own = try await classes(options, frame.table, frame, options.onlySynthetic)
    var real: AnonymityResult?
    if let reference = frame.reference, hasReference {
      real = try await classes(options, reference, frame, false)
    }
    AnonymityReport(options: options, own: own, reference: real).tell(
      origins: options.onlySynthetic ? frame.synthetic : "", in: &report, &said)
  }

  private func classes(
    _ options: AnonymityOptions, _ manifest: DatasetManifest, _ frame: ValidateFrame,
    _ onlySynthetic: Bool
  ) async throws -> AnonymityResult {
    let origins = onlySynthetic && frame.origins != nil
    let names =
      options.quasiIdentifiers + options.sensitive + (origins ? [Schema.originSource] : [])
    let known: JSONValue = .array(options.quasiIdentifiers.map { .string($0) })
    let counted = try await frame.stage.run(
      manifest.partitions.map {
        TaskRequest(
          step: "classes",
          parameters: .object([
            "schema": try ValidateFrame.shape(manifest.schema, names), "known": known,
            "sensitive": .array(options.sensitive.map { .string($0) }),
            "origins": onlySynthetic ? frame.originsParameter : .null,
          ]), inputs: ["partition": [$0]], expectedRows: $0.rows)
      })
    var inputs: [String: [Artifact]] = [:]
    for name in ClassFiles.names(options.sensitive.count) {
      inputs[name] = counted.flatMap { $0.artifacts[name] ?? [] }
    }
    let ordered = options.sensitive.map { manifest.schema[$0]?.type.isContinuous == true }
    let found = try await frame.stage.run(
      KeyBucket.all(of: manifest.rows).map {
        TaskRequest(
          step: "anonymity",
          parameters: .object([
            "bits": JSONValue($0.bits), "bucket": JSONValue($0.index),
            "ordered": .array(ordered.map { .bool($0) }), "l": JSONValue(options.least),
          ]), inputs: inputs)
      })
    var sum = AnonymityResult(
      sensitive: options.sensitive.map { _ in SensitiveFigures() })
    for output in found {
      sum.merge(
        try CanonicalJSON.decode(AnonymityResult.self, from: CanonicalJSON.encode(output.value)))
    }
    return sum
  }

  /// Counts the classes of a partition, and sensitive values in them.
  func performClasses(_ task: any TaskContext) throws -> TaskOutputs {
    let batch = try task.rows(task.parameter(Schema.self, "schema"))
    let known = try task.parameter([String].self, "known").compactMap { batch[$0] }
    let groups = RowHash.keys(known, rows: batch.rows)
    let sensitive = try task.parameter([String].self, "sensitive").compactMap { batch[$0] }
    let outputs = try ClassFiles.publish(
      groups, sensitive.map { ValueKeys.keys($0, rows: batch.rows) }, task)
    task.progress(rows: batch.rows)
    return TaskOutputs(outputs)
  }

  /// Adds up and judges the classes of one bucket.
  func performAnonymity(_ task: any TaskContext) throws -> TaskOutputs {
    let bucket = KeyBucket(
      bits: task.request.parameters["bits"]?.int ?? 0,
      index: task.request.parameters["bucket"]?.int ?? 0)
    let ordered = try task.parameter([Bool].self, "ordered")
    let files = ClassFiles(task)
    var result = AnonymityResult(
      sizes: ClassSizes(try files.counts(0, bucket)), sensitive: [])
    for (index, isOrdered) in ordered.enumerated() {
      result.sensitive.append(
        SensitiveFigures(
          try files.counts(index + 1, bucket), marginal: try files.marginal(index + 1),
          isOrdered: isOrdered, least: task.request.parameters["l"]?.int ?? 2))
      try task.checkCancellation()
    }
    return TaskOutputs(value: try ValidateFrame.json(result))
  }
}

/// What `classes` leaves for those that add up: files of class 0 count rows, the others values.
struct ClassFiles {
  static func groups(_ index: Int) -> String { "groups-\(index)" }
  static func values(_ index: Int) -> String { "values-\(index)" }
  static func marginal(_ index: Int) -> String { "marginal-\(index)" }

  static func names(_ sensitive: Int) -> [String] {
    (0...sensitive).flatMap { [groups($0), values($0)] + ($0 == 0 ? [] : [marginal($0)]) }
  }

  private let task: any TaskContext
  private let prefix: String

  /// - Parameter prefix: what the task's inputs put before the names.
  init(_ task: any TaskContext, prefix: String = "") {
    self.task = task
    self.prefix = prefix
  }

  /// Writes what a partition has, as outputs of its task.
  ///
  /// - Parameter columns: of each, the keys of its values.
  static func publish(_ keys: [RowKey], _ columns: [[RowKey]], _ task: any TaskContext) throws
    -> [String: [Artifact]]
  {
    var outputs: [String: [Artifact]] = [:]
    func publish(_ index: Int, _ counts: ClassCounts) throws {
      let written = counts.write()
      outputs[groups(index)] = [
        try task.artifacts.publish(written.groups, kind: .statistics, rows: keys.count)
      ]
      outputs[values(index)] = [
        try task.artifacts.publish(written.values, kind: .statistics, rows: keys.count)
      ]
    }
    try publish(0, ClassCounts(keys))
    for (index, values) in columns.enumerated() {
      try publish(index + 1, ClassCounts(keys, values: values))
      let counted = SensitiveMarginal.count(values)
      var out = PackedWriter()
      KeyFile.write(counted.keys, rows: counted.counts, to: &out)
      outputs[marginal(index + 1)] = [
        try task.artifacts.publish(out.data, kind: .statistics, rows: keys.count)
      ]
      try task.checkCancellation()
    }
    return outputs
  }

  func counts(_ index: Int, _ bucket: KeyBucket) throws -> ClassCounts {
    let groups = task.request.inputs[prefix + Self.groups(index)] ?? []
    let values = task.request.inputs[prefix + Self.values(index)] ?? []
    guard groups.count == values.count else { throw PackedReader.damaged }
    return ClassCounts(
      adding: try zip(groups, values).map { groups, values in
        try task.checkCancellation()
        return try ClassCounts(
          groups: task.artifacts.mapped(groups), values: task.artifacts.mapped(values),
          bucket: bucket)
      })
  }

  func marginal(_ index: Int) throws -> SensitiveMarginal {
    SensitiveMarginal(
      try (task.request.inputs[prefix + Self.marginal(index)] ?? []).map { artifact in
        let file = try KeyFile(task.artifacts.mapped(artifact))
        return (try file.keys(0..<file.count), try file.rows(0..<file.count))
      })
  }
}
