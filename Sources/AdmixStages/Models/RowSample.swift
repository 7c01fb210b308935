import AdmixData
import AdmixEngine
import AdmixModel

/// A step that takes so many rows of a dataset, as one partition.
enum RowSample {
  static let step = "sample"

  /// - Parameters:
  ///   - names: the columns that are taken.
  ///   - origins: only rows from these; all rows where nil.
  ///   - purpose: tells the random numbers of samples apart.
  static func request(
    _ manifest: DatasetManifest, _ names: [String], rows: Int, origins: [String]?,
    _ stage: any StageContext, purpose: String
  ) throws -> TaskRequest {
    var names = names
    if origins != nil, !names.contains(Schema.originSource) { names.append(Schema.originSource) }
    return TaskRequest(
      step: step,
      parameters: .object([
        "schema": try ValidateFrame.parameter(manifest.schema, names),
        "origins": origins.map { .array($0.map { .string($0) }) } ?? .null,
        "rows": JSONValue(rows),
        // As text: a seed may be greater than JSON's numbers.
        "seed": .string(String(stage.seed)), "salt": .string("\(stage.salt)/\(purpose)"),
      ]), inputs: ["partitions": manifest.partitions], expectedRows: manifest.rows)
  }

  /// Takes the rows with the smallest random numbers: the same ones however the dataset is cut.
  static func perform(_ task: any TaskContext) throws -> TaskOutputs {
    let schema = try task.parameter(Schema.self, "schema")
    let origins = task.request.parameters["origins"]?.array?.compactMap(\.string)
    let wanted = task.request.parameters["rows"]?.int ?? 0
    let source = RandomSource(
      seed: UInt64(task.request.parameters["seed"]?.string ?? "") ?? 0,
      salt: task.request.parameters["salt"]?.string ?? "")
    let tag = RandomSource.tag("sample")
    let partitions = task.request.inputs["partitions"] ?? []

    var candidates: [(bits: UInt64, partition: Int, row: Int)] = []
    var offset = 0
    for (index, partition) in partitions.enumerated() {
      let rows: [Int]
      if let origins {
        let batch = try task.artifacts.batch(
          partition, schema: schema, columns: [Schema.originSource])
        rows = batch.rows(from: origins)
      } else {
        rows = Array(0..<(partition.rows ?? 0))
      }
      for row in rows {
        candidates.append((source.bits(row: UInt64(offset + row), tag: tag), index, row))
      }
      offset += partition.rows ?? 0
      if candidates.count > wanted {
        candidates.sort { ($0.bits, $0.partition, $0.row) < ($1.bits, $1.partition, $1.row) }
        candidates.removeLast(candidates.count - wanted)
      }
      try task.checkCancellation()
    }
    candidates.sort { ($0.partition, $0.row) < ($1.partition, $1.row) }
    let names = schema.names.filter { origins == nil || !Schema.isOrigin($0) }
    let kept = Schema(names.compactMap { schema[$0] })
    var batches: [Batch] = []
    for (index, partition) in partitions.enumerated() {
      let rows = candidates.filter { $0.partition == index }.map(\.row)
      if rows.isEmpty { continue }
      let batch = try task.artifacts.batch(partition, schema: schema, columns: names)
      batches.append(batch.taking(rows))
      task.progress(rows: batch.rows)
    }
    let sample = Batch.concatenating(batches, schema: kept)
    return TaskOutputs(["sample": [try task.artifacts.publish(sample)]])
  }
}
