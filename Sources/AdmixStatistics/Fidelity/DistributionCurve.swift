/// Two distribution functions over the same points, for drawing.
package struct DistributionCurve: Sendable, Codable, Hashable {
  package var name: String
  package var x: [Double]
  package var reference: [Double]
  package var table: [Double]

  /// Evenly spaced points over the middle 98 % of the reference, so that no single value shows and
  /// no outlier flattens the picture.
  ///
  /// Nil where there are no numbers.
  package init?(_ name: String, _ reference: ValueCounts, _ table: ValueCounts, points: Int = 41) {
    guard case .numbers(let a, let ca) = reference.values,
      case .numbers(let b, let cb) = table.values,
      let low = Self.quantile(a, ca, 0.01), let high = Self.quantile(a, ca, 0.99), points > 1
    else { return nil }
    let span = high > low ? high - low : 1
    let x = (0..<points).map { low + span * Double($0) / Double(points - 1) }
    self.name = name
    self.x = x
    self.reference = Self.shares(a, ca, upTo: x)
    self.table = Self.shares(b, cb, upTo: x)
  }

  private static func quantile(_ values: [Double], _ counts: [Int], _ share: Double) -> Double? {
    let wanted = share * Double(counts.reduce(0, +))
    var seen = 0
    for (value, count) in zip(values, counts) {
      seen += count
      if Double(seen) >= wanted { return value }
    }
    return values.last
  }

  private static func shares(_ values: [Double], _ counts: [Int], upTo x: [Double]) -> [Double] {
    let total = max(1, counts.reduce(0, +))
    var at = 0
    var seen = 0
    return x.map { point in
      while at < values.count, values[at] <= point {
        seen += counts[at]
        at += 1
      }
      return Double(seen) / Double(total)
    }
  }
}
