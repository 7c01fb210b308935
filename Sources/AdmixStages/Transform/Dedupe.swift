import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStatistics
import Foundation

/// Keeps the first row of each combination of values, in three rounds of tasks.
///
/// One task per partition writes the 128-bit keys of its rows in order; one task per bucket of keys
/// finds the rows that have come before; one task per partition takes the others. So memory holds the
/// keys of about `rowsPerBucket` rows, however many there are.
enum Dedupe {
  static let keysStep = "dedupe-keys"
  static let findStep = "dedupe-find"
  static let takeStep = "dedupe-take"

  /// Keys that one task looks at: 8 partitions' worth, some 30 MB.
  private static let rowsPerBucket = 8 * Partitioning.rowsPerPartition

  /// - Parameter columns: those that are compared; all where nil, but for those that say where a row
  ///   came from.
  static func drive(
    _ stage: any StageContext, _ manifest: DatasetManifest, _ columns: [String]?,
    rowsPerBucket: Int = rowsPerBucket
  ) async throws -> DerivedDataset {
    let names = columns ?? manifest.schema.names.filter { !Schema.isOrigin($0) }
    let compared = Schema(manifest.schema.columns.filter { names.contains($0.name) })
    let schema = try JSONValue(encoding: compared.shape)
    let keys = try await stage.run(
      manifest.partitions.map {
        TaskRequest(
          step: keysStep, parameters: ["schema": schema], inputs: ["partition": [$0]],
          expectedRows: $0.rows)
      }
    ).compactMap { $0.artifacts["keys"]?.first }
    guard keys.count == manifest.partitions.count else { throw missingInput(keysStep) }
    let buckets = KeyBucket.all(of: manifest.rows, most: rowsPerBucket)
    let found = try await stage.run(
      buckets.map {
        TaskRequest(
          step: findStep,
          parameters: ["bits": JSONValue($0.bits), "bucket": JSONValue($0.index)],
          inputs: ["keys": keys])
      })
    let repeats = found.compactMap { $0.artifacts["repeats"]?.first }
    let counts = try found.map { try $0.value.decoded([Int].self) }
    guard repeats.count == buckets.count, counts.allSatisfy({ $0.count == keys.count }) else {
      throw missingInput(findStep)
    }
    // A partition without repeated rows stays as it is.
    let touched = manifest.partitions.indices.filter { at in counts.contains { $0[at] > 0 } }
    let all = try JSONValue(encoding: manifest.schema.shape)
    // Where a partition's row numbers begin in the file of each bucket.
    let starts = counts.map { counts in
      counts.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1) }
    }
    let taken = try await stage.run(
      touched.map { at in
        // Only what has rows of this partition, and where in it they are.
        let mine = counts.indices.filter { counts[$0][at] > 0 }
        return TaskRequest(
          step: takeStep,
          parameters: [
            "schema": all,
            "from": .array(mine.map { JSONValue(starts[$0][at]) }),
            "count": .array(mine.map { JSONValue(counts[$0][at]) }),
          ],
          inputs: ["partition": [manifest.partitions[at]], "repeats": mine.map { repeats[$0] }],
          expectedRows: manifest.partitions[at].rows)
      })
    var outputs = manifest.partitions.map { TaskOutputs([DerivedDataset.partitionPort: [$0]]) }
    for (at, output) in zip(touched, taken) { outputs[at] = output }
    return try DerivedDataset(outputs, schema: manifest.schema)
  }

  /// A `KeyFile`: equal keys in the order of their rows.
  static func keys(_ task: any TaskContext) throws -> TaskOutputs {
    guard let partition = task.request.inputs["partition"]?.first,
      let schema = try task.request.parameters["schema"]?.decoded(Schema.self)
    else { throw missingInput(keysStep) }
    let batch = try task.artifacts.batch(partition, shape: schema)
    task.progress(rows: batch.rows)
    let keys = RowHash.keys(batch.columns, rows: batch.rows)
    let rows = keys.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
    var out = PackedWriter()
    KeyFile.write(rows.map { keys[$0] }, rows: rows, to: &out)
    return TaskOutputs([
      "keys": [try task.artifacts.publish(out.data, kind: .statistics, rows: nil)]
    ])
  }

  /// Gives, partition after partition, the numbers of the rows whose key has come before, in 32 bits
  /// each; how many of each partition is the task's value.
  static func find(_ task: any TaskContext) throws -> TaskOutputs {
    guard let bits = task.request.parameters["bits"]?.int,
      let index = task.request.parameters["bucket"]?.int
    else { throw missingInput(findStep) }
    let bucket = KeyBucket(bits: bits, index: index)
    var seen: Set<RowKey> = []
    var data = Data()
    var counts: [Int] = []
    for artifact in task.request.inputs["keys"] ?? [] {
      try task.checkCancellation()
      let file = try KeyFile(task.artifacts.mapped(artifact))
      let places = try file.places(bucket)
      var count = 0
      for (key, row) in zip(try file.keys(places), try file.rows(places))
      where !seen.insert(key).inserted {
        guard let row = UInt32(exactly: row) else { throw PackedReader.damaged }
        withUnsafeBytes(of: row.littleEndian) { data.append(contentsOf: $0) }
        count += 1
      }
      counts.append(count)
    }
    return TaskOutputs(
      ["repeats": [try task.artifacts.publish(data, kind: .statistics, rows: nil)]],
      value: try .init(encoding: counts))
  }

  static func take(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = task.request.parameters
    guard let partition = task.request.inputs["partition"]?.first,
      let schema = try parameters["schema"]?.decoded(Schema.self),
      let starts = try parameters["from"]?.decoded([Int].self),
      let counts = try parameters["count"]?.decoded([Int].self),
      let repeats = task.request.inputs["repeats"], starts.count == repeats.count,
      counts.count == repeats.count
    else { throw missingInput(takeStep) }
    let batch = try task.artifacts.batch(partition, shape: schema)
    task.progress(rows: batch.rows)
    var isKept = [Bool](repeating: true, count: batch.rows)
    for (artifact, (start, count)) in zip(repeats, zip(starts, counts)) {
      for row in try Self.rows(of: artifact, from: start, count: count, task) {
        guard row < isKept.count else { throw PackedReader.damaged }
        isKept[row] = false
      }
    }
    let kept = isKept.indices.filter { isKept[$0] }
    return TaskOutputs(
      try DerivedDataset.publish(batch.taking(kept), rows: kept, of: batch.rows, task))
  }

  /// Reads no more of the file than these row numbers.
  private static func rows(
    of artifact: Artifact, from start: Int, count: Int, _ task: any TaskContext
  ) throws -> [Int] {
    let file = try FileHandle(
      forReadingFrom: URL(fileURLWithPath: task.artifacts.file(of: artifact)))
    defer { try? file.close() }
    guard start >= 0, count >= 0 else { throw PackedReader.damaged }
    try file.seek(toOffset: UInt64(start) * 4)
    let data = try file.read(upToCount: count * 4) ?? Data()
    guard data.count == count * 4 else { throw PackedReader.damaged }
    return data.withUnsafeBytes { bytes in
      (0..<count).map {
        Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
      }
    }
  }
}
