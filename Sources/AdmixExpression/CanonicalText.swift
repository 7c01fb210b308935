extension Expression {
  /// The expression in one spelling, without needless parentheses; reads back as an equal tree.
  package var canonicalText: String { text(above: 0) }

  private static let keywords: Set<String> = [
    "and", "or", "not", "in", "is", "null", "missing", "true", "false",
  ]

  /// How tightly the node holds together; operands of looser ones need parentheses.
  private var strength: Int {
    switch self {
    case .binary(let name, _, _, _):
      switch name {
      case .or: 1
      case .and: 2
      case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual, .isIn, .isNotIn: 4
      case .add, .subtract: 5
      case .multiply, .divide, .floorDivide, .remainder: 6
      case .power: 8
      }
    case .unary(let name, _, _):
      switch name {
      case .not: 3
      case .isNull, .isNotNull: 4
      case .negate: 7
      }
    case .int(let value, _): value < 0 ? 7 : 10
    case .double(let value, _): value.sign == .minus ? 7 : 10
    default: 10
    }
  }

  private func text(above: Int) -> String {
    let inner = bare
    return strength < above ? "(\(inner))" : inner
  }

  private var bare: String {
    switch self {
    case .null: return "null"
    case .bool(let value, _): return value ? "true" : "false"
    case .int(let value, _): return String(value)
    case .double(let value, _): return "\(value)"
    case .text(let value, _):
      let escaped = value.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
        .replacing("\n", with: "\\n").replacing("\t", with: "\\t")
      return "'\(escaped)'"
    case .name(let name, _): return Self.spelled(name)
    case .member(let base, let name, _): return "\(base.text(above: 10)).\(Self.spelled(name))"
    case .call(let name, let arguments, _):
      return "\(name)(\(arguments.map(\.canonicalText).joined(separator: ", ")))"
    case .list(let items, _):
      return "[\(items.map(\.canonicalText).joined(separator: ", "))]"
    case .unary(.not, let operand, _): return "not \(operand.text(above: 3))"
    case .unary(.negate, let operand, _):
      // `--x` would read as one sign and a number that has its own.
      return "-\(operand.text(above: 8))"
    case .unary(let name, let operand, _): return "\(operand.text(above: 5)) \(name.rawValue)"
    case .binary(let name, let left, let right, _):
      let level = strength
      let isComparison = level == 4
      let leftLevel = isComparison ? 5 : name == .power ? 9 : level
      let rightLevel = isComparison ? 5 : name == .power ? 7 : level + 1
      return "\(left.text(above: leftLevel)) \(name.rawValue) \(right.text(above: rightLevel))"
    }
  }

  private static func spelled(_ name: String) -> String {
    let scalars = Array(name.unicodeScalars)
    func isWord(_ scalar: Unicode.Scalar) -> Bool {
      scalar == "_" || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
    }
    let isPlain =
      !scalars.isEmpty && !("0"..."9").contains(scalars[0]) && isWord(scalars[0])
      && scalars.indices.allSatisfy { index in
        isWord(scalars[index])
          || scalars[index] == "-" && index + 1 < scalars.count && isWord(scalars[index + 1])
            && isWord(scalars[index - 1])
      } && !keywords.contains(name)
    return isPlain ? name : "`\(name)`"
  }
}
