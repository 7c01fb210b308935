import Foundation

/// Of whole numbers.
extension Distribution {
  static let whole: [Distribution] = [
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
          x < low ? 0 : min(1, cumulative[Int(min(x.rounded(.down), high) - low)])
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
    Distribution(
      "log-series", [("p", "above 0, to 0.999", nil)],
      "How many of a species are caught: the k-th has weight p to the k, over k.", isWhole: true
    ) {
      let p = $0[0]
      guard p > 0, p <= 0.999 else { return nil }
      var cumulative: [Double] = []
      var (sum, power) = (0.0, 1.0)
      let norm = -1 / log1p(-p)
      repeat {
        power *= p
        sum += norm * power / Double(cumulative.count + 1)
        cumulative.append(sum)
      } while norm * power > 1e-17
      let sums = cumulative
      return Shape(
        quantile: { u in
          var (low, high) = (0, sums.count - 1)
          while low < high {
            let middle = (low + high) / 2
            if sums[middle] >= u { high = middle } else { low = middle + 1 }
          }
          return Double(low + 1)
        },
        cdf: { x in
          x < 1 ? 0 : x >= Double(sums.count) ? 1 : min(1, sums[Int(x) - 1])
        })
    },
  ]
}
