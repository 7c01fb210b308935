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
      .optional(
        "columns", .orderedMap(column),
        "The columns in order. Expressions may use any other column, as long as there is no circle."
      ),
      .optional("plant", .object(RulePlant.fields), plantSummary),
      .optional(
        "tables", .orderedMap(.object(table)),
        "In place of `columns`: several tables whose rows belong to each other. The first has as many rows as the stage says."
      ),
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
            .optional(
              "check", .choice(RuleCheck.allCases.map(\.rawValue)),
              "Check characters, put where they belong; the text is what they are computed from."),
            .optional("unique", .bool, "No text comes twice."),
          ]), .text,
        ]), "A text of fixed length, such as `[A-Z]{3}-[0-9]{6}`."),
      .optional(
        "identifier",
        .oneOf([
          .object([
            .required(
              "kind", .text,
              RuleIdentifier.all.map {
                "`\($0.name)`" + ($0.summary.isEmpty ? "" : " (\($0.summary))")
              }.joined(separator: ", ") + "."),
            .optional(
              "country", .text,
              "Of an IBAN, DE unless given: "
                + RuleIdentifier.countries.keys.sorted().joined(separator: ", ") + "."),
            .optional("unique", .bool, "None comes twice."),
          ]), .text,
        ]),
        "An identifier that people know, with its check characters; where there is one, of a range that nobody is given."
      ),
      .optional(
        "name", .choice(RuleName.allCases.map(\.rawValue)),
        "A name made of syllables, of no language and nobody's by intention."),
      .optional(
        "date", .oneOf([between(hours: false), .list(.scalar)]),
        "A day between the ends, all alike or by weights."),
      .optional(
        "datetime", .oneOf([between(hours: true), .list(.scalar)]),
        "A moment between the ends, all alike or by weights."),
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
        "arrivals",
        .object([
          .required(
            "after", .text, "A date or datetime column that the first row comes after."),
          .required(
            "gap", .any, "A source of numbers: from each row to the next of the same parent."),
          .optional(
            "unit", .choice(["days", "hours", "minutes", "seconds"]),
            "What the gap counts; days unless given."),
        ]), "In a table with `per`: times that follow each other, the rows of each parent in order."
      ),
      .optional(
        "position", .object([]),
        "In a table with `per`: the number of a row among those of its parent, from 1."),
      .optional(
        "aggregate",
        .object([
          .required(
            "of", .text, "A table that is `per` this one, or a column of it, as `lines.amount`."),
          .optional("by", .choice(RuleColumn.Fold.allCases.map(\.rawValue)), "What is computed."),
        ]), "From the rows of another table that belong to a row: their number, a sum, a mean."),
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

  private static let plantSummary =
    "Rare patterns that are put into rows on purpose, such as fraud, with a column that says where."

  private static var table: [Field] {
    [
      .optional("per", .text, "The table to whose rows these belong; `count` of them to each."),
      .optional(
        "count", column,
        "How many rows belong to a row of that table: a source of numbers, which may use its columns."
      ),
      .optional("rows", .int(0...1 << 40), "How many rows a table has that belongs to no other."),
      .optional(
        "links",
        .map(
          .oneOf([
            .object([
              .required("table", .text, "A table with `rows`."),
              .optional(
                "weight", .text,
                "A column of it: rows are drawn in proportion; all alike unless given."
              ),
            ]), .text,
          ])),
        "Rows of other tables, one for each row by chance: `{product: products}` lets expressions use `product.price`."
      ),
      .required(
        "columns", .orderedMap(column),
        "The columns. Expressions see those of tables that a row belongs to as `customers.id`."),
      .optional("plant", .object(RulePlant.fields), plantSummary),
    ]
  }

  private static func between(hours: Bool) -> FieldType {
    let weights = FieldType.map(.number(0...1e12))
    return .object(
      [.required("between", .list(.scalar), "The first and the last, both included.")]
        + (hours
          ? [
            .optional(
              "hours", weights,
              "Weights of hours of the day, as `{9-17: 5, 18-22: 1}`, both ends included; those not named have that of `else`, 0 unless given."
            )
          ] : [])
        + [
          .optional("weekdays", weights, "Weights of days, as `{mon-fri: 1, sat: 0.3}`."),
          .optional("months", weights, "Weights of months, as `{dec: 3, else: 1}`."),
          .optional("holidays", .list(.scalar), "Days that are never drawn."),
        ])
  }

  /// The one whose rows are asked for first.
  let declared: [RuleTable]
  private let isAlone: Bool
  private let parameters: [String: JSONValue]

  package init(_ options: Node, report: inout Diagnostics) {
    isAlone = options["tables"] == nil
    parameters = Dictionary(
      ["columns", "tables", "plant"].compactMap { name in options[name].map { (name, $0.json) } }
    ) { $1 }
    if let tables = options["tables"] {
      if let columns = options["columns"] ?? options["plant"] {
        report.append(
          .error(
            "AX0680", at: columns.span, "'tables' have columns and what is planted of their own",
            hint: "move this into a table"))
      }
      if tables.items.isEmpty {
        report.append(
          .error(
            "AX0642", at: tables.span, "'rules' declares no table",
            hint: "tables: [{customers: {columns: [{id: {sequence: {}}}]}}]"))
      }
      declared = RuleReader.read(tables, report: &report)
      return
    }
    var parser = RuleParser()
    let (columns, hidden) = RulePlant.columns(
      options["columns"]?.items.flatMap(\.members) ?? [], options["plant"], report: &report)
    parser.read(columns, report: &report)
    if parser.columns.isEmpty, !report.hasErrors {
      report.append(
        .error(
          "AX0642", at: options.span, "'rules' declares no column",
          hint: "columns: [{id: {sequence: {}}}, {age: {integer: {low: 18, high: 80}}}]"))
    }
    let names = columns.map(\.key).filter { !hidden.contains($0) }
    declared = [
      RuleTable(
        name: "data", span: options.span, columns: parser.columns,
        schema: Schema(names.compactMap { parser.schema[$0] }))
    ]
  }

  package var samplingParameters: JSONValue { .object(parameters) }
  /// A row of one table stands in rows of others, which would not know of another draw.
  package var drawsRowsAgain: Bool { isAlone }
  package var tables: [String] { declared.isEmpty ? ["data"] : declared.map(\.name) }

  package func schemas(learned: Schema?, report: inout Diagnostics) -> [String: Schema] {
    Dictionary(declared.filter { !$0.schema.columns.isEmpty }.map { ($0.name, $0.schema) }) { $1 }
  }

  package func plan(_ request: SamplingRequest) throws -> GenerationPlan {
    let sampler = prepared(request)
    var report = Diagnostics()
    var rows: [Int: Int] = [:]
    func count(_ index: Int) throws -> Int {
      if let known = rows[index] { return known }
      let table = declared[index]
      let number =
        if let parent = table.parent {
          try sampler.total(of: index, parents: count(parent))
        } else { table.rows ?? request.rows ?? 0 }
      rows[index] = number
      return number
    }
    let tables = try declared.indices.map { index in
      let table = declared[index]
      let number = try count(index)
      for column in table.columns { column.checkKeys(rows: number, report: &report) }
      return GenerationPlan.Table(name: table.name, schema: table.schema, rows: number)
    }
    try report.check()
    return GenerationPlan(tables: tables)
  }

  package func sampler(_ request: SamplingRequest) throws -> any RowSampler { prepared(request) }

  private func prepared(_ request: SamplingRequest) -> RuleSampler {
    RuleSampler(
      declared,
      randoms: declared.map { request.random(isAlone ? "rules" : "rules\u{0}\($0.name)") })
  }
}

extension RuleSampler: RowSampler {
  func sample(_ rows: [Int], of table: String, attempt: Int) throws -> Batch {
    guard let index = tables.firstIndex(where: { $0.name == table }) else {
      throw Diagnostic.error("AX0913", "rows of an unknown table were asked for")
    }
    let schema = tables[index].schema
    let made = try make(
      index, rows: rows, attempt: UInt32(truncatingIfNeeded: attempt), wanted: Set(schema.names))
    return Batch(
      schema: schema, columns: schema.names.compactMap { made[$0] }, rows: rows.count)
  }
}
