package import AdmixExpression
package import AdmixModel

/// An expression over the columns of a schema: its types are checked once, then it is evaluated
/// column by column.
///
/// Missing values: arithmetic, comparisons and functions of a missing value are missing; `and`, `or`
/// and `not` follow Kleene; `is null` and `coalesce` see it. Division by zero and functions outside
/// their range are missing; `x in [..]` is missing where `x` is, and a `null` in the list fits nothing.
/// Whole-number overflow is an error that names the row. Texts are compared, searched and ordered by
/// their UTF-8 bytes; whole numbers and fractions exactly; dates beside times as midnight.
package struct ColumnExpression: Sendable {
  /// The type of the result; texts come as `text`, also where they began as categories.
  package let type: ColumnType
  /// The columns it reads, in the order of their first use.
  package let columns: [String]
  /// The checked tree, for those who evaluate it another way than over columns.
  package let root: TypedExpression

  /// - Parameter span: where the text stands; problems are reported inside it.
  package init?(
    _ text: String, at span: SourceSpan, schema: Schema, report: inout Diagnostics
  ) {
    guard let expression = Expression.parse(text, at: span, report: &report) else { return nil }
    self.init(expression, at: span, schema: schema, report: &report)
  }

  /// An expression that was made rather than read; its problems are reported where its parts stand.
  package init?(
    _ expression: Expression, at span: SourceSpan, schema: Schema, report: inout Diagnostics
  ) {
    var checker = TypeChecker(schema: schema)
    guard let root = checker.check(expression) else {
      report.append(contentsOf: checker.report)
      return nil
    }
    guard let type = root.type else {
      report.append(.error("AX0510", at: span, "the expression is always missing"))
      return nil
    }
    self.root = root
    self.type = type == .category ? .text : type
    columns = checker.columns
  }

  /// The values for every row of a batch that has the columns.
  package func evaluate(_ batch: Batch) throws -> Column {
    try ColumnEvaluator(batch: batch).vector(root).column(batch.rows)
  }

  /// Which rows a condition holds for; where it is missing it does not hold.
  package func mask(_ batch: Batch) throws -> Bitmap {
    let vector = try ColumnEvaluator(batch: batch).vector(root)
    let values = vector.bools
    guard values.count == batch.rows else {
      throw Diagnostic.error("AX0511", at: root.span, "the condition is neither true nor false")
    }
    let valid = vector.valid
    return Bitmap(count: batch.rows) { values[$0] && valid?[$0] != false }
  }
}

/// An expression whose types are known to fit.
package struct TypedExpression: Sendable {
  package indirect enum Kind: Sendable {
    case constant(Scalar)
    case dateConstant(Int32)
    case datetimeConstant(Int64)
    case column(String)
    case not(TypedExpression)
    case negate(TypedExpression)
    case isNull(TypedExpression, negated: Bool)
    case logic(isOr: Bool, TypedExpression, TypedExpression)
    case compare(Expression.BinaryOperator, TypedExpression, TypedExpression)
    case membership(TypedExpression, [TypedExpression], negated: Bool)
    case arithmetic(Expression.BinaryOperator, TypedExpression, TypedExpression)
    case concat([TypedExpression])
    case call(String, [TypedExpression])
  }

  package var kind: Kind
  /// Nil for the literal `null`, which fits anywhere.
  package var type: ColumnType?
  package var span: SourceSpan

  /// Whether it is a written `null`, or computed from one by something that is missing where an operand
  /// is.
  var isAlwaysMissing: Bool {
    if type == nil { return true }
    switch kind {
    case .negate(let operand): return operand.type == nil
    case .compare(_, let a, let b), .arithmetic(_, let a, let b):
      return a.type == nil || b.type == nil
    case .membership(let value, _, _): return value.type == nil
    case .concat(let parts): return parts.contains { $0.type == nil }
    case .call("if", _), .call("coalesce", _): return false
    case .call(_, let arguments): return arguments.contains { $0.type == nil }
    default: return false
    }
  }
}

private struct TypeChecker {
  let schema: Schema
  var report = Diagnostics()
  var columns: [String] = []

  init(schema: Schema) { self.schema = schema }

  private func noun(_ type: ColumnType?) -> String {
    switch type {
    case .bool: "true or false"
    case .int, .double: "a number"
    case .text: "a text"
    case .category: "a category"
    case .date: "a date"
    case .datetime: "a date with time"
    case nil: "null"
    }
  }

  private mutating func fail(_ fact: String, _ span: SourceSpan, hint: String? = nil)
    -> TypedExpression?
  {
    report.append(.error("AX0510", at: span, fact, hint: hint))
    return nil
  }

  private func isNumber(_ type: ColumnType?) -> Bool {
    type == .int || type == .double || type == nil
  }
  private func isText(_ type: ColumnType?) -> Bool {
    type == .text || type == .category || type == nil
  }
  private func isTime(_ type: ColumnType?) -> Bool { type == .date || type == .datetime }

  mutating func check(_ expression: Expression) -> TypedExpression? {
    let span = expression.span
    func typed(_ kind: TypedExpression.Kind, _ type: ColumnType?) -> TypedExpression {
      TypedExpression(kind: kind, type: type, span: span)
    }
    switch expression {
    case .null: return typed(.constant(.null), nil)
    case .bool(let value, _): return typed(.constant(.bool(value)), .bool)
    case .int(let value, _): return typed(.constant(.int(value)), .int)
    case .double(let value, _): return typed(.constant(.double(value)), .double)
    case .text(let value, _): return typed(.constant(.text(value)), .text)
    case .list: return fail("a list stands only after 'in'", span)
    case .name, .member:
      guard let name = expression.memberPath else { return fail("only names have members", span) }
      guard let column = schema[name] else {
        report.append(
          .error(
            "AX0512", at: span, "there is no column '\(name)'",
            hint: Spelling.closest(to: name, among: schema.names).map { "did you mean '\($0)'?" }
              ?? (name.contains("-") ? "a subtraction needs blanks around '-'" : nil)))
        return nil
      }
      if !columns.contains(name) { columns.append(name) }
      return typed(.column(name), column.type)
    case .unary(let name, let operand, _):
      guard let value = check(operand) else { return nil }
      switch name {
      case .isNull, .isNotNull: return typed(.isNull(value, negated: name == .isNotNull), .bool)
      case .not:
        guard value.type == .bool || value.type == nil else {
          return fail("'not' needs true or false, not \(noun(value.type))", span)
        }
        return typed(.not(value), .bool)
      case .negate:
        guard isNumber(value.type) else {
          return fail("'-' needs a number, not \(noun(value.type))", span)
        }
        return typed(.negate(value), value.type ?? .int)
      }
    case .binary(let name, let left, let right, _):
      return binary(name, left, right, span)
    case .call(let name, let arguments, _):
      return call(name, arguments, span)
    }
  }

  private mutating func binary(
    _ name: Expression.BinaryOperator, _ left: Expression, _ right: Expression, _ span: SourceSpan
  ) -> TypedExpression? {
    if name == .isIn || name == .isNotIn {
      guard case .list(let items, _) = right else {
        return fail("a list is expected after 'in'", span)
      }
      let checked = check(left)
      let members = items.map { check($0) }
      guard var value = checked else { return nil }
      // A text beside a date is a date for every member, wherever in the list that date stands.
      if let time = members.lazy.compactMap({ $0 }).first(where: { isTime($0.type) }) {
        guard let pair = comparable(value, time, span) else { return nil }
        value = pair.0
      }
      var fitted: [TypedExpression] = []
      for member in members {
        guard let member, let pair = comparable(value, member, span) else { return nil }
        fitted.append(pair.1)
      }
      return TypedExpression(
        kind: .membership(value, fitted, negated: name == .isNotIn), type: .bool, span: span)
    }
    let checkedLeft = check(left)
    let checkedRight = check(right)
    guard let a = checkedLeft, let b = checkedRight else { return nil }
    switch name {
    case .and, .or:
      guard a.type == .bool || a.type == nil, b.type == .bool || b.type == nil else {
        return fail(
          "'\(name.rawValue)' joins true and false, not \(noun(a.type)) and \(noun(b.type))", span)
      }
      return TypedExpression(kind: .logic(isOr: name == .or, a, b), type: .bool, span: span)
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual:
      guard let pair = comparable(a, b, span) else { return nil }
      return TypedExpression(kind: .compare(name, pair.0, pair.1), type: .bool, span: span)
    default:
      if name == .add, isText(a.type), isText(b.type), a.type != nil || b.type != nil {
        return TypedExpression(kind: .concat([a, b]), type: .text, span: span)
      }
      if a.type == .date, isNumber(b.type), b.type == .int, name == .add || name == .subtract {
        return TypedExpression(kind: .arithmetic(name, a, b), type: .date, span: span)
      }
      if a.type == .date, b.type == .date, name == .subtract {
        return TypedExpression(kind: .call("days_between", [b, a]), type: .int, span: span)
      }
      guard isNumber(a.type), isNumber(b.type) else {
        return fail(
          "'\(name.rawValue)' needs numbers, not \(noun(a.type)) and \(noun(b.type))", span)
      }
      let isWhole =
        (a.type ?? .int) == .int && (b.type ?? .int) == .int && name != .divide && name != .power
      return TypedExpression(
        kind: .arithmetic(name, a, b), type: isWhole ? .int : .double, span: span)
    }
  }

  /// Both sides as something that compares; texts beside dates become dates.
  private mutating func comparable(_ a: TypedExpression, _ b: TypedExpression, _ span: SourceSpan)
    -> (TypedExpression, TypedExpression)?
  {
    if isTime(a.type), case .constant(.text(let text)) = b.kind {
      guard let moment = moment(text, like: a.type, b.span) else { return nil }
      return (a, moment)
    }
    if isTime(b.type), case .constant(.text(let text)) = a.kind {
      guard let moment = moment(text, like: b.type, a.span) else { return nil }
      return (moment, b)
    }
    let fits =
      a.type == nil || b.type == nil || isNumber(a.type) && isNumber(b.type)
      || isText(a.type) && isText(b.type) || isTime(a.type) && isTime(b.type)
      || a.type == .bool && b.type == .bool
    guard fits else {
      _ = fail("\(noun(a.type)) and \(noun(b.type)) cannot be compared", span)
      return nil
    }
    return (a, b)
  }

  private mutating func moment(_ text: String, like type: ColumnType?, _ span: SourceSpan)
    -> TypedExpression?
  {
    if type == .date, let days = CivilDate.days(text) {
      return TypedExpression(kind: .dateConstant(days), type: .date, span: span)
    }
    if let microseconds = CivilDate.microseconds(text) {
      return TypedExpression(kind: .datetimeConstant(microseconds), type: .datetime, span: span)
    }
    return fail("'\(text)' is not a date", span, hint: "write it as '2024-12-31'")
  }

  private mutating func call(_ name: String, _ arguments: [Expression], _ span: SourceSpan)
    -> TypedExpression?
  {
    guard let function = FunctionCatalog.byName[name] else {
      report.append(FunctionCatalog.unknown(name, at: span))
      return nil
    }
    let checked = arguments.map { check($0) }
    let values = checked.compactMap { $0 }
    guard values.count == checked.count else { return nil }
    guard function.arguments.contains(values.count) else {
      return fail("'\(name)' is written \(function.signature)", span)
    }
    func made(_ type: ColumnType?) -> TypedExpression {
      TypedExpression(kind: .call(name, values), type: type, span: span)
    }
    let types = values.map(\.type)
    switch name {
    case "abs", "ceil", "exp", "floor", "log", "max", "min", "round", "sigmoid", "sqrt":
      for value in values where !isNumber(value.type) {
        return fail("'\(name)' needs numbers, not \(noun(value.type))", value.span)
      }
      let keepsWhole = ["abs", "max", "min"].contains(name)
      let isRounding = ["ceil", "floor"].contains(name) || name == "round" && values.count == 1
      if isRounding { return made(.int) }
      return made(keepsWhole && types.allSatisfy { ($0 ?? .int) == .int } ? .int : .double)
    case "concat", "contains", "ends_with", "length", "lower", "matches", "replace", "starts_with",
      "trim", "upper":
      for value in values where !isText(value.type) {
        return fail(
          "'\(name)' needs texts, not \(noun(value.type))", value.span, hint: "text(…) makes one")
      }
      if name == "matches" {
        guard case .constant(.text(let pattern)) = values[1].kind else {
          return fail("the pattern is written out, not computed", values[1].span)
        }
        if (try? Regex<AnyRegexOutput>(pattern)) == nil {
          return fail("the pattern is not a regular expression", values[1].span)
        }
      }
      if name == "length" { return made(.int) }
      return made(
        ["contains", "ends_with", "matches", "starts_with"].contains(name) ? .bool : .text)
    case "day", "month", "weekday", "year", "hour":
      guard isTime(types[0]), name != "hour" || types[0] == .datetime else {
        return fail(
          "'\(name)' needs a date\(name == "hour" ? " with time" : ""), not \(noun(types[0]))", span
        )
      }
      return made(.int)
    case "days_between":
      guard types.allSatisfy(isTime) else {
        return fail("'days_between' needs two dates", span)
      }
      return made(.int)
    case "date":
      if isTime(types[0]) { return made(.date) }
      guard isText(types[0]) else {
        return fail("'date' needs a text, not \(noun(types[0]))", span)
      }
      return made(.date)
    case "int": return made(.int)
    case "double": return made(.double)
    case "text": return made(.text)
    case "if", "coalesce":
      if name == "if", types[0] != .bool, types[0] != nil {
        return fail("'if' decides by true or false, not \(noun(types[0]))", values[0].span)
      }
      let branches = name == "if" ? Array(types.dropFirst()) : types
      let known = branches.compactMap { $0 }.map { $0 == .category ? .text : $0 }
      guard let first = known.first else { return made(nil) }
      if known.allSatisfy({ $0 == first }) { return made(first) }
      if known.allSatisfy({ $0 == .int || $0 == .double }) { return made(.double) }
      return fail("'\(name)' mixes \(known.map { noun($0) }.joined(separator: ", "))", span)
    default: return fail("'\(name)' does not work on columns", span)
    }
  }
}
