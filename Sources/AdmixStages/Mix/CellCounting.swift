import AdmixData
import AdmixEngine
import AdmixModel

/// The step that counts the rows of one partition by cell; `mix` and `split` share it.
enum CellCounting {
  static let step = "count"
  /// More cells than this are refused: the columns name rows rather than groups.
  static let most = 100_000

  /// - Parameter schema: the columns that make the cells, and no others, so that a change elsewhere
  ///   in the dataset is no reason to count again.
  static func requests(_ dataset: DatasetManifest, schema: Schema) throws -> [TaskRequest] {
    let parameters = JSONValue.object(["schema": try json(schema.shape)])
    return dataset.partitions.map {
      TaskRequest(
        step: step, parameters: parameters, inputs: ["rows": [$0]], expectedRows: $0.rows)
    }
  }

  static func perform(_ task: any TaskContext) throws -> TaskOutputs {
    let schema = try decoded(Schema.self, task.request.parameters["schema"])
    guard let partition = task.request.inputs["rows"]?.first else {
      throw missingInput(task.request.step)
    }
    let batch = try task.artifacts.batch(partition, shape: schema)
    let cells = RowCells(batch, columns: schema.names)
    let sorted = zip(cells.keys, cells.counts).sorted { $0.0 < $1.0 }
    task.progress(rows: batch.rows)
    let table = Table(keys: sorted.map(\.0), counts: sorted.map(\.1))
    return TaskOutputs(["counts": [try task.artifacts.publish(table, kind: .statistics)]])
  }

  static func counts(_ outputs: TaskOutputs, _ artifacts: any ArtifactAccess) throws
    -> (keys: [CellKey], counts: [Int])
  {
    guard let artifact = outputs.artifacts["counts"]?.first else { throw missingInput(step) }
    let table = try artifacts.decode(Table.self, from: artifact)
    return (table.keys, table.counts)
  }

  private struct Table: Codable {
    var keys: [CellKey]
    var counts: [Int]
  }
}

/// A value in the form that task parameters have.
func json(_ value: some Encodable) throws -> JSONValue {
  try CanonicalJSON.decode(JSONValue.self, from: CanonicalJSON.encode(value))
}

func decoded<Value: Decodable>(_ type: Value.Type, _ json: JSONValue?) throws -> Value {
  try CanonicalJSON.decode(type, from: CanonicalJSON.encode(json ?? .null))
}

/// Requests come from our own drivers, so a missing input is a mistake of ours or a damaged store.
func missingInput(_ step: String) -> TaskFailure {
  TaskFailure(.error("AX0901", "a task of step '\(step)' came without its inputs"))
}
