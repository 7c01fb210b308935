import AdmixStatistics

/// Measures tables of pairs with noise and fits a model to them.
///
/// McKenna, Miklau and Sheldon's MST, with two changes: the tables of the target with every other column
/// are always measured, and pairs are then chosen by what these do not explain.
struct PrivateFit {
  /// Parts of the budget: single columns (in the pass before), columns with the target, the choice of
  /// the tree, its edges.
  static let singles = 0.2
  static let withTarget = 0.2
  static let choice = 0.1

  let marginals: PrivateMarginals
  let levels: [Int]
  let target: Int?
  /// Columns but the target.
  let others: [Int]
  let rho: Double

  private(set) var tree: PrivateTree
  private(set) var charges: [PrivacyCharge] = []

  /// - Parameters:
  ///   - tables: exact counts of all pairs i < j of columns, in the order of `pairs`.
  ///   - rho: the whole budget, of which `singles` is spent.
  init(
    _ marginals: PrivateMarginals, target: Int?, tables: ContingencyTables, rho: Double,
    noise: ExactNoise
  ) {
    self.marginals = marginals
    self.target = target
    self.rho = rho
    let levels = marginals.levelCounts
    self.levels = levels
    let others = levels.indices.filter { $0 != target }
    self.others = others
    let total = marginals.rows
    let classes = target.map { levels[$0] } ?? 1
    let pairs = Dictionary(
      uniqueKeysWithValues: zip(tables.scopes, tables.cells).map { ($0, $1) })
    /// The exact table of two columns, the second varies fastest.
    func table(_ a: Int, _ b: Int) -> [UInt32] {
      if a < b { return pairs[[a, b]] ?? [] }
      let flipped = pairs[[b, a]] ?? []
      return (0..<levels[a] * levels[b]).map {
        flipped[$0 % levels[b] * levels[a] + $0 / levels[b]]
      }
    }
    func measured(_ table: [UInt32], _ variance: UInt64) -> PrivateTree.Measured {
      .init(
        values: table.map { Double(Int64($0) + noise.gaussian(variance: variance)) },
        variances: table.map { _ in Double(variance) })
    }

    // The target with every other column.
    var joint: [PrivateTree.Measured] = others.map { _ in .init(values: [], variances: []) }
    if let target, !others.isEmpty {
      let variance = Self.variance(answers: others.count, rho: rho * Self.withTarget)
      joint = others.map { measured(table($0, target), variance) }
      charges.append(
        PrivacyCharge(
          purpose: "tables of the target with each other column", mechanism: "discrete Gaussian",
          answers: others.count, scale: Double(variance).squareRoot(),
          rho: Double(others.count) / (2 * Double(variance))))
    }
    let single = levels.indices.map { Self.single($0, marginals) }
    // What the target alone makes of each column: rows by level and class.
    let implied = others.indices.map { at -> [Double] in
      Self.consistent(joint[at], single[others[at]], levels[others[at]], classes, total)
    }
    var classShares = [Double](repeating: 0, count: classes)
    for list in implied {
      for (cell, rows) in list.enumerated() {
        classShares[cell % classes] += rows / (total * Double(implied.count))
      }
    }
    if implied.isEmpty { classShares = [Double](repeating: 1 / Double(classes), count: classes) }

    // The tree, edge by edge: the pair that what is known explains worst, joining two parts.
    var edges: [(Int, Int)] = []
    if others.count > 1 {
      let rounds = others.count - 1
      let share = rho * Self.choice
      let epsilon20 = UInt64((8 * share / Double(rounds)).squareRoot() * Double(1 << 20))
      let epsilon = Double(epsilon20) / Double(1 << 20)
      var part = Array(others.indices)
      var candidates: [(a: Int, b: Int, score: Int64)] = []
      for a in others.indices {
        for b in a + 1..<others.count {
          let exact = table(others[a], others[b])
          candidates.append(
            (a, b, Self.score(exact, implied[a], implied[b], levels[others[b]], classes)))
        }
      }
      for _ in 0..<rounds {
        candidates.removeAll { part[$0.a] == part[$0.b] }
        let chosen = candidates[noise.choose(candidates.map(\.score), epsilon20: epsilon20)]
        edges.append((chosen.a, chosen.b))
        let (from, to) = (part[chosen.b], part[chosen.a])
        for at in part.indices where part[at] == from { part[at] = to }
      }
      charges.append(
        PrivacyCharge(
          purpose: "choice of the tree's edges", mechanism: "exponential", answers: rounds,
          scale: epsilon, rho: Double(rounds) * epsilon * epsilon / 8))
    }
    tree = PrivateTree(
      total: total, classes: classes, levels: others.map { levels[$0] }, edges: edges)
    var edge: [PrivateTree.Measured] = others.map { _ in .init(values: [], variances: []) }
    if !edges.isEmpty {
      let variance = Self.variance(
        answers: edges.count, rho: rho * Self.edgeShare(hasTarget: target != nil))
      for v in others.indices {
        guard let parent = tree.parent[v] else { continue }
        edge[v] = measured(table(others[parent], others[v]), variance)
      }
      charges.append(
        PrivacyCharge(
          purpose: "tables of the tree's edges", mechanism: "discrete Gaussian",
          answers: edges.count, scale: Double(variance).squareRoot(),
          rho: Double(edges.count) / (2 * Double(variance))))
    }
    tree.start(implied, classShares: classShares)
    tree.fit(
      PrivateTree.Targets(
        single: others.map { single[$0] }, withTarget: joint, edge: edge,
        target: target.map { single[$0] } ?? .init(values: [], variances: [])))
  }

  static func edgeShare(hasTarget: Bool) -> Double {
    1 - singles - choice - (hasTarget ? withTarget : 0)
  }

  /// The variance that makes some answers of sensitivity 1 cost at most ρ.
  static func variance(answers: Int, rho: Double) -> UInt64 {
    UInt64(min(Double(1 << 40), max(1, (Double(answers) / (2 * rho)).rounded(.up))))
  }

  /// The noisy rows of each level of one column, from those of its cells.
  private static func single(_ column: Int, _ marginals: PrivateMarginals) -> PrivateTree.Measured {
    let count = marginals.levelCounts[column]
    var out = PrivateTree.Measured(
      values: [Double](repeating: 0, count: count), variances: [Double](repeating: 0, count: count))
    for (cell, level) in marginals.levels[column].enumerated() {
      out.values[level] += Double(marginals.noisy[column][cell])
      out.variances[level] += Double(marginals.variance)
    }
    return out
  }

  /// Rows by level and class without negative counts, with the level's own counts as sums.
  private static func consistent(
    _ joint: PrivateTree.Measured, _ single: PrivateTree.Measured, _ levels: Int, _ classes: Int,
    _ total: Double
  ) -> [Double] {
    var rows = single.values.map { max($0, 0.5) }
    let sum = rows.reduce(0, +)
    for level in rows.indices { rows[level] *= total / sum }
    if joint.values.isEmpty { return rows }
    var out = joint.values.map { max($0, 0) }
    for level in 0..<levels {
      let cells = level * classes..<(level + 1) * classes
      let sum = cells.reduce(0.0) { $0 + out[$1] }
      for cell in cells {
        out[cell] = sum > 0 ? out[cell] * rows[level] / sum : rows[level] / Double(classes)
      }
    }
    return out
  }

  /// How far a table is from what the target makes of both columns: Σ |exact − implied|.
  ///
  /// What is implied was measured before and is rounded to whole rows, so one row more or less changes
  /// the score by exactly 1.
  private static func score(
    _ exact: [UInt32], _ a: [Double], _ b: [Double], _ bLevels: Int, _ classes: Int
  ) -> Int64 {
    var classRows = [Double](repeating: 0, count: classes)
    for (cell, rows) in b.enumerated() { classRows[cell % classes] += rows }
    var score: Int64 = 0
    for (cell, count) in exact.enumerated() {
      let x = cell / bLevels * classes
      let y = cell % bLevels * classes
      var rows = 0.0
      for t in 0..<classes where classRows[t] > 0 { rows += a[x + t] * b[y + t] / classRows[t] }
      score += abs(Int64(count) - (Int64(exactly: rows.rounded()) ?? 0))
    }
    return score
  }
}
