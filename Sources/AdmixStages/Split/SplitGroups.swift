import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStatistics
import Foundation

/// Splits by whole groups: counted partition by partition, assigned in one task, then cut.
///
/// The largest group goes first, each to the part that is furthest below its size; among groups of one
/// size a seeded order decides. Memory holds a key and a count for every group, not for every row.
enum SplitGroups {
  static let countStep = "count-groups"
  static let assignStep = "assign-groups"
  static let cutStep = "cut-groups"

  struct Parameters: Codable {
    var sizes: [Double]
    var isShares: Bool
    var seed: UInt64
    var salt: String
  }

  static func drive(
    _ stage: any StageContext, _ manifest: DatasetManifest, column: String, sizes: [Double],
    isShares: Bool
  ) async throws -> [TaskOutputs] {
    let narrow = try JSONValue(encoding: Schema([manifest.schema[column]].compactMap { $0 }).shape)
    let counts = try await stage.run(
      manifest.partitions.map {
        TaskRequest(
          step: countStep, parameters: ["schema": narrow], inputs: ["partition": [$0]],
          expectedRows: $0.rows)
      }
    ).compactMap { $0.artifacts["groups"]?.first }
    let assigned = try await stage.run([
      TaskRequest(
        step: assignStep,
        parameters: try .init(
          encoding: Parameters(
            sizes: sizes, isShares: isShares, seed: stage.seed, salt: stage.salt)),
        inputs: ["groups": counts])
    ])
    guard let owners = assigned.first?.artifacts["owners"]?.first else {
      throw missingInput(assignStep)
    }
    let schema = try JSONValue(encoding: manifest.schema.shape)
    return try await stage.run(
      manifest.partitions.map {
        TaskRequest(
          step: cutStep,
          parameters: [
            "schema": schema, "column": .string(column), "parts": JSONValue(sizes.count),
          ], inputs: ["partition": [$0], "owners": [owners]], expectedRows: $0.rows)
      })
  }

  static func count(_ task: any TaskContext) throws -> TaskOutputs {
    guard let partition = task.request.inputs["partition"]?.first,
      let schema = try task.request.parameters["schema"]?.decoded(Schema.self)
    else { throw missingInput(countStep) }
    let batch = try task.artifacts.batch(partition, shape: schema)
    task.progress(rows: batch.rows)
    var counts: [RowKey: UInt64] = [:]
    for key in RowHash.keys(batch.columns, rows: batch.rows) { counts[key, default: 0] += 1 }
    return TaskOutputs([
      "groups": [
        try task.artifacts.publish(GroupFile.data(counts), kind: .statistics, rows: nil)
      ]
    ])
  }

  static func assign(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = try task.request.parameters.decoded(Parameters.self)
    var sizes: [RowKey: UInt64] = [:]
    for artifact in task.request.inputs["groups"] ?? [] {
      try task.checkCancellation()
      let table = try GroupFile(task.artifacts.read(artifact))
      for index in 0..<table.count { sizes[table.key(index), default: 0] += table.value(index) }
    }
    let random = RandomSource(seed: parameters.seed, salt: parameters.salt + "\u{0}split\u{0}group")
    let queue = sizes.map { key, size in
      (
        key: key, size: size,
        draw: random.bits(row: key.low, tag: UInt32(truncatingIfNeeded: key.high))
      )
    }.sorted { ($1.size, $0.draw, $0.key) < ($0.size, $1.draw, $1.key) }
    let total = Double(queue.reduce(0) { $0 + $1.size })
    var open = parameters.isShares ? parameters.sizes.map { $0 * total } : parameters.sizes
    var owners: [RowKey: UInt64] = [:]
    for group in queue {
      let part = open.indices.max { (open[$0], -$0) < (open[$1], -$1) } ?? 0
      owners[group.key] = UInt64(part)
      open[part] -= Double(group.size)
    }
    return TaskOutputs([
      "owners": [
        try task.artifacts.publish(GroupFile.data(owners), kind: .statistics, rows: nil)
      ]
    ])
  }

  static func cut(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = task.request.parameters
    guard let partition = task.request.inputs["partition"]?.first,
      let owners = task.request.inputs["owners"]?.first,
      let schema = try parameters["schema"]?.decoded(Schema.self),
      let column = parameters["column"]?.string, let parts = parameters["parts"]?.int
    else { throw missingInput(cutStep) }
    let batch = try task.artifacts.batch(partition, shape: schema)
    let table = try GroupFile(
      Data(
        contentsOf: URL(fileURLWithPath: task.artifacts.file(of: owners)), options: .alwaysMapped))
    let keys = RowHash.keys([batch[column]].compactMap { $0 }, rows: batch.rows)
    let owned = try keys.map { key in
      guard let owner = table.value(of: key), owner < parts else { throw missingInput(cutStep) }
      return UInt8(owner)
    }
    return try Split.publish(batch, owners: owned, parts: parts, task)
  }
}

/// Numbers by key, in rising order of the keys: 24 little-endian bytes each.
private struct GroupFile {
  private let bytes: Data
  let count: Int

  init(_ data: Data) throws {
    guard data.count % 24 == 0 else {
      throw Diagnostic.error(
        "AX0954", "stored statistics cannot be read", cause: "the artifact is damaged",
        hint: "admix verify")
    }
    bytes = data
    count = data.count / 24
  }

  static func data(_ values: [RowKey: UInt64]) -> Data {
    var data = Data(capacity: 24 * values.count)
    for (key, value) in values.sorted(by: { $0.key < $1.key }) {
      for word in [key.high, key.low, value] {
        withUnsafeBytes(of: word.littleEndian) { data.append(contentsOf: $0) }
      }
    }
    return data
  }

  private func word(_ index: Int) -> UInt64 {
    bytes.withUnsafeBytes {
      UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
    }
  }

  func key(_ index: Int) -> RowKey { RowKey(high: word(3 * index), low: word(3 * index + 1)) }
  func value(_ index: Int) -> UInt64 { word(3 * index + 2) }

  func value(of key: RowKey) -> UInt64? {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self.key(middle) < key { low = middle + 1 } else { high = middle }
    }
    return low < count && self.key(low) == key ? value(low) : nil
  }
}
