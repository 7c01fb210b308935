import AdmixModel
import Synchronization

/// How many rows of a table belong to each row of its parent, and so whose each row is.
///
/// Counts are drawn for blocks of parent rows and summed up as far as somebody asked, so that any rows
/// can be made by themselves; only the sums and a few blocks are kept.
final class RuleCounts: Sendable {
  typealias Draw = (Range<Int>) throws -> [Int]

  static let block = 4_096
  private static let mostKept = 64
  /// Blocks without a row, one after the other, after which no row is looked for any more.
  private static let patience = 1 << 16

  private struct State {
    /// The number of rows up to the end of each block.
    var ends: [Int] = []
    /// The first row of each parent in a block, and the end.
    var starts: [Int: [Int]] = [:]
  }
  private let state = Mutex(State())

  /// How many rows so many parent rows have.
  func total(parents: Int, _ draw: Draw) throws -> Int {
    guard parents > 0 else { return 0 }
    return try starts((parents - 1) / Self.block, draw)[(parents - 1) % Self.block + 1]
  }

  /// The rows of a parent row.
  func range(of parent: Int, _ draw: Draw) throws -> Range<Int> {
    let starts = try starts(parent / Self.block, draw)
    let place = parent % Self.block
    return starts[place]..<starts[place + 1]
  }

  /// By row, its parent row and its number among that one's rows, from 0.
  func owners(of rows: [Int], _ draw: Draw) throws -> [(parent: Int, ordinal: Int)] {
    var block = 0
    var known: [Int] = []
    return try rows.map { row in
      if known.isEmpty || row < known[0] || row >= known[Self.block] {
        block = try self.block(of: row, draw)
        known = try starts(block, draw)
      }
      // The last parent that starts at or before the row; those without rows share their start.
      var low = 0
      var high = Self.block - 1
      while low < high {
        let middle = (low + high + 1) / 2
        if known[middle] <= row { low = middle } else { high = middle - 1 }
      }
      return (block * Self.block + low, row - known[low])
    }
  }

  private func block(of row: Int, _ draw: Draw) throws -> Int {
    try state.withLock { state in
      while state.ends.last ?? 0 <= row {
        let count = state.ends.count
        if count > Self.patience, state.ends[count - Self.patience] == state.ends[count - 1] {
          throw Diagnostic.error("AX0913", "a row was asked for that no other row has")
        }
        try Self.extend(&state, draw)
      }
      var low = 0
      var high = state.ends.count - 1
      while low < high {
        let middle = (low + high) / 2
        if state.ends[middle] <= row { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  private func starts(_ block: Int, _ draw: Draw) throws -> [Int] {
    try state.withLock { state in
      while state.ends.count <= block { try Self.extend(&state, draw) }
      if let known = state.starts[block] { return known }
      return try Self.draw(block, &state, draw)
    }
  }

  private static func extend(_ state: inout State, _ draw: Draw) throws {
    let starts = try Self.draw(state.ends.count, &state, draw)
    state.ends.append(starts[block])
  }

  private static func draw(_ number: Int, _ state: inout State, _ draw: Draw) throws -> [Int] {
    let counts = try draw(number * block..<(number + 1) * block)
    var sum = number == 0 ? 0 : state.ends[number - 1]
    var starts = [sum]
    for count in counts {
      let (next, overflow) = sum.addingReportingOverflow(count)
      if overflow { throw Diagnostic.error("AX0680", "a table has more rows than can be numbered") }
      sum = next
      starts.append(sum)
    }
    if state.starts.count >= mostKept { state.starts.removeAll() }
    state.starts[number] = starts
    return starts
  }
}
