import AdmixData
import AdmixModel
import AdmixStatistics
import AdmixTestSupport
import Foundation
import Testing

/// Figures of decisions and scores, against the field's libraries.
struct OutcomeOracleTests {
  private static let options = FairnessOptions(minSupport: 0)

  private static func outcomes(_ table: [String: [String?]], _ names: [String], _ decision: String)
    throws -> OutcomeTable
  {
    try #require(
      OutcomeTable(
        try counts(table, names + ["y_true", decision]), attributes: names, label: "y_true",
        decision: decision, positive: (["1"], ["1"])))
  }

  private static let rates: [String: OutcomeRate] = [
    "selection_rate": .selection, "true_positive_rate": .truePositive,
    "false_positive_rate": .falsePositive, "true_negative_rate": .trueNegative,
    "false_negative_rate": .falseNegative, "accuracy": .accuracy,
    "precision": .positivePredictive, "zero_one_loss": .error,
    "TPR": .truePositive, "FPR": .falsePositive, "TNR": .trueNegative, "FNR": .falseNegative,
    "PPV": .positivePredictive, "NPV": .negativePredictive, "FDR": .falseDiscovery,
    "FOR": .falseOmission, "ACC": .accuracy,
  ]

  private func value(_ name: String, _ table: OutcomeTable, reference: [String: String] = [:])
    -> Double?
  {
    guard case .outcomes(let measure)? = OutcomeMetrics.byName[name]?.computation else {
      return nil
    }
    var options = Self.options
    options.reference = reference
    return measure(table, options).value
  }

  @Test func agreesWithFairlearn() throws {
    guard let oracle = try Oracle("model_fairness_adult_pred") else { return }
    let table = try Oracle.table("adult_pred")
    var compared = 0
    for item in oracle.cases {
      guard item["tool"]?.string?.hasPrefix("fairlearn") == true,
        item["params"]?["sample_weight"] == .null, item["params"]?["control"] ?? .null == .null
      else { continue }
      let id = item["id"]?.string ?? ""
      let names = (item["params"]?["sensitive"]?.array ?? []).compactMap(\.string)
      let outcomes = try Self.outcomes(table, names, "y_pred")
      let metric = item["metric"]?.string ?? ""
      switch metric {
      case "by_group":
        // A group without positives has no rate here, and 0 there.
        for (name, rate) in Self.rates {
          for (group, expected) in item["expected"]?[name]?.object ?? [:] {
            let values = group.components(separatedBy: "|")
            guard let found = outcomes.groups.first(where: { $0.values == values }),
              rate.counts(found).of > 0
            else { continue }
            #expect(near(rate.value(found), expected, 1e-12), "\(id) \(name) \(group)")
            compared += 1
          }
        }
      case "overall":
        for (name, rate) in Self.rates {
          guard let expected = item["expected"]?[name] else { continue }
          #expect(near(rate.value(outcomes.everyone), expected, 1e-12), "\(id) \(name)")
          compared += 1
        }
      case "difference", "ratio":
        guard item["params"]?["method"] == "between_groups" else { continue }
        for (name, rate) in Self.rates {
          guard let expected = item["expected"]?[name],
            let extremes = OutcomeMetrics.extremes(rate, outcomes), extremes.excluded == 0
          else { continue }
          let found =
            metric == "ratio"
            ? OutcomeMetrics.ratio(rate, outcomes, Self.options)
            : OutcomeMetrics.gap(rate, outcomes, Self.options)
          if expected.double?.isNaN == true { continue }
          #expect(near(found.value, expected, 1e-12), "\(id) \(name): \(found)")
          compared += 1
        }
      default:
        guard item["params"]?["method"] == "between_groups",
          item["params"]?["agg"] ?? "worst_case" == "worst_case",
          let found = value(metric, outcomes)
        else { continue }
        let isWhole = OutcomeMetrics.extremes(.truePositive, outcomes)?.excluded == 0
        guard isWhole || metric.hasPrefix("demographic") else { continue }
        #expect(near(found, item["expected"], 1e-12), "\(id): \(found)")
        compared += 1
      }
    }
    #expect(compared > 90, "compared \(compared)")
  }

  @Test func agreesWithAIF360() throws {
    guard let oracle = try Oracle("model_fairness_adult_pred") else { return }
    let table = try Oracle.table("adult_pred")
    var compared = 0
    for item in oracle.cases {
      guard item["tool"]?.string?.hasPrefix("aif360") == true,
        item["params"]?["sample_weight"] ?? .null == .null,
        let (name, privileged) = item["params"]?["privileged"]?.object?.first,
        let privileged = privileged.string
      else { continue }
      let id = item["id"]?.string ?? ""
      let metric = item["metric"]?.string ?? ""
      let outcomes = try Self.outcomes(table, [name], "y_pred")
      let p = try #require(outcomes.groups.first { $0.values == [privileged] })
      let u = outcomes.everyone.without(p)
      let both = OutcomeTable(attributes: [name], groups: [p, u])
      func difference(_ rate: OutcomeRate) -> Double? {
        guard let a = rate.value(u), let b = rate.value(p) else { return nil }
        return a - b
      }
      func ratio(_ rate: OutcomeRate) -> Double? {
        guard let a = rate.value(u), let b = rate.value(p) else { return nil }
        return a / b
      }
      if metric == "performance_measures" {
        let who = item["params"]?["who"]?.string
        let group = who == "privileged" ? p : who == "unprivileged" ? u : outcomes.everyone
        for (name, rate) in Self.rates {
          guard let expected = item["expected"]?[name] else { continue }
          #expect(near(rate.value(group), expected, 1e-12), "\(id) \(name)")
          compared += 1
        }
        continue
      }
      guard item["params"]?["on"]?.string?.hasPrefix("y_pred") ?? (item["params"]?["alpha"] != nil)
      else { continue }
      let benefits = [
        (2.0, outcomes.everyone.falsePositives),
        (1.0, outcomes.everyone.truePositives + outcomes.everyone.trueNegatives),
        (0.0, outcomes.everyone.falseNegatives),
      ]
      let found: Double?
      switch metric {
      case "disparate_impact": found = ratio(.selection)
      case "statistical_parity_difference": found = difference(.selection)
      case "equal_opportunity_difference", "true_positive_rate_difference":
        found = difference(.truePositive)
      case "false_positive_rate_difference": found = difference(.falsePositive)
      case "false_negative_rate_difference": found = difference(.falseNegative)
      case "false_omission_rate_difference": found = difference(.falseOmission)
      case "false_discovery_rate_difference": found = difference(.falseDiscovery)
      case "error_rate_difference": found = difference(.error)
      case "false_positive_rate_ratio": found = ratio(.falsePositive)
      case "false_negative_rate_ratio": found = ratio(.falseNegative)
      case "false_omission_rate_ratio": found = ratio(.falseOmission)
      case "false_discovery_rate_ratio": found = ratio(.falseDiscovery)
      case "error_rate_ratio": found = ratio(.error)
      case "equalized_odds_difference": found = value(metric, both)
      // Of absolute values: the other one's signs may cancel.
      case "average_abs_odds_difference": found = value("average_odds_difference", both)
      case "generalized_entropy_index":
        found = OutcomeMetrics.generalizedEntropy(
          benefits, alpha: item["params"]?["alpha"]?.double ?? 2)
      case "theil_index": found = value("theil", outcomes)
      case "coefficient_of_variation":
        found = value("generalized_entropy", outcomes).map { (2 * $0).squareRoot() }
      case "between_group_theil_index": found = value("between_group_theil", both)
      case "differential_fairness_bias_amplification":
        let labels = both.compared.map { [$0.negatives, $0.positives] }
        found = value("differential_fairness", both).map {
          $0 - OutcomeMetrics.smoothedDifferentialFairness(labels)
        }
      default: continue
      }
      #expect(near(found, item["expected"], 1e-9), "\(id): \(String(describing: found))")
      compared += 1
    }
    #expect(compared > 60, "compared \(compared)")
  }

  @Test func agreesWithClarify() throws {
    guard let oracle = try Oracle("dataset_fairness_adult_pred") else { return }
    let table = try Oracle.table("adult_pred")
    var compared = 0
    for item in oracle.cases {
      let metric = item["call"]?.string?.split(separator: ".").last.map(String.init) ?? ""
      guard let facet = item["params"]?["facet_d"]?.string else { continue }
      let terms = facet.components(separatedBy: " and ").map { $0.components(separatedBy: " == ") }
      guard terms.allSatisfy({ $0.count == 2 }) else { continue }
      let outcomes = try Self.outcomes(table, terms.map { $0[0] }, "y_pred")
      let d = try #require(outcomes.groups.first { $0.values == terms.map { Optional($0[1]) } })
      let a = outcomes.everyone.without(d)
      func gap(_ rate: OutcomeRate) -> Double? {
        (rate.value(a) ?? .nan) - (rate.value(d) ?? .nan)
      }
      func errors(_ group: OutcomeTable.Group) -> Double {
        Double(group.falseNegatives) / Double(group.falsePositives)
      }
      let both = OutcomeTable(attributes: ["facet"], groups: [d, a])
      let found: Double?
      switch metric {
      case "RD": found = gap(.truePositive)
      case "SD": found = gap(.trueNegative).map { -$0 }
      case "DAR": found = gap(.positivePredictive)
      case "DRR": found = gap(.negativePredictive).map { -$0 }
      case "AD": found = gap(.accuracy)
      case "TE": found = errors(d) - errors(a)
      case "DCA":
        found = Double(a.positives) / Double(a.selected) - Double(d.positives) / Double(d.selected)
      case "DCR":
        found = Double(d.negatives) / Double(d.rejected) - Double(a.negatives) / Double(a.rejected)
      default: continue
      }
      let id = item["id"]?.string ?? ""
      #expect(near(found, item["expected"], 1e-12), "\(id): \(String(describing: found))")
      compared += 1
      // And the metric itself, which is about the group that is worst off.
      let named = [
        "TE": "treatment_equality_difference", "DCA": "conditional_acceptance_difference",
        "DCR": "conditional_rejection_difference",
      ]
      if let name = named[metric] {
        let other = value(name, both)
        #expect(
          near(other?.magnitude, item["expected"]?.double.map { .double($0.magnitude) }, 1e-12),
          "\(id) \(name): \(String(describing: other))")
        compared += 1
      }
    }
    #expect(compared > 24, "compared \(compared)")
  }

  @Test func scoresAgreeWithScikitLearn() throws {
    guard let oracle = try Oracle("model_fairness_adult_pred") else { return }
    let table = try Oracle.table("adult_pred")
    let labels = (table["y_true"] ?? []).map { $0 == "1" }
    let scores = (table["score"] ?? []).map { $0.flatMap(Double.init) ?? .nan }
    var compared = 0
    for item in oracle.cases {
      guard let (name, group) = item["params"]?["group"]?.object?.first else { continue }
      let rows = labels.indices.filter { table[name]?[$0] == group.string }
      let mine = (rows.map { scores[$0] }, rows.map { labels[$0] })
      let id = item["id"]?.string ?? ""
      if item["metric"] == "score_quality", item["params"]?["sample_weight"] ?? .null == .null {
        let quality = ClassifierScores(scores: mine.0, labels: mine.1)
        for (name, found) in [
          ("roc_auc", quality.auc), ("brier", quality.brier), ("log_loss", quality.logLoss),
        ] {
          #expect(near(found.value, item["expected"]?[name], 1e-9), "\(id) \(name): \(found)")
          compared += 1
        }
      } else if item["metric"] == "calibration_table" {
        let calibration = Calibration(scores: mine.0, labels: mine.1)
        #expect(near(calibration.error, item["expected"]?["ece"], 1e-9), "\(id)")
        for bin in item["expected"]?["bins"]?.array ?? [] {
          let found = calibration.bins[bin["bin"]?.int ?? 0]
          #expect(found.rows == bin["n"]?.int && near(found.rate, bin["positive_rate"], 1e-9))
          #expect(near(found.mean, bin["mean_score"], 1e-9))
          compared += 1
        }
      }
    }
    #expect(compared > 20, "compared \(compared)")
  }

  @Test func weightsAgreeWithAIF360() throws {
    guard let oracle = try Oracle("model_fairness_adult_pred") else { return }
    let table = try Oracle.table("adult_pred")
    var compared = 0
    for item in oracle.cases where item["metric"] == "reweighing_weights" {
      guard item["params"]?["sample_weight"] ?? .null == .null,
        let (name, privileged) = item["params"]?["privileged"]?.object?.first,
        let privileged = privileged.string
      else { continue }
      // Theirs are two groups: one, and all others.
      var two = table
      two[name] = table[name]?.map { $0 == privileged ? "privileged" : "unprivileged" }
      let groups = try #require(
        GroupTable(
          try counts(two, [name, "y_true"]), attributes: [name], label: "y_true", positive: ["1"]))
      let found = Reweighing(groups)
      for cell in found.cells {
        let who = cell.values[0] ?? ""
        #expect(near(cell.good, item["expected"]?["\(who)|favorable"], 1e-12), "\(name) \(who)")
        #expect(near(cell.bad, item["expected"]?["\(who)|unfavorable"], 1e-12), "\(name) \(who)")
        compared += 2
      }
      #expect(found.effectiveRows < Double(found.rows) && found.effectiveRows > 0.5 * 16_281)
    }
    #expect(compared >= 4, "compared \(compared)")
  }

  /// What the conventions say of nothing, and of little.
  @Test func edgesAreSaid() {
    func group(_ name: String, _ tp: Int, _ fp: Int, _ fn: Int, _ tn: Int) -> OutcomeTable.Group {
      .init(
        values: [name], truePositives: tp, falsePositives: fp, falseNegatives: fn,
        trueNegatives: tn)
    }
    let none = group("a", 0, 10, 0, 90)
    let some = group("b", 40, 5, 10, 45)
    let other = group("c", 10, 5, 30, 55)
    let all = OutcomeTable(attributes: ["g"], groups: [none, some, other])
    let options = FairnessOptions()
    let gap = OutcomeMetrics.gap(.truePositive, all, options)
    #expect(gap.value == 0.8 - 0.25 && gap.verdict == .insufficient)
    #expect(gap.reason == "1 group has no rows with the good outcome, and no rate")
    let two = OutcomeMetrics.gap(
      .truePositive, OutcomeTable(attributes: ["g"], groups: [none, some]), options)
    #expect(two.verdict == .undefined)
    let few = OutcomeMetrics.gap(
      .truePositive,
      OutcomeTable(attributes: ["g"], groups: [some, group("d", 2, 5, 2, 91)]), options)
    #expect(
      few.reason == "group 'd' has 4 rows with the good outcome, fewer than 5"
        && few.verdict == .insufficient)
    let zero = OutcomeMetrics.ratio(
      .truePositive,
      OutcomeTable(attributes: ["g"], groups: [group("e", 0, 1, 50, 9), group("f", 0, 1, 50, 9)]),
      options)
    #expect(zero.reason == "every group's rate is 0 (0/0)")
  }
}
