import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStages
import AdmixTestSupport
import Foundation
import Testing

@Suite struct FairnessTests {
  /// Rows of people with sex, region, a label and where they came from.
  private static func people(_ rows: Int, seed: UInt64, bias: Double = 0.3) -> ColumnTable {
    var random = SeededRandom(seed: seed)
    var (sexes, regions): ([String?], [String?]) = ([], [])
    var (labels, origins): ([String?], [String?]) = ([], [])
    for _ in 0..<rows {
      let isMan = Int.random(in: 0..<3, using: &random) > 0
      sexes.append(Int.random(in: 0..<50, using: &random) == 0 ? nil : isMan ? "M" : "F")
      regions.append(["north", "south", "west"].randomElement(using: &random))
      let share = isMan ? 0.3 + bias : 0.3
      labels.append(
        Int.random(in: 0..<50, using: &random) == 0
          ? nil : Double.random(in: 0..<1, using: &random) < share ? "yes" : "no")
      origins.append(Bool.random(using: &random) ? "made-up" : "census")
    }
    return ColumnTable(
      ("sex", .categories(sexes)), ("region", .categories(regions)),
      ("team", .categories((0..<rows).map { ["x", "y", nil][$0 % 3] })),
      ("hired", .categories(labels)),
      (Schema.originSource, .categories(origins)), (Schema.originRow, .ints(Array(0..<rows))))
  }

  private static let options: [String: JSONValue] = [
    "label": ["column": "hired", "positive": "yes"],
    "protected": ["sex", ["sex", "region"]], "conditional": ["team"],
  ]

  private static func withoutOrigin(_ table: ColumnTable) -> ColumnTable {
    var copy = table
    copy.columns.removeAll { Schema.isOrigin($0.name) }
    return copy
  }

  @Test func showsThePartsOfAMixBesideWhatItIsComparedWith() async throws {
    let mix = Self.people(900, seed: 1)
    let real = Self.withoutOrigin(Self.people(700, seed: 2, bias: 0))
    let outcome = try await CheckBench.run(
      Fairness.self, Self.options, ["of": mix, "against": real], names: ["of": "blend"])
    let section = try #require(outcome.report.sections.first)
    let table = try #require(section.tables.first)
    let datasets = Set(
      table.rows.compactMap { row -> String? in
        if case .text(let name) = row[1] { name } else { nil }
      })
    #expect(datasets == ["against", "blend: census", "blend: made-up", "blend"])
    // What a part is said to have is what it has by itself.
    guard case .categories(let origins)? = mix[Schema.originSource] else { return }
    for part in ["census", "made-up"] {
      let rows = origins.indices.filter { origins[$0] == part }
      let alone = try await CheckBench.run(
        Fairness.self, Self.options, ["of": Self.withoutOrigin(mix.taking(rows))])
      var compared = 0
      for (name, figure) in alone.report.metrics {
        #expect(outcome.report.metrics["parts.\(part).\(name)"] == figure, "\(part) \(name)")
        compared += 1
      }
      #expect(compared > 25)
    }
    // The mix is unequal, what it is compared with is not: amplified, and clearly so.
    let change = try #require(outcome.report.metrics["change.demographic_parity_difference(sex)"])
    let (low, high) = (try #require(change.low), try #require(change.high))
    #expect(low > 0 && high > low && change.level == 0.95)
    let gaps = try #require(outcome.report.sections.dropFirst().first?.tables.first)
    #expect(gaps.columns.last == "Disparity")
    #expect(gaps.rows.first?.last == .text("amplified"))
    let same = try await CheckBench.run(
      Fairness.self, Self.options, ["of": Self.withoutOrigin(mix), "against": mix])
    #expect(same.report.metrics["change.disparate_impact(sex)"]?.value == 0)
    #expect(
      same.report.sections[1].tables[0].rows.allSatisfy { row in
        row.last.map { "\($0)".contains("unchanged") } ?? false
      })
  }

  @Test func everyListedMetricCanStandInAGate() async throws {
    var mix = Self.people(300, seed: 3)
    if case .categories(let origins)? = mix[Schema.originSource] {
      // A matrix gives names that have to be quoted.
      mix[Schema.originSource] = .categories(origins.map { $0 == "census" ? "a b.c" : $0 })
    }
    let tables = ["of": mix, "against": Self.people(200, seed: 4)]
    let names = try await CheckBench.run(Fairness.self, Self.options, tables).report.metrics
    let rules = names.keys.sorted()
    #expect(rules.count > 100 && rules.contains { $0.hasPrefix("parts.`a b.c`.") })
    let outcome = try await CheckBench.run(
      Fairness.self,
      Self.options.merging([
        "gates": .array(rules.map { .object(["warn": .string("\($0) is null or \($0) > -1e9")]) })
      ]) { $1 }, tables)
    #expect(outcome.gates.count == rules.count)
    for (name, gate) in zip(rules, outcome.gates) {
      #expect(!gate.passed && gate.measurement == names[name], "\(name)")
    }
    // Without a dataset to compare with there is nothing that a rule about it could be about.
    for rule in ["against.dpl(sex) > 1", "change.dpl(sex) > 1", "dpl(region) > 1"] {
      let codes = await CheckBench.codes(
        Fairness.self, Self.options.merging(["gates": [["warn": .string(rule)]]]) { $1 },
        ["of": mix])
      #expect(codes == ["AX0772"], "\(rule)")
    }
  }

  @Test func cutsAndOrderOfRowsChangeNothing() async throws {
    let table = Self.people(500, seed: 5)
    var rows = Array(0..<500)
    var random = SeededRandom(seed: 6)
    rows.shuffle(using: &random)
    let whole = try await CheckBench.run(Fairness.self, Self.options, ["of": table]).report
    for (other, partition) in [(table, 77), (table, 1), (table.taking(rows), 130)] {
      let cut = try await CheckBench.run(
        Fairness.self, Self.options, ["of": other], partition: partition
      ).report
      #expect(cut == whole, "partitions of \(partition)")
    }
  }

  /// What becomes of the rows at the edges.
  @Test func missingValuesAndOddColumnsHaveAStatedFate() async throws {
    let table = ColumnTable(
      ("group", .categories(["a", "a", "a", "a", "b", "b", "b", nil, nil])),
      ("grade", .categories(["A", "B", "C", nil, "A", "C", "C", "A", "A"])),
      ("adult", .bools([true, true, false, false, true, nil, false, true, true])),
      ("year", .ints([1, 1, 2, 2, 1, 2, 2, 1, 2])))
    let grades = try await CheckBench.run(
      Fairness.self,
      [
        "label": ["column": "grade", "positive": ["A", "B"]],
        "protected": ["group", "adult", "year"],
      ], ["of": table])
    // a: 2 of 3 with a grade, b: 1 of 3; the rows without a group are in neither.
    #expect(grades.value("demographic_parity_ratio(group)") == 0.5)
    #expect(grades.report.metrics["dpl(group)"]?.support == 8)
    // All others than b are a, not those without a group.
    #expect(((grades.value("dpl(group)") ?? 0) - 1.0 / 3).magnitude < 1e-12)
    #expect(grades.value("class_imbalance(group)") == (4.0 - 3) / 7)
    #expect(grades.value("demographic_parity_difference(adult)") == 1)
    #expect(grades.warnings.map(\.code) == ["AX0788", "AX0788", "AX0788"])
    #expect(grades.report.metrics["dpl(group)"]?.verdict == .insufficient)
    let rows = try #require(grades.report.sections.first?.tables.first?.rows)
    #expect(rows.map { $0[2] } == [.count(4), .count(3), .count(2)])
    #expect(rows.last?.last == .text("not compared"))

    let flags = try await CheckBench.run(
      Fairness.self,
      ["label": ["column": "adult", "positive": true], "protected": ["group"]], ["of": table])
    #expect(flags.value("demographic_parity_difference(group)") == 0)
    #expect(flags.value("demographic_parity_ratio(group)") == 1)

    let alone = try await CheckBench.run(
      Fairness.self, ["label": ["column": "year", "positive": 2], "protected": ["group"]],
      ["of": table.taking([0, 1, 2, 3])])
    for name in ["dpl(group)", "disparate_impact(group)", "kl(group)"] {
      #expect(alone.report.metrics[name]?.reason == "fewer than two groups have rows", "\(name)")
    }
    // A group that only the other dataset has is shown as absent, and told.
    let lost = try await CheckBench.run(
      Fairness.self, ["label": ["column": "year", "positive": 2], "protected": ["group"]],
      ["of": table.taking([0, 1, 2, 3]), "against": table])
    #expect(lost.warnings.map(\.code) == ["AX0787"])
    #expect(lost.value("representation(group)") == 0 && lost.value("evenness(group)") == 0)
  }

  /// `é` in one character and in two is two values wherever it stands, as it is in the data.
  @Test func spellingsThatLookAlikeStayApart() async throws {
    let (one, two) = ("caf\u{e9}", "cafe\u{301}")
    let words = [one, one, one, two, two, "tea", "tea", "tea"]
    let labels = [one, one, two, two, two, one, two, one]
    typealias Make = ([String?]) -> ColumnTable.Values
    let makes: [Make] = [{ .categories($0) }, { .texts($0) }]
    for make in makes {
      func table(_ rows: Range<Int>) -> ColumnTable {
        ColumnTable(("place", make(Array(words[rows]))), ("drink", make(Array(labels[rows]))))
      }
      for partition in [8, 3, 1] {
        for against in [0..<3, 3..<5] {
          let outcome = try await CheckBench.run(
            Fairness.self,
            [
              "label": ["column": "drink", "positive": .string(one)], "protected": ["place"],
              "conditional": .array([]), "reference": ["place": .string(two)],
            ], ["of": table(0..<8), "against": table(against)], partition: partition)
          let rows = try #require(outcome.report.sections.first?.tables.first?.rows)
            .filter { $0[1] == .text("of") }
          let shown = rows.map { row in
            if case .text(let name) = row[0] { Array(name.utf8) } else { [UInt8]() }
          }
          #expect(shown == [two, one, "tea"].map { Array($0.utf8) })
          #expect(rows.map { $0[2] } == [.count(2), .count(3), .count(3)])
          // The reference has no good outcome, and the others two of three.
          #expect(((outcome.value("dpl(place)") ?? 0) + 2.0 / 3).magnitude < 1e-12)
          #expect(outcome.value("class_imbalance(place)") == (2.0 - 3) / 5)
        }
      }
    }
  }

  @Test(
    "refuses what would give a false answer",
    arguments: [
      (["column": "grade", "positive": "D"], ["group"], [:], "AX0785"),
      (["column": "grade", "positive": ["A", "B", "C"]], ["group"], [:], "AX0786"),
      (["column": "one", "positive": "x"], ["group"], [:], "AX0786"),
      (["column": "none", "positive": "x"], ["group"], [:], "AX0785"),
      (["column": "grade", "positive": "A"], ["score"], [:], "AX0782"),
      (["column": "grade", "positive": "A"], ["nobody"], [:], "AX0781"),
      (["column": "grade", "positive": "A"], ["group"], ["reference": ["group": "c"]], "AX0785"),
      (["column": "grade", "positive": "A"], ["group"], ["reference": ["score": 1]], "AX0780"),
    ] as [(JSONValue, JSONValue, [String: JSONValue], String)])
  func refusals(
    label: JSONValue, protected: JSONValue, more: [String: JSONValue], code: String
  ) async {
    let table = ColumnTable(
      ("group", .categories(["a", "a", "b", "b"])), ("grade", .categories(["A", "B", "C", "A"])),
      ("one", .categories(["x", "x", "x", "x"])), ("none", .categories([nil, nil, nil, nil])),
      ("score", .doubles([0.5, 1, 1.5, 2])))
    let codes = await CheckBench.codes(
      Fairness.self, more.merging(["label": label, "protected": protected]) { $1 }, ["of": table])
    #expect(codes == [code])
  }

  @Test func aThousandGroupsAreComparedInOnePass() async throws {
    let rows = 4_000
    let table = ColumnTable(
      ("a", .ints((0..<rows).map { $0 % 40 })), ("b", .ints((0..<rows).map { $0 / 40 % 25 })),
      ("c", .ints((0..<rows).map { $0 % 40 })),
      ("y", .bools((0..<rows).map { $0 % 7 == 0 })))
    let outcome = try await CheckBench.run(
      Fairness.self,
      [
        "label": ["column": "y", "positive": true], "protected": [["a", "b"]],
        "conditional": ["c"], "min_support": 2,
      ], ["of": table])
    #expect(outcome.value("representation(a, b)") == 0.001)
    #expect(outcome.report.metrics["cddl(a, b, c)"]?.value != nil)
    #expect(outcome.report.sections.first?.tables.first?.rows.count == 1_000)
    #expect(outcome.report.sections.first?.charts.isEmpty == true)
    let ages = try await CheckBench.run(
      Fairness.self, ["label": ["column": "y", "positive": true], "protected": ["a"]],
      ["of": table])
    #expect(ages.warnings.map(\.code) == ["AX0789"])
  }
}
