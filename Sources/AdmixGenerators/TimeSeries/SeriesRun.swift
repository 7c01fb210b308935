import AdmixData
import AdmixModel
import AdmixStatistics

/// What making rows of a model needs, made once for all series.
struct SeriesDynamics: Sendable {
  let process: Autoregression
  /// Of what is new in a step, of the first state, and of what series have of their own.
  let noise: SemidefiniteFactor
  let start: SemidefiniteFactor
  let effects: SemidefiniteFactor?
  /// By moving column: what makes its variance the observed one, where something relies on that.
  let gains: [Double]
  let residuals: [Double]
  /// Columns that vary on their own.
  let apart: [Int]

  init(_ model: SeriesModel) {
    process = model.process
    let size = process.size
    noise = SemidefiniteFactor(
      SquareMatrix(size: size, values: process.covariance) ?? SquareMatrix(size: size))
    let states =
      Companion(process).stationaryCovariance ?? SquareMatrix(size: max(size, size * process.reach))
    start = SemidefiniteFactor(states)
    effects =
      model.effects.isEmpty
      ? nil
      : SquareMatrix(size: size, values: model.effects).map { SemidefiniteFactor($0) }
    let isScaled = model.shrinkage != nil || model.columns.contains { $0.bend != nil }
    gains = (0..<size).map {
      !isScaled ? 1 : states[$0, $0] > 0 ? (model.variances[$0] / states[$0, $0]).squareRoot() : 0
    }
    residuals = model.residuals
    apart = model.columns.indices.filter {
      model.columns[$0].deviation > 0 && !model.moving.contains($0)
    }
  }
}

/// One series in the making: its state after the steps made so far.
///
/// Random numbers are addressed by the series and the step, so a state depends on nothing else.
struct SeriesRun: Sendable {
  /// What random numbers are for.
  enum Purpose: UInt32 { case step = 1, start, effect, kind, missing, residual, level, apart }

  let random: RandomSource
  /// Into the kinds and the starts of the model.
  let kind: Int
  let donor: Int
  private let own: [Double]
  /// The step whose values are next, from 0.
  private(set) var step = 0
  /// The last values of the moving columns, in deviations; the newest first.
  private var states: [Double]
  /// By column, where changes are made: the value of the last step.
  private var levels: [Double] = []

  /// - Parameters:
  ///   - kind: into the model's kinds.
  ///   - donor: into the model's starts.
  init(
    _ dynamics: SeriesDynamics, _ model: SeriesModel, kind: Int, donor: Int, _ random: RandomSource
  ) {
    self.random = random
    self.kind = kind
    self.donor = donor
    let size = dynamics.process.size
    let z = (0..<dynamics.start.lower.size).map { Self.normal(random, .start, UInt64($0), 0) }
    states = dynamics.process.lags.isEmpty ? [] : dynamics.start.correlated(z)
    var own = model.kinds[kind].shift
    if let effects = dynamics.effects {
      let z = (0..<size).map { Self.normal(random, .effect, UInt64($0), 0) }
      for (k, value) in effects.correlated(z).enumerated() { own[k] += value }
    }
    self.own = own
  }

  static func normal(_ random: RandomSource, _ purpose: Purpose, _ row: UInt64, _ tag: Int)
    -> Double
  {
    NormalDistribution.quantile(
      random.uniform(row: row, tag: UInt32(truncatingIfNeeded: tag), draw: purpose.rawValue))
  }

  /// Makes the next step: by moving column, in deviations from trend and season.
  private mutating func next(_ dynamics: SeriesDynamics) -> [Double] {
    let size = dynamics.process.size
    let row = UInt64(step)
    var new: [Double]
    if dynamics.residuals.isEmpty {
      new = dynamics.noise.correlated(
        (0..<size).map { Self.normal(random, .step, row, $0) })
    } else {
      let count = dynamics.residuals.count / size
      let u = random.uniform(row: row, tag: 0, draw: Purpose.residual.rawValue)
      let place = min(count - 1, Int(u * Double(count)))
      new = Array(dynamics.residuals[(place * size)..<((place + 1) * size)])
    }
    if dynamics.process.lags.isEmpty { return new }
    dynamics.process.coefficients.withUnsafeBufferPointer { a in
      for (place, lag) in dynamics.process.lags.enumerated() {
        for i in 0..<size {
          var sum = 0.0
          let row = (place * size + i) * size
          for j in 0..<size { sum += a[row + j] * states[(lag - 1) * size + j] }
          new[i] += sum
        }
      }
    }
    states.removeLast(size)
    states.insert(contentsOf: new, at: 0)
    return new
  }

  /// Goes on without the values of a step, where no later one rests on them.
  mutating func skip(_ dynamics: SeriesDynamics) {
    _ = next(dynamics)
    step += 1
  }

  /// The values of the next step, by column of the model, before they are kept to ranges.
  ///
  /// - Parameter places: in each season.
  mutating func values(
    _ dynamics: SeriesDynamics, _ model: SeriesModel, _ places: [Int], bounded: Bool
  ) -> [Double] {
    let moved = next(dynamics)
    var values = model.columns.map { $0.trend.value(step: step, places) }
    for index in dynamics.apart {
      values[index] +=
        model.columns[index].deviation * Self.normal(random, .apart, UInt64(step), index)
    }
    for (k, index) in model.moving.enumerated() {
      values[index] += model.columns[index].deviation * (own[k] + dynamics.gains[k] * moved[k])
    }
    if model.isDifferenced { values = levels(after: values, model, bounded: bounded) }
    step += 1
    return values
  }

  /// Adds changes up; what would leave the observed range turns back at its end.
  private mutating func levels(after changes: [Double], _ model: SeriesModel, bounded: Bool)
    -> [Double]
  {
    if step == 0 {
      levels = model.columns.enumerated().map { index, column in
        column.firstMean + column.firstDeviation
          * Self.normal(random, .level, 0, index)
      }
    } else {
      for index in levels.indices { levels[index] += changes[index] }
    }
    if bounded {
      for (index, column) in model.columns.enumerated() {
        var value = levels[index]
        if value < column.low { value = 2 * column.low - value }
        if value > column.high { value = 2 * column.high - value }
        levels[index] = min(max(value, column.low), column.high)
      }
    }
    return levels
  }
}
