import AdmixModel
import AdmixStatistics

/// Puts what was found into words, tables and charts.
struct FairnessReport: Sendable {
  private let findings: FairnessFindings
  private let options: FairnessStageOptions
  private let title: String

  /// More groups than this make a chart that nobody can read; the tables have them all.
  static let mostBars = 24
  /// Nobody reads more rows, and every one of them is carried in the report.
  static let mostGroups = 1_000

  init(_ findings: FairnessFindings, _ options: FairnessStageOptions, title: String) {
    self.findings = findings
    self.options = options
    self.title = title
  }

  func report(_ metrics: [String: Measurement]) -> CheckReport {
    var sections: [CheckReport.Section] = []
    for view in findings.views {
      sections.append(rates(view))
      sections.append(gaps(view, metrics))
      sections += view.conditional.map { conditional($0, view) }
    }
    for decisions in findings.decisions {
      for (number, view) in options.views.enumerated() {
        sections += DecisionReport(decisions, number, view.names, options, self).sections(metrics)
      }
    }
    return CheckReport(
      title: "Fairness: \(title)", summary: summary(metrics), metrics: metrics, sections: sections)
  }

  // MARK: Summary

  private func summary(_ metrics: [String: Measurement]) -> String {
    var sentences: [String] = []
    let impacts = findings.views.compactMap {
      view -> (view: FairnessFindings.View, value: Double)? in
      metrics[FairnessStageOptions.name("disparate_impact", view.names)]?.value.map { (view, $0) }
    }
    if let lowest = impacts.min(by: { $0.value < $1.value }) {
      var text = "Lowest disparate impact: \(Self.number(lowest.value)) for \(lowest.view.title)"
      if lowest.value < Self.fourFifths { text += ", below four fifths" }
      if let measured = lowest.view.measured,
        let (low, high) = FairnessMetrics.extremes(of: measured.groups)
      {
        text +=
          " (\(findings.positiveName): \(Self.rate(low)); \(Self.rate(high)))"
      }
      let before = metrics[
        FairnessStageOptions.name("disparate_impact", lowest.view.names, prefix: "against")]
      if let value = before?.value, let other = lowest.view.compared {
        text += "; \(Self.number(value)) in \(other.title)"
      }
      sentences.append(text + ".")
    } else {
      sentences.append("No disparate impact could be computed.")
    }
    sentences += findings.views.flatMap(\.conditional).filter(\.isReversed).map(Self.reversal)
    return sentences.joined(separator: " ")
  }

  /// Says that pooled and conditional comparison point in opposite directions.
  private static func reversal(_ found: ConditionalDifference) -> String {
    let (higher, lower) = found.signs
    let (first, second) = (found.first.name, found.second.name)
    var within = points(found.measurement.value.map { -$0 })
    // Seen from the other group, the interval's ends change places.
    if let low = found.measurement.low, let high = found.measurement.high {
      within += " (95 % interval \(tenths(-high)) to \(tenths(-low)))"
    }
    return
      "The sign turns within \(found.column): pooled, \(first) is ahead of \(second) by \(points(found.pooled)); compared within \(found.column), \(second) is ahead by \(within), in \(lower) of \(higher + lower) of its values."
  }

  private static func number(_ value: Double) -> String {
    if value.isInfinite { return "infinite" }
    let scaled = Int((value.magnitude * 1000).rounded())
    let digits = String(scaled % 1000)
    let fraction = String(repeating: "0", count: 3 - digits.count) + digits
    return "\(value < 0 && scaled > 0 ? "-" : "")\(scaled / 1000).\(fraction)"
  }

  private static func tenths(_ value: Double?) -> String {
    guard let value else { return "?" }
    let scaled = Int((value * 1000).rounded())
    return "\(scaled < 0 ? "-" : "")\(scaled.magnitude / 10).\(scaled.magnitude % 10)"
  }

  /// "Female 30.1 % of 2,223 rows".
  private static func rate(_ group: GroupTable.Group) -> String {
    "\(group.name) \(tenths(group.rate)) % of \(grouped(group.labelled)) rows"
  }

  private static func grouped(_ count: Int) -> String {
    var digits = String(count)
    var place = digits.count - 3
    while place > 0 {
      digits.insert(",", at: digits.index(digits.startIndex, offsetBy: place))
      place -= 3
    }
    return digits
  }

  /// 29 CFR 1607.4(D): a rate below four fifths of the highest is evidence of adverse impact.
  private static let fourFifths = 0.8

  private static func points(_ value: Double?) -> String { tenths(value) + " points" }

  // MARK: Rates

  private func share(_ count: Int, of rows: Int) -> Measurement {
    guard let interval = Interval.share(count, of: rows, level: options.figures.level) else {
      return .undefined("0 rows", support: 0)
    }
    let few = rows < options.figures.minSupport
    return Measurement(
      Double(count) / Double(rows), low: interval.low, high: interval.high,
      level: options.figures.level, support: rows,
      reason: few ? "\(rows) rows, fewer than min_support \(options.figures.minSupport)" : nil)
  }

  /// The groups that are shown: those that some dataset has, and those that a single column declares.
  private func shown(_ view: FairnessFindings.View) -> [Int] {
    guard let first = view.members.first else { return [] }
    return first.groups.groups.indices.filter { index in
      let group = first.groups.groups[index]
      return (view.names.count == 1 && !group.isMissing)
        || view.members.contains { $0.groups.groups[index].rows > 0 }
    }
  }

  private func rates(_ view: FairnessFindings.View) -> CheckReport.Section {
    let indices = shown(view)
    let labels = indices.map { view.members.first?.groups.groups[$0].name ?? "" }
    func series(_ figure: (GroupTable, GroupTable.Group) -> Measurement) -> [CheckReport.Series] {
      view.members.map { member in
        CheckReport.Series(
          name: member.title,
          values: indices.map { figure(member.groups, member.groups.groups[$0]) })
      }
    }
    let rates = series { _, group in share(group.positives, of: group.labelled) }
    let shares = series { table, group in share(group.rows, of: table.rows) }
    let highest = view.members.map { FairnessMetrics.extremes(of: $0.groups)?.high }
    var rows: [[CheckReport.Cell]] = []
    for (position, index) in indices.prefix(Self.mostGroups).enumerated() {
      for (number, member) in view.members.enumerated() {
        let group = member.groups.groups[index]
        let impact = impactRatio(group, highest[number])
        rows.append([
          .text(labels[position]), .text(member.title),
          .count(group.rows), .share(shares[number].values[position]),
          .count(group.labelled), .share(rates[number].values[position]),
          .measurement(impact), .text(state(group, impact)),
        ])
      }
    }
    var charts: [CheckReport.Chart] = []
    if !indices.isEmpty, indices.count <= Self.mostBars {
      charts = [
        .intervals(
          title: "\(findings.positiveName), by \(view.title)", labels: labels, series: rates,
          reference: nil, isShare: true),
        .bars(
          title: "Share of rows, by \(view.title)", labels: labels, series: shares, isShare: true),
      ]
    }
    var text =
      "Rate: the share of rows with \(findings.positiveName) among the rows whose label is known, with Wilson's 95 % interval. Ratio: that rate over the highest of any group in the same dataset; a ratio below 0.8 (four fifths) is commonly taken as evidence of adverse impact. Rows whose group is missing are counted, and compared with no group."
    if view.members.contains(where: { $0.dataset.role == "part" }), let whole = view.measured {
      text +=
        " '\(whole.title): …' are the rows of \(whole.title) that came from the dataset named after the colon."
    }
    if indices.count > Self.mostGroups {
      text +=
        " The first \(Self.grouped(Self.mostGroups)) of \(Self.grouped(indices.count)) groups are listed; the figures are of all of them."
    }
    return CheckReport.Section(
      title: "Groups of \(view.title)", text: text,
      charts: charts,
      tables: [
        .init(
          columns: ["Group", "Dataset", "Rows", "Share", "With label", "Rate", "Ratio", ""],
          rows: rows)
      ])
  }

  /// The group's rate over the highest one.
  private func impactRatio(_ group: GroupTable.Group, _ highest: GroupTable.Group?) -> Measurement {
    if group.isMissing { return .undefined("not compared") }
    guard let rate = group.rate else { return .undefined("0 rows", support: 0) }
    guard let highest, let top = highest.rate, top > 0 else {
      return .undefined(
        highest == nil ? "fewer than two groups have a rate" : "no group has a rate above 0")
    }
    // The highest is 1 by definition, not by measurement.
    if group.has(highest.values) { return Measurement(1, support: group.labelled) }
    let interval = Interval.ratio(
      group.positives, of: group.labelled, highest.positives, of: highest.labelled,
      level: options.figures.level)
    return Measurement(
      rate / top, low: interval?.low, high: interval?.high,
      level: interval.map { _ in options.figures.level }, support: group.labelled)
  }

  private func state(_ group: GroupTable.Group, _ impact: Measurement) -> String {
    if group.rows == 0 { return "absent (0 rows)" }
    if group.isMissing { return "not compared" }
    var words: [String] = []
    if let ratio = impact.value, ratio < Self.fourFifths { words.append("below four fifths") }
    if group.labelled < options.figures.minSupport { words.append("insufficient") }
    return words.joined(separator: ", ")
  }

  // MARK: Gaps

  private func gaps(_ view: FairnessFindings.View, _ metrics: [String: Measurement])
    -> CheckReport.Section
  {
    CheckReport.Section(
      title: "Gaps between groups of \(view.title)", text: guide(view),
      tables: [
        gaps(
          FairnessMetrics.all, view.names, view.members.map { ($0.title, $0.prefix) },
          isCompared: view.compared != nil, metrics)
      ])
  }

  /// A row for each metric, a column for each member, and what is to be said of it.
  ///
  /// - Parameter decider: what stands before the names of the metrics.
  func gaps(
    _ all: [MetricDescriptor], _ view: [String], _ members: [(title: String, prefix: String?)],
    isCompared: Bool, decider: String? = nil, _ metrics: [String: Measurement]
  ) -> CheckReport.Table {
    func figure(_ metric: MetricDescriptor, _ columns: [String], _ prefix: String?) -> Measurement?
    {
      let whole = decider.map { DecisionFindings.prefix($0, prefix) } ?? prefix
      return metrics[FairnessStageOptions.name(metric.name, columns, prefix: whole)]
    }
    var rows: [[CheckReport.Cell]] = []
    for metric in all {
      for columns in metric.columns(view, within: options.conditional.map(\.name)) {
        var row: [CheckReport.Cell] = [
          .text(
            metric.title + (columns.count > view.count ? " within \(columns.last ?? "")" : ""))
        ]
        for member in members {
          row.append(
            .measurement(figure(metric, columns, member.prefix) ?? .undefined("not computed")))
        }
        row.append(
          .text(verdict(metric, figure(metric, columns, nil), figure(metric, columns, "against"))))
        rows.append(row)
      }
    }
    var columns = ["Metric"] + members.map(\.title) + [isCompared ? "Disparity" : ""]
    if columns.last == "", rows.allSatisfy({ $0.last == .text("") }) {
      columns.removeLast()
      rows = rows.map { $0.dropLast() }
    }
    return .init(columns: columns, rows: rows)
  }

  /// Who is at the extremes, and what each figure means.
  private func guide(_ view: FairnessFindings.View) -> String {
    var lines = view.members.compactMap { member -> String? in
      guard let (low, high) = FairnessMetrics.extremes(of: member.groups) else { return nil }
      return
        "\(member.title): the highest rate has \(Self.rate(high)), the lowest \(Self.rate(low))."
    }
    lines += Self.guide(
      FairnessMetrics.all.filter {
        !$0.columns(view.names, within: options.conditional.map(\.name)).isEmpty
      })
    if let other = view.compared, let own = view.measured {
      lines.append(Self.disparity(own.title, other.title))
    }
    return lines.joined(separator: "\n")
  }

  /// What each figure means.
  static func guide(_ metrics: [MetricDescriptor]) -> [String] {
    var lines: [String] = []
    var said: Set<String> = []
    for metric in metrics {
      let equal =
        switch metric.better {
        case .zero: ", 0 is equality"
        case .one: ", 1 is equality"
        case .lower: ", lower is better"
        case .higher: ", higher is more even"
        }
      var line = "\(metric.title): \(metric.formula); \(metric.range)\(equal)."
      if said.insert(metric.summary).inserted { line += " " + metric.summary }
      lines.append(line)
    }
    return lines
  }

  static func disparity(_ own: String, _ other: String) -> String {
    "Disparity: whether the figure is further from equality in \(own) than in \(other) (amplified) or nearer (reduced); 'no clear change' where the 95 % interval of the change, taking the two as independent samples, holds 0. Figures without an interval are compared as they are: untested."
  }

  private func verdict(_ metric: MetricDescriptor, _ own: Measurement?, _ before: Measurement?)
    -> String
  {
    guard let own, let value = own.value else { return "undefined" }
    var words: [String] = []
    if own.verdict == .insufficient { words.append("insufficient") }
    if metric.name == "disparate_impact" {
      // Above its inverse the group that the others are held against is the one behind.
      words.append(
        value < Self.fourFifths
          ? "below four fifths"
          : value > 1 / Self.fourFifths
            ? "reference below four fifths" : "at least four fifths")
    }
    if let before, let old = before.value {
      let (now, then) = (metric.distance(value), metric.distance(old))
      let change = own.minus(before)
      if let low = change.low, let high = change.high, low <= 0, high >= 0 {
        words.append(now == then ? "unchanged" : "no clear change")
      } else {
        let isTested = change.low != nil ? "" : " (untested)"
        words.append(
          now > then
            ? "amplified" + isTested : now < then ? "reduced" + isTested : "unchanged")
      }
    }
    return words.joined(separator: ", ")
  }

  // MARK: Strata

  private func conditional(_ found: ConditionalDifference, _ view: FairnessFindings.View)
    -> CheckReport.Section
  {
    let (first, second) = (found.first, found.second)
    let labels = found.strata.map(\.name)
    func rates(_ group: (ConditionalDifference.Stratum) -> GroupTable.Group) -> [Measurement] {
      found.strata.map { share(group($0).positives, of: group($0).labelled) }
    }
    let (mine, theirs) = (rates(\.first), rates(\.second))
    var rows: [[CheckReport.Cell]] = []
    for (index, stratum) in found.strata.enumerated() {
      rows.append([
        .text(stratum.name), .count(stratum.first.labelled), .share(mine[index]),
        .count(stratum.second.labelled), .share(theirs[index]),
        .measurement(
          difference(stratum.first, stratum.second)),
      ])
    }
    rows.append([
      .text("pooled"), .count(first.labelled), .share(share(first.positives, of: first.labelled)),
      .count(second.labelled), .share(share(second.positives, of: second.labelled)),
      .measurement(difference(first, second)),
    ])
    rows.append([
      .text("within \(found.column) (Mantel-Haenszel)"), .text(""), .text(""), .text(""), .text(""),
      .measurement(found.measurement),
    ])
    let left = found.strata.count { $0.difference == nil }
    var text =
      "Rates of \(first.name) and \(second.name) within each value of \(found.column), and their difference pooled over all rows and weighted over the strata (Mantel-Haenszel)."
    if left > 0 {
      text +=
        " \(left) of \(found.strata.count) strata lack one of the two groups and carry no weight."
    }
    if found.isReversed { text += " " + Self.reversal(found) }
    let charts: [CheckReport.Chart] =
      labels.count > Self.mostBars || labels.isEmpty
      ? []
      : [
        .intervals(
          title: "\(findings.positiveName), by \(found.column)", labels: labels,
          series: [
            .init(name: first.name, values: mine), .init(name: second.name, values: theirs),
          ],
          reference: nil, isShare: true)
      ]
    return CheckReport.Section(
      title: "\(view.title) within \(found.column)", text: text, charts: charts,
      tables: [
        .init(
          columns: [
            found.column, "Rows \(first.name)", "Rate \(first.name)", "Rows \(second.name)",
            "Rate \(second.name)", "Difference",
          ], rows: rows)
      ])
  }

  private func difference(_ a: GroupTable.Group, _ b: GroupTable.Group) -> Measurement {
    guard let x = a.rate, let y = b.rate else { return .undefined("0 rows in one of the two") }
    let interval = Interval.difference(
      a.positives, of: a.labelled, b.positives, of: b.labelled, level: options.figures.level)
    let few = min(a.labelled, b.labelled)
    return Measurement(
      x - y, low: interval?.low, high: interval?.high, level: options.figures.level,
      support: a.labelled + b.labelled,
      reason: few < options.figures.minSupport
        ? "\(few) rows, fewer than min_support \(options.figures.minSupport)" : nil)
  }
}
