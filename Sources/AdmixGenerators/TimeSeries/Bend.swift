import AdmixStatistics

/// A rising map that gives what trend, season and normal noise make the distribution that was observed.
///
/// Each value goes to the observed quantile at the share of made values below it, so the order of values, and
/// most of their dependence in time, stays (Cario and Nelson 1996).
struct Bend: Hashable, Sendable, Codable {
  /// Rising, evenly spaced.
  var from: [Double]
  /// Rising; not everywhere.
  var to: [Double]

  private static let points = 257
  private static let rows = 512

  /// - Parameters:
  ///   - means: trend and season of the rows that have a value.
  ///   - deviation: around them, above 0.
  ///   - observed: the values, the smallest first; not empty.
  init(means: [Double], deviation: Double, observed: [Double]) {
    let few = stride(from: 0.5, to: Double(min(means.count, Self.rows)), by: 1).map {
      means[
        min(means.count - 1, Int($0 / Double(min(means.count, Self.rows)) * Double(means.count)))]
    }
    let low = (few.min() ?? 0) - 4 * deviation
    let high = (few.max() ?? 0) + 4 * deviation
    from = (0..<Self.points).map {
      low + (high - low) * Double($0) / Double(Self.points - 1)
    }
    to = from.map { value in
      var share = 0.0
      for mean in few { share += NormalDistribution.cumulative((value - mean) / deviation) }
      let place = share / Double(max(1, few.count)) * Double(observed.count) - 0.5
      let below = min(max(0, place.rounded(.down)), Double(observed.count - 1))
      let first = observed[Int(below)]
      let second = observed[min(observed.count - 1, Int(below) + 1)]
      return first + (second - first) * min(max(0, place - below), 1)
    }
  }

  /// Beyond its ends it goes on as far as the value does.
  func callAsFunction(_ value: Double) -> Double {
    guard let low = from.first, let high = from.last else { return value }
    if value <= low { return to[0] - (low - value) }
    if value >= high { return to[to.count - 1] + (value - high) }
    let place = (value - low) / (high - low) * Double(from.count - 1)
    let below = min(Int(place), from.count - 2)
    return to[below] + (to[below + 1] - to[below]) * (place - Double(below))
  }

  var isSound: Bool {
    from.count == Self.points && to.count == Self.points && from.allSatisfy(\.isFinite)
      && to.allSatisfy(\.isFinite) && zip(from, from.dropFirst()).allSatisfy { $0 < $1 }
  }
}
