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
    let learned = options.isDifferenced ? raw.map { changes($0, follows) } : raw
    var regression = TrendRegression(model.seasons, hasTrend: options.trend == .linear, rows)
    var left: [[Double]] = []
    for (index, column) in traits.series.enumerated() {
      let trend = regression.fit(learned[index])
      left.append(
        rows.order.indices.map { at in
          learned[index][at] - trend.value(step: rows.offsets[at], regression.places[at])
        })
      model.columns.append(describe(column.name, raw[index], trend, rows))
    }
    let effects = own(&left, rows)
    scale(&model, &left, learned)
    try learnProcess(&model, left, follows, &warnings)
    model.attributes = traits.attributes
    model.kinds = traits.kinds(model.moving.count)
    learnEffects(&model, effects, traits, rows)
    if options.noise == .normal, !options.isDifferenced {
      bend(&model, raw, rows, regression)
    }
    return model
  }

  /// From each row to the next; missing at the start of a series and after a gap.
  private func changes(_ values: [Double], _ follows: [Bool]) -> [Double] {
    values.indices.map { follows[$0] ? values[$0] - values[$0 - 1] : .nan }
  }

  private func describe(
    _ name: String, _ values: [Double], _ trend: TrendAndSeason, _ rows: SeriesRows
  ) -> SeriesColumn {
    let present = values.filter { !$0.isNaN }
    var column = SeriesColumn(
      name: name, trend: trend, deviation: 0, low: present.min() ?? 0, high: present.max() ?? 0,
      missing: Double(values.count - present.count) / Double(max(1, values.count)),
      isWhole: present.allSatisfy { $0 == $0.rounded() })
    let firsts = rows.series.compactMap { range in
      range.lazy.map { values[$0] }.first { !$0.isNaN }
    }
    column.firstMean = TrendRegression.mean(firsts)
    column.firstDeviation = Self.deviation(firsts.map { $0 - column.firstMean })
    return column
  }

  private static func deviation(_ values: [Double]) -> Double {
    TrendRegression.mean(values.map { $0 * $0 }).squareRoot()
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

  /// Divides by deviations, and says which columns move.
  private func scale(_ model: inout SeriesModel, _ left: inout [[Double]], _ learned: [[Double]]) {
    for index in left.indices {
      let deviation = Self.deviation(left[index])
      let size = learned[index].reduce(0) { $1.isNaN ? $0 : max($0, $1.magnitude) }
      // What is left of a column that time alone decides is rounding.
      guard deviation > 1e-9 * size else { continue }
      model.columns[index].deviation = deviation
      for at in left[index].indices { left[index][at] /= deviation }
      if model.columns[index].missing <= 0.5 { model.moving.append(index) }
    }
  }

  private func learnProcess(
    _ model: inout SeriesModel, _ left: [[Double]], _ follows: [Bool],
    _ warnings: inout Diagnostics
  ) throws {
    let regression = LagRegression(model.moving.map { left[$0] }, follows: follows)
    if model.moving.isEmpty { return }
    let lags: Int
    switch options.lags {
    case .fixed(let count):
      guard count == 0 || regression.suffices(count) else {
        throw Diagnostics([
          .error(
            "AX0654", at: options.lagsSpan,
            "too few rows follow each other without a gap for lags: \(count)",
            cause:
              "\(regression.count(lags: count)) rows have all of \(count) lags, and \(model.moving.count * count) coefficients are to be found for each column",
            hint: "lags: {max: \(count)} takes as many as the rows allow")
        ])
      }
      lags = count
    case .upTo(let most, let criterion):
      let allowed = (0...most).last { $0 == 0 || regression.suffices($0) } ?? 0
      let selection = regression.selection(upTo: allowed, by: criterion)
      var best = 0
      for order in selection.values.indices
      where selection.values[order] < selection.values[best] { best = order }
      lags = best
      model.selection = selection
    }
    model.process = regression.fit(lags: lags)
    if options.noise == .residuals {
      model.residuals = regression.residuals(of: model.process)
      warnings.append(
        .warning(
          "AX0659", at: span,
          "the model holds what was new in each of \(regression.count(lags: lags)) training rows",
          cause: "'noise: residuals' draws from them, so they come out again as they were",
          hint: "noise: normal keeps none of them"))
    }
    model.radius = Companion(model.process).radius
    if model.radius > Self.largestRadius {
      let factor = Self.largestRadius / model.radius
      model.shrinkage = factor
      model.process = model.process.shrunk(by: factor)
      warnings.append(
        .warning(
          "AX0657", at: span, "the autoregression is not stable, and was made so",
          cause:
            "its spectral radius is \(Self.text(model.radius)), and a series that comes back has one below 1; it was shrunk to \(Self.largestRadius)",
          hint: options.isDifferenced
            ? "lags: a smaller number"
            : "difference: 1 for series that wander, trend: linear for those that grow"))
    }
  }

  private static func text(_ value: Double) -> String {
    let rounded = (value * 10_000).rounded() / 10_000
    return "\(rounded)"
  }

  /// How far series lie from each other, beyond what chance within them makes of their means.
  private func learnEffects(
    _ model: inout SeriesModel, _ means: [[Double]], _ traits: SeriesTraits, _ rows: SeriesRows
  ) {
    let size = model.moving.count
    guard !means.isEmpty, size > 0 else { return }
    var own = rows.series.indices.map { series in
      model.moving.map { means[$0][series] / model.columns[$0].deviation }
    }
    for (index, kind) in model.kinds.enumerated() where kind.count >= SeriesTraits.leastSeries {
      let members = rows.series.indices.filter { traits.kindOfSeries[$0] == index }
      for k in 0..<size {
        let mean = TrendRegression.mean(members.map { own[$0][k] })
        model.kinds[index].shift[k] = mean
        for series in members { own[series][k] -= mean }
      }
    }
    // As if all were as long as the harmonic mean of their lengths, since variances go with one over the length.
    let share = TrendRegression.mean(rows.series.map { 1 / Double($0.count) })
    let chance = Companion(model.process).covarianceOfMean(rows: Int((1 / share).rounded()))
    var covariance = SquareMatrix(size: size)
    for i in 0..<size {
      for j in 0..<size {
        covariance[i, j] =
          TrendRegression.mean(own.map { $0[i] * $0[j] }) - chance[i, j]
      }
    }
    // What is left may be no covariance; the nearest one is.
    model.effects = SymmetricEigen(covariance).rebuilt(floor: 0).values
  }

  private func bend(
    _ model: inout SeriesModel, _ raw: [[Double]], _ rows: SeriesRows,
    _ regression: TrendRegression
  ) {
    for index in model.columns.indices where model.columns[index].deviation > 0 {
      let column = model.columns[index]
      var spread = 1.0
      if let place = model.moving.firstIndex(of: index), !model.effects.isEmpty {
        let total = model.kinds.reduce(0) { $0 + $1.count }
        let shifts = model.kinds.map { Double($0.count) * $0.shift[place] * $0.shift[place] }
        spread += max(0, model.effects[place * model.moving.count + place])
        spread += shifts.reduce(0, +) / Double(max(1, total))
      }
      let present = raw[index].indices.filter { !raw[index][$0].isNaN }
      model.columns[index].bend = Bend(
        means: present.map { column.trend.value(step: rows.offsets[$0], regression.places[$0]) },
        deviation: column.deviation * spread.squareRoot(),
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
