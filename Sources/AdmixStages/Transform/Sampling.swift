import AdmixData
import AdmixEngine
import AdmixModel

/// Draws rows without replacement: those whose place in a keyed permutation of all rows is among the
/// first so many.
///
/// One task per partition, which needs to know no more than where its rows begin.
enum Sampling {
  static let step = "sample"

  /// - Parameter salt: what tells this sample from others of the stage.
  static func drive(
    _ stage: any StageContext, _ manifest: DatasetManifest, _ amount: Operation.Amount,
    salt: String
  ) async throws -> DerivedDataset {
    let total = manifest.rows
    let count =
      switch amount {
      case .rows(let rows): min(rows, total)
      case .share(let share): min(total, Int((share * Double(total)).rounded()))
      }
    if count == total { return DerivedDataset(manifest) }
    let schema = try JSONValue(encoding: manifest.schema.shape)
    let results = try await stage.run(
      zip(manifest.partitions, manifest.offsets).map { partition, first in
        TaskRequest(
          step: step,
          parameters: [
            "schema": schema, "first": JSONValue(first), "total": JSONValue(total),
            "count": JSONValue(count), "seed": .string(String(stage.seed)),
            "salt": .string("\(stage.salt)/\(salt)"),
          ], inputs: ["partition": [partition]], expectedRows: partition.rows)
      })
    return try DerivedDataset(results, schema: manifest.schema)
  }

  static func perform(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = task.request.parameters
    guard let partition = task.request.inputs["partition"]?.first,
      let schema = try parameters["schema"]?.decoded(Schema.self),
      let first = parameters["first"]?.int, let total = parameters["total"]?.int,
      let count = parameters["count"]?.int,
      let seed = parameters["seed"]?.string.flatMap(UInt64.init),
      let salt = parameters["salt"]?.string
    else { throw missingInput(step) }
    let batch = try task.artifacts.batch(partition, shape: schema)
    guard first >= 0, first + batch.rows <= total else { throw missingInput(step) }
    task.progress(rows: batch.rows)
    let order = RandomPermutation(
      count: total, source: RandomSource(seed: seed, salt: salt))
    let kept = (0..<batch.rows).filter { order[first + $0] < count }
    return TaskOutputs(
      try DerivedDataset.publish(batch.taking(kept), rows: kept, of: batch.rows, task))
  }
}
