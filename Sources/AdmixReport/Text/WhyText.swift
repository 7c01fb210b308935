package import AdmixEngine
import AdmixModel

/// The causes of a stage, with the chain up to where it began.
package enum WhyText {
  package static func text(_ stage: Plan.Stage, _ plan: Plan, _ graph: Graph) -> String {
    switch stage.action {
    case .hit:
      return "\(stage.name) does not run: nothing it rests on has changed\n"
        + "  fingerprint \(stage.fingerprint?.digest.short ?? ""), \(stage.fingerprint?.components.count ?? 0) components compared\n"
    case .restore:
      return "\(stage.name) does not run; " + stage.why.map(\.sentence).joined(separator: ", ")
        + " and is put back\n"
    case .gated: return "\(stage.name) does not run: a gate before it has failed\n"
    case .off: return "\(stage.name) does not run: \(stage.offBecause ?? "it takes no part")\n"
    case .run, .depends: break
    }
    var out =
      "\(stage.name) \(stage.action == .run ? "runs" : "runs if its input changes") because\n"
    var shown: Set<String> = []
    func causes(of stage: Plan.Stage, depth: Int) {
      shown.insert(stage.name)
      let margin = String(repeating: "  ", count: depth)
      for change in stage.why
      where change.cause != .input || plan.isSettled(stage, change.name, graph) {
        out += "\(margin)\(change.sentence)\n"
      }
      // What never ran runs whatever its inputs do.
      if stage.why.contains(where: { $0.cause == .new }) { return }
      var named: Set<String> = []
      for input in graph[stage.name]?.inputs ?? [] where named.insert(input.stage).inserted {
        guard let parent = plan[input.stage], parent.action == .run || parent.action == .depends
        else { continue }
        let verb = parent.action == .run ? "runs" : "may change"
        if shown.contains(parent.name) {
          out += "\(margin)\(input.stage) \(verb) (above)\n"
        } else {
          out += "\(margin)\(input.stage) \(verb), because\n"
          causes(of: parent, depth: depth + 1)
        }
      }
    }
    causes(of: stage, depth: 1)
    return out
  }

  /// The newest run in which a stage was at work, and why it was.
  package static func lastStart(of name: String, in runs: [RunRecord]) -> String {
    for run in runs {
      guard
        let stage = run.stages.first(where: {
          $0.name == name && ($0.status == .executed || $0.fromCache?.isWhole == true)
        })
      else { continue }
      if let shared = stage.fromCache, shared.isWhole {
        return "  it came from the shared cache in run \(run.run.prefix(8)), "
          + "\(PlanText.time(run.started)); run \(shared.maker?.prefix(8) ?? "unknown") made it\n"
      }
      return "  it last ran in run \(run.run.prefix(8)), \(PlanText.time(run.started)): "
        + stage.why.map(\.sentence).joined(separator: "; ") + "\n"
    }
    return ""
  }
}

extension Plan {
  /// Whether an input is known already, so that its change is a fact and not an expectation.
  fileprivate func isSettled(_ stage: Stage, _ name: String, _ graph: Graph) -> Bool {
    graph[stage.name]?.inputs.contains { name.hasPrefix($0.role) && self[$0.stage]?.outputs != nil }
      ?? true
  }
}
