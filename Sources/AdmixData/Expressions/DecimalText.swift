/// Numbers as people write them.
package enum DecimalText {
  /// A decimal number, finite; `Double` itself would take hexadecimal ones, infinities and NaN too.
  package static func number(_ text: String) -> Double? {
    guard text.utf8.allSatisfy({ (48...57).contains($0) || "+-.eE".utf8.contains($0) }),
      let value = Double(text), value.isFinite
    else { return nil }
    return value
  }
}
