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
  private struct Apart {
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
      out.deviations.append(deviation > 1e-9 * size ? deviation : 0)
      guard deviation > 1e-9 * size else { continue }
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
  private static func deviation(_ values: [Double]) -> Double {
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

  private func learnProcess(
    _ model: inout SeriesModel, _ fit: Apart, _ rows: SeriesRows, _ warnings: inout Diagnostics
  ) throws {
    let left = model.moving.map { fit.left[$0] }
    let regression = LagRegression(left, follows: rows.follows)
    if model.moving.isEmpty { return }
    let size = model.moving.count
    if size > Autoregression.mostStates { try check([1], regression) }
    let lags: [Int]
    switch options.lags {
    case .fixed(let count):
      lags = Array(1..<(count + 1))
      try check(lags, regression)
    case .upTo(let most, let criterion, let also):
      let others = also.filter { $0 > most }
      try check(others, regression)
      let order =
        (0...most).last {
          $0 * size <= Autoregression.mostStates
            && regression.suffices(others + Array(1..<($0 + 1)))
        } ?? 0
      let selection = regression.selection(upTo: order, also: others, by: criterion)
      lags = Array(1..<(selection.taken + 1)) + others
      model.selection = selection
    }
    model.process = regression.fit(lags)
    if !fit.own.isEmpty { jackknife(&model.process, left, rows) }
    if options.noise == .residuals {
      model.residuals = regression.residuals(of: model.process)
      warnings.append(
        .warning(
          "AX0659", at: span,
          "the model holds what was new in each of \(model.process.rows) training rows",
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

  /// Takes out of coefficients what taking out means of short series does to them: less dependence than there is.
  ///
  /// The half-panel jackknife, 2A − (A₁ + A₂)/2 with A₁ and A₂ from the halves of all series, each around its own
  /// means (Dhaene and Jochmans 2015; the bias is Nickell's of 1981).
  private func jackknife(_ process: inout Autoregression, _ left: [[Double]], _ rows: SeriesRows) {
    guard !process.lags.isEmpty else { return }
    let halves = (0..<2).map { half in
      var follows = [Bool](repeating: false, count: rows.order.count)
      var values = left
      for range in rows.series {
        let middle = (range.lowerBound + range.upperBound) / 2
        let (mine, others) =
          half == 0
          ? (range.lowerBound..<middle, middle..<range.upperBound)
          : (middle..<range.upperBound, range.lowerBound..<middle)
        for at in mine.dropFirst() { follows[at] = rows.offsets[at] - rows.offsets[at - 1] == 1 }
        for k in values.indices {
          let mean = TrendRegression.mean(Array(values[k][mine]))
          for at in mine { values[k][at] -= mean }
          for at in others { values[k][at] = .nan }
        }
      }
      return LagRegression(values, follows: follows)
    }
    guard halves.allSatisfy({ $0.suffices(process.lags) }) else { return }
    let (first, second) = (halves[0].fit(process.lags), halves[1].fit(process.lags))
    var corrected = process
    for place in process.coefficients.indices {
      corrected.coefficients[place] =
        2 * process.coefficients[place]
        - 0.5 * (first.coefficients[place] + second.coefficients[place])
    }
    // A correction that leaves the stable ones has overshot.
    if Companion(corrected).radius < Self.largestRadius { process = corrected }
  }

  /// Throws where lags cannot be learned.
  private func check(_ lags: [Int], _ regression: LagRegression) throws {
    guard let reach = lags.max() else { return }
    guard reach * regression.size <= Autoregression.mostStates else {
      throw Diagnostics([
        .error(
          "AX0657", at: options.lagsSpan,
          "whether an autoregression of \(reach) lags of \(regression.size) columns is stable is not found out",
          cause:
            "columns times the largest lag are \(reach * regression.size), more than \(Autoregression.mostStates)",
          hint: "lags: a smaller number, or columns: fewer of them")
      ])
    }
    if regression.suffices(lags) { return }
    throw Diagnostics([
      .error(
        "AX0654", at: options.lagsSpan,
        "too few rows follow each other without a gap for a lag of \(reach)",
        cause:
          "\(regression.count(reach: reach)) rows have \(reach) before them, and \(regression.size * lags.count) coefficients are to be found for each column",
        hint: "lags: {max: \(min(reach, 100))} takes as many as the rows allow")
    ])
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
    let companion = Companion(model.process)
    var chance = companion.covarianceOfMean(rows: Int((1 / share).rounded()))
    // Around the means of series, variances are 1: what the means took of them belongs to both.
    if let states = companion.stationaryCovariance {
      let factors = (0..<size).map { k in
        let rest = states[k, k] - chance[k, k]
        return rest > 0 ? 1 / rest : 0
      }
      for i in 0..<size {
        for j in 0..<size { chance[i, j] *= (factors[i] * factors[j]).squareRoot() }
      }
    }
    for k in 0..<size { model.variances[k] = 1 + chance[k, k] }
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
