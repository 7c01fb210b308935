package import AdmixModel

/// A parsed expression of admix's one small expression language.
///
/// Used for derived columns, filters, constraints, expectations, gates and the arithmetic inside
/// `${…}`. Literals are numbers, 'text' or "text", true, false, null; names may hold letters, digits,
/// `_`, `.` for members, and `-` between two letters or digits without spaces (`hours-per-week` is one
/// name, `a - b` a subtraction); any other name goes in backticks. Operators, loosest first:
/// `or`, `and`, `not`, comparisons (`== != < <= > >=`, `in [..]`, `not in [..]`, `is null`,
/// `is not null`), `+ -`, `* / // %`, unary `-`, `**`; `if(cond, a, b)` and other functions by name.
package indirect enum Expression: Hashable, Sendable {
  case null(SourceSpan)
  case bool(Bool, SourceSpan)
  case int(Int64, SourceSpan)
  case double(Double, SourceSpan)
  case text(String, SourceSpan)
  case name(String, SourceSpan)
  case member(Expression, String, SourceSpan)
  case call(String, [Expression], SourceSpan)
  case unary(UnaryOperator, Expression, SourceSpan)
  case binary(BinaryOperator, Expression, Expression, SourceSpan)
  case list([Expression], SourceSpan)

  package enum UnaryOperator: String, Hashable, Sendable {
    case negate = "-", not, isNull = "is null", isNotNull = "is not null"
  }

  package enum BinaryOperator: String, Hashable, Sendable {
    case or, and, equal = "==", notEqual = "!=", less = "<", lessOrEqual = "<=", greater = ">"
    case greaterOrEqual = ">=", isIn = "in", isNotIn = "not in", add = "+", subtract = "-"
    case multiply = "*", divide = "/", floorDivide = "//", remainder = "%", power = "**"
  }

  package var span: SourceSpan {
    switch self {
    case .null(let span), .bool(_, let span), .int(_, let span), .double(_, let span),
      .text(_, let span), .name(_, let span), .member(_, _, let span), .call(_, _, let span),
      .unary(_, _, let span), .binary(_, _, _, let span), .list(_, let span):
      span
    }
  }
}
