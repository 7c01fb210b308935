/// The distribution of a variable given each combination of its parents' levels.
///
/// P_r(x | π₁…π_r) = (n(x, π₁…π_r) + m·P_{r−1}(x | π₁…π_{r−1})) / (n(π₁…π_r) + m), P₀ the share of rows; so
/// a combination that was never seen falls back to the one that was, and never to uniform. Rows are
/// worked out when they are asked for: there may be millions of combinations.
struct ConditionalTable {
  /// A combination seen n times counts against the one without the last parent, which counts this much.
  static let backOff = 1.0

  private let counts: [UInt32]
  private let levels: Int
  /// How many levels the last parent has, which is not in `given`; nil where there is no parent.
  private let parent: Int?
  /// The probabilities without the last parent, or the shares of rows.
  private let given: [Double]

  /// - Parameter counts: over parents, in order, and the variable, which varies fastest.
  init(_ counts: [UInt32], parents: [Int], levels: Int) {
    self.counts = counts
    self.levels = levels
    parent = parents.last
    guard let last = parents.last else {
      let total = counts.reduce(0.0) { $0 + Double($1) }
      given = counts.map { total > 0 ? Double($0) / total : 0 }
      return
    }
    var smaller = [UInt32](repeating: 0, count: counts.count / last)
    for from in stride(from: 0, to: counts.count, by: levels) {
      let to = from / levels / last * levels
      for level in 0..<levels { smaller[to + level] &+= counts[from + level] }
    }
    given = ConditionalTable(smaller, parents: parents.dropLast(), levels: levels).probabilities
  }

  var combinations: Int { levels > 0 ? counts.count / levels : 0 }

  /// All of them, over parents and the variable, which varies fastest.
  var probabilities: [Double] {
    var all: [Double] = []
    all.reserveCapacity(counts.count)
    forEachRow { all.append(contentsOf: $0) }
    return all
  }

  /// Calls back for each combination in turn with the probabilities of the levels.
  func forEachRow(_ body: (UnsafeBufferPointer<Double>) -> Void) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: levels) { row in
      row.initialize(repeating: 0)
      counts.withUnsafeBufferPointer { counts in
        given.withUnsafeBufferPointer { given in
          for combination in 0..<combinations {
            let from = combination * levels
            if let parent {
              let base = combination / parent * levels
              var sum = Self.backOff
              for level in 0..<levels { sum += Double(counts[from + level]) }
              for level in 0..<levels {
                row[level] =
                  (Double(counts[from + level]) + Self.backOff * given[base + level]) / sum
              }
            } else {
              for level in 0..<levels { row[level] = given[from + level] }
            }
            body(UnsafeBufferPointer(row))
          }
        }
      }
    }
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
    self.init(
      variable, levels: levels, parents: parents,
      thresholds: Self.thresholds(weights, levels: levels.count))
  }

  /// Draws from the table as it is.
  init(_ variable: Int, levels: [Int], parents: [Parent], table: ConditionalTable) {
    var thresholds = [UInt32](repeating: .max, count: table.combinations * levels.count)
    var from = 0
    thresholds.withUnsafeMutableBufferPointer { out in
      table.forEachRow { row in
        Self.write(row, to: out, from)
        from += row.count
      }
    }
    self.init(variable, levels: levels, parents: parents, thresholds: thresholds)
  }

  private init(_ variable: Int, levels: [Int], parents: [Parent], thresholds: [UInt32]) {
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
    self.thresholds = thresholds
  }

  private static func thresholds(_ weights: [Double], levels: Int) -> [UInt32] {
    var out = [UInt32](repeating: .max, count: weights.count)
    out.withUnsafeMutableBufferPointer { out in
      weights.withUnsafeBufferPointer { weights in
        for from in stride(from: 0, to: weights.count, by: levels) {
          write(UnsafeBufferPointer(rebasing: weights[from..<from + levels]), to: out, from)
        }
      }
    }
    return out
  }

  /// Of one combination, into thresholds that are all the largest number.
  private static func write(
    _ weights: UnsafeBufferPointer<Double>, to out: UnsafeMutableBufferPointer<UInt32>, _ from: Int
  ) {
    var total = 0.0
    var last = -1
    for level in weights.indices where weights[level] > 0 {
      total += weights[level]
      last = level
    }
    var sum = 0.0
    for level in 0..<max(0, last) {
      sum += weights[level]
      out[from + level] = UInt32(min(1, sum / total) * 4_294_967_295)
    }
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
