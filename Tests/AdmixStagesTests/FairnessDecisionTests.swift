import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStages
import AdmixTestSupport
import Foundation
import Testing

/// What was decided about people, and what models make of them.
@Suite struct FairnessDecisionTests {
  /// People whose outcome follows a number, and decisions that are harder on women.
  private static func people(_ rows: Int, seed: UInt64, strictness: Double = 0.2) -> ColumnTable {
    var random = SeededRandom(seed: seed)
    var (sexes, labels, decisions): ([String?], [String?], [String?]) = ([], [], [])
    var (skills, scores): ([Double?], [Double?]) = ([], [])
    for _ in 0..<rows {
      let isMan = Bool.random(using: &random)
      let skill = Double.random(in: 0..<1, using: &random)
      let isGood = Double.random(in: 0..<1, using: &random) < skill
      let score = max(0, skill - (isMan ? 0 : strictness))
      sexes.append(isMan ? "M" : "F")
      skills.append(skill)
      labels.append(isGood ? "yes" : "no")
      scores.append(score)
      decisions.append(score >= 0.5 ? "yes" : "no")
    }
    return ColumnTable(
      ("sex", .categories(sexes)), ("skill", .doubles(skills)), ("hired", .categories(labels)),
      ("score", .doubles(scores)), ("offered", .categories(decisions)))
  }

  private static let options: [String: JSONValue] = [
    "label": ["column": "hired", "positive": "yes"], "protected": ["sex"],
  ]

  private static func withPrediction(
    _ prediction: JSONValue = ["column": "offered", "score": "score"]
  )
    -> [String: JSONValue]
  {
    options.merging(["prediction": prediction]) { $1 }
  }

  /// The figures are those of the rows, however these are cut.
  @Test func decisionsAreCounted() async throws {
    let table = Self.people(3_000, seed: 1)
    guard case .categories(let sexes)? = table["sex"],
      case .categories(let labels)? = table["hired"],
      case .categories(let decisions)? = table["offered"]
    else { return }
    func rate(_ sex: String, _ of: (Int) -> Bool, _ counts: (Int) -> Bool) -> Double {
      let rows = sexes.indices.filter { sexes[$0] == sex && of($0) }
      return Double(rows.count(where: counts)) / Double(rows.count)
    }
    let tpr = ["M", "F"].map { rate($0, { labels[$0] == "yes" }, { decisions[$0] == "yes" }) }
    let fpr = ["M", "F"].map { rate($0, { labels[$0] == "no" }, { decisions[$0] == "yes" }) }
    var reports: [CheckReport] = []
    for partition in [100_000, 700] {
      let outcome = try await CheckBench.run(
        Fairness.self, Self.withPrediction(), ["of": table], partition: partition)
      reports.append(outcome.report)
      func value(_ name: String) -> Double? { outcome.report.metrics["prediction.\(name)"]?.value }
      #expect(abs((value("equal_opportunity_difference(sex)") ?? 0) - (tpr[0] - tpr[1])) < 1e-12)
      #expect(abs((value("predictive_equality_difference(sex)") ?? 0) - (fpr[0] - fpr[1])) < 1e-12)
      #expect(
        value("equalized_odds_difference(sex)") == max(tpr[0] - tpr[1], fpr[0] - fpr[1]))
      // Within a group the score is the skill moved, and tells as much.
      #expect((value("auc_difference(sex)") ?? 1) < 0.05)
      // But it promises women less than they do.
      #expect((value("calibration_difference(sex)") ?? 0) > 0.1)
    }
    #expect(reports[0] == reports[1])
  }

  /// A model that learns from unequal decisions is unequal; one that learns from the outcomes is not.
  @Test func modelsCarryOnWhatTheyLearn() async throws {
    let real = Self.people(4_000, seed: 2)
    var unfair = Self.people(4_000, seed: 3)
    unfair["hired"] = unfair["offered"]
    func only(_ table: ColumnTable) -> ColumnTable {
      var copy = table
      copy.columns.removeAll { ["score", "offered"].contains($0.name) }
      return copy
    }
    let holdout = Self.people(4_000, seed: 4)
    let outcome = try await CheckBench.run(
      Fairness.self,
      Self.options.merging([
        "models": ["logistic"],
        "gates": [["fail": "lower_bound(logistic.change.equal_opportunity_difference(sex)) > 0.1"]],
      ]) { $1 },
      ["of": only(unfair), "against": only(real), "holdout": only(holdout)])
    let metrics = outcome.report.metrics
    let own = try #require(metrics["logistic.equal_opportunity_difference(sex)"]?.value)
    let before = try #require(metrics["logistic.against.equal_opportunity_difference(sex)"]?.value)
    #expect(own > 0.25 && before < 0.08, "\(own) \(before)")
    #expect(outcome.gates.map(\.passed) == [false])
    let section = try #require(
      outcome.report.sections.first { $0.title == "Decisions of logistic, by sex" })
    #expect(section.tables.first?.rows.count == 4 && section.charts.count == 2)
  }

  @Test func whatCannotBeLearnedIsSaid() async throws {
    let real = Self.people(300, seed: 2)
    var one = Self.people(300, seed: 3)
    if case .categories(let labels)? = one["hired"] {
      one["hired"] = .categories(labels.map { _ in "yes" })
    }
    let outcome = try await CheckBench.run(
      Fairness.self, Self.options.merging(["models": ["logistic"]]) { $1 },
      ["of": real, "against": one, "holdout": real])
    let lacking = outcome.report.metrics["logistic.against.equalized_odds_difference(sex)"]
    #expect(lacking?.verdict == .undefined)
    #expect(lacking?.reason == "the target has one class in the reference")
  }

  @Test func everyFigureCanStandInAGate() async throws {
    let table = Self.people(200, seed: 5)
    let options = Self.withPrediction().merging(["models": ["logistic", "xgboost"]]) { $1 }
    let tables = ["of": table, "against": table, "holdout": table]
    let names = try await CheckBench.run(Fairness.self, options, tables).report.metrics.keys
      .sorted()
    #expect(names.count > 250)
    let outcome = try await CheckBench.run(
      Fairness.self,
      options.merging([
        "gates": .array(names.map { .object(["warn": .string("\($0) is null or \($0) > -1e9")]) })
      ]) { $1 }, tables)
    #expect(outcome.gates.count == names.count && outcome.gates.allSatisfy { !$0.passed })
  }

  @Test(arguments: [
    ("{\"models\": [\"logistic\"]}", "AX0790"),
    ("{\"prediction\": {\"column\": \"hired\"}}", "AX0791"),
    ("{\"prediction\": {\"column\": \"sex\"}}", "AX0791"),
    ("{\"prediction\": {\"column\": \"offerd\"}}", "AX0791"),
    ("{\"prediction\": {\"column\": \"score\"}}", "AX0791"),
    ("{\"prediction\": {\"column\": \"offered\", \"score\": \"far\"}}", "AX0792"),
    ("{\"prediction\": {\"column\": \"words\"}}", "AX0791"),
  ])
  func refusesWhatIsNoDecision(options: String, code: String) async throws {
    var table = Self.people(50, seed: 6)
    table.columns.append(("far", .doubles((0..<50).map { Double($0) / 10 })))
    table.columns.append(("words", .categories((0..<50).map { ["ja", "nein"][$0 % 2] })))
    let more = try JSONValue(parsing: options).object ?? [:]
    let codes = await CheckBench.codes(
      Fairness.self, Self.options.merging(more) { $1 }, ["of": table])
    #expect(codes == [code], "\(options)")
  }
}
