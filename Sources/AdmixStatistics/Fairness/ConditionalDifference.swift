import AdmixModel

/// The difference in rates between two groups, pooled and within the values of a further column.
///
/// Where the two have opposite signs, the pooled figure comes from who is in which stratum rather than
/// from how a stratum treats its people (Simpson's reversal).
package struct ConditionalDifference: Hashable, Sendable {
  package struct Stratum: Hashable, Sendable {
    package var name: String
    package var first: GroupTable.Group
    package var second: GroupTable.Group

    /// The first group's rate minus the second's; nil where one of the two has no rows here.
    package var difference: Double? {
      guard let x = first.rate, let y = second.rate else { return nil }
      return x - y
    }
  }

  package var column: String
  package var first: GroupTable.Group
  package var second: GroupTable.Group
  package var strata: [Stratum]
  /// Mantel-Haenszel's weighted difference over the strata where both groups are.
  package var measurement: Measurement

  package var pooled: Double? {
    guard let x = first.rate, let y = second.rate else { return nil }
    return x - y
  }

  package var isReversed: Bool {
    guard let pooled, let within = measurement.value else { return false }
    return pooled * within < 0
  }

  /// Strata in which the first group's rate is the higher, and in which it is the lower one.
  package var signs: (higher: Int, lower: Int) {
    let differences = strata.compactMap(\.difference)
    return (differences.count { $0 > 0 }, differences.count { $0 < 0 })
  }

  /// - Parameters:
  ///   - first: the group whose rate comes first in the difference.
  package init(
    _ source: StratifiedGroups, of first: [String?], and second: [String?],
    _ options: FairnessOptions = FairnessOptions()
  ) {
    let classes = source.pooled.classes.count
    func group(_ values: [String?], _ table: GroupTable) -> GroupTable.Group {
      table.groups.first { $0.has(values) }
        ?? .init(
          values: values, rows: 0, classes: Array(repeating: 0, count: classes), positives: 0)
    }
    column = source.column
    self.first = group(first, source.pooled)
    self.second = group(second, source.pooled)
    strata = source.strata.map {
      Stratum(name: $0.name, first: group(first, $0.groups), second: group(second, $0.groups))
    }
    measurement = Self.weighted(strata, self.first, self.second, options)
  }

  /// The weighted difference with Greenland and Robins' variance (Biometrics 41 (1985), 55-68).
  private static func weighted(
    _ strata: [Stratum], _ first: GroupTable.Group, _ second: GroupTable.Group,
    _ options: FairnessOptions
  ) -> Measurement {
    var numerator = 0.0
    var denominator = 0.0
    var spread = 0.0
    var support = 0
    for stratum in strata {
      let (n1, n0) = (Double(stratum.first.labelled), Double(stratum.second.labelled))
      guard n1 > 0, n0 > 0 else { continue }
      let (x1, x0) = (Double(stratum.first.positives), Double(stratum.second.positives))
      let n = n1 + n0
      numerator += (x1 * n0 - x0 * n1) / n
      denominator += n1 * n0 / n
      spread += (x1 * (n1 - x1) * n0 * n0 * n0 + x0 * (n0 - x0) * n1 * n1 * n1) / (n1 * n0 * n * n)
      support += stratum.first.labelled + stratum.second.labelled
    }
    guard denominator > 0 else {
      return .undefined(
        "no stratum has rows of both '\(first.name)' and '\(second.name)'", support: 0)
    }
    let value = numerator / denominator
    let half = Interval.z(options.level) * spread.squareRoot() / denominator
    return Measurement(
      value, low: max(-1, value - half), high: min(1, value + half), level: options.level,
      support: support, reason: options.doubt([first, second], rows: \.labelled))
  }
}
