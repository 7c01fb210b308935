package import AdmixModel

/// Reads the values that conditions are written with, as the numbers that columns hold.
package enum ConditionValue {
  /// Nil where the text is no value of the column's type.
  package static func number(_ text: String, _ type: ColumnType) -> Double? {
    switch type {
    case .int, .double: Double(text).flatMap { $0.isFinite ? $0 : nil }
    case .date: days(text[...]).map(Double.init)
    case .datetime: microseconds(text).map(Double.init)
    case .bool: text == "true" ? 1 : text == "false" ? 0 : nil
    case .text, .category: nil
    }
  }

  /// Days since 1970-01-01 of `YYYY-MM-DD`.
  private static func days(_ text: Substring) -> Int? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].count == 4, parts[1].count == 2, parts[2].count == 2,
      let year = number(parts[0]), let month = number(parts[1]), let day = number(parts[2]),
      (1...12).contains(month)
    else { return nil }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard day >= 1, day <= lengths[month - 1] else { return nil }
    // Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March.
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func number(_ text: Substring) -> Int? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
  }

  /// Microseconds since 1970 of a date, or of a date and a time joined by a space or `T`.
  private static func microseconds(_ text: String) -> Int? {
    var text = text[...]
    if text.hasSuffix("Z") { text = text.dropLast() }
    guard let day = days(text.prefix(10)) else { return nil }
    let start = day * 86_400_000_000
    if text.count == 10 { return start }
    let time = text.dropFirst(10)
    guard time.first == " " || time.first == "T" else { return nil }
    let parts = time.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2 || parts.count == 3, let hour = number(parts[0]), hour < 24,
      let minute = number(parts[1]), minute < 60, parts[0].count == 2, parts[1].count == 2
    else { return nil }
    var second = 0.0
    if parts.count == 3 {
      guard let value = Double(parts[2]), value >= 0, value < 60,
        parts[2].first?.isNumber == true
      else { return nil }
      second = value
    }
    return start + (hour * 3_600 + minute * 60) * 1_000_000 + Int((second * 1e6).rounded())
  }
}
