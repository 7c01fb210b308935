import Foundation

/// Integrals that distributions need and libm does not have; formulas as in the NIST Digital Library
/// of Mathematical Functions, chapters 7 and 8.
enum SpecialFunctions {
  /// The logarithm of Γ(x), without libm's global sign variable.
  static func logGamma(_ x: Double) -> Double {
    var sign: Int32 = 0
    return lgamma_r(x, &sign)
  }

  /// P(a, x) = γ(a, x) / Γ(a), for a > 0 and x ≥ 0 (DLMF 8.2.4); from 0 to 1.
  static func gammaP(_ a: Double, _ x: Double) -> Double {
    guard x > 0 else { return 0 }
    guard x.isFinite else { return 1 }
    let front = exp(a * log(x) - x - logGamma(a))
    if x < a + 1 {
      // Power series (DLMF 8.7.1): every term is positive and shrinks.
      var term = 1 / a
      var sum = term
      var n = a
      while term > sum * 1e-17 {
        n += 1
        term *= x / n
        sum += term
      }
      return min(1, front * sum)
    }
    // Continued fraction for the upper function (DLMF 8.9.2), evaluated forwards (Lentz).
    let complement = lentz(first: x + 1 - a) { n in
      (Double(n) * (a - Double(n)), x + Double(2 * n + 1) - a)
    }
    return max(0, 1 - front / complement)
  }

  /// I_x(a, b), for a, b > 0 and x from 0 to 1 (DLMF 8.17.2).
  static func beta(_ x: Double, _ a: Double, _ b: Double) -> Double {
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    // The fraction converges quickly on this side of the mean; the other side by symmetry (8.17.4).
    if x > (a + 1) / (a + b + 2) { return 1 - beta(1 - x, b, a) }
    let front =
      exp(
        a * log(x) + b * log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b)) / a
    // DLMF 8.17.22.
    let fraction = lentz(first: 1) { n in
      let m = Double(n / 2)
      let coefficient =
        n.isMultiple(of: 2)
        ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      return (coefficient, 1)
    }
    return min(1, max(0, front / fraction))
  }

  /// Φ(x), the standard normal distribution function.
  static func normal(_ x: Double) -> Double { 0.5 * erfc(-x * 0.5.squareRoot()) }

  /// The logarithm of Φ(x), also where Φ(x) is too small for a number (DLMF 7.12.1).
  static func logNormal(_ x: Double) -> Double {
    if x > -30 { return log(normal(x)) }
    let square = 1 / (x * x)
    let series = 1 - square * (1 - square * (3 - square * (15 - square * 105)))
    return -x * x / 2 - log(-x) - log(2 * .pi) / 2 + log(series)
  }

  /// I_j(κ) / I_0(κ) for j from 1 until nothing is left, κ > 0; by backward recurrence (DLMF 10.74(iv)).
  static func besselRatios(_ kappa: Double) -> [Double] {
    let count = 20 + Int(min(1e6, 9 * kappa.squareRoot()))
    // I_j / I_{j−1}, from the far end.
    var steps = [Double](repeating: 0, count: count + 30)
    var step = 0.0
    for index in steps.indices.reversed() {
      step = 1 / (2 * Double(index + 1) / kappa + step)
      steps[index] = step
    }
    var product = 1.0
    return steps.prefix(count).map { step in
      product *= step
      return product
    }
  }

  /// The mean of `value(j)`, from 0 to 1, over j from a Poisson distribution (DLMF 8.17 for what it is
  /// used with); terms that weigh less than 1e-17 are left out.
  static func poissonMixture(_ mean: Double, _ value: (Double) -> Double) -> Double {
    guard mean > 0 else { return value(0) }
    let mode = mean.rounded(.down)
    let peak = exp(mode * log(mean) - mean - logGamma(mode + 1))
    var sum = peak * value(mode)
    var (number, weight) = (mode, peak)
    while number > 0, weight > 1e-17 {
      weight *= number / mean
      number -= 1
      sum += weight * value(number)
    }
    (number, weight) = (mode, peak)
    while weight > 1e-17 {
      number += 1
      weight *= mean / number
      sum += weight * value(number)
    }
    return min(1, sum)
  }

  /// b₀ + a₁/(b₁ + a₂/(b₂ + …)) by the modified Lentz method.
  private static func lentz(first: Double, _ step: (Int) -> (a: Double, b: Double)) -> Double {
    let tiny = 1e-300
    var value = first == 0 ? tiny : first
    var c = value
    var d = 0.0
    for n in 1...10_000 {
      let (a, b) = step(n)
      d = b + a * d
      if d == 0 { d = tiny }
      d = 1 / d
      c = b + a / c
      if c == 0 { c = tiny }
      let change = c * d
      value *= change
      if abs(change - 1) < 1e-16 { break }
    }
    return value
  }

  /// The x with `cdf(x) = u` for a continuous, rising `cdf`; `guess` and `scale` only save steps.
  static func invert(
    _ u: Double, guess: Double, scale: Double, within range: ClosedRange<Double>,
    _ cdf: (Double) -> Double
  ) -> Double {
    var low = max(range.lowerBound, guess - scale)
    var high = min(range.upperBound, guess + scale)
    var step = scale
    while low > range.lowerBound, cdf(low) > u {
      high = low
      step *= 2
      low = max(range.lowerBound, low - step)
    }
    while high < range.upperBound, cdf(high) < u {
      low = max(low, high)
      step *= 2
      high = min(range.upperBound, high + step)
    }
    // Bisection: slow steps, but the same ones on every machine, and it cannot fail.
    for _ in 0..<200 {
      let middle = low + (high - low) / 2
      if middle <= low || middle >= high { break }
      if cdf(middle) < u { low = middle } else { high = middle }
      if high - low <= 1e-13 * max(abs(low), abs(high)) { break }
    }
    return low + (high - low) / 2
  }

  /// The smallest whole k in the range with `cdf(k) ≥ u`.
  static func invertWhole(
    _ u: Double, guess: Double, scale: Double, within range: ClosedRange<Double>,
    _ cdf: (Double) -> Double
  ) -> Double {
    var low = max(range.lowerBound - 1, (guess - scale).rounded(.down))
    var high = min(range.upperBound, (guess + scale).rounded(.up))
    var step = max(1, scale.rounded(.up))
    while low >= range.lowerBound, cdf(low) >= u {
      high = low
      step *= 2
      low = max(range.lowerBound - 1, low - step)
    }
    while high < range.upperBound, cdf(high) < u {
      low = max(low, high)
      step *= 2
      high = min(range.upperBound, high + step)
    }
    while high - low > 1 {
      let middle = ((low + high) / 2).rounded(.down)
      if cdf(middle) >= u { high = middle } else { low = middle }
    }
    return high
  }
}
