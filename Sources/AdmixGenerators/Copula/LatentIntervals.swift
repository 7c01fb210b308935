import AdmixData
import AdmixStatistics

/// Where a latent variable may be: disjoint intervals, rising, closed below and open above.
struct LatentIntervals: Equatable {
  struct Interval: Equatable {
    var low: Double
    var high: Double
  }

  private(set) var intervals: [Interval]

  static let everywhere = LatentIntervals([Interval(low: -.infinity, high: .infinity)])

  /// - Parameter intervals: rising; those that touch are joined.
  init(_ intervals: [Interval]) {
    self.intervals = []
    for next in intervals {
      if let last = self.intervals.last, last.high >= next.low, last.low < last.high {
        self.intervals[self.intervals.count - 1].high = max(last.high, next.high)
      } else {
        self.intervals.append(next)
      }
    }
  }

  var isEmpty: Bool { intervals.isEmpty }
  var arePoints: Bool { intervals.allSatisfy { $0.low == $0.high } }
  var isEverywhere: Bool { self == .everywhere }

  func intersecting(_ other: LatentIntervals) -> LatentIntervals {
    var out: [Interval] = []
    for a in intervals {
      for b in other.intervals {
        let low = max(a.low, b.low)
        let high = min(a.high, b.high)
        if low < high || (low == high && (a.low == a.high || b.low == b.high)) {
          out.append(Interval(low: low, high: high))
        }
      }
    }
    return LatentIntervals(out)
  }

  /// A draw of N(mean, deviation²) given that it is in here, by inversion of the uniform `u`.
  ///
  /// The result is in here, to the bit.
  func draw(_ u: Double, mean: Double, deviation: Double) -> Double {
    if intervals.count == 1 {
      return Self.draw(u, intervals[0], mean: mean, deviation: deviation)
    }
    if arePoints {
      return intervals[min(intervals.count - 1, Int(u * Double(intervals.count)))].low
    }
    var total = 0.0
    for interval in intervals { total += Self.mass(interval, mean, deviation) }
    var rest = u * total
    var chosen: Interval?
    var weight = 0.0
    for interval in intervals {
      weight = Self.mass(interval, mean, deviation)
      if weight > 0 { chosen = interval }
      if weight > 0, rest < weight { break }
      rest -= weight
    }
    if let chosen, weight > 0 {
      return Self.draw(
        min(max(rest / weight, 0x1p-54), 1 - 0x1p-53), chosen, mean: mean, deviation: deviation)
    }
    // Beyond what probabilities can hold: the nearest.
    var best = intervals[0]
    for interval in intervals
    where Self.distance(interval, mean) < Self.distance(best, mean) { best = interval }
    return Self.draw(u, best, mean: mean, deviation: deviation)
  }

  /// The probability of a draw of N(mean, deviation²) being in here.
  func mass(mean: Double, deviation: Double) -> Double {
    intervals.reduce(0.0) { $0 + Self.mass($1, mean, deviation) }
  }

  /// No less than `mass`, whatever the mean: each interval's, were the mean in its middle.
  func largestMass(deviation: Double) -> Double {
    let sum = intervals.reduce(0.0) { sum, interval in
      let half = (interval.high - interval.low) / (2 * deviation)
      return sum + 1 - 2 * NormalDistribution.cumulative(-half)
    }
    return min(1, sum)
  }

  private static func distance(_ interval: Interval, _ mean: Double) -> Double {
    max(0, max(interval.low - mean, mean - interval.high))
  }

  private static func mass(_ interval: Interval, _ mean: Double, _ deviation: Double) -> Double {
    let a = (interval.low - mean) / deviation
    let b = (interval.high - mean) / deviation
    // In the tail where probabilities are small, so that differences keep their digits.
    return a > 0
      ? NormalDistribution.cumulative(-a) - NormalDistribution.cumulative(-b)
      : NormalDistribution.cumulative(b) - NormalDistribution.cumulative(a)
  }

  private static func draw(
    _ u: Double, _ interval: Interval, mean: Double, deviation: Double
  ) -> Double {
    if interval.low == interval.high { return interval.low }
    let a = (interval.low - mean) / deviation
    let b = (interval.high - mean) / deviation
    var z: Double
    if a > 0 {
      let top = NormalDistribution.cumulative(-a)
      let bottom = NormalDistribution.cumulative(-b)
      z = NormalDistribution.upperQuantile(top - u * (top - bottom))
    } else {
      let bottom = NormalDistribution.cumulative(a)
      let top = NormalDistribution.cumulative(b)
      z = NormalDistribution.quantile(bottom + u * (top - bottom))
    }
    // Where both probabilities round to the same, z may be infinite or on the wrong side.
    if !z.isFinite { z = a.isFinite ? a : b }
    let value = mean + deviation * z
    let last = interval.high == .infinity ? Double.greatestFiniteMagnitude : interval.high.nextDown
    return min(max(value, interval.low), last)
  }
}
