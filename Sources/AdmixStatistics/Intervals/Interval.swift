/// A confidence interval.
package struct Interval: Hashable, Sendable {
  package var low: Double
  package var high: Double

  package init(_ low: Double, _ high: Double) {
    self.low = low
    self.high = high
  }

  /// Of a share `count / rows`: Wilson's score interval.
  ///
  /// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22
  /// (1927). Stays inside 0…1 and does not collapse at 0 or n. Nothing where there are no rows.
  package static func share(_ count: Int, of rows: Int, level: Double = 0.95) -> Interval? {
    guard rows > 0, count >= 0, count <= rows else { return nil }
    let n = Double(rows)
    let p = Double(count) / n
    let z = z(level)
    let spread = z * z / n
    let centre = (p + spread / 2) / (1 + spread)
    let half = z / (1 + spread) * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot()
    // At the ends the formula gives 0 and 1, but for rounding.
    return Interval(
      count == 0 ? 0 : max(0, centre - half), count == rows ? 1 : min(1, centre + half))
  }

  /// Of the difference of two independent shares, the first minus the second: Newcombe's hybrid score
  /// interval.
  ///
  /// R. G. Newcombe, "Interval estimation for the difference between independent proportions",
  /// Statistics in Medicine 17 (1998), method 10.
  package static func difference(
    _ count1: Int, of rows1: Int, _ count2: Int, of rows2: Int, level: Double = 0.95
  ) -> Interval? {
    guard let a = share(count1, of: rows1, level: level),
      let b = share(count2, of: rows2, level: level)
    else { return nil }
    let p = Double(count1) / Double(rows1)
    let q = Double(count2) / Double(rows2)
    func length(_ x: Double, _ y: Double) -> Double { (x * x + y * y).squareRoot() }
    return Interval(p - q - length(p - a.low, b.high - q), p - q + length(a.high - p, q - b.low))
  }

  /// Of the ratio of two independent shares, the first over the second, on the logarithmic scale.
  ///
  /// Katz et al., Biometrics 34 (1978); where one of the counts is zero with ½ added to counts and
  /// rows (Pettigrew, Gart and Thomas, Biometrika 73 (1986)).
  package static func ratio(
    _ count1: Int, of rows1: Int, _ count2: Int, of rows2: Int, level: Double = 0.95
  ) -> Interval? {
    guard rows1 > 0, rows2 > 0, count1 >= 0, count2 >= 0, count1 <= rows1, count2 <= rows2 else {
      return nil
    }
    return ratio(
      count1, rows1, count2, rows2, added: count1 == 0 || count2 == 0 ? 0.5 : 0, level: level)
  }

  static func ratio(
    _ count1: Int, _ rows1: Int, _ count2: Int, _ rows2: Int, added: Double, level: Double
  ) -> Interval {
    let (x, n) = (Double(count1) + added, Double(rows1) + added)
    let (y, m) = (Double(count2) + added, Double(rows2) + added)
    let centre = PortableMath.log(x / n) - PortableMath.log(y / m)
    let half = z(level) * max(0, 1 / x - 1 / n + 1 / y - 1 / m).squareRoot()
    return Interval(PortableMath.exp(centre - half), PortableMath.exp(centre + half))
  }

  static func z(_ level: Double) -> Double { NormalDistribution.quantile(0.5 + level / 2) }
}
