import Foundation

/// Those that tests of hypotheses are made of.
extension Distribution {
  static let tests: [Distribution] = [
    Distribution(
      "f",
      [("df1", "degrees of freedom above, above 0", nil), ("df2", "below, above 0", nil)],
      "The ratio of two spreads."
    ) {
      let (above, below) = ($0[0], $0[1])
      guard above > 0, below > 0 else { return nil }
      return ratio(above, below) { SpecialFunctions.beta($0, above / 2, below / 2) }
    },
    Distribution(
      "noncentral-chi-square",
      [("df", "degrees of freedom, above 0", nil), ("noncentrality", "from 0 to 10000", nil)],
      "A sum of squared normal values whose means are not 0."
    ) {
      let (df, shift) = ($0[0], $0[1])
      guard df > 0, (0...10_000).contains(shift) else { return nil }
      let cdf = { (x: Double) in
        x <= 0
          ? 0
          : SpecialFunctions.poissonMixture(shift / 2) {
            SpecialFunctions.gammaP(df / 2 + $0, x / 2)
          }
      }
      return Shape(
        quantile: {
          SpecialFunctions.invert(
            $0, guess: df + shift, scale: (2 * df + 4 * shift).squareRoot(), within: positive, cdf)
        }, cdf: cdf)
    },
    Distribution(
      "noncentral-f",
      [
        ("df1", "degrees of freedom above, above 0", nil), ("df2", "below, above 0", nil),
        ("noncentrality", "from 0 to 10000", nil),
      ], "The ratio of two spreads where an effect is there: power of a test."
    ) {
      let (above, below, shift) = ($0[0], $0[1], $0[2])
      guard above > 0, below > 0, (0...10_000).contains(shift) else { return nil }
      return ratio(above, below) { share in
        SpecialFunctions.poissonMixture(shift / 2) {
          SpecialFunctions.beta(share, above / 2 + $0, below / 2)
        }
      }
    },
  ]

  /// - Parameter cdf: of the share that the upper of the two has in their sum.
  private static func ratio(_ above: Double, _ below: Double, _ cdf: @escaping (Double) -> Double)
    -> Shape
  {
    let whole = { (x: Double) in
      x <= 0 ? 0 : x.isFinite ? cdf(above * x / (above * x + below)) : 1
    }
    return Shape(
      quantile: { SpecialFunctions.invert($0, guess: 1, scale: 1, within: positive, whole) },
      cdf: whole)
  }
}
