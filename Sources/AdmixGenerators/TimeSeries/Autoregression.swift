import AdmixStatistics

/// A vector autoregression u_t = A₁u_{t−s₁} + … + A_k u_{t−s_k} + e_t of columns with mean 0.
///
/// The steps s are mostly 1…p; a season in what follows what adds single ones, such as 24 (a subset
/// autoregression, Lütkepohl 2005, section 5.2.8).
struct Autoregression: Hashable, Sendable, Codable {
  /// How many columns.
  var size: Int
  /// How many steps before are looked at, rising.
  var lags: [Int]
  /// Lag after lag, row after row: what column i takes of column j.
  var coefficients: [Double]
  /// Of e_t, row after row.
  var covariance: [Double]
  /// How many rows it was learned from, each with all of its lags.
  var rows: Int

  /// - Parameter place: into the lags.
  subscript(place: Int, i: Int, j: Int) -> Double {
    coefficients[(place * size + i) * size + j]
  }

  /// The largest lag.
  var reach: Int { lags.last ?? 0 }

  /// Up to how many values a state may have: columns times reach.
  ///
  /// Stability and the first state cost their cube, about a hundred times.
  static let mostStates = 600

  /// Whether everything holds that running it relies on.
  var isSound: Bool {
    (0...Self.mostStates).contains(size) && zip([0] + lags, lags).allSatisfy { $0 < $1 }
      && reach <= Self.mostStates && size * reach <= Self.mostStates
      && coefficients.count == lags.count * size * size && covariance.count == size * size
      && coefficients.allSatisfy(\.isFinite) && covariance.allSatisfy(\.isFinite)
  }
}
