import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStages
import AdmixTestSupport
import Foundation
import Testing

private func between(_ low: JSONValue, _ high: JSONValue) -> JSONValue {
  ["between": .array([low, high])]
}

/// The table of the reference checks: 20 rows, typed as pandas typed them.
private func checksTable() throws -> ColumnTable? {
  guard let file = sharedFolder("oracles/inputs/checks_small.csv") else { return nil }
  let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
  let names = lines[0].split(separator: ",").map(String.init)
  let rows = lines.dropFirst().map {
    $0.split(separator: ",", omittingEmptySubsequences: false).map { $0.isEmpty ? nil : String($0) }
  }
  var table = ColumnTable()
  for (index, name) in names.enumerated() {
    let texts = rows.map { $0[index] }
    let values: ColumnTable.Values =
      switch name {
      case "id", "a", "b", "total": .ints(texts.map { $0.flatMap { Int($0) } })
      case "age", "amount": .doubles(texts.map { $0.flatMap(Double.init) })
      case "flag": .bools(texts.map { $0.map { $0 == "True" } })
      // Their checks compare these as texts, which ISO dates allow.
      default: .texts(texts)
      }
    table.columns.append((name, values))
  }
  return table
}

/// A Great Expectations check in our words; nil for what we do not have.
private func greatExpectation(_ name: String, _ p: JSONValue) -> [String: JSONValue]? {
  var entry: [String: JSONValue] = [:]
  entry["column"] = p["column"]
  entry["mostly"] = p["mostly"]
  let range = between(p["min_value"] ?? .null, p["max_value"] ?? .null)
  switch name {
  case "ExpectTableRowCountToEqual": entry["row-count"] = p["value"]
  case "ExpectTableRowCountToBeBetween": entry["row-count"] = range
  case "ExpectColumnValuesToNotBeNull": entry["not-null"] = true
  case "ExpectColumnValuesToBeNull": entry["null-share"] = between(1, 1)
  case "ExpectColumnProportionOfNonNullValuesToBeBetween":
    entry["null-share"] = between(
      .double(1 - (p["max_value"]?.double ?? 1)), .double(1 - (p["min_value"]?.double ?? 0)))
  case "ExpectColumnValuesToBeUnique": entry["unique"] = true
  case "ExpectCompoundColumnsToBeUnique":
    entry["columns"] = p["column_list"]
    entry["unique"] = true
  case "ExpectSelectColumnValuesToBeUniqueWithinRecord": entry["expression"] = "a != b"
  case "ExpectColumnValuesToBeBetween":
    if p["strict_min"] == true {
      return ["expression": "age > 0 and age <= 110"]
    }
    entry["between"] = range["between"]
  case "ExpectColumnValuesToBeInSet", "ExpectColumnDistinctValuesToBeInSet":
    entry["in"] = p["value_set"]
  case "ExpectColumnValuesToNotBeInSet": entry["not-in"] = p["value_set"]
  case "ExpectColumnValuesToMatchRegex": entry["matches"] = p["regex"]
  case "ExpectColumnValuesToNotMatchRegex": return ["expression": "not matches(code, 'ab.*')"]
  case "ExpectColumnValuesToMatchRegexList":
    return ["expression": "matches(code, 'AB-.*') or matches(code, 'ab.*')"]
  case "ExpectColumnValueLengthsToBeBetween": entry["length"] = range
  case "ExpectColumnValueLengthsToEqual": entry["length"] = p["value"]
  case "ExpectColumnMinToBeBetween": entry["min"] = range
  case "ExpectColumnMaxToBeBetween": entry["max"] = range
  case "ExpectColumnMeanToBeBetween": entry["mean"] = range
  case "ExpectColumnMedianToBeBetween": entry["median"] = range
  case "ExpectColumnStdevToBeBetween": entry["sd"] = range
  case "ExpectColumnSumToBeBetween": entry["sum"] = range
  case "ExpectColumnUniqueValueCountToBeBetween": entry["distinct"] = range
  case "ExpectColumnPairValuesAToBeGreaterThanB": return ["expression": "end >= start"]
  case "ExpectColumnPairValuesToBeEqual": return ["expression": "a == b"]
  case "ExpectColumnPairValuesToBeInSet":
    return [
      "expression":
        "(a == 0 and b == 0) or (a == 1 and b == 2) or (a == 2 and b == 0) or (a == 3 and b == 2)"
    ]
  case "ExpectMulticolumnSumToEqual": return ["expression": "a + b == 3"]
  case "ExpectColumnValuesToBeOfType": entry["type"] = "double"
  case "ExpectColumnValuesToBeInTypeList": entry["type"] = "bool"
  default: return nil
  }
  return entry
}

/// A pandera check in our words, one entry for each thing it checks.
private func panderaChecks(_ p: JSONValue) -> [[String: JSONValue]]? {
  guard let column = p["column"]?.string else { return nil }
  let options = p["column_options"]
  let first = p["args"]?.array?.first ?? .null
  let second = p["args"]?.array?.dropFirst().first ?? .null
  func pattern(_ text: String) -> [String: JSONValue] {
    ["column": .string(column), "matches": .string(text)]
  }
  var entries: [[String: JSONValue]]
  switch p["check"]?.string {
  case "in_range": entries = [["column": .string(column), "between": [first, second]]]
  case "gt": entries = [["expression": .string("\(column) > \(first.text)")]]
  case "ge": entries = [["column": .string(column), "between": [first, .null]]]
  case "lt": entries = [["expression": .string("\(column) < \(first.text)")]]
  case "le": entries = [["column": .string(column), "between": [.null, first]]]
  case "isin": entries = [["column": .string(column), "in": first]]
  case "notin": entries = [["column": .string(column), "not-in": first]]
  case "str_matches": entries = [pattern(first.string ?? "")]
  // Our patterns are those of whole texts, theirs are looked for.
  case "str_contains": entries = [pattern(".*\(first.string ?? "").*")]
  case "str_startswith": entries = [pattern((first.string ?? "") + ".*")]
  case "str_endswith": entries = [pattern(".*" + (first.string ?? ""))]
  case "str_length": entries = [["column": .string(column), "length": between(first, second)]]
  case "eq": entries = [["column": .string(column), "in": [first]]]
  case "ne": entries = [["column": .string(column), "not-in": [first]]]
  case nil where options?["unique"] == "True":
    entries = [["column": .string(column), "unique": true]]
  case nil where options?["dtype"] == "float64":
    entries = [["column": .string(column), "type": "double"]]
  case nil where options?["dtype"] == "int64":
    entries = [["column": .string(column), "type": "int"]]
  case "schema" where column == "group+a":
    entries = [["columns": ["group", "a"], "unique": true]]
  default: return nil
  }
  if options?["nullable"] == "False" || options?["nullable"] == nil && column == "country" {
    entries.append(["column": .string(column), "not-null": true])
  }
  return entries
}

private struct Found {
  var passed: Bool
  var failing: Int
  var rows: [Int]
  var value: Double?
}

private func found(_ row: [CheckReport.Cell]) -> Found? {
  guard row.count == 6, case .count(let failing) = row[2], case .text(let rows) = row[4],
    case .flag(let passed) = row[5]
  else { return nil }
  let value: Double? =
    switch row[3] {
    case .measurement(let figure), .share(let figure): figure.value
    default: nil
    }
  return Found(
    passed: passed, failing: failing,
    rows: rows.split(separator: ", ").compactMap { Int($0) }, value: value)
}

@Suite struct ValidateTests {
  /// What we have no check for; a column that is not there is an error before anything is counted.
  private static let without: Set<String> = [
    "ExpectColumnToExist", "ExpectTableColumnCountToEqual", "ExpectTableColumnCountToBeBetween",
    "ExpectTableColumnsToMatchSet", "ExpectTableColumnsToMatchOrderedList",
    "ExpectColumnDistinctValuesToContainSet", "ExpectColumnDistinctValuesToEqualSet",
    "ExpectColumnMostCommonValueToBeInSet", "ExpectColumnQuantileValuesToBeBetween",
    "ExpectColumnProportionOfUniqueValuesToBeBetween", "ExpectColumnValueZScoresToBeLessThan",
    "ExpectColumnKLDivergenceToBeLessThan",
    // pandera: sets of values, coercion, columns that are or are not there and their order.
    "pandera.16.unique_values_eq.group", "pandera.21.column.age", "pandera.22.column.missing_col",
    "pandera.23.column.missing_col", "pandera.25.schema.strict", "pandera.26.schema.ordered",
  ]

  @Test func countsWhatGreatExpectationsAndPanderaCount() async throws {
    guard let file = sharedFolder("oracles/expectations_checks_small.json"),
      let table = try checksTable()
    else { return }
    let cases =
      try CanonicalJSON.decode(JSONValue.self, from: Data(contentsOf: file))["cases"]?.array ?? []
    #expect(cases.count == 75)
    var entries: [JSONValue] = []
    var places: [(item: JSONValue, entries: Range<Int>)] = []
    for item in cases {
      let id = item["id"]?.string ?? ""
      let name = item["metric"]?.string ?? ""
      let params = item["params"] ?? .null
      let mine =
        id.hasPrefix("ge.")
        ? greatExpectation(name, params).map { [$0] } : panderaChecks(params)
      guard let mine, !Self.without.contains(id) else {
        #expect(Self.without.contains(name) || Self.without.contains(id), "\(id) is not checked")
        continue
      }
      places.append((item, entries.count..<entries.count + mine.count))
      entries += mine.map { .object($0) }
    }
    #expect(places.count == 56, "\(places.count)")
    for partition in [20, 7, 1] {
      let outcome = try await CheckBench.run(
        Validate.self, ["expect": .array(entries)], ["of": table], partition: partition)
      let rows = try #require(outcome.report.sections.first?.tables.first?.rows)
      for (item, range) in places {
        let id = item["id"]?.string ?? ""
        let expected = try #require(item["expected"])
        let mine = range.compactMap { found(rows[$0]) }
        #expect(mine.count == range.count)
        #expect(mine.allSatisfy(\.passed) == expected["success"]?.bool, "\(id)")
        if let count = expected["unexpected_count"]?.int, !id.contains("ToBeNull"),
          !id.contains("Distinct")
        {
          #expect(mine[0].failing == count, "\(id): \(mine[0])")
          let places = (expected["unexpected_index_list"]?.array ?? []).compactMap(\.int)
          #expect(mine[0].rows == places.prefix(10).map { $0 + 1 }, "\(id): \(mine[0])")
        }
        if let value = expected["observed_value"]?.double, id.contains("Column"),
          !id.contains("Proportion")
        {
          #expect(((mine[0].value ?? .nan) - value).magnitude < 1e-9, "\(id): \(mine[0])")
        }
        // pandera counts a cell for each column of a combination, and a wrong type as two cases.
        if let failures = expected["failure_rows"]?.array, id.hasPrefix("pandera"),
          !id.contains("column.age")
        {
          #expect(mine.reduce(0) { $0 + $1.failing } == failures.count, "\(id): \(mine)")
        }
      }
      // Each failing one is a gate of its own, with its place; cell values are nowhere.
      #expect(outcome.gates.count == rows.compactMap { found($0) }.count { !$0.passed })
      #expect(outcome.gates.allSatisfy { !$0.passed && $0.span != nil })
      #expect(!"\(rows)".contains("a@x.org"))
    }
  }

  @Test(
    "finds keys that occur twice or nowhere, across partitions, in as many buckets as there are",
    arguments: [1, 3, 400])
  func keys(partition: Int) async throws {
    let parents = ColumnTable(("key", .ints((0..<90).map { $0 * 2 } + [nil])))
    let rows = 400
    let values = (0..<rows).map { $0 % 50 == 7 ? nil : $0 % 97 }
    let table = ColumnTable(
      ("id", .ints(values)), ("pair", .texts((0..<rows).map { "k\($0 / 2)" })),
      ("day", .dates((0..<rows).map { $0 == 250 ? 3 : $0 })))
    let outcome = try await CheckBench.run(
      Validate.self,
      [
        "expect": [
          ["column": "id", "references": ["dataset": "parents", "column": "key"], "mostly": 0.4],
          ["column": "pair", "unique": true, "severity": "warn"],
          ["columns": ["id", "pair"], "unique": true],
          ["column": "id", "distinct": between(97, 97)],
          ["column": "id", "median": between(40, 55)], ["column": "day", "increasing": "strictly"],
          ["column": "id", "unique": true, "where": "day < '1970-03-02'", "mostly": 0.9],
          ["column": "id", "sum": between(0, .null)],
        ]
      ],
      ["of": table, "expect.0.references.dataset": parents], partition: partition)
    let found = try #require(outcome.report.sections.first?.tables.first?.rows)
      .compactMap { AdmixStagesTests.found($0) }
    let orphans = values.indices.filter { values[$0].map { $0 % 2 == 1 } ?? false }
    #expect(found[0].failing == orphans.count && found[0].passed)
    #expect(found[0].rows == orphans.prefix(10).map { $0 + 1 })
    #expect(found[1].failing == rows && found[1].rows == Array(1...10) && !found[1].passed)
    #expect(found[2].failing == 0 && found[2].passed)
    #expect(found[3].value == 97)
    let known = values.compactMap { $0 }.sorted()
    #expect(
      found[4].value
        == Double(known[known.count / 2] + known[(known.count - 1) / 2]) / 2)
    #expect(found[5].failing == 1 && found[5].rows == [251])
    #expect(found[6].failing == 2 && found[6].rows == [57, 251] && found[6].passed, "\(found[6])")
    #expect(found[7].value == Double(known.reduce(0, +)))
    #expect(outcome.gates.map(\.action) == [.warn, .fail], "\(outcome.gates.map(\.rule))")
    #expect(outcome.value("expect.warned") == 1 && outcome.value("expect.failed") == 1)
  }

  /// Ends without a number behind them, numbers too large to add up and names that no expression can
  /// spell.
  @Test func figuresAndEndsAtTheEdgeOfNumbers() async throws {
    let table = ColumnTable(
      ("huge", .doubles([1.5e308, 1.5e308, nil])), ("n", .ints([0, 5, Int.max])),
      ("a`b", .ints([1, 2, 3])), ("wide", .doubles([1.5e308, 1.5e308, -1.5e308])))
    let (least, most): (JSONValue, JSONValue) = (.double(-.infinity), .double(.infinity))
    for partition in [3, 1] {
      let outcome = try await CheckBench.run(
        Validate.self,
        [
          "expect": [
            ["column": "huge", "mean": between(1.4e308, 1.6e308)],
            ["column": "huge", "sum": between(0, most)],
            ["column": "huge", "sd": between(0, most)],
            ["column": "huge", "between": [0, most]], ["column": "n", "between": [0, most]],
            ["column": "n", "between": [least, 5]], ["column": "n", "min": between(least, 0)],
            ["column": "a`b", "between": [2, .null]],
            ["column": "wide", "mean": between(0.4e308, 0.6e308)],
            ["column": "wide", "sum": between(1.4e308, 1.6e308)],
            ["column": "wide", "sd": between(0, most)],
          ]
        ], ["of": table], partition: partition)
      let found = try #require(outcome.report.sections.first?.tables.first?.rows)
        .compactMap { AdmixStagesTests.found($0) }
      #expect(found.map(\.failing) == [0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0])
      #expect(
        found.map(\.passed) == [
          true, false, true, true, true, false, true, false, true, true, false,
        ])
      #expect(found[0].value == 1.5e308 && found[1].value == nil)
    }
    for check: [String: JSONValue] in [
      ["between": [.double(.nan), 5]], ["mean": between(0, .double(.nan))],
    ] {
      let codes = await CheckBench.codes(
        Validate.self, ["expect": [.object(check.merging(["column": "n"]) { $1 })]], ["of": table])
      #expect(codes == ["AX0753"], "\(check)")
    }
  }

  /// Two correlated numbers, a category that goes with them, and some missing values.
  private static func people(_ rows: Int, seed: UInt64 = 1) -> ColumnTable {
    var random = SeededRandom(seed: seed)
    var (ages, pays): ([Double?], [Double?]) = ([], [])
    var (jobs, flags): ([String?], [Bool?]) = ([], [])
    for _ in 0..<rows {
      let age = Double(Int.random(in: 18...80, using: &random))
      ages.append(age)
      pays.append(
        Int.random(in: 0..<10, using: &random) == 0
          ? nil : age * 100 + Double.random(in: 0..<900, using: &random))
      jobs.append(age < 30 ? "pupil" : age < 60 ? "clerk" : "retired")
      flags.append(Bool.random(using: &random))
    }
    return ColumnTable(
      ("age", .doubles(ages)), ("pay", .doubles(pays)), ("job", .categories(jobs)),
      ("flag", .bools(flags)))
  }

  private static let everything: [String: JSONValue] = [
    "expect": [["column": "age", "not-null": true]], "fidelity": .object([:]),
    "privacy": .object([:]), "utility": ["target": "flag", "models": ["logistic"]],
  ]

  @Test func identicalTablesAreFaithfulAndOrderChangesNothing() async throws {
    let real = Self.people(600)
    let tables = ["reference": real, "holdout": Self.people(600, seed: 2)]
    let same = try await CheckBench.run(
      Validate.self, Self.everything, tables.merging(["of": real]) { $1 }, partition: 256)
    #expect(same.value("fidelity.overall") == 1)
    for (name, figure) in same.report.metrics where name.hasPrefix("fidelity.") {
      let isDistance = name.hasPrefix("fidelity.ks(") || name.hasPrefix("fidelity.tv(")
      #expect(figure.value == (isDistance ? 0 : 1), "\(name): \(figure)")
    }
    #expect(same.value("privacy.copies.share") == 1)
    // Rows without pay may be in the holdout too: a tie.
    #expect((same.value("privacy.dcr.closer_share") ?? 0) > 0.9)
    #expect(same.value("privacy.dcr.p5") == 0)

    var rows = Array(0..<600)
    var random = SeededRandom(seed: 3)
    rows.shuffle(using: &random)
    let other = Self.people(600, seed: 4)
    var figures: [[String: Double?]] = []
    for (table, partition) in [(other, 1_000), (other.taking(rows), 64)] {
      let outcome = try await CheckBench.run(
        Validate.self, ["fidelity": .object([:]), "copies": .object([:])],
        tables.merging(["of": table]) { $1 }, partition: partition)
      // Sums of centred products depend on the order in their last digits, counts on nothing.
      figures.append(
        outcome.report.metrics.mapValues { $0.value.map { ($0 * 1e10).rounded() / 1e10 } })
    }
    #expect(figures[0] == figures[1])
    #expect(figures[0]["fidelity.overall"] != 1)
  }

  @Test(
    "notices a planted defect with the figure that is about it, and not with the others",
    arguments: ["none", "shuffled", "dropped", "copied", "missing", "shifted"])
  func plantedDefects(defect: String) async throws {
    let real = Self.people(2_000)
    var table = Self.people(2_000, seed: 5)
    var random = SeededRandom(seed: 6)
    switch (defect, table["pay"], table["age"]) {
    case ("shuffled", .doubles(var pays)?, _):
      pays.shuffle(using: &random)
      table["pay"] = .doubles(pays)
    case ("dropped", _, .doubles(let ages)?):
      table = table.taking(ages.indices.filter { (ages[$0] ?? 0) < 60 })
    case ("copied", _, _):
      let copies = real.taking(Array(0..<400))
      for index in table.columns.indices {
        if case .doubles(let a) = table.columns[index].values,
          case .doubles(let b) = copies.columns[index].values
        {
          table.columns[index].values = .doubles(a + b)
        } else if case .categories(let a) = table.columns[index].values,
          case .categories(let b) = copies.columns[index].values
        {
          table.columns[index].values = .categories(a + b)
        } else if case .bools(let a) = table.columns[index].values,
          case .bools(let b) = copies.columns[index].values
        {
          table.columns[index].values = .bools(a + b)
        }
      }
    case ("missing", .doubles(let pays)?, _):
      table["pay"] = .doubles(pays.enumerated().map { $0.offset % 3 == 0 ? nil : $0.element })
    case ("shifted", .doubles(let pays)?, _):
      table["pay"] = .doubles(pays.map { $0.map { $0 + 400 } })
    default: break
    }
    let outcome = try await CheckBench.run(
      Validate.self,
      ["fidelity": .object([:]), "privacy": ["rows": 400, "compare": 800]],
      ["of": table, "reference": real, "holdout": Self.people(2_000, seed: 8)])
    func low(_ metric: String, _ bound: Double) -> Bool {
      (outcome.value(metric) ?? .nan) < bound
    }
    #expect(low("fidelity.pair(age, pay)", 0.9) == (defect == "shuffled"))
    #expect(low("fidelity.coverage(job)", 1) == (defect == "dropped"))
    #expect(((outcome.value("privacy.copies.excess") ?? 0) > 0.1) == (defect == "copied"))
    #expect(low("fidelity.missing(pay)", 0.9) == (defect == "missing"))
    #expect(low("fidelity.shape(pay)", 0.93) == ["dropped", "shifted"].contains(defect))
    let excess = try #require(outcome.report.metrics["privacy.copies.excess"])
    #expect(((excess.low ?? 0) > 0) == (defect == "copied"), "\(excess)")
  }

  @Test func copiesAreSeenWhereTheHoldoutIsHitByChanceToo() async throws {
    var random = SeededRandom(seed: 9)
    func values(_ rows: Int) -> [Int] {
      (0..<rows).map { _ in Int.random(in: 0..<400, using: &random) }
    }
    let reference = values(800)
    let copies = (0..<500).map { _ in reference[Int.random(in: 0..<800, using: &random)] }
    for (synthetic, isCopied) in [(copies, true), (values(500), false)] {
      let outcome = try await CheckBench.run(
        Validate.self,
        ["copies": .object([:]), "gates": [["fail": "privacy.copies.excess > 0.1"]]],
        [
          "of": ColumnTable(("n", .ints(synthetic))),
          "reference": ColumnTable(("n", .ints(reference))),
          "holdout": ColumnTable(("n", .ints(values(200)))),
        ])
      let baseline = try #require(outcome.value("privacy.copies.baseline"))
      let share = try #require(outcome.value("privacy.copies.share"))
      let excess = try #require(outcome.report.metrics["privacy.copies.excess"])
      // A holdout four times as large is missed as often as four of this size.
      let missed = 1 - baseline
      let expected = share - 1 + missed * missed * missed * missed
      #expect(((excess.value ?? .nan) - expected).magnitude < 1e-12, "\(excess)")
      let (low, high) = (try #require(excess.low), try #require(excess.high))
      #expect(low < expected && expected < high)
      #expect((low > 0) == isCopied, "\(excess)")
      #expect(outcome.gates.map(\.passed) == [!isCopied], "\(excess)")
    }
  }

  /// Classes by hand: (a, x) three times with two pays, (a, y) twice with one, (b, x) once.
  @Test func classesOfEqualRowsAreCountedHoweverRowsAreCut() async throws {
    let table = ColumnTable(
      ("k", .categories(["a", "a", "a", "b", "a", "a"])),
      ("g", .texts(["x", "y", "x", "x", "x", "y"])),
      ("pay", .ints([1, 2, 3, nil, 1, 2])),
      ("job", .categories(["u", "v", "v", "u", "u", "v"])))
    let rules = ["anonymity.k < 2", "anonymity.reference.t(job) > 0.6", "anonymity.l(pay) >= 1"]
    var reports: [CheckReport] = []
    for partition in [1, 2, 100] {
      let outcome = try await CheckBench.run(
        Validate.self,
        [
          "anonymity": ["quasi_identifiers": ["k", "g"], "sensitive": ["pay", "job"]],
          "gates": .array(rules.map { ["warn": .string($0)] }),
        ], ["of": table, "reference": table.taking([0, 2, 4])], partition: partition)
      #expect(outcome.gates.map(\.passed) == [false, true, false])
      reports.append(outcome.report)
    }
    #expect(reports[0] == reports[1] && reports[1] == reports[2])
    let expected: [String: Double] = [
      "k": 1, "classes": 3, "unique_share": 1.0 / 6, "below_5": 1, "l(pay)": 1, "l(job)": 1,
      // The values are 1, 2, 3 and missing. The class of the last is furthest from all rows: sums of
      // differences are 2/6, 4/6, 5/6 and 0, over three steps.
      "t(pay)": 11.0 / 18, "t(job)": 0.5, "beta(pay)": 5, "alpha(job)": 1, "beta(job)": 1,
      "reference.k": 3, "reference.t(job)": 0, "reference.recursive_c(job)": 2,
      "reference.alpha(pay)": 2.0 / 3,
    ]
    for (name, value) in expected {
      let found = reports[0].metrics["anonymity.\(name)"]?.value ?? .nan
      #expect(abs(found - value) < 1e-12, "\(name): \(found)")
    }
    let infinite = try #require(reports[0].metrics["anonymity.recursive_c(job)"])
    #expect(infinite.value == .infinity && infinite.reason == "2 classes have fewer than 2 values")

    let none = try await CheckBench.run(
      Validate.self, ["anonymity": ["quasi_identifiers": ["k"], "sensitive": ["pay"]]],
      ["of": table.taking([])])
    #expect(none.report.metrics["anonymity.k"]?.reason == "no rows")
    #expect(none.report.metrics["anonymity.t(pay)"]?.reason == "no rows")
  }

  /// Secrets drawn by lot: only who copies knows them, and nobody those of the holdout.
  @Test func secretsAreToldByCopiesAlone() async throws {
    var random = SeededRandom(seed: 11)
    func people(_ rows: Int) -> ColumnTable {
      ColumnTable(
        ("who", .ints((0..<rows).map { $0 % 40 })),
        ("secret", .categories((0..<rows).map { _ in ["a", "b"].randomElement(using: &random) })))
    }
    let real = people(40)
    let options: [String: JSONValue] = [
      "disclosure": ["known": ["who"], "secret": ["secret"]],
      "gates": [["warn": "lower_bound(disclosure.excess(secret)) > 0"]],
    ]
    for isCopied in [true, false] {
      let table = isCopied ? real : people(4_000)
      var reports: [CheckReport] = []
      for partition in [7, 100_000] {
        let outcome = try await CheckBench.run(
          Validate.self, options,
          ["of": table, "reference": real, "holdout": people(0).taking([])],
          partition: partition)
        reports.append(outcome.report)
      }
      #expect(reports[0] == reports[1])
      #expect(reports[0].metrics["disclosure.holdout_cap(secret)"]?.value == nil)
      let holdout = people(400)
      let outcome = try await CheckBench.run(
        Validate.self, options, ["of": table, "reference": real, "holdout": holdout])
      let cap = try #require(outcome.value("disclosure.cap(secret)"))
      #expect(isCopied ? cap == 1 : abs(cap - 0.5) < 0.1, "\(cap)")
      #expect(abs((outcome.value("disclosure.holdout_cap(secret)") ?? 0) - 0.5) < 0.1)
      #expect(outcome.value("disclosure.baseline_uniform(secret)") == 0.5)
      #expect(outcome.gates.map(\.passed) == [!isCopied])
    }
  }

  @Test func saysWhyWhatCannotBeComputedIsNot() async throws {
    let real = Self.people(50)
    var flat = Self.people(40, seed: 2)
    flat["pay"] = .doubles(Array(repeating: 7, count: 40))
    flat["flag"] = .bools(Array(repeating: true, count: 40))
    let outcome = try await CheckBench.run(
      Validate.self, Self.everything,
      ["of": flat, "reference": real, "holdout": real.taking([0, 1, 2])])
    for (name, figure) in outcome.report.metrics {
      #expect(figure.value != nil || figure.reason != nil, "\(name)")
      #expect(figure.value?.isNaN != true, "\(name)")
    }
    #expect(
      outcome.report.metrics["fidelity.pair(age, pay)"]?.reason == "one of them does not vary")
    #expect(
      outcome.report.metrics["utility.logistic.tstr.auc"]?.reason
        == "the rows it learns from have one class")
    #expect(outcome.report.metrics["privacy.dcr.closer_share"]?.verdict == .insufficient)

    let empty = try await CheckBench.run(
      Validate.self, Self.everything, ["of": real.taking([]), "reference": real, "holdout": real])
    for name in ["fidelity.overall", "privacy.copies.share", "privacy.dcr.median"] {
      #expect(empty.report.metrics[name]?.value == nil, "\(name)")
    }
    #expect(empty.gates.isEmpty)
  }

  /// Of ten thousands of pairs only those are told that people look for; the means are over all.
  @Test func wideTablesTellOfTheFurthestPairs() async throws {
    func table(_ seed: UInt64) -> ColumnTable {
      var random = SeededRandom(seed: seed)
      var table = ColumnTable()
      for column in 0..<150 {
        table.columns.append(
          ("c\(column)", .ints((0..<12).map { _ in Int.random(in: 0..<9, using: &random) })))
      }
      return table
    }
    let tables = ["of": table(1), "reference": table(2)]
    func told(_ options: [String: JSONValue]) async throws -> CheckBench.Outcome {
      try await CheckBench.run(
        Validate.self, options.merging(["fidelity": .object([:])]) { $1 }, tables)
    }
    let outcome = try await told([:])
    let pairs = outcome.report.metrics.filter { $0.key.hasPrefix("fidelity.pair(") }
    #expect(pairs.count == 10_000)
    let all = try #require(outcome.report.metrics["fidelity.pair_trends"])
    #expect(all.support == 150 * 149 / 2)
    let mean = pairs.values.reduce(0) { $0 + ($1.value ?? .nan) } / 10_000
    #expect(mean < (all.value ?? 0))
    let section = try #require(outcome.report.sections.first)
    #expect(section.text.contains("over all 11175 pairs; the 1175 that"))
    var maps = 0
    for case .heatmap(let title, let names, _, let values, _, _) in section.charts {
      maps += 1
      #expect(title == "Pair trends of the 100 of 150 columns that lie furthest from the reference")
      #expect(names.count == 100 && values.count == 100)
    }
    #expect(maps == 1)
    // One of those that were left out is there for a gate.
    let left = try #require(
      (0..<150).lazy.flatMap { a in (a + 1..<150).map { "fidelity.pair(c\(a), c\($0))" } }
        .first { pairs[$0] == nil })
    let gated = try await told(["gates": [["fail": .string("\(left) < 0")]]])
    #expect(gated.report.metrics.count { $0.key.hasPrefix("fidelity.pair(") } == 10_001)
    #expect(gated.gates.map(\.passed) == [true])
    #expect((gated.value(left) ?? 0) >= pairs.values.compactMap(\.value).max() ?? 1)
  }

  /// Categories that look alike are features of their own.
  @Test func modelsTellSpellingsApart() async throws {
    let (one, two) = ("caf\u{e9}", "cafe\u{301}")
    func table(_ rows: Int) -> ColumnTable {
      ColumnTable(
        ("place", .categories((0..<rows).map { $0 % 2 == 0 ? one : two })),
        ("paid", .categories((0..<rows).map { $0 % 2 == 0 ? two : one })))
    }
    for positive in [one, two] {
      let outcome = try await CheckBench.run(
        Validate.self,
        [
          "utility": [
            "target": "paid", "positive": .string(positive), "models": ["logistic"],
          ]
        ],
        ["of": table(60), "reference": table(80), "holdout": table(40)])
      #expect(outcome.value("utility.logistic.tstr.auc") == 1)
    }
  }

  @Test func everyListedMetricCanStandInAGate() async throws {
    var mix = Self.people(120, seed: 2)
    mix.columns.append(
      (
        Schema.originSource,
        .categories((0..<120).map { $0 % 2 == 0 ? "made up" : "reference" })
      ))
    mix.columns.append((Schema.originRow, .ints(Array(0..<120))))
    for table in [mix, Self.people(120, seed: 2)] {
      let tables = [
        "of": table, "reference": Self.people(100), "holdout": Self.people(90, seed: 3),
      ]
      let first = try await CheckBench.run(Validate.self, Self.everything, tables)
      #expect(first.report.metrics.count > 40)
      let names = first.report.metrics.keys.sorted()
      let again = try await CheckBench.run(
        Validate.self,
        Self.everything.merging([
          "gates": .array(
            names.map { .object(["warn": .string("\($0) is null or \($0) > -1e9")]) })
        ]) { $1 }, tables)
      let gates = again.gates.filter { $0.rule.contains("is null") }
      #expect(gates.count == names.count && gates.allSatisfy { !$0.passed })
      for (name, gate) in zip(names, gates) {
        #expect(gate.measurement == first.report.metrics[name], "\(name)")
      }
    }
    #expect(
      await CheckBench.codes(
        Validate.self,
        Self.everything.merging(["gates": [["warn": "fidelity.ks(agee) > 1"]]]) { $1 },
        ["of": Self.people(9), "reference": Self.people(9), "holdout": Self.people(9)])
        == ["AX0772"])
  }
}
