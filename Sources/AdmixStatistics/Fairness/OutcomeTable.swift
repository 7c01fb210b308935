import AdmixData
import AdmixModel

/// People by group, by what is so and what was decided: what every fairness figure of a model is computed
/// from.
package struct OutcomeTable: Hashable, Sendable {
  package struct Group: Hashable, Sendable {
    /// One value per attribute; nil for a missing one.
    package var values: [String?]
    /// All rows of the group, those without a label or a decision too.
    package var rows: Int
    /// The good outcome, and decided so.
    package var truePositives: Int
    package var falsePositives: Int
    package var falseNegatives: Int
    package var trueNegatives: Int

    package init(
      values: [String?], rows: Int? = nil, truePositives: Int, falsePositives: Int,
      falseNegatives: Int, trueNegatives: Int
    ) {
      self.values = values
      self.truePositives = truePositives
      self.falsePositives = falsePositives
      self.falseNegatives = falseNegatives
      self.trueNegatives = trueNegatives
      self.rows = rows ?? truePositives + falsePositives + falseNegatives + trueNegatives
    }

    package var name: String { values.map { $0 ?? "(missing)" }.joined(separator: " & ") }
    package var isMissing: Bool { values.contains(nil) }
    package var positives: Int { truePositives + falseNegatives }
    package var negatives: Int { falsePositives + trueNegatives }
    package var selected: Int { truePositives + falsePositives }
    package var rejected: Int { falseNegatives + trueNegatives }
    /// Rows whose label and decision are known.
    package var known: Int { positives + negatives }

    package func adding(_ other: Group) -> Group {
      Group(
        values: values, rows: rows + other.rows, truePositives: truePositives + other.truePositives,
        falsePositives: falsePositives + other.falsePositives,
        falseNegatives: falseNegatives + other.falseNegatives,
        trueNegatives: trueNegatives + other.trueNegatives)
    }

    package func without(_ part: Group) -> Group {
      Group(
        values: values, rows: rows - part.rows, truePositives: truePositives - part.truePositives,
        falsePositives: falsePositives - part.falsePositives,
        falseNegatives: falseNegatives - part.falseNegatives,
        trueNegatives: trueNegatives - part.trueNegatives)
    }
  }

  package var attributes: [String]
  /// All groups that could be, in the order of their values.
  package var groups: [Group]

  package init(attributes: [String], groups: [Group]) {
    self.attributes = attributes
    self.groups = groups
  }

  /// - Parameters:
  ///   - table: over the attributes, the label and the decision.
  ///   - positive: the values that count as good, of the label and of the decision.
  package init?(
    _ table: CountTable, attributes: [String], label: String, decision: String,
    positive: (label: [String], decision: [String])
  ) {
    guard let table = table.marginal(attributes + [label, decision]), table.axes.count >= 2 else {
      return nil
    }
    func flags(_ axis: CountTable.Axis, _ good: [String]) -> [Bool?] {
      let good = Set(good.map(ExactText.init))
      return axis.values.map { good.contains(ExactText($0)) } + [nil]
    }
    let axes = table.axes.suffix(2)
    guard let first = axes.first, let last = axes.last else { return nil }
    let (labels, decisions) = (flags(first, positive.label), flags(last, positive.decision))
    let width = labels.count * decisions.count
    self.attributes = attributes
    groups = stride(from: 0, to: table.counts.count, by: width).map { start in
      var group = Group(
        values: zip(table.codes(of: start).dropLast(2), table.axes).map { code, axis in
          code < axis.values.count ? axis.values[code] : nil
        }, truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 0)
      for (row, label) in labels.enumerated() {
        for (column, decision) in decisions.enumerated() {
          let count = table.counts[start + row * decisions.count + column]
          group.rows += count
          switch (label, decision) {
          case (true, true): group.truePositives += count
          case (false, true): group.falsePositives += count
          case (true, false): group.falseNegatives += count
          case (false, false): group.trueNegatives += count
          default: break
          }
        }
      }
      return group
    }
  }

  /// The groups that are compared: with rows, and with every attribute known.
  package var compared: [Group] { groups.filter { $0.known > 0 && !$0.isMissing } }

  package var known: Int { groups.reduce(0) { $0 + $1.known } }

  /// All compared rows as one group.
  package var everyone: Group {
    compared.reduce(
      Group(
        values: ["(all others)"], truePositives: 0, falsePositives: 0, falseNegatives: 0,
        trueNegatives: 0)
    ) { $0.adding($1) }
  }
}

/// A share of some rows of a group.
package enum OutcomeRate: String, CaseIterable, Sendable {
  case selection, truePositive, falsePositive, trueNegative, falseNegative
  case positivePredictive, negativePredictive, falseDiscovery, falseOmission, accuracy, error

  /// How many, and of how many.
  package func counts(_ group: OutcomeTable.Group) -> (count: Int, of: Int) {
    switch self {
    case .selection: (group.selected, group.known)
    case .truePositive: (group.truePositives, group.positives)
    case .falsePositive: (group.falsePositives, group.negatives)
    case .trueNegative: (group.trueNegatives, group.negatives)
    case .falseNegative: (group.falseNegatives, group.positives)
    case .positivePredictive: (group.truePositives, group.selected)
    case .negativePredictive: (group.trueNegatives, group.rejected)
    case .falseDiscovery: (group.falsePositives, group.selected)
    case .falseOmission: (group.falseNegatives, group.rejected)
    case .accuracy: (group.truePositives + group.trueNegatives, group.known)
    case .error: (group.falsePositives + group.falseNegatives, group.known)
    }
  }

  /// Nil where there is nothing to be a share of; never 0 for that.
  package func value(_ group: OutcomeTable.Group) -> Double? {
    let (count, rows) = counts(group)
    return rows > 0 ? Double(count) / Double(rows) : nil
  }

  /// What a group without such rows lacks.
  package var whole: String {
    switch self {
    case .selection, .accuracy, .error: "rows with a label and a decision"
    case .truePositive, .falseNegative: "rows with the good outcome"
    case .falsePositive, .trueNegative: "rows without the good outcome"
    case .positivePredictive, .falseDiscovery: "selected rows"
    case .negativePredictive, .falseOmission: "rejected rows"
    }
  }

  /// For column heads.
  package var title: String {
    switch self {
    case .selection: "Selection rate"
    case .truePositive: "True positive rate"
    case .falsePositive: "False positive rate"
    case .trueNegative: "True negative rate"
    case .falseNegative: "False negative rate"
    case .positivePredictive: "Positive predictive value"
    case .negativePredictive: "Negative predictive value"
    case .falseDiscovery: "False discovery rate"
    case .falseOmission: "False omission rate"
    case .accuracy: "Accuracy"
    case .error: "Error rate"
    }
  }

  package func measurement(_ group: OutcomeTable.Group, _ options: FairnessOptions) -> Measurement {
    let (count, rows) = counts(group)
    guard let interval = Interval.share(count, of: rows, level: options.level) else {
      return .undefined("no \(whole)", support: 0)
    }
    return Measurement(
      Double(count) / Double(rows), low: interval.low, high: interval.high, level: options.level,
      support: rows, reason: options.doubt(self, [group]))
  }
}

extension FairnessOptions {
  /// Error rates of a group need so many rows of either outcome.
  package static let minOutcomes = 5

  /// Why a rate of these groups deserves little trust.
  func doubt(_ rate: OutcomeRate, _ groups: [OutcomeTable.Group]) -> String? {
    for group in groups {
      if group.known < minSupport {
        return "group '\(group.name)' has \(group.known) rows, fewer than min_support \(minSupport)"
      }
      let few = rate.counts(group).of
      if few < Self.minOutcomes {
        let what = few == 1 ? rate.whole.replacing("rows", with: "row") : rate.whole
        return "group '\(group.name)' has \(few) \(what), fewer than \(Self.minOutcomes)"
      }
    }
    return nil
  }
}
