import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStages
import AdmixTestSupport
import Foundation
import Testing

@Suite struct MitigateTests {
  private static func people(_ rows: Int, seed: UInt64) -> ColumnTable {
    var random = SeededRandom(seed: seed)
    var (sexes, regions, labels): ([String?], [String?], [String?]) = ([], [], [])
    for row in 0..<rows {
      let isMan = Int.random(in: 0..<3, using: &random) > 0
      sexes.append(row % 40 == 0 ? nil : isMan ? "M" : "F")
      regions.append(["north", "south"].randomElement(using: &random))
      labels.append(
        row % 50 == 1
          ? nil : Double.random(in: 0..<1, using: &random) < (isMan ? 0.6 : 0.3) ? "yes" : "no")
    }
    return ColumnTable(
      ("sex", .categories(sexes)), ("region", .categories(regions)), ("hired", .categories(labels)))
  }

  private static let options: [String: JSONValue] = [
    "label": ["column": "hired", "positive": "yes"], "protected": ["sex", "region"],
    "method": ["reweighing": ["weight": "w"]],
  ]

  @Test(arguments: [100_000, 333]) func groupsHaveOneRateByWeight(partition: Int) async throws {
    let table = Self.people(4_000, seed: 1)
    let outcome = try await CheckBench.run(
      Mitigate.self,
      Self.options.merging([
        "gates": [
          ["fail": "after.disparate_impact(sex, region) < 0.999"],
          ["warn": "before.disparate_impact(sex, region) < 0.8"],
          ["warn": "effective_rows < 0.5"],
        ]
      ]) { $1 }, ["from": table], partition: partition)
    #expect(outcome.gates.map(\.passed) == [true, false, true])
    let metrics = outcome.report.metrics
    let impact = metrics["before.disparate_impact(sex, region)"]?.value ?? 1
    #expect(impact < 0.7)
    #expect(abs((metrics["after.disparate_impact(sex, region)"]?.value ?? 0) - 1) < 1e-9)
    let effective = try #require(metrics["effective_rows"]?.value)
    #expect(effective > 0.7 && effective < 1)
    let rows = try #require(outcome.report.sections.first?.tables.first?.rows)
    #expect(rows.count == 4)
  }

  @Test func whatCannotBeWeighedIsSaid() async throws {
    var table = Self.people(200, seed: 2)
    if case .categories(let sexes)? = table["sex"], case .categories(let labels)? = table["hired"] {
      table["hired"] = .categories(zip(sexes, labels).map { $0 == "F" ? "no" : $1 })
    }
    let cases: [([String: JSONValue], ColumnTable, String)] = [
      ([:], table, "AX0794"), (["method": ["reweighing": ["weight": "sex"]]], table, "AX0795"),
      (["protected": ["nobody"]], table, "AX0781"),
      (["label": ["column": "hired", "positive": "perhaps"]], Self.people(200, seed: 3), "AX0785"),
    ]
    for (more, table, code) in cases {
      let codes = await CheckBench.codes(
        Mitigate.self, Self.options.merging(more) { $1 }, ["from": table])
      #expect(codes == [code])
    }
  }
}
