import AdmixData
import AdmixModel
import AdmixSpec
import Foundation

/// What generators share that make rows from training rows: one pass that notes the rows, a model that holds
/// them, and rows that say of themselves which they are made from.
protocol DonorGenerator: Generator, ColumnTracing {
  var text: TextPolicy { get }

  /// What is found out about the rows once they are all there; kept in the model.
  func facts(_ table: DonorTable, _ learning: LearningContext, _ warnings: inout [Diagnostic])
    throws
    -> Data
  func picker(_ model: DonorModel, _ request: SamplingRequest) throws -> any DonorPicker
  /// For people: a title, a sentence, and figures.
  func report(_ model: DonorModel) throws -> CheckReport
}

extension DonorGenerator {
  package var passes: [String] { ["rows"] }

  package func schemas(learned: Schema?, report: inout Diagnostics) -> [String: Schema] {
    guard let learned else { return [:] }
    return ["data": ColumnPlan(learned, text: text).schema]
  }

  package func statistics(pass: Int, of batch: Batch, learning: LearningContext) throws -> Data {
    var writer = ByteWriter()
    DonorTable(batch, ColumnPlan(learning.schema, text: text)).write(to: &writer)
    return writer.data
  }

  package func combine(pass: Int, _ statistics: StatisticsList, learning: LearningContext) throws
    -> LearningOutcome
  {
    var report = Diagnostics()
    let plan = ColumnPlan(learning.schema, text: text)
    let table = try DonorTable(joining: statistics, span: learning.span, report: &report)
    if table.columns.isEmpty {
      throw Diagnostics([LearningProblem.noColumns(plan.leftOut, learning.span)])
    }
    var warnings = report.items + LearningProblem.notGenerated(plan.leftOut, learning.span)
    let header = DonorModel.Header(
      generator: Self.description.name, schema: plan.schema,
      keys: plan.entries.filter { $0.treatment == .key }.map(\.column.name),
      leftOut: plan.leftOut.map { "\($0.name): \($0.reason)" })
    let facts = try facts(table, learning, &warnings)
    return LearningOutcome(
      try DonorModel(header: header, table: table, facts: facts).encoded(), warnings: warnings)
  }

  package func plan(_ request: SamplingRequest) throws -> GenerationPlan {
    let model = try DonorModel(
      decoding: request.model ?? Data(), of: Self.description.name)
    return GenerationPlan(tables: [
      .init(name: "data", schema: model.header.schema, rows: request.rows ?? model.table.rows)
    ])
  }

  package func sampler(_ request: SamplingRequest) throws -> any RowSampler {
    let model = try DonorModel(
      decoding: request.model ?? Data(), of: Self.description.name)
    return DonorSampler(model, try picker(model, request), request)
  }

  package func explain(model: Data) throws -> CheckReport? {
    try report(DonorModel(decoding: model, of: Self.description.name))
  }

  package func dependencies(of table: String, schema: Schema, learned: Schema?) -> TableDependencies
  {
    learned.map { ColumnPlan($0, text: text).dependencies } ?? TableDependencies(columns: [:])
  }

  /// The column that an option names, or why it cannot be; nil with a report.
  func column(
    _ name: String?, at span: SourceSpan?, in schema: Schema, _ types: [ColumnType],
    as what: String,
    report: inout Diagnostics
  ) -> ColumnSchema? {
    guard let name else { return nil }
    let plan = ColumnPlan(schema, text: text)
    let names = plan.entries.filter { $0.treatment != .key }.map(\.column.name)
    guard names.contains(name), let column = schema[name] else {
      report.append(
        .error(
          "AX0601", at: span, "unknown column '\(name)'",
          cause: schema[name] == nil
            ? "the training data has no such column" : "the generator does not learn this column",
          hint: Spelling.closest(to: name, among: names).map { "did you mean '\($0)'?" }))
      return nil
    }
    guard types.contains(column.type) else {
      report.append(
        .error(
          "AX0653", at: span, "column '\(name)' cannot be \(what)",
          cause:
            "it is \(column.type.rawValue), and \(what) is \(types.map(\.rawValue).joined(separator: ", "))"
        ))
      return nil
    }
    return column
  }
}

/// The texts option that these generators have in common.
enum DonorOptions {
  static let text: Field = .optional(
    "text", .choice(TextPolicy.allCases.map(\.rawValue)), default: "resample",
    "What to do with text columns: `learn` and `resample` take training texts as they are, `leave-out` makes none."
  )

  static func text(_ options: Node) -> TextPolicy {
    options["text"]?.text.flatMap(TextPolicy.init(rawValue:)) ?? .resample
  }
}
