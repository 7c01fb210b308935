import AdmixExpression
package import AdmixModel
package import AdmixSpec

/// The option `gates`: rules over a stage's metrics, each of which trips when it is true.
package struct Gates: Sendable {
  package static let field: Field = .optional(
    "gates",
    .list(
      .object([
        .optional(
          "fail", .expression, "The run fails when this is true; stages after it do not start."),
        .optional("warn", .expression, "People are warned when this is true."),
      ])),
    "Rules over this stage's metrics; a metric that could not be computed never passes.",
    affectsOutput: true)

  private struct Gate: Sendable {
    var action: GateResult.Action
    var text: String
    var span: SourceSpan
    var rule: GateRule
  }

  private let gates: [Gate]

  /// - Parameter node: the value of the option; nil for no gates.
  package init(_ node: Node?, report: inout Diagnostics) {
    var gates: [Gate] = []
    for item in node?.items ?? [] {
      let members = item.members.filter { $0.value.value != .null }
      guard members.count == 1, let member = members.first,
        let action = GateResult.Action(rawValue: member.key)
      else {
        report.append(
          .error(
            "AX0771", at: item.span, "a gate is either 'fail' or 'warn', once",
            hint: "write one rule per item: '- fail: disparate_impact(sex) < 0.8'"))
        continue
      }
      let text = member.value.source ?? member.value.text ?? ""
      guard
        let expression = Expression.parse(text, at: member.value.span, report: &report),
        let rule = GateRule(expression, report: &report)
      else { continue }
      gates.append(Gate(action: action, text: text, span: member.value.span, rule: rule))
    }
    self.gates = gates
  }

  package var isEmpty: Bool { gates.isEmpty }

  /// The metrics that the rules ask for, in their canonical spelling, each once, as first asked for.
  package var metrics: [String] {
    var seen: Set<String> = []
    return gates.flatMap { $0.rule.references.map(\.key) }.filter { seen.insert($0).inserted }
  }

  /// - Parameter metrics: by the canonical text of the reference, such as `disparate_impact(sex)`.
  package func evaluate(_ metrics: [String: Measurement]) -> [GateResult] {
    gates.map { gate in
      let measured = gate.rule.references.first.map {
        metrics[$0.key] ?? .undefined("there is no metric '\($0.key)'")
      }
      var measurement = measured ?? .undefined("the rule asks for no metric")
      let passed: Bool
      switch gate.rule.verdict(metrics) {
      case .trips: passed = false
      case .holds: passed = true
      case .undefined(let reason):
        passed = false
        // The metric shown may have a value while another one of the rule has none.
        if measurement.value != nil { measurement.reason = reason }
      }
      return GateResult(
        rule: gate.text, action: gate.action, measurement: measurement, passed: passed,
        span: gate.span)
    }
  }

  /// References that are none of these metrics, each with the nearest that is.
  package func unknown(in metrics: [String]) -> Diagnostics {
    let known = Set(metrics)
    var report = Diagnostics()
    for reference in gates.flatMap(\.rule.references) where !known.contains(reference.key) {
      report.append(
        .error(
          "AX0772", at: reference.span, "unknown metric '\(reference.key)'",
          cause: "this stage does not measure it",
          hint: Spelling.closest(to: reference.key, among: known).map { "did you mean '\($0)'?" }))
    }
    return report
  }
}
