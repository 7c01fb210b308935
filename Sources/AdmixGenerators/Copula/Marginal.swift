import AdmixModel
import AdmixStatistics

/// The distribution of one column: pieces in order, each a value or an interval, with their counts.
struct Marginal: Hashable, Sendable, Codable {
  var column: ColumnSchema
  var treatment: ColumnTreatment
  /// For numbers the pieces' ends, rising, equal where the piece is one value.
  ///
  /// For nominal columns both are codes, in the order that carries most of the association; −1 is
  /// the missing level.
  var lows: [Double] = []
  var highs: [Double] = []
  var counts: [Int] = []
  /// Rows without a value; for nominal columns that is a piece, so this stays 0.
  var missing = 0
  /// The texts that codes stand for, where the column is text.
  var levels: [String] = []
  /// Digits after the point.
  var decimals: Int?
  /// Values are whole multiples of this away from the smallest.
  var step: Double = 0
  /// Of a nominal column, how many of the first `counts` in association statistics stand alone; see
  /// `Association`.
  var groups: [Int] = []

  init(column: ColumnSchema, treatment: ColumnTreatment) {
    self.column = column
    self.treatment = treatment
  }

  static let exactPieces = 4_096
  static let gridPieces = 1_024
  static let frequentShare = 0.005

  /// Rows with a value (for nominal columns: all rows).
  var present: Int { counts.reduce(0, +) }

  /// A missing value of a numeric column has a latent variable of its own between these shares.
  var hasPresence: Bool {
    guard treatment == .numeric, missing > 0, present > 0 else { return false }
    let share = Double(missing) / Double(missing + present)
    return share > 0.005 && share < 0.995
  }

  /// Where nothing varies there is nothing to correlate.
  var hasValueLatent: Bool { (treatment == .numeric || treatment == .nominal) && counts.count > 1 }

  /// Values of whole-number columns come back as whole numbers.
  var unit: Double {
    if column.type != .double { return step > 0 ? step : 1 }
    return decimals.map { 1 / NumericCounts.powersOfTen[min(max($0, 0), 9)] } ?? 0
  }

  /// Φ⁻¹ of the cumulative share at the end of each piece; the last is infinite.
  var thresholds: [Double] { Self.thresholds(counts) }

  static func thresholds(_ counts: [Int]) -> [Double] {
    let total = Double(counts.reduce(0, +))
    var sum = 0
    var out: [Double] = []
    for (index, count) in counts.enumerated() {
      sum += count
      if index == counts.count - 1 {
        out.append(.infinity)
      } else {
        let below = Double(sum) / total
        out.append(
          below <= 0.5
            ? NormalDistribution.quantile(below)
            : NormalDistribution.upperQuantile((total - Double(sum)) / total))
      }
    }
    return out
  }

  /// The mean of a standard normal variable within each piece: (φ(a) − φ(b)) / (Φ(b) − Φ(a)).
  static func scores(_ counts: [Int]) -> [Double] {
    let total = Double(counts.reduce(0, +))
    var lower = 0.0
    return zip(counts, thresholds(counts)).map { count, threshold in
      let upper = NormalDistribution.density(threshold)
      defer { lower = upper }
      return count == 0 ? 0 : (lower - upper) * total / Double(count)
    }
  }
}

extension Marginal {
  /// - Parameters:
  ///   - frequentShare: a value at least this frequent is a piece of its own.
  ///   - grid: about how many intervals the other values are divided into.
  static func numeric(
    _ entry: ColumnPlan.Entry, _ counts: NumericCounts, frequentShare: Double = frequentShare,
    grid: Int = gridPieces
  ) -> Marginal {
    var marginal = Marginal(column: ColumnPlan.output(entry), treatment: .numeric)
    marginal.missing = Int(counts.missing + counts.notFinite)
    marginal.decimals = (entry.column.decimals ?? counts.decimals).map { min(max($0, 0), 9) }
    marginal.step = entry.column.type == .double ? 0 : Double(counts.step)
    let values = counts.counts.values
    let occurrences = counts.counts.counts.map { Int($0) }
    if values.count <= exactPieces, counts.counts.isExact {
      marginal.lows = values
      marginal.highs = values
      marginal.counts = occurrences
      return marginal
    }
    let total = occurrences.reduce(0, +)
    let frequent = max(2, Int((Double(total) * frequentShare).rounded(.up)))
    let rare = occurrences.reduce(0) { $0 + ($1 >= frequent ? 0 : $1) }
    let bucket = max(1, (rare + grid - 1) / grid)
    // Whole numbers and decimals stand for the interval that rounds to them.
    let half = marginal.unit / 2
    var first: Double?
    var open = 0
    func close(_ last: Double) {
      guard let low = first else { return }
      marginal.lows.append(low - half)
      marginal.highs.append(last + half)
      marginal.counts.append(open)
      first = nil
      open = 0
    }
    for (index, value) in values.enumerated() {
      if occurrences[index] >= frequent {
        if index > 0 { close(values[index - 1]) }
        marginal.lows.append(value)
        marginal.highs.append(value)
        marginal.counts.append(occurrences[index])
        continue
      }
      if first == nil {
        // A value that stands for many begins where the one before it ended.
        first = counts.counts.isExact || index == 0 ? value : values[index - 1] + marginal.unit
      }
      open += occurrences[index]
      if open >= bucket { close(value) }
    }
    if let last = values.last { close(last) }
    return marginal
  }

  static func coded(_ entry: ColumnPlan.Entry, counts: [Int64], missing: Int64) -> Marginal {
    var marginal = Marginal(column: ColumnPlan.output(entry), treatment: entry.treatment)
    if missing > 0 { marginal.append(code: -1, count: Int(missing)) }
    for (code, count) in counts.enumerated() where count > 0 {
      marginal.append(code: code, count: Int(count))
    }
    return marginal
  }

  static func texts(_ entry: ColumnPlan.Entry, _ counts: TextCounts) -> Marginal {
    var marginal = coded(entry, counts: counts.counts, missing: counts.missing)
    marginal.levels = counts.texts
    return marginal
  }

  private mutating func append(code: Int, count: Int) {
    lows.append(Double(code))
    highs.append(Double(code))
    counts.append(count)
  }

  /// The nominal pieces in another order.
  mutating func reorder(_ order: [Int]) {
    lows = order.map { lows[$0] }
    highs = lows
    counts = order.map { counts[$0] }
    if !groups.isEmpty { groups = order.map { groups[$0] } }
  }
}
