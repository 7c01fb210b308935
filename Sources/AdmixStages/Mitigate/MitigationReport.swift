import AdmixModel
import AdmixStatistics

/// What was made equal, and what it took.
struct MitigationReport {
  private let groups: GroupTable
  private let found: Reweighing
  private let options: FairnessStageOptions
  private let names: [String]
  private let title: String
  private let weight: String

  init(
    _ groups: GroupTable, _ found: Reweighing, _ options: FairnessStageOptions, names: [String],
    title: String, weight: String
  ) {
    self.groups = groups
    self.found = found
    self.options = options
    self.names = names
    self.title = title
    self.weight = weight
  }

  /// The rate of a group by its weights.
  private func rate(_ group: GroupTable.Group, _ cell: Reweighing.Cell) -> Double {
    let good = (cell.good ?? 0) * Double(group.positives)
    let bad = (cell.bad ?? 0) * Double(group.negatives)
    return good / (good + bad)
  }

  func report() -> CheckReport {
    let pairs = found.cells.compactMap { cell in
      groups.compared.first { $0.has(cell.values) }.map { ($0, cell) }
    }
    let rates = pairs.map { rate($0.0, $0.1) }
    let (low, high) = (rates.min() ?? 0, rates.max() ?? 0)
    var metrics: [String: Measurement] = [:]
    func name(_ metric: String, _ prefix: String) -> String {
      FairnessStageOptions.name(metric, names, prefix: prefix)
    }
    for metric in ["demographic_parity_difference", "disparate_impact"] {
      if case .groups(let measure)? = FairnessMetrics.byName[metric]?.computation {
        metrics[name(metric, "before")] = measure(groups, options.figures)
      }
    }
    metrics[name("demographic_parity_difference", "after")] = Measurement(
      high - low, support: found.rows)
    metrics[name("disparate_impact", "after")] =
      high > 0
      ? Measurement(low / high, support: found.rows)
      : .undefined("no group has a good outcome (0/0)", support: found.rows)
    let share = Measurement(
      found.rows > 0 ? found.effectiveRows / Double(found.rows) : 0, support: found.rows)
    metrics["effective_rows"] = share
    let rows: [[CheckReport.Cell]] = zip(pairs, rates).map { pair, rate in
      let (group, cell) = pair
      let few = group.labelled < options.figures.minSupport
      return [
        .text(group.name), .count(group.labelled),
        .share(.share(group.positives, of: group.labelled)),
        .share(Measurement(rate, support: group.labelled)),
        .measurement(cell.good.map { Measurement($0) } ?? .undefined("no such rows")),
        .measurement(cell.bad.map { Measurement($0) } ?? .undefined("no such rows")),
        .text(few ? "insufficient" : ""),
      ]
    }
    let left = groups.rows - found.rows
    var text =
      "Each row's '\(weight)' is n_g n_y / (n n_gy): the rows that its group should have with its outcome, were the two independent, over those it has (reweighing; Kamiran and Calders, 2012). Totals by group and by outcome stay. A learner that takes weights sees the same rate in every group; one that takes none sees no difference."
    if left > 0 { text += " \(left) rows whose group or label is missing count as they are." }
    text +=
      " Weights cost precision: the rows tell as much as effective rows without weights would."
    return CheckReport(
      title: "Mitigation: \(title)",
      summary:
        "Rates of \(names.joined(separator: " & ")) are equal by weight; the rows count for \(Int(found.effectiveRows.rounded())) of \(found.rows).",
      metrics: metrics,
      sections: [
        CheckReport.Section(
          title: "Reweighing by \(names.joined(separator: " & "))", text: text,
          tables: [
            .init(
              columns: [
                names.joined(separator: " & "), "Rows", "Rate before", "Rate by weight",
                "Weight of a good outcome", "Weight of any other", "",
              ], rows: rows),
            .init(
              columns: ["Figure", "Value"],
              rows: metrics.sorted { $0.key < $1.key }.map {
                [.text($0.key), .measurement($0.value)]
              }),
          ])
      ])
  }
}
