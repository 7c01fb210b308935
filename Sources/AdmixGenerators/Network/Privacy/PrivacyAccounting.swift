import AdmixStatistics

/// Zero-concentrated differential privacy, and what it means as (ε, δ).
///
/// Bun and Steinke, "Concentrated differential privacy" (2016): a discrete Gaussian of variance σ² on
/// whole numbers of L2 sensitivity Δ costs ρ = Δ²/(2σ²) (Canonne, Kamath, Steinke 2020), the exponential
/// mechanism with parameter ε costs ρ = ε²/8 (Cesar and Rogers 2021), and costs add up, also where a
/// later question depends on earlier answers.
package enum PrivacyAccounting {
  /// The smallest δ for which ρ-zCDP gives (ε, δ)-differential privacy, by Proposition 12 of Canonne,
  /// Kamath and Steinke:
  /// min over α > 1 of exp((α − 1)(αρ − ε))·(1 − 1/α)^α / (α − 1).
  package static func delta(rho: Double, epsilon: Double) -> Double {
    if rho <= 0 { return 0 }
    // The derivative of the logarithm rises with α; its zero is where the bound is smallest.
    var low = 1.01
    var high = (epsilon + 1) / (2 * rho) + 2
    for _ in 0..<200 {
      let alpha = (low + high) / 2
      if (2 * alpha - 1) * rho - epsilon + PortableMath.log(1 - 1 / alpha) < 0 {
        low = alpha
      } else {
        high = alpha
      }
    }
    let alpha = (low + high) / 2
    let exponent =
      (alpha - 1) * (alpha * rho - epsilon) + alpha * PortableMath.log(1 - 1 / alpha)
    return min(1, PortableMath.exp(exponent) / (alpha - 1))
  }

  /// The largest ρ that gives (ε, δ); never more than that.
  package static func rho(epsilon: Double, delta: Double) -> Double {
    var low = 0.0
    var high = epsilon + 1
    for _ in 0..<200 {
      let middle = (low + high) / 2
      if Self.delta(rho: middle, epsilon: epsilon) <= delta { low = middle } else { high = middle }
    }
    return low
  }

  /// The smallest ε for which ρ-zCDP gives (ε, δ); never less than that.
  package static func epsilon(rho: Double, delta: Double) -> Double {
    if rho <= 0 { return 0 }
    var low = 0.0
    var high = rho + 2 * (rho * -PortableMath.log(delta)).squareRoot() + 1
    for _ in 0..<200 {
      let middle = (low + high) / 2
      if Self.delta(rho: rho, epsilon: middle) <= delta { high = middle } else { low = middle }
    }
    return high
  }
}

/// One use of noise and what it cost.
struct PrivacyCharge: Hashable, Sendable, Codable {
  /// What was measured, for people.
  var purpose: String
  var mechanism: String
  /// How many answers were given.
  var answers: Int
  /// The scale of the noise: σ of a discrete Gaussian, ε of an exponential mechanism.
  var scale: Double
  var rho: Double
}

/// What a model cost in privacy.
struct PrivacySpent: Hashable, Sendable, Codable {
  var epsilon: Double
  var delta: Double
  var charges: [PrivacyCharge]
  /// The noise was drawn from a seed in the pipeline file: anyone can take it away again.
  var isForTests: Bool

  var rho: Double { charges.reduce(0) { $0 + $1.rho } }
}
