/// Some rows of a list of partitions: a bit for each row of those partitions that have any, so that a few
/// rows cost next to nothing and all rows an eighth of a byte each.
package struct RowSet: Hashable, Sendable {
  /// How many rows each partition has.
  package let sizes: [Int]
  private var whole: Set<Int> = []
  private var bits: [Int: [UInt64]] = [:]

  package init(sizes: [Int]) { self.sizes = sizes }

  package static func all(_ sizes: [Int]) -> RowSet {
    var set = RowSet(sizes: sizes)
    for partition in sizes.indices { set.insertAll(of: partition) }
    return set
  }

  /// The rows of several lists, one list after the other.
  package init(joining sets: [RowSet]) {
    sizes = sets.flatMap(\.sizes)
    var before = 0
    for set in sets {
      for partition in set.whole { whole.insert(before + partition) }
      for (partition, words) in set.bits { bits[before + partition] = words }
      before += set.sizes.count
    }
  }

  package var isEmpty: Bool { whole.isEmpty && bits.isEmpty }

  package mutating func insert(_ row: Int, of partition: Int) {
    guard sizes.indices.contains(partition), (0..<sizes[partition]).contains(row),
      !whole.contains(partition)
    else { return }
    let count = (sizes[partition] + 63) / 64
    bits[partition, default: [UInt64](repeating: 0, count: count)][row / 64] |= 1 << (row % 64)
  }

  package mutating func insertAll(of partition: Int) {
    guard sizes.indices.contains(partition), sizes[partition] > 0 else { return }
    bits[partition] = nil
    whole.insert(partition)
  }

  /// Takes over what another list has of one of its partitions.
  mutating func insert(from other: RowSet, _ source: Int, to partition: Int) {
    if other.holdsAll(of: source) {
      insertAll(of: partition)
    } else {
      for row in other.rows(of: source) { insert(row, of: partition) }
    }
  }

  /// The place of a row counted over all partitions.
  package mutating func insert(_ row: Int) {
    guard let (partition, local) = Self.place(of: row, sizes) else { return }
    insert(local, of: partition)
  }

  static func place(of row: Int, _ sizes: [Int]) -> (partition: Int, row: Int)? {
    var rest = row
    for (partition, size) in sizes.enumerated() {
      if rest < size { return rest < 0 ? nil : (partition, rest) }
      rest -= size
    }
    return nil
  }

  package func touches(_ partition: Int) -> Bool {
    bits[partition] != nil || whole.contains(partition)
  }

  package func holdsAll(of partition: Int) -> Bool { whole.contains(partition) }

  package func contains(_ row: Int, of partition: Int) -> Bool {
    if whole.contains(partition) { return true }
    guard let words = bits[partition], row >= 0, row / 64 < words.count else { return false }
    return words[row / 64] >> UInt64(row % 64) & 1 == 1
  }

  func rows(of partition: Int) -> [Int] {
    guard sizes.indices.contains(partition) else { return [] }
    if whole.contains(partition) { return Array(0..<sizes[partition]) }
    var rows: [Int] = []
    for (index, word) in (bits[partition] ?? []).enumerated() {
      var rest = word
      while rest != 0 {
        rows.append(64 * index + rest.trailingZeroBitCount)
        rest &= rest - 1
      }
    }
    return rows
  }

  package var count: Int {
    whole.reduce(0) { $0 + sizes[$1] }
      + bits.values.reduce(0) { $0 + $1.reduce(0) { $0 + $1.nonzeroBitCount } }
  }

  /// The first of the rows, counted over all partitions from 0, in ascending order.
  package func numbers(limit: Int) -> [Int] {
    var numbers: [Int] = []
    var before = 0
    for partition in sizes.indices where numbers.count < limit {
      if whole.contains(partition) {
        numbers += (before..<(before + min(sizes[partition], limit - numbers.count)))
      } else if bits[partition] != nil {
        numbers += rows(of: partition).prefix(limit - numbers.count).map { before + $0 }
      }
      before += sizes[partition]
    }
    return numbers
  }
}
