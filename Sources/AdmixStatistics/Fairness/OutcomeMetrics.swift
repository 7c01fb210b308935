import AdmixData
import AdmixModel

/// The fairness metrics of decisions, described once.
package enum OutcomeMetrics {
  package static let byName: [String: MetricDescriptor] = Dictionary(
    all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

  package static let all: [MetricDescriptor] =
    pair(
      .selection, "demographic_parity", "Demographic parity", "p", "fairlearn",
      "How far apart the rates of the good decision are.")
    + pair(
      .truePositive, "equal_opportunity", "Equal opportunity", "TPR",
      "Hardt, Price and Srebro, NeurIPS 2016",
      "How differently people with the good outcome are recognised.")
    + pair(
      .falsePositive, "predictive_equality", "Predictive equality", "FPR",
      "Corbett-Davies et al., KDD 2017",
      "How differently people without the good outcome are taken for ones with it.")
    + [
      .init(
        name: "equalized_odds_difference", title: "Equalized odds difference",
        formula: "max(gap of TPR, gap of FPR)", range: "0 to 1", better: .zero,
        source: "fairlearn, worst case",
        summary: "The larger of the two gaps above; its interval is that of the larger one.",
        computation: .outcomes { table, options in
          larger(gap(.truePositive, table, options), gap(.falsePositive, table, options))
        }),
      .init(
        name: "equalized_odds_ratio", title: "Equalized odds ratio",
        formula: "min(ratio of TPR, ratio of FPR)", range: "0 to 1", better: .one,
        source: "fairlearn, worst case",
        summary: "The smaller of the two ratios above.",
        computation: .outcomes { table, options in
          smaller(ratio(.truePositive, table, options), ratio(.falsePositive, table, options))
        }),
      .init(
        name: "average_odds_difference", title: "Average odds difference",
        formula: "(|TPR_a - TPR_d| + |FPR_a - FPR_d|) / 2", range: "0 to 1", better: .zero,
        source: "AIF360, of absolute values: signs that cancel are no equality",
        summary:
          "The mean of both gaps between a group and everyone else (or the reference group); of the group with the largest.",
        computation: .outcomes { table, options in
          worst(table, options, [.truePositive, .falsePositive]) { group, other in
            guard let a = OutcomeRate.truePositive.value(other),
              let b = OutcomeRate.truePositive.value(group),
              let c = OutcomeRate.falsePositive.value(other),
              let d = OutcomeRate.falsePositive.value(group)
            else { return nil }
            return ((a - b).magnitude + (c - d).magnitude) / 2
          }
        }),
    ]
    + pair(
      .positivePredictive, "predictive_parity", "Predictive parity", "PPV",
      "Chouldechova, Big Data 5 (2017)",
      "How differently often a good decision is right.")
    + pair(
      .falseOmission, "false_omission_rate", "False omission rate", "FOR", "AIF360",
      "How differently often a bad decision is wrong.")
    + pair(
      .falseNegative, "false_negative_rate", "False negative rate", "FNR", "AIF360",
      "How differently often people with the good outcome are missed.")
    + pair(
      .falseDiscovery, "false_discovery_rate", "False discovery rate", "FDR", "AIF360",
      "How differently often a good decision is wrong.")
    + pair(
      .accuracy, "accuracy", "Accuracy", "ACC", "fairlearn", "How differently often it is right.")
    + pair(
      .error, "error_rate", "Error rate", "ERR", "AIF360", "How differently often it is wrong.")
    + [
      .init(
        name: "treatment_equality_difference", title: "Treatment equality difference",
        formula: "max FN / FP - min FN / FP", range: "0 and up", better: .zero,
        source: "Berk et al., Sociological Methods and Research 50 (2021)",
        summary: "How differently the two kinds of errors stand to each other.",
        computation: .outcomes(treatment)),
      .init(
        name: "conditional_acceptance_difference", title: "Difference in conditional acceptance",
        formula: "n_a1 / p_a1 - n_d1 / p_d1", range: "any", better: .zero,
        source: "Amazon SageMaker Clarify, DCA",
        summary:
          "Good outcomes for each good decision, of everyone else (or the reference group) minus a group; of the group with the largest.",
        computation: .outcomes { table, options in
          worst(table, options, [.positivePredictive]) { group, other in
            guard group.selected > 0, other.selected > 0 else { return nil }
            return Double(other.positives) / Double(other.selected)
              - Double(group.positives) / Double(group.selected)
          }
        }),
      .init(
        name: "conditional_rejection_difference", title: "Difference in conditional rejection",
        formula: "n_d0 / p_d0 - n_a0 / p_a0", range: "any", better: .zero,
        source: "Amazon SageMaker Clarify, DCR",
        summary:
          "Bad outcomes for each bad decision, of a group minus everyone else (or the reference group); of the group with the largest.",
        computation: .outcomes { table, options in
          worst(table, options, [.negativePredictive]) { group, other in
            guard group.rejected > 0, other.rejected > 0 else { return nil }
            return Double(group.negatives) / Double(group.rejected)
              - Double(other.negatives) / Double(other.rejected)
          }
        }),
      .init(
        name: "generalized_entropy", title: "Generalised entropy of benefits",
        formula: "mean((b / m)^2 - 1) / 2, b = 1 + decision - outcome", range: "0 and up",
        better: .zero, source: "Speicher et al., KDD 2018, alpha 2",
        summary: "How unevenly being decided better or worse than one's outcome falls on people.",
        computation: .outcomes { table, _ in
          entropy(table) { generalizedEntropy($0, alpha: 2) }
        }),
      .init(
        name: "theil", title: "Theil index of benefits", formula: "mean(b / m ln(b / m))",
        range: "0 and up, nats", better: .zero, source: "Speicher et al., KDD 2018, alpha 1",
        summary: "The same with another weight.",
        computation: .outcomes { table, _ in
          entropy(table) { generalizedEntropy($0, alpha: 1) }
        }),
      .init(
        name: "between_group_theil", title: "Theil index between groups",
        formula: "mean(b_g / m ln(b_g / m)), b_g the group's mean", range: "0 and up, nats",
        better: .zero, source: "Speicher et al., KDD 2018",
        summary: "The part of it that lies between the groups.",
        computation: .outcomes { table, _ in
          entropy(table, between: true) { generalizedEntropy($0, alpha: 1) }
        }),
      .init(
        name: "differential_fairness", title: "Differential fairness",
        formula: "max |ln((n_gy + 1/2) / (n_g + 1)) - ln(…)|", range: "0 and up, nats",
        better: .zero, source: "Foulds et al., ICDE 2020, smoothed with concentration 1",
        summary: "The largest ratio, as a logarithm, of any decision's chance between two groups.",
        computation: .outcomes { table, options in
          differential(table, options)
        }),
    ]

  /// The gap and the ratio of a rate.
  private static func pair(
    _ rate: OutcomeRate, _ name: String, _ title: String, _ symbol: String, _ source: String,
    _ summary: String
  ) -> [MetricDescriptor] {
    [
      .init(
        name: name + "_difference", title: title + " difference",
        formula: "max \(symbol) - min \(symbol)", range: "0 to 1", better: .zero, source: source,
        summary: summary, computation: .outcomes { gap(rate, $0, $1) }),
      .init(
        name: name + "_ratio", title: title + " ratio", formula: "min \(symbol) / max \(symbol)",
        range: "0 to 1", better: .one, source: source, summary: summary,
        computation: .outcomes { ratio(rate, $0, $1) }),
    ]
  }

  // MARK: Extremes

  private typealias Group = OutcomeTable.Group

  /// The groups with the lowest and the highest rate, and how many have none; the first of equals.
  package static func extremes(_ rate: OutcomeRate, _ table: OutcomeTable) -> (
    low: OutcomeTable.Group, high: OutcomeTable.Group, excluded: Int
  )? {
    let groups = table.compared
    let rated = groups.filter { rate.counts($0).of > 0 }
    guard rated.count >= 2, var low = rated.first else { return nil }
    // Compared crosswise, exactly, so that equal rates are equal.
    func isBelow(_ a: Group, _ b: Group) -> Bool {
      let ((x, n), (y, m)) = (rate.counts(a), rate.counts(b))
      let (left, right) = (x.multipliedFullWidth(by: m), y.multipliedFullWidth(by: n))
      return (left.high, left.low) < (right.high, right.low)
    }
    var high = low
    for group in rated.dropFirst() {
      if isBelow(group, low) { low = group }
      if isBelow(high, group) { high = group }
    }
    if low == high { high = rated[1] }
    return (low, high, groups.count - rated.count)
  }

  private static func undefined(_ rate: OutcomeRate, _ table: OutcomeTable) -> Measurement {
    .undefined("fewer than two groups have \(rate.whole)", support: table.known)
  }

  private static func doubt(
    _ rate: OutcomeRate, _ groups: [Group], excluded: Int, _ options: FairnessOptions
  ) -> String? {
    if let doubt = options.doubt(rate, groups) { return doubt }
    if excluded == 0 { return nil }
    return
      "\(excluded) \(excluded == 1 ? "group has" : "groups have") no \(rate.whole), and no rate"
  }

  package static func gap(
    _ rate: OutcomeRate, _ table: OutcomeTable, _ options: FairnessOptions
  ) -> Measurement {
    guard let (low, high, excluded) = extremes(rate, table), let x = rate.value(high),
      let y = rate.value(low)
    else { return undefined(rate, table) }
    let (a, b) = (rate.counts(high), rate.counts(low))
    let interval = Interval.difference(
      a.count, of: a.of, b.count, of: b.of, level: options.level)
    return Measurement(
      x - y, low: interval?.low, high: interval?.high, level: interval.map { _ in options.level },
      support: table.known, reason: doubt(rate, [low, high], excluded: excluded, options))
  }

  /// 0/0 is undefined.
  package static func ratio(
    _ rate: OutcomeRate, _ table: OutcomeTable, _ options: FairnessOptions
  ) -> Measurement {
    guard let (low, high, excluded) = extremes(rate, table), let x = rate.value(low),
      let y = rate.value(high)
    else { return undefined(rate, table) }
    guard y > 0 else {
      return .undefined("every group's rate is 0 (0/0)", support: table.known)
    }
    let (a, b) = (rate.counts(low), rate.counts(high))
    let interval = Interval.ratio(a.count, of: a.of, b.count, of: b.of, level: options.level)
    return Measurement(
      x / y, low: interval?.low, high: interval?.high, level: interval.map { _ in options.level },
      support: table.known, reason: doubt(rate, [low, high], excluded: excluded, options))
  }

  private static func larger(_ a: Measurement, _ b: Measurement) -> Measurement {
    guard let x = a.value else { return a }
    guard let y = b.value else { return b }
    return y > x ? b : a
  }

  private static func smaller(_ a: Measurement, _ b: Measurement) -> Measurement {
    guard let x = a.value else { return a }
    guard let y = b.value else { return b }
    return y < x ? b : a
  }

  /// The figure that is largest in magnitude of any group held against the reference, or everyone else.
  private static func worst(
    _ table: OutcomeTable, _ options: FairnessOptions, _ rates: [OutcomeRate],
    _ figure: (Group, Group) -> Double?
  ) -> Measurement {
    let groups = table.compared
    guard groups.count >= 2 else {
      return .undefined("fewer than two groups have rows", support: table.known)
    }
    let everyone = table.everyone
    let reference = options.reference(in: table)
    var found: (value: Double, group: Group)?
    var excluded = 0
    for group in groups where group != reference {
      guard let value = figure(group, reference ?? everyone.without(group)) else {
        excluded += 1
        continue
      }
      if value.magnitude > found?.value.magnitude ?? -1 { found = (value, group) }
    }
    guard let found, let rate = rates.first else { return undefined(rates[0], table) }
    let reason = rates.lazy.compactMap { options.doubt($0, [found.group]) }.first
    return Measurement(
      found.value, support: table.known,
      reason: reason ?? doubt(rate, [], excluded: excluded, options))
  }

  // MARK: Others

  private static func treatment(_ table: OutcomeTable, _ options: FairnessOptions) -> Measurement {
    let groups = table.compared
    let rated = groups.filter { $0.falsePositives > 0 || $0.falseNegatives > 0 }
    guard rated.count >= 2 else {
      return .undefined("fewer than two groups have errors (0/0)", support: table.known)
    }
    let values = rated.map {
      $0.falsePositives == 0
        ? Double.infinity : Double($0.falseNegatives) / Double($0.falsePositives)
    }
    let (low, high) = (values.min() ?? 0, values.max() ?? 0)
    if low.isInfinite {
      return .undefined("no group has false positives", support: table.known)
    }
    let excluded = groups.count - rated.count
    return Measurement(
      high - low, support: table.known,
      reason: options.doubt(.error, rated)
        ?? (excluded > 0 ? "\(excluded) of the groups have no errors (0/0)" : nil))
  }

  /// Benefits with how many people have them: 2 for a good decision without the outcome, 1 for one that
  /// fits, 0 for a bad one despite it.
  private static func entropy(
    _ table: OutcomeTable, between: Bool = false, _ index: ([(Double, Int)]) -> Double
  ) -> Measurement {
    let groups = table.compared
    guard !groups.isEmpty else { return .undefined("no group has rows", support: 0) }
    let benefits: [(Double, Int)] = groups.flatMap { group -> [(Double, Int)] in
      let sum = 2 * group.falsePositives + group.truePositives + group.trueNegatives
      if between { return [(Double(sum) / Double(group.known), group.known)] }
      return [
        (2, group.falsePositives), (1, group.truePositives + group.trueNegatives),
        (0, group.falseNegatives),
      ]
    }
    let mean = benefits.reduce(0) { $0 + $1.0 * Double($1.1) }
    guard mean > 0 else { return .undefined("nobody has a benefit", support: table.known) }
    return Measurement(index(benefits), support: table.known)
  }

  /// GE(alpha) of values with their numbers of people.
  ///
  /// Speicher et al., "A unified approach to quantifying algorithmic unfairness", KDD 2018; alpha 1 is
  /// Theil's index, alpha 0 the mean log deviation, infinite where somebody has nothing.
  package static func generalizedEntropy(_ benefits: [(Double, Int)], alpha: Double) -> Double {
    let people = Double(benefits.reduce(0) { $0 + $1.1 })
    let mean = benefits.reduce(0) { $0 + $1.0 * Double($1.1) } / people
    let sum = benefits.reduce(0.0) { sum, item in
      let (value, count) = (item.0 / mean, Double(item.1))
      if count == 0 { return sum }
      if alpha == 1 { return value > 0 ? sum + count * value * PortableMath.log(value) : sum }
      if alpha == 0 { return value > 0 ? sum - count * PortableMath.log(value) : .infinity }
      let power =
        alpha == 2
        ? value * value : value > 0 ? PortableMath.exp(alpha * PortableMath.log(value)) : 0
      return sum + count * (power - 1) / (alpha * (alpha - 1))
    }
    return max(0, sum / people)
  }

  private static func differential(_ table: OutcomeTable, _ options: FairnessOptions)
    -> Measurement
  {
    let groups = table.compared
    guard groups.count >= 2 else {
      return .undefined("fewer than two groups have rows", support: table.known)
    }
    return Measurement(
      smoothedDifferentialFairness(groups.map { [$0.rejected, $0.selected] }),
      support: table.known, reason: options.doubt(.selection, groups))
  }

  /// The largest difference of the logarithms of smoothed chances, by group and class.
  ///
  /// - Parameter counts: by group, how many have each class; as many classes in every group.
  package static func smoothedDifferentialFairness(
    _ counts: [[Int]], concentration: Double = 1
  ) -> Double {
    let classes = counts.first?.count ?? 0
    guard classes > 0 else { return 0 }
    return (0..<classes).map { label in
      let logs = counts.map { group in
        PortableMath.log(
          (Double(group[label]) + concentration / Double(classes))
            / (Double(group.reduce(0, +)) + concentration))
      }
      return (logs.max() ?? 0) - (logs.min() ?? 0)
    }.max() ?? 0
  }
}

extension FairnessOptions {
  func reference(in table: OutcomeTable) -> OutcomeTable.Group? {
    let values = table.attributes.compactMap { reference[$0] }
    guard !values.isEmpty, values.count == table.attributes.count else { return nil }
    return table.groups.first { group in
      group.known > 0
        && group.values.elementsEqual(values.map(Optional.some)) {
          $0.map(ExactText.init) == $1.map(ExactText.init)
        }
    }
  }
}
