import AdmixModel

/// Finds the n-th row of a cell in a dataset: which partition, and the how-manieth of it there.
struct OccurrenceIndex: Sendable {
  /// By cell: how many rows of the cell come before each partition, and all of them at the end.
  private let before: [[Int]]

  init(_ counts: CellCounts) {
    before = counts.keys.indices.map { cell in
      var sum = 0
      return [0]
        + counts.counts.map { row in
          sum += row[cell]
          return sum
        }
    }
  }

  func total(_ cell: Int) -> Int { before[cell].last ?? 0 }

  /// - Parameter occurrence: in 0..<total(cell).
  func place(_ cell: Int, _ occurrence: Int) -> (partition: Int, ordinal: Int) {
    let sums = before[cell]
    // The last partition that begins at or before the occurrence; empty ones begin where the next does.
    var low = 0
    var high = sums.count - 1
    while high - low > 1 {
      let middle = (low + high) / 2
      if sums[middle] <= occurrence { low = middle } else { high = middle }
    }
    return (low, occurrence - sums[low])
  }
}
