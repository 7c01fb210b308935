package import AdmixModel
import AdmixSpec

/// What a stage tells about single rows of what it learns from.
package struct PrivacyUse: Hashable, Sendable {
  /// The edge of what it learns from.
  package var role: String
  /// The part of the budget that it takes; nil where it may tell anything.
  package var share: Double?
  package var span: SourceSpan

  package init(role: String, share: Double?, span: SourceSpan) {
    self.role = role
    self.share = share
    self.span = span
  }
}

/// Adds up what the stages of a pipeline tell about the rows of each source.
///
/// A stage's rows come from the stages that read files behind it. What a private stage made tells no
/// more than its model did, so what is learned from that costs nothing.
enum PrivacyLedger {
  static func check(
    _ stages: [Graph.Stage], _ index: [String: Int], _ budget: PrivacyBudget,
    report: inout Diagnostics
  ) {
    var uses: [String: PrivacyUse] = [:]
    for stage in stages { uses[stage.name] = stage.kind.privacyUse(of: budget) }
    /// Stages that read files, behind some inputs.
    func sources(_ inputs: [Graph.Input]) -> Set<String> {
      var found: Set<String> = []
      var seen: Set<String> = []
      var open = inputs.map(\.stage)
      while let name = open.popLast() {
        guard seen.insert(name).inserted, let stage = index[name].map({ stages[$0] }) else {
          continue
        }
        if uses[name]?.share != nil { continue }
        if stage.kind.sources.contains(where: { $0.part == nil }) { found.insert(name) }
        open += stage.inputs.map(\.stage)
      }
      return found
    }
    var spent: [String: [(stage: String, share: Double)]] = [:]
    for stage in stages {
      guard let use = uses[stage.name] else { continue }
      for source in sources(stage.inputs.filter { $0.role == use.role }).sorted() {
        guard let share = use.share else {
          report.append(
            .error(
              "AX0692", at: use.span,
              "stage '\(stage.name)' learns from '\(source)' without privacy",
              cause: "no privacy budget covers a model that may hold rows",
              hint: "use a generator with 'privacy', or remove 'privacy_budget'"))
          break
        }
        let before = spent[source] ?? []
        let sum = before.reduce(share) { $0 + $1.share }
        if sum > 1 + 1e-9 {
          let others = before.map { "'\($0.stage)' \(percent($0.share))" }
          report.append(
            .error(
              "AX0692", at: use.span,
              "stage '\(stage.name)' exceeds the privacy budget of '\(source)'",
              cause: "it takes \(percent(share)) of (\(budget.epsilon), \(budget.delta))"
                + (others.isEmpty ? "" : ", after " + others.joined(separator: ", ")),
              hint: "lower its epsilon, learn once and make rows twice, or raise 'privacy_budget'"))
          break
        }
        spent[source] = before + [(stage.name, share)]
      }
    }
  }

  private static func percent(_ share: Double) -> String {
    "\(Int(min(1e6, share * 100).rounded(.up))) %"
  }
}
