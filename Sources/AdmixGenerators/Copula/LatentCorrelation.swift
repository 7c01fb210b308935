import AdmixStatistics

/// The correlation of two standard normal variables, from the mean product of step functions of them.
///
/// With the coefficients a_k of a step function in normalised Hermite polynomials, Mehler's formula
/// gives E[s(X)·t(Y)] = Σ a_k b_k ρ^k; the root is found by bisection. See Xiao, "Evaluating correlation
/// coefficient for Nataf transformation" (2014), and arXiv 1608.00738.
enum LatentCorrelation {
  static let terms = 48
  /// Columns that determine each other stay this far from being the same variable.
  static let bound = 0.9999

  /// a_k for k = 1…terms of the step function with these scores between these thresholds.
  static func coefficients(_ scores: [Double], _ thresholds: [Double]) -> [Double] {
    var out = [Double](repeating: 0, count: terms)
    // Between two pieces the function steps up by the difference of their scores, and a step at t has
    // the coefficients h_{k−1}(t)·φ(t)/√k.
    for index in 0..<max(0, scores.count - 1) {
      let t = thresholds[index]
      let weight = (scores[index + 1] - scores[index]) * NormalDistribution.density(t)
      if !t.isFinite || weight == 0 { continue }
      var before = 0.0
      var current = 1.0
      for k in 1...terms {
        out[k - 1] += weight * current / Double(k).squareRoot()
        let next = (t * current - Double(k - 1).squareRoot() * before) / Double(k).squareRoot()
        before = current
        current = next
      }
    }
    return out
  }

  static func solve(_ a: [Double], _ b: [Double], product: Double) -> Double {
    let c = zip(a, b).map { $0 * $1 }
    func value(_ rho: Double) -> Double {
      var sum = 0.0
      for k in stride(from: c.count - 1, through: 0, by: -1) { sum = (sum + c[k]) * rho }
      return sum
    }
    var low = -bound
    var high = bound
    if product <= value(low) { return low }
    if product >= value(high) { return high }
    for _ in 0..<50 {
      let middle = 0.5 * (low + high)
      if value(middle) < product { low = middle } else { high = middle }
    }
    return 0.5 * (low + high)
  }
}

extension CopulaModel {
  /// Orders the levels of nominal columns and finds the latent correlations.
  mutating func correlate(_ association: Association) {
    var order = LevelOrder(association, marginals)
    for (index, pieces) in order.orders(marginals).sorted(by: { $0.key < $1.key }) {
      marginals[index].reorder(pieces)
    }
    let variables = association.variables
    // Per variable, the steps that association statistics can tell apart: pieces, or groups in order.
    var scores: [[Double]] = []
    var coefficients: [[Double]] = []
    /// Per variable of levels: score by group.
    var byGroup: [[Double]] = []
    for variable in variables {
      let marginal = marginals[variable.latent.marginal]
      var counts = self.counts(variable.latent)
      var groups = Array(counts.indices)
      if variable.kind == .levels {
        counts = []
        groups = []
        for (piece, group) in marginal.groups.enumerated() {
          if group == groups.last {
            counts[counts.count - 1] += marginal.counts[piece]
          } else {
            groups.append(group)
            counts.append(marginal.counts[piece])
          }
        }
      }
      let s = Marginal.scores(counts)
      scores.append(s)
      coefficients.append(LatentCorrelation.coefficients(s, Marginal.thresholds(counts)))
      if variable.groups > 0 {
        var table = [Double](repeating: 0, count: variable.groups)
        for (index, group) in groups.enumerated() { table[group] = s[index] }
        byGroup.append(table)
      } else {
        byGroup.append([])
      }
    }
    var matrix = SquareMatrix.identity(variables.count)
    for i in variables.indices {
      for j in 0..<i {
        // A column's values and its gaps are never seen together.
        if variables[i].latent.marginal == variables[j].latent.marginal { continue }
        let product = Self.meanProduct(
          association.pair(i, j), variables[i].groups, variables[j].groups, byGroup[i], byGroup[j])
        guard let product else { continue }
        let rho = LatentCorrelation.solve(coefficients[i], coefficients[j], product: product)
        matrix[i, j] = rho
        matrix[j, i] = rho
      }
    }
    // An iteration costs the cube of the size; for wide tables the last step, which floors the
    // eigenvalues, does the work alone.
    let size = max(100, matrix.size)
    setCorrelations(
      matrix.nearestCorrelation(iterations: 60_000_000 / (size * size * size)))
    for index in marginals.indices { marginals[index].groups = [] }
  }

  /// The covariance of two scores over the rows where both are known; nil where there are too few.
  private static func meanProduct(
    _ cells: [Int64], _ a: Int, _ b: Int, _ scoresA: [Double], _ scoresB: [Double]
  ) -> Double? {
    let unit = 1 / Association.fraction
    if a == 0 && b == 0 {
      let n = Double(cells[1])
      guard n >= 2 else { return nil }
      let meanA = Double(cells[2]) * unit / n
      let meanB = Double(cells[3]) * unit / n
      return Double(cells[0]) * unit * unit / n - meanA * meanB
    }
    if a == 0 || b == 0 {
      let groups = max(a, b)
      let scores = a == 0 ? scoresB : scoresA
      var product = 0.0
      var n = 0.0
      var meanLevels = 0.0
      var meanScores = 0.0
      for group in 0..<groups {
        let sum = Double(cells[group]) * unit
        let count = Double(cells[groups + group])
        product += scores[group] * sum
        meanLevels += scores[group] * count
        meanScores += sum
        n += count
      }
      guard n >= 2 else { return nil }
      return product / n - meanLevels / n * meanScores / n
    }
    var product = 0.0
    var n = 0.0
    for x in 0..<a {
      var row = 0.0
      for y in 0..<b {
        row += Double(cells[x * b + y]) * scoresB[y]
        n += Double(cells[x * b + y])
      }
      product += scoresA[x] * row
    }
    return n >= 2 ? product / n : nil
  }
}
