import AdmixData
package import AdmixEngine
package import AdmixModel
package import AdmixSpec
import Foundation

/// Changes the columns and rows of a dataset, step by step.
package struct Transform: StageKind {
  package static let description = KindDescription(
    name: "transform", revision: 1, summary: "Changes columns and rows, step by step.",
    fields: [
      .required("from", .edge(.dataset), "The dataset to change."),
      .required("steps", Operation.field, "What to do, in order."),
    ],
    outputs: ["data"],
    example: """
      transform:
        from: census
        steps:
          - filter: age >= 18 and country is not null
          - derive: {hourly: income / hours}
          - drop: [income, hours]
      """)

  private struct Step: Sendable {
    var operation: Operation
    var span: SourceSpan
    var parameters: JSONValue
  }

  private let steps: [Step]
  private let keys: [String: String]

  package init(_ options: OptionValues, report: inout Diagnostics) {
    var keys: [String: String] = [:]
    steps = (options["steps"]?.items ?? []).compactMap { node in
      guard let operation = Operation(node, keys: &keys, report: &report) else { return nil }
      var digest: String?
      if case .pseudonymise(_, let found) = operation { digest = found }
      let value = node.members.first?.value
      return Step(
        operation: operation, span: value?.span ?? node.span,
        parameters: Operation.parameters(node, keyDigest: digest))
    }
    self.keys = keys
  }

  package func schemas(of inputs: [String: Schema], report: inout Diagnostics) -> [String: Schema] {
    guard var schema = inputs["from"] else { return [:] }
    for step in steps {
      guard let next = step.operation.schema(after: schema, at: step.span, report: &report) else {
        return [:]
      }
      schema = next
    }
    // Categories that only the data will tell are not known yet.
    return schema.columns.contains { $0.type == .category && $0.categories.isEmpty }
      ? [:] : ["data": schema]
  }

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    guard let input = stage.inputs["from"] else {
      throw TaskFailure(.error("AX0909", "a transform without a dataset"))
    }
    var manifest = try stage.artifacts.dataset(input)
    var report = Diagnostics()
    var schema = manifest.schema
    for step in steps {
      guard let next = step.operation.schema(after: schema, at: step.span, report: &report) else {
        break
      }
      schema = next
    }
    try report.check()
    var index = 0
    while index < steps.count {
      var end = index
      while end < steps.count, steps[end].operation.isLocal { end += 1 }
      if end > index {
        manifest = try await rows(stage, manifest, index..<end)
        index = end
      } else {
        manifest = try await whole(stage, manifest, index)
        index += 1
      }
    }
    return StageOutputs([
      "data": try stage.artifacts.publish(manifest, kind: .dataset, rows: manifest.rows)
    ])
  }

  /// Steps that need no more than a row, one task per partition.
  private func rows(_ stage: any StageContext, _ manifest: DatasetManifest, _ range: Range<Int>)
    async throws -> DatasetManifest
  {
    let parameters = JSONValue.object([
      "schema": try .init(encoding: manifest.schema),
      "steps": .array(steps[range].map(\.parameters)), "first": JSONValue(range.lowerBound),
    ])
    let results = try await stage.run(
      manifest.partitions.map { partition in
        TaskRequest(
          step: "rows", parameters: parameters, inputs: ["partition": [partition]],
          expectedRows: partition.rows)
      })
    var schema = manifest.schema
    var report = Diagnostics()
    for step in steps[range] {
      if let next = step.operation.schema(after: schema, at: step.span, report: &report) {
        schema = next
      }
    }
    // Categories that came about in a partition join those of the others.
    let found = try results.map { try $0.value.decoded([[String]].self) }
    for index in schema.columns.indices where schema.columns[index].type == .category {
      let all = found.reduce(into: Set(schema.columns[index].categories)) { set, lists in
        if lists.indices.contains(index) { set.formUnion(lists[index]) }
      }
      schema.columns[index].categories = all.sorted(by: CategoryIndex.precedes)
    }
    return DatasetManifest(
      schema: schema, partitions: results.flatMap { $0.artifacts["partition"] ?? [] })
  }

  /// A step that has to see everything: one task.
  private func whole(_ stage: any StageContext, _ manifest: DatasetManifest, _ index: Int)
    async throws
    -> DatasetManifest
  {
    let input = try stage.artifacts.publish(manifest, kind: .dataset, rows: manifest.rows)
    let results = try await stage.run([
      TaskRequest(
        step: "whole",
        parameters: .object(["step": steps[index].parameters, "index": JSONValue(index)]),
        inputs: ["dataset": [input]], expectedRows: manifest.rows)
    ])
    guard let result = results.first else { return manifest }
    let schema = try result.value.decoded(Schema.self)
    return DatasetManifest(schema: schema, partitions: result.artifacts["partition"] ?? [])
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    switch task.request.step {
    case "rows":
      guard let partition = task.request.inputs["partition"]?.first,
        let schema = try task.request.parameters["schema"]?.decoded(Schema.self),
        let first = task.request.parameters["first"]?.int,
        let count = task.request.parameters["steps"]?.array?.count, first + count <= steps.count
      else { throw TaskFailure(.error("AX0909", "a transform was told nothing to do")) }
      var batch = try task.artifacts.batch(partition, schema: schema)
      task.progress(rows: batch.rows)
      for step in steps[first..<(first + count)] {
        try task.checkCancellation()
        batch = try step.operation.apply(to: batch, at: step.span) { keys[$0] }
      }
      return TaskOutputs(
        ["partition": try Self.publish(batch, task)],
        value: try .init(encoding: batch.schema.columns.map(\.categories)))
    case "whole":
      guard let input = task.request.inputs["dataset"]?.first,
        let index = task.request.parameters["index"]?.int, steps.indices.contains(index)
      else { throw TaskFailure(.error("AX0909", "a transform was told nothing to do")) }
      return try WholeSteps.perform(
        steps[index].operation, try task.artifacts.dataset(input), task, at: steps[index].span)
    default:
      throw TaskFailure(
        .error("AX0901", "stage kind 'transform' has no step '\(task.request.step)'"))
    }
  }

  /// Rows as partitions of at most the usual size; none where there are none.
  static func publish(_ batch: Batch, _ task: any TaskContext) throws -> [Artifact] {
    try Partitioning.ranges(rows: batch.rows).filter { !$0.isEmpty }.map { range in
      try task.artifacts.publish(range.count == batch.rows ? batch : batch.slice(range))
    }
  }
}
