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
  /// By point: the share of made values below it.
  var shares: [Double]

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
    shares = from.map { value in
      var share = 0.0
      for mean in few { share += NormalDistribution.cumulative((value - mean) / deviation) }
      return share / Double(max(1, few.count))
    }
    to = shares.map { share in
      let place = share * Double(observed.count) - 0.5
      let below = min(max(0, place.rounded(.down)), Double(observed.count - 1))
      let first = observed[Int(below)]
      let second = observed[min(observed.count - 1, Int(below) + 1)]
      return first + (second - first) * min(max(0, place - below), 1)
    }
  }

  /// Beyond its ends it goes on as far as the value does.
  func callAsFunction(_ value: Double) -> Double {
    guard let low = from.first, let high = from.last, !value.isNaN else { return value }
    if value <= low { return to[0] - (low - value) }
    if value >= high { return to[to.count - 1] + (value - high) }
    let place = (value - low) / (high - low) * Double(from.count - 1)
    let below = min(Int(place), from.count - 2)
    return to[below] + (to[below + 1] - to[below]) * (place - Double(below))
  }

  /// What is bent to a value: the mean of it, and the variance where there are many, as with frequent zeros.
  func inverse(_ value: Double) -> (mean: Double, variance: Double) {
    guard let low = to.first, let high = to.last else { return (value, 0) }
    func first(_ isBeyond: (Double) -> Bool) -> Int {
      var (low, high) = (0, to.count)
      while low < high {
        let middle = (low + high) / 2
        if isBeyond(to[middle]) { high = middle } else { low = middle + 1 }
      }
      return low
    }
    let at = first { $0 >= value }
    let last = first { $0 > value } - 1
    if last > at {
      var (weight, mean, square) = (0.0, 0.0, 0.0)
      for place in at..<last {
        let share = shares[place + 1] - shares[place]
        let middle = 0.5 * (from[place] + from[place + 1])
        weight += share
        mean += share * middle
        square += share * middle * middle
      }
      guard weight > 0 else { return (0.5 * (from[at] + from[last]), 0) }
      mean /= weight
      return (mean, max(0, square / weight - mean * mean))
    }
    if last == at { return (from[at], 0) }
    if at == 0 { return (from[0] - (low - value), 0) }
    if at == to.count { return (from[to.count - 1] + (value - high), 0) }
    let share = (value - to[at - 1]) / (to[at] - to[at - 1])
    return (from[at - 1] + (from[at] - from[at - 1]) * share, 0)
  }

  var isSound: Bool {
    from.count == Self.points && to.count == Self.points && shares.count == Self.points
      && shares.allSatisfy { (0...1.001).contains($0) } && from.allSatisfy(\.isFinite)
      && to.allSatisfy(\.isFinite) && zip(from, from.dropFirst()).allSatisfy { $0 < $1 }
  }
}
