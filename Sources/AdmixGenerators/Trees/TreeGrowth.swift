/// A column that a tree may ask, as bins of every training row.
struct TreePredictor {
  /// Its position in the visit order.
  var feature: Int32
  var bins: [UInt8]
  var binCount: Int
  var isNominal: Bool
}

/// Grows the tree of one column from rows in bins, by information gain.
///
/// Each node divides its rows' values into at most 16 classes of its own: the levels of a nominal column,
/// the rarest as one, or stretches of equal frequency of an ordered one, so that a deep node still tells
/// apart what lies close together. A split maximises the mutual information of class and side (Breiman,
/// Friedman, Olshen and Stone, 1984). Levels of a nominal predictor are tried in the order of their first
/// principal component of class shares, which for two classes holds the best of all divisions. Splits
/// are made as long as leaves are large enough, and taken back from the leaves up where all below a node
/// gains no more than chance would: so two columns that say something only together are found. All
/// counts are whole numbers, and ties go to the column that comes first, so a tree is the same bits on
/// every machine.
///
/// A class because of its scratch memory, which it owns and frees; used by one thread.
final class TreeGrowth {
  static let mostClasses = 16
  static let mostPredictors = 64
  /// Cuts that are looked at along one predictor, at most.
  static let mostCuts = 64

  private let target: [Int32]
  private let codeCount: Int
  private let isOrdered: Bool
  private let predictors: [TreePredictor]
  private let minimumLeaf: Int
  /// x·ln x for whole x up to the number of rows.
  private let logs: [Double]

  private let order: UnsafeMutablePointer<Int32>
  private let spare: UnsafeMutablePointer<Int32>
  private let classes: UnsafeMutablePointer<UInt8>
  private let table: UnsafeMutablePointer<UInt32>
  private var classOfCode: [UInt8]
  private var countOfCode: [Int32]
  private var runs: [(code: Int32, count: Int32)] = []
  private var search = SplitSearch()

  init(
    target: [Int32], codeCount: Int, isOrdered: Bool, predictors: [TreePredictor],
    minimumLeaf: Int, logs: [Double]
  ) {
    precondition(predictors.allSatisfy { $0.bins.count == target.count }, "columns of other rows")
    precondition(logs.count > target.count, "too few logarithms")
    self.target = target
    self.codeCount = codeCount
    self.isOrdered = isOrdered
    self.predictors = predictors
    self.minimumLeaf = max(1, minimumLeaf)
    self.logs = logs
    let rows = target.count
    order = .allocate(capacity: max(1, rows))
    for row in 0..<rows { order[row] = Int32(row) }
    spare = .allocate(capacity: max(1, rows))
    classes = .allocate(capacity: max(1, rows))
    table = .allocate(capacity: 256 * Self.mostClasses)
    classOfCode = [UInt8](repeating: 0, count: codeCount)
    countOfCode = [Int32](repeating: 0, count: codeCount)
  }

  deinit {
    order.deallocate()
    spare.deallocate()
    classes.deallocate()
    table.deallocate()
  }

  /// x·ln x for 0...rows.
  static func logs(_ rows: Int, _ log: (Double) -> Double) -> [Double] {
    (0...rows).map { $0 < 2 ? 0 : Double($0) * log(Double($0)) }
  }

  private struct Open {
    var node: Int
    var range: Range<Int>
    /// Predictors that may still vary here.
    var candidates: [Int16]
  }

  func grow() -> DonorTree {
    let all = 0..<target.count
    var tree = DonorTree(nodes: [.leaf(all)], sets: [], donors: [])
    var excesses = [0.0]
    var open = [Open(node: 0, range: all, candidates: predictors.indices.map { Int16($0) })]
    while let next = open.popLast() {
      var candidates = next.candidates
      guard let split = bestSplit(next.range, &candidates) else {
        tree.nodes[next.node] = .leaf(next.range)
        continue
      }
      let middle = divide(next.range, split)
      let left = tree.nodes.count
      excesses[next.node] = split.excess
      excesses += [0, 0]
      tree.nodes += [.leaf(next.range.lowerBound..<middle), .leaf(middle..<next.range.upperBound)]
      var cut = Int32(split.cut)
      if predictors[split.predictor].isNominal {
        cut = Int32(-1 - tree.sets.count / 4)
        tree.sets += split.set
      }
      tree.nodes[next.node] = .init(
        feature: predictors[split.predictor].feature, cut: cut, left: Int32(left),
        right: Int32(left + 1))
      open.append(
        Open(
          node: left + 1, range: middle..<next.range.upperBound, candidates: candidates))
      open.append(
        Open(node: left, range: next.range.lowerBound..<middle, candidates: candidates))
    }
    tree = pruned(tree, excesses)
    tree.donors = (0..<target.count).map { target[Int(order[$0])] }
    tree.donors.withUnsafeMutableBufferPointer { donors in
      for node in tree.nodes where node.feature < 0 {
        var leaf = UnsafeMutableBufferPointer(
          rebasing: donors[Int(node.left)..<Int(node.right)])
        leaf.sort()
      }
    }
    return tree
  }

  /// Takes splits back that gain no more than chance, with all below them.
  private func pruned(_ tree: DonorTree, _ excesses: [Double]) -> DonorTree {
    var gains = excesses
    var ranges = [Range<Int>](repeating: 0..<0, count: tree.nodes.count)
    // Children come after their parents.
    for at in tree.nodes.indices.reversed() {
      let node = tree.nodes[at]
      if node.feature < 0 {
        ranges[at] = Int(node.left)..<Int(node.right)
      } else {
        gains[at] = max(0, gains[at] + gains[Int(node.left)] + gains[Int(node.right)])
        ranges[at] = ranges[Int(node.left)].lowerBound..<ranges[Int(node.right)].upperBound
      }
    }
    var out = DonorTree(nodes: [.leaf(ranges[0])], sets: [], donors: [])
    var open = [(old: 0, new: 0)]
    while let next = open.popLast() {
      let node = tree.nodes[next.old]
      guard node.feature >= 0, gains[next.old] > 0 else {
        out.nodes[next.new] = .leaf(ranges[next.old])
        continue
      }
      let left = out.nodes.count
      out.nodes += [.leaf(0..<0), .leaf(0..<0)]
      var cut = node.cut
      if cut < 0 {
        cut = Int32(-1 - out.sets.count / 4)
        out.sets += tree.sets[Int(-1 - node.cut) * 4..<Int(-node.cut) * 4]
      }
      out.nodes[next.new] = .init(
        feature: node.feature, cut: cut, left: Int32(left), right: Int32(left + 1))
      open.append((old: Int(node.right), new: left + 1))
      open.append((old: Int(node.left), new: left))
    }
    return out
  }

  /// Where a node's rows are divided.
  private struct Split {
    var predictor: Int
    var cut = 0
    /// Of a nominal predictor, the bins that go left.
    var set: [UInt64] = []
    var excess: Double
  }

  private func bestSplit(_ range: Range<Int>, _ candidates: inout [Int16]) -> Split? {
    let count = range.count
    guard count >= 2 * minimumLeaf, !candidates.isEmpty else { return nil }
    let classCount = classify(range)
    guard classCount > 1 else { return nil }
    var best: Split?
    var excesses: [Double] = []
    for candidate in candidates {
      let predictor = predictors[Int(candidate)]
      tabulate(range, predictor, classCount)
      let found = search.best(
        table, bins: predictor.binCount, classes: classCount, rows: count, least: minimumLeaf,
        isNominal: predictor.isNominal, isOrdered: isOrdered, logs: logs)
      excesses.append(found?.excess ?? -.infinity)
      if let found, found.excess > (best?.excess ?? -.infinity) {
        best = Split(predictor: Int(candidate), excess: found.excess)
        if predictor.isNominal {
          var set = [UInt64](repeating: 0, count: 4)
          for bin in search.occupied[..<found.length] { set[bin >> 6] |= 1 << UInt64(bin & 63) }
          best?.set = set
        } else {
          best?.cut = search.occupied[found.length - 1]
        }
      }
    }
    if candidates.count > Self.mostPredictors {
      // At the root of a wide table: those that say most on their own.
      candidates = candidates.indices.sorted {
        excesses[$0] == excesses[$1] ? $0 < $1 : excesses[$0] > excesses[$1]
      }.prefix(Self.mostPredictors).sorted().map { candidates[$0] }
    } else if excesses.contains(-.infinity) {
      // What does not divide these rows divides no part of them.
      candidates = candidates.indices.filter { excesses[$0] > -.infinity }.map { candidates[$0] }
    }
    return best
  }

  /// Counts of rows by bin and class.
  private func tabulate(_ range: Range<Int>, _ predictor: TreePredictor, _ classCount: Int) {
    table.update(repeating: 0, count: predictor.binCount * classCount)
    predictor.bins.withUnsafeBufferPointer { bins in
      for at in range {
        let bin = Int(bins[Int(order[at])])
        table[bin &* classCount &+ Int(classes[at])] &+= 1
      }
    }
  }

  /// Puts the node's values into classes and gives their number.
  private func classify(_ range: Range<Int>) -> Int {
    countCodes(range)
    guard runs.count > 1 else { return runs.count }
    var classCount = 0
    if isOrdered {
      let wanted = min(Self.mostClasses, max(2, range.count / 25))
      let size = max(1, range.count / wanted)
      var inClass = 0
      var current = 0
      for run in runs {
        // A frequent value closes the class before it and is one itself.
        if inClass > 0, inClass >= size || Int(run.count) >= size, current < Self.mostClasses - 1 {
          current += 1
          inClass = 0
        }
        classOfCode[Int(run.code)] = UInt8(current)
        inClass += Int(run.count)
      }
      classCount = current + 1
    } else if runs.count <= Self.mostClasses {
      for (at, run) in runs.enumerated() { classOfCode[Int(run.code)] = UInt8(at) }
      classCount = runs.count
    } else {
      let order = runs.indices.sorted {
        runs[$0].count == runs[$1].count ? $0 < $1 : runs[$0].count > runs[$1].count
      }
      for (rank, at) in order.enumerated() {
        classOfCode[Int(runs[at].code)] = UInt8(min(rank, Self.mostClasses - 1))
      }
      classCount = Self.mostClasses
    }
    target.withUnsafeBufferPointer { target in
      classOfCode.withUnsafeBufferPointer { classOfCode in
        for at in range { classes[at] = classOfCode[Int(target[Int(order[at])])] }
      }
    }
    return classCount
  }

  /// The node's codes, rising, with their counts.
  private func countCodes(_ range: Range<Int>) {
    runs.removeAll(keepingCapacity: true)
    if codeCount <= 4 * range.count {
      countOfCode.withUnsafeMutableBufferPointer { counts in
        target.withUnsafeBufferPointer { target in
          for at in range { counts[Int(target[Int(order[at])])] &+= 1 }
        }
        for code in counts.indices where counts[code] > 0 {
          runs.append((Int32(code), counts[code]))
          counts[code] = 0
        }
      }
      return
    }
    for (to, at) in range.enumerated() { spare[to] = target[Int(order[at])] }
    var codes = UnsafeMutableBufferPointer(start: spare, count: range.count)
    codes.sort()
    for code in codes {
      if let last = runs.last, last.code == code {
        runs[runs.count - 1].count += 1
      } else {
        runs.append((code, 1))
      }
    }
  }

  /// Puts the rows that go left first, in their order; gives where the others begin.
  private func divide(_ range: Range<Int>, _ split: Split) -> Int {
    let predictor = predictors[split.predictor]
    var goesLeft = [Bool](repeating: false, count: 256)
    for bin in 0..<256 {
      goesLeft[bin] =
        predictor.isNominal
        ? split.set[bin >> 6] >> UInt64(bin & 63) & 1 == 1 : bin <= split.cut
    }
    var left = range.lowerBound
    var right = 0
    predictor.bins.withUnsafeBufferPointer { bins in
      goesLeft.withUnsafeBufferPointer { goesLeft in
        for at in range {
          let row = order[at]
          if goesLeft[Int(bins[Int(row)])] {
            order[left] = row
            left += 1
          } else {
            spare[right] = row
            right += 1
          }
        }
      }
    }
    (order + left).update(from: spare, count: right)
    return left
  }
}
