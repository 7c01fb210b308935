import AdmixData
import AdmixExpression
import AdmixGenerators
import AdmixModel
import AdmixSpec

/// A keep rule as it was written, and what it says about single columns if that is all it says.
struct KeepText: Sendable {
  var text: String
  var span: SourceSpan
  /// Conditions that mean the same, which a generator can meet by construction; nil where the rule
  /// relates columns or computes.
  var conditions: [Condition]?

  static func all(in node: Node?, report: inout Diagnostics) -> [KeepText] {
    let nodes = node.map { $0.text == nil ? $0.items : [$0] } ?? []
    return nodes.compactMap { item in
      guard let text = item.text,
        let expression = Expression.parse(text, at: item.span, report: &report)
      else { return nil }
      return KeepText(
        text: text, span: item.span, conditions: conditions(expression, item.span))
    }
  }

  /// The rule over batches of a schema; nil after a report where it does not fit.
  func compiled(_ schema: Schema, report: inout Diagnostics) -> KeepRule? {
    guard let expression = ColumnExpression(text, at: span, schema: schema, report: &report) else {
      return nil
    }
    guard expression.type == .bool else {
      report.append(
        .error(
          "AX0614", at: span, "the keep rule '\(text)' is not a condition",
          cause: "its value is \(expression.type.rawValue), not true or false",
          hint: "compare it with something: \(text) > 0"))
      return nil
    }
    return KeepRule(text: text, span: span) { try expression.mask($0) }
  }

  private static func conditions(_ expression: Expression, _ span: SourceSpan) -> [Condition]? {
    switch expression {
    case .binary(.and, let a, let b, _):
      guard let first = conditions(a, span), let second = conditions(b, span) else { return nil }
      return first + second
    case .unary(.isNull, .name(let name, _), _):
      return [Condition(column: name, requirement: .isMissing, span: span)]
    case .unary(.isNotNull, .name(let name, _), _):
      return [Condition(column: name, requirement: .isPresent, span: span)]
    case .binary(.isIn, .name(let name, _), .list(let items, _), _):
      let texts = items.compactMap(literal)
      guard texts.count == items.count, !texts.isEmpty else { return nil }
      return [Condition(column: name, requirement: .oneOf(texts), span: span)]
    case .binary(let operation, .name(let name, _), let value, _):
      return comparison(name, operation, value, span)
    case .binary(let operation, let value, .name(let name, _), _):
      return flipped(operation).flatMap { comparison(name, $0, value, span) }
    default: return nil
    }
  }

  private static func comparison(
    _ name: String, _ operation: Expression.BinaryOperator, _ value: Expression, _ span: SourceSpan
  ) -> [Condition]? {
    if operation == .equal {
      return literal(value).map {
        [Condition(column: name, requirement: .oneOf([$0]), span: span)]
      }
    }
    guard let bound = number(value) else { return nil }
    let isInclusive = operation == .lessOrEqual || operation == .greaterOrEqual
    let made = Condition.Bound(bound, isInclusive: isInclusive)
    switch operation {
    case .less, .lessOrEqual:
      return [Condition(column: name, requirement: .range(low: nil, high: made), span: span)]
    case .greater, .greaterOrEqual:
      return [Condition(column: name, requirement: .range(low: made, high: nil), span: span)]
    default: return nil
    }
  }

  private static func flipped(_ operation: Expression.BinaryOperator) -> Expression.BinaryOperator?
  {
    switch operation {
    case .less: .greater
    case .lessOrEqual: .greaterOrEqual
    case .greater: .less
    case .greaterOrEqual: .lessOrEqual
    case .equal: .equal
    default: nil
    }
  }

  private static func literal(_ expression: Expression) -> String? {
    switch expression {
    case .text(let text, _): text
    case .bool(let flag, _): String(flag)
    default: number(expression)
    }
  }

  private static func number(_ expression: Expression) -> String? {
    switch expression {
    case .int(let value, _): String(value)
    case .double(let value, _): String(value)
    default: nil
    }
  }
}
