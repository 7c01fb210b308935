import AdmixModel

/// How values read in text files.
package enum TextRendering {
  /// The shortest text that reads back as the same number; with `decimals`, as many digits after the
  /// point where that is the same number.
  package static func append(_ value: Double, decimals: Int?, to out: inout [UInt8]) {
    if let decimals, decimals >= 0, decimals <= 15, let scale = scale(decimals) {
      let scaled = (value * scale).rounded()
      if scaled.magnitude < 0x1p53, scaled / scale == value {
        return appendFixed(value, Int64(scaled), decimals, to: &out)
      }
    }
    out.append(contentsOf: "\(value)".utf8)
  }

  /// `2024-02-29`; years beyond four digits have a sign.
  package static func append(days: Int64, to out: inout [UInt8]) {
    let (year, month, day) = civil(days)
    if year < 0 || year > 9999 { out.append(UInt8(ascii: year < 0 ? "-" : "+")) }
    append(year.magnitude, width: 4, to: &out)
    out.append(UInt8(ascii: "-"))
    append(UInt64(month), width: 2, to: &out)
    out.append(UInt8(ascii: "-"))
    append(UInt64(day), width: 2, to: &out)
  }

  /// `2024-02-29T23:59:59.250`, with `Z` where it is UTC; no fraction where it is zero.
  package static func append(microseconds: Int64, isUTC: Bool, to out: inout [UInt8]) {
    let (days, inDay) = floorDivide(microseconds, 86_400_000_000)
    append(days: days, to: &out)
    out.append(UInt8(ascii: "T"))
    let (seconds, micros) = inDay.quotientAndRemainder(dividingBy: 1_000_000)
    append(UInt64(seconds / 3600), width: 2, to: &out)
    out.append(UInt8(ascii: ":"))
    append(UInt64(seconds / 60 % 60), width: 2, to: &out)
    out.append(UInt8(ascii: ":"))
    append(UInt64(seconds % 60), width: 2, to: &out)
    if micros > 0 {
      out.append(UInt8(ascii: "."))
      let isMillis = micros % 1000 == 0
      append(UInt64(isMillis ? micros / 1000 : micros), width: isMillis ? 3 : 6, to: &out)
    }
    if isUTC { out.append(UInt8(ascii: "Z")) }
  }

  /// A string in JSON, quotes included.
  package static func append(jsonString text: UnsafeBufferPointer<UInt8>, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        out.append(UInt8(ascii: "\\"))
        out.append(byte)
      case 0x0a: out.append(contentsOf: "\\n".utf8)
      case 0x0d: out.append(contentsOf: "\\r".utf8)
      case 0x09: out.append(contentsOf: "\\t".utf8)
      case 0..<0x20, 0x7f:
        out.append(contentsOf: "\\u00".utf8)
        for nibble in [byte >> 4, byte & 15] {
          out.append(nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
        }
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  package static func append(_ value: Int64, to out: inout [UInt8]) {
    if value < 0 { out.append(UInt8(ascii: "-")) }
    append(value.magnitude, width: 1, to: &out)
  }

  private static func append(_ value: UInt64, width: Int, to out: inout [UInt8]) {
    let start = out.count
    var rest = value
    repeat {
      out.append(0x30 + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    while out.count - start < width { out.append(0x30) }
    out[start...].reverse()
  }

  private static func appendFixed(
    _ value: Double, _ scaled: Int64, _ decimals: Int, to out: inout [UInt8]
  ) {
    if value.sign == .minus { out.append(UInt8(ascii: "-")) }
    var power: UInt64 = 1
    for _ in 0..<decimals { power *= 10 }
    append(scaled.magnitude / power, width: 1, to: &out)
    guard decimals > 0 else { return }
    out.append(UInt8(ascii: "."))
    append(scaled.magnitude % power, width: decimals, to: &out)
  }

  private static func scale(_ decimals: Int) -> Double? {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    return scale
  }

  private static func floorDivide(_ value: Int64, _ by: Int64) -> (Int64, Int64) {
    let (quotient, rest) = value.quotientAndRemainder(dividingBy: by)
    return rest < 0 ? (quotient - 1, rest + by) : (quotient, rest)
  }

  /// Howard Hinnant's `civil_from_days`, for the proleptic Gregorian calendar.
  private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }
}
