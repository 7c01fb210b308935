/// Durations and sizes the way people write them: `90`, `90s`, `5 min`, `1.5h`, `512 MiB`, `20GB`.
package enum Quantity: String, Sendable {
  /// Seconds; a bare number is seconds.
  case duration
  /// Bytes; a bare number is bytes. `kB` is 1,000 and `KiB` 1,024 of them.
  case size

  private var units: [(names: [String], factor: Double)] {
    switch self {
    case .duration:
      [
        (["ms"], 1e-3), (["s", "sec", "second", "seconds"], 1),
        (["m", "min", "minute", "minutes"], 60), (["h", "hour", "hours"], 3_600),
        (["d", "day", "days"], 86_400), (["w", "week", "weeks"], 604_800),
      ]
    case .size:
      [
        (["b", "byte", "bytes"], 1), (["kb"], 1e3), (["mb"], 1e6), (["gb"], 1e9), (["tb"], 1e12),
        (["kib", "k"], 1_024), (["mib", "m"], 1_048_576), (["gib", "g"], 1_073_741_824),
        (["tib", "t"], 1_099_511_627_776),
      ]
    }
  }

  /// Seconds or bytes, not negative; nil for what is no such quantity.
  package func value(_ text: String) -> Double? {
    let trimmed = text.drop { $0 == " " }
    let number = trimmed.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = trimmed.dropFirst(number.count).drop { $0 == " " }.lowercased()
    guard let value = Double(number), value.isFinite, number.last != "." else { return nil }
    if unit.isEmpty { return value }
    guard let factor = units.first(where: { $0.names.contains(unit) })?.factor else { return nil }
    let product = value * factor
    return product <= 9e15 ? product : nil
  }

  /// What completes "should be …".
  package var expected: String {
    switch self {
    case .duration: "a duration such as '90s', '5 min' or '2h'"
    case .size: "a size such as '512 MiB' or '20 GB'"
    }
  }
}
