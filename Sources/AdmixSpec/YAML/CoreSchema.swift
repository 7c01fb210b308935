/// The core schema of YAML 1.2.2, §10.3: which plain scalars are more than text.
///
/// `yes`, `no`, `on`, `off`, `12:30` and `1_000` are text here, as the specification says.
enum CoreSchema {
  static func resolve(_ text: String) -> Node.Value {
    if isNull(text) { return .null }
    if let value = bool(text) { return .bool(value) }
    return number(text) ?? .text(text)
  }

  static func isNull(_ text: String) -> Bool {
    ["", "~", "null", "Null", "NULL"].contains(text)
  }

  static func bool(_ text: String) -> Bool? {
    switch text {
    case "true", "True", "TRUE": true
    case "false", "False", "FALSE": false
    default: nil
    }
  }

  /// An int, or a double; whole numbers beyond 64 bits become the nearest double.
  static func number(_ text: String) -> Node.Value? {
    int(text) ?? float(text).map { .double($0) }
  }

  static func int(_ text: String) -> Node.Value? {
    let bytes = Array(text.utf8)
    if bytes.starts(with: Array("0o".utf8)) {
      return radix(bytes.dropFirst(2), 8) { (0x30...0x37).contains($0) }
    }
    if bytes.starts(with: Array("0x".utf8)) {
      return radix(bytes.dropFirst(2), 16) {
        (0x30...0x39).contains($0) || (0x41...0x46).contains($0) || (0x61...0x66).contains($0)
      }
    }
    var digits = bytes[...]
    if let sign = digits.first, sign == 0x2B || sign == 0x2D { digits = digits.dropFirst() }
    guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int64(text).map { .int($0) } ?? Double(text).map { .double($0) }
  }

  private static func radix(_ digits: ArraySlice<UInt8>, _ radix: Int, _ fits: (UInt8) -> Bool)
    -> Node.Value?
  {
    guard !digits.isEmpty, digits.allSatisfy(fits) else { return nil }
    if let value = Int64(String(decoding: digits, as: UTF8.self), radix: radix) {
      return .int(value)
    }
    var value = 0.0
    for digit in digits {
      let unit = Character(Unicode.Scalar(digit)).hexDigitValue ?? 0
      value = value * Double(radix) + Double(unit)
    }
    return .double(value)
  }

  static func float(_ text: String) -> Double? {
    switch text {
    case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .infinity
    case "-.inf", "-.Inf", "-.INF": return -.infinity
    case ".nan", ".NaN", ".NAN": return .nan
    default: break
    }
    var rest = Array(text.utf8)[...]
    func isDigit(_ byte: UInt8?) -> Bool { byte.map { (0x30...0x39).contains($0) } ?? false }
    func skipDigits() -> Int {
      let before = rest.count
      while isDigit(rest.first) { rest = rest.dropFirst() }
      return before - rest.count
    }
    if let sign = rest.first, sign == 0x2B || sign == 0x2D { rest = rest.dropFirst() }
    let whole = skipDigits()
    if rest.first == 0x2E {
      rest = rest.dropFirst()
      let fraction = skipDigits()
      guard whole > 0 || fraction > 0 else { return nil }
    } else if whole == 0 {
      return nil
    }
    if let mark = rest.first, mark | 0x20 == 0x65 {
      rest = rest.dropFirst()
      if let sign = rest.first, sign == 0x2B || sign == 0x2D { rest = rest.dropFirst() }
      guard skipDigits() > 0 else { return nil }
    }
    // `1.` and `.5` are floats in YAML; Swift reads the second and not the first.
    guard rest.isEmpty else { return nil }
    return Double(text) ?? Double(text.replacing(".e", with: ".0e").replacing(".E", with: ".0E"))
      ?? Double(text + "0")
  }
}
