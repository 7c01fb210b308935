package import AdmixModel
import Foundation

extension Expression {
  /// The value of an expression without columns: the arithmetic of `${…}` and of gates.
  ///
  /// - Parameter lookup: gives the value of a name or a member path `a.b.c`; when it gives nothing it
  ///   has reported why.
  package func scalar(
    _ lookup: (String, SourceSpan) -> Scalar?, report: inout Diagnostics
  ) -> Scalar? {
    if let path = memberPath { return lookup(path, span) }
    switch self {
    case .null: return .null
    case .bool(let value, _): return .bool(value)
    case .int(let value, _): return .int(value)
    case .double(let value, _): return .double(value)
    case .text(let value, _): return .text(value)
    case .name, .member:
      report.append(.error("AX0503", at: span, "only names have members"))
      return nil
    case .list:
      report.append(.error("AX0503", at: span, "a list is not a value here"))
      return nil
    case .unary(let name, let operand, _):
      guard let value = operand.scalar(lookup, report: &report) else { return nil }
      return unary(name, value, operand, report: &report)
    case .binary(let name, let left, let right, _):
      if name == .isIn || name == .isNotIn {
        return membership(name, left, right, lookup, report: &report)
      }
      let a = left.scalar(lookup, report: &report)
      let b = right.scalar(lookup, report: &report)
      guard let a, let b else { return nil }
      return binary(name, a, b, report: &report)
    case .call(let name, let arguments, _):
      let values = arguments.map { $0.scalar(lookup, report: &report) }
      let known = values.compactMap { $0 }
      guard known.count == values.count else { return nil }
      return call(name, known, report: &report)
    }
  }

  private func mismatch(_ fact: String, report: inout Diagnostics) -> Scalar? {
    report.append(.error("AX0503", at: span, fact))
    return nil
  }

  private func unary(
    _ name: UnaryOperator, _ value: Scalar, _ operand: Expression, report: inout Diagnostics
  ) -> Scalar? {
    switch (name, value) {
    case (.isNull, _): return .bool(value == .null)
    case (.isNotNull, _): return .bool(value != .null)
    case (_, .null): return .null
    case (.not, .bool(let flag)): return .bool(!flag)
    case (.negate, .int(let number)) where number != .min: return .int(-number)
    case (.negate, .double(let number)): return .double(-number)
    default: return mismatch("'\(name.rawValue)' does not fit \(value.noun)", report: &report)
    }
  }

  private func membership(
    _ name: BinaryOperator, _ left: Expression, _ right: Expression,
    _ lookup: (String, SourceSpan) -> Scalar?, report: inout Diagnostics
  ) -> Scalar? {
    guard case .list(let items, _) = right else {
      return mismatch("a list is expected after '\(name.rawValue)'", report: &report)
    }
    guard let value = left.scalar(lookup, report: &report) else { return nil }
    var found = false
    for item in items {
      guard let other = item.scalar(lookup, report: &report) else { return nil }
      found = found || value.equals(other)
    }
    return value == .null ? .null : .bool(found == (name == .isIn))
  }

  private func binary(
    _ name: BinaryOperator, _ a: Scalar, _ b: Scalar, report: inout Diagnostics
  ) -> Scalar? {
    switch name {
    case .and, .or:
      // Kleene's logic: what is known decides, where it can.
      let decisive = name == .or
      if a == .bool(decisive) || b == .bool(decisive) { return .bool(decisive) }
      switch (a, b) {
      case (.bool, .bool): return .bool(!decisive)
      case (.null, .bool), (.bool, .null), (.null, .null): return .null
      default:
        return mismatch(
          "'\(name.rawValue)' joins true and false, not \(a.noun) and \(b.noun)", report: &report)
      }
    case .equal, .notEqual:
      if a == .null || b == .null { return .null }
      return .bool(a.equals(b) == (name == .equal))
    case .less, .lessOrEqual, .greater, .greaterOrEqual:
      if a == .null || b == .null { return .null }
      let rises: (Bool, Bool)
      switch (a, b) {
      case (.text(let x), .text(let y)):
        rises = (x.utf8.lexicographicallyPrecedes(y.utf8), a.equals(b))
      case (.int(let x), .int(let y)): rises = (x < y, x == y)
      default:
        guard let x = a.number, let y = b.number else {
          return mismatch("\(a.noun) and \(b.noun) have no order", report: &report)
        }
        rises = (x < y, x == y)
      }
      switch name {
      case .less: return .bool(rises.0)
      case .lessOrEqual: return .bool(rises.0 || rises.1)
      case .greater: return .bool(!rises.0 && !rises.1)
      default: return .bool(!rises.0)
      }
    default: break
    }
    if a == .null || b == .null { return .null }
    if name == .add, case .text(let x) = a, case .text(let y) = b { return .text(x + y) }
    if case .int(let x) = a, case .int(let y) = b, let exact = whole(name, x, y) { return exact }
    if case .int = a, case .int(let y) = b,
      [.add, .subtract, .multiply].contains(name)
        || y != 0 && [.floorDivide, .remainder].contains(name)
    {
      return mismatch("the result leaves 64-bit whole numbers", report: &report)
    }
    guard let x = a.number, let y = b.number else {
      return mismatch(
        "'\(name.rawValue)' needs numbers, not \(a.noun) and \(b.noun)", report: &report)
    }
    if [.divide, .floorDivide, .remainder].contains(name), y == 0 {
      return mismatch("a division by zero", report: &report)
    }
    let result: Double =
      switch name {
      case .add: x + y
      case .subtract: x - y
      case .multiply: x * y
      case .divide: x / y
      case .floorDivide: FloorDivision.of(x, by: y).quotient
      case .remainder: FloorDivision.of(x, by: y).remainder
      default: pow(x, y)
      }
    guard result.isFinite else {
      return mismatch("the result is not a finite number", report: &report)
    }
    return .double(result)
  }

  /// Exact results of whole numbers; nil where there is none and doubles take over.
  private func whole(_ name: BinaryOperator, _ x: Int64, _ y: Int64) -> Scalar? {
    switch name {
    case .add:
      let (sum, overflow) = x.addingReportingOverflow(y)
      return overflow ? nil : .int(sum)
    case .subtract:
      let (sum, overflow) = x.subtractingReportingOverflow(y)
      return overflow ? nil : .int(sum)
    case .multiply:
      let (product, overflow) = x.multipliedReportingOverflow(by: y)
      return overflow ? nil : .int(product)
    case .floorDivide, .remainder:
      guard y != 0, !(x == .min && y == -1) else { return nil }
      let quotient = x / y
      let remainder = x % y
      let isOff = remainder != 0 && (remainder < 0) != (y < 0)
      return .int(
        name == .remainder ? (isOff ? remainder + y : remainder) : (isOff ? quotient - 1 : quotient)
      )
    case .power:
      guard y >= 0, y < 64 else { return nil }
      var result: Int64 = 1
      for _ in 0..<y {
        let (product, overflow) = result.multipliedReportingOverflow(by: x)
        if overflow { return nil }
        result = product
      }
      return .int(result)
    default: return nil
    }
  }

  private func call(_ name: String, _ values: [Scalar], report: inout Diagnostics) -> Scalar? {
    guard let function = FunctionCatalog.byName[name], function.isScalar else {
      report.append(FunctionCatalog.unknown(name, at: span, scalarOnly: true))
      return nil
    }
    guard function.arguments.contains(values.count) else {
      return mismatch("'\(name)' is written \(function.signature)", report: &report)
    }
    switch name {
    case "if":
      if values[0] == .null { return values[2] }
      guard case .bool(let condition) = values[0] else {
        return mismatch("'if' decides by true or false, not \(values[0].noun)", report: &report)
      }
      return condition ? values[1] : values[2]
    case "coalesce": return values.first { $0 != .null } ?? .null
    case "length", "lower", "upper":
      if values[0] == .null { return .null }
      guard case .text(let text) = values[0] else {
        return mismatch("'\(name)' needs a text, not \(values[0].noun)", report: &report)
      }
      return name == "length"
        ? .int(Int64(text.unicodeScalars.count))
        : .text(name == "lower" ? text.lowercased() : text.uppercased())
    default: break
    }
    if values.contains(.null) { return .null }
    if name == "min" || name == "max" {
      if values.allSatisfy({ if case .int = $0 { true } else { false } }) {
        let numbers = values.compactMap { if case .int(let value) = $0 { value } else { nil } }
        return (name == "min" ? numbers.min() : numbers.max()).map { .int($0) }
      }
    }
    let numbers = values.compactMap(\.number)
    guard numbers.count == values.count, let x = numbers.first else {
      return mismatch("'\(name)' needs numbers", report: &report)
    }
    switch name {
    case "min": return .double(numbers.min() ?? x)
    case "max": return .double(numbers.max() ?? x)
    case "abs":
      if case .int(let value) = values[0] {
        return value == .min
          ? mismatch("the result leaves 64-bit whole numbers", report: &report) : .int(abs(value))
      }
      return .double(abs(x))
    case "round", "floor", "ceil":
      if name == "round", numbers.count == 2 {
        return .double(Rounding.of(x, digits: numbers[1]))
      }
      let rounded =
        name == "round" ? x.rounded() : name == "floor" ? x.rounded(.down) : x.rounded(.up)
      return Int64(exactly: rounded).map { .int($0) } ?? .double(rounded)
    case "sqrt" where x < 0, "log" where x <= 0:
      return mismatch("'\(name)' is not defined there", report: &report)
    case "sqrt": return .double(x.squareRoot())
    case "log": return .double(log(x))
    case "exp":
      let value = exp(x)
      return value.isFinite
        ? .double(value) : mismatch("the result is not a finite number", report: &report)
    default: return mismatch("'\(name)' needs a column", report: &report)
    }
  }
}

extension Scalar {
  package var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    case .null, .bool, .text: nil
    }
  }

  /// What it is, for messages.
  package var noun: String {
    switch self {
    case .null: "null"
    case .bool: "true or false"
    case .int, .double: "a number"
    case .text: "a text"
    }
  }

  /// Texts are told apart by their bytes, as data does.
  func equals(_ other: Scalar) -> Bool {
    if case .int(let x) = self, case .int(let y) = other { return x == y }
    if let x = number, let y = other.number { return x == y }
    if case .text(let x) = self, case .text(let y) = other { return x.utf8.elementsEqual(y.utf8) }
    return self == other
  }
}
