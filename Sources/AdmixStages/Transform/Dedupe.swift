import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStatistics
import Foundation

/// Keeps the first row of each combination of values, in three rounds of tasks.
///
/// One task per partition writes the 128-bit keys of its rows, cut into 256 buckets by key; one task per
/// group of buckets finds the rows that have come before; one task per partition takes the others. So
/// memory holds the keys of about `rowsPerGroup` rows, however many there are.
enum Dedupe {
  static let keysStep = "dedupe-keys"
  static let findStep = "dedupe-find"
  static let takeStep = "dedupe-take"

  private static let buckets = 256
  /// Keys that one task looks at: 8 partitions' worth, some 30 MB.
  private static let rowsPerGroup = 8 * Partitioning.rowsPerPartition
  private static let entryBytes = 20

  /// - Parameter columns: those that are compared; all where nil, but for those that say where a row
  ///   came from.
  static func drive(
    _ stage: any StageContext, _ manifest: DatasetManifest, _ columns: [String]?,
    rowsPerGroup: Int = rowsPerGroup
  ) async throws -> DatasetManifest {
    let names = columns ?? manifest.schema.names.filter { !Schema.isOrigin($0) }
    let compared = Schema(manifest.schema.columns.filter { names.contains($0.name) })
    let schema = try JSONValue(encoding: compared)
    let keys = try await stage.run(
      manifest.partitions.map {
        TaskRequest(
          step: keysStep, parameters: ["schema": schema], inputs: ["partition": [$0]],
          expectedRows: $0.rows)
      }
    ).compactMap { $0.artifacts["keys"]?.first }
    guard keys.count == manifest.partitions.count else { throw missingInput(keysStep) }
    let groups = min(buckets, max(1, (manifest.rows + rowsPerGroup - 1) / rowsPerGroup))
    let found = try await stage.run(
      (0..<groups).map { group in
        TaskRequest(
          step: findStep,
          parameters: [
            "from": JSONValue(buckets * group / groups),
            "to": JSONValue(buckets * (group + 1) / groups),
          ], inputs: ["keys": keys])
      })
    let repeats = found.compactMap { $0.artifacts["repeats"]?.first }
    let counts = try found.map { try $0.value.decoded([Int].self) }
    guard repeats.count == groups, counts.allSatisfy({ $0.count == keys.count }) else {
      throw missingInput(findStep)
    }
    // A partition without repeated rows stays as it is.
    let touched = manifest.partitions.indices.filter { at in counts.contains { $0[at] > 0 } }
    let all = try JSONValue(encoding: manifest.schema)
    let taken = try await stage.run(
      touched.map { at in
        TaskRequest(
          step: takeStep,
          parameters: ["schema": all, "at": JSONValue(at), "of": JSONValue(keys.count)],
          inputs: ["partition": [manifest.partitions[at]], "repeats": repeats],
          expectedRows: manifest.partitions[at].rows)
      })
    var partitions = manifest.partitions.map { [$0] }
    for (at, outputs) in zip(touched, taken) {
      partitions[at] = outputs.artifacts["partition"] ?? []
    }
    return DatasetManifest(schema: manifest.schema, partitions: partitions.flatMap { $0 })
  }

  /// The file: 257 offsets in entries, then the entries bucket by bucket, each a key and a row number,
  /// all in little-endian order.
  static func keys(_ task: any TaskContext) throws -> TaskOutputs {
    guard let partition = task.request.inputs["partition"]?.first,
      let schema = try task.request.parameters["schema"]?.decoded(Schema.self)
    else { throw missingInput(keysStep) }
    let batch = try task.artifacts.batch(partition, schema: schema)
    task.progress(rows: batch.rows)
    let keys = RowHash.keys(batch.columns, rows: batch.rows)
    var counts = [UInt32](repeating: 0, count: buckets + 1)
    for key in keys { counts[bucket(key) + 1] += 1 }
    for bucket in 0..<buckets { counts[bucket + 1] += counts[bucket] }
    var data = Data(capacity: 4 * counts.count + entryBytes * keys.count)
    for count in counts { withUnsafeBytes(of: count.littleEndian) { data.append(contentsOf: $0) } }
    var order = [UInt32](repeating: 0, count: keys.count)
    for (row, key) in keys.enumerated() {
      order[Int(counts[bucket(key)])] = UInt32(row)
      counts[bucket(key)] += 1
    }
    for row in order {
      let key = keys[Int(row)]
      withUnsafeBytes(of: key.high.littleEndian) { data.append(contentsOf: $0) }
      withUnsafeBytes(of: key.low.littleEndian) { data.append(contentsOf: $0) }
      withUnsafeBytes(of: row.littleEndian) { data.append(contentsOf: $0) }
    }
    return TaskOutputs([
      "keys": [try task.artifacts.publish(data, kind: .statistics, rows: nil)]
    ])
  }

  private static func bucket(_ key: RowKey) -> Int { Int(key.high >> 56) }

  /// Gives, partition after partition, the numbers of the rows whose key has come before; how many of
  /// each partition is the task's value.
  static func find(_ task: any TaskContext) throws -> TaskOutputs {
    guard let from = task.request.parameters["from"]?.int,
      let to = task.request.parameters["to"]?.int, 0 <= from, from <= to, to <= buckets
    else { throw missingInput(findStep) }
    var seen: Set<RowKey> = []
    var data = Data()
    var counts: [Int] = []
    for artifact in task.request.inputs["keys"] ?? [] {
      try task.checkCancellation()
      var count = 0
      try entries(of: artifact, from..<to, task) { key, row in
        if seen.insert(key).inserted { return }
        withUnsafeBytes(of: row.littleEndian) { data.append(contentsOf: $0) }
        count += 1
      }
      counts.append(count)
    }
    var head = Data()
    for count in counts {
      withUnsafeBytes(of: UInt32(count).littleEndian) { head.append(contentsOf: $0) }
    }
    return TaskOutputs(
      ["repeats": [try task.artifacts.publish(head + data, kind: .statistics, rows: nil)]],
      value: try .init(encoding: counts))
  }

  private static func entries(
    of artifact: Artifact, _ range: Range<Int>, _ task: any TaskContext,
    _ body: (RowKey, UInt32) -> Void
  ) throws {
    let file = try FileHandle(
      forReadingFrom: URL(fileURLWithPath: task.artifacts.file(of: artifact)))
    defer { try? file.close() }
    let head = try file.read(upToCount: 4 * (buckets + 1)) ?? Data()
    guard head.count == 4 * (buckets + 1) else { throw damaged }
    let first = Int(word(head, range.lowerBound))
    let last = Int(word(head, range.upperBound))
    guard first <= last else { throw damaged }
    if first == last { return }
    try file.seek(toOffset: UInt64(head.count + entryBytes * first))
    let data = try file.read(upToCount: entryBytes * (last - first)) ?? Data()
    guard data.count == entryBytes * (last - first) else { throw damaged }
    data.withUnsafeBytes { bytes in
      for at in stride(from: 0, to: bytes.count, by: entryBytes) {
        body(
          RowKey(
            high: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)),
            low: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 8, as: UInt64.self))),
          UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at + 16, as: UInt32.self)))
      }
    }
  }

  static func take(_ task: any TaskContext) throws -> TaskOutputs {
    guard let partition = task.request.inputs["partition"]?.first,
      let schema = try task.request.parameters["schema"]?.decoded(Schema.self),
      let at = task.request.parameters["at"]?.int,
      let partitions = task.request.parameters["of"]?.int, (0..<partitions).contains(at)
    else { throw missingInput(takeStep) }
    let batch = try task.artifacts.batch(partition, schema: schema)
    task.progress(rows: batch.rows)
    var isKept = [Bool](repeating: true, count: batch.rows)
    for artifact in task.request.inputs["repeats"] ?? [] {
      let data = try task.artifacts.read(artifact)
      guard data.count >= 4 * partitions else { throw damaged }
      let counts = (0..<partitions).map { Int(word(data, $0)) }
      guard data.count == 4 * (partitions + counts.reduce(0, +)) else { throw damaged }
      let before = counts[..<at].reduce(0, +)
      for index in 0..<counts[at] {
        let row = Int(word(data, partitions + before + index))
        guard row < isKept.count else { throw damaged }
        isKept[row] = false
      }
    }
    return TaskOutputs([
      "partition": try Transform.publish(
        batch.taking(isKept.indices.filter { isKept[$0] }), task)
    ])
  }

  private static func word(_ data: Data, _ index: Int) -> UInt32 {
    data.withUnsafeBytes {
      UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
    }
  }

  private static let damaged = Diagnostic.error(
    "AX0954", "stored statistics cannot be read", cause: "the artifact is damaged",
    hint: "admix verify")
}
