package import AdmixData
package import AdmixModel
package import AdmixSpec
package import Foundation

/// New series that vary as those it learned from: trend, season, and a vector autoregression around them.
///
/// y_t = b(d_t + σ(m + u_t)), where d is trend and season, m what a series has of its own, σ the deviation of each
/// column, u_t = A₁u_{t−1} + … + A_p u_{t−p} + e_t, and b the map to the distribution observed. See Lütkepohl, New Introduction to Multiple Time
/// Series Analysis (2005): least squares of the mean-adjusted process (3.3), order (4.3), stability (2.1).
///
/// A row is a function of the model, the seed and the rows before it in its series. The first state is drawn
/// from the stationary distribution, so a series has no run-up.
package struct VectorAutoregression: Generator {
  package static let description = GeneratorDescription(
    name: "var", revision: 1,
    summary:
      "New numeric series with the trend, the season and the dependence in time of those it learned from, one or many.",
    fields: SeriesOptions.fields,
    needsLearning: true, conditionsExactly: true,
    cost:
      "One pass over the training data, whose learned columns are then held in memory; O(rows × (columns × lags)² + (columns × largest lag)³) to fit and O(columns² × lags) for each row. A row follows from those before it in its series: workers share series, and of a single long one each goes over the steps before its rows, without making them.",
    limits:
      "Linear dependence: bursts and changes of regime are not kept. Columns of which much is one value, such as zeros, lose some of their dependence, and columns that add up to others do so with `values: normal` alone, before rounding. Times come out evenly spaced, without the gaps of the training data; missing values come at random, as often as they were. Without `entity` all rows are one series. `where` and `keep` are for attributes of entities alone. Not private: ranges, distributions, first and last times and the attributes of entities are kept as they were.",
    sources:
      "Lütkepohl, New Introduction to Multiple Time Series Analysis (2005), sections 2.1, 3.3, 4.3 and 5.2; Cario and Nelson, Autoregressive to anything (1996), for distributions that are not normal; Dhaene and Jochmans, Split-panel jackknife estimation of fixed-effect models (2015), for several series."
  )

  let options: SeriesOptions

  package init(_ options: Node, report: inout Diagnostics) {
    self.options = SeriesOptions(options, report: &report)
  }

  package var learningParameters: JSONValue { options.learning }
  package var samplingParameters: JSONValue { options.sampling }
  package var needsRows: Bool { options.entities == nil }
  package var drawsRowsAgain: Bool { false }
  package var passes: [String] { ["rows"] }

  package func schemas(learned: Schema?, report: inout Diagnostics) -> [String: Schema] {
    guard let learned, let plan = SeriesPlan(learned, options, report: &report) else { return [:] }
    return ["data": plan.schema]
  }

  package func statistics(pass: Int, of batch: Batch, learning: LearningContext) throws -> Data {
    var writer = ByteWriter()
    DonorTable(batch, try plan(learning.schema).table).write(to: &writer)
    return writer.data
  }

  private func plan(_ schema: Schema) throws -> SeriesPlan {
    var report = Diagnostics()
    let plan = SeriesPlan(schema, options, report: &report)
    try report.check()
    guard let plan else { throw DamagedBytes() }
    return plan
  }

  package func combine(pass: Int, _ statistics: StatisticsList, learning: LearningContext) throws
    -> LearningOutcome
  {
    let plan = try plan(learning.schema)
    var warnings = Diagnostics()
    let table = try DonorTable(joining: statistics, span: learning.span, report: &warnings)
    let fit = SeriesFit(plan: plan, options: options, span: learning.span)
    let model = try fit.model(table, &warnings)
    return LearningOutcome(
      try model.encoded(),
      warnings: warnings.items + LearningProblem.notGenerated(plan.leftOut, learning.span))
  }

  package func plan(_ request: SamplingRequest) throws -> GenerationPlan {
    let model = try SeriesModel(decoding: request.model ?? Data())
    let rows = try SeriesSampler(model, options, request).rows(options.entities)
    return GenerationPlan(tables: [
      .init(name: "data", schema: model.schema, rows: request.rows ?? rows)
    ])
  }

  package func sampler(_ request: SamplingRequest) throws -> any RowSampler {
    try SeriesSampler(SeriesModel(decoding: request.model ?? Data()), options, request)
  }

  package func explain(model: Data) throws -> CheckReport? {
    try SeriesModel(decoding: model).report
  }
}
