import AdmixModel
import Foundation

/// The one place that decides how figures look to people.
package enum Numbers {
  package static func count(_ value: Int) -> String {
    let digits = String(abs(value))
    var out = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { out += "," }
      out.append(digit)
    }
    return (value < 0 ? "-" : "") + out
  }

  /// A count with its noun: `1 row`, `2 rows`.
  package static func count(_ value: Int, _ one: String, _ many: String? = nil) -> String {
    "\(count(value)) \(value == 1 ? one : many ?? one + "s")"
  }

  /// Whole numbers whole, others to about four digits, without an exponent where that is readable.
  package static func figure(_ value: Double) -> String {
    if value.isInfinite { return value < 0 ? "-∞" : "∞" }
    if value == 0 { return "0" }
    if let whole = Int(exactly: value), abs(whole) < 1_000_000_000_000 { return count(whole) }
    let size = abs(value)
    if size >= 1e7 || size < 1e-4 { return String(format: "%.3e", value) }
    let decimals = size >= 1000 ? 1 : size >= 100 ? 2 : size >= 1 ? 3 : 4
    return String(format: "%.\(decimals)f", value)
  }

  /// As short as the ends of an axis need it.
  package static func tick(_ value: Double) -> String {
    abs(value) >= 1000 ? figure(value) : String(format: "%g", (value * 1e6).rounded() / 1e6)
  }

  package static func percent(_ value: Double) -> String {
    value.isFinite ? String(format: "%.1f %%", value * 100) : figure(value)
  }

  /// The figure with its interval, or why there is none.
  package static func measurement(_ value: Measurement, isShare: Bool = false) -> String {
    guard let point = value.value else { return value.reason ?? "undefined" }
    let format = isShare ? percent : figure
    guard let low = value.low, let high = value.high else { return format(point) }
    return "\(format(point)) [\(format(low)), \(format(high))]"
  }

  package static func bytes(_ value: Int) -> String {
    var size = Double(value)
    for unit in ["B", "KiB", "MiB", "GiB"] {
      if size < 1024 { return unit == "B" ? "\(value) B" : String(format: "%.1f %@", size, unit) }
      size /= 1024
    }
    return String(format: "%.1f TiB", size)
  }

  package static func seconds(_ value: Double) -> String {
    if value < 0.0995 { return String(format: "%.0f ms", value * 1000) }
    if value < 60 { return String(format: "%.1f s", value) }
    let whole = Int(value)
    return whole < 3600
      ? String(format: "%d min %02d s", whole / 60, whole % 60)
      : String(format: "%d h %02d min", whole / 3600, whole % 3600 / 60)
  }
}
