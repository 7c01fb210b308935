/// Numbers as people write them.
package enum DecimalText {
  /// A decimal number, finite; `Double` itself would take hexadecimal ones, infinities and NaN too.
  package static func number(_ text: String) -> Double? {
    guard text.utf8.allSatisfy({ (48...57).contains($0) || "+-.eE".utf8.contains($0) }),
      let value = Double(text), value.isFinite
    else { return nil }
    return value
  }

  /// Whether a double holds a whole number to the last digit, as it does all of them up to 2^53.
  package static func isExact(_ value: Int64) -> Bool {
    value.magnitude <= 1 << 53 || Int64(exactly: Double(value)) == value
  }
}
