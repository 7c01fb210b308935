/// Recognises rows that are rare training rows, so that they are drawn again.
///
/// A row is its codes: what falls into the same short intervals of the columns with very many values
/// counts as a copy too. A combination that as many training rows share as a leaf has at least is a
/// fact about the population and may come out. Where half of the training rows have company, the table
/// is one of cells, all but a few combinations come again by themselves, and nothing is guarded.
///
/// A copy is drawn again from its last column on, then from the one before, and so on, but its first
/// half stays: what is common and what is rare keep their shares there. Where that half leaves no choice,
/// as a column of rare levels does, the copy stays.
enum CopyGuard {
  /// Times that a row is drawn again for being a copy; the last one is kept.
  static let attempts = 8

  /// Where the k-th drawing again begins, of so many columns.
  static func start(of attempt: Int, columns: Int) -> Int {
    max((columns + 1) / 2, columns - attempt)
  }

  /// The part of the rows with company from which a table is one of cells.
  static let cells = 0.5

  static func start() -> UInt64 { 0x9E37_79B9_7F4A_7C15 }

  /// Adds a column's code, in the visit order.
  @inline(__always)
  static func add(_ code: Int32, to hash: UInt64) -> UInt64 {
    // The finaliser of MurmurHash3 over a running sum.
    var h = hash &+ UInt64(UInt32(bitPattern: code)) &+ 0x9E37_79B9_7F4A_7C15
    h = (h ^ (h >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    h = (h ^ (h >> 33)) &* 0xC4CE_B9FE_1A85_EC53
    return h ^ (h >> 33)
  }

  /// - Parameter columns: codes of the training rows, in the visit order.
  /// - Returns: hashes of the rows to guard, sorted, and how many rows are of common combinations.
  static func rareRows(_ columns: [[Int32]], rows: Int, leaf: Int) -> (
    hashes: [UInt64], common: Int
  ) {
    var hashes = [UInt64](repeating: start(), count: rows)
    for column in columns {
      for row in 0..<rows { hashes[row] = add(column[row], to: hashes[row]) }
    }
    hashes.sort()
    var rare: [UInt64] = []
    var common = 0
    var shared = 0
    var at = 0
    while at < rows {
      var end = at + 1
      while end < rows, hashes[end] == hashes[at] { end += 1 }
      if end - at >= leaf { common += end - at } else { rare.append(hashes[at]) }
      if end - at > 1 { shared += end - at }
      at = end
    }
    if Double(shared) >= cells * Double(rows) { return ([], common) }
    return (rare, common)
  }
}
