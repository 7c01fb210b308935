import AdmixData

/// Random decisions with exactly the probabilities that privacy proofs ask for.
///
/// Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy" (2020): everything is
/// done in whole numbers, because the low bits of floating-point noise give values away (Mironov 2012).
package struct ExactNoise {
  private var next: () -> UInt64

  /// Noise that nobody can repeat, from the operating system's cryptographic generator.
  package static func secret() -> ExactNoise {
    var generator = SystemRandomNumberGenerator()
    return ExactNoise { generator.next() }
  }

  /// Noise that anybody can repeat who knows the seed, and so can take away: for tests alone.
  package static func forTests(seed: UInt64, purpose: String) -> ExactNoise {
    let source = RandomSource(seed: seed, salt: "noise for tests\u{0}" + purpose)
    var row: UInt64 = 0
    return ExactNoise {
      row += 1
      return source.bits(row: row, tag: 0)
    }
  }

  private init(_ next: @escaping () -> UInt64) { self.next = next }

  /// A whole number in 0..<bound, each equally often.
  ///
  /// - Parameter bound: at least 1.
  package func uniform(below bound: UInt128) -> UInt128 {
    if bound <= 1 { return 0 }
    let bits = 128 - (bound - 1).leadingZeroBitCount
    let mask: UInt128 = bits >= 128 ? .max : (UInt128(1) << UInt128(bits)) - 1
    while true {
      var value = UInt128(next())
      if bits > 64 { value |= UInt128(next()) << 64 }
      value &= mask
      if value < bound { return value }
    }
  }

  /// True with probability numerator/denominator.
  func bernoulli(_ numerator: UInt128, _ denominator: UInt128) -> Bool {
    uniform(below: denominator) < numerator
  }

  /// True with probability exp(−numerator/denominator).
  package func bernoulliExp(_ numerator: UInt128, _ denominator: UInt128) -> Bool {
    for _ in 0..<(numerator / denominator) where !bernoulliExpOfFraction(1, 1) { return false }
    return bernoulliExpOfFraction(numerator % denominator, denominator)
  }

  /// True with probability exp(−γ) for γ in 0...1: the parity of how many Bernoulli(γ/k) in a row are 1.
  private func bernoulliExpOfFraction(_ numerator: UInt128, _ denominator: UInt128) -> Bool {
    var k: UInt128 = 1
    while bernoulli(numerator, denominator * k) { k += 1 }
    return k % 2 == 1
  }

  /// A whole number x with probability proportional to exp(−|x|/scale).
  func laplace(scale: UInt128) -> Int64 {
    while true {
      let fraction = uniform(below: scale)
      if !bernoulliExpOfFraction(fraction, scale) { continue }
      var whole: UInt128 = 0
      while bernoulliExpOfFraction(1, 1) { whole += 1 }
      let magnitude = fraction + scale * whole
      let isNegative = bernoulli(1, 2)
      // Zero is not given twice.
      if isNegative && magnitude == 0 { continue }
      guard let value = Int64(exactly: magnitude) else { continue }
      return isNegative ? -value : value
    }
  }

  /// A whole number x with probability proportional to exp(−x²/(2·variance)).
  ///
  /// - Parameter variance: from 1 to 2⁴⁰, so that no product leaves 128 bits.
  package func gaussian(variance: UInt64) -> Int64 {
    let v = UInt128(min(max(variance, 1), 1 << 40))
    let t = UInt128(Double(v).squareRoot()) + 1
    while true {
      let x = laplace(scale: t)
      // exp(−(|x| − v/t)²/(2v)) with both sides times t².
      let a = UInt128(x.magnitude) * t
      let distance = a > v ? a - v : v - a
      if distance >> 60 > 0 { continue }  // so unlikely that it never comes: e to the −2³⁰ and less
      if bernoulliExp(distance * distance, 2 * v * t * t) { return x }
    }
  }

  /// An index with probability proportional to exp(ε·score/2), ε a whole number over 2²⁰.
  ///
  /// The exponential mechanism of McSherry and Talwar (2007), drawn exactly: an index is proposed
  /// uniformly and kept with probability exp(−ε·(largest − score)/2).
  ///
  /// - Parameter scores: of sensitivity 1; not empty.
  package func choose(_ scores: [Int64], epsilon20: UInt64) -> Int {
    let largest = scores.max() ?? 0
    while true {
      let index = Int(uniform(below: UInt128(scores.count)))
      let gap = UInt128((largest - scores[index]).magnitude)
      if bernoulliExp(gap * UInt128(epsilon20), 1 << 21) { return index }
    }
  }
}
