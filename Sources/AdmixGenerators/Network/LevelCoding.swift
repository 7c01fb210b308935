import AdmixModel

/// How the values of one column become a few levels, which are what a network relates.
///
/// It holds nothing that moves when a few rows change: edges are round numbers near the quantiles, and
/// there are no counts. So after one partition has changed, the next pass mostly has the same question to
/// all others, and their answers are found done; an edge moves only where a quantile was about to.
struct LevelCoding: Hashable, Sendable, Codable {
  var name: String
  var type: ColumnType
  /// Whether other columns can depend on it and it on them.
  var isRelated = true
  /// Of numbers, dates and times: where the next level begins, rising; a value on an edge is above it.
  var edges: [Double] = []
  /// Of nominal columns: the values that are levels of their own.
  var levels: [String] = []
  /// Whether values that are none of `levels` share a level.
  var hasRest = false
  /// Whether a missing value is a level.
  var hasMissing = false
  /// Of numbers: the levels at which the next group of neighbouring levels begins.
  ///
  /// Groups are what another column may depend on in place of levels, where tables would get too large.
  /// Empty where there are none.
  var groupStarts: [Int] = []

  init(_ column: ColumnSchema) {
    name = column.name
    type = column.type
  }

  /// Levels that stand for values, which come first.
  var valueLevels: Int { type.isContinuous ? edges.count + 1 : levels.count + (hasRest ? 1 : 0) }
  var count: Int { valueLevels + (hasMissing ? 1 : 0) }
  var missing: Int? { hasMissing ? valueLevels : nil }

  /// How many groups there are, a missing value's own included; 0 where there are none.
  var groups: Int { groupStarts.isEmpty ? 0 : groupStarts.count + 1 + (hasMissing ? 1 : 0) }

  /// The group of each level.
  var groupOfLevel: [Int] {
    (0..<count).map { level in
      level == missing ? groups - 1 : groupStarts.reduce(0) { $0 + ($1 <= level ? 1 : 0) }
    }
  }

  var hasSoundGroups: Bool {
    groupStarts.isEmpty
      || zip([0] + groupStarts, groupStarts + [valueLevels]).allSatisfy { $0 < $1 }
  }

  /// Numbers have about this many groups.
  static let wantedGroups = 6

  /// Puts neighbouring levels together to about equally frequent groups.
  mutating func group(_ counts: NumericCounts) {
    groupStarts = []
    guard edges.count + 1 > 2 * Self.wantedGroups else { return }
    var rows = [Int64](repeating: 0, count: edges.count + 1)
    var level = 0
    for (value, n) in zip(counts.counts.values, counts.counts.counts) {
      while level < edges.count, value >= edges[level] { level += 1 }
      rows[level] += n
    }
    let share = Double(rows.reduce(0, +)) / Double(Self.wantedGroups)
    var open: Int64 = 0
    for (level, n) in rows.enumerated() {
      // A level that would carry a group far beyond its share begins the next.
      if open > 0, Double(open) + Double(n) / 2 >= share {
        groupStarts.append(level)
        open = 0
      }
      open += n
    }
  }

  /// The level of a number.
  func level(of x: Double) -> Int {
    var low = 0
    var high = edges.count
    while low < high {
      let middle = (low + high) / 2
      if x >= edges[middle] { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Values that have this share of the rows are a level of their own.
  static let frequentShare = 0.02

  /// Edges of levels: frequent values alone, the others in about equally frequent intervals.
  ///
  /// Up to twice as many different values as there should be levels are levels each.
  static func edges(_ counts: NumericCounts, type: ColumnType, levels: Int) -> [Double] {
    let values = counts.counts.values
    let occurrences = counts.counts.counts
    guard let first = values.first, let last = values.last, levels > 1 else { return [] }
    if values.count <= 2 * levels { return Array(values.dropFirst()) }
    let total = occurrences.reduce(0, +)
    let frequent = max(2, Int64((Double(total) * frequentShare).rounded(.up)))
    let unit = counts.unit(type)
    var edges: Set<Double> = []
    var rare: Int64 = 0
    for (value, count) in zip(values, occurrences) {
      if count < frequent {
        rare += count
      } else {
        edges.insert(value)
        edges.insert(unit > 0 ? value + unit : value.nextUp)
      }
    }
    // The roundest number within a third of a level of each quantile.
    let share = Double(rare) / Double(levels)
    var wanted: [(low: Double, high: Double)] = (1..<levels).map {
      ((Double($0) - 0.33) * share, (Double($0) + 0.33) * share)
    }
    wanted.reverse()
    var below: Int64 = 0
    var low: Double?
    for (value, count) in zip(values, occurrences) where count < frequent {
      below += count
      while let next = wanted.last {
        if low == nil, Double(below) >= next.low { low = value }
        guard let from = low, Double(below) >= next.high else { break }
        edges.insert(RoundNumber.within(from, value))
        wanted.removeLast()
        low = nil
      }
    }
    return edges.filter { $0 > first && $0 <= last }.sorted()
  }
}

extension NumericCounts {
  /// The distance of neighbouring values that could have been written; 0 where there is none.
  func unit(_ type: ColumnType) -> Double {
    if type != .double { return step > 0 ? Double(step) : 1 }
    return decimals.map { 1 / Self.powersOfTen[min(max($0, 0), 9)] } ?? 0
  }
}

/// Numbers with as few digits as an interval lets them have.
enum RoundNumber {
  /// The roundest number from `low` to `high`: a multiple of the largest 1, 2 or 5 times a power of ten.
  static func within(_ low: Double, _ high: Double) -> Double {
    guard low < high, low.isFinite, high.isFinite else { return low }
    if low <= 0 && high >= 0 { return 0 }
    if high < 0 { return -within(-high, -low) }
    for digits in stride(from: 19, through: -12, by: -1) {
      for leading in [5.0, 2.0, 1.0] {
        // Whole numbers are multiplied and fractions divided by powers of ten, which are exact.
        let power = power(digits.magnitude)
        let scaled = digits >= 0 ? low / (leading * power) : low * power / leading
        let multiple = scaled.rounded(.up) * leading
        let candidate = digits >= 0 ? multiple * power : multiple / power
        if candidate >= low && candidate <= high { return candidate }
      }
    }
    return low
  }

  private static func power(_ exponent: UInt) -> Double {
    var power = 1.0
    for _ in 0..<exponent { power *= 10 }
    return power
  }
}
