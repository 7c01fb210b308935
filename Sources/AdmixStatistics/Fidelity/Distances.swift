import AdmixData
import Foundation

/// Distances between two distributions, from their counts; 0 where they agree.
package enum Distances {
  /// Kolmogorov and Smirnov's sup |F − G|; nil where a side has no values.
  package static func ks(
    _ a: [Double], _ ca: [Int], _ b: [Double], _ cb: [Int]
  ) -> Double? {
    let na = ca.reduce(0, +)
    let nb = cb.reduce(0, +)
    guard na > 0, nb > 0 else { return nil }
    var i = 0
    var j = 0
    var seenA = 0
    var seenB = 0
    var worst = 0.0
    while i < a.count, j < b.count {
      let value = min(a[i], b[j])
      if a[i] == value {
        seenA += ca[i]
        i += 1
      }
      if b[j] == value {
        seenB += cb[j]
        j += 1
      }
      worst = max(worst, abs(Double(seenA) / Double(na) - Double(seenB) / Double(nb)))
    }
    return worst
  }

  /// What `ks` is on average between two samples of one distribution, of as many rows as the counts
  /// of its values say and of m rows.
  ///
  /// √(nm/(n+m)) times the distance tends to the greatest height of a Brownian bridge at the cumulative
  /// shares of the values; for a continuous column its mean is √(π/2)·ln 2 (Kolmogorov's law), for one
  /// with few values, or with a value that many rows have, it is less, and is taken from 400 bridges
  /// with fixed random numbers.
  package static func expectedKS(_ counts: [Int], _ m: Int) -> Double {
    let n = counts.reduce(0, +)
    guard n > 0, m > 0 else { return 1 }
    let size = Double(n) * Double(m) / Double(n + m)
    return min(1, meanHeight(ofBridgesAt: grid(counts, n)) / size.squareRoot())
  }

  private static let steps = 256

  /// The cumulative shares of the values, those that lie close to each other thinned out; nil where
  /// all of them do.
  private static func grid(_ counts: [Int], _ n: Int) -> [Double]? {
    guard counts.contains(where: { $0 * steps >= n }) else { return nil }
    var places: [Double] = []
    var seen = 0
    for (index, count) in counts.dropLast().enumerated() {
      seen += count
      let isFar = Double(seen) / Double(n) - (places.last ?? 0) >= 1 / Double(steps)
      if isFar || counts[index + 1] * steps >= n { places.append(Double(seen) / Double(n)) }
    }
    return places
  }

  private static func meanHeight(ofBridgesAt places: [Double]?) -> Double {
    guard let places else { return (Double.pi / 2).squareRoot() * 0.6931471805599453 }
    guard !places.isEmpty else { return 0 }
    let source = RandomSource(seed: 0, salt: "brownian-bridge")
    let tag = RandomSource.tag("step")
    let paths = 400
    var sum = 0.0
    var walk = [Double](repeating: 0, count: places.count)
    for path in 0..<paths {
      var at = 0.0
      var height = 0.0
      for (index, place) in (places + [1]).enumerated() {
        let step = source.uniform(row: UInt64(path), tag: tag, draw: UInt32(index))
        at += (place - height).squareRoot() * NormalDistribution.quantile(step)
        height = place
        if index < walk.count { walk[index] = at }
      }
      var highest = 0.0
      for (index, place) in places.enumerated() {
        highest = max(highest, abs(walk[index] - place * at))
      }
      sum += highest
    }
    return sum / Double(paths)
  }

  /// Total variation, half of Σ |p − q|, over cells that correspond; nil where a side is empty.
  package static func totalVariation(_ a: [Int], _ b: [Int]) -> Double? {
    let na = a.reduce(0, +)
    let nb = b.reduce(0, +)
    guard na > 0, nb > 0, a.count == b.count else { return nil }
    var sum = 0.0
    for cell in a.indices {
      sum += abs(Double(a[cell]) / Double(na) - Double(b[cell]) / Double(nb))
    }
    return sum / 2
  }

  /// What total variation is on average between two samples of the first distribution, of n and m
  /// rows: ½ Σ √(2/π · p(1−p)(1/n + 1/m)), each cell taken as normal.
  package static func expectedTotalVariation(_ reference: [Int], _ m: Int) -> Double {
    let n = reference.reduce(0, +)
    guard n > 0, m > 0 else { return 1 }
    let scale = 2 / Double.pi * (1 / Double(n) + 1 / Double(m))
    var sum = 0.0
    for count in reference where count > 0 {
      let p = Double(count) / Double(n)
      sum += (scale * p * (1 - p)).squareRoot()
    }
    return min(1, sum / 2)
  }

  /// What |r − r'| is on average between two samples whose correlation is r.
  package static func expectedCorrelationDifference(_ r: Double, _ n: Int, _ m: Int) -> Double {
    guard n > 1, m > 1 else { return 2 }
    return (2 / Double.pi).squareRoot() * (1 - r * r)
      * (1 / Double(n) + 1 / Double(m)).squareRoot()
  }

  /// ∫ |F − G| dx, in the column's unit.
  package static func wasserstein(
    _ a: [Double], _ ca: [Int], _ b: [Double], _ cb: [Int]
  ) -> Double? {
    let na = ca.reduce(0, +)
    let nb = cb.reduce(0, +)
    guard na > 0, nb > 0 else { return nil }
    var i = 0
    var j = 0
    var seenA = 0
    var seenB = 0
    var sum = 0.0
    var last: Double?
    while i < a.count || j < b.count {
      let value = min(i < a.count ? a[i] : .infinity, j < b.count ? b[j] : .infinity)
      if let last {
        sum += (value - last) * abs(Double(seenA) / Double(na) - Double(seenB) / Double(nb))
      }
      if i < a.count, a[i] == value {
        seenA += ca[i]
        i += 1
      }
      if j < b.count, b[j] == value {
        seenB += cb[j]
        j += 1
      }
      last = value
    }
    return sum
  }

  /// Jensen and Shannon's distance, the square root of the divergence, with logarithms to base 2.
  package static func jensenShannon(_ a: [Int], _ b: [Int]) -> Double? {
    let na = Double(a.reduce(0, +))
    let nb = Double(b.reduce(0, +))
    guard na > 0, nb > 0, a.count == b.count else { return nil }
    var sum = 0.0
    for cell in a.indices {
      let p = Double(a[cell]) / na
      let q = Double(b[cell]) / nb
      let middle = (p + q) / 2
      if p > 0 { sum += p * log2(p / middle) / 2 }
      if q > 0 { sum += q * log2(q / middle) / 2 }
    }
    return max(0, sum).squareRoot()
  }
}
