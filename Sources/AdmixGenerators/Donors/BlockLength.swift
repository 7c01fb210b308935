import Foundation

/// How long blocks have to be for what follows what to be kept.
package enum BlockLength {
  /// The length that makes the variance of a mean most exact.
  ///
  /// Politis and White 2004, with the correction of Patton, Politis and White 2009: flat-top weights up to twice
  /// the lag after which autocorrelations are no longer told from none.
  ///
  /// - Parameter values: in order; missing ones are passed over.
  /// - Returns: at least 1; nil where the values do not vary, or are fewer than 8.
  package static func automatic(_ values: [Double], isStationary: Bool) -> Double? {
    let present = values.filter { !$0.isNaN }
    let count = Double(present.count)
    guard present.count >= 8 else { return nil }
    let mean = present.reduce(0, +) / count
    let apart = present.map { $0 - mean }
    func covariance(_ lag: Int) -> Double {
      var sum = 0.0
      for at in lag..<apart.count { sum += apart[at] * apart[at - lag] }
      return sum / count
    }
    let variance = covariance(0)
    guard variance > 0, variance.isFinite else { return nil }
    let least = 2 * (log10(count) / count).squareRoot()
    let run = max(5, Int(log10(count).squareRoot().rounded(.up)))
    let furthest = min(present.count - 1, Int(count.squareRoot().rounded(.up)) + run)
    var lag = 0
    var insignificant = 0
    // The first lag after which a run of autocorrelations says nothing.
    var last = furthest
    while lag < furthest {
      lag += 1
      insignificant = abs(covariance(lag) / variance) < least ? insignificant + 1 : 0
      if insignificant == run {
        last = lag - run
        break
      }
    }
    let reach = min(2 * max(1, last), present.count - 1)
    var (moment, spectrum) = (0.0, variance)
    for lag in 1...reach {
      let t = Double(lag) / Double(reach)
      let weight = t <= 0.5 ? 1 : 2 * (1 - t)
      moment += 2 * weight * Double(lag) * covariance(lag)
      spectrum += 2 * weight * covariance(lag)
    }
    let scale = (isStationary ? 2 : 4.0 / 3) * spectrum * spectrum
    guard scale > 0 else { return 1 }
    let length = pow(2 * moment * moment / scale, 1.0 / 3) * pow(count, 1.0 / 3)
    return min(max(1, length), (3 * count.squareRoot()).rounded(.up), count / 3)
  }
}
