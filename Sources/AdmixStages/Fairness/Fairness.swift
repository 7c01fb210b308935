import AdmixData
package import AdmixEngine
package import AdmixModel
package import AdmixSpec
import AdmixStatistics

/// Measures how differently groups of people come off in a dataset, beside the dataset it was made
/// from and the parts it was mixed of.
package struct Fairness: StageKind {
  package static let description = KindDescription(
    name: "fairness", revision: 4,
    summary:
      "Measures how unequally groups are represented, how differently their label comes out, and how differently models and decisions treat them.",
    fields: [
      .required("of", .edge(.dataset), "The dataset that is measured."),
      .optional(
        "against", .edge(.dataset),
        "The dataset it is compared with, as a rule the real one: shows what mixing amplified."),
      .required(
        "label",
        .object([
          .required("column", .column, "The outcome."),
          .required(
            "positive", .listOrOne(.scalar), "The value, or values, that are good for people."),
        ]), "The outcome whose rates are compared."),
      .required(
        "protected", .list(.listOrOne(.column)),
        "The columns whose groups are compared; a list inside is an intersection."),
      .optional(
        "conditional", .listOrOne(.column),
        "Columns within whose values rates are compared as well, such as the department applied to."
      ),
      .optional(
        "prediction",
        .object([
          .required("column", .column, "What was decided."),
          .optional(
            "positive", .listOrOne(.scalar),
            "The value, or values, that are good for people; those of the label unless given."),
          .optional("score", .column, "The chance of the good outcome that it was decided by."),
        ]), "Decisions about the people of the dataset, in a column of it."),
      .optional(
        "models", .listOrOne(.choice(Classifier.names)),
        "Models that learn the label from each of the datasets and decide about the holdout."),
      .optional(
        "holdout", .edge(.dataset), "Real people that nothing was learned from, for `models`."),
      .optional(
        "learn_rows", .int(100...10_000_000), default: 50_000,
        "Models learn from, and decide about, at most this many rows."),
      .optional(
        "reference", .map(.scalar),
        "The group that others are compared with, by column; the groups at the extremes unless given."
      ),
      .optional(
        "min_support", .count, default: 30,
        "Figures of groups with fewer rows are shown, and marked as not to be relied on."),
      Gates.field,
    ],
    outputs: ["report"], usesRandomness: true,
    tasks: [
      .init(
        "count", "Counts outcomes by group in one partition.",
        ["of", "against", "label", "protected", "conditional"]),
      .init(
        "decisions", "For `prediction`: counts decisions by group in one partition.",
        ["of", "against", "label", "protected", "prediction"]),
      .init(
        "scores", "For `prediction`: puts scores in order.",
        ["of", "against", "label", "protected", "prediction"]),
      .init(
        "sample", "For `models`: takes rows.",
        ["of", "against", "holdout", "label", "protected", "learn_rows", "models"]),
      .init(
        "model", "For `models`: learns from one dataset and decides about the holdout.",
        ["of", "against", "holdout", "label", "protected", "learn_rows", "models"]),
      .init(
        "", "Rates, gaps, intervals and gates.",
        ["label", "prediction", "reference", "min_support", "gates"]),
    ],
    example: """
      fairness:
        of: blend
        against: census
        label: {column: income, positive: ">50K"}
        protected: [sex, race, [sex, race]]
        gates:
          - fail: disparate_impact(sex) < 0.8
      """)

  let options: FairnessStageOptions
  let gates: Gates

  package init(_ options: OptionValues, report: inout Diagnostics) {
    self.options = FairnessStageOptions(options, report: &report)
    gates = Gates(options["gates"], report: &report)
    report.append(contentsOf: gates.unknown(in: self.options.everyMetricName(asked: gates.metrics)))
  }

  package func schemas(of inputs: [String: Schema], report: inout Diagnostics) -> [String: Schema] {
    for role in ["of", "against"] {
      if let schema = inputs[role] { options.check(schema, role: role, report: &report) }
    }
    if let schema = inputs["of"] { options.checkPrediction(schema, report: &report) }
    if let schema = inputs["holdout"] { options.check(schema, role: "holdout", report: &report) }
    return [:]
  }

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    var plans: [FairnessCounting] = []
    for role in ["of", "against"] {
      guard let artifact = stage.inputs[role] else { continue }
      let manifest = try stage.artifacts.dataset(artifact)
      var report = Diagnostics()
      options.check(manifest.schema, role: role, report: &report)
      if role == "of" { options.checkPrediction(manifest.schema, report: &report) }
      if report.hasErrors { throw TaskFailure(report) }
      plans.append(
        FairnessCounting(
          role: role, name: stage.inputNames[role] ?? role, manifest: manifest, options: options))
    }
    // Both datasets in one go, so that their tasks run side by side.
    let requests = try plans.map { try $0.requests() }
    var outputs = try await stage.run(Array(requests.joined()))[...]
    var counted: [FairnessDataset] = []
    for (plan, requests) in zip(plans, requests) {
      let own = Array(outputs.prefix(requests.count))
      outputs = outputs.dropFirst(requests.count)
      counted += try plan.merged(own, stage.artifacts, options)
    }
    var findings = try FairnessFindings(
      counted, options, schema: plans.first?.manifest.schema ?? Schema([]))
    findings.add(try await decisions(stage, plans, counted), options)
    let metrics = findings.metrics
    // Which parts there are is known only now.
    let unknown = gates.unknown(in: Array(metrics.keys))
    if unknown.hasErrors { throw TaskFailure(unknown) }
    let report = FairnessReport(findings, options, title: stage.stageName).report(metrics)
    return StageOutputs(
      ["report": try stage.artifacts.publish(report, kind: .report)],
      gates: gates.evaluate(metrics), warnings: findings.warnings)
  }

  /// What was decided about the people of the datasets, and what models make of them.
  private func decisions(
    _ stage: any StageContext, _ plans: [FairnessCounting], _ counted: [FairnessDataset]
  ) async throws -> [DecisionFindings] {
    let tasks = DecisionTasks(stage: stage, options: options)
    func title(_ dataset: FairnessDataset) -> String {
      let whole = counted.first { $0.role == "of" }?.name ?? ""
      return dataset.role == "part" ? "\(whole): \(dataset.name)" : dataset.name
    }
    func prefix(_ dataset: FairnessDataset) -> String? {
      switch dataset.role {
      case "of": nil
      case "against": "against"
      default: FairnessStageOptions.prefix(part: dataset.name)
      }
    }
    let order = ["against", "part", "of"]
    var found: [DecisionFindings] = []
    if let prediction = options.prediction {
      var members: [DecisionMember] = []
      for plan in plans where plan.manifest.schema[prediction.column.name] != nil {
        // A dataset without scores is compared by its decisions.
        var own = prediction
        if let score = own.score, plan.manifest.schema[score.name] == nil { own.score = nil }
        for item in try await tasks.column(own, plan) {
          let dataset = FairnessDataset(role: item.role, name: item.part ?? plan.name, tables: [])
          members.append(
            DecisionMember(
              role: item.role, title: title(dataset), prefix: prefix(dataset), counts: item.counts))
        }
      }
      members.sort { (order.firstIndex(of: $0.role) ?? 0) < (order.firstIndex(of: $1.role) ?? 0) }
      try check(prediction, members)
      found.append(
        DecisionFindings(
          name: "prediction", title: "decisions in \(prediction.column.name)",
          label: options.label.name, decision: prediction.column.name,
          positive: (options.everyPositive, prediction.positive.flatMap(\.spellings)),
          hasScores: prediction.score != nil, members: members))
    }
    guard !options.models.isEmpty, let artifact = stage.inputs["holdout"] else { return found }
    let holdout = try stage.artifacts.dataset(artifact)
    var report = Diagnostics()
    options.check(holdout.schema, role: "holdout", report: &report)
    if report.hasErrors { throw TaskFailure(report) }
    var trainings: [DecisionTasks.Training] = []
    for dataset in counted {
      guard
        let plan = plans.first(where: { $0.role == (dataset.role == "part" ? "of" : dataset.role) })
      else { continue }
      trainings.append(
        .init(
          role: dataset.role, title: title(dataset), prefix: prefix(dataset),
          manifest: plan.manifest, origin: dataset.role == "part" ? dataset.name : nil))
    }
    trainings.sort { (order.firstIndex(of: $0.role) ?? 0) < (order.firstIndex(of: $1.role) ?? 0) }
    let counts = try await tasks.models(trainings, holdout: holdout)
    for (model, counts) in zip(options.models, counts) {
      found.append(
        DecisionFindings(
          name: model, title: "decisions of \(model)", label: DecisionTasks.label,
          decision: DecisionTasks.decision, positive: (["true"], ["true"]), hasScores: true,
          members: zip(trainings, counts).map {
            DecisionMember(role: $0.role, title: $0.title, prefix: $0.prefix, counts: $1)
          }))
    }
    return found
  }

  /// Decisions that have no word in common with the outcomes are not all bad, but spelled another way.
  private func check(
    _ prediction: FairnessStageOptions.Prediction, _ members: [DecisionMember]
  ) throws {
    guard let axes = members.last?.counts.tables.first?.axes.suffix(2), let decisions = axes.last,
      let labels = axes.first, !decisions.values.isEmpty
    else { return }
    let known = Set(decisions.values.map(ExactText.init))
    let good = Set(prediction.positive.flatMap(\.spellings).map(ExactText.init))
    if known.isDisjoint(with: good), known.isDisjoint(with: labels.values.map(ExactText.init)) {
      throw TaskFailure(
        .error(
          "AX0791", at: prediction.positive.first?.span ?? prediction.column.span,
          "no decision in '\(prediction.column.name)' is a good one",
          cause: "its values are others than those of '\(options.label.name)'",
          hint: "prediction: {column: \(prediction.column.name), positive: …}"))
    }
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    switch task.request.step {
    case FairnessCounting.step: try FairnessCounting.perform(task, options)
    case DecisionTasks.countStep: try DecisionTasks.performCount(task, options)
    case DecisionTasks.scoreStep: try DecisionTasks.performScores(task, options)
    case DecisionTasks.modelStep: try DecisionTasks.performModel(task, options)
    case RowSample.step: try RowSample.perform(task)
    default:
      throw TaskFailure(
        .error("AX0901", "stage kind 'fairness' has no step '\(task.request.step)'"))
    }
  }
}
