/// Distances between two distributions over the same classes, from counts.
///
/// Classes are the union of both sides, a class that one side lacks has probability 0 there; some
/// tools keep only classes that both sides have, and then differ.
package enum Divergence {
  private static func shares(_ counts: [Int]) -> [Double]? {
    let total = counts.reduce(0, +)
    return total > 0 ? counts.map { Double($0) / Double(total) } : nil
  }

  private static func pair(_ p: [Int], _ q: [Int]) -> [(Double, Double)]? {
    guard let a = shares(p), let b = shares(q) else { return nil }
    return Array(zip(a, b))
  }

  /// Kullback-Leibler, Σ p ln(p/q) in nats; infinite where q lacks a class that p has.
  package static func kl(_ p: [Int], _ q: [Int]) -> Double? {
    pair(p, q).map { sum($0.map { ($0.0, $0.1) }) }
  }

  private static func sum(_ terms: [(Double, Double)]) -> Double {
    terms.reduce(0) { sum, term in
      let (p, q) = term
      if p == 0 { return sum }
      return q == 0 ? .infinity : sum + p * PortableMath.log(p / q)
    }
  }

  /// Jensen-Shannon, the mean divergence from the mid distribution, in nats: 0 to ln 2.
  package static func js(_ p: [Int], _ q: [Int]) -> Double? {
    pair(p, q).map { terms in
      (sum(terms.map { ($0.0, ($0.0 + $0.1) / 2) }) + sum(terms.map { ($0.1, ($0.0 + $0.1) / 2) }))
        / 2
    }
  }

  /// The Euclidean distance (p-norm with p = 2).
  package static func lp(_ p: [Int], _ q: [Int]) -> Double? {
    pair(p, q).map { terms in
      terms.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    }
  }

  /// Total variation distance: half the sum of absolute differences, 0 to 1.
  package static func tvd(_ p: [Int], _ q: [Int]) -> Double? {
    pair(p, q).map { terms in terms.reduce(0) { $0 + ($1.0 - $1.1).magnitude } / 2 }
  }

  /// The largest absolute difference of one class.
  package static func ks(_ p: [Int], _ q: [Int]) -> Double? {
    pair(p, q).map { terms in terms.map { ($0.0 - $0.1).magnitude }.max() ?? 0 }
  }
}
