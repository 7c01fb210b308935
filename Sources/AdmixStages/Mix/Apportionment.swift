/// Whole numbers in given proportions that add up exactly.
package enum Apportionment {
  /// Largest remainder (Hamilton): each gets the floor of its quota, and those with the largest
  /// fractions one more until the total is reached.
  ///
  /// Ties go to the earlier one.
  ///
  /// - Parameters:
  ///   - total: what the result adds up to; not negative.
  ///   - weights: finite, not negative; where all are zero, everything goes to none.
  package static func largestRemainder(_ total: Int, weights: [Double]) -> [Int] {
    let sum = weights.reduce(0, +)
    guard sum > 0, total > 0 else { return weights.map { _ in 0 } }
    var given: [Int] = []
    var fractions: [Double] = []
    for weight in weights {
      let quota = Double(total) * (weight / sum)
      // 0.29 * 100 is 28.999…: what differs from a whole number by rounding only, is that number.
      let nearest = quota.rounded()
      let exact = abs(quota - nearest) <= 1e-9 * max(1, nearest) ? nearest : quota
      given.append(Int(exact.rounded(.down)))
      fractions.append(exact - exact.rounded(.down))
    }
    return settled(given, fractions: fractions, total: total) { weights[$0] > 0 }
  }

  /// The same for whole weights, in whole-number arithmetic: with `total` at most their sum, no
  /// result exceeds its weight.
  package static func largestRemainder(_ total: Int, weights: [Int]) -> [Int] {
    let sum = weights.reduce(0, +)
    guard sum > 0, total > 0 else { return weights.map { _ in 0 } }
    var given: [Int] = []
    var remainders: [UInt] = []
    for weight in weights {
      let product = UInt(total).multipliedFullWidth(by: UInt(weight))
      let (quotient, remainder) = UInt(sum).dividingFullWidth(product)
      given.append(Int(quotient))
      remainders.append(remainder)
    }
    var missing = total - given.reduce(0, +)
    let order = weights.indices.sorted {
      (remainders[$1], $0) < (remainders[$0], $1)
    }
    for index in order where missing > 0 && remainders[index] > 0 {
      given[index] += 1
      missing -= 1
    }
    return given
  }

  private static func settled(
    _ given: [Int], fractions: [Double], total: Int, _ mayGrow: (Int) -> Bool
  ) -> [Int] {
    var given = given
    var missing = total - given.reduce(0, +)
    let order = given.indices.filter(mayGrow).sorted {
      (fractions[$1], $0) < (fractions[$0], $1)
    }
    guard !order.isEmpty else { return given }
    var at = 0
    while missing > 0 {
      given[order[at % order.count]] += 1
      missing -= 1
      at += 1
    }
    // Rounding upwards to whole numbers can give one too many; the smallest fraction gives it back.
    for index in order.reversed() where missing < 0 && given[index] > 0 {
      given[index] -= 1
      missing += 1
    }
    return given
  }
}
