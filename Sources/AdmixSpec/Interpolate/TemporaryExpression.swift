internal import AdmixExpression
internal import AdmixModel

// Stands in until the expression language is merged, which brings both of these; remove it then.
extension Expression {
  static func parse(_ text: String, at span: SourceSpan, report: inout Diagnostics) -> Expression? {
    nil
  }
  func scalar(_ lookup: (String, SourceSpan) -> Scalar?, report: inout Diagnostics) -> Scalar? {
    nil
  }
}
