package import AdmixEngine
package import AdmixModel

/// A plan in words and as JSON.
package enum PlanText {
  package static func text(_ plan: Plan) -> String {
    let rows = plan.stages.map { stage in
      [
        stage.name, stage.kind, word(stage.action),
        stage.why.map(\.sentence).joined(separator: "; "),
      ]
    }
    let running = plan.stages.filter { $0.action == .run || $0.action == .depends }.count
    let summary =
      running == 0
      ? "nothing to run: \(plan.stages.count) stages are known"
      : "\(running) of \(plan.stages.count) stages to run"
    return TextTable.render(columns: ["stage", "kind", "plan", "because"], rows: rows) + summary
      + "\n"
  }

  package static func word(_ action: Plan.Action) -> String {
    switch action {
    case .hit: "known"
    case .restore: "put back"
    case .run: "run"
    case .depends: "run if its input changes"
    case .gated: "stopped by a gate"
    }
  }

  package static func json(_ plan: Plan) -> JSONValue {
    .object([
      "stages": .array(
        plan.stages.map { stage in
          .object([
            "name": .string(stage.name), "kind": .string(stage.kind),
            "action": .string(stage.action.rawValue), "why": json(stage.why),
          ])
        })
    ])
  }

  /// The stable form of "why" (DESIGN: command line).
  package static func json(_ changes: [Change]) -> JSONValue {
    .array(
      changes.map { change in
        .object([
          "cause": .string(change.cause.rawValue), "name": .string(change.name),
          "old": JSONValue(change.old), "new": JSONValue(change.new),
        ])
      })
  }

  /// The one document that `run --json` prints.
  package static func json(_ record: RunRecord) -> JSONValue {
    let stages = record.stages.map { stage -> JSONValue in
      let outputs = stage.outputs.compactMap { name in
        stage.artifacts[name].map { artifact -> JSONValue in
          .object([
            "name": .string(name), "digest": .string(artifact.digest.hex),
            "rows": artifact.rows.map { JSONValue($0) } ?? .null,
          ])
        }
      }
      return .object([
        "name": .string(stage.name), "kind": .string(stage.kind),
        "status": .string(stage.status.rawValue), "why": json(stage.why),
        "seconds": .double(stage.seconds), "outputs": .array(outputs),
        "files": .array(stage.files.map { .string($0) }),
      ])
    }
    let gates = record.stages.flatMap { stage in
      stage.gates.map { gate -> JSONValue in
        .object([
          "stage": .string(stage.name), "rule": .string(gate.rule),
          "action": .string(gate.action.rawValue), "value": JSONValue(gate.measurement.value),
          "reason": JSONValue(gate.measurement.reason), "passed": .bool(gate.passed),
        ])
      }
    }
    return .object([
      "run": record.run.isEmpty ? .null : .string(record.run),
      "status": .string(record.status.rawValue), "seconds": .double(record.seconds),
      "stages": .array(stages), "gates": .array(gates),
    ])
  }
}
