import AdmixStatistics
import Foundation

/// Of real numbers.
extension Distribution {
  static let anywhere = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
  static let positive = 0...Double.greatestFiniteMagnitude

  static let continuous: [Distribution] = [
    Distribution(
      "uniform", [("low", "lower end", 0), ("high", "upper end", 1)],
      "Every value between the ends alike."
    ) {
      let (low, high) = ($0[0], $0[1])
      guard low <= high else { return nil }
      return Shape(
        quantile: { low + (high - low) * $0 },
        cdf: { high > low ? min(1, max(0, ($0 - low) / (high - low))) : ($0 < low ? 0 : 1) })
    },
    Distribution(
      "normal", [("mean", "mean", 0), ("sd", "standard deviation, above 0", 1)], "The bell curve."
    ) {
      normal($0[0], $0[1])
    },
    Distribution(
      "lognormal",
      [
        ("mean", "mean of the logarithm", 0),
        ("sd", "standard deviation of the logarithm, above 0", 1),
      ], "The exponential of a normal value: incomes, durations."
    ) {
      guard let inner = normal($0[0], $0[1]) else { return nil }
      return Shape(
        quantile: { exp(inner.quantile($0)) }, cdf: { $0 <= 0 ? 0 : inner.cdf(log($0)) })
    },
    Distribution(
      "exponential", [("mean", "mean, above 0", 1)], "Waiting time of a memoryless event."
    ) {
      let mean = $0[0]
      guard mean > 0 else { return nil }
      return Shape(
        quantile: { -mean * log1p(-$0) }, cdf: { $0 <= 0 ? 0 : -expm1(-$0 / mean) })
    },
    Distribution(
      "gamma", [("shape", "above 0", nil), ("scale", "above 0", 1)],
      "Sums of waiting times; mean shape·scale."
    ) {
      gamma($0[0], $0[1])
    },
    Distribution(
      "chi-square", [("df", "degrees of freedom, above 0", nil)], "A sum of squared normal values."
    ) {
      gamma($0[0] / 2, 2)
    },
    Distribution(
      "beta", [("a", "above 0", nil), ("b", "above 0", nil)],
      "A share between 0 and 1; mean a/(a+b)."
    ) {
      let (a, b) = ($0[0], $0[1])
      guard a > 0, b > 0 else { return nil }
      let cdf = { (x: Double) in SpecialFunctions.beta(x, a, b) }
      return Shape(
        quantile: {
          SpecialFunctions.invert($0, guess: a / (a + b), scale: 0.1, within: 0...1, cdf)
        },
        cdf: cdf)
    },
    Distribution(
      "triangular", [("low", "lower end", 0), ("mode", "peak", nil), ("high", "upper end", 1)],
      "Rises to the peak and falls again, in straight lines."
    ) {
      let (low, mode, high) = ($0[0], $0[1], $0[2])
      guard low <= mode, mode <= high, low < high else { return nil }
      let turn = (mode - low) / (high - low)
      return Shape(
        quantile: {
          $0 < turn
            ? low + ($0 * (high - low) * (mode - low)).squareRoot()
            : high - ((1 - $0) * (high - low) * (high - mode)).squareRoot()
        },
        cdf: { x in
          if x <= low { return 0 }
          if x >= high { return 1 }
          return x < mode
            ? (x - low) * (x - low) / ((high - low) * (mode - low))
            : 1 - (high - x) * (high - x) / ((high - low) * (high - mode))
        })
    },
    Distribution(
      "weibull", [("shape", "above 0", nil), ("scale", "above 0", 1)],
      "Lifetimes; shape below 1 fails early, above 1 wears out."
    ) {
      let (shape, scale) = ($0[0], $0[1])
      guard shape > 0, scale > 0 else { return nil }
      return Shape(
        quantile: { scale * pow(-log1p(-$0), 1 / shape) },
        cdf: { $0 <= 0 ? 0 : -expm1(-pow($0 / scale, shape)) })
    },
    Distribution(
      "pareto", [("shape", "above 0", nil), ("scale", "the smallest value, above 0", 1)],
      "Heavy tails: few very large values."
    ) {
      let (shape, scale) = ($0[0], $0[1])
      guard shape > 0, scale > 0 else { return nil }
      return Shape(
        quantile: { scale * pow(1 - $0, -1 / shape) },
        cdf: { $0 <= scale ? 0 : 1 - pow(scale / $0, shape) })
    },
    Distribution(
      "logistic", [("mean", "mean", 0), ("scale", "above 0", 1)],
      "Like the normal, with heavier tails."
    ) {
      let (mean, scale) = ($0[0], $0[1])
      guard scale > 0 else { return nil }
      return Shape(
        quantile: { mean + scale * (log($0) - log1p(-$0)) },
        cdf: { 1 / (1 + exp(-($0 - mean) / scale)) })
    },
    Distribution(
      "laplace", [("mean", "mean", 0), ("scale", "above 0", 1)], "Two exponentials back to back."
    ) {
      let (mean, scale) = ($0[0], $0[1])
      guard scale > 0 else { return nil }
      return Shape(
        quantile: { $0 < 0.5 ? mean + scale * log(2 * $0) : mean - scale * log(2 * (1 - $0)) },
        cdf: { $0 < mean ? 0.5 * exp(($0 - mean) / scale) : 1 - 0.5 * exp(-($0 - mean) / scale) })
    },
    Distribution(
      "gumbel", [("mode", "most likely value", 0), ("scale", "above 0", 1)],
      "The largest of many values."
    ) {
      let (mode, scale) = ($0[0], $0[1])
      guard scale > 0 else { return nil }
      return Shape(
        quantile: { mode - scale * log(-log($0)) }, cdf: { exp(-exp(-($0 - mode) / scale)) })
    },
    Distribution(
      "cauchy", [("median", "median", 0), ("scale", "above 0", 1)],
      "So heavy-tailed that it has no mean."
    ) {
      let (median, scale) = ($0[0], $0[1])
      guard scale > 0 else { return nil }
      return Shape(
        quantile: { median + scale * tan(.pi * ($0 - 0.5)) },
        cdf: { 0.5 + atan(($0 - median) / scale) / .pi })
    },
    Distribution(
      "student-t",
      [("df", "degrees of freedom, above 0", nil), ("mean", "mean", 0), ("scale", "above 0", 1)],
      "A normal of uncertain spread: returns of assets."
    ) {
      let (df, mean, scale) = ($0[0], $0[1], $0[2])
      guard df > 0, scale > 0 else { return nil }
      let cdf = { (x: Double) -> Double in
        let t = (x - mean) / scale
        let tail = 0.5 * SpecialFunctions.beta(df / (df + t * t), df / 2, 0.5)
        return t > 0 ? 1 - tail : tail
      }
      return Shape(
        quantile: { SpecialFunctions.invert($0, guess: mean, scale: scale, within: anywhere, cdf) },
        cdf: cdf)
    },
    Distribution(
      "rayleigh", [("scale", "above 0", 1)], "The length of a vector of two normal values."
    ) {
      let scale = $0[0]
      guard scale > 0 else { return nil }
      return Shape(
        quantile: { scale * (-2 * log1p(-$0)).squareRoot() },
        cdf: { $0 <= 0 ? 0 : -expm1(-$0 * $0 / (2 * scale * scale)) })
    },
    Distribution(
      "power", [("shape", "above 0", nil)], "A share with density rising as its power, shape - 1."
    ) {
      let shape = $0[0]
      guard shape > 0 else { return nil }
      return Shape(
        quantile: { pow($0, 1 / shape) }, cdf: { $0 <= 0 ? 0 : $0 >= 1 ? 1 : pow($0, shape) })
    },
    Distribution(
      "wald", [("mean", "mean, above 0", nil), ("scale", "above 0", 1)],
      "The inverse Gaussian: when a drifting random walk first reaches a level."
    ) {
      let (mean, scale) = ($0[0], $0[1])
      guard mean > 0, scale > 0 else { return nil }
      let cdf = { (x: Double) -> Double in
        guard x > 0 else { return 0 }
        let root = (scale / x).squareRoot()
        let mirrored = 2 * scale / mean + SpecialFunctions.logNormal(-root * (x / mean + 1))
        return min(1, SpecialFunctions.normal(root * (x / mean - 1)) + exp(mirrored))
      }
      return Shape(
        quantile: {
          SpecialFunctions.invert(
            $0, guess: mean, scale: mean * min(1, (mean / scale).squareRoot()), within: positive,
            cdf)
        }, cdf: cdf)
    },
    Distribution(
      "von-mises",
      [("mean", "direction in radians", 0), ("kappa", "concentration, above 0, to 10000", nil)],
      "A direction within half a turn of the mean: headings, times of day."
    ) {
      let (mean, kappa) = ($0[0], $0[1])
      guard kappa > 0, kappa <= 10_000 else { return nil }
      let ratios = SpecialFunctions.besselRatios(kappa)
      let cdf = { (x: Double) -> Double in
        let angle = x - mean
        if angle <= -.pi { return 0 }
        if angle >= .pi { return 1 }
        var sum = angle / 2
        for (index, ratio) in ratios.enumerated() {
          sum += ratio * sin(Double(index + 1) * angle) / Double(index + 1)
        }
        return min(1, max(0, 0.5 + sum / .pi))
      }
      return Shape(
        quantile: {
          SpecialFunctions.invert(
            $0, guess: mean, scale: min(1, 1 / kappa.squareRoot()), within: mean - .pi...mean + .pi,
            cdf)
        }, cdf: cdf)
    },
  ]

  static func normal(_ mean: Double, _ sd: Double) -> Shape? {
    guard sd > 0 else { return nil }
    return Shape(
      quantile: { mean + sd * NormalDistribution.quantile($0) },
      cdf: { SpecialFunctions.normal(($0 - mean) / sd) })
  }

  static func gamma(_ shape: Double, _ scale: Double) -> Shape? {
    guard shape > 0, scale > 0 else { return nil }
    let cdf = { (x: Double) in SpecialFunctions.gammaP(shape, x / scale) }
    return Shape(
      quantile: {
        SpecialFunctions.invert(
          $0, guess: shape * scale, scale: shape.squareRoot() * scale, within: positive, cdf)
      }, cdf: cdf)
  }
}
