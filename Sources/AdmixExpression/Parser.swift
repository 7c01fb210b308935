package import AdmixModel

extension Expression {
  /// Nesting beyond this is refused, long before a stack could run out.
  package static let deepest = 200
  /// Trees higher than this are refused too: chains in nested parentheses make high trees, and whoever
  /// walks one goes down it call by call.
  package static let highest = 256

  /// Reads an expression; problems are reported at their place inside the text.
  ///
  /// - Parameter span: where the text begins in the file it was written in.
  package static func parse(_ text: String, at span: SourceSpan, report: inout Diagnostics)
    -> Expression?
  {
    var problems = Diagnostics()
    let tokens = Lexer.tokens(text, at: span, report: &problems)
    if problems.hasErrors {
      report.append(contentsOf: problems)
      return nil
    }
    var parser = Parser(tokens: tokens, span: span)
    do {
      let expression = try parser.whole()
      return expression
    } catch {
      report.append(error)
      return nil
    }
  }
}

/// Precedence climbing over the tokens; the first problem ends it.
private struct Parser {
  let tokens: [Token]
  let span: SourceSpan
  var index = 0
  var depth = 0
  /// How high the tree is that was read last.
  var height = 0

  init(tokens: [Token], span: SourceSpan) {
    self.tokens = tokens
    self.span = span
  }

  private var token: Token { tokens[min(index, tokens.count - 1)] }

  private func place(from start: Token, to end: Token? = nil) -> SourceSpan {
    let last = end ?? start
    return span.slice(offset: start.offset, length: last.offset + last.length - start.offset)
  }

  private var previous: Token { tokens[max(0, index - 1)] }

  private func problem(_ fact: String, hint: String? = nil) -> Diagnostic {
    .error("AX0502", at: place(from: token), fact, hint: hint)
  }

  private func described(_ token: Token) -> String {
    switch token.kind {
    case .int(let value): "'\(value)'"
    case .double(let value): "'\(value)'"
    case .text: "a text"
    case .name(let name), .quotedName(let name): "'\(name)'"
    case .symbol(let symbol): "'\(symbol)'"
    case .end: "the end"
    }
  }

  mutating func whole() throws(Diagnostic) -> Expression {
    if token.kind == .end { throw problem("the expression is empty") }
    let expression = try or()
    guard token.kind == .end else {
      throw problem("\(described(token)) is not expected here")
    }
    return expression
  }

  private mutating func take(_ symbol: String) -> Bool {
    guard token.kind == .symbol(symbol) else { return false }
    index += 1
    return true
  }

  private mutating func take(word: String) -> Bool {
    guard token.kind == .name(word) else { return false }
    index += 1
    return true
  }

  private mutating func expect(_ symbol: String) throws(Diagnostic) {
    guard take(symbol) else { throw problem("'\(symbol)' is expected, not \(described(token))") }
  }

  private mutating func deeper<Result>(
    _ body: (inout Parser) throws(Diagnostic) -> Result
  ) throws(Diagnostic) -> Result {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Expression.deepest else {
      throw problem("the expression is nested more than \(Expression.deepest) deep")
    }
    return try body(&self)
  }

  /// Notes that the tree read last stands on trees of these heights.
  private mutating func grow(on heights: Int...) throws(Diagnostic) {
    height = 1 + (heights.max() ?? 0)
    guard height <= Expression.highest else {
      throw problem("the expression is nested more than \(Expression.highest) deep")
    }
  }

  private func joined(_ name: Expression.BinaryOperator, _ left: Expression, _ right: Expression)
    -> Expression
  {
    let from = left.span
    let to = right.span
    let length = max(1, to.column + to.length - from.column)
    return .binary(
      name, left, right,
      SourceSpan(file: from.file, line: from.line, column: from.column, length: length))
  }

  /// Reads the right side of an operator whose left side was read last.
  private mutating func binary(
    _ name: Expression.BinaryOperator, _ left: Expression,
    _ right: (inout Parser) throws(Diagnostic) -> Expression
  ) throws(Diagnostic) -> Expression {
    let leftHeight = height
    let other = try right(&self)
    try grow(on: leftHeight, height)
    return joined(name, left, other)
  }

  /// Chains of one level make deep trees too; they are counted like nesting.
  private mutating func chain(
    _ next: (inout Parser) throws(Diagnostic) -> Expression,
    _ operators: (inout Parser) -> Expression.BinaryOperator?
  ) throws(Diagnostic) -> Expression {
    var left = try next(&self)
    var count = 0
    while let name = operators(&self) {
      count += 1
      guard count <= Expression.deepest else {
        throw problem("the expression has more than \(Expression.deepest) operators in a row")
      }
      left = try binary(name, left, next)
    }
    return left
  }

  private mutating func or() throws(Diagnostic) -> Expression {
    try deeper { parser throws(Diagnostic) in
      try parser.chain({ p throws(Diagnostic) in try p.and() }) { $0.take(word: "or") ? .or : nil }
    }
  }

  private mutating func and() throws(Diagnostic) -> Expression {
    try chain({ p throws(Diagnostic) in try p.not() }) { $0.take(word: "and") ? .and : nil }
  }

  private mutating func not() throws(Diagnostic) -> Expression {
    let start = token
    if take(word: "not") {
      let operand = try deeper { p throws(Diagnostic) in try p.not() }
      try grow(on: height)
      return .unary(.not, operand, place(from: start, to: previous))
    }
    return try comparison()
  }

  private mutating func comparison() throws(Diagnostic) -> Expression {
    let start = token
    let left = try sum()
    if take(word: "is") {
      let isNot = take(word: "not")
      guard take(word: "null") || take(word: "missing") else {
        throw problem("'null' is expected after 'is', not \(described(token))")
      }
      try grow(on: height)
      return .unary(isNot ? .isNotNull : .isNull, left, place(from: start, to: previous))
    }
    if take(word: "in") { return try binary(.isIn, left) { p throws(Diagnostic) in try p.list() } }
    if token.kind == .name("not"), index + 1 < tokens.count, tokens[index + 1].kind == .name("in") {
      index += 2
      return try binary(.isNotIn, left) { p throws(Diagnostic) in try p.list() }
    }
    for symbol in ["==", "!=", "<=", ">=", "<", ">"] where take(symbol) {
      guard let name = Expression.BinaryOperator(rawValue: symbol) else { continue }
      let compared = try binary(name, left) { p throws(Diagnostic) in try p.sum() }
      if case .symbol(let next) = token.kind, ["==", "!=", "<", "<=", ">", ">="].contains(next) {
        throw problem("comparisons do not chain", hint: "write 'a < b and b < c'")
      }
      return compared
    }
    return left
  }

  private mutating func list() throws(Diagnostic) -> Expression {
    let start = token
    guard take("[") || take("(") else {
      throw problem("a list such as [1, 2] is expected, not \(described(token))")
    }
    let close = previous.kind == .symbol("[") ? "]" : ")"
    let items = try items(until: close)
    try grow(on: height)
    return .list(items, place(from: start, to: previous))
  }

  private mutating func items(until close: String) throws(Diagnostic) -> [Expression] {
    var items: [Expression] = []
    var highest = 0
    defer { height = highest + 1 }
    if take(close) { return items }
    while true {
      items.append(try or())
      highest = max(highest, height)
      if take(close) { return items }
      guard take(",") else {
        throw problem("',' or '\(close)' is expected, not \(described(token))")
      }
    }
  }

  private mutating func sum() throws(Diagnostic) -> Expression {
    try chain({ p throws(Diagnostic) in try p.product() }) {
      $0.take("+") ? .add : $0.take("-") ? .subtract : nil
    }
  }

  private mutating func product() throws(Diagnostic) -> Expression {
    try chain({ p throws(Diagnostic) in try p.sign() }) {
      $0.take("*")
        ? .multiply
        : $0.take("//") ? .floorDivide : $0.take("/") ? .divide : $0.take("%") ? .remainder : nil
    }
  }

  private mutating func sign() throws(Diagnostic) -> Expression {
    let start = token
    if take("-") {
      let operand = try deeper { p throws(Diagnostic) in try p.sign() }
      let place = place(from: start, to: previous)
      // A sign before a number is part of it.
      switch operand {
      case .int(let value, _) where value != .min: return .int(-value, place)
      case .double(let value, _): return .double(-value, place)
      default:
        try grow(on: height)
        return .unary(.negate, operand, place)
      }
    }
    if take("+") { return try deeper { p throws(Diagnostic) in try p.sign() } }
    return try power()
  }

  private mutating func power() throws(Diagnostic) -> Expression {
    let base = try member()
    guard take("**") else { return base }
    // Binds from the right, and tighter than a sign on its left.
    return try binary(.power, base) { p throws(Diagnostic) in
      try p.deeper { p throws(Diagnostic) in try p.sign() }
    }
  }

  private mutating func member() throws(Diagnostic) -> Expression {
    let start = token
    var value = try atom()
    var count = 0
    while take(".") {
      count += 1
      guard count <= 20 else { throw problem("too many members in a row") }
      switch token.kind {
      case .name(let name), .quotedName(let name):
        index += 1
        if case .name = previous.kind, take("(") {
          // `against.disparate_impact(sex)`: a call whose name has a prefix.
          let arguments = try items(until: ")")
          try grow(on: height)
          guard value.memberPath != nil else {
            throw problem("only a name can stand before '.\(name)(…)'")
          }
          // As it is spelled, backticks and all, so that its canonical text reads back.
          value = .call(
            "\(value.canonicalText).\(name)", arguments, place(from: start, to: previous))
        } else {
          try grow(on: height)
          value = .member(value, name, place(from: start, to: previous))
        }
      default: throw problem("a name is expected after '.', not \(described(token))")
      }
    }
    return value
  }

  private mutating func atom() throws(Diagnostic) -> Expression {
    let start = token
    index += 1
    height = 1
    switch start.kind {
    case .int(let value): return .int(value, place(from: start))
    case .double(let value): return .double(value, place(from: start))
    case .text(let value): return .text(value, place(from: start))
    case .quotedName(let name): return .name(name, place(from: start))
    case .name("true"): return .bool(true, place(from: start))
    case .name("false"): return .bool(false, place(from: start))
    case .name("null"): return .null(place(from: start))
    case .name(let name):
      if ["and", "or", "not", "in", "is"].contains(name) {
        index -= 1
        throw problem(
          "'\(name)' is not expected here", hint: "a column of this name goes in backticks")
      }
      if take("(") {
        let arguments = try items(until: ")")
        try grow(on: height)
        return .call(name, arguments, place(from: start, to: previous))
      }
      return .name(name, place(from: start))
    case .symbol("("):
      let inner = try or()
      try expect(")")
      return inner
    case .symbol("["):
      index -= 1
      return try list()
    case .symbol, .end:
      index -= 1
      throw problem("a value is expected, not \(described(start))")
    }
  }
}

extension Expression {
  /// `a.b.c` of a name and its members; nil for anything else.
  package var memberPath: String? {
    switch self {
    case .name(let name, _): name
    case .member(let base, let name, _): base.memberPath.map { "\($0).\(name)" }
    default: nil
    }
  }
}
