import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixTestSupport
import Testing

@Suite struct NetworkConditionsTests {
  private static func within(
    _ column: String, _ low: String?, _ high: String?, including: Bool = true
  ) -> Condition {
    func bound(_ text: String?) -> Condition.Bound? {
      text.map { Condition.Bound($0, isInclusive: including) }
    }
    return Condition(column: column, requirement: .range(low: bound(low), high: bound(high)))
  }

  private static func one(_ column: String, of values: String...) -> Condition {
    Condition(column: column, requirement: .oneOf(values))
  }

  private static let cases: [(String, [Condition])] = [
    ("one level", [one("city", of: "Genf")]),
    ("two levels", [one("city", of: "Zug", "Genf")]),
    ("a missing level", [Condition(column: "city", requirement: .isMissing)]),
    ("a level that is there", [Condition(column: "city", requirement: .isPresent)]),
    ("no income", [Condition(column: "income", requirement: .isMissing)]),
    ("some income", [within("income", "41000.005", nil)]),
    (
      "ages, members and cities",
      [within("age", "30", "39.5"), one("member", of: "true"), one("city", of: "Bern", "Lugano")]
    ),
    ("listed ages", [one("age", of: "25", "50")]),
    ("dates", [within("joined", "2019-06-01", "2019-12-31")]),
    ("times", [within("seen", "2023-11-14 22:00", nil, including: false)]),
    (
      "half of everything",
      [
        within("age", "40", nil), within("income", nil, "45000"), one("note", of: "late", "early"),
        within("joined", "2019-01-01", nil), one("member", of: "true"),
      ]
    ),
  ]

  /// Rows with conditions are distributed like the rows of an unconditioned sample that meet them.
  @Test("draws from the conditional distribution", arguments: [2, 3])
  func drawsExactly(parents: Int) throws {
    let options: JSONValue = ["parents": JSONValue(parents), "levels": 12]
    let model = try BayesianNetworkTests.learn(Laboratory.people(6_000), options)
    let pool = try BayesianNetworkTests.draw(model, rows: 60_000, seed: 3)
    for (name, conditions) in Self.cases {
      let drawn = try BayesianNetworkTests.draw(model, rows: 3_000, where: conditions)
      var keep = [Bool](repeating: true, count: pool.rows)
      for condition in conditions {
        let rule = try condition.rule(pool.schema)
        #expect(try rule.mask(drawn).trueCount == 3_000, "\(name): \(condition.column)")
        let mask = try rule.mask(pool)
        for row in keep.indices where !mask[row] { keep[row] = false }
      }
      let chosen = keep.indices.filter { keep[$0] }
      let oracle = pool.taking(chosen)
      // The two-sample Kolmogorov-Smirnov bound at about one in a hundred thousand.
      let bound = 2.5 * (1 / Double(chosen.count) + 1 / 3_000.0).squareRoot()
      for column in ["age", "income", "city", "member", "joined", "seen", "note"] {
        let distance = Laboratory.distance(
          try Laboratory.named(drawn, column), try Laboratory.named(oracle, column))
        #expect(
          distance < bound,
          "\(name), \(chosen.count) rows: \(column) differs by \(distance), bound \(bound)")
      }
    }
  }

  @Test(
    "says which condition cannot be met",
    arguments: [
      ("AX0601", "unknown column 'agee'", Condition(column: "agee", requirement: .isPresent)),
      ("AX0601", "unknown column 'mail'", Condition(column: "mail", requirement: .isPresent)),
      ("AX0601", "column 'number' cannot", one("number", of: "1")),
      ("AX0602", "'young' is no value", one("age", of: "young")),
      ("AX0602", "no order", within("city", "A", nil)),
      ("AX0603", "'Benr'", one("city", of: "Benr")),
      ("AX0603", "no training row", one("age", of: "30.5")),
      ("AX0603", "no training row", Condition(column: "age", requirement: .isMissing)),
      ("AX0603", "no training row", within("income", "1e9", nil)),
    ])
  func refuses(code: String, fact: String, condition: Condition) throws {
    let model = try BayesianNetworkTests.learn(Laboratory.people(1_000))
    do {
      _ = try BayesianNetworkTests.draw(model, rows: 10, where: [condition])
      Issue.record("no error")
    } catch let report as Diagnostics {
      #expect(report.items.map(\.code) == [code])
      #expect(report.items[0].fact.contains(fact), "\(report.items[0].fact)")
      // Values of the data are not proposed.
      if fact.contains("Benr") { #expect(!"\(report.items)".contains("Bern")) }
      if fact.contains("agee") { #expect(report.items[0].hint == "did you mean 'age'?") }
    }
    for twice in [
      [Self.one("city", of: "Bern"), Self.one("city", of: "Zug", "Genf")],
      [Self.within("age", "40", nil), Self.within("age", nil, "39")],
      [
        Condition(column: "income", requirement: .isMissing),
        Condition(column: "income", requirement: .isPresent),
      ],
    ] {
      let error = #expect(throws: Diagnostics.self) {
        _ = try BayesianNetworkTests.draw(model, rows: 10, where: twice)
      }
      #expect(error?.items.map(\.code) == ["AX0604"])
    }
  }

  /// A dozen columns that all hang together are too many for elimination: there rows are proposed and
  /// refused, and come from the same distribution.
  @Test func proposesWhereEliminationIsTooLarge() throws {
    var random = SeededRandom(seed: 9)
    let schema = Schema((0..<14).map { ColumnSchema("x\($0)", .int) })
    var builders = schema.columns.map { ColumnBuilder($0, capacity: 20_000) }
    for _ in 0..<20_000 {
      var values: [Int] = []
      for at in 0..<14 {
        let noise = Int.random(in: 0..<14, using: &random)
        let sum = values.suffix(3).reduce(0, +)
        values.append(at == 0 ? noise : (sum + noise) % 20)
      }
      for (at, value) in values.enumerated() { builders[at].append(int: value) }
    }
    let batch = Batch(schema: schema, columns: builders.map { $0.finish() })
    let model = try BayesianNetworkTests.learn(batch)
    let conditions = [
      Self.within("x2", "0", "9"), Self.within("x7", "5", "14"), Self.within("x10", "0", "9"),
      Self.within("x13", "0", "12"),
    ]
    let drawn = try BayesianNetworkTests.draw(model, rows: 1_500, where: conditions)
    let pool = try BayesianNetworkTests.draw(model, rows: 40_000, seed: 3)
    var keep = [Bool](repeating: true, count: pool.rows)
    for condition in conditions {
      let rule = try condition.rule(schema)
      #expect(try rule.mask(drawn).trueCount == 1_500)
      let mask = try rule.mask(pool)
      for row in keep.indices where !mask[row] { keep[row] = false }
    }
    let oracle = pool.taking(keep.indices.filter { keep[$0] })
    let bound = 2.5 * (1 / Double(oracle.rows) + 1 / 1_500.0).squareRoot()
    for name in schema.names {
      let distance = Laboratory.distance(
        try Laboratory.named(drawn, name), try Laboratory.named(oracle, name))
      #expect(distance < bound, "\(name): \(distance), bound \(bound)")
    }
  }
}
