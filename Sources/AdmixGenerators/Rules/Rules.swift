import AdmixData
package import AdmixModel
package import AdmixSpec
import Foundation

/// Rows from declared distributions and dependencies: no data is learned from.
package struct Rules: Generator {
  package static let description = GeneratorDescription(
    name: "rules", revision: 2,
    summary: "Rows from declared distributions and the dependencies between columns.",
    fields: [
      .required(
        "columns", .orderedMap(column),
        "The columns in order. Expressions may use any other column, as long as there is no circle."
      )
    ],
    needsLearning: false, conditionsExactly: false,
    cost:
      "About a microsecond for each value; distributions that are inverted by search (gamma, beta, student-t) take ten, von-mises and the noncentral ones a hundred and more.",
    limits:
      "It knows what it is told and nothing else. Rules across columns that are not written as expressions are kept by rejection.",
    sources:
      "Sampling by inversion: L. Devroye, Non-Uniform Random Variate Generation, Springer 1986, chapter II.2."
  )

  /// A declaration: one source of values, and what is done to them.
  private static var column: FieldType {
    let parameter: FieldType = .oneOf([
      .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude), .expression,
    ])
    let distributions = Distribution.all.map { distribution in
      let object: FieldType = .object(
        distribution.parameters.map { item in
          .optional(item.name, parameter, item.summary)
        })
      return Field.optional(
        distribution.name,
        distribution.parameters.count == 1 ? .oneOf([object, parameter]) : object,
        distribution.summary)
    }
    let sources: [Field] = [
      .optional(
        "choice", .oneOf([.map(.number(0...Double.greatestFiniteMagnitude)), .list(.scalar)]),
        "One of these values: a map of values to weights, or a list of equals."),
      .optional("constant", .scalar, "The same value in every row."),
      .optional("expression", .expression, "Computed from other columns."),
      .optional(
        "sequence",
        .object([
          .optional(
            "start", .scalar, "The first number, date or time; 1 unless given."),
          .optional("step", .int(Int64.min...Int64.max), "From row to row; 1 unless given."),
          .optional(
            "unit", .choice(["days", "hours", "minutes", "seconds"]),
            "What the step of dates and times counts; days unless given."),
        ]), "Whole numbers, dates or times at equal steps from row to row: a key, a calendar."),
      .optional("uuid", .object([]), "A UUID of version 8: a key."),
      .optional(
        "pattern",
        .oneOf([
          .object([
            .required("text", .text, "Characters, `[A-Z]` sets, `\\d`, and `{n}` repetitions."),
            .optional("unique", .bool, "No text comes twice."),
          ]), .text,
        ]), "A text of fixed length, such as `[A-Z]{3}-[0-9]{6}`."),
      .optional("date", .oneOf([between, .list(.scalar)]), "Every day between the ends alike."),
      .optional(
        "datetime", .oneOf([between, .list(.scalar)]), "Every moment between the ends alike."),
      .optional(
        "after",
        .object([
          .required("column", .text, "A date or datetime column."),
          .required("gap", .any, "A source of numbers, such as `{gamma: {shape: 2}}`."),
          .optional(
            "unit", .choice(["days", "hours", "minutes", "seconds"]),
            "What the gap counts; days unless given."),
        ]), "Later than another column, by a gap."),
      .optional(
        "when", .list(.any),
        "Branches `{if: condition, then: source}` in order, and `{else: source}` at the end."),
      .optional(
        "given", .any,
        "`{column: name, VALUE: source, …, else: source}`: a source for each value of a column."),
      .optional(
        "mixture",
        .list(
          .object([
            .optional(
              "weight", .number(0...1e12), default: 1,
              "How often, beside the weights of the others."),
            .required("of", .any, "A source of values, such as `{normal: {mean: 3}}`."),
          ])), "For each row one of several sources, by chance."),
    ]
    let modifiers: [Field] = [
      .optional("round", .number(0...Double.greatestFiniteMagnitude), "To multiples of this."),
      .optional(
        "bounds",
        .list(.number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude)),
        "Smallest and largest; a distribution is truncated, not clipped."),
      .optional("missing", .share, "The share of rows without a value."),
      .optional("role", .choice(ColumnRole.allCases.map(\.rawValue)), "What the column is for."),
    ]
    return .oneOf([.object(sources + distributions + modifiers), .list(.scalar), .scalar])
  }

  private static var between: FieldType {
    .object([.required("between", .list(.scalar), "The first and the last, both included.")])
  }

  /// In the order they are made in, and where each of them comes in the table.
  let columns: [RuleColumn]
  private let schema: Schema
  private let json: JSONValue

  package init(_ options: Node, report: inout Diagnostics) {
    var parser = RuleParser()
    parser.read(options["columns"]?.items ?? [], report: &report)
    if parser.columns.isEmpty, !report.hasErrors {
      report.append(
        .error(
          "AX0642", at: options.span, "'rules' declares no column",
          hint: "columns: [{id: {sequence: {}}}, {age: {integer: {low: 18, high: 80}}}]"))
    }
    columns = parser.columns
    let names = options["columns"]?.items.flatMap(\.members).map(\.key) ?? []
    schema = Schema(names.compactMap { parser.schema[$0] })
    json = options["columns"]?.json ?? .null
  }

  package var samplingParameters: JSONValue { ["columns": json] }

  package func schemas(learned: Schema?, report: inout Diagnostics) -> [String: Schema] {
    ["data": schema]
  }

  package func plan(_ request: SamplingRequest) throws -> GenerationPlan {
    var report = Diagnostics()
    for column in columns { column.checkKeys(rows: request.rows ?? 0, report: &report) }
    try report.check()
    return GenerationPlan(tables: [
      .init(name: "data", schema: schema, rows: request.rows ?? 0)
    ])
  }

  package func sampler(_ request: SamplingRequest) throws -> any RowSampler {
    RuleSampler(columns: columns, schema: schema, random: request.random("rules"))
  }
}

extension RuleSampler: RowSampler {
  func sample(_ rows: [Int], of table: String, attempt: Int) throws -> Batch {
    try sample(rows: rows, attempt: UInt32(truncatingIfNeeded: attempt))
  }
}
