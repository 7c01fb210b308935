import AdmixData
package import AdmixEngine
package import AdmixModel
package import AdmixSpec
import AdmixStatistics

/// Measures how differently groups of people come off in a dataset, beside the dataset it was made
/// from and the parts it was mixed of.
package struct Fairness: StageKind {
  package static let description = KindDescription(
    name: "fairness", revision: 3,
    summary:
      "Measures how unequally groups are represented and how differently their label comes out.",
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
        "reference", .map(.scalar),
        "The group that others are compared with, by column; the groups at the extremes unless given."
      ),
      .optional(
        "min_support", .count, default: 30,
        "Figures of groups with fewer rows are shown, and marked as not to be relied on."),
      Gates.field,
    ],
    outputs: ["report"],
    tasks: [
      .init(
        "count", "Counts outcomes by group in one partition.",
        ["of", "against", "label", "protected", "conditional"]),
      .init(
        "", "Rates, gaps, intervals and gates.", ["label", "reference", "min_support", "gates"]),
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
    return [:]
  }

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    var plans: [FairnessCounting] = []
    for role in ["of", "against"] {
      guard let artifact = stage.inputs[role] else { continue }
      let manifest = try stage.artifacts.dataset(artifact)
      var report = Diagnostics()
      options.check(manifest.schema, role: role, report: &report)
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
    let findings = try FairnessFindings(
      counted, options, schema: plans.first?.manifest.schema ?? Schema([]))
    let metrics = findings.metrics
    // Which parts there are is known only now.
    let unknown = gates.unknown(in: Array(metrics.keys))
    if unknown.hasErrors { throw TaskFailure(unknown) }
    let report = FairnessReport(findings, options, title: stage.stageName).report(metrics)
    return StageOutputs(
      ["report": try stage.artifacts.publish(report, kind: .report)],
      gates: gates.evaluate(metrics), warnings: findings.warnings)
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    guard task.request.step == FairnessCounting.step else {
      throw TaskFailure(
        .error("AX0901", "stage kind 'fairness' has no step '\(task.request.step)'"))
    }
    return try FairnessCounting.perform(task, options)
  }
}
