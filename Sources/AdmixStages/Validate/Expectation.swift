import AdmixData
import AdmixExpression
import AdmixModel
import AdmixSpec

/// Something that is expected of a dataset: a check of one column, of rows, or of the whole.
struct Expectation: Sendable {
  enum Check: Sendable {
    /// Holds or does not hold in each row.
    case rows(RowRule)
    case unique
    case increasing(strictly: Bool)
    /// Every value occurs in a column of another dataset.
    case references(column: String)
    case type(ColumnType)
    case figure(Figure, Bounds)
  }

  enum RowRule: Sendable {
    case notNull
    case between(Node, Node)
    case member([Node], wanted: Bool)
    case matches(String)
    case length(Bounds)
    case expression(String)
  }

  enum Figure: String, Sendable, CaseIterable {
    case min, max, mean, sum, sd, median, distinct
    case nullShare = "null-share"
    case rowCount = "row-count"

    /// A single number stands for itself only where it is a count.
    var isCount: Bool { self == .distinct || self == .rowCount }
  }

  /// Both ends belong to it; an end that is absent is open.
  struct Bounds: Sendable {
    var low: Double?
    var high: Double?

    func contains(_ value: Double) -> Bool {
      value >= low ?? -.infinity && value <= high ?? .infinity
    }
  }

  var index: Int
  /// One for most checks, several for `unique`, none for the whole.
  var columns: [String]
  var columnSpans: [SourceSpan]
  var check: Check
  /// The share of the checked rows in which it has to hold.
  var mostly: Double
  /// A condition that picks the rows it is about.
  var scope: Node?
  var action: GateResult.Action
  /// The entry as data.
  var source: JSONValue
  /// How people wrote it, in one line.
  var rule: String
  var span: SourceSpan
  /// Where the check itself stands.
  var checkSpan: SourceSpan

  /// The role of the edge to the dataset it refers to.
  var edgeRole: String { "expect.\(index).references.dataset" }
}

extension Expectation {
  private static let range = FieldType.object([
    .required(
      "between", .list(.scalar), "The least and the greatest allowed; null leaves an end open.")
  ])
  private static let rangeOrCount = FieldType.oneOf([.count, range])

  static let fields: [Field] = [
    .optional("column", .column, "The column it is about."),
    .optional("columns", .list(.column), "Several columns, for `unique`."),
    .optional("not-null", .bool, "No value is missing."),
    .optional("unique", .bool, "No value, or combination of values, occurs twice."),
    .optional("between", .list(.scalar), "Values lie between two numbers or dates, both included."),
    .optional("in", .list(.scalar), "Values are among these."),
    .optional("not-in", .list(.scalar), "Values are none of these."),
    .optional(
      "matches", .text, "Whole texts fit this regular expression, as with the function `matches`."),
    .optional("length", rangeOrCount, "Texts have this many characters."),
    .optional("type", .choice(ColumnType.allCases.map(\.rawValue)), "The column is of this type."),
    .optional("distinct", rangeOrCount, "How many different values there are."),
    .optional("min", range, "The least value."),
    .optional("max", range, "The greatest value."),
    .optional("mean", range, "The mean."),
    .optional("sum", range, "The sum."),
    .optional("sd", range, "The standard deviation, with n − 1."),
    .optional("median", range, "The median."),
    .optional("null-share", range, "The share of missing values."),
    .optional("row-count", rangeOrCount, "How many rows there are."),
    .optional(
      "references",
      .object([
        .required("dataset", .edge(.dataset), "The dataset that holds the keys."),
        .required("column", .column, "The column of keys there."),
      ]), "Every value occurs in a column of another dataset."),
    .optional(
      "increasing", .oneOf([.bool, .choice(["strictly"])]),
      "Values rise from row to row; `true` allows equal neighbours."),
    .optional("expression", .expression, "A condition that holds in every row."),
    .optional("mostly", .share, "The share of the rows with a value in which it has to hold."),
    .optional("where", .expression, "Only these rows are checked."),
    .optional("severity", .choice(["error", "warn"]), "Whether a failure stops what comes after."),
  ]

  private static let modifiers: Set<String> = ["column", "columns", "mostly", "where", "severity"]

  init?(_ node: Node, index: Int, report: inout Diagnostics) {
    let checks = node.members.filter { !Self.modifiers.contains($0.key) }
    let names = Self.fields.map(\.name).filter { !Self.modifiers.contains($0) }
    guard let check = checks.first else {
      report.append(
        .error(
          "AX0750", at: node.span, "the expectation says nothing",
          cause: "each has one of \(names.joined(separator: ", "))"))
      return nil
    }
    if checks.count > 1 {
      report.append(
        .error(
          "AX0751", at: checks[1].keySpan,
          "'\(check.key)' and '\(checks[1].key)' stand in one expectation",
          cause: "each expectation is one check, with a result of its own",
          hint: "give '\(checks[1].key)' an entry of its own"))
      return nil
    }
    self.index = index
    source = node.json
    span = node.span
    checkSpan = check.key == "expression" ? check.value.span : check.keySpan
    let column = node["column"]?.text
    let several = node["columns"]?.items.compactMap(\.text)
    columns = several ?? column.map { [$0] } ?? []
    columnSpans = node["columns"]?.items.map(\.span) ?? node["column"].map { [$0.span] } ?? []
    mostly = node["mostly"]?.double ?? 1
    scope = node["where"]
    action = node["severity"]?.text == "warn" ? .warn : .fail
    let about = columns.joined(separator: ", ")
    let value = check.value.json.text.replacing("\"", with: "")
    rule =
      (about.isEmpty ? "" : "\(about): ") + "\(check.key) \(value)"
      + (mostly < 1 ? ", mostly \(mostly)" : "")
      + (scope?.text.map { ", where \($0)" } ?? "")
    guard let parsed = Self.check(check, report: &report) else { return nil }
    self.check = parsed
    if !fits(check, several: node["columns"], report: &report) { return nil }
  }

  private static func check(_ member: Node.Member, report: inout Diagnostics) -> Check? {
    let value = member.value
    if let figure = Figure(rawValue: member.key) {
      return bounds(value, member, report: &report).map { .figure(figure, $0) }
    }
    switch member.key {
    case "not-null", "unique", "increasing":
      guard value.bool != false else {
        report.append(
          .error(
            "AX0752", at: value.span, "'\(member.key): false' expects nothing",
            hint: "remove it"))
        return nil
      }
      if member.key == "increasing" { return .increasing(strictly: value.text == "strictly") }
      return member.key == "unique" ? .unique : .rows(.notNull)
    case "between":
      guard value.items.count == 2 else { return wrongRange(value, member, report: &report) }
      if value.items.allSatisfy({ $0.value == .null }) || value.items.contains(where: isNaN) {
        return wrongRange(value, member, report: &report)
      }
      return .rows(.between(value.items[0], value.items[1]))
    case "in", "not-in":
      guard !value.items.isEmpty else {
        report.append(.error("AX0752", at: value.span, "'\(member.key)' lists nothing"))
        return nil
      }
      return .rows(.member(value.items, wanted: member.key == "in"))
    case "matches": return .rows(.matches(value.text ?? ""))
    case "length": return bounds(value, member, report: &report).map { .rows(.length($0)) }
    case "type": return value.text.flatMap(ColumnType.init(rawValue:)).map { .type($0) }
    case "references": return .references(column: value["column"]?.text ?? "")
    case "expression": return .rows(.expression(value.text ?? ""))
    default: return nil
    }
  }

  private static func bounds(_ value: Node, _ member: Node.Member, report: inout Diagnostics)
    -> Bounds?
  {
    if let number = value.double { return Bounds(low: number, high: number) }
    guard let ends = value["between"]?.items, ends.count == 2,
      ends.allSatisfy({ $0.value == .null || $0.double != nil }),
      !ends.allSatisfy({ $0.value == .null }), !ends.contains(where: isNaN)
    else {
      _ = wrongRange(value["between"] ?? value, member, report: &report)
      return nil
    }
    let bounds = Bounds(low: ends[0].double, high: ends[1].double)
    if let low = bounds.low, let high = bounds.high, low > high {
      report.append(
        .error(
          "AX0753", at: value["between"]?.span ?? value.span,
          "'\(member.key)' lies between \(low) and \(high), which is nothing",
          hint: "write the smaller number first"))
      return nil
    }
    return bounds
  }

  private static func wrongRange(
    _ value: Node, _ member: Node.Member, report: inout Diagnostics
  ) -> Check? {
    report.append(
      .error(
        "AX0753", at: value.items.first(where: isNaN)?.span ?? value.span,
        value.items.contains(where: isNaN)
          ? "an end of '\(member.key)' is not a number" : "'\(member.key)' needs two ends",
        hint: "write '[0, 100]', or '[0, null]' for no upper end"))
    return nil
  }

  private static func isNaN(_ node: Node) -> Bool { node.double?.isNaN == true }

  private func fits(_ member: Node.Member, several: Node?, report: inout Diagnostics) -> Bool {
    if case .unique = check {
    } else if let several {
      report.append(
        .error(
          "AX0754", at: several.span, "'\(member.key)' is about one column, not several",
          hint: "write 'column:', with an expectation for each"))
      return false
    }
    let needsColumn =
      switch check {
      case .rows(.expression), .figure(.rowCount, _): false
      default: true
      }
    if needsColumn != !columns.isEmpty {
      report.append(
        .error(
          "AX0754", at: needsColumn ? member.keySpan : span,
          needsColumn
            ? "'\(member.key)' does not say which column it is about"
            : "'\(member.key)' is about whole rows, not about '\(columns[0])'",
          hint: needsColumn ? "add 'column:'" : "remove 'column:'"))
      return false
    }
    if mostly < 1 {
      switch check {
      case .figure, .type:
        report.append(
          .error(
            "AX0755", at: span, "'mostly' means nothing for '\(member.key)'",
            cause: "it is one figure, not a check of each row", hint: "remove 'mostly'"))
        return false
      default: break
      }
    }
    return true
  }
}

extension Expectation {
  /// Reports what does not fit the dataset.
  func check(against schema: Schema, report: inout Diagnostics) {
    for (index, name) in columns.enumerated() where schema[name] == nil {
      report.append(
        Self.unknown(
          name, schema, at: columnSpans.indices.contains(index) ? columnSpans[index] : span))
    }
    if columns.contains(where: { schema[$0] == nil }) { return }
    if let scope { _ = condition(scope.text ?? "", at: scope.span, schema, report: &report) }
    let type = columns.first.flatMap { schema[$0]?.type }
    switch check {
    case .rows: _ = rowExpression(schema, report: &report)
    case .increasing where type?.isContinuous == false:
      mismatch("increasing", "numbers or dates", type, report: &report)
    case .figure(let figure, _):
      switch figure {
      case .mean, .sum, .sd, .min, .max, .median:
        if type != .int && type != .double {
          mismatch(figure.rawValue, "numbers", type, report: &report)
        }
      default: break
      }
    default: break
    }
  }

  private func mismatch(
    _ check: String, _ wanted: String, _ type: ColumnType?, report: inout Diagnostics
  ) {
    report.append(
      .error(
        "AX0757", at: checkSpan,
        "'\(check)' needs \(wanted), and '\(columns.first ?? "")' is of type \(type?.rawValue ?? "nothing")"
      ))
  }

  static func unknown(_ name: String, _ schema: Schema, at span: SourceSpan) -> Diagnostic {
    .error(
      "AX0756", at: span, "there is no column '\(name)'",
      cause: "the dataset has \(schema.names.prefix(12).joined(separator: ", "))"
        + (schema.names.count > 12 ? " and \(schema.names.count - 12) more" : ""),
      hint: Spelling.closest(to: name, among: schema.names).map { "did you mean '\($0)'?" })
  }

  /// A condition as the user wrote it.
  func condition(_ text: String, at span: SourceSpan, _ schema: Schema, report: inout Diagnostics)
    -> ColumnExpression?
  {
    guard let expression = ColumnExpression(text, at: span, schema: schema, report: &report) else {
      return nil
    }
    guard expression.type == .bool else {
      report.append(
        .error(
          "AX0758", at: span, "'\(text)' is of type \(expression.type.rawValue), not true or false",
          hint: "compare it with something: '\(text) > 0'"))
      return nil
    }
    return expression
  }

  /// The check of each row as an expression: true, false, or missing where there is nothing to check.
  func rowExpression(_ schema: Schema, report: inout Diagnostics) -> ColumnExpression? {
    guard case .rows(let rule) = check else { return nil }
    if case .expression(let text) = rule {
      return condition(text, at: checkSpan, schema, report: &report)
    }
    guard let name = columns.first, let type = schema[name]?.type else { return nil }
    let column = Expression.name(name, span)
    let tree: Expression
    switch rule {
    case .notNull: tree = .unary(.isNotNull, column, span)
    case .between(let low, let high):
      tree = Self.both(
        low.value == .null
          ? nil : .binary(.greaterOrEqual, column, Self.literal(low, type), span),
        high.value == .null ? nil : .binary(.lessOrEqual, column, Self.literal(high, type), span),
        span)
    case .member(let items, let wanted):
      tree = .binary(
        wanted ? .isIn : .isNotIn, column, .list(items.map { Self.literal($0, type) }, span), span)
    case .matches(let pattern):
      tree = .call("matches", [column, .text(pattern, span)], span)
    case .length(let bounds):
      let length = Expression.call("length", [column], span)
      tree = Self.both(
        bounds.low.map { .binary(.greaterOrEqual, length, .double($0, span), span) },
        bounds.high.map { .binary(.lessOrEqual, length, .double($0, span), span) }, span)
    case .expression: return nil
    }
    // The tree as it is: printed and read again, an infinite end would be a column called 'inf'.
    var inner = Diagnostics()
    let expression = ColumnExpression(tree, at: checkSpan, schema: schema, report: &inner)
    for var item in inner.items {
      item.span = checkSpan
      report.append(item)
    }
    return expression
  }

  private static func both(_ a: Expression?, _ b: Expression?, _ span: SourceSpan) -> Expression {
    switch (a, b) {
    case (let a?, let b?): .binary(.and, a, b, span)
    case (let one?, nil), (nil, let one?): one
    case (nil, nil): .bool(true, span)
    }
  }

  private static func literal(_ node: Node, _ type: ColumnType) -> Expression {
    switch type {
    // `in: [1, 2]` for a column of texts means the letters.
    case .text, .category, .date, .datetime:
      .text(node.text ?? node.source ?? node.json.text, node.span)
    default:
      switch node.value {
      case .int(let value): .int(value, node.span)
      case .double(let value): .double(value, node.span)
      case .bool(let value): .bool(value, node.span)
      case .null: .null(node.span)
      default: .text(node.text ?? "", node.span)
      }
    }
  }
}
