/// Exponential and logarithm from + − × ÷ alone, which IEEE 754 fixes to the last bit.
///
/// A C library's `exp` and `log` differ in their last digit between versions and processors; what goes
/// into the bytes of a dataset must not. Both are within about one unit in the last place.
package enum PortableMath {
  private static let log2High = 6.931_471_803_691_238_164_90e-1
  private static let log2Low = 1.908_214_929_270_587_700_02e-10

  /// e to the power x; 0 below −745, infinite above 709.78.
  package static func exp(_ x: Double) -> Double {
    if x.isNaN { return x }
    if x > 709.782712893384 { return .infinity }
    if x < -745.2 { return 0 }
    // x = k·ln 2 + r with |r| ≤ ½ ln 2; ln 2 in two parts, so that k·ln 2 is subtracted exactly.
    let k = (x * 1.442695040888963407).rounded(.toNearestOrEven)
    let r = (x - k * log2High) - k * log2Low
    // Taylor to r¹³/13!, below 2⁻⁵⁸ on this interval.
    var p = 1.0 / 6_227_020_800
    p = p * r + 1.0 / 479_001_600
    p = p * r + 1.0 / 39_916_800
    p = p * r + 1.0 / 3_628_800
    p = p * r + 1.0 / 362_880
    p = p * r + 1.0 / 40_320
    p = p * r + 1.0 / 5_040
    p = p * r + 1.0 / 720
    p = p * r + 1.0 / 120
    p = p * r + 1.0 / 24
    p = p * r + 1.0 / 6
    p = p * r + 0.5
    let sum = 1 + (r + r * r * p)
    return scaled(sum, by: Int(k))
  }

  /// The natural logarithm; −infinity at 0, not a number below it.
  package static func log(_ x: Double) -> Double {
    if x.isNaN || x < 0 { return .nan }
    if x == 0 { return -.infinity }
    if x == .infinity { return x }
    var exponent = Double(x.exponent)
    var m = x.significand
    if m > 1.4142135623730951 {
      m *= 0.5
      exponent += 1
    }
    // log m = 2 artanh s with s = (m − 1)/(m + 1), |s| ≤ 0.1716: eleven terms reach the last bit.
    let s = (m - 1) / (m + 1)
    let q = s * s
    var p = 1.0 / 23
    p = p * q + 1.0 / 21
    p = p * q + 1.0 / 19
    p = p * q + 1.0 / 17
    p = p * q + 1.0 / 15
    p = p * q + 1.0 / 13
    p = p * q + 1.0 / 11
    p = p * q + 1.0 / 9
    p = p * q + 1.0 / 7
    p = p * q + 1.0 / 5
    p = p * q + 1.0 / 3
    let tail = 2 * s * q * p
    return exponent * log2High + (2 * s + (tail + exponent * log2Low))
  }

  private static func scaled(_ value: Double, by exponent: Int) -> Double {
    if exponent >= -1022 && exponent <= 1023 {
      return value * Double(bitPattern: UInt64(exponent + 1023) << 52)
    }
    // In two steps, each a power of two that a double can hold.
    let half = exponent / 2
    return value * Double(bitPattern: UInt64(half + 1023) << 52)
      * Double(bitPattern: UInt64(exponent - half + 1023) << 52)
  }
}
