import AdmixData
import AdmixModel

/// One column of a learned network: its levels, and the values each of them stands for.
struct NetworkColumn: Hashable, Sendable {
  var schema: ColumnSchema
  var treatment: ColumnTreatment
  /// Nil for keys, which are made and not learned.
  var coding: LevelCoding?
  /// The texts that codes stand for, where the column is text.
  var texts: [String] = []
  /// Digits after the point.
  var decimals: Int?
  /// Whole numbers are multiples of this away from `origin`.
  var step = 1.0
  var origin = 0.0
  /// Pieces of all levels one after the other, each a value or an interval; nominal values are codes.
  var lows: [Double] = []
  var highs: [Double] = []
  /// How many rows each piece stands for.
  var counts: [Int64] = []
  /// Where each value level's pieces begin, and the end.
  var starts: [Int] = [0]

  init(_ schema: ColumnSchema, _ treatment: ColumnTreatment) {
    self.schema = schema
    self.treatment = treatment
  }

  /// The distance of neighbouring values; 0 where there is none.
  var unit: Double {
    if schema.type != .double { return step }
    return decimals.map { 1 / NumericCounts.powersOfTen[min(max($0, 0), 9)] } ?? 0
  }

  /// The nearest value that could have been written.
  func restored(_ x: Double) -> Double {
    if schema.type == .double {
      guard let digits = decimals else { return x }
      let scale = NumericCounts.powersOfTen[min(max(digits, 0), 9)]
      return (x * scale).rounded() / scale
    }
    return step <= 1 ? x.rounded() : origin + ((x - origin) / step).rounded() * step
  }

  /// The text of a nominal value.
  func text(code: Int) -> String {
    switch schema.type {
    case .category: schema.categories[code]
    case .bool: code == 1 ? "true" : "false"
    default: texts[code]
    }
  }

  /// Whether everything holds that drawing relies on without looking again.
  var isSound: Bool {
    guard let coding else { return treatment == .key && schema.type != .bool }
    guard coding.name == schema.name, coding.type == schema.type,
      starts.count == coding.valueLevels + 1, starts.first == 0, starts.last == lows.count,
      zip(starts, starts.dropFirst()).allSatisfy({ $0 <= $1 }),
      highs.count == lows.count, counts.count == lows.count,
      counts.allSatisfy({ $0 > 0 && $0 < 1 << 48 }), zip(lows, highs).allSatisfy({ $0 <= $1 }),
      step >= 0, step.isFinite, origin.isFinite, decimals.map({ (0...9).contains($0) }) ?? true
    else { return false }
    if schema.type.isContinuous {
      return lows.allSatisfy(\.isFinite) && highs.allSatisfy(\.isFinite)
    }
    let codes =
      schema.type == .category ? schema.categories.count : schema.type == .bool ? 2 : texts.count
    return zip(lows, highs).allSatisfy {
      $0 == $1 && $0 >= 0 && $0 < Double(codes) && $0 == $0.rounded()
    }
  }
}

extension NetworkColumn {
  /// Different values that are kept one by one; more are kept as frequent values and intervals.
  static let exactPieces = 4_096
  static let intervals = 1_024
  static let frequentShare = 0.005

  /// Numbers, dates and times.
  static func numeric(_ entry: ColumnPlan.Entry, _ coding: LevelCoding, _ counts: NumericCounts)
    -> NetworkColumn
  {
    var column = NetworkColumn(ColumnPlan.output(entry), entry.treatment)
    column.coding = coding
    column.decimals = (entry.column.decimals ?? counts.decimals).map { min(max($0, 0), 9) }
    column.step = entry.column.type == .double ? 0 : Double(max(1, counts.step))
    let values = counts.counts.values
    let occurrences = counts.counts.counts
    column.origin = values.first ?? 0
    let total = occurrences.reduce(0, +)
    let isExact = values.count <= exactPieces && counts.counts.isExact
    let frequent = isExact ? 1 : max(2, Int64((Double(total) * frequentShare).rounded(.up)))
    let rare = occurrences.reduce(0) { $0 + ($1 >= frequent ? 0 : $1) }
    let bucket = max(1, (rare + Int64(intervals) - 1) / Int64(intervals))
    let unit = column.unit
    // Values with a unit stand for the interval that rounds to them.
    let half = unit / 2
    var at = 0
    for level in 0..<coding.valueLevels {
      let end = level < coding.edges.count ? coding.edges[level] : Double.infinity
      var first: Double?
      var open: Int64 = 0
      var last = 0.0
      func close() {
        guard let low = first else { return }
        column.append(min(low, last) - half, last + half, open)
        first = nil
        open = 0
      }
      while at < values.count, values[at] < end {
        let value = values[at]
        if occurrences[at] >= frequent {
          close()
          column.append(value, value, occurrences[at])
        } else {
          if first == nil {
            // A value that stands for many begins where the one before it ended.
            let before = at == 0 ? value : values[at - 1] + unit
            let bottom = level == 0 ? -Double.infinity : coding.edges[level - 1]
            first = counts.counts.isExact || at == 0 ? value : max(before, bottom)
          }
          open += occurrences[at]
          last = value
          if open >= bucket { close() }
        }
        at += 1
      }
      close()
      if column.starts[level] == column.lows.count, !values.isEmpty {
        // Values of this level were counted together with larger ones.
        let bottom = level == 0 ? values[0] : max(coding.edges[level - 1], values[0])
        let top = min(end, values[values.count - 1])
        column.append(bottom, max(bottom, column.restored(top - unit)), 1)
      }
      column.starts.append(column.lows.count)
    }
    return column
  }

  /// Categories, booleans and texts.
  static func nominal(
    _ entry: ColumnPlan.Entry, _ coding: LevelCoding, _ counts: TextCounts, categories: [String]
  ) -> NetworkColumn {
    var column = NetworkColumn(ColumnPlan.output(entry), entry.treatment)
    column.coding = coding
    switch column.schema.type {
    case .category: column.schema.categories = categories
    case .bool: break
    default: column.texts = counts.texts
    }
    let names =
      column.schema.type == .bool
      ? ["false", "true"]
      : column.schema.type == .category ? categories : column.texts
    let codes = Dictionary(uniqueKeysWithValues: names.enumerated().map { (ExactText($1), $0) })
    let occurrences = Dictionary(
      uniqueKeysWithValues: zip(counts.texts.map { ExactText($0) }, counts.counts))
    let alone = Set(coding.levels.map { ExactText($0) })
    for level in coding.levels {
      let text = ExactText(level)
      if let code = codes[text], let count = occurrences[text], count > 0 {
        column.append(Double(code), Double(code), count)
      }
      column.starts.append(column.lows.count)
    }
    if coding.hasRest {
      for (text, count) in zip(counts.texts, counts.counts) where count > 0 {
        let text = ExactText(text)
        if alone.contains(text) { continue }
        if let code = codes[text] { column.append(Double(code), Double(code), count) }
      }
      column.starts.append(column.lows.count)
    }
    return column
  }

  mutating func append(_ low: Double, _ high: Double, _ count: Int64) {
    lows.append(low)
    highs.append(high)
    counts.append(count)
  }
}
