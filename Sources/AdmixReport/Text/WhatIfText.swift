package import AdmixEngine
package import AdmixModel

/// The plan as it is beside the plan as it would be with other parameters.
package struct WhatIf {
  private let now: (plan: Plan, graph: Graph)
  private let then: (plan: Plan, graph: Graph)
  private let settings: [String]

  /// - Parameter settings: the parameters as they were given, `key=value`.
  package init(
    now: (plan: Plan, graph: Graph), then: (plan: Plan, graph: Graph), settings: [String]
  ) {
    self.now = now
    self.then = then
    self.settings = settings
  }

  private static func runs(_ stage: Plan.Stage?) -> Bool { stage?.mayRun ?? false }

  /// Stages that run, or may, with the parameters and not without.
  package var more: [String] {
    then.plan.stages.filter { Self.runs($0) && !Self.runs(now.plan[$0.name]) }.map(\.name)
  }

  /// Stages that run, or may, without the parameters and not with them.
  package var fewer: [String] {
    now.plan.stages.filter { Self.runs($0) && !Self.runs(then.plan[$0.name]) }.map(\.name)
  }

  package var text: String {
    let because = WhyText.because(then.plan, then.graph)
    var rows = then.plan.stages.map { stage in
      [
        stage.name, stage.kind,
        now.plan[stage.name].map { PlanText.word($0.action) } ?? "not there",
        PlanText.word(stage.action), because[stage.name] ?? "",
      ]
    }
    rows += now.plan.stages.filter { then.plan[$0.name] == nil }.map {
      [$0.name, $0.kind, PlanText.word($0.action), "not there", ""]
    }
    var out = TextTable.render(
      columns: ["stage", "kind", "as it is", "what if", "because"], rows: rows)
    out += "with \(settings.joined(separator: ", ")): "
    out +=
      more.isEmpty
      ? "nothing more would run"
      : "\(Numbers.count(more.count, "stage")) more would run: \(more.joined(separator: ", "))"
    if !fewer.isEmpty {
      out += "; \(Numbers.count(fewer.count)) fewer: \(fewer.joined(separator: ", "))"
    }
    return out + "\n"
  }

  package var json: JSONValue {
    .object([
      "stages": PlanText.json(now.plan)["stages"] ?? [],
      "what_if": .object([
        "set": .array(settings.map { .string($0) }),
        "stages": PlanText.json(then.plan)["stages"] ?? [],
        "more": .array(more.map { .string($0) }), "fewer": .array(fewer.map { .string($0) }),
      ]),
    ])
  }
}
