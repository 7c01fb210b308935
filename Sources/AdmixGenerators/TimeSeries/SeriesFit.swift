import AdmixData
import AdmixModel
import AdmixStatistics

/// Learns a series model from all rows of the training data.
struct SeriesFit {
  let plan: SeriesPlan
  let options: SeriesOptions
  let span: SourceSpan?

  /// Eigenvalues beyond this are shrunk to it: nearer to 1, a series wanders off.
  static let largestRadius = 0.9995

  func model(_ table: DonorTable, _ warnings: inout Diagnostics) throws -> SeriesModel {
    let rows = try SeriesRows(table, plan, options, span: span, &warnings)
    let traits = try SeriesTraits(table, plan, rows, span: span)
    var model = SeriesModel(
      rows: table.rows, plan: plan, grid: rows.grid,
      seasons: options.periods.map(Season.period) + options.calendar.map(Season.calendar),
      isDifferenced: options.isDifferenced, starts: rows.series.map { rows.times[$0.lowerBound] },
      lengths: rows.series.map(\.count))
    let raw = traits.series.map { column in rows.order.map { column.numbers[$0] } }
    let follows = rows.follows
    var regression = TrendRegression(model.seasons, hasTrend: options.trend == .linear, rows)
    var learned = options.isDifferenced ? raw.map { changes($0, follows) } : raw
    var fit = around(learned, &regression)
    if options.isBent {
      // The map follows from trend and deviation, and these from values mapped back: in turns, until little changes.
      for _ in 0..<Self.turns {
        var hidden: [Double] = []
        for (index, bend) in bends(fit, raw, regression).enumerated() {
          let inverse = raw[index].map { $0.isNaN ? ($0, 0) : bend?.inverse($0) ?? ($0, 0) }
          learned[index] = inverse.map(\.0)
          let present = inverse.filter { !$0.0.isNaN }
          hidden.append(TrendRegression.mean(present.map(\.1)))
        }
        fit = around(learned, &regression, hidden: hidden)
      }
    }
    for (index, column) in traits.series.enumerated() {
      var described = describe(column.name, raw[index], rows)
      described.trend = fit.trends[index]
      described.deviation = fit.deviations[index]
      model.columns.append(described)
      if described.deviation > 0, described.missing <= 0.5 { model.moving.append(index) }
    }
    model.variances = model.moving.map { _ in 1 }
    try check(model.columns)
    try learnProcess(&model, fit, rows, &warnings)
    model.attributes = traits.attributes
    model.kinds = traits.kinds(model.moving.count)
    learnEffects(&model, fit.own, traits, rows)
    if options.isBent {
      for (index, bend) in bends(fit, raw, regression).enumerated() {
        model.columns[index].bend = bend
      }
    }
    return model
  }

  private func check(_ columns: [SeriesColumn]) throws {
    var report = Diagnostics()
    for column in columns {
      let parts =
        [column.trend.level, column.trend.slope, column.deviation] + column.trend.seasons.joined()
      if (parts + [column.firstMean, column.firstDeviation]).allSatisfy(\.isFinite) { continue }
      report.append(
        .error(
          "AX0607", at: span, "column '\(column.name)' has numbers too large to learn",
          cause: "sums of them are beyond what a number can be",
          hint:
            "divide it by a power of ten in a transform stage before, or give it the role ignore"))
    }
    try report.check()
  }

  /// How often trend and map are found from each other.
  private static let turns = 3

  /// Columns taken apart: trend and season, what series have of their own, and what is left in deviations.
  struct Apart {
    var trends: [TrendAndSeason] = []
    var deviations: [Double] = []
    var left: [[Double]] = []
    /// By column, by series; empty where series are not told apart.
    var own: [[Double]] = []
  }

  /// - Parameter hidden: by column: the variance that values mapped back do not show.
  private func around(
    _ learned: [[Double]], _ regression: inout TrendRegression, hidden: [Double]? = nil
  ) -> Apart {
    var out = Apart()
    let rows = regression.rows
    for values in learned {
      let trend = regression.fit(values)
      out.trends.append(trend)
      out.left.append(
        rows.order.indices.map { at in
          values[at] - trend.value(step: rows.offsets[at], regression.places[at])
        })
    }
    out.own = own(&out.left, rows)
    for index in learned.indices {
      let shown = Self.deviation(out.left[index])
      let unseen = hidden?[index] ?? 0
      let deviation = unseen > 0 ? (shown * shown + unseen).squareRoot() : shown
      let size = learned[index].reduce(0) { $1.isNaN ? $0 : max($0, $1.magnitude) }
      // What is left of a column that time alone decides is rounding.
      out.deviations.append(deviation > 1e-12 * size ? deviation : 0)
      guard deviation > 1e-12 * size else { continue }
      for at in out.left[index].indices { out.left[index][at] /= deviation }
    }
    return out
  }

  /// From each row to the next; missing at the start of a series and after a gap.
  private func changes(_ values: [Double], _ follows: [Bool]) -> [Double] {
    values.indices.map { follows[$0] ? values[$0] - values[$0 - 1] : .nan }
  }

  private func describe(
    _ name: String, _ values: [Double], _ rows: SeriesRows
  ) -> SeriesColumn {
    let present = values.filter { !$0.isNaN }
    var column = SeriesColumn(
      name: name, trend: TrendAndSeason(), deviation: 0, low: present.min() ?? 0,
      high: present.max() ?? 0,
      missing: Double(values.count - present.count) / Double(max(1, values.count)),
      isWhole: present.allSatisfy { $0 == $0.rounded() })
    let firsts = rows.series.compactMap { range in
      range.lazy.map { values[$0] }.first { !$0.isNaN }
    }
    column.firstMean = TrendRegression.mean(firsts)
    column.firstDeviation = Self.deviation(firsts.map { $0 - column.firstMean })
    return column
  }

  /// The root of the mean of squares, of numbers large or small.
  static func deviation(_ values: [Double]) -> Double {
    let largest = values.reduce(0) { $1.isNaN ? $0 : max($0, $1.magnitude) }
    guard largest > 0 else { return 0 }
    return largest
      * TrendRegression.mean(values.map { ($0 / largest) * ($0 / largest) }).squareRoot()
  }

  /// Takes out of each series what it has of its own, where there are series to compare and rows enough to
  /// tell; with fewer, rows that stay where they began show as dependence in time.
  private func own(_ left: inout [[Double]], _ rows: SeriesRows) -> [[Double]] {
    guard options.entity != nil, !options.isDifferenced, rows.series.count >= 2,
      rows.order.count >= 10 * rows.series.count
    else { return [] }
    var means: [[Double]] = []
    for index in left.indices {
      let mine = rows.series.map { TrendRegression.mean(Array(left[index][$0])) }
      for (range, mean) in zip(rows.series, mine) {
        for at in range { left[index][at] -= mean }
      }
      means.append(mine)
    }
    return means
  }

  /// The map of each column that varies from what trend, season and normal noise make to what was observed.
  private func bends(_ fit: Apart, _ raw: [[Double]], _ regression: TrendRegression) -> [Bend?] {
    raw.indices.map { index in
      guard fit.deviations[index] > 0 else { return nil }
      var spread = 1.0
      if !fit.own.isEmpty {
        let own = fit.own[index]
        let mean = TrendRegression.mean(own)
        let between = Self.deviation(own.map { $0 - mean }) / fit.deviations[index]
        spread += between * between
      }
      let present = raw[index].indices.filter { !raw[index][$0].isNaN }
      return Bend(
        means: present.map {
          fit.trends[index].value(step: regression.rows.offsets[$0], regression.places[$0])
        },
        deviation: fit.deviations[index] * spread.squareRoot(),
        observed: present.map { raw[index][$0] }.sorted())
    }
  }
}

extension SeriesRows {
  /// By place in `order`: whether a row is one step after the one before it in the same series.
  var follows: [Bool] {
    var out = [Bool](repeating: false, count: order.count)
    for range in series {
      for at in range.dropFirst() { out[at] = offsets[at] - offsets[at - 1] == 1 }
    }
    return out
  }
}
