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
    case .run, .depends: break
    }
    var out =
      "\(stage.name) \(stage.action == .run ? "runs" : "runs if its input changes") because\n"
    var shown: Set<String> = []
    func causes(of stage: Plan.Stage, depth: Int) {
      guard shown.insert(stage.name).inserted else { return }
      let margin = String(repeating: "  ", count: depth)
      for change in stage.why
      where change.cause != .input || plan.isSettled(stage, change.name, graph) {
        out += "\(margin)\(change.sentence)\n"
      }
      for input in graph[stage.name]?.inputs ?? [] {
        guard let parent = plan[input.stage], parent.action == .run || parent.action == .depends
        else { continue }
        out += "\(margin)\(input.stage) \(parent.action == .run ? "runs" : "may change"), because\n"
        causes(of: parent, depth: depth + 1)
      }
    }
    causes(of: stage, depth: 1)
    return out
  }
}

extension Plan {
  /// Whether an input is known already, so that its change is a fact and not an expectation.
  fileprivate func isSettled(_ stage: Stage, _ name: String, _ graph: Graph) -> Bool {
    graph[stage.name]?.inputs.contains { name.hasPrefix($0.role) && self[$0.stage]?.outputs != nil }
      ?? true
  }
}
