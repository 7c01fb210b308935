import Foundation

/// Division towards minus infinity, with the remainder that belongs to it.
package enum FloorDivision {
  /// Quotient and remainder of doubles as Python and numpy have them: the remainder is exact and has
  /// the divisor's sign, so `1 // 0.1` is 9 although `1 / 0.1` rounds to 10.
  ///
  /// - Parameter y: where it is zero, both results are not finite.
  package static func of(_ x: Double, by y: Double) -> (quotient: Double, remainder: Double) {
    guard y != 0 else { return (x / y, .nan) }
    var remainder = x.truncatingRemainder(dividingBy: y)
    var quotient = (x - remainder) / y
    if remainder != 0, (remainder < 0) != (y < 0) {
      remainder += y
      quotient -= 1
    }
    return (quotient.rounded(), remainder)
  }
}

/// Numbers at a number of decimal digits.
package enum Rounding {
  /// To the nearest, halves away from zero; unchanged where a double has no such digits.
  package static func of(_ x: Double, digits: Double) -> Double {
    let scale = pow(10, digits.rounded())
    // Beyond 2^52 a double has no fraction left to round; a scale of 0 or infinity is out of reach.
    if scale == 0 { return 0 }
    let scaled = x * scale
    guard scale.isFinite, scaled.isFinite, abs(scaled) < 0x1p52 else { return x }
    // By 0.01 a division is exact where a multiplication is not.
    return digits < 0 ? scaled.rounded() * pow(10, -digits.rounded()) : scaled.rounded() / scale
  }
}
