internal import AdmixExpression
internal import AdmixModel

/// The arithmetic inside `${…}`: admix's expression language over the names of a scope.
enum Arithmetic {
  static func evaluate(_ text: String, at span: SourceSpan, scope: Scope) -> Node? {
    var problems = Diagnostics()
    guard let expression = Expression.parse(text, at: span, report: &problems) else {
      report(problems, text, at: span, to: scope)
      return nil
    }
    let isExact = span.length == text.unicodeScalars.count
    var isSecret = false
    var hasFailedName = false
    let result = expression.scalar(
      { name, place in
        let place = isExact ? place : span
        guard case .value(let node) = scope.find(name, at: place) else {
          hasFailedName = true
          return nil
        }
        isSecret = isSecret || node.isSecret
        guard let scalar = scalar(node) else {
          scope.report.note(
            .error(
              "AX0244", at: place, "\(Words.shape(node)) cannot be part of an expression",
              cause: "'\(name)' is \(Words.shape(node))"))
          hasFailedName = true
          return nil
        }
        return scalar
      }, report: &problems)
    guard !hasFailedName else { return nil }
    guard let result, !problems.hasErrors else {
      // A message about a secret could show it; the place has to do.
      report(isSecret ? Diagnostics() : problems, text, at: span, to: scope)
      return nil
    }
    return node(result, at: span, isSecret: isSecret)
  }

  private static func report(
    _ problems: Diagnostics, _ text: String, at span: SourceSpan, to scope: Scope
  ) {
    // Where escapes or folded lines make the text differ from the file, offsets into it mean nothing.
    let isExact = span.length == text.unicodeScalars.count
    for var item in problems.items {
      if !isExact { item.span = span }
      scope.report.note(item)
    }
    if !problems.hasErrors {
      scope.report.note(
        .error("AX0245", at: span, "'\(Words.short(text))' has no value"))
    }
  }

  private static func scalar(_ node: Node) -> Scalar? {
    switch node.value {
    case .null: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .text(let value): .text(value)
    case .list, .map: nil
    }
  }

  private static func node(_ scalar: Scalar, at span: SourceSpan, isSecret: Bool) -> Node {
    switch scalar {
    case .null: Node(.null, at: span, isSecret: isSecret)
    case .bool(let value):
      Node(.bool(value), at: span, source: "\(value)", isSecret: isSecret)
    case .int(let value): Node(.int(value), at: span, source: "\(value)", isSecret: isSecret)
    case .double(let value):
      Node(.double(value), at: span, source: Words.number(value), isSecret: isSecret)
    case .text(let value): Node(.text(value), at: span, source: value, isSecret: isSecret)
    }
  }
}
