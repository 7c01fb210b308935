internal import AdmixModel

extension FieldType {
  /// What may stand here, in words that complete "should be …".
  var expected: String {
    switch self {
    case .bool: "true or false"
    case .int(let range): Self.words("a whole number", range)
    case .number(let range): Self.words("a number", range)
    case .text: "text"
    case .choice(let words): "one of \(Words.list(words))"
    case .path: "a path"
    case .digest: "64 hexadecimal digits"
    case .quantity(let quantity): quantity.expected
    case .column: "the name of a column"
    case .expression: "an expression"
    case .edge: "the name of a stage"
    case .list(let type): "a list, each \(type.expected)"
    case .listOrOne(let type): "\(type.expected), or a list of such"
    case .map: "a map"
    case .orderedMap: "a list of 'name: value' entries"
    case .object: "a map of options"
    case .variant(let variants): "one of \(Words.list(variants.map(\.name)))"
    case .oneOf(let types): types.map(\.expected).joined(separator: ", or ")
    case .scalar: "a single value"
    case .any: "anything"
    }
  }

  private static func words(_ what: String, _ range: ClosedRange<Int64>) -> String {
    switch (range.lowerBound, range.upperBound) {
    case (.min, .max): what
    case (let low, .max): "\(what), \(low) or more"
    case (.min, let high): "\(what), \(high) or less"
    case (let low, let high) where low == high: "\(low)"
    case (let low, let high): "\(what) from \(low) to \(high)"
    }
  }

  private static func words(_ what: String, _ range: ClosedRange<Double>) -> String {
    let largest = Double.greatestFiniteMagnitude
    let low = range.lowerBound <= -largest ? nil : Words.number(range.lowerBound)
    let high = range.upperBound >= largest ? nil : Words.number(range.upperBound)
    return switch (low, high) {
    case (nil, nil): what
    case (let low?, nil): "\(what), \(low) or more"
    case (nil, let high?): "\(what), \(high) or less"
    case (let low?, let high?): "\(what) from \(low) to \(high)"
    }
  }

  /// Whether a value has the outward shape of this type, whatever is in it.
  func hasShape(of node: Node) -> Bool {
    switch (self, node.value) {
    case (.any, _): true
    case (.oneOf(let types), _): types.contains { $0.hasShape(of: node) }
    case (.listOrOne, .list): true
    case (.listOrOne(let type), _): type.hasShape(of: node)
    case (.bool, .bool): true
    case (.bool, _): false
    case (.int, .int), (.int, .double), (.number, .int), (.number, .double): true
    case (.int, _), (.number, _): false
    case (.list, .list), (.orderedMap, .list), (.orderedMap, .map): true
    case (.list, _), (.orderedMap, _): false
    case (.map, .map), (.object, .map), (.map, .null), (.object, .null): true
    case (.map, _), (.object, _): false
    case (.variant, .text): true
    case (.variant(let variants), .map(let members)):
      members.contains { member in variants.contains { $0.name == member.key } }
    case (.variant, _): false
    case (_, .list), (_, .map): false
    case (.scalar, _): true
    case (_, .null): false
    default: true
    }
  }
}
