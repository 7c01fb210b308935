import AdmixModel

/// The fairness metrics of a dataset, described once.
package enum FairnessMetrics {
  package static let byName: [String: MetricDescriptor] = Dictionary(
    all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

  package static let all: [MetricDescriptor] = [
    .init(
      name: "demographic_parity_difference", title: "Demographic parity difference",
      formula: "max q - min q", range: "0 to 1", better: .zero, source: "fairlearn",
      summary:
        "How far apart the rates of the good outcome are, between the groups at the extremes.",
      computation: .groups(parityDifference)),
    .init(
      name: "demographic_parity_ratio", title: "Demographic parity ratio",
      formula: "min q / max q", range: "0 to 1", better: .one, source: "fairlearn",
      summary: "The lowest rate of the good outcome over the highest.",
      computation: .groups(parityRatio)),
    .init(
      name: "disparate_impact", title: "Disparate impact",
      formula: "min q / max q, or min q / q of the reference", range: "0 and up", better: .one,
      source: "29 CFR 1607.4(D), the four-fifths rule",
      summary:
        "The lowest rate of the good outcome over that of the group best off, or of the reference group; below 0.8 it is commonly taken as evidence of adverse impact.",
      computation: .groups(disparateImpact)),
    .init(
      name: "class_imbalance", title: "Class imbalance",
      formula: "(n_a - n_d) / (n_a + n_d)", range: "-1 to 1", better: .zero,
      source: "Amazon SageMaker Clarify, CI",
      summary: "How much larger the largest group (or the reference group) is than the smallest.",
      computation: .groups(classImbalance)),
    .init(
      name: "dpl", title: "Difference in proportions of labels", formula: "q_a - q_d",
      range: "-1 to 1", better: .zero, source: "Amazon SageMaker Clarify, DPL",
      summary:
        "How far the rate of the group worst off is below everyone else's (or below the reference group's).",
      computation: .groups(labelDifference)),
    divergence(
      "kl", "Kullback-Leibler divergence", "sum P_a ln(P_a / P_d)", "0 and up, nats", Divergence.kl),
    divergence(
      "js", "Jensen-Shannon divergence", "mean KL to the mid distribution", "0 to 0.693, nats",
      Divergence.js),
    divergence("lp", "Lp norm (p = 2)", "sqrt(sum (P_a - P_d)^2)", "0 to 1.414", Divergence.lp),
    divergence(
      "tvd", "Total variation distance", "sum |P_a - P_d| / 2", "0 to 1", Divergence.tvd),
    divergence("ks", "Kolmogorov-Smirnov", "max |P_a - P_d|", "0 to 1", Divergence.ks),
    .init(
      name: "representation", title: "Smallest share", formula: "min n_g / n", range: "0 to 1",
      better: .higher, source: "share of rows",
      summary: "The share of all rows that the smallest group has.",
      computation: .groups(representation)),
    .init(
      name: "evenness", title: "Evenness of shares", formula: "H(shares) / ln k", range: "0 to 1",
      better: .one, source: "Pielou, J. Theor. Biol. 13 (1966)",
      summary:
        "The entropy of the groups' shares over its maximum: 1 where all groups are equally large.",
      computation: .groups(evenness)),
    .init(
      name: "cddl", title: "Conditional demographic disparity",
      formula: "sum n_k (n_dk0 / n_k0 - n_dk1 / n_k1) / n", range: "-1 to 1", better: .zero,
      source: "Amazon SageMaker Clarify, CDDL",
      summary:
        "Within the values of a further column: how much more of the bad outcomes than of the good ones the group worst off has.",
      computation: .strata(conditionalDisparity)),
    .init(
      name: "conditional_difference", title: "Conditional parity difference",
      formula: "sum (x_a n_d - x_d n_a) / N_k  /  sum n_a n_d / N_k", range: "-1 to 1",
      better: .zero,
      source: "Mantel-Haenszel risk difference; Greenland and Robins, Biometrics 41 (1985)",
      summary:
        "The difference in rates between the group with the highest and the one with the lowest pooled rate, taken within the values of a further column.",
      computation: .strata(conditionalDifference)),
  ]

  private static func divergence(
    _ name: String, _ title: String, _ formula: String, _ range: String,
    _ distance: @escaping @Sendable ([Int], [Int]) -> Double?
  ) -> MetricDescriptor {
    MetricDescriptor(
      name: name, title: title, formula: formula, range: range, better: .zero,
      source: "Amazon SageMaker Clarify, over the union of classes",
      summary:
        "How differently the label is distributed for the most different group and for everyone else (or the reference group).",
      computation: .groups { table, options in
        worst(table, options) { group, other in
          distance(other.classes, group.classes).map { ($0, nil) }
        }
      })
  }

  // MARK: Groups

  private typealias Group = GroupTable.Group

  private static let few = "fewer than two groups have rows"

  /// The compared groups that have a rate, or why there is nothing to compare.
  private static func rated(_ table: GroupTable) -> Result<[Group], Undefined> {
    let compared = table.compared
    guard compared.count >= 2 else { return .failure(Undefined(few)) }
    let rated = compared.filter { $0.labelled > 0 }
    guard rated.count >= 2 else {
      return .failure(Undefined("fewer than two groups have rows with a label"))
    }
    return .success(rated)
  }

  private struct Undefined: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  /// Lowest and highest rate of groups that have one; the first of equals.
  package static func extremes(_ groups: [GroupTable.Group]) -> (
    low: GroupTable.Group, high: GroupTable.Group
  )? {
    // Compared crosswise, exactly, so that equal rates are equal.
    func isBelow(_ a: Group, _ b: Group) -> Bool {
      let x = a.positives.multipliedFullWidth(by: b.labelled)
      let y = b.positives.multipliedFullWidth(by: a.labelled)
      return (x.high, x.low) < (y.high, y.low)
    }
    guard var low = groups.first else { return nil }
    var high = low
    for group in groups.dropFirst() {
      if isBelow(group, low) { low = group }
      if isBelow(high, group) { high = group }
    }
    // All rates are equal: the comparison is still between two groups.
    if low == high, groups.count > 1 { high = groups[1] }
    return (low, high)
  }

  /// Lowest and highest rate of the compared groups; nil where fewer than two have one.
  package static func extremes(of table: GroupTable) -> (
    low: GroupTable.Group, high: GroupTable.Group
  )? {
    guard case .success(let groups) = rated(table) else { return nil }
    return extremes(groups)
  }

  private static func parityDifference(_ table: GroupTable, _ options: FairnessOptions)
    -> Measurement
  {
    switch rated(table) {
    case .failure(let undefined): return .undefined(undefined.reason, support: table.labelled)
    case .success(let groups):
      guard let (low, high) = extremes(groups) else { return .undefined(few) }
      return difference(high, low, table, options)
    }
  }

  private static func difference(
    _ a: Group, _ b: Group, _ table: GroupTable, _ options: FairnessOptions
  ) -> Measurement {
    guard let x = a.rate, let y = b.rate else {
      return .undefined("a group has no rows with a label")
    }
    let interval = Interval.difference(
      a.positives, of: a.labelled, b.positives, of: b.labelled, level: options.level)
    return Measurement(
      x - y, low: interval?.low, high: interval?.high, level: interval.map { _ in options.level },
      support: table.labelled, reason: options.doubt([a, b], rows: \.labelled))
  }

  private static func parityRatio(_ table: GroupTable, _ options: FairnessOptions) -> Measurement {
    switch rated(table) {
    case .failure(let undefined): return .undefined(undefined.reason, support: table.labelled)
    case .success(let groups):
      guard let (low, high) = extremes(groups) else { return .undefined(few) }
      return ratio(low, high, table, options)
    }
  }

  /// 0/0 is undefined, x/0 infinite.
  private static func ratio(
    _ a: Group, _ b: Group, _ table: GroupTable, _ options: FairnessOptions
  ) -> Measurement {
    guard let x = a.rate, let y = b.rate else {
      return .undefined("a group has no rows with a label")
    }
    if x == 0, y == 0 {
      return .undefined(
        "neither '\(a.name)' nor '\(b.name)' has a good outcome (0/0)", support: table.labelled)
    }
    let interval = Interval.ratio(
      a.positives, of: a.labelled, b.positives, of: b.labelled, level: options.level)
    return Measurement(
      y == 0 ? .infinity : x / y, low: interval?.low, high: interval?.high,
      level: interval.map { _ in options.level }, support: table.labelled,
      reason: options.doubt([a, b], rows: \.labelled))
  }

  private static func disparateImpact(_ table: GroupTable, _ options: FairnessOptions)
    -> Measurement
  {
    guard options.hasReference(for: table) else { return parityRatio(table, options) }
    switch against(table, options) {
    case .failure(let undefined): return .undefined(undefined.reason, support: table.labelled)
    case .success((let reference, let others)):
      guard let (low, _) = extremes(others) else { return .undefined(few) }
      return ratio(low, reference, table, options)
    }
  }

  /// The reference group and the groups with a rate that are held against it.
  private static func against(_ table: GroupTable, _ options: FairnessOptions)
    -> Result<(Group, [Group]), Undefined>
  {
    guard let reference = options.reference(in: table), reference.rows > 0 else {
      return .failure(Undefined("the reference group is absent (0 rows)"))
    }
    switch rated(table) {
    case .failure(let undefined): return .failure(undefined)
    case .success(let groups):
      guard reference.labelled > 0 else {
        return .failure(Undefined("the reference group has no rows with a label"))
      }
      return .success((reference, groups.filter { !$0.has(reference.values) }))
    }
  }

  /// (n_a − n_d) / (n_a + n_d) is a share of the two groups' rows, stretched to −1…1.
  private static func classImbalance(_ table: GroupTable, _ options: FairnessOptions)
    -> Measurement
  {
    let groups = table.compared
    let smallest: Group?
    let largest: Group?
    if options.hasReference(for: table) {
      guard let reference = options.reference(in: table), reference.rows > 0 else {
        return .undefined("the reference group is absent (0 rows)", support: table.rows)
      }
      largest = reference
      smallest = groups.filter { !$0.has(reference.values) }.min { $0.rows < $1.rows }
    } else {
      smallest = groups.min { $0.rows < $1.rows }
      // The last of equals, where the smallest is the first: two groups even where all are alike.
      largest = groups.reversed().max { $0.rows < $1.rows }
    }
    guard groups.count >= 2, let a = largest, let d = smallest else {
      return .undefined(few, support: table.rows)
    }
    let both = a.rows + d.rows
    let interval = Interval.share(a.rows, of: both, level: options.level)
    return Measurement(
      Double(a.rows - d.rows) / Double(both), low: interval.map { 2 * $0.low - 1 },
      high: interval.map { 2 * $0.high - 1 }, level: interval.map { _ in options.level },
      support: table.rows, reason: options.doubt([a, d], rows: \.rows))
  }

  private static func labelDifference(_ table: GroupTable, _ options: FairnessOptions)
    -> Measurement
  {
    worst(table, options) { group, other in
      guard let x = other.rate, let y = group.rate else { return nil }
      return (
        x - y,
        Interval.difference(
          other.positives, of: other.labelled, group.positives, of: group.labelled,
          level: options.level)
      )
    }
  }

  /// The largest figure that any group has when held against everyone else, or against the reference.
  private static func worst(
    _ table: GroupTable, _ options: FairnessOptions,
    _ figure: (Group, Group) -> (Double, Interval?)?
  ) -> Measurement {
    let pairs: [(Group, Group)]
    if options.hasReference(for: table) {
      switch against(table, options) {
      case .failure(let undefined): return .undefined(undefined.reason, support: table.labelled)
      case .success((let reference, let others)): pairs = others.map { ($0, reference) }
      }
    } else {
      switch rated(table) {
      case .failure(let undefined): return .undefined(undefined.reason, support: table.labelled)
      case .success(let groups):
        let everyone = table.everyone
        pairs = groups.map { ($0, everyone.without($0)) }
      }
    }
    var found: (value: Double, interval: Interval?, group: Group, other: Group)?
    for (group, other) in pairs {
      guard let (value, interval) = figure(group, other) else { continue }
      if value > found?.value ?? -.infinity { found = (value, interval, group, other) }
    }
    guard let found else { return .undefined(few, support: table.labelled) }
    return Measurement(
      found.value, low: found.interval?.low, high: found.interval?.high,
      level: found.interval.map { _ in options.level }, support: table.labelled,
      reason: options.doubt([found.group, found.other], rows: \.labelled))
  }

  private static func representation(_ table: GroupTable, _ options: FairnessOptions)
    -> Measurement
  {
    // A declared group that is absent has a share too: none.
    let groups = table.groups.filter { !$0.isMissing }
    let rows = groups.reduce(0) { $0 + $1.rows }
    guard rows > 0, let smallest = groups.min(by: { $0.rows < $1.rows }) else {
      return .undefined("no group has rows", support: rows)
    }
    let interval = Interval.share(smallest.rows, of: rows, level: options.level)
    return Measurement(
      Double(smallest.rows) / Double(rows), low: interval?.low, high: interval?.high,
      level: interval.map { _ in options.level }, support: rows,
      reason: rows < options.minSupport
        ? "there are \(rows) rows, fewer than min_support \(options.minSupport)" : nil)
  }

  private static func evenness(_ table: GroupTable, _ options: FairnessOptions) -> Measurement {
    let groups = table.groups.filter { !$0.isMissing }
    let rows = groups.reduce(0) { $0 + $1.rows }
    guard rows > 0 else { return .undefined("no group has rows", support: rows) }
    guard groups.count >= 2 else { return .undefined("there is only one group", support: rows) }
    let entropy = groups.reduce(0.0) { sum, group in
      let share = Double(group.rows) / Double(rows)
      return share > 0 ? sum - share * PortableMath.log(share) : sum
    }
    return Measurement(
      max(0, min(1, entropy / PortableMath.log(Double(groups.count)))), support: rows,
      reason: rows < options.minSupport
        ? "there are \(rows) rows, fewer than min_support \(options.minSupport)" : nil)
  }

  // MARK: Strata

  private static func conditionalDisparity(_ strata: StratifiedGroups, _ options: FairnessOptions)
    -> Measurement
  {
    let pooled = strata.pooled
    guard pooled.compared.count >= 2 else { return .undefined(few, support: pooled.labelled) }
    var found: (value: Double, group: Group)?
    for (group, value) in zip(pooled.groups, disparities(strata) ?? [])
    where group.rows > 0 && !group.isMissing && value > found?.value ?? -.infinity {
      found = (value, group)
    }
    guard let found else { return .undefined("no row has a label", support: 0) }
    return Measurement(
      found.value, support: pooled.labelled,
      reason: options.doubt([found.group], rows: \.labelled))
  }

  /// CDDL of one group against everyone else; a share of nothing counts as 0, as in the source.
  package static func disparity(of values: [String?], _ strata: StratifiedGroups) -> Double? {
    let groups = strata.strata.first?.groups.groups ?? []
    guard let index = groups.firstIndex(where: { $0.has(values) }) else { return nil }
    return disparities(strata)?[index]
  }

  /// CDDL of every group, in their order; nil where no row has a label.
  private static func disparities(_ strata: StratifiedGroups) -> [Double]? {
    var sums: [Double] = []
    var rows = 0
    for (_, table) in strata.strata {
      if sums.isEmpty { sums = Array(repeating: 0, count: table.groups.count) }
      let everyone = table.everyone
      let (positives, negatives) = (everyone.positives, everyone.negatives)
      let labelled = Double(everyone.labelled)
      for (index, group) in table.groups.enumerated() where group.rows > 0 && !group.isMissing {
        let bad = negatives > 0 ? Double(group.negatives) / Double(negatives) : 0
        let good = positives > 0 ? Double(group.positives) / Double(positives) : 0
        sums[index] += labelled * (bad - good)
      }
      rows += everyone.labelled
    }
    return rows > 0 ? sums.map { $0 / Double(rows) } : nil
  }

  private static func conditionalDifference(_ strata: StratifiedGroups, _ options: FairnessOptions)
    -> Measurement
  {
    switch rated(strata.pooled) {
    case .failure(let undefined): return .undefined(undefined.reason)
    case .success(let groups):
      guard let (low, high) = extremes(groups) else { return .undefined(few) }
      return ConditionalDifference(strata, of: high.values, and: low.values, options).measurement
    }
  }
}
