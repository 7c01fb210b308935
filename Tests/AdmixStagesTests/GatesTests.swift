import AdmixModel
import AdmixSpec
import AdmixStages
import Testing

private typealias Measurement = AdmixModel.Measurement

private func gate(_ rule: String, _ action: String = "fail") -> (Gates, Diagnostics) {
  var report = Diagnostics()
  let span = SourceSpan(file: "p.yaml", line: 3, column: 9)
  let gates = Gates(Node([[action: .string(rule)]] as JSONValue, at: span), report: &report)
  return (gates, report)
}

private let measured: [String: Measurement] = [
  "disparate_impact(sex)": Measurement(0.75, low: 0.7, high: 0.85, level: 0.95, support: 900),
  "disparate_impact(sex, race)": Measurement(0.5, support: 12, reason: "only 12 rows"),
  "against.disparate_impact(sex)": Measurement(0.9),
  "dpl(`native country`)": Measurement(0.1),
  "fidelity.overall": Measurement(0.93),
  "kl(sex)": Measurement(.infinity),
  "cddl(sex, job)": .undefined("no rows"),
]

@Test(
  "trips when true, passes when false, and never passes on what could not be computed",
  arguments: [
    ("disparate_impact(sex) < 0.8", false), ("disparate_impact( sex )<0.7", true),
    ("disparate_impact(sex) < 0.8 and fidelity.overall < 0.9", true),
    ("disparate_impact(sex) < 0.8 or cddl(sex, job) > 1", false),
    ("disparate_impact(sex) < 0.7 and cddl(sex, job) > 1", true),
    ("disparate_impact(sex) < 0.7 or cddl(sex, job) > 1", false),
    ("not (fidelity.overall > 0.9)", true), ("cddl(sex, job) > 1", false),
    ("cddl(sex, job) <= 1", false), ("kl(sex) > 3", false), ("kl(sex) - kl(sex) > 0", false),
    ("nothing_like_it < 1", false), ("dpl(`native country`) > 0.2", true),
    ("upper_bound(disparate_impact(sex)) < 0.8", true),
    ("lower_bound(disparate_impact(sex)) < 0.8", false),
    ("upper_bound(fidelity.overall) > 2", false),
    ("abs(disparate_impact(sex) - against.disparate_impact(sex)) > 0.1", false),
    ("max(disparate_impact(sex), 0.9) < 0.8", true), ("cddl(sex, job) is null", false),
    ("disparate_impact(sex, race) < 0.8", false), ("false", true),
  ])
func verdicts(rule: String, passed: Bool) throws {
  let (gates, report) = gate(rule, "warn")
  #expect(report.isEmpty)
  let result = try #require(gates.evaluate(measured).first)
  #expect(result.passed == passed)
  #expect(result.rule == rule)
  #expect(result.action == .warn)
  if rule.contains("job) > 1"), !rule.contains("<") {
    #expect(result.measurement.reason == "no rows")
  }
}

@Test(
  "refuses what is no condition over metrics, at its place",
  arguments: [
    ("disparate_impact(sex)", "AX0773", 9), ("0.8 < 'x'", "AX0773", 15),
    ("lower_bound(0.5) < 1", "AX0773", 9), ("dpl(sex) in [1, 2]", "AX0773", 9),
    ("not fidelity.overall", "AX0773", 13), ("dpl(sex) <", "AX0502", 19),
    ("(a < 1) + 1 > 2", "AX0773", 10),
  ])
func refusals(rule: String, code: String, column: Int) {
  let (gates, report) = gate(rule)
  #expect(report.items.map(\.code) == [code])
  #expect(report.items.first?.span?.column == column)
  #expect(gates.isEmpty)
}

@Test func gatesSayWhichMetricsTheyKnow() {
  let (gates, _) = gate("disparate_impct(sex) < 0.8 and fidelity.overall < 0.9")
  #expect(gates.metrics == ["disparate_impct(sex)", "fidelity.overall"])
  let unknown = gates.unknown(in: Array(measured.keys))
  #expect(unknown.items.map(\.hint) == ["did you mean 'disparate_impact(sex)'?"])
  var report = Diagnostics()
  let span = SourceSpan(file: "p.yaml", line: 1, column: 1)
  _ = Gates(Node([["fail": "a < 1", "warn": "b < 1"]] as JSONValue, at: span), report: &report)
  #expect(report.items.map(\.code) == ["AX0771"])
}
