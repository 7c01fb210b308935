import AdmixStatistics

/// Puts the levels of each nominal column in the one order that carries most of its association with
/// the other columns: an alternating form of correspondence analysis.
///
/// Start: the mean, per level, of the first principal component of the numeric scores. Then sweeps:
/// each column's levels get the mean of a projection on all other columns, weighted by sign(r)·r² with
/// r the current correlation. It needs only the counts of `Association`.
struct LevelOrder {
  private let association: Association
  private let rows: Double
  /// Per variable: centred, unit variance; one value per group, or empty for scores.
  private var values: [[Double]]
  /// Per variable: how many rows are in each group.
  private let groupCounts: [[Double]]
  /// Per variable of scores: the standard deviation of the score.
  private let deviations: [Double]

  static let sweeps = 6

  init(_ association: Association, _ marginals: [Marginal]) {
    self.association = association
    rows = max(1, Double(association.rows))
    groupCounts = association.variables.map { variable in
      let marginal = marginals[variable.latent.marginal]
      switch variable.kind {
      case .score: return []
      case .presence: return [Double(marginal.missing), Double(marginal.present)]
      case .levels:
        var counts = [Double](repeating: 0, count: variable.groups)
        for (piece, group) in marginal.groups.enumerated() {
          counts[group] += Double(marginal.counts[piece])
        }
        return counts
      }
    }
    deviations = association.variables.map { variable in
      guard variable.kind == .score else { return 1 }
      let marginal = marginals[variable.latent.marginal]
      let scores = Marginal.scores(marginal.counts)
      let total = Double(marginal.present)
      let variance = zip(scores, marginal.counts).reduce(0.0) {
        $0 + $1.0 * $1.0 * Double($1.1)
      }
      return max(1e-9, (variance / total).squareRoot())
    }
    values = []
    for (index, variable) in association.variables.enumerated() {
      if variable.groups == 0 {
        values.append([])
      } else {
        values.append(
          Self.standardised((0..<variable.groups).map { Double($0) }, groupCounts[index]) ?? [])
      }
    }
  }

  /// The order of the pieces of each marginal that is nominal and has a latent variable.
  mutating func orders(_ marginals: [Marginal]) -> [Int: [Int]] {
    let nominal = association.variables.indices.filter { association.variables[$0].kind == .levels }
    start(nominal)
    for _ in 0..<Self.sweeps {
      for i in nominal {
        var projection = [Double](repeating: 0, count: association.variables[i].groups)
        for j in association.variables.indices where j != i {
          let means = means(of: j, by: i)
          var r = 0.0
          for group in means.indices {
            r += values[i][group] * means[group] * groupCounts[i][group]
          }
          r /= rows
          let weight = r < 0 ? -r * r : r * r
          for group in means.indices { projection[group] += weight * means[group] }
        }
        if let next = Self.standardised(projection, groupCounts[i]) { values[i] = next }
      }
    }
    var orders: [Int: [Int]] = [:]
    for i in nominal {
      let index = association.variables[i].latent.marginal
      let marginal = marginals[index]
      // The order is the same whichever way round the latent variable runs; codes settle it.
      orders[index] = marginal.counts.indices.sorted { a, b in
        let x = (values[i][marginal.groups[a]], marginal.groups[a], marginal.lows[a])
        let y = (values[i][marginal.groups[b]], marginal.groups[b], marginal.lows[b])
        return x < y
      }
    }
    return orders
  }

  private mutating func start(_ nominal: [Int]) {
    let scores = association.variables.indices.filter { association.variables[$0].kind == .score }
    guard !scores.isEmpty else { return }
    var matrix = SquareMatrix.identity(scores.count)
    for (a, i) in scores.enumerated() {
      for (b, j) in scores.enumerated() where b < a {
        let cells = association.pair(i, j)
        let n = max(1, Double(cells[1]))
        let r =
          Double(cells[0]) / n / (Association.fraction * Association.fraction)
          / (deviations[i] * deviations[j])
        matrix[a, b] = r
        matrix[b, a] = r
      }
    }
    let first = Self.principal(matrix)
    for i in nominal {
      var projection = [Double](repeating: 0, count: association.variables[i].groups)
      for (a, j) in scores.enumerated() {
        let weight = first[a]
        for (group, mean) in means(of: j, by: i).enumerated() { projection[group] += weight * mean }
      }
      if let next = Self.standardised(projection, groupCounts[i]) { values[i] = next }
    }
  }

  /// The first principal component by the power method; the order of levels only starts from it, so
  /// that the eigenvector of a near eigenvalue would do as well.
  private static func principal(_ matrix: SquareMatrix) -> [Double] {
    let n = matrix.size
    // No symmetry that a component could be at right angles to.
    var vector = (0..<n).map { 1 + Double($0) / Double(n) }
    for _ in 0..<60 {
      var next = [Double](repeating: 0, count: n)
      for i in 0..<n {
        for j in 0..<n { next[i] += matrix[i, j] * vector[j] }
      }
      let norm = next.reduce(0) { $0 + $1 * $1 }.squareRoot()
      guard norm > 0 else { break }
      vector = next.map { $0 / norm }
    }
    return vector
  }

  /// The mean of variable j's standardised value in each group of variable i.
  private func means(of j: Int, by i: Int) -> [Double] {
    let cells = association.pair(i, j)
    let groups = association.variables[i].groups
    let width = association.variables[j].groups
    var out = [Double](repeating: 0, count: groups)
    if width == 0 {
      for group in 0..<groups where cells[groups + group] > 0 {
        out[group] =
          Double(cells[group]) / Association.fraction / Double(cells[groups + group])
          / deviations[j]
      }
      return out
    }
    for group in 0..<groups where groupCounts[i][group] > 0 {
      var sum = 0.0
      for other in 0..<width {
        let count = i > j ? cells[group * width + other] : cells[other * groups + group]
        sum += Double(count) * values[j][other]
      }
      out[group] = sum / groupCounts[i][group]
    }
    return out
  }

  /// Nil where nothing varies.
  private static func standardised(_ values: [Double], _ counts: [Double]) -> [Double]? {
    let total = counts.reduce(0, +)
    guard total > 0 else { return nil }
    let mean = zip(values, counts).reduce(0.0) { $0 + $1.0 * $1.1 } / total
    let variance =
      zip(values, counts).reduce(0.0) { $0 + ($1.0 - mean) * ($1.0 - mean) * $1.1 } / total
    guard variance > 1e-18 else { return nil }
    let scale = 1 / variance.squareRoot()
    return values.map { ($0 - mean) * scale }
  }
}
