import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

@Suite struct GaussianCopulaTests {
  @Test func learnsTheSameBitsHoweverTheRowsWereDivided() throws {
    let people = Laboratory.people(3_000)
    let whole = try Laboratory.learn(people)
    for cuts in [
      [1], [1_000, 2_000], [17, 18, 2_999], Array(stride(from: 100, to: 3_000, by: 100)),
    ] {
      let edges = [0] + cuts + [people.rows]
      let parts = zip(edges, edges.dropFirst()).map { people.slice($0..<$1) }
      let divided = try Laboratory.learn(parts, schema: people.schema).model
      #expect(divided == whole)
    }
  }

  @Test func drawsTheSameBytesHoweverTheRowsAreDivided() throws {
    let model = try Laboratory.learn(Laboratory.people(2_000))
    for conditions in [[], [Condition(column: "city", requirement: .oneOf(["Zug", "Genf"]))]] {
      let request = Laboratory.request(model, rows: 1_500, where: conditions)
      let sampler = try Laboratory.copula().sampler(request)
      let whole = try sampler.sample(Array(0..<1_500), of: "data", attempt: 0)
      forEverySeed(6) { random in
        let from = Int.random(in: 0..<1_400, using: &random)
        let to = Int.random(in: from..<1_500, using: &random)
        let part = try? sampler.sample(Array(from..<to), of: "data", attempt: 0)
        return part?.difference(from: whole.slice(from..<to)) == nil && part != nil
      }
      let shuffled = [3, 1_499, 0, 512, 511]
      let some = try sampler.sample(shuffled, of: "data", attempt: 0)
      #expect(some.difference(from: whole.taking(shuffled)) == nil)
      let again = try sampler.sample(Array(0..<1_500), of: "data", attempt: 1)
      #expect(again.difference(from: whole) != nil)
      #expect(
        try again.selecting(["number"])?.difference(from: #require(whole.selecting(["number"])))
          == nil)
      let other = try Laboratory.draw(model, rows: 1_500, seed: 8, where: conditions)
      #expect(other.difference(from: whole) != nil)
    }
  }

  @Test func keepsMarginalsGapsAndCorrelations() throws {
    let real = Laboratory.people(12_000)
    let learned = try Laboratory.learn([real], schema: real.schema)
    #expect(learned.warnings.map(\.code) == ["AX0606"])  // mail is pii
    let drawn = try Laboratory.draw(learned.model, rows: 12_000)
    #expect(
      drawn.schema.names == ["age", "income", "city", "member", "joined", "seen", "note", "number"])
    let names = ["age", "income", "city", "member", "joined", "seen", "note"]
    for name in names {
      let a = try Laboratory.named(real, name)
      let b = try Laboratory.named(drawn, name)
      #expect(Laboratory.distance(a, b) < 0.025, "\(name)")
      let gaps = (a.filter { $0 == nil }.count, b.filter { $0 == nil }.count)
      #expect(Double(abs(gaps.0 - gaps.1)) < 0.012 * 12_000, "\(name): \(gaps)")
    }
    for name in ["income", "member", "joined"] {
      for other in ["age", "joined", "seen"] where other != name {
        let a = Laboratory.correlation(
          try Laboratory.named(real, name), try Laboratory.named(real, other))
        let b = Laboratory.correlation(
          try Laboratory.named(drawn, name), try Laboratory.named(drawn, other))
        #expect((a - b).magnitude < 0.05, "\(name), \(other): \(a) and \(b)")
      }
    }
    // The gaps of income go with age; cities keep their order along it.
    func meanAge(_ batch: Batch, _ isIncluded: (Double?, Double?) -> Bool) throws -> Double {
      let age = try Laboratory.named(batch, "age").map { $0 ?? 0 }
      let income = try Laboratory.named(batch, "income")
      let city = try Laboratory.named(batch, "city")
      let chosen = age.indices.filter { isIncluded(income[$0], city[$0]) }
      return chosen.reduce(0) { $0 + age[$1] } / Double(chosen.count)
    }
    #expect(
      (try meanAge(real) { i, _ in i == nil } - meanAge(drawn) { i, _ in i == nil }).magnitude < 1)
    for code in 0..<4 {
      let real = try meanAge(real) { _, c in c == Double(code) }
      let drawn = try meanAge(drawn) { _, c in c == Double(code) }
      #expect((real - drawn).magnitude < 1.5, "city \(code): \(real) and \(drawn)")
    }
    // Incomes have two digits, times whole minutes, and numbers are new and unique.
    #expect(
      try Laboratory.named(drawn, "income").allSatisfy { x in
        x.map { ($0 * 100).rounded() / 100 == $0 } ?? true
      })
    #expect(
      try Laboratory.named(drawn, "seen").allSatisfy { x in
        x.map { ($0 - 1.7e15).truncatingRemainder(dividingBy: 6e7) == 0 } ?? true
      })
    let numbers = try Laboratory.named(drawn, "number").map { $0 ?? 0 }
    #expect(Set(numbers).count == 12_000 && numbers.allSatisfy { $0 >= 1e12 })
    let report = try #require(try Laboratory.copula().explain(model: learned.model))
    #expect(report.summary == "learned 8 columns from 12000 rows, 8 latent variables")
    #expect(report.sections.count == 3)
  }

  @Test func drawsConditionsExactlyAndFromTheRightDistribution() throws {
    let model = try Laboratory.learn(Laboratory.people(6_000))
    let pool = try Laboratory.draw(model, rows: 60_000, seed: 3)
    func number(_ name: String, _ test: @escaping (Double?) -> Bool) -> (Batch) throws -> [Bool] {
      { batch in try Laboratory.named(batch, name).map(test) }
    }
    let low = Condition.Bound("30", isInclusive: true)
    let cases: [(String, [Condition], [(Batch) throws -> [Bool]])] = [
      (
        "one level", [Condition(column: "city", requirement: .oneOf(["Genf"]))],
        [number("city") { $0 == 1 }]
      ),
      (
        "levels apart in order", [Condition(column: "city", requirement: .oneOf(["Zug", "Genf"]))],
        [number("city") { $0 == 3 || $0 == 1 }]
      ),
      (
        "missing level", [Condition(column: "city", requirement: .isMissing)],
        [number("city") { $0 == nil }]
      ),
      (
        "present level", [Condition(column: "city", requirement: .isPresent)],
        [number("city") { $0 != nil }]
      ),
      (
        "no income", [Condition(column: "income", requirement: .isMissing)],
        [number("income") { $0 == nil }]
      ),
      (
        "some income",
        [
          Condition(
            column: "income",
            requirement: .range(low: .init("41000.005", isInclusive: true), high: nil))
        ],
        [number("income") { ($0 ?? 0) >= 41_000.005 }]
      ),
      (
        "ages and members",
        [
          Condition(
            column: "age", requirement: .range(low: low, high: .init("40", isInclusive: false))),
          Condition(column: "member", requirement: .oneOf(["true"])),
          Condition(column: "city", requirement: .oneOf(["Bern", "Lugano"])),
        ],
        [
          number("age") { ($0 ?? 0) >= 30 && ($0 ?? 99) < 40 }, number("member") { $0 == 1 },
          number("city") { $0 == 0 || $0 == 2 },
        ]
      ),
      (
        "listed ages", [Condition(column: "age", requirement: .oneOf(["25", "50"]))],
        [number("age") { $0 == 25 || $0 == 50 }]
      ),
      (
        "dates",
        [
          Condition(
            column: "joined",
            requirement: .range(
              low: .init("2019-06-01", isInclusive: true),
              high: .init("2019-12-31", isInclusive: true)))
        ],
        [number("joined") { ($0 ?? 0) >= 18_048 && ($0 ?? 0) <= 18_261 }]
      ),
      (
        "a time never seen missing is there",
        [
          Condition(
            column: "seen",
            requirement: .range(low: .init("2023-11-14 22:00", isInclusive: false), high: nil))
        ],
        [number("seen") { ($0 ?? 0) > 1_699_999_200e6 }]
      ),
    ]
    for (name, conditions, tests) in cases {
      let drawn = try Laboratory.draw(model, rows: 3_000, where: conditions)
      for test in tests { #expect(try test(drawn).allSatisfy { $0 }, "\(name)") }
      var keep = [Bool](repeating: true, count: pool.rows)
      for test in tests { keep = zip(keep, try test(pool)).map { $0 && $1 } }
      let chosen = keep.indices.filter { keep[$0] }
      let oracle = pool.taking(chosen)
      // The two-sample Kolmogorov-Smirnov bound at about one in a hundred thousand.
      let bound = 2.5 * (1 / Double(chosen.count) + 1 / 3_000.0).squareRoot()
      for column in ["age", "income", "city", "member", "joined", "seen", "note"] {
        let distance = Laboratory.distance(
          try Laboratory.named(drawn, column), try Laboratory.named(oracle, column))
        #expect(distance < bound, "\(name): \(column) differs by \(distance), bound \(bound)")
      }
    }
  }

  @Test(
    "says which condition cannot be met",
    arguments: [
      ("AX0601", "unknown column 'agee'", Condition(column: "agee", requirement: .isPresent)),
      ("AX0601", "unknown column 'mail'", Condition(column: "mail", requirement: .isPresent)),
      ("AX0601", "column 'number' cannot", Condition(column: "number", requirement: .oneOf(["1"]))),
      ("AX0602", "'young' is no value", Condition(column: "age", requirement: .oneOf(["young"]))),
      (
        "AX0602", "no order",
        Condition(
          column: "city", requirement: .range(low: .init("A", isInclusive: true), high: nil))
      ),
      ("AX0603", "'Benr'", Condition(column: "city", requirement: .oneOf(["Benr"]))),
      ("AX0603", "no training row", Condition(column: "age", requirement: .oneOf(["30.5"]))),
      ("AX0603", "no training row", Condition(column: "age", requirement: .isMissing)),
      (
        "AX0603", "no training row",
        Condition(
          column: "income", requirement: .range(low: .init("1e9", isInclusive: true), high: nil))
      ),
    ])
  func refuses(code: String, fact: String, condition: Condition) throws {
    let model = try Laboratory.learn(Laboratory.people(1_000))
    do {
      _ = try Laboratory.draw(model, rows: 10, where: [condition])
      Issue.record("no error")
    } catch let report as Diagnostics {
      #expect(report.items.map(\.code) == [code])
      #expect(report.items[0].fact.contains(fact), "\(report.items[0].fact)")
      // Values of the data are not proposed.
      if fact.contains("Benr") { #expect(!"\(report.items)".contains("Bern")) }
      if fact.contains("agee") { #expect(report.items[0].hint == "did you mean 'age'?") }
    }
    let twice = [
      Condition(column: "city", requirement: .oneOf(["Bern"])),
      Condition(column: "city", requirement: .oneOf(["Zug", "Genf"])),
    ]
    let error = #expect(throws: Diagnostics.self) {
      _ = try Laboratory.draw(model, rows: 10, where: twice)
    }
    #expect(error?.items.map(\.code) == ["AX0604"])
  }

  @Test func copesWithPoorTables() throws {
    func table(_ columns: [(ColumnSchema, [Double?])]) -> Batch {
      let built = columns.map { schema, values in
        var builder = ColumnBuilder(schema, capacity: values.count)
        for value in values {
          if let value {
            switch schema.type {
            case .double: builder.append(double: value)
            case .category: builder.append(code: Int(value))
            default: builder.append(int: Int64(value))
            }
          } else {
            builder.appendMissing()
          }
        }
        return builder.finish()
      }
      return Batch(
        schema: Schema(columns.map(\.0)), columns: built, rows: columns.first?.1.count ?? 0)
    }
    let x = ColumnSchema("x", .int)
    let y = ColumnSchema("y", .double)
    let c = ColumnSchema("c", .category, categories: ["a", "b"])
    // One row; constants; nothing but gaps: all come back as they are.
    for batch in [
      table([(x, [5]), (y, [0.25]), (c, [1])]),
      table([(x, [3, 3, 3]), (y, [nil, nil, nil]), (c, [nil, nil, nil])]),
    ] {
      let drawn = try Laboratory.draw(Laboratory.learn(batch), rows: batch.rows)
      #expect(drawn.difference(from: batch) == nil)
    }
    // Columns that determine each other still do.
    let values = (0..<500).map { Double($0 % 97) }
    let twins = table([
      (x, values), (y, values.map { 2 * $0 }), (c, values.map { $0 < 48 ? 0 : 1 }),
    ])
    let drawn = try Laboratory.draw(Laboratory.learn(twins), rows: 500)
    let r = Laboratory.correlation(
      try Laboratory.named(drawn, "x"), try Laboratory.named(drawn, "y"))
    #expect(r > 0.995)
    // No rows at all can be drawn, but not learned from.
    #expect(try Laboratory.draw(Laboratory.learn(twins), rows: 0).rows == 0)
    func code(_ batch: Batch) -> [String] {
      do {
        _ = try Laboratory.learn(batch)
        return []
      } catch let report as Diagnostics {
        return report.items.map(\.code)
      } catch {
        return ["\(error)"]
      }
    }
    #expect(code(table([(x, [])])) == ["AX0605"])
    #expect(
      code(table([(ColumnSchema("x", .int, roles: [.ignore]), [1])])) == ["AX0605"])
    #expect(code(table([(x, [1, 0x1p60])])) == ["AX0607"])
    // A value that is not a number is learned as missing, and said so.
    let odd = table([(y, [1, .nan, 2, .infinity])])
    let learned = try Laboratory.learn([odd], schema: odd.schema)
    #expect(learned.warnings.map(\.code) == ["AX0608"])
    #expect(
      try Laboratory.named(Laboratory.draw(learned.model, rows: 200), "y").contains { $0 == nil })
    // Free text.
    var builder = ColumnBuilder(ColumnSchema("t", .text), capacity: 1_200)
    for row in 0..<1_200 { builder.append(text: "text \(row)") }
    let texts = Batch(schema: Schema([ColumnSchema("t", .text)]), columns: [builder.finish()])
    #expect(code(texts) == ["AX0609"])
    let resample = Laboratory.copula(["text": "resample"])
    let model = try Laboratory.learn([texts], schema: texts.schema, with: resample).model
    #expect(Set(try Laboratory.named(Laboratory.draw(model, rows: 50), "t")).count > 1)
    // Two spellings of one word are two texts, however the rows were divided.
    let (one, two) = ("caf\u{e9}", "cafe\u{301}")
    var cafes = ColumnBuilder(ColumnSchema("t", .text), capacity: 40)
    for row in 0..<40 { cafes.append(text: row % 4 == 0 ? one : two) }
    let both = Batch(schema: texts.schema, columns: [cafes.finish()])
    for parts in [[both], [both.slice(0..<1), both.slice(1..<40)]] {
      let model = try Laboratory.learn(parts, schema: both.schema).model
      let drawn = try #require(Laboratory.draw(model, rows: 200)["t"])
      guard case .text(let words) = drawn.values else { return }
      let seen = CategoryIndex.distinct((0..<200).map { words[$0] })
      #expect(seen.map { Array($0.utf8) } == [two, one].map { Array($0.utf8) })
      for text in [one, two] {
        let condition = Condition(column: "t", requirement: .oneOf([text]))
        let column = try #require(Laboratory.draw(model, rows: 20, where: [condition])["t"])
        guard case .text(let words) = column.values else { return }
        #expect((0..<20).allSatisfy { words[$0].utf8.elementsEqual(text.utf8) })
      }
    }
    // Damaged models and statistics are errors, not crashes.
    forEverySeed(60) { random in
      var bytes = model
      bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
        in: 0...255, using: &random)
      if let batch = try? Laboratory.draw(bytes, rows: 5) { return batch.rows == 5 }
      return true
    }
    #expect(throws: (any Error).self) {
      _ = try Laboratory.copula().combine(
        pass: 0, StatisticsList([Data([1, 2, 3])]),
        learning: LearningContext(schema: twins.schema, state: nil))
    }
  }

  @Test func keepsTheShapeOfManyDistinctValues() throws {
    var random = Normals(seed: 5)
    let schema = Schema([ColumnSchema("x", .double), ColumnSchema("n", .int)])
    var x = ColumnBuilder(schema.columns[0], capacity: 90_000)
    var n = ColumnBuilder(schema.columns[1], capacity: 90_000)
    for row in 0..<90_000 {
      let z = random.next()
      x.append(double: row % 5 == 0 ? 0 : exp(z))
      n.append(int: Int((1e6 * (z + 0.2 * random.next())).rounded()) * 5 + 3)
    }
    let batch = Batch(schema: schema, columns: [x.finish(), n.finish()])
    let parts = [0..<40_000, 40_000..<45_000, 45_000..<90_000].map { batch.slice($0) }
    let model = try Laboratory.learn(parts, schema: schema).model
    #expect(model.count < 250_000)
    let drawn = try Laboratory.draw(model, rows: 30_000)
    for name in ["x", "n"] {
      let distance = Laboratory.distance(
        try Laboratory.named(batch, name), try Laboratory.named(drawn, name))
      #expect(distance < 0.015, "\(name): \(distance)")
    }
    #expect(try Laboratory.named(drawn, "n").allSatisfy { (Int($0 ?? 0) - 3) % 5 == 0 })
    let range = Condition.Requirement.range(
      low: .init("1.5", isInclusive: false), high: .init("1.6", isInclusive: false))
    let narrow = try Laboratory.draw(
      model, rows: 500, where: [Condition(column: "x", requirement: range)])
    #expect(try Laboratory.named(narrow, "x").allSatisfy { ($0 ?? 0) > 1.5 && ($0 ?? 9) < 1.6 })
    let point = try Laboratory.draw(
      model, rows: 50,
      where: [Condition(column: "x", requirement: .oneOf(["1.234", "2.5", "0"]))])
    #expect(try Laboratory.named(point, "x").allSatisfy { [1.234, 2.5, 0].contains($0) })
  }
}
