import AdmixData

/// Counts combinations of coded columns.
package enum GroupCounter {
  /// One pass over the rows of a part of the data.
  ///
  /// - Parameter columns: of one length, by name; every name of the table is there.
  package static func count(_ names: [String], _ columns: [String: CodedColumn]) -> CountTable? {
    let chosen = names.compactMap { columns[$0] }
    guard chosen.count == names.count else { return nil }
    let axes = zip(names, chosen).map { CountTable.Axis(column: $0, values: $1.values) }
    guard CountTable.cells(axes) <= CountTable.mostCells else { return nil }
    let rows = chosen.first?.codes.count ?? 0
    precondition(chosen.allSatisfy { $0.codes.count == rows }, "columns of different lengths")
    var counts = Array(repeating: 0, count: CountTable.cells(axes))
    counts.withUnsafeMutableBufferPointer { counts in
      switch chosen.count {
      case 0: counts[0] = rows
      case 1: one(chosen[0], counts)
      case 2: two(chosen[0], chosen[1], counts)
      default: many(chosen, counts)
      }
    }
    return CountTable(axes: axes, counts: counts)
  }

  // A code beyond its column's size would write outside the table; clamping costs less than a branch
  // and cannot happen for columns that keep their promise.
  private static func one(_ a: CodedColumn, _ counts: UnsafeMutableBufferPointer<Int>) {
    guard let out = counts.baseAddress else { return }
    let last = Int32(a.values.count)
    for code in a.codes.unsafe { out[Int(max(0, min(code, last)))] += 1 }
  }

  private static func two(
    _ a: CodedColumn, _ b: CodedColumn, _ counts: UnsafeMutableBufferPointer<Int>
  ) {
    guard let out = counts.baseAddress else { return }
    let (x, y) = (a.codes.unsafe, b.codes.unsafe)
    guard let left = x.baseAddress, let right = y.baseAddress else { return }
    let (lastA, lastB) = (Int32(a.values.count), Int32(b.values.count))
    let width = b.size
    for row in 0..<x.count {
      let i = Int(max(0, min(left[row], lastA)))
      let j = Int(max(0, min(right[row], lastB)))
      out[i * width + j] += 1
    }
  }

  private static func many(_ columns: [CodedColumn], _ counts: UnsafeMutableBufferPointer<Int>) {
    guard let out = counts.baseAddress, let rows = columns.first?.codes.count else { return }
    let block = 4096
    withUnsafeTemporaryAllocation(of: Int.self, capacity: block) { cells in
      guard let cell = cells.baseAddress else { return }
      for start in stride(from: 0, to: rows, by: block) {
        let length = min(block, rows - start)
        for index in 0..<length { cell[index] = 0 }
        for column in columns {
          guard let codes = column.codes.unsafe.baseAddress else { return }
          let (last, size) = (Int32(column.values.count), column.size)
          for index in 0..<length {
            cell[index] = cell[index] * size + Int(max(0, min(codes[start + index], last)))
          }
        }
        for index in 0..<length { out[cell[index]] += 1 }
      }
    }
  }
}
