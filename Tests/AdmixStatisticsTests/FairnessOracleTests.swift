import AdmixData
import AdmixModel
import AdmixStatistics
import AdmixTestSupport
import Foundation
import Testing

private typealias Measurement = AdmixModel.Measurement

@Test func intervalsAgreeWithStatsmodels() throws {
  var compared = 0
  for name in ["intervals_adult_pred", "edge_intervals_dev"] {
    guard let oracle = try Oracle(name) else { return }
    for item in oracle.cases {
      let id = item["id"]?.string ?? ""
      // The full cases say their figures under `params`, the edge cases under `input`.
      func figure(_ key: String) -> JSONValue? { item["params"]?[key] ?? item["input"]?[key] }
      let expected = item["expected"]
      let level = 1 - (figure("alpha")?.double ?? 0.05)
      let found: Interval?
      if id.contains("wilson"), let k = figure("k")?.int, let n = figure("n")?.int {
        found = Interval.share(k, of: n, level: level)
      } else if let a = figure("count1")?.int, let n = figure("n1")?.int,
        let b = figure("count2")?.int, let m = figure("n2")?.int
      {
        let call = item["call"]?.string ?? ""
        if call.contains("newcomb") {
          found = Interval.difference(a, of: n, b, of: m, level: level)
        } else if call.contains("'log-adjusted'") {
          // Ours adds the half only where a count is zero.
          guard a == 0 || b == 0 else { continue }
          found = Interval.ratio(a, of: n, b, of: m, level: level)
        } else if call.contains("'log'") {
          found = Interval.ratio(a, of: n, b, of: m, level: level)
        } else {
          continue
        }
      } else {
        continue
      }
      let low = expected?["low"] ?? expected?.array?.first
      let high = expected?["high"] ?? expected?.array?.last
      #expect(near(found?.low, low, tolerance(item)), "\(id): \(String(describing: found))")
      #expect(near(found?.high, high, tolerance(item)), "\(id): \(String(describing: found))")
      compared += 1
    }
  }
  #expect(compared == 20)
}

@Test func groupsAgreeWithClarify() throws {
  guard let oracle = try Oracle("dataset_fairness_adult_pred") else { return }
  let table = try Oracle.table("adult_pred")
  let metrics = ["CI", "DPL", "KL", "JS", "LP", "TVD", "KS", "DI", "DPPL", "CDDL", "CDDPL"]
  var compared = 0
  for item in oracle.cases {
    let id = item["id"]?.string ?? ""
    let metric = item["call"]?.string?.split(separator: ".").last.map(String.init) ?? ""
    guard metrics.contains(metric), let facet = item["params"]?["facet_d"]?.string else { continue }
    let terms = facet.components(separatedBy: " and ").map { $0.components(separatedBy: " == ") }
    guard terms.allSatisfy({ $0.count == 2 }) else { continue }
    let attributes = terms.map { $0[0] }
    let values = terms.map { Optional($0[1]) }
    let isPredicted = ["DI", "DPPL", "CDDPL"].contains(metric)
    let isMany = id.hasSuffix(".multi")
    let label = isPredicted ? "y_pred" : isMany ? "workclass" : "y_true"
    let stratum = item["params"]?["group"]?.string
    // Clarify takes a missing value of a label with many classes for one class more.
    let source = table.mapValues { isMany ? $0.map { $0 ?? "none" } : $0 }
    let all = try counts(source, attributes + (stratum.map { [$0] } ?? []) + [label])
    let groups = try #require(
      GroupTable(all, attributes: attributes, label: label, positive: ["1"]))
    let d = try #require(groups.groups.first { $0.values == values })
    let a = groups.rest(without: d)
    let value: Double?
    switch metric {
    case "CI": value = Double(a.rows - d.rows) / Double(a.rows + d.rows)
    case "DPL", "DPPL": value = (a.rate ?? .nan) - (d.rate ?? .nan)
    case "DI": value = (d.rate ?? .nan) / (a.rate ?? .nan)
    case "KL": value = Divergence.kl(a.classes, d.classes)
    case "JS": value = Divergence.js(a.classes, d.classes)
    case "LP": value = Divergence.lp(a.classes, d.classes)
    case "TVD": value = Divergence.tvd(a.classes, d.classes)
    case "KS": value = Divergence.ks(a.classes, d.classes)
    default:
      let column = try #require(stratum)
      let strata = try #require(
        StratifiedGroups(all, by: column, attributes: attributes, label: label, positive: ["1"]))
      value = FairnessMetrics.disparity(of: values, strata)
    }
    // Clarify drops classes that one side lacks, without renormalising; then the figures differ.
    if isMany, zip(a.classes, d.classes).contains(where: { ($0 == 0) != ($1 == 0) }) { continue }
    #expect(near(value, item["expected"], tolerance(item)), "\(id): \(String(describing: value))")
    compared += 1
  }
  #expect(compared == 38, "compared \(compared)")
}

@Test func parityAgreesWithFairlearnAndTheShiftTable() throws {
  var compared = 0
  var options = FairnessOptions()
  options.minSupport = 0
  if let oracle = try Oracle("edge_fairlearn_dev") {
    for item in oracle.cases {
      guard let name = item["metric"]?.string, name.hasPrefix("demographic_parity_"),
        let descriptor = FairnessMetrics.byName[name],
        case .groups(let measure) = descriptor.computation,
        let expected = item["expected"], expected.double != nil, item["input"]?["weight"] == .null
      else { continue }
      func texts(_ key: String) -> [String?] {
        (item["input"]?[key]?.array ?? []).map {
          $0 == .null || $0 == "NaN" ? nil : $0.string ?? $0.text
        }
      }
      let (sensitive, predicted) = (texts("sensitive"), texts("y_pred"))
      // fairlearn reads a missing prediction as not selected, calls one group equal to itself, and
      // selects only the number 1.
      guard !predicted.contains(nil), Set(sensitive).count > 1, !predicted.contains("yes") else {
        continue
      }
      let all = try counts(["a": sensitive, "y": predicted], ["a", "y"])
      let groups = try #require(
        GroupTable(all, attributes: ["a"], label: "y", positive: ["1"]))
      guard groups.classes.count <= 2 else { continue }
      let found = measure(groups, options)
      #expect(near(found.value, expected, 1e-9), "\(item["id"]?.text ?? ""): \(found)")
      compared += 1
    }
  }
  if let oracle = try Oracle("amplification_adult"),
    let item = oracle.cases.first(where: { $0["metric"] == "bias_shift" })
  {
    for (name, expected) in item["expected"]?.object ?? [:] {
      guard !name.contains("+") else { continue }
      let table = try Oracle.table("adult_\(name)")
      let all = try counts(table, ["sex", "income"])
      let groups = try #require(
        GroupTable(all, attributes: ["sex"], label: "income", positive: ["yes"]))
      for group in groups.compared {
        #expect(near(group.rate, expected["positive_rate"]?[group.name], 1e-12))
        #expect(
          near(Double(group.rows) / Double(groups.rows), expected["share"]?[group.name], 1e-12))
      }
      for (metric, key) in [
        ("demographic_parity_difference", "parity_gap"), ("disparate_impact", "ratio"),
      ] {
        guard case .groups(let measure)? = FairnessMetrics.byName[metric]?.computation else {
          continue
        }
        #expect(near(measure(groups, options).value, expected[key], 1e-12), "\(name) \(metric)")
        compared += 1
      }
    }
  }
  #expect(compared >= 16, "compared \(compared)")
}
