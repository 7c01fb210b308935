import AdmixExpression
import AdmixModel
import AdmixStatistics

/// A rule of a gate: known to be a condition, with what it refers to.
struct GateRule: Sendable {
  struct Reference: Hashable, Sendable {
    /// The canonical text.
    var key: String
    var span: SourceSpan
  }

  enum Verdict: Hashable, Sendable {
    case trips
    case holds
    case undefined(String)
  }

  /// In the order of the text.
  let references: [Reference]
  private let expression: Expression

  private enum Shape { case number, condition }

  private static let bounds: Set<String> = ["lower_bound", "upper_bound"]
  private static let functions: [String: ClosedRange<Int>] = [
    "abs": 1...1, "min": 1...32, "max": 1...32, "sqrt": 1...1, "log": 1...1, "exp": 1...1,
  ]

  /// Gives nothing, and reports why, where the expression is no condition over metrics.
  init?(_ expression: Expression, report: inout Diagnostics) {
    var references: [Reference] = []
    var problems = Diagnostics()
    let shape = Self.shape(expression, &references, &problems)
    if shape == .number {
      problems.append(
        .error(
          "AX0773", at: expression.span, "the rule is a number, not a condition",
          hint: "compare it: '\(expression.canonicalText) < 0.8'"))
    }
    report.append(contentsOf: problems)
    if problems.hasErrors { return nil }
    self.expression = expression
    self.references = references
  }

  private static func shape(
    _ expression: Expression, _ references: inout [Reference], _ report: inout Diagnostics
  ) -> Shape? {
    func operand(_ inner: Expression, _ wanted: Shape) {
      guard let found = shape(inner, &references, &report), found != wanted else { return }
      let noun = wanted == .number ? "a number" : "a condition"
      report.append(.error("AX0773", at: inner.span, "\(noun) is expected here"))
    }
    switch expression {
    case .int, .double: return .number
    case .bool: return .condition
    case .name, .member:
      references.append(Reference(key: expression.canonicalText, span: expression.span))
      return .number
    case .unary(.negate, let inner, _):
      operand(inner, .number)
      return .number
    case .unary(.not, let inner, _):
      operand(inner, .condition)
      return .condition
    case .unary(_, let inner, _):
      operand(inner, .number)
      return .condition
    case .binary(let name, let left, let right, _):
      switch name {
      case .and, .or:
        operand(left, .condition)
        operand(right, .condition)
        return .condition
      case .isIn, .isNotIn:
        report.append(
          .error("AX0773", at: expression.span, "metrics are compared with numbers, not lists"))
        return nil
      case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual:
        operand(left, .number)
        operand(right, .number)
        return .condition
      default:
        operand(left, .number)
        operand(right, .number)
        return .number
      }
    case .call(let name, let arguments, let span):
      if bounds.contains(name) {
        let before = references.count
        if arguments.count == 1 { operand(arguments[0], .number) }
        guard arguments.count == 1, references.count == before + 1,
          references[before].key == arguments[0].canonicalText
        else {
          report.append(.error("AX0773", at: span, "'\(name)' takes one metric"))
          return nil
        }
        return .number
      }
      if let count = functions[name] {
        for argument in arguments { operand(argument, .number) }
        guard count.contains(arguments.count) else {
          report.append(
            .error(
              "AX0773", at: span,
              "'\(name)' takes \(count.upperBound == 1 ? "one number" : "numbers")"))
          return nil
        }
        return .number
      }
      // Anything else that is called is a metric of some columns.
      references.append(Reference(key: expression.canonicalText, span: span))
      return .number
    case .null, .text, .list:
      report.append(
        .error(
          "AX0773", at: expression.span, "metrics are compared with numbers",
          hint: "such as 'disparate_impact(sex) < 0.8'"))
      return nil
    }
  }

  // MARK: Evaluation

  private enum Value {
    case number(Double)
    case condition(Bool)
    case undefined(String)
  }

  func verdict(_ metrics: [String: Measurement]) -> Verdict {
    switch value(expression, metrics) {
    case .condition(let trips): trips ? .trips : .holds
    case .undefined(let reason): .undefined(reason)
    case .number: .undefined("the rule is no condition")
    }
  }

  private func metric(
    _ expression: Expression, _ metrics: [String: Measurement],
    _ part: (Measurement) -> Double?, _ noun: String
  ) -> Value {
    let key = expression.canonicalText
    guard let found = metrics[key] else { return .undefined("there is no metric '\(key)'") }
    guard let number = part(found) else {
      return .undefined(
        found.value == nil ? found.reason ?? "'\(key)' is undefined" : "'\(key)' has no \(noun)")
    }
    return number.isNaN ? .undefined("'\(key)' is not a number") : .number(number)
  }

  private func value(_ expression: Expression, _ metrics: [String: Measurement]) -> Value {
    switch expression {
    case .int(let number, _): return .number(Double(number))
    case .double(let number, _): return .number(number)
    case .bool(let flag, _): return .condition(flag)
    case .name, .member: return metric(expression, metrics, \.value, "value")
    case .call(let name, let arguments, _):
      switch name {
      case "lower_bound" where arguments.count == 1:
        return metric(arguments[0], metrics, \.low, "interval")
      case "upper_bound" where arguments.count == 1:
        return metric(arguments[0], metrics, \.high, "interval")
      case _ where Self.functions[name] != nil:
        return call(name, arguments.map { value($0, metrics) })
      default: return metric(expression, metrics, \.value, "value")
      }
    case .unary(let name, let inner, _): return unary(name, value(inner, metrics))
    case .binary(let name, let left, let right, _):
      return binary(name, value(left, metrics), value(right, metrics))
    case .null, .text, .list: return .undefined("the rule compares what has no number")
    }
  }

  private func unary(_ name: Expression.UnaryOperator, _ value: Value) -> Value {
    switch (name, value) {
    case (.isNull, .undefined): .condition(true)
    case (.isNull, _): .condition(false)
    case (.isNotNull, .undefined): .condition(false)
    case (.isNotNull, _): .condition(true)
    case (_, .undefined): value
    case (.not, .condition(let flag)): .condition(!flag)
    case (.negate, .number(let number)): .number(-number)
    default: .undefined("the rule is no condition")
    }
  }

  private func binary(_ name: Expression.BinaryOperator, _ a: Value, _ b: Value) -> Value {
    if name == .and || name == .or {
      // What is known decides where it can: a rule that trips whatever the unknown part is, trips.
      for case .condition(name == .or) in [a, b] { return .condition(name == .or) }
      if case .undefined = a { return a }
      return b
    }
    if case .undefined = a { return a }
    if case .undefined = b { return b }
    guard case .number(let x) = a, case .number(let y) = b else {
      return .undefined("the rule compares what has no number")
    }
    let result: Double
    switch name {
    case .equal: return .condition(x == y)
    case .notEqual: return .condition(x != y)
    case .less: return .condition(x < y)
    case .lessOrEqual: return .condition(x <= y)
    case .greater: return .condition(x > y)
    case .greaterOrEqual: return .condition(x >= y)
    case .add: result = x + y
    case .subtract: result = x - y
    case .multiply: result = x * y
    case .divide: result = x / y
    case .floorDivide: result = (x / y).rounded(.down)
    case .remainder: result = x - (x / y).rounded(.down) * y
    case .power: result = Self.power(x, y)
    case .and, .or, .isIn, .isNotIn: return .undefined("the rule is no condition")
    }
    return result.isNaN ? .undefined("the rule's arithmetic has no result") : .number(result)
  }

  private func call(_ name: String, _ values: [Value]) -> Value {
    var numbers: [Double] = []
    for value in values {
      guard case .number(let number) = value else { return value }
      numbers.append(number)
    }
    guard let x = numbers.first else { return .undefined("'\(name)' has no number") }
    let result: Double =
      switch name {
      case "abs": x.magnitude
      case "min": numbers.min() ?? x
      case "max": numbers.max() ?? x
      case "sqrt": x.squareRoot()
      case "log": PortableMath.log(x)
      default: PortableMath.exp(x)
      }
    return result.isNaN ? .undefined("'\(name)' is not defined there") : .number(result)
  }

  private static func power(_ x: Double, _ y: Double) -> Double {
    guard y == y.rounded(), y.magnitude <= 1024 else {
      return PortableMath.exp(y * PortableMath.log(x))
    }
    let product = (0..<Int(y.magnitude)).reduce(1.0) { product, _ in product * x }
    return y < 0 ? 1 / product : product
  }
}
