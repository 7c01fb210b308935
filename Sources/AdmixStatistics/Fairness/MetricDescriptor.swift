import AdmixModel

/// A fairness metric: what it is called, what it means, and how it is computed.
///
/// The stage, the reference page and the report are all made from the one list of these.
package struct MetricDescriptor: Sendable {
  package enum Better: String, Sendable { case zero, one, lower, higher }

  package enum Computation: Sendable {
    case groups(@Sendable (GroupTable, FairnessOptions) -> Measurement)
    /// Over strata of a further column.
    case strata(@Sendable (StratifiedGroups, FairnessOptions) -> Measurement)
    /// Over what was decided, beside what is so.
    case outcomes(@Sendable (OutcomeTable, FairnessOptions) -> Measurement)
    /// Over scores, beside what is so.
    case scores(@Sendable (ScoreTable, FairnessOptions) -> Measurement)
  }

  package var name: String
  package var title: String
  package var formula: String
  package var range: String
  package var better: Better
  /// Where the definition comes from.
  package var source: String
  /// One sentence for people.
  package var summary: String
  package var computation: Computation

  /// The columns it is named with: those of the groups, and one more where it looks within that one.
  package func columns(_ view: [String], within conditions: [String]) -> [[String]] {
    if case .strata = computation { return conditions.map { view + [$0] } }
    return [view]
  }

  /// How far a value is from what would be fair; nil where it cannot be said.
  package func distance(_ value: Double) -> Double {
    switch better {
    case .zero, .lower: value.magnitude
    // A ratio and its inverse are equally far.
    case .one: value > 1 ? (value.isInfinite ? .infinity : 1 - 1 / value) : 1 - value
    case .higher: -value
    }
  }
}

/// Groups within each value of a further column.
package struct StratifiedGroups: Hashable, Sendable {
  package var column: String
  /// In the order of their values; "(missing)" last.
  package var strata: [(name: String, groups: GroupTable)] {
    Array(zip(names, tables)).map { ($0, $1) }
  }
  private var names: [String]
  private var tables: [GroupTable]

  package init?(
    _ table: CountTable, by column: String, attributes: [String], label: String,
    positive: some Sequence<String>
  ) {
    guard let index = table.axis(column) else { return nil }
    let axis = table.axes[index]
    self.column = column
    names = []
    tables = []
    for code in 0..<axis.size {
      guard let slice = table.slice(column, code: code),
        let groups = GroupTable(slice, attributes: attributes, label: label, positive: positive)
      else { return nil }
      if groups.rows == 0 { continue }
      names.append(code < axis.values.count ? axis.values[code] : "(missing)")
      tables.append(groups)
    }
  }

  /// All strata together.
  package var pooled: GroupTable {
    guard var sum = tables.first else { return GroupTable(attributes: [], classes: [], groups: []) }
    for table in tables.dropFirst() {
      for index in sum.groups.indices {
        sum.groups[index].rows += table.groups[index].rows
        sum.groups[index].positives += table.groups[index].positives
        for label in sum.classes.indices {
          sum.groups[index].classes[label] += table.groups[index].classes[label]
        }
      }
    }
    return sum
  }
}
