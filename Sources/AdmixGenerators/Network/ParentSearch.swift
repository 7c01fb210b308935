/// Chooses the parents of each column: first a tree, then one more parent at a time.
///
/// The tree is the spanning tree with the most mutual information (Chow and Liu 1968), grown by Prim's
/// algorithm from the column that knows most about the others; where nothing is known, another begins.
/// A further parent is taken while it tells more than its table costs.
struct ParentSearch {
  /// Cells of a table of a column given its parents.
  static let tableCells = 1_000_000
  /// No table has more cells than this, those of two columns included.
  static let largestTable = 1 << 20
  /// What a further parent has to tell in all rows together, in nats, beyond one nat for each cell that
  /// its table holds more (Akaike 1974): twice what chance would tell.
  static let leastGain = 4.0
  /// Columns that are tried as further parents of one column.
  static let candidateLimit = 16
  /// Views of columns that are tried again after a parent was found: those that told most.
  static let nextCandidates = 8
  /// Cells of all tables of one pass.
  static let passCells = 32_000_000

  /// Gives a draft its tree from the tables of all pairs.
  static func plantTree(_ draft: inout NetworkDraft, _ pairs: ContingencyTables, parents: Int) {
    let count = draft.codings.count
    var scores = [[Double]](repeating: Array(repeating: 0, count: count), count: count)
    for (scope, table) in zip(pairs.scopes, pairs.cells) {
      let score = Information(table, levels: draft.codings[scope[1]].count).beyondChance
      scores[scope[0]][scope[1]] = score
      scores[scope[1]][scope[0]] = score
    }
    let totals = scores.map { row in row.reduce(0) { $0 + max(0, $1) } }
    var isPlaced = [Bool](repeating: false, count: count)
    var order: [Int] = []
    while order.count < count {
      var best: (score: Double, parent: Int, child: Int)?
      for i in order.sorted() {
        for j in 0..<count where !isPlaced[j] && scores[i][j] > (best?.score ?? 0) {
          best = (scores[i][j], i, j)
        }
      }
      if let best {
        draft.parents[best.child] = [best.parent]
        isPlaced[best.child] = true
        order.append(best.child)
      } else {
        var root = -1
        for j in 0..<count where !isPlaced[j] && (root < 0 || totals[j] > totals[root]) {
          root = j
        }
        isPlaced[root] = true
        order.append(root)
      }
    }
    draft.order = order
    for (place, column) in order.enumerated() where parents > 1 && !draft.parents[column].isEmpty {
      // A column that tells nothing alone may tell much together with the others.
      let known = order[..<place].filter {
        !draft.parents[column].contains($0) && draft.codings[$0].isRelated
      }
      draft.candidates[column] = Array(
        known.sorted { (scores[column][$1], $0) < (scores[column][$0], $1) }
          .prefix(candidateLimit)
      ).sorted()
    }
    // Numbers may also be known by group.
    for column in draft.candidates.indices {
      draft.candidates[column] += draft.candidates[column].map { $0 + count }.filter {
        draft.levels[$0] > 0
      }
    }
    askForNext(&draft)
  }

  /// Gives each column the parent that the tables of a pass speak for, if any.
  static func addParents(_ draft: inout NetworkDraft, _ tables: ContingencyTables, parents: Int) {
    var found: [Int: [(gain: Double, parent: Int)]] = [:]
    for (scope, table) in zip(tables.scopes, tables.cells) {
      guard scope.count >= 3, let column = scope.last else { continue }
      let candidate = scope[scope.count - 2]
      let levels = draft.codings[column].count
      let with = Information(table, levels: levels)
      let without = Information(
        summed(table, over: draft.levels[candidate], levels: levels), levels: levels)
      if with.rows == 0 { continue }
      let gain =
        with.information - without.information
        - (leastGain + Double(with.occupied - without.occupied)) / Double(with.rows)
      found[column, default: []].append((gain, candidate))
    }
    let count = draft.codings.count
    for column in draft.parents.indices {
      let ranked = (found[column] ?? []).sorted { ($1.gain, $0.parent) < ($0.gain, $1.parent) }
      guard let best = ranked.first, best.gain > 0, draft.parents[column].count < parents else {
        draft.candidates[column] = []
        continue
      }
      draft.parents[column].append(best.parent)
      let others = ranked.dropFirst().map(\.parent).filter { $0 % count != best.parent % count }
      draft.candidates[column] = others.prefix(nextCandidates).sorted()
    }
    askForNext(&draft)
  }

  /// The table without its last but one column.
  private static func summed(_ table: [UInt32], over count: Int, levels: Int) -> [UInt32] {
    var out = [UInt32](repeating: 0, count: table.count / count)
    var from = 0
    var to = 0
    while from < table.count {
      for _ in 0..<count {
        for level in 0..<levels { out[to + level] += table[from + level] }
        from += levels
      }
      to += levels
    }
    return out
  }

  /// Asks for the tables of every column with its parents and one candidate.
  ///
  /// Where that would be too many cells, the largest tables are left out.
  private static func askForNext(_ draft: inout NetworkDraft) {
    let levels = draft.levels
    var limit = tableCells
    while true {
      var total = 0
      var scopes: [[Int]] = []
      for column in draft.order {
        for candidate in draft.candidates[column] {
          let scope = draft.parents[column] + [candidate, column]
          let size = ContingencyTables.size(scope, levels)
          if size > limit { continue }
          scopes.append(scope)
          total += size
        }
      }
      draft.scopes = scopes
      if total <= passCells { return }
      limit /= 2
    }
  }
}
