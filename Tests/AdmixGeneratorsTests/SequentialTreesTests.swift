import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

@Suite struct SequentialTreesTests {
  private static let learnedNames = ["age", "income", "city", "member", "joined", "seen", "note"]

  private static func learn(_ batch: Batch, _ options: JSONValue = [:]) throws -> Data {
    try Laboratory.learn([batch], schema: batch.schema, with: Laboratory.trees(options)).model
  }

  private static func draw(
    _ model: Data, rows: Int, seed: UInt64 = 7, where conditions: [Condition] = [],
    _ options: JSONValue = [:]
  ) throws -> Batch {
    try Laboratory.draw(
      model, rows: rows, seed: seed, where: conditions, with: Laboratory.trees(options))
  }

  @Test func learnsTheSameBitsHoweverTheRowsWereDivided() throws {
    let people = Laboratory.people(1_500)
    let whole = try Self.learn(people)
    for cuts in [[1], [700, 701], Array(stride(from: 100, to: 1_500, by: 100))] {
      let edges = [0] + cuts + [people.rows]
      let parts = zip(edges, edges.dropFirst()).map { people.slice($0..<$1) }
      let divided = try Laboratory.learn(
        parts, schema: people.schema, with: Laboratory.trees()
      ).model
      #expect(divided == whole)
    }
    // What is noted of a partition rests on its own rows: not on which categories others have.
    var fewer = people.schema
    fewer.columns[2].categories = ["Bern", "Genf", "Lugano", "Sion", "Zug"]
    let recoded = Batch(
      schema: fewer,
      columns: try people.columns.enumerated().map { index, column in
        index == 2 ? try column.recoded(to: fewer.columns[2].categories) : column
      }, rows: people.rows)
    let trees = Laboratory.trees()
    let notes = try [people, recoded].map {
      try trees.statistics(
        pass: 0, of: $0, learning: LearningContext(schema: $0.schema, state: nil))
    }
    #expect(notes[0] == notes[1])
  }

  @Test func drawsTheSameBytesHoweverTheRowsAreDivided() throws {
    let model = try Self.learn(Laboratory.people(2_000))
    let female = Condition(column: "city", requirement: .oneOf(["Zug", "Genf"]))
    for conditions in [[], [female]] {
      let request = Laboratory.request(model, rows: 3_000, where: conditions)
      let sampler = try Laboratory.trees().sampler(request)
      // More than a block of rows.
      let whole = try sampler.sample(Array(0..<3_000), of: "data", attempt: 0)
      forEverySeed(6) { random in
        let from = Int.random(in: 0..<2_900, using: &random)
        let to = Int.random(in: from..<3_000, using: &random)
        let part = try? sampler.sample(Array(from..<to), of: "data", attempt: 0)
        return part?.difference(from: whole.slice(from..<to)) == nil && part != nil
      }
      let shuffled = [3, 2_999, 0, 2_048, 2_047]
      let some = try sampler.sample(shuffled, of: "data", attempt: 0)
      #expect(some.difference(from: whole.taking(shuffled)) == nil)
      let again = try sampler.sample(Array(0..<3_000), of: "data", attempt: 1)
      #expect(again.difference(from: whole) != nil)
      #expect(
        try again.selecting(["number"])?.difference(from: #require(whole.selecting(["number"])))
          == nil)
      let other = try Self.draw(model, rows: 3_000, seed: 8, where: conditions)
      #expect(other.difference(from: whole) != nil)
      // More rows asked for: those already made stay.
      let more = try Laboratory.trees().sampler(
        Laboratory.request(model, rows: 9_000, where: conditions))
      let head = try more.sample(Array(0..<200), of: "data", attempt: 0)
      #expect(head.difference(from: whole.slice(0..<200)) == nil)
    }
  }

  @Test func keepsMarginalsGapsAndGrids() throws {
    let real = Laboratory.people(8_000)
    let trees = Laboratory.trees()
    let learned = try Laboratory.learn([real], schema: real.schema, with: trees)
    #expect(learned.warnings.map(\.code) == ["AX0606"])  // mail is pii
    let drawn = try Self.draw(learned.model, rows: 8_000)
    #expect(drawn.schema.names == Self.learnedNames + ["number"])
    for name in Self.learnedNames {
      let a = try Laboratory.named(real, name)
      let b = try Laboratory.named(drawn, name)
      #expect(Laboratory.distance(a, b) < 0.03, "\(name)")
      let gaps = (a.count { $0 == nil }, b.count { $0 == nil })
      #expect(Double(abs(gaps.0 - gaps.1)) < 0.015 * 8_000, "\(name): \(gaps)")
      #expect((gaps.0 == 0) == (gaps.1 == 0), "\(name)")
      let (x, y) = (a.compactMap { $0 }, b.compactMap { $0 })
      #expect(
        y.allSatisfy { $0 >= (x.min() ?? 0) && $0 <= (x.max() ?? 0) },
        "\(name) leaves the training data's range")
    }
    for (name, other) in [("income", "age"), ("member", "age"), ("joined", "age")] {
      let a = Laboratory.correlation(
        try Laboratory.named(real, name), try Laboratory.named(real, other))
      let b = Laboratory.correlation(
        try Laboratory.named(drawn, name), try Laboratory.named(drawn, other))
      #expect((a - b).magnitude < 0.05, "\(name), \(other): \(a) and \(b)")
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
    #expect(Set(numbers).count == 8_000 && numbers.allSatisfy { $0 >= 1e12 })
    let report = try #require(try trees.explain(model: learned.model))
    #expect(
      report.summary == "learned 8 columns from 8000 of 8000 rows, at least 25 in a leaf")
    #expect(report.sections.map(\.title).contains("Drawn on their own"))
    #expect(BuiltinGenerators.explain(model: learned.model)?.title == "Sequential trees")
  }

  /// What no correlation shows: a curve, a difference of two switches, a spread that depends, a copy.
  @Test func recoversDependencesThatCorrelationsMiss() throws {
    var random = Normals(seed: 3)
    var columns: [[Double?]] = Array(repeating: [], count: 6)
    for row in 0..<6_000 {
      let x = random.next()
      let (p, q) = (random.next() > 0 ? 1.0 : 0, random.next() > 0 ? 1.0 : 0)
      columns[0].append((x * 1_000).rounded() / 1_000)
      columns[1].append(((x * x + 0.1 * random.next()) * 1_000).rounded() / 1_000)
      columns[2].append(p)
      columns[3].append(q)
      columns[4].append(p == q ? 1 : 0)
      columns[5].append(row % 3 == 0 ? nil : (random.next() * (p == 1 ? 10 : 1)).rounded() + 50)
    }
    let real = Laboratory.table([
      (ColumnSchema("x", .double), columns[0]), (ColumnSchema("curve", .double), columns[1]),
      (ColumnSchema("p", .bool), columns[2]), (ColumnSchema("q", .bool), columns[3]),
      (ColumnSchema("same", .bool), columns[4]), (ColumnSchema("spread", .int), columns[5]),
    ])
    let drawn = try Self.draw(Self.learn(real), rows: 6_000)
    let made = try real.schema.names.map { try Laboratory.named(drawn, $0) }
    let residuals = zip(made[0], made[1]).map { x, y in (y ?? 0) - (x ?? 0) * (x ?? 0) }
    let spread = (residuals.reduce(0) { $0 + $1 * $1 } / 6_000).squareRoot()
    #expect(spread < 0.5, "the curve is \(spread) wide: 0.1 in truth, 1.4 where it is lost")
    let broken = (0..<6_000).count { (made[2][$0] == made[3][$0]) != (made[4][$0] == 1) }
    #expect(broken == 0, "\(broken) rows break 'same'")
    func deviation(_ flag: Double) -> Double {
      let values = (0..<6_000).filter { made[2][$0] == flag }.compactMap { made[5][$0] }
      let mean = values.reduce(0, +) / Double(values.count)
      return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count))
        .squareRoot()
    }
    #expect((8.5...11.5).contains(deviation(1)) && (0.7...1.6).contains(deviation(0)))
  }

  @Test func drawsConditionsFromTheRightDistribution() throws {
    let model = try Self.learn(Laboratory.people(5_000))
    let pool = try Self.draw(model, rows: 30_000, seed: 3)
    let cases: [(String, [Condition], [(String, (Double?) -> Bool)])] = [
      (
        "one level", [Condition(column: "city", requirement: .oneOf(["Genf"]))],
        [("city", { $0 == 1 })]
      ),
      (
        "missing level", [Condition(column: "city", requirement: .isMissing)],
        [("city", { $0 == nil })]
      ),
      (
        "no income", [Condition(column: "income", requirement: .isMissing)],
        [("income", { $0 == nil })]
      ),
      (
        "some income",
        [
          Condition(
            column: "income",
            requirement: .range(low: .init("41000.005", isInclusive: true), high: nil)),
          Condition(column: "income", requirement: .isPresent),
        ],
        [("income", { ($0 ?? 0) >= 41_000.005 })]
      ),
      (
        "ages and members",
        [
          Condition(
            column: "age",
            requirement: .range(
              low: .init("30", isInclusive: true), high: .init("40", isInclusive: false))),
          Condition(column: "member", requirement: .oneOf(["true"])),
          Condition(column: "city", requirement: .oneOf(["Bern", "Lugano"])),
        ],
        [
          ("age", { ($0 ?? 0) >= 30 && ($0 ?? 99) < 40 }), ("member", { $0 == 1 }),
          ("city", { $0 == 0 || $0 == 2 }),
        ]
      ),
      (
        "listed ages", [Condition(column: "age", requirement: .oneOf(["25", "50"]))],
        [("age", { $0 == 25 || $0 == 50 })]
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
        [("joined", { ($0 ?? 0) >= 18_048 && ($0 ?? 0) <= 18_261 })]
      ),
    ]
    for (name, conditions, tests) in cases {
      let drawn = try Self.draw(model, rows: 2_000, where: conditions)
      var keep = [Bool](repeating: true, count: pool.rows)
      for (column, test) in tests {
        #expect(try Laboratory.named(drawn, column).allSatisfy(test), "\(name)")
        keep = zip(keep, try Laboratory.named(pool, column)).map { $0 && test($1) }
      }
      let chosen = keep.indices.filter { keep[$0] }
      let oracle = pool.taking(chosen)
      // The two-sample Kolmogorov-Smirnov bound at about one in a hundred thousand.
      let bound = 2.5 * (1 / Double(chosen.count) + 1 / 2_000.0).squareRoot()
      for column in Self.learnedNames {
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
    let model = try Self.learn(Laboratory.people(600))
    let report = #expect(throws: Diagnostics.self) {
      _ = try Self.draw(model, rows: 10, where: [condition])
    }
    #expect(report?.items.map(\.code) == [code])
    #expect(report?.items.first?.fact.contains(fact) ?? false)
    // Values of the data are not proposed.
    let said = String(describing: report?.items)
    #expect(fact != "'Benr'" || !said.contains("Bern"))
  }

  @Test func refusesConditionsThatExcludeEachOther() throws {
    let values = (0..<400).map { Double($0 % 40) }
    let real = Laboratory.table([
      (ColumnSchema("x", .int), values.map { $0 < 3 ? nil : $0 }),
      (ColumnSchema("same", .int), values),
      (ColumnSchema("c", .category, categories: ["a", "b"]), values.map { $0 < 20 ? 0 : 1 }),
    ])
    let model = try Self.learn(real)
    func codes(_ conditions: Condition...) -> [String] {
      Laboratory.codes { _ = try Self.draw(model, rows: 10, where: conditions) }
    }
    let above = Condition.Requirement.range(low: .init("30", isInclusive: true), high: nil)
    let below = Condition.Requirement.range(low: nil, high: .init("9", isInclusive: true))
    #expect(
      codes(
        Condition(column: "x", requirement: above), Condition(column: "x", requirement: below))
        == ["AX0604"])
    #expect(
      codes(
        Condition(column: "x", requirement: .isMissing),
        Condition(column: "x", requirement: above)) == ["AX0604"])
    #expect(
      codes(
        Condition(column: "c", requirement: .oneOf(["a"])),
        Condition(column: "c", requirement: .oneOf(["b"]))) == ["AX0604"])
    // Each can be met alone, and no row of the model meets both.
    #expect(
      codes(
        Condition(column: "c", requirement: .oneOf(["a"])),
        Condition(column: "same", requirement: above)) == ["AX0611"])
  }

  @Test func visitsNamedColumnsFirst() throws {
    let people = Laboratory.people(1_000)
    let options: JSONValue = ["first": ["seen", "age"]]
    let report = try #require(
      try Laboratory.trees(options).explain(model: Self.learn(people, options)))
    let order = report.sections[0].tables[0].rows.map { $0[0] }
    #expect(order.prefix(2) == [.text("seen"), .text("age")])
    var problems = Diagnostics()
    _ = Laboratory.trees(["first": ["sen", "mail"]]).schemas(
      learned: people.schema, report: &problems)
    #expect(problems.items.map(\.code) == ["AX0601", "AX0601"])
    #expect(problems.items[0].hint == "did you mean 'seen'?")
  }

  @Test func doesNotGiveTrainingRowsBack() throws {
    // Most rows are like no other, and small leaves would say them word for word.
    var random = Normals(seed: 9)
    var columns: [[Double?]] = Array(repeating: [], count: 4)
    for _ in 0..<2_000 {
      let x = random.next()
      for column in 0..<4 { columns[column].append((x * 40 + 3 * random.next()).rounded()) }
    }
    let real = Laboratory.table(
      zip(["a", "b", "c", "d"], columns).map { (ColumnSchema($0, .int), $1) })
    func copies(_ options: JSONValue) throws -> Double {
      let made = try Self.draw(Self.learn(real, options), rows: 4_000, options)
      return Laboratory.copies(made, of: real)
    }
    let bare = try copies(["minimum-leaf": 2, "smooth": false, "guard": false])
    #expect(bare > 0.2, "the table is not one where copying is easy: \(bare)")
    // Only combinations that as many rows share as a leaf has may come out.
    let common = try copies([:])
    #expect(common <= 0.0005, "\(common) of the rows are copies")
    // Numbers of a continuum: interpolation alone is enough.
    var fine = Normals(seed: 4)
    let values = (0..<1_000).map { _ in fine.next() }
    let line = Laboratory.table([
      (ColumnSchema("x", .double), values),
      (ColumnSchema("y", .double), values.map { 2 * $0 + fine.next() }),
    ])
    let options: JSONValue = ["guard": false]
    let made = try Self.draw(Self.learn(line, options), rows: 1_000, options)
    #expect(Laboratory.copies(made, of: line) == 0)
    let known = Set(values)
    #expect(
      try Laboratory.named(made, "x").count { known.contains($0 ?? 0) } == 0)
  }

  @Test func copesWithPoorTables() throws {
    let x = ColumnSchema("x", .int)
    let y = ColumnSchema("y", .double)
    let c = ColumnSchema("c", .category, categories: ["a", "b"])
    // One row; constants; nothing but gaps: all come back as they are.
    for batch in [
      Laboratory.table([(x, [5]), (y, [0.25]), (c, [1])]),
      Laboratory.table([(x, [3, 3, 3]), (y, [nil, nil, nil]), (c, [nil, nil, nil])]),
    ] {
      let drawn = try Self.draw(Self.learn(batch), rows: batch.rows)
      #expect(drawn.difference(from: batch) == nil)
    }
    let gaps = try Self.learn(Laboratory.table([(y, [nil, nil, nil]), (x, [1, 2, 3])]))
    let missing = Condition(column: "y", requirement: .isMissing)
    #expect(try Self.draw(gaps, rows: 5, where: [missing]).columns[0].missingCount == 5)
    let present = [missing, Condition(column: "y", requirement: .isPresent)]
    #expect(Laboratory.codes { _ = try Self.draw(gaps, rows: 5, where: present) } == ["AX0603"])
    func code(_ batch: Batch) -> [String] { Laboratory.codes { _ = try Self.learn(batch) } }
    #expect(code(Laboratory.table([(x, [])])) == ["AX0605"])
    #expect(
      code(Laboratory.table([(ColumnSchema("x", .int, roles: [.ignore]), [1])])) == ["AX0605"])
    #expect(code(Laboratory.table([(x, [1, 0x1p60])])) == ["AX0607"])
    // A value that is not a number is learned as missing, and said so.
    let odd = Laboratory.table([(y, [1, .nan, 2, .infinity])])
    let learned = try Laboratory.learn([odd], schema: odd.schema, with: Laboratory.trees())
    #expect(learned.warnings.map(\.code) == ["AX0608"])
    #expect(
      try Laboratory.named(Self.draw(learned.model, rows: 200), "y").contains { $0 == nil })
    // Nothing but identifiers, and identifiers given as a feature; dates before 1900.
    let ids = (0..<300).map { Double($0 * 7 + 1_000) }
    let keys = Laboratory.table([(ColumnSchema("x", .int, roles: [.id]), ids)])
    #expect(try Set(Laboratory.named(Self.draw(Self.learn(keys), rows: 50), "x")).count == 50)
    let old = Laboratory.table([
      (ColumnSchema("x", .int), ids),
      (ColumnSchema("day", .date), ids.map { -80_000 + $0 }),
      (ColumnSchema("moment", .datetime), ids.map { -9e15 + $0 * 1e6 }),
    ])
    let ancient = try Self.draw(Self.learn(old), rows: 300)
    let range = try Laboratory.named(old, "day").compactMap { $0 }
    #expect(
      try Laboratory.named(ancient, "day").allSatisfy {
        ($0 ?? 0) >= range[0] && ($0 ?? 0) <= range[299]
      })
    // Free text.
    var builder = ColumnBuilder(ColumnSchema("t", .text), capacity: 1_200)
    for row in 0..<1_200 { builder.append(text: "text \(row)") }
    let texts = Batch(schema: Schema([ColumnSchema("t", .text)]), columns: [builder.finish()])
    #expect(code(texts) == ["AX0609"])
    let resample: JSONValue = ["text": "resample"]
    let resampled = try Self.draw(Self.learn(texts, resample), rows: 50, resample)
    #expect(Set(try Laboratory.named(resampled, "t")).count > 1)
    // Damaged models and statistics are errors, not crashes.
    let model = try Self.learn(Laboratory.people(200))
    forEverySeed(60) { random in
      var bytes = model
      for _ in 0..<3 {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      if random.next() % 4 == 0 { bytes = bytes.prefix(Int(random.next() % UInt64(bytes.count))) }
      if let batch = try? Self.draw(bytes, rows: 5) { return batch.rows == 5 }
      return true
    }
    #expect(throws: (any Error).self) {
      _ = try Laboratory.trees().combine(
        pass: 0, StatisticsList([Data([1, 2, 3])]),
        learning: LearningContext(schema: old.schema, state: nil))
    }
  }

  @Test func takesAHundredThousandCategories() throws {
    let names = (0..<100_000).map { String(format: "c%06d", $0) }
    let rows = 100_000
    let real = Laboratory.table([
      (
        ColumnSchema("c", .category, categories: names),
        (0..<rows).map { Double($0 % 5 == 0 ? 17 : $0) }
      ),
      (ColumnSchema("n", .int), (0..<rows).map { Double($0 % 5) }),
    ])
    let options: JSONValue = ["sample": 5_000]
    let trees = Laboratory.trees(options)
    let learned = try Laboratory.learn([real], schema: real.schema, with: trees)
    #expect(learned.warnings.map(\.code) == ["AX0619"])
    let report = try #require(try trees.explain(model: learned.model))
    #expect(report.summary.hasSuffix("of 100000 rows, at least 25 in a leaf"))
    let drawn = try Self.draw(learned.model, rows: 2_000, options)
    let c = try Laboratory.named(drawn, "c")
    let n = try Laboratory.named(drawn, "n")
    let common = c.indices.filter { c[$0] == 17 }
    #expect((300...500).contains(common.count))
    #expect(common.allSatisfy { n[$0] == 0 })
  }

  /// Which rows are learned from, where there are too many, is decided by the partition alone.
  @Test func choosesRowsOfEachPartitionByItsOwnContent() throws {
    let people = Laboratory.people(4_000)
    let options: JSONValue = ["sample": 1_000]
    let trees = Laboratory.trees(options)
    let parts = [0..<1_000, 1_000..<2_500, 2_500..<4_000].map { people.slice($0) }
    let first = try Laboratory.learn(parts, schema: people.schema, with: trees).model
    #expect(try Laboratory.learn(parts, schema: people.schema, with: trees).model == first)
    let report = try #require(try trees.explain(model: first))
    let learned = try #require(Int(report.summary.split(separator: " ")[4]))
    #expect((850...1_150).contains(learned))
  }
}
