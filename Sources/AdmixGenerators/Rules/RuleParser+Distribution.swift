import AdmixData
import AdmixModel
import AdmixSpec

extension RuleParser {
  func distribution(
    _ distribution: Distribution, _ node: Node, at span: SourceSpan, report: inout Diagnostics
  ) -> (RuleColumn.Source, ColumnSchema)? {
    var parameters: [RuleColumn.Parameter] = []
    var isSound = true
    let known = distribution.parameters.map(\.name)
    for member in node.members where !known.contains(member.key) {
      report.append(
        .error(
          "AX0650", at: member.keySpan, "'\(distribution.name)' has no parameter '\(member.key)'",
          hint: Spelling.closest(to: member.key, among: known).map { "did you mean '\($0)'?" }
            ?? "it has " + known.joined(separator: ", ")))
      isSound = false
    }
    for parameter in distribution.parameters {
      // One parameter may stand by itself: `poisson: 3`.
      let value =
        node[parameter.name]
        ?? (distribution.parameters.count == 1 && node.members.isEmpty ? node : nil)
      if let number = value?.double {
        parameters.append(.number(number))
      } else if let text = value?.text, let value {
        guard
          let expression = ColumnExpression(text, at: value.span, schema: schema, report: &report)
        else {
          isSound = false
          continue
        }
        if expression.type != .int, expression.type != .double {
          report.append(.error("AX0650", at: value.span, "'\(parameter.name)' is a number"))
          isSound = false
        }
        parameters.append(.expression(expression))
      } else if value == nil || value?.value == .null, let fallback = parameter.fallback {
        parameters.append(.number(fallback))
      } else {
        report.append(
          .error(
            "AX0650", at: value?.span ?? span,
            "'\(distribution.name)' needs '\(parameter.name)': \(parameter.summary)"))
        isSound = false
      }
    }
    guard isSound else { return nil }
    let numbers = parameters.compactMap { if case .number(let value) = $0 { value } else { nil } }
    if numbers.count == parameters.count, distribution.shape(numbers) == nil {
      report.append(
        .error(
          "AX0650", at: node.span, "the parameters of '\(distribution.name)' are out of range",
          cause: distribution.ranges))
      return nil
    }
    let type: ColumnType =
      distribution.name == "bernoulli" ? .bool : distribution.isWhole ? .int : .double
    return (.distribution(distribution, parameters), ColumnSchema("", type))
  }
}
