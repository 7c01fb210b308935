/// The distribution of a variable given each combination of its parents' levels.
struct ConditionalTable {
  /// A combination seen n times counts against the one without the last parent, which counts this much.
  static let backOff = 1.0

  /// Probabilities over parents, in order, and the variable, which varies fastest.
  ///
  /// P_r(x | π₁…π_r) = (n(x, π₁…π_r) + m·P_{r−1}(x | π₁…π_{r−1})) / (n(π₁…π_r) + m), P₀ the share of
  /// rows; so a combination that was never seen falls back to the one that was, and never to uniform.
  static func probabilities(_ counts: [UInt32], parents: [Int], levels: Int) -> [Double] {
    // Tables of fewer and fewer parents.
    var tables = [counts.map { Double($0) }]
    for parent in parents.reversed() {
      guard let table = tables.last else { break }
      var smaller = [Double](repeating: 0, count: table.count / parent)
      for from in stride(from: 0, to: table.count, by: levels) {
        let to = from / levels / parent * levels
        for level in 0..<levels { smaller[to + level] += table[from + level] }
      }
      tables.append(smaller)
    }
    var given = tables.removeLast()
    let total = given.reduce(0, +)
    for level in given.indices { given[level] = total > 0 ? given[level] / total : 0 }
    for (table, parent) in zip(tables.reversed(), parents) {
      var next = [Double](repeating: 0, count: table.count)
      for from in stride(from: 0, to: table.count, by: levels) {
        let base = from / levels / parent * levels
        var sum = backOff
        for level in 0..<levels { sum += table[from + level] }
        for level in 0..<levels {
          next[from + level] = (table[from + level] + backOff * given[base + level]) / sum
        }
      }
      given = next
    }
    return given
  }
}

/// Draws one variable given others that were drawn before.
struct DrawingStep: Sendable {
  let variable: Int
  let parents: [Int]
  /// By parent and its level, what to add to the index of the combination.
  let offsets: [[Int32]]
  /// The levels that the table's columns stand for.
  let levels: [UInt16]
  /// By combination and level, the end of the level's part of all 32-bit numbers.
  let thresholds: [UInt32]

  /// A variable that another is drawn given.
  struct Parent {
    var variable: Int
    /// By level of the variable: its place in the table; −1 where the table has none.
    var places: [Int]

    init(_ variable: Int, places: [Int]) {
      self.variable = variable
      self.places = places
    }

    /// A table that has some of the levels.
    init(_ variable: Int, levels: [Int], of count: Int) {
      self.variable = variable
      places = [Int](repeating: -1, count: count)
      for (place, level) in levels.enumerated() { places[level] = place }
    }
  }

  /// - Parameter weights: over the parents' combinations and the levels; rows need not add up to
  ///   anything.
  init(_ variable: Int, levels: [Int], parents: [Parent], weights: [Double]) {
    self.variable = variable
    self.levels = levels.map { UInt16($0) }
    self.parents = parents.map(\.variable)
    var stride = Int32(1)
    var offsets: [[Int32]] = []
    for parent in parents.reversed() {
      offsets.append(parent.places.map { Int32(max(0, $0)) * stride })
      stride *= Int32((parent.places.max() ?? 0) + 1)
    }
    self.offsets = offsets.reversed()
    thresholds = Self.thresholds(weights, levels: levels.count)
  }

  static func thresholds(_ weights: [Double], levels: Int) -> [UInt32] {
    var out = [UInt32](repeating: .max, count: weights.count)
    for from in stride(from: 0, to: weights.count, by: levels) {
      var total = 0.0
      var last = -1
      for level in 0..<levels where weights[from + level] > 0 {
        total += weights[from + level]
        last = level
      }
      var sum = 0.0
      for level in 0..<max(0, last) {
        sum += weights[from + level]
        out[from + level] = UInt32(min(1, sum / total) * 4_294_967_295)
      }
    }
    return out
  }

  /// The level that 32 random bits stand for in a combination.
  @inline(__always)
  static func level(
    _ thresholds: UnsafeBufferPointer<UInt32>, _ combination: Int, _ count: Int, _ bits: UInt32
  ) -> Int {
    // The last threshold of a row is the largest number, which no word may reach.
    let word = min(bits, .max - 1)
    let start = combination * count
    var low = start
    var size = count
    while size > 1 {
      let half = size >> 1
      low += word >= thresholds[low + half - 1] ? half : 0
      size -= half
    }
    return low - start
  }
}
