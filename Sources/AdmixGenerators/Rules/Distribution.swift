import AdmixStatistics
import Foundation

/// A probability distribution by name, as `rules` declares it; parameters as in NumPy's generators
/// unless the summary says otherwise.
///
/// Sampled by inverting the distribution function, so that one uniform makes one value, bounds
/// truncate without rejection, and a row's value depends on its address alone.
struct Distribution: Sendable {
  let name: String
  let parameters: [Parameter]
  let summary: String
  let isWhole: Bool
  private let make: @Sendable ([Double]) -> Shape?

  struct Parameter: Sendable {
    let name: String
    let summary: String
    let fallback: Double?
  }

  /// What each parameter may be, for messages.
  var ranges: String {
    parameters.map { "\($0.name): \($0.summary)" }.joined(separator: "; ")
  }

  /// A distribution with its parameters filled in.
  struct Shape {
    let quantile: (Double) -> Double
    let cdf: (Double) -> Double
  }

  /// - Parameter values: as many as there are parameters; nil comes back when they are out of range.
  func shape(_ values: [Double]) -> Shape? {
    guard values.count == parameters.count, values.allSatisfy(\.isFinite) else { return nil }
    return make(values)
  }

  init(
    _ name: String, _ parameters: [(String, String, Double?)], _ summary: String,
    isWhole: Bool = false, _ make: @escaping @Sendable ([Double]) -> Shape?
  ) {
    self.name = name
    self.parameters = parameters.map { Parameter(name: $0.0, summary: $0.1, fallback: $0.2) }
    self.summary = summary
    self.isWhole = isWhole
    self.make = make
  }

  static let all: [Distribution] = continuous + whole
  static let byName: [String: Distribution] = Dictionary(
    all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

  private static let anywhere = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
  private static let positive = 0...Double.greatestFiniteMagnitude

  // MARK: Continuous

  private static let continuous: [Distribution] = [
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
  ]

  private static func normal(_ mean: Double, _ sd: Double) -> Shape? {
    guard sd > 0 else { return nil }
    return Shape(
      quantile: { mean + sd * NormalDistribution.quantile($0) },
      cdf: { SpecialFunctions.normal(($0 - mean) / sd) })
  }

  private static func gamma(_ shape: Double, _ scale: Double) -> Shape? {
    guard shape > 0, scale > 0 else { return nil }
    let cdf = { (x: Double) in SpecialFunctions.gammaP(shape, x / scale) }
    return Shape(
      quantile: {
        SpecialFunctions.invert(
          $0, guess: shape * scale, scale: shape.squareRoot() * scale, within: positive, cdf)
      }, cdf: cdf)
  }

  // MARK: Whole numbers

  private static let whole: [Distribution] = [
    Distribution(
      "integer", [("low", "smallest", 0), ("high", "largest", nil)],
      "Every whole number from the smallest to the largest alike.", isWhole: true
    ) {
      let (low, high) = ($0[0].rounded(.up), $0[1].rounded(.down))
      guard low <= high, abs(low) < 0x1p53, abs(high) < 0x1p53 else { return nil }
      let count = high - low + 1
      return Shape(
        quantile: { min(high, max(low, low + ($0 * count).rounded(.up) - 1)) },
        cdf: { min(1, max(0, ($0.rounded(.down) - low + 1) / count)) })
    },
    Distribution(
      "bernoulli", [("p", "chance of 1, from 0 to 1", nil)],
      "1 with the given chance, otherwise 0.", isWhole: true
    ) {
      let p = $0[0]
      guard (0...1).contains(p) else { return nil }
      return Shape(quantile: { $0 > 1 - p ? 1 : 0 }, cdf: { $0 < 0 ? 0 : $0 < 1 ? 1 - p : 1 })
    },
    Distribution(
      "poisson", [("mean", "at least 0", nil)], "How many events of a steady rate.", isWhole: true
    ) {
      let mean = $0[0]
      guard mean >= 0, mean < 1e15 else { return nil }
      if mean == 0 { return Shape(quantile: { _ in 0 }, cdf: { $0 < 0 ? 0 : 1 }) }
      let cdf = { (k: Double) in k < 0 ? 0 : 1 - SpecialFunctions.gammaP(k.rounded(.down) + 1, mean)
      }
      return Shape(
        quantile: {
          SpecialFunctions.invertWhole(
            $0, guess: mean, scale: mean.squareRoot() + 1, within: 0...1e16, cdf)
        }, cdf: cdf)
    },
    Distribution(
      "binomial", [("n", "trials", nil), ("p", "chance, from 0 to 1", nil)],
      "How many of n trials succeed.", isWhole: true
    ) {
      let (n, p) = ($0[0].rounded(), $0[1])
      guard n >= 0, n < 1e15, (0...1).contains(p) else { return nil }
      let cdf = { (k: Double) -> Double in
        let k = k.rounded(.down)
        return k < 0 ? 0 : k >= n ? 1 : 1 - SpecialFunctions.beta(p, k + 1, n - k)
      }
      return Shape(
        quantile: {
          SpecialFunctions.invertWhole(
            $0, guess: n * p, scale: (n * p * (1 - p)).squareRoot() + 1, within: 0...max(n, 0), cdf)
        }, cdf: cdf)
    },
    Distribution(
      "geometric", [("p", "chance, above 0 and at most 1", nil)],
      "How many trials until the first success, 1 or more.", isWhole: true
    ) {
      let p = $0[0]
      guard p > 0, p <= 1 else { return nil }
      return Shape(
        quantile: { p == 1 ? 1 : max(1, (log1p(-$0) / log1p(-p)).rounded(.up)) },
        cdf: { $0 < 1 ? 0 : p == 1 ? 1 : -expm1($0.rounded(.down) * log1p(-p)) })
    },
    Distribution(
      "negbinomial",
      [
        ("mean", "above 0", nil),
        ("dispersion", "above 0; the variance is mean + mean²/dispersion", 1),
      ], "Counts that vary more than a Poisson's.", isWhole: true
    ) {
      let (mean, size) = ($0[0], $0[1])
      guard mean > 0, size > 0, mean < 1e15 else { return nil }
      let p = size / (size + mean)
      let cdf = { (k: Double) in k < 0 ? 0 : SpecialFunctions.beta(p, size, k.rounded(.down) + 1) }
      return Shape(
        quantile: {
          SpecialFunctions.invertWhole(
            $0, guess: mean, scale: (mean + mean * mean / size).squareRoot() + 1, within: 0...1e16,
            cdf)
        }, cdf: cdf)
    },
    Distribution(
      "hypergeometric",
      [
        ("good", "marked items", nil), ("bad", "other items", nil),
        ("draws", "how many are drawn", nil),
      ], "How many marked items a draw without replacement holds.", isWhole: true
    ) {
      let (good, bad, draws) = ($0[0].rounded(), $0[1].rounded(), $0[2].rounded())
      guard good >= 0, bad >= 0, draws >= 0, draws <= good + bad, good + bad <= 1e6 else {
        return nil
      }
      let low = max(0, draws - bad)
      let high = min(draws, good)
      func logChoose(_ n: Double, _ k: Double) -> Double {
        SpecialFunctions.logGamma(n + 1) - SpecialFunctions.logGamma(k + 1)
          - SpecialFunctions.logGamma(n - k + 1)
      }
      let total = logChoose(good + bad, draws)
      var sums: [Double] = []
      var sum = 0.0
      for k in stride(from: low, through: high, by: 1) {
        sum += exp(logChoose(good, k) + logChoose(bad, draws - k) - total)
        sums.append(sum)
      }
      let cumulative = sums
      return Shape(
        quantile: { u in low + Double(cumulative.firstIndex { $0 >= u } ?? cumulative.count - 1) },
        cdf: { x in
          let index = Int(min(x.rounded(.down), high) - low)
          return index < 0 ? 0 : min(1, cumulative[index])
        })
    },
    Distribution(
      "zipf", [("exponent", "above 1", nil)], "Ranks: the k-th has weight k to the minus exponent.",
      isWhole: true
    ) {
      let exponent = $0[0]
      guard exponent > 1.01 else { return nil }
      // A table for the head, the integral of the density for the tail (Euler–Maclaurin).
      let head = 10_000
      var sums: [Double] = []
      var sum = 0.0
      for k in 1...head {
        sum += pow(Double(k), -exponent)
        sums.append(sum)
      }
      let tail = { (k: Double) in pow(k + 0.5, 1 - exponent) / (exponent - 1) }
      let total = sum + tail(Double(head))
      let cumulative = sums
      let cdf = { (x: Double) -> Double in
        let k = x.rounded(.down)
        if k < 1 { return 0 }
        return k <= Double(head) ? cumulative[Int(k) - 1] / total : 1 - tail(k) / total
      }
      return Shape(
        quantile: {
          SpecialFunctions.invertWhole($0, guess: 1, scale: 2, within: 1...0x1p53, cdf)
        }, cdf: cdf)
    },
  ]
}
