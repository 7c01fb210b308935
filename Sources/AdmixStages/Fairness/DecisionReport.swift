import AdmixModel
import AdmixStatistics

/// Puts what was decided about the groups of one view into words, tables and charts.
struct DecisionReport {
  private let findings: DecisionFindings
  private let names: [String]
  private let options: FairnessStageOptions
  private let report: FairnessReport
  private let isFirst: Bool
  private let view: DecisionFindings.View

  init(
    _ findings: DecisionFindings, _ number: Int, _ names: [String], _ options: FairnessStageOptions,
    _ report: FairnessReport
  ) {
    self.findings = findings
    self.names = names
    self.options = options
    self.report = report
    isFirst = number == 0
    view = findings.view(number, names)
  }

  private static let rates: [OutcomeRate] = [
    .selection, .truePositive, .falsePositive, .positivePredictive, .accuracy,
  ]

  func sections(_ metrics: [String: Measurement]) -> [CheckReport.Section] {
    let lacks = findings.members.compactMap { member in
      member.counts.lack.map { "\(member.title): \($0)." }
    }
    let whole = names.joined(separator: " & ")
    guard view.outcomes.contains(where: { $0 != nil }) else {
      return [
        CheckReport.Section(
          title: "\(title), by \(whole)",
          text: (["Nothing could be measured."] + lacks).joined(separator: "\n"))
      ]
    }
    let compared = findings.members.first { $0.role == "against" }
    let own = findings.members.first { $0.role == "of" }
    // What the figures mean is said once.
    var guide = isFirst ? FairnessReport.guide(findings.metrics) : []
    if let compared, let own { guide.append(FairnessReport.disparity(own.title, compared.title)) }
    return [
      rates(whole, lacks),
      CheckReport.Section(
        title: "Gaps in \(findings.title) between groups of \(whole)",
        text: guide.joined(separator: "\n"),
        tables: [
          report.gaps(
            findings.metrics, names, findings.members.map { ($0.title, $0.prefix) },
            isCompared: compared != nil, decider: findings.name, metrics)
        ]),
    ]
  }

  private var title: String { findings.title.prefix(1).uppercased() + findings.title.dropFirst() }

  private func rates(_ whole: String, _ lacks: [String]) -> CheckReport.Section {
    let groups = view.outcomes.lazy.compactMap { $0 }.first?.groups ?? []
    let shown = groups.indices.filter { index in
      view.outcomes.contains { ($0?.groups[index].rows ?? 0) > 0 }
        || (names.count == 1 && !groups[index].isMissing)
    }
    let labels = shown.map { groups[$0].name }
    func series(_ rate: OutcomeRate) -> [CheckReport.Series] {
      zip(findings.members, view.outcomes).compactMap { member, table in
        table.map { table in
          CheckReport.Series(
            name: member.title,
            values: shown.map { rate.measurement(table.groups[$0], options.figures) })
        }
      }
    }
    var rows: [[CheckReport.Cell]] = []
    for (position, index) in shown.prefix(FairnessReport.mostGroups).enumerated() {
      for (number, member) in findings.members.enumerated() {
        guard let table = view.outcomes[number] else { continue }
        let group = table.groups[index]
        var row: [CheckReport.Cell] = [
          .text(labels[position]), .text(member.title), .count(group.known),
        ]
        row += Self.rates.map { .share($0.measurement(group, options.figures)) }
        if findings.hasScores {
          let scored = view.scores[number]?.groups.first { $0.values == group.values }
          row.append(.measurement(scored?.quality.auc ?? .undefined("no scores")))
          row.append(
            .measurement(
              scored?.calibration.error.map { Measurement($0, support: scored?.calibration.rows) }
                ?? .undefined("no scores")))
        }
        rows.append(row)
      }
    }
    let isModel = findings.name != "prediction"
    var text =
      isModel
      ? "The model learned from the dataset named in the second column and decided about the holdout: good where its score is at least 0.5. Its features are the columns that the datasets share."
      : "What was decided, beside what is so."
    text +=
      " Selection: the share that was decided well of. True positive rate: of those with the good outcome, how many were. False positive rate: of those without it. Positive predictive value: of those decided well of, how many have it. All with Wilson's 95 % interval; a rate of nothing is undefined, and never 0."
    if !lacks.isEmpty { text += "\n" + lacks.joined(separator: "\n") }
    let learned = findings.members.compactMap { member in
      member.counts.learned.map { "\(member.title) \($0)" }
    }
    if !learned.isEmpty { text += "\nRows learned from: " + learned.joined(separator: ", ") + "." }
    let charts: [CheckReport.Chart] =
      shown.isEmpty || shown.count > FairnessReport.mostBars
      ? []
      : [OutcomeRate.truePositive, .falsePositive].map { rate in
        .intervals(
          title: "\(rate.title), by \(whole)", labels: labels, series: series(rate),
          reference: nil, isShare: true)
      }
    return CheckReport.Section(
      title: "\(title), by \(whole)", text: text, charts: charts,
      tables: [
        .init(
          columns: [whole, isModel ? "Learned from" : "Dataset", "Rows"] + Self.rates.map(\.title)
            + (findings.hasScores ? ["AUC", "Calibration error"] : []), rows: rows)
      ])
  }
}
