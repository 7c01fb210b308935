import AdmixStatistics

/// Mutual information from counts, in nats.
struct Information {
  /// n ln n of small whole numbers.
  private static let small: [Double] = (0..<4_096).map {
    $0 == 0 ? 0 : Double($0) * PortableMath.log(Double($0))
  }

  private static func weighted(_ n: Int64) -> Double {
    n < 4_096 ? small[Int(n)] : Double(n) * PortableMath.log(Double(n))
  }

  /// Between the last column of a table and all others together.
  private(set) var information = 0.0
  private(set) var occupied = 0
  private(set) var rows: Int64 = 0
  /// Rows by combination of the other columns and by level of the last, where there are any.
  private var groups: [Int64] = []
  private var levels: [Int64] = []

  /// - Parameter levels: of the last column, which varies fastest.
  init(_ table: [UInt32], levels: Int) {
    var totals = [Int64](repeating: 0, count: levels)
    var sizes: [Int64] = []
    var cells = 0.0
    table.withUnsafeBufferPointer { table in
      var start = 0
      while start < table.count {
        var sum: Int64 = 0
        for level in 0..<levels {
          let n = Int64(table[start + level])
          if n == 0 { continue }
          sum += n
          totals[level] += n
          cells += Self.weighted(n)
          occupied += 1
        }
        if sum > 0 { sizes.append(sum) }
        start += levels
      }
    }
    rows = sizes.reduce(0, +)
    groups = sizes
    self.levels = totals.filter { $0 > 0 }
    if rows == 0 { return }
    let sum =
      cells - Self.weighted(sizes) - Self.weighted(self.levels) + Self.weighted(rows)
    information = max(0, sum / Double(rows))
  }

  private static func weighted(_ sizes: [Int64]) -> Double {
    sizes.reduce(0.0) { $0 + weighted($1) }
  }

  /// What is left after what two independent columns show by chance; 0 or less is nothing.
  ///
  /// Of a table of two columns.
  var beyondChance: Double {
    let free = max(freeCells(groups, among: levels), freeCells(levels, among: groups))
    return information - Self.chance(free, rows: rows)
  }

  /// What chance adds to twice the information in all rows, on average.
  ///
  /// One for each level but one of `others` in each group but one, as for a chi-squared distribution
  /// (Miller 1955), where a group has rows enough. A small group adds up to 1.4 times that, and never
  /// more than twice the entropy of its rows: one row alone looks as if it told all.
  private func freeCells(_ sizes: [Int64], among others: [Int64]) -> Double {
    let entropy =
      (Self.weighted(rows) - Self.weighted(others)) / Double(max(1, rows))
    let free = Double(others.count - 1)
    return sizes.reduce(-free) { sum, n in
      let most = n < 5 * Int64(others.count) ? 1.4 * free : free
      return sum + min(2 * Double(n) * entropy, most)
    }
  }

  /// What chance tells with some free cells, and four standard deviations.
  static func chance(_ free: Double, rows: Int64) -> Double {
    if rows == 0 || free <= 0 { return 0 }
    return (free + 4 * (2 * free).squareRoot()) / (2 * Double(rows))
  }
}
