/// Finds the best division of one predictor's bins, from counts of rows by bin and class.
struct SplitSearch {
  /// The bins that have rows, in the order they were tried; the left side of a split is its beginning.
  private(set) var occupied: [Int] = []
  private var totals = [UInt32](repeating: 0, count: 256)
  private var scores = [Double](repeating: 0, count: 256)
  private var all = [Int](repeating: 0, count: TreeGrowth.mostClasses)
  private var left = [Int](repeating: 0, count: TreeGrowth.mostClasses)

  /// Where class and side have nothing to do with each other, a split gains, twice in nats, about its
  /// degrees of freedom; it counts for what it gains above this many times as much.
  static let caution = 1.0

  struct Found {
    /// How many of `occupied` go left.
    var length: Int
    /// Twice the gain in nats, less what chance would give.
    var excess: Double
  }

  /// - Parameters:
  ///   - table: counts, class after class within bin after bin.
  ///   - least: rows that each side must have.
  ///   - isNominal: whether the bins have no order.
  ///   - isOrdered: whether the classes have one.
  /// - Returns: nil where no division leaves enough rows on both sides.
  mutating func best(
    _ table: UnsafePointer<UInt32>, bins: Int, classes: Int, rows: Int, least: Int,
    isNominal: Bool, isOrdered: Bool, logs: [Double]
  ) -> Found? {
    occupied.removeAll(keepingCapacity: true)
    for k in 0..<classes {
      all[k] = 0
      left[k] = 0
    }
    for bin in 0..<bins {
      let row = table + bin * classes
      var sum: UInt32 = 0
      for k in 0..<classes {
        sum &+= row[k]
        all[k] &+= Int(row[k])
      }
      totals[bin] = sum
      if sum > 0 { occupied.append(bin) }
    }
    guard occupied.count > 1 else { return nil }
    if isNominal, occupied.count > 2 { sort(table, classes, rows, isOrdered) }
    let step = max(1, rows / TreeGrowth.mostCuts)
    return logs.withUnsafeBufferPointer { logs in
      var base = -logs[rows]
      for k in 0..<classes { base += logs[all[k]] }
      var found: Found?
      var bestGain = -Double.infinity
      var below = 0
      var looked = 0
      for at in 0..<(occupied.count - 1) {
        let bin = occupied[at]
        let row = table + bin * classes
        for k in 0..<classes { left[k] &+= Int(row[k]) }
        below += Int(totals[bin])
        if below < least { continue }
        if rows - below < least { break }
        // Cuts through a crowd of rare bins are sampled, those beside a frequent one are not.
        if below - looked < step, Int(totals[occupied[at + 1]]) < step { continue }
        looked = below
        var gain = -logs[below] - logs[rows - below] - base
        for k in 0..<classes { gain += logs[left[k]] + logs[all[k] - left[k]] }
        if gain > bestGain {
          bestGain = gain
          found = Found(length: at + 1, excess: 0)
        }
      }
      guard found != nil else { return nil }
      var freedom = Double(classes - 1)
      if isNominal {
        // Where the levels' order is chosen too, chance gives the largest root of a Wishart matrix.
        let root = freedom.squareRoot() + Double(occupied.count - 1).squareRoot()
        freedom = occupied.count > 2 ? root * root : freedom
      }
      found?.excess = 2 * bestGain - Self.caution * freedom
      return found
    }
  }

  /// Orders the occupied bins along what tells their class shares apart most.
  private mutating func sort(
    _ table: UnsafePointer<UInt32>, _ classes: Int, _ rows: Int, _ isOrdered: Bool
  ) {
    var axis = [Double](repeating: 0, count: classes)
    if isOrdered || classes == 2 {
      for k in 0..<classes { axis[k] = Double(k) }
    } else {
      axis = principalAxis(table, classes, rows)
    }
    for bin in occupied {
      let row = table + bin * classes
      var sum = 0.0
      for k in 0..<classes { sum += Double(row[k]) * axis[k] }
      scores[bin] = sum / Double(totals[bin])
    }
    let scores = scores
    occupied.sort { scores[$0] == scores[$1] ? $0 < $1 : scores[$0] < scores[$1] }
  }

  /// The first principal component of the bins' class shares, weighted by their rows, by a few steps of
  /// the power method from the bin that stands out most.
  private func principalAxis(_ table: UnsafePointer<UInt32>, _ classes: Int, _ rows: Int)
    -> [Double]
  {
    let means = (0..<classes).map { Double(all[$0]) / Double(rows) }
    func deviation(_ bin: Int, _ k: Int) -> Double {
      Double(table[bin * classes + k]) / Double(totals[bin]) - means[k]
    }
    var axis = [Double](repeating: 0, count: classes)
    var largest = -1.0
    for bin in occupied {
      var sum = 0.0
      for k in 0..<classes {
        let d = deviation(bin, k)
        sum += d * d
      }
      sum *= Double(totals[bin])
      if sum > largest {
        largest = sum
        for k in 0..<classes { axis[k] = deviation(bin, k) }
      }
    }
    var next = axis
    for _ in 0..<4 {
      for k in 0..<classes { next[k] = 0 }
      for bin in occupied {
        var projection = 0.0
        for k in 0..<classes { projection += deviation(bin, k) * axis[k] }
        projection *= Double(totals[bin])
        for k in 0..<classes { next[k] += projection * deviation(bin, k) }
      }
      var norm = 0.0
      for k in 0..<classes { norm += next[k] * next[k] }
      guard norm > 0 else { break }
      norm = norm.squareRoot()
      for k in 0..<classes { axis[k] = next[k] / norm }
    }
    return axis
  }
}
