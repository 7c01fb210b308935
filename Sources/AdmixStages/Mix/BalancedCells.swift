import AdmixModel

/// How many rows of each cell each part gives, so that parts and cells both have their totals.
///
/// A transportation problem: first in proportion, then, where a part has not that many rows of a
/// cell, rows are exchanged along augmenting paths until everything fits or nothing more can move
/// (maximum flow after Ford and Fulkerson, breadth first as Edmonds and Karp have it).
struct BalancedCells {
  /// By part, then by cell.
  private(set) var rows: [[Int]]
  /// Rows of each cell that no part can give; all zero when the plan fits.
  private(set) var shortfall: [Int]

  var fits: Bool { shortfall.allSatisfy { $0 == 0 } }

  /// - Parameters:
  ///   - parts: how many rows each part gives.
  ///   - cells: how many rows each cell shall have; the same sum.
  ///   - limits: by part and cell, how many rows there are to give.
  init(parts: [Int], cells: [Int], limits: [[Int]]) {
    precondition(parts.reduce(0, +) == cells.reduce(0, +), "parts and cells have different sums")
    var open = cells
    rows = parts.map { total in
      let given = Apportionment.largestRemainder(total, weights: open)
      for cell in open.indices { open[cell] -= given[cell] }
      return given
    }
    shortfall = [Int](repeating: 0, count: cells.count)
    var surplus = [Int](repeating: 0, count: parts.count)
    for part in parts.indices {
      for cell in cells.indices where rows[part][cell] > limits[part][cell] {
        let excess = rows[part][cell] - limits[part][cell]
        rows[part][cell] -= excess
        surplus[part] += excess
        shortfall[cell] += excess
      }
    }
    for part in parts.indices {
      while surplus[part] > 0, let path = path(from: part, limits) {
        var amount = min(surplus[part], shortfall[path.cell])
        for step in path.steps {
          amount = min(amount, limits[step.part][step.cell] - rows[step.part][step.cell])
          if let back = step.takenBy { amount = min(amount, rows[back][step.cell]) }
        }
        for step in path.steps {
          rows[step.part][step.cell] += amount
          if let back = step.takenBy { rows[back][step.cell] -= amount }
        }
        surplus[part] -= amount
        shortfall[path.cell] -= amount
      }
    }
  }

  private struct Step {
    /// Gives more rows of the cell.
    var part: Int
    var cell: Int
    /// So that this part can give fewer of it.
    var takenBy: Int?
  }

  /// From a part with rows to spare to a cell that lacks rows.
  private func path(from start: Int, _ limits: [[Int]]) -> (steps: [Step], cell: Int)? {
    var cameBy = [Step?](repeating: nil, count: rows.count)
    var seenPart = [Bool](repeating: false, count: rows.count)
    var seenCell = [Bool](repeating: false, count: shortfall.count)
    seenPart[start] = true
    var queue = [start]
    var head = 0
    while head < queue.count {
      let part = queue[head]
      head += 1
      for cell in shortfall.indices
      where !seenCell[cell] && rows[part][cell] < limits[part][cell] {
        seenCell[cell] = true
        if shortfall[cell] > 0 {
          var steps = [Step(part: part, cell: cell, takenBy: nil)]
          var at = part
          while let step = cameBy[at] {
            steps.append(step)
            at = step.part
          }
          return (steps, cell)
        }
        for other in rows.indices where !seenPart[other] && rows[other][cell] > 0 {
          seenPart[other] = true
          cameBy[other] = Step(part: part, cell: cell, takenBy: other)
          queue.append(other)
        }
      }
    }
    return nil
  }
}
