/// A tree for one column: what the columns before it say decides the leaf, and a leaf holds donors.
struct DonorTree: Sendable, Equatable {
  struct Node: Sendable, Equatable {
    /// The column that is asked, by its position in the visit order; −1 in a leaf.
    var feature: Int32
    /// Bins up to this one go left; below 0, those in the set −1 − cut.
    var cut: Int32
    /// The left child, and where a leaf's donors begin.
    var left: Int32
    /// The right child, and where a leaf's donors end.
    var right: Int32

    static func leaf(_ range: Range<Int>) -> Node {
      Node(feature: -1, cut: 0, left: Int32(range.lowerBound), right: Int32(range.upperBound))
    }
  }

  /// Children come after their parents.
  var nodes: [Node]
  /// 256 bits each: the bins that go left.
  var sets: [UInt64]
  /// Codes of training rows; rising within a leaf.
  var donors: [Int32]

  var leafCount: Int { nodes.reduce(0) { $0 + ($1.feature < 0 ? 1 : 0) } }
  var depth: Int {
    var depths = [Int](repeating: 0, count: nodes.count)
    for (at, node) in nodes.enumerated() where node.feature >= 0 {
      depths[Int(node.left)] = depths[at] + 1
      depths[Int(node.right)] = depths[at] + 1
    }
    return depths.max() ?? 0
  }

  /// Whether everything holds that drawing relies on without looking again.
  func isSound(position: Int, codes: Int) -> Bool {
    guard !nodes.isEmpty, sets.count % 4 == 0,
      donors.allSatisfy({ $0 >= 0 && $0 < Int32(clamping: codes) })
    else { return false }
    for (at, node) in nodes.enumerated() {
      if node.feature < 0 {
        guard node.left >= 0, node.left < node.right, Int(node.right) <= donors.count else {
          return false
        }
      } else {
        guard Int(node.feature) < position, node.left > at, node.right > at,
          Int(node.left) < nodes.count, Int(node.right) < nodes.count,
          node.cut >= 0 || (Int(-1 - node.cut) + 1) * 4 <= sets.count
        else { return false }
      }
    }
    return true
  }

  /// For each column, how much of the information in all splits is asked of it; see `explain`.
  func uses(_ count: Int) -> [Int] {
    var out = [Int](repeating: 0, count: count)
    for node in nodes where node.feature >= 0 { out[Int(node.feature)] += 1 }
    return out
  }
}
