import AdmixCache
package import AdmixEngine
package import AdmixModel
import Foundation

/// A plan in words and as JSON.
package enum PlanText {
  package static func text(_ plan: Plan, _ graph: Graph) -> String {
    let because = WhyText.because(plan, graph)
    let rows = plan.stages.map { stage in
      [stage.name, stage.kind, word(stage.action), because[stage.name] ?? ""]
    }
    return TextTable.render(columns: ["stage", "kind", "plan", "because"], rows: rows)
      + summary(plan)
  }

  private static func summary(_ plan: Plan) -> String {
    let running = plan.stages.filter { $0.action == .run || $0.action == .depends }.count
    let back = plan.stages.count { $0.action == .restore }
    let stopped = plan.stages.count { $0.action == .gated }
    let off = plan.stages.count { $0.action == .off }
    var summary =
      running == 0
      ? "nothing to run: \(Numbers.count(plan.stages.count - stopped - off, "stage is", "stages are")) known"
      : "\(running) of \(Numbers.count(plan.stages.count, "stage")) to run"
    if back > 0 { summary += ", files of \(Numbers.count(back, "stage")) to put back" }
    if stopped > 0 { summary += ", \(stopped) stopped by a gate" }
    if off > 0 { summary += ", \(off) taking no part" }
    return summary + "\n"
  }

  /// Whether what is there is what the file says, and what is not.
  package static func status(_ plan: Plan, _ graph: Graph) -> String {
    let stale = plan.stages.filter { ![.hit, .gated, .off].contains($0.action) }
    let total = Numbers.count(plan.stages.count, "stage")
    var out: String
    if stale.isEmpty {
      out = "up to date: \(total)\n"
    } else if stale.count == plan.stages.count,
      stale.allSatisfy({ $0.why.contains { $0.cause == .new } })
    {
      return "never ran: \(total)\n"
    } else {
      out = "stale: \(stale.count) of \(total)\n"
      let because = WhyText.because(plan, graph)
      let rows = stale.map { [$0.name, word($0.action), because[$0.name] ?? ""] }
      out += TextTable.render(rows: rows, indent: 2)
    }
    for stage in plan.stages { out += RunText.gates(stage.outputs?.gates ?? [], of: stage.name) }
    let stopped = plan.stages.filter { $0.action == .gated }.map(\.name)
    if !stopped.isEmpty { out += "  stopped by a gate: \(stopped.joined(separator: ", "))\n" }
    return out
  }

  /// ISO 8601, UTC.
  package static func time(_ secondsSince1970: Double) -> String {
    ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: secondsSince1970))
  }

  package static func word(_ action: Plan.Action) -> String {
    switch action {
    case .hit: "known"
    case .restore: "put back"
    case .run: "run"
    case .depends: "run if its input changes"
    case .gated: "stopped by a gate"
    case .off: "no part"
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
    .array(changes.map(json))
  }

  /// The same with the lines of the file that parameters stand on, and under each input what its stage
  /// has for a reason, the first time it is met.
  package static func json(_ stage: Plan.Stage, _ plan: Plan, _ graph: Graph) -> JSONValue {
    var told: Set<String> = [stage.name]
    func json(_ stage: Plan.Stage) -> JSONValue {
      .array(
        stage.why.map { change in
          guard case .object(var members) = self.json(change) else { return .null }
          if let span = WhyText.span(of: change, graph[stage.name]), span.line > 0 {
            members["file"] = .string(span.file)
            members["line"] = JSONValue(span.line)
          }
          let parent = graph[stage.name]?.inputs.first {
            change.cause == .input && change.name.hasPrefix("\($0.role) (")
          }.flatMap { plan[$0.stage] }
          if let parent, parent.mayRun, told.insert(parent.name).inserted {
            members["because"] = json(parent)
          }
          return .object(members)
        })
    }
    return json(stage)
  }

  private static func json(_ change: Change) -> JSONValue {
    .object([
      "cause": .string(change.cause.rawValue), "name": .string(change.name),
      "old": JSONValue(change.old), "new": JSONValue(change.new),
    ])
  }

  package static func json(_ gates: [GateResult], of stage: String) -> [JSONValue] {
    gates.map { gate in
      .object([
        "stage": .string(stage), "rule": .string(gate.rule),
        "action": .string(gate.action.rawValue), "value": JSONValue(gate.measurement.value),
        "reason": JSONValue(gate.measurement.reason), "passed": .bool(gate.passed),
      ])
    }
  }

  /// A problem as data: what `DiagnosticRenderer` puts into words.
  package static func json(_ item: Diagnostic) -> JSONValue {
    var members: [String: JSONValue] = [
      "severity": .string(item.severity.rawValue), "code": .string(item.code),
      "fact": .string(item.fact),
    ]
    members["cause"] = item.cause.map { .string($0) }
    members["hint"] = item.hint.map { .string($0) }
    if let span = item.span {
      members["file"] = .string(span.file)
      members["line"] = JSONValue(span.line)
      members["column"] = JSONValue(span.column)
      members["length"] = JSONValue(span.length)
    }
    return .object(members)
  }

  private static func json(_ use: CacheUse) -> JSONValue {
    .object([
      "location": .string(use.location), "mode": .string(use.mode),
      "taken": JSONValue(use.tally.hits), "bytes_taken": JSONValue(use.tally.received),
      "sent": JSONValue(use.tally.sent), "bytes_sent": JSONValue(use.tally.uploaded),
      "refused": JSONValue(use.tally.refused), "not_sent": JSONValue(use.tally.unsent),
      "diagnostics": .array(use.warnings.map(json)),
    ])
  }

  /// The one document that `run --json` prints.
  package static func json(_ record: RunRecord) -> JSONValue {
    let stages = record.stages.map { json($0) }
    let gates = record.stages.flatMap { json($0.gates, of: $0.name) }
    return .object([
      "run": record.run.isEmpty ? .null : .string(record.run),
      "pipeline": .string(record.pipeline), "started": .string(time(record.started)),
      "status": .string(record.status.rawValue), "seconds": .double(record.seconds),
      "stages": .array(stages), "gates": .array(gates),
      "cache": record.cache.map(json) ?? .null,
    ])
  }

  package static func json(_ stage: StageRecord) -> JSONValue {
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
      "cut_off_by": .array((stage.cutOff ?? []).map { .string($0) }),
      "seconds": .double(stage.seconds), "outputs": .array(outputs),
      "tasks": stage.tasks.map { ["done": JSONValue($0.done), "reused": JSONValue($0.reused)] }
        ?? .null,
      "files": .array(stage.files.map { .string($0) }),
      "diagnostics": .array((stage.warnings + stage.failure).map(json)),
      "determinism": DeterminismText.json(stage.determinism),
      "cache": stage.fromCache.map { shared in
        .object([
          "whole": .bool(shared.isWhole), "tasks": JSONValue(shared.tasks),
          "run": JSONValue(shared.maker),
        ])
      } ?? .null,
    ])
  }
}
