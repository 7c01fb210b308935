import AdmixModel
import AdmixStatistics

/// What follows from the steps before, and how far series lie from each other.
extension SeriesFit {
  func learnProcess(
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
  func learnEffects(
    _ model: inout SeriesModel, _ means: [[Double]], _ traits: SeriesTraits, _ rows: SeriesRows
  ) {
    let size = model.moving.count
    guard !means.isEmpty, size > 0 else { return }
    var own = rows.series.indices.map { series in
      model.moving.map { means[$0][series] / model.columns[$0].deviation }
    }
    var members = model.kinds.map { _ in [Int]() }
    for (series, kind) in traits.kindOfSeries.enumerated() { members[kind].append(series) }
    for (index, members) in members.enumerated() where members.count >= SeriesTraits.leastSeries {
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
}
