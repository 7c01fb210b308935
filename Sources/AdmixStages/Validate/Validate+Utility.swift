import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStatistics

extension Validate {
  /// Trains on synthetic rows and on real ones, and tests both on rows that neither has seen.
  func measureUtility(
    _ options: UtilityOptions, _ frame: ValidateFrame, _ report: inout CheckReport,
    _ said: inout [String]
  ) async throws {
    guard let reference = frame.reference, let holdout = frame.holdout else { return }
    let shared = ComparedColumn.shared(frame.table.schema, reference.schema)
    var columns = shared.filter {
      guard let other = holdout.schema[$0.name] else { return false }
      return other.type.isContinuous == $0.isNumber && other.type != .text
        && frame.table.schema[$0.name]?.type != .text && reference.schema[$0.name]?.type != .text
    }
    if !columns.contains(where: { $0.name == options.target }) {
      throw TaskFailure(
        .error(
          "AX0762", at: options.targetSpan,
          "'\(options.target)' cannot be learned",
          cause:
            "the dataset, the reference and the holdout do not all have it in one kind, or it is an id or ignored"
        ))
    }
    columns.sort { a, _ in a.name == options.target }

    // The names by which gates know where a model learned.
    var trainings: [(name: String, title: String, manifest: DatasetManifest, onlySynthetic: Bool)] =
      [
        ("trtr", "real rows (TRTR)", reference, false),
        ("tstr", "synthetic rows (TSTR)", frame.table, true),
      ]
    if frame.origins != nil { trainings.append(("mixed", "the whole dataset", frame.table, false)) }

    let samples = try await frame.stage.run(
      [
        try frame.sample(
          holdout, columns, rows: options.rows, onlySynthetic: false, purpose: "utility-holdout")
      ]
        + trainings.map {
          try frame.sample(
            $0.manifest, columns, rows: options.rows, onlySynthetic: $0.onlySynthetic,
            purpose: "utility-\($0.name)")
        })
    let parts = samples.map { $0.artifacts["sample"] ?? [] }
    let names = columns.map(\.name)
    var requests: [TaskRequest] = []
    for model in options.models {
      for (index, training) in trainings.enumerated() {
        requests.append(
          TaskRequest(
            step: "utility",
            parameters: .object([
              "model": .string(model), "library": JSONValue(Classifier.library(model)),
              "target": .string(options.target), "positive": JSONValue(options.positive),
              "columns": try ValidateFrame.json(columns),
              "schemas": .array(
                try [reference, training.manifest, holdout].map {
                  try ValidateFrame.parameter($0.schema, names)
                }),
            ]),
            inputs: ["fit": parts[1], "train": parts[index + 1], "test": parts[0]],
            expectedRows: parts[index + 1].first?.rows))
      }
    }
    let outputs = try await frame.stage.run(requests)
    var rows: [[CheckReport.Cell]] = []
    var position = 0
    for model in options.models {
      var scores: [String: ClassifierScores] = [:]
      for training in trainings {
        let result = try CanonicalJSON.decode(
          UtilityResult.self, from: CanonicalJSON.encode(outputs[position].value))
        position += 1
        scores[training.name] = result.scores
        let prefix = "utility.\(model).\(training.name)."
        report.metrics[prefix + "auc"] = result.scores.auc
        report.metrics[prefix + "accuracy"] = result.scores.accuracy
        report.metrics[prefix + "brier"] = result.scores.brier
        report.metrics[prefix + "log_loss"] = result.scores.logLoss
        rows.append([
          .text(model), .text(training.title), .count(result.rows), .measurement(result.scores.auc),
          .share(result.scores.accuracy), .measurement(result.scores.brier),
          .measurement(result.scores.logLoss),
        ])
      }
      func ratio(_ name: String) -> Measurement {
        guard let real = scores["trtr"]?.auc, let other = scores[name]?.auc else {
          return .undefined("not trained")
        }
        guard let a = other.value else { return .undefined(other.reason ?? "no score") }
        guard let b = real.value else { return .undefined(real.reason ?? "no score") }
        return b > 0 ? Measurement(a / b, support: real.support) : .undefined("the real score is 0")
      }
      report.metrics["utility.\(model).ratio"] = ratio("tstr")
      if frame.origins != nil { report.metrics["utility.\(model).mixed_ratio"] = ratio("mixed") }
      let figures = ["trtr", "tstr"].map { scores[$0]?.auc.value.map(Self.decimals) ?? "unknown" }
      said.append(
        "\(model) trained on synthetic rows: AUC \(figures[1]), on real rows \(figures[0])")
    }
    report.sections.append(
      CheckReport.Section(
        title: "Utility",
        text:
          "Models that predict '\(options.target)', trained on different rows and all tested on the holdout. AUC is the chance that a positive row scores above a negative one: 0.5 is guessing, 1 is best; its interval is Hanley and McNeil's. Brier score and log loss are best at 0. Features are the compared columns; numbers are standardised by the reference, each of the \(FeatureEncoding.mostCategories) most frequent categories of a column has a weight, and at most \(options.rows) rows are learned from.",
        charts: [chart(report.metrics, options, trainings.map { ($0.name, $0.title) })],
        tables: [
          CheckReport.Table(
            columns: ["Model", "Trained on", "Rows", "AUC", "Accuracy", "Brier score", "Log loss"],
            rows: rows)
        ]))
  }

  private func chart(
    _ metrics: [String: Measurement], _ options: UtilityOptions, _ trainings: [(String, String)]
  ) -> CheckReport.Chart {
    .intervals(
      title: "AUC on the holdout", labels: options.models,
      series: trainings.map { name, title in
        CheckReport.Series(
          name: title,
          values: options.models.map {
            metrics["utility.\($0).\(name).auc"] ?? .undefined("not trained")
          })
      }, reference: 0.5, isShare: false)
  }

  /// Three decimals.
  private static func decimals(_ value: Double) -> String {
    let thousandths = Int((value * 1000).rounded())
    let digits = String(thousandths % 1000)
    return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - digits.count) + digits
  }

  func performUtility(_ task: any TaskContext) throws -> TaskOutputs {
    let columns = try task.parameter([ComparedColumn].self, "columns")
    let schemas = try task.parameter([Schema].self, "schemas")
    let tables = try zip(["fit", "train", "test"], schemas).map { name, schema in
      guard let part = task.request.inputs[name]?.first else { throw PackedReader.damaged }
      return try task.artifacts.batch(part, schema: schema)
    }
    guard tables.count == 3 else { throw PackedReader.damaged }
    let rows = tables[1].rows
    let positive = task.request.parameters["positive"]?.string
    let result: UtilityResult
    switch try Classifier.scores(
      task.request.parameters["model"]?.string ?? "", tables, columns: columns,
      target: task.request.parameters["target"]?.string ?? "", positive: positive.map { [$0] })
    {
    case .success(let found):
      result = UtilityResult(
        rows: rows, scores: ClassifierScores(scores: found.scores, labels: found.labels))
    case .failure(let lack): result = UtilityResult(rows: rows, undefined: lack.reason)
    }
    try task.checkCancellation()
    task.progress(rows: rows)
    return TaskOutputs(value: try ValidateFrame.json(result))
  }
}

/// What one model learned from one table.
private struct UtilityResult: Codable {
  var rows: Int
  var scores: ClassifierScores

  init(rows: Int, scores: ClassifierScores) {
    self.rows = rows
    self.scores = scores
  }

  init(rows: Int, undefined reason: String) {
    self.init(rows: rows, scores: ClassifierScores(undefined: reason))
  }
}
