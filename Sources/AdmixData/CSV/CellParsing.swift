import Foundation

/// Reads single values from bytes; each gives nil for what is not exactly one.
struct CellParser {
  let decimalMark: UInt8
  let thousandsMark: UInt8?

  /// A whole number as it would be written: no plus sign, no needless zeros in front.
  @inline(__always)
  func int(_ cell: UnsafeBufferPointer<UInt8>) -> Int64? {
    if let mark = thousandsMark, cell.contains(mark) {
      guard let plain = withoutThousands(cell, mark) else { return nil }
      return plain.withUnsafeBufferPointer { digits($0) }
    }
    return digits(cell)
  }

  @inline(__always)
  private func digits(_ cell: UnsafeBufferPointer<UInt8>) -> Int64? {
    var index = 0
    let count = cell.count
    guard count > 0 else { return nil }
    let isNegative = cell[0] == 0x2d
    if isNegative { index = 1 }
    let length = count - index
    guard length > 0, length <= 19 else { return nil }
    if cell[index] == 0x30, length > 1 { return nil }
    var value: UInt64 = 0
    while index < count {
      let digit = cell[index] &- 0x30
      guard digit < 10 else { return nil }
      value = value &* 10 &+ UInt64(digit)
      index += 1
    }
    if isNegative {
      return value == 0 ? nil : value <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- value) : nil
    }
    return value <= UInt64(Int64.max) ? Int64(value) : nil
  }

  /// `1,234,567` as `1234567`; nil when a mark stands where none belongs.
  private func withoutThousands(_ cell: UnsafeBufferPointer<UInt8>, _ mark: UInt8) -> [UInt8]? {
    let wholeEnd = cell.firstIndex(of: decimalMark) ?? cell.count
    var out: [UInt8] = []
    for index in 0..<cell.count {
      if cell[index] == mark {
        let left = wholeEnd - index
        guard index > 0, index < wholeEnd, left % 4 == 0, cell[index - 1] &- 0x30 < 10 else {
          return nil
        }
      } else {
        out.append(cell[index])
      }
    }
    return out
  }

  private static let powers: [Double] = (0...22).map { pow(10, Double($0)) }

  /// What is known of a number beside its value.
  typealias Decimal = (
    value: Double,
    /// How many digits follow the point; -1 with an exponent.
    decimals: Int,
    /// It is written as a whole number that no double is.
    losesDigits: Bool
  )

  /// A decimal number.
  ///
  /// Exact where at most 19 digits and a power of ten up to 22 are involved (Clinger's fast path);
  /// the C library reads the rest, in the C locale.
  @inline(__always)
  func double(_ cell: UnsafeBufferPointer<UInt8>) -> Decimal? {
    if let mark = thousandsMark, cell.contains(mark) {
      guard let plain = withoutThousands(cell, mark) else { return nil }
      return plain.withUnsafeBufferPointer { decimal($0) }
    }
    return decimal(cell)
  }

  @inline(__always)
  private func decimal(_ cell: UnsafeBufferPointer<UInt8>) -> Decimal? {
    let count = cell.count
    guard count > 0 else { return nil }
    var index = cell[0] == 0x2d ? 1 : 0
    let first = index
    var mantissa: UInt64 = 0
    var digits = 0
    var wholeDigits = 0
    while index < count, cell[index] &- 0x30 < 10 {
      if digits < 19 { mantissa = mantissa &* 10 &+ UInt64(cell[index] &- 0x30) }
      if mantissa != 0 { digits += 1 }
      wholeDigits += 1
      index += 1
    }
    if wholeDigits > 1, cell[first] == 0x30 { return nil }
    var decimals = 0
    if index < count, cell[index] == decimalMark {
      index += 1
      while index < count, cell[index] &- 0x30 < 10 {
        if digits < 19 { mantissa = mantissa &* 10 &+ UInt64(cell[index] &- 0x30) }
        if mantissa != 0 { digits += 1 }
        decimals += 1
        index += 1
      }
    }
    guard wholeDigits + decimals > 0 else { return nil }
    if index == count {
      if digits <= 15 || mantissa < 1 << 53, digits <= 19, decimals <= 22 {
        let value = Double(mantissa) / Self.powers[decimals]
        return (first == 1 ? -value : value, decimals, false)
      }
      let isWhole = wholeDigits == count - first
      return slow(cell).map { ($0, decimals, isWhole && !Self.isExact(cell[first...], $0)) }
    }
    guard cell[index] | 0x20 == 0x65 else { return nil }
    index += 1
    if index < count, cell[index] == 0x2d || cell[index] == 0x2b { index += 1 }
    guard index < count else { return nil }
    while index < count {
      guard cell[index] &- 0x30 < 10 else { return nil }
      index += 1
    }
    return slow(cell).map { ($0, -1, false) }
  }

  /// Whether a double, which may be negative, is what these digits say to the last of them.
  private static func isExact(_ digits: Slice<UnsafeBufferPointer<UInt8>>, _ value: Double) -> Bool
  {
    String(format: "%.0f", value.magnitude).utf8.elementsEqual(digits)
  }

  private func slow(_ cell: UnsafeBufferPointer<UInt8>) -> Double? {
    var text = [CChar](repeating: 0, count: cell.count + 1)
    for index in 0..<cell.count {
      text[index] = CChar(bitPattern: cell[index] == decimalMark ? 0x2e : cell[index])
    }
    let value = strtod(text, nil)
    return value.isFinite ? value : nil
  }

  static func bool(_ cell: UnsafeBufferPointer<UInt8>) -> Bool? {
    switch cell.count {
    case 4 where matches(cell, "true"): true
    case 5 where matches(cell, "false"): false
    default: nil
    }
  }

  private static func matches(_ cell: UnsafeBufferPointer<UInt8>, _ word: StaticString) -> Bool {
    for index in 0..<cell.count where cell[index] | 0x20 != word.utf8Start[index] { return false }
    return true
  }

  @inline(__always)
  private static func number(_ cell: UnsafeBufferPointer<UInt8>, _ from: Int, _ length: Int) -> Int?
  {
    guard from + length <= cell.count else { return nil }
    var value = 0
    for index in from..<(from + length) {
      let digit = cell[index] &- 0x30
      guard digit < 10 else { return nil }
      value = value * 10 + Int(digit)
    }
    return value
  }

  /// `YYYY-MM-DD`; years beyond four digits have a sign, as ISO 8601 has it.
  static func date(_ cell: UnsafeBufferPointer<UInt8>) -> Int32? {
    guard let (days, length) = leadingDate(cell), length == cell.count else { return nil }
    return days
  }

  private static func leadingDate(_ cell: UnsafeBufferPointer<UInt8>) -> (days: Int32, length: Int)?
  {
    guard cell.count >= 10 else { return nil }
    var (year, at, sign) = (0, 0, 1)
    if cell[0] == 0x2b || cell[0] == 0x2d {
      sign = cell[0] == 0x2d ? -1 : 1
      at = 1
    }
    let start = at
    while at < cell.count, at - start < 7, cell[at] &- 0x30 < 10 {
      year = year * 10 + Int(cell[at] &- 0x30)
      at += 1
    }
    // Four digits without a sign or with a minus; a plus announces more of them.
    let digits = at - start
    guard digits == 4 && cell[0] != 0x2b || digits > 4 && start == 1, at + 6 <= cell.count,
      cell[at] == 0x2d, cell[at + 3] == 0x2d, let month = number(cell, at + 1, 2),
      let day = number(cell, at + 4, 2), let days = CivilDate.days(sign * year, month, day)
    else { return nil }
    return Int32(exactly: days).map { ($0, at + 6) }
  }

  /// ISO 8601 with date and time, to the microsecond, and whether it says where on Earth.
  static func datetime(_ cell: UnsafeBufferPointer<UInt8>) -> (microseconds: Int64, isUTC: Bool)? {
    guard let (day, length) = leadingDate(cell), cell.count >= length + 6,
      cell[length] == 0x54 || cell[length] == 0x20, let hour = number(cell, length + 1, 2),
      cell[length + 3] == 0x3a, let minute = number(cell, length + 4, 2), hour < 24, minute < 60
    else { return nil }
    var microseconds = (Int64(day) * 86_400 + Int64(hour * 3600 + minute * 60)) * 1_000_000
    var index = length + 6
    if index < cell.count, cell[index] == 0x3a {
      guard let second = number(cell, index + 1, 2), second < 60 else { return nil }
      microseconds += Int64(second) * 1_000_000
      index += 3
      if index < cell.count, cell[index] == 0x2e {
        index += 1
        var scale: Int64 = 100_000
        let start = index
        while index < cell.count, cell[index] &- 0x30 < 10 {
          microseconds += Int64(cell[index] &- 0x30) * scale
          // Finer than a microsecond would be lost: such a column stays text.
          if scale == 0, cell[index] != 0x30 { return nil }
          scale /= 10
          index += 1
        }
        guard index > start else { return nil }
      }
    }
    if index == cell.count { return (microseconds, false) }
    if cell[index] == 0x5a { return index + 1 == cell.count ? (microseconds, true) : nil }
    guard cell[index] == 0x2b || cell[index] == 0x2d, let hours = number(cell, index + 1, 2),
      hours < 24
    else { return nil }
    let sign: Int64 = cell[index] == 0x2b ? -1 : 1
    index += 3
    if index < cell.count, cell[index] == 0x3a { index += 1 }
    var minutes = 0
    if index < cell.count {
      guard let more = number(cell, index, 2), more < 60, index + 2 == cell.count else {
        return nil
      }
      minutes = more
    }
    return (microseconds + sign * Int64(hours * 3600 + minutes * 60) * 1_000_000, true)
  }
}

/// A date format in the letters of strptime: %Y %y %m %d %b %B %H %I %M %S %f %p %z and %%.
struct DateFormat: Hashable, Sendable {
  private let format: [UInt8]
  /// Whether it tells a time of day.
  let hasTime: Bool

  init?(_ text: String) {
    format = Array(text.utf8)
    var index = 0
    var hasTime = false
    while index < format.count {
      if format[index] == 0x25 {
        guard index + 1 < format.count, "YymdbBHIMSfpz%".utf8.contains(format[index + 1]) else {
          return nil
        }
        hasTime = hasTime || "HIMSfp".utf8.contains(format[index + 1])
        index += 1
      }
      index += 1
    }
    self.hasTime = hasTime
  }

  private static let months = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
  ]

  /// Microseconds since 1970 of a text in this format; nil for any other.
  func microseconds(_ cell: UnsafeBufferPointer<UInt8>) -> Int64? {
    var (year, month, day, hour, minute, second, fraction) = (1970, 1, 1, 0, 0, 0, 0)
    var isAfternoon: Bool?
    var shift = 0
    var at = 0
    func number(_ longest: Int) -> Int? {
      var value = 0
      let start = at
      while at < cell.count, at - start < longest, cell[at] &- 0x30 < 10 {
        value = value * 10 + Int(cell[at] &- 0x30)
        at += 1
      }
      return at > start ? value : nil
    }
    var index = 0
    while index < format.count {
      guard format[index] == 0x25 else {
        guard at < cell.count, cell[at] == format[index] else { return nil }
        at += 1
        index += 1
        continue
      }
      let letter = format[index + 1]
      index += 2
      switch letter {
      case UInt8(ascii: "Y"):
        guard let value = number(4) else { return nil }
        year = value
      case UInt8(ascii: "y"):
        guard let value = number(2) else { return nil }
        year = value < 69 ? 2000 + value : 1900 + value  // as POSIX reads it
      case UInt8(ascii: "m"):
        guard let value = number(2) else { return nil }
        month = value
      case UInt8(ascii: "d"):
        guard let value = number(2) else { return nil }
        day = value
      case UInt8(ascii: "H"), UInt8(ascii: "I"):
        guard let value = number(2), value < 24 else { return nil }
        hour = value
      case UInt8(ascii: "M"):
        guard let value = number(2), value < 60 else { return nil }
        minute = value
      case UInt8(ascii: "S"):
        guard let value = number(2), value < 60 else { return nil }
        second = value
      case UInt8(ascii: "f"):
        let start = at
        guard var value = number(6) else { return nil }
        for _ in (at - start)..<6 { value *= 10 }
        fraction = value
      case UInt8(ascii: "b"), UInt8(ascii: "B"):
        let start = at
        while at < cell.count, (0x61...0x7a).contains(cell[at] | 0x20) { at += 1 }
        let word = String(decoding: cell[start..<at], as: UTF8.self).lowercased()
        guard let found = Self.months.firstIndex(where: { $0 == word || $0.prefix(3) == word })
        else { return nil }
        month = found + 1
      case UInt8(ascii: "p"):
        guard at + 1 < cell.count, cell[at + 1] | 0x20 == 0x6d else { return nil }
        guard cell[at] | 0x20 == 0x61 || cell[at] | 0x20 == 0x70 else { return nil }
        isAfternoon = cell[at] | 0x20 == 0x70
        at += 2
      case UInt8(ascii: "z"):
        if at < cell.count, cell[at] == 0x5a {
          at += 1
        } else {
          guard at < cell.count, cell[at] == 0x2b || cell[at] == 0x2d else { return nil }
          let sign = cell[at] == 0x2b ? -1 : 1
          at += 1
          guard let hours = number(2), hours < 24 else { return nil }
          if at < cell.count, cell[at] == 0x3a { at += 1 }
          let minutes = number(2) ?? 0
          guard minutes < 60 else { return nil }
          shift = sign * (hours * 3600 + minutes * 60)
        }
      default:
        guard at < cell.count, cell[at] == 0x25 else { return nil }
        at += 1
      }
    }
    guard at == cell.count, let days = CivilDate.days(year, month, day) else { return nil }
    if let isAfternoon {
      guard (1...12).contains(hour) else { return nil }
      hour = hour % 12 + (isAfternoon ? 12 : 0)
    }
    let seconds = Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + second + shift)
    return seconds * 1_000_000 + Int64(fraction)
  }
}

/// What others may ask about formats.
package enum CSVFormats {
  package static func isDateFormat(_ text: String) -> Bool { DateFormat(text) != nil }
  package static func hasTime(_ format: String) -> Bool { DateFormat(format)?.hasTime ?? false }
}

extension CSVFormats {
  /// What an ISO 8601 text is: a date, a time without a zone or one with it; otherwise a text.
  package static func momentType(_ text: UnsafeBufferPointer<UInt8>) -> CellType {
    if CellParser.date(text) != nil { return .date }
    return CellParser.datetime(text).map { $0.isUTC ? .instant : .datetime } ?? .text
  }

  /// The moment of an ISO 8601 text, with time or without; nil for any other text.
  package static func microseconds(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
    CellParser.datetime(text)?.microseconds
      ?? CellParser.date(text).map { Int64($0) * 86_400_000_000 }
  }

  /// The moment of a text in a format; nil for any other text.
  package static func microseconds(_ text: String, format: String) -> Int64? {
    guard let format = DateFormat(format) else { return nil }
    var text = text
    return text.withUTF8 { format.microseconds($0) }
  }
}
