import AdmixData
package import AdmixEngine
package import AdmixModel
package import AdmixSpec
import Foundation

/// Changes the columns and rows of a dataset, step by step.
///
/// A stage that has a plugin do it is a `PluginTransform`.
package struct Transform: StageKind {
  package static let description = KindDescription(
    name: "transform", revision: 4,
    summary: "Changes columns and rows, step by step, or has a plugin make one table of several.",
    fields: [
      .optional("from", .edge(.dataset), "The dataset to change; a plugin knows it as `input`."),
      .optional("steps", Operation.field, "What to do, in order."),
      .optional(
        "inputs", .map(.edge(.dataset)),
        "With a plugin, in place of `from`: the datasets it reads, by the names it knows them by."),
      .optional(
        "with", .any,
        "In place of `steps`: a plugin of kind `transform` and its options, as in `{duckdb: {sql: \"SELECT …\"}}`."
      ),
    ],
    outputs: ["data"], usesRandomness: true,
    tasks: [
      .init("rows", "Changes the rows of one partition.", ["from", "steps"]),
      .init(
        "fill-values", "For `fill`: notes what a partition's column holds.", ["from", "steps"]),
      .init("fill-choose", "For `fill`: chooses the value.", ["from", "steps"]),
      .init("dedupe-keys", "For `dedupe`: notes a partition's keys.", ["from", "steps"]),
      .init("dedupe-find", "For `dedupe`: finds what came before.", ["from", "steps"]),
      .init("dedupe-take", "For `dedupe`: keeps the first of each.", ["from", "steps"]),
      .init("sample", "For `sample`: keeps the chosen rows of a partition.", ["from", "steps"]),
      .init("sort-run", "For `sort`: sorts one partition.", ["from", "steps"]),
      .init("sort-cut", "For `sort`: finds where partitions begin.", ["from", "steps"]),
      .init("sort-merge", "For `sort`: merges one partition.", ["from", "steps"]),
      .init(
        PluginTransform.step, "With a plugin: has it make the whole table.",
        ["from", "inputs", "with"]),
    ],
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
    var parameters: JSONValue
  }

  private let steps: [Step]
  private let keys: [String: String]
  var operations: [Operation] { steps.map(\.operation) }

  package init(_ options: OptionValues, report: inout Diagnostics) {
    TransformForm(options).check(&report)
    var keys: [String: String] = [:]
    steps = (options["steps"]?.items ?? []).compactMap { node in
      guard let operation = Operation(node, keys: &keys, report: &report) else { return nil }
      var digest: String?
      if case .pseudonymise(_, let found) = operation { digest = found }
      return Step(
        operation: operation, parameters: Operation.parameters(node, keyDigest: digest))
    }
    self.keys = keys
  }

  package var drawsRandomNumbers: Bool {
    steps.contains { if case .sample = $0.operation { true } else { false } }
  }

  package func schemas(of inputs: [String: Schema], report: inout Diagnostics) -> [String: Schema] {
    guard let input = inputs["from"] else { return [:] }
    var schema = input
    var isKnown = true
    for step in steps {
      isKnown = isKnown && !step.operation.findsCategories(in: schema)
      schema = step.operation.schema(after: schema, report: &report)
    }
    return report.hasErrors || !isKnown ? [:] : ["data": schema]
  }

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    guard let input = stage.inputs["from"] else {
      throw TaskFailure(.error("AX0909", "a transform without a dataset"))
    }
    var data = DerivedDataset(try stage.artifacts.dataset(input))
    var report = Diagnostics()
    _ = steps.reduce(data.manifest.schema) { $1.operation.schema(after: $0, report: &report) }
    try report.check()
    var misfits: [Operation.Misfits] = []
    var filled: [Int: Operation] = [:]
    var index = 0
    while index < steps.count {
      switch steps[index].operation {
      case .dedupe(let names):
        data.take(try await Dedupe.drive(stage, data.manifest, names?.map(\.text)))
      case .sort(let keys):
        data.take(
          try await Sorting.drive(
            stage, data.manifest,
            keys.map { .init(column: $0.column.text, isDescending: $0.isDescending) }))
      case .sample(let amount, let seed):
        data.take(
          try await Sampling.drive(
            stage, data.manifest, amount, salt: "\(index)/sample/\(seed)"))
      case .fill(let fills) where filled[index] == nil && !steps[index].operation.isLocal:
        filled[index] = .fill(try await FillStatistics.drive(stage, data.manifest, fills))
        continue
      default:
        var end = index
        while end < steps.count, steps[end].operation.isLocal || filled[end] != nil {
          end += 1
          // What comes after it has its own tasks, one for each partition that it makes.
          if case .uncount = steps[end - 1].operation { break }
        }
        data.take(try await rows(stage, data.manifest, index..<end, filled, &misfits))
        index = end
        continue
      }
      index += 1
    }
    let lineage = RowLineage(["data": .rows(of: ["from"], by: data.steps)])
    return StageOutputs(
      [
        "data": try stage.artifacts.publish(
          data.manifest, kind: .dataset, rows: data.manifest.rows)
      ], warnings: warnings(misfits),
      rows: try stage.artifacts.publish(lineage, kind: .statistics))
  }

  /// Says how many values a lenient cast made missing.
  private func warnings(_ misfits: [Operation.Misfits]) -> [Diagnostic] {
    steps.enumerated().flatMap { index, step -> [Diagnostic] in
      guard case .cast(let casts) = step.operation else { return [] }
      return casts.compactMap { cast in
        let count = misfits.filter { $0.step == index && $0.column == cast.column.text }
          .reduce(0) { $0 + $1.count }
        guard count > 0 else { return nil }
        return .warning(
          "AX0530", at: cast.column.span,
          "\(count) values of '\(cast.column.text)' are not \(cast.type.rawValue) and became missing",
          cause: "'on-error' is 'missing'")
      }
    }
  }

  private struct RowsResult: Codable {
    var categories: [[String]]
    var misfits: [Operation.Misfits]
  }

  /// Steps that need no more than a row, one task per partition.
  private func rows(
    _ stage: any StageContext, _ manifest: DatasetManifest, _ range: Range<Int>,
    _ filled: [Int: Operation], _ misfits: inout [Operation.Misfits]
  ) async throws -> DerivedDataset {
    var parameters: [String: JSONValue] = [
      "schema": try .init(encoding: manifest.schema.shape),
      "steps": .array(steps[range].map(\.parameters)), "first": JSONValue(range.lowerBound),
    ]
    var operations: [Operation] = []
    for index in range {
      operations.append(filled[index] ?? steps[index].operation)
      guard case .fill(let fills)? = filled[index] else { continue }
      parameters["filled.\(index)"] = .object(
        Dictionary(fills.map { ($0.column.text, $0.value) }) { first, _ in first })
    }
    let results = try await stage.run(
      manifest.partitions.map { partition in
        TaskRequest(
          step: "rows", parameters: .object(parameters), inputs: ["partition": [partition]],
          expectedRows: partition.rows)
      })
    var report = Diagnostics()
    var schema = operations.reduce(manifest.schema) { $1.schema(after: $0, report: &report) }
    // Categories that came about in a partition join those of the others.
    let found = try results.values(RowsResult.self)
    for index in schema.columns.indices where schema.columns[index].type == .category {
      schema.columns[index].categories = found.reduce(schema.columns[index].categories) {
        $1.categories.indices.contains(index)
          ? BlendSchema.united($0, $1.categories[index]) : $0
      }
    }
    misfits += found.flatMap(\.misfits)
    return try DerivedDataset(results, schema: schema)
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    switch task.request.step {
    case "rows": try performRows(task)
    case Dedupe.keysStep: try Dedupe.keys(task)
    case Dedupe.findStep: try Dedupe.find(task)
    case Dedupe.takeStep: try Dedupe.take(task)
    case Sorting.runStep: try Sorting.run(task)
    case Sorting.cutStep: try Sorting.cut(task)
    case Sorting.mergeStep: try Sorting.merge(task)
    case Sampling.step: try Sampling.perform(task)
    case FillStatistics.valuesStep: try FillStatistics.values(task)
    case FillStatistics.chooseStep: try FillStatistics.choose(task)
    default:
      throw TaskFailure(
        .error("AX0901", "stage kind 'transform' has no step '\(task.request.step)'"))
    }
  }

  private func performRows(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = task.request.parameters
    guard let partition = task.request.inputs["partition"]?.first,
      let schema = try parameters["schema"]?.decoded(Schema.self),
      let first = parameters["first"]?.int, let count = parameters["steps"]?.array?.count,
      first >= 0, first + count <= steps.count
    else { throw TaskFailure(.error("AX0909", "a transform was told nothing to do")) }
    var batch = try task.artifacts.batch(partition, shape: schema)
    let whole = batch.rows
    task.progress(rows: whole)
    var misfits: [Operation.Misfits] = []
    var rows: [Int]?
    for index in first..<(first + count) {
      try task.checkCancellation()
      var operation = steps[index].operation
      if case .fill(let fills) = operation, let values = parameters["filled.\(index)"] {
        operation = .fill(fills.map { ($0.column, values[$0.column.text] ?? $0.value) })
      }
      var found: [String: Int] = [:]
      batch = try operation.apply(
        to: batch, key: { keys[$0] }, misfits: &found, rows: &rows)
      misfits += found.sorted { $0.key < $1.key }.map {
        .init(step: index, column: $0.key, count: $0.value)
      }
    }
    let artifacts: [String: [Artifact]]
    if count > 0, case .uncount(let name) = steps[first + count - 1].operation {
      artifacts = try Uncount.publish(batch, rows: rows, of: whole, name, task)
      batch = batch.selecting(batch.schema.names.filter { $0 != name.text }) ?? batch
    } else {
      artifacts = try DerivedDataset.publish(batch, rows: rows, of: whole, task)
    }
    let result = RowsResult(
      categories: batch.schema.columns.map(\.categories), misfits: misfits)
    return TaskOutputs(artifacts, value: try .init(encoding: result))
  }
}
