import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

@Suite struct NetworkInputTests {
  private static func table(_ columns: [(ColumnSchema, [Double?])]) -> Batch {
    let built = columns.map { schema, values in
      var builder = ColumnBuilder(schema, capacity: values.count)
      for value in values {
        guard let value else {
          builder.appendMissing()
          continue
        }
        switch schema.type {
        case .double: builder.append(double: value)
        case .category: builder.append(code: Int32(value))
        case .date: builder.append(days: Int(value))
        case .bool: builder.append(bool: value > 0)
        default: builder.append(int: Int64(value))
        }
      }
      return builder.finish()
    }
    return Batch(
      schema: Schema(columns.map(\.0)), columns: built, rows: columns.first?.1.count ?? 0)
  }

  private static let x = ColumnSchema("x", .int)
  private static let y = ColumnSchema("y", .double)
  private static let c = ColumnSchema("c", .category, categories: ["a", "b"])
  private static let d = ColumnSchema("d", .date)
  private static let f = ColumnSchema("f", .bool)

  private static func codes(_ batch: Batch) -> [String] {
    do {
      return try Laboratory.learn(
        [batch], schema: batch.schema, with: BayesianNetworkTests.network()
      ).warnings.map(\.code)
    } catch let report as Diagnostics {
      return report.items.map(\.code)
    } catch {
      return ["\(error)"]
    }
  }

  @Test func returnsWhatDoesNotVaryAsItIs() throws {
    let old = -40_000.0  // in 1860
    for batch in [
      Self.table([(Self.x, [5]), (Self.y, [0.25]), (Self.c, [1]), (Self.d, [old]), (Self.f, [1])]),
      Self.table([
        (Self.x, [3, 3, 3]), (Self.y, [nil, nil, nil]), (Self.c, [nil, nil, nil]),
        (Self.d, [old, old, old]), (Self.f, [nil, nil, nil]),
      ]),
    ] {
      let drawn = try BayesianNetworkTests.draw(
        BayesianNetworkTests.learn(batch), rows: batch.rows)
      #expect(drawn.difference(from: batch) == nil)
    }
  }

  @Test func refusesOrSaysWhatItCannotLearn() throws {
    #expect(Self.codes(Self.table([(Self.x, [])])) == ["AX0605"])
    #expect(
      Self.codes(Self.table([(ColumnSchema("x", .int, roles: [.ignore]), [1])])) == ["AX0605"])
    #expect(Self.codes(Self.table([(Self.x, [1, 0x1p60])])) == ["AX0607"])
    let odd = Self.table([(Self.y, [1, .nan, 2, .infinity, -.infinity])])
    #expect(Self.codes(odd) == ["AX0608"])
    let drawn = try BayesianNetworkTests.draw(BayesianNetworkTests.learn(odd), rows: 200)
    let values = try Laboratory.named(drawn, "y")
    #expect(Set(values) == [1, 2, nil])
    var builder = ColumnBuilder(ColumnSchema("t", .text), capacity: 1_200)
    for row in 0..<1_200 { builder.append(text: "text \(row)") }
    let texts = Batch(schema: Schema([ColumnSchema("t", .text)]), columns: [builder.finish()])
    #expect(Self.codes(texts) == ["AX0609"])
    let model = try BayesianNetworkTests.learn(texts, ["text": "resample"])
    #expect(
      Set(try Laboratory.named(BayesianNetworkTests.draw(model, rows: 50), "t")).count > 1)
  }

  @Test func learnsAHundredThousandCategories() throws {
    let names = (0..<100_000).map { String(format: "c%06d", $0) }
    let city = ColumnSchema("city", .category, categories: names)
    // One in three rows is one of ten cities, where x is small; the others are all over.
    var cities: [Double?] = []
    var numbers: [Double?] = []
    for row in 0..<150_000 {
      let isFrequent = row % 3 == 0
      cities.append(Double(isFrequent ? row / 3 % 10 : row * 7 % 100_000))
      numbers.append(Double(isFrequent ? 1 : 2 + row % 5))
    }
    let batch = Self.table([(city, cities), (Self.x, numbers)])
    let model = try Laboratory.learn(
      [batch.slice(0..<65_536), batch.slice(65_536..<150_000)], schema: batch.schema,
      with: BayesianNetworkTests.network()
    ).model
    let drawn = try BayesianNetworkTests.draw(model, rows: 30_000)
    let drawnCities = try Laboratory.named(drawn, "city")
    let x = try Laboratory.named(drawn, "x")
    #expect(Set(drawnCities).count > 15_000)
    let small = x.indices.filter { (drawnCities[$0] ?? 100) < 10 }
    let share = Double(small.count) / 30_000
    #expect(share > 0.31 && share < 0.36, "\(share)")
    let matching = small.filter { x[$0] == 1 }.count
    #expect(Double(matching) > 0.97 * Double(small.count))
    // Any of them can be asked for.
    let condition = Condition(column: "city", requirement: .oneOf(["c099988", "c000003"]))
    let some = try BayesianNetworkTests.draw(model, rows: 50, where: [condition])
    #expect(Set(try Laboratory.named(some, "city")).isSubset(of: [99_988, 3]))
  }

  /// Row numbers given as a feature say nothing about other columns, and nothing is read into them.
  @Test func readsNothingIntoIdentifiers() throws {
    var random = SeededRandom(seed: 3)
    let names = (0..<5_000).map { String(format: "k%05d", $0) }
    let rows = 0..<5_000
    let keys: [Double?] = rows.map { Double($0) }
    let numbers: [Double?] = rows.map { Double($0 + 100) }
    let coins: [Double?] = rows.map { _ in Double(Int.random(in: 0...1, using: &random)) }
    let batch = Self.table([
      (ColumnSchema("key", .category, categories: names), keys), (Self.x, numbers),
      (Self.c, coins),
    ])
    let model = try BayesianNetworkTests.learn(batch)
    let report = try #require(BuiltinGenerators.explain(model: model))
    let links = report.sections.first { $0.title == "Dependences" }?.tables.first?.rows ?? []
    #expect(!links.contains { $0.contains(.text("c")) })
    let drawn = try BayesianNetworkTests.draw(model, rows: 5_000)
    let heads = try Laboratory.named(drawn, "c").filter { $0 == 1 }.count
    #expect(heads > 2_300 && heads < 2_700, "\(heads)")
  }

  @Test func survivesDamage() throws {
    let model = try BayesianNetworkTests.learn(Laboratory.people(300))
    forEverySeed(200) { random in
      var bytes = model
      bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
        in: 0...255, using: &random)
      if let batch = try? BayesianNetworkTests.draw(bytes, rows: 5) { return batch.rows == 5 }
      return true
    }
    forEverySeed(20) { random in
      let cut = Int.random(in: 0..<model.count, using: &random)
      return (try? BayesianNetworkTests.draw(model.prefix(cut), rows: 5)) == nil
    }
    let network = BayesianNetworkTests.network()
    for pass in network.passes.indices {
      #expect(throws: (any Error).self) {
        _ = try network.combine(
          pass: pass, StatisticsList([Data([1, 2, 3])]),
          learning: LearningContext(schema: Laboratory.people(1).schema, state: nil))
      }
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
    let model = try Laboratory.learn(parts, schema: schema, with: BayesianNetworkTests.network())
      .model
    #expect(model.count < 250_000)
    let drawn = try BayesianNetworkTests.draw(model, rows: 30_000)
    for name in ["x", "n"] {
      let distance = Laboratory.distance(
        try Laboratory.named(batch, name), try Laboratory.named(drawn, name))
      #expect(distance < 0.015, "\(name): \(distance)")
    }
    #expect(try Laboratory.named(drawn, "n").allSatisfy { (Int($0 ?? 0) - 3) % 5 == 0 })
    let range = Condition.Requirement.range(
      low: .init("1.5", isInclusive: false), high: .init("1.6", isInclusive: false))
    let narrow = try BayesianNetworkTests.draw(
      model, rows: 500, where: [Condition(column: "x", requirement: range)])
    #expect(try Laboratory.named(narrow, "x").allSatisfy { ($0 ?? 0) > 1.5 && ($0 ?? 9) < 1.6 })
    let point = try BayesianNetworkTests.draw(
      model, rows: 50, where: [Condition(column: "x", requirement: .oneOf(["1.234", "2.5", "0"]))])
    #expect(try Laboratory.named(point, "x").allSatisfy { [1.234, 2.5, 0].contains($0) })
  }
}
