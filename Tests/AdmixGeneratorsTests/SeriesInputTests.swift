import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

/// What `var` makes of entities, of times as they come, and of input that hardly is a series.
struct SeriesInputTests {
  private static let name = ColumnSchema("name", .text, roles: [.id])
  private static let size = ColumnSchema("size", .int)
  private static let region = ColumnSchema("region", .category, categories: ["east", "west"])
  private static let n = ColumnSchema("n", .int)

  // MARK: Entities

  /// 150 entities of 20 to 40 rows: those of the west lie 6 higher, and each by its own as much as a row varies.
  private static func panel() -> Batch {
    var chance = Series.Chance()
    var rows: [(name: String, day: Double, x: Double?, region: Double, size: Double)] = []
    for entity in 0..<150 {
      let own = 1.25 * chance.next() + (entity % 3 == 0 ? 6 : 0)
      var a = 0.0
      for day in 0..<(20 + entity % 21) {
        a = 0.6 * a + chance.next()
        rows.append(
          (
            "e\(entity)", Double(entity + day), (day + entity) % 10 == 0 ? nil : own + a,
            entity % 3 == 0 ? 1 : 0, Double(10 * (entity % 3))
          ))
      }
    }
    // In the order of time, so that every partition has rows of most entities.
    rows.sort { ($0.day, $0.name) < ($1.day, $1.name) }
    var names = ColumnBuilder(name, capacity: rows.count)
    for row in rows { names.append(text: row.name) }
    let rest = Laboratory.table([
      (Series.day, rows.map(\.day)), (Series.x, rows.map(\.x)), (region, rows.map(\.region)),
      (size, rows.map(\.size)),
    ])
    return Batch(
      schema: Schema([name] + rest.schema.columns), columns: [names.finish()] + rest.columns,
      rows: rows.count)
  }

  private struct Entity {
    var x: [Double]
    var days: [Double]
    var region: Set<Double>
    var size: Set<Double>
  }

  private static func entities(_ batch: Batch) throws -> [Entity] {
    let names = try #require(batch["name"])
    let (x, day) = (try Series.numbers(batch, "x"), try Series.numbers(batch, "day"))
    let (region, size) = (try Series.numbers(batch, "region"), try Series.numbers(batch, "size"))
    var order: [String] = []
    var found: [String: Entity] = [:]
    for row in 0..<batch.rows {
      let name = names.text(row)
      if found[name] == nil {
        order.append(name)
        found[name] = Entity(x: [], days: [], region: [], size: [])
      }
      found[name]?.x.append(x[row])
      found[name]?.days.append(day[row])
      found[name]?.region.insert(region[row])
      found[name]?.size.insert(size[row])
    }
    return order.compactMap { found[$0] }
  }

  @Test func entitiesDifferAsTheyDid() throws {
    let table = Self.panel()
    let options: JSONValue = ["entity": "name", "entities": 600, "lags": 1]
    let generator = try Series.make(options)
    let cut = [0..<900, 900..<1_700, 1_700..<table.rows].map { table.taking(Array($0)) }
    let model = try Laboratory.learn([table], schema: table.schema, with: generator).model
    #expect(
      try Laboratory.learn(cut, schema: table.schema, with: generator).model == model,
      "partitions make another model")
    let request = SamplingRequest(model: model, rows: nil, seed: 7, salt: "test")
    let plan = try generator.plan(request)
    let rows = try #require(plan.tables.first).rows
    let made = try generator.sampler(request).sample(Array(0..<rows), of: "data", attempt: 0)
    let (real, synthetic) = (try Self.entities(table), try Self.entities(made))
    #expect(synthetic.count == 600)
    #expect(synthetic.allSatisfy { (20...40).contains($0.x.count) })
    #expect(Set(synthetic.map(\.x.count)).count > 15)
    // Rows of an entity are together, a day after the other, and what does not change does not.
    #expect(synthetic.allSatisfy { zip($0.days.dropFirst(), $0.days).allSatisfy { $0 - $1 == 1 } })
    let kinds = Set(real.map { [$0.region, $0.size] })
    #expect(synthetic.allSatisfy { kinds.contains([$0.region, $0.size]) })
    let old = Set(Laboratory.rowTexts(table).compactMap { $0.split(separator: "\u{1}").first })
    let new = Set(Laboratory.rowTexts(made).compactMap { $0.split(separator: "\u{1}").first })
    #expect(new.count == 600 && new.isDisjoint(with: old))
    func level(_ entities: [Entity], west: Bool) -> [Double] {
      entities.filter { $0.region == [west ? 1 : 0] }.map { Series.mean($0.x) }
    }
    for west in [false, true] {
      let (a, b) = (level(real, west: west), level(synthetic, west: west))
      #expect(abs(Series.mean(a) - Series.mean(b)) < 0.5, "\(Series.mean(a)) \(Series.mean(b))")
      let spread = Series.deviation(b) / Series.deviation(a)
      // One map bends both regions, and is steeper where the fewer lie.
      #expect((0.8...1.35).contains(spread), "\(west) \(spread)")
    }
    let missing = try Series.numbers(made, "x").count { $0.isNaN }
    #expect(abs(Double(missing) / Double(rows) - 0.1) < 0.01)
    func within(_ entities: [Entity]) -> Double {
      Series.mean(
        entities.map { entity in
          let middle = Series.mean(entity.x)
          return Series.mean(
            zip(entity.x.dropFirst(), entity.x).map { ($0 - middle) * ($1 - middle) })
            / Series.mean(entity.x.map { ($0 - middle) * ($0 - middle) })
        })
    }
    #expect(abs(within(real) - within(synthetic)) < 0.06, "\(within(real)) \(within(synthetic))")
  }

  @Test func conditionsChooseEntities() throws {
    func condition(_ column: String, _ value: String) -> [Condition] {
      [Condition(column: column, requirement: .oneOf([value]), span: Laboratory.span)]
    }
    let options: JSONValue = ["entity": "name"]
    let made = try Series.drawn(
      Self.panel(), options, rows: 500, where: condition("region", "west"))
    #expect(try Series.numbers(made, "region").allSatisfy { $0 == 1 })
    #expect(try Series.numbers(made, "size").allSatisfy { $0 == 0 })
    for (column, value, code) in [
      ("x", "3", "AX0675"), ("day", "2020-01-01", "AX0675"), ("name", "e1", "AX0675"),
      ("size", "7", "AX0604"), ("region", "north", "AX0603"),
    ] {
      let codes = Laboratory.codes {
        _ = try Series.drawn(
          Self.panel(), options, rows: 5, where: condition(column, value))
      }
      #expect(codes == [code], "\(column)")
    }
  }

  // MARK: Times

  /// The order of rows in the file is nothing to a series, and gaps are steps without a row.
  @Test func timesDecideAboutOrder() throws {
    let table = Series.pairTable(700)
    let options: JSONValue = ["season": ["period": 7], "lags": 2, "trend": "linear"]
    let model = try Series.model(table, options)
    let shuffled = table.taking((0..<700).map { ($0 * 303) % 700 })
    #expect(try Series.model(shuffled, options) == model)
    // A row in 29 is gone; what follows a gap is not taken for the next day.
    let plain: JSONValue = options.merging(["values": "normal"])
    let gaps = table.taking((0..<700).filter { $0 % 29 != 3 })
    func figures(_ batch: Batch) throws -> [Double] {
      let report = try Series.make(plain).explain(model: Series.model(batch, plain))
      return Series.table(report, "Coefficients").map { $0[4].1 }
        + Series.table(report, "Columns").map { $0[2].1 }
    }
    for (a, b) in zip(try figures(table), try figures(gaps)) {
      #expect(abs(a - b) < 0.06, "\(a) \(b)")
    }
    let made = try Series.numbers(Series.drawn(gaps, options, rows: 200), "day")
    #expect(made == (0..<200).map { Double(18_000 + $0) })
  }

  /// New times go on as the training times do: by even steps, months, or ends of months.
  @Test func timesGoOnAsTheyBegan() throws {
    func made(_ times: [Double], _ type: ColumnType) throws -> ([Double], [String]) {
      let clock = ColumnSchema("t", type, roles: [.time])
      var chance = Series.Chance()
      let table = Laboratory.table([(clock, times), (Series.x, times.map { _ in chance.next() })])
      let generator = try Series.make([:])
      let learned = try Laboratory.learn([table], schema: table.schema, with: generator)
      let drawn = try Laboratory.draw(learned.model, rows: times.count + 24, with: generator)
      return (try Series.numbers(drawn, "t"), learned.warnings.map(\.code))
    }
    func month(_ index: Int, _ day: Int) -> Double {
      var day = day
      while CivilDate.days(2019 + index / 12, index % 12 + 1, day) == nil { day -= 1 }
      return Double(CivilDate.days(2019 + index / 12, index % 12 + 1, day) ?? 0)
    }
    let micro = 86_400_000_000.0
    let cases: [(String, ColumnType, (Int) -> Double, [String])] = [
      ("days", .date, { Double(17_000 + $0) }, []),
      ("first of months", .date, { month($0, 1) }, []),
      ("quarters", .date, { month(3 * $0 + 1, 15) }, []),
      ("ends of months", .date, { month($0, 31) }, []),
      ("months by the clock", .datetime, { month($0, 5) * micro + 3_600_000_000 }, []),
      ("half hours", .datetime, { 1.7e15 + 1_800_000_000 * Double($0) }, []),
      ("numbers", .double, { 0.5 + 0.25 * Double($0) }, []),
      ("counts", .int, { Double(7 * $0) }, []),
    ]
    for (name, type, time, warnings) in cases {
      let (times, found) = try made((0..<40).map(time), type)
      #expect(times == (0..<64).map(time), "\(name)")
      #expect(found == warnings, "\(name)")
    }
    let (uneven, warnings) = try made((0..<40).map { Double($0).squareRoot() }, .double)
    #expect(warnings == ["AX0658"] && abs(uneven[1] - uneven[0] - uneven[40] + uneven[39]) < 1e-9)
  }

  // MARK: Edges

  @Test func littleIsMadeTheBestOf() throws {
    let days = (0..<30).map { Double($0) }
    let wave = days.map { ($0 * 7).truncatingRemainder(dividingBy: 5) }
    let cases: [(String, Batch, JSONValue)] = [
      ("one row", Laboratory.table([(Series.day, [3]), (Series.x, [5])]), [:]),
      (
        "one row, season", Laboratory.table([(Series.day, [3]), (Series.x, [5])]),
        ["season": ["period": 4]]
      ),
      (
        "one row, changes", Laboratory.table([(Series.day, [3]), (Series.x, [5])]),
        ["difference": 1]
      ),
      (
        "two rows", Laboratory.table([(Series.day, [3, 4]), (Series.x, [5, 5])]),
        ["trend": "linear"]
      ),
      ("constant", Laboratory.table([(Series.day, days), (Series.x, days.map { _ in 5 })]), [:]),
      (
        "constant beside one that varies",
        Laboratory.table([(Series.day, days), (Series.x, days.map { _ in 5 }), (Series.y, wave)]),
        [:]
      ),
      (
        "all missing beside one that varies",
        Laboratory.table([
          (Series.day, days), (Series.x, days.map { _ in 5 }), (Series.y, days.map { _ in nil }),
          (Self.n, wave),
        ]), ["lags": 1]
      ),
      (
        "decided by the season",
        Laboratory.table([
          (Series.day, days), (Series.x, days.map { _ in 5 }),
          (Series.y, days.map { $0.truncatingRemainder(dividingBy: 7) }),
        ]), ["season": ["by": "weekday"]]
      ),
      (
        "more lags than rows",
        Laboratory.table([(Series.day, [1, 2, 3]), (Series.x, [5, 5, 5]), (Series.y, [1, 4, 2])]),
        ["lags": ["max": 100]]
      ),
      (
        "most values missing",
        Laboratory.table([
          (Series.day, days), (Series.x, days.map { _ in 5 }),
          (Series.y, days.map { $0 < 4 ? $0 : nil }),
        ]), [:]
      ),
    ]
    for (name, table, options) in cases {
      for more: JSONValue in [[:], ["values": "normal", "extrapolate": true]] {
        let made = try Series.drawn(table, options.merging(more), rows: 40)
        #expect(made.rows == 40, "\(name)")
        #expect(try Series.numbers(made, "x").allSatisfy { abs($0 - 5) < 1e-9 }, "\(name)")
        if made["y"] != nil {
          let (real, synthetic) = (try Series.numbers(table, "y"), try Series.numbers(made, "y"))
          let isMissing = real.allSatisfy(\.isNaN)
          #expect(
            synthetic.allSatisfy { $0.isNaN == isMissing || real.contains(where: \.isNaN) },
            "\(name)")
        }
      }
    }
    let season = try Series.numbers(Series.drawn(cases[7].1, cases[7].2, rows: 40), "y")
    #expect(season.enumerated().allSatisfy { abs($1 - Double($0 % 7)) < 1e-9 })
    // Two rows for each of 40 entities: nothing but how the second follows from the first.
    var chance = Series.Chance()
    let pairs = (0..<40).flatMap { _ in
      let first = chance.next()
      return [first, 0.8 * first + 0.6 * chance.next()]
    }
    let entity = ColumnSchema("who", .int, roles: [.id])
    let table = Laboratory.table([
      (entity, (0..<80).map { Double($0 / 2) }), (Series.day, (0..<80).map { Double($0 % 2) }),
      (Series.x, pairs),
    ])
    let made = try Series.numbers(
      Series.drawn(table, ["entity": "who", "lags": 1], rows: 4_000), "x")
    let (first, second) = (
      stride(from: 0, to: 4_000, by: 2).map { made[$0] },
      stride(from: 1, to: 4_000, by: 2).map { made[$0] }
    )
    #expect(Series.correlation(first, second, lag: 0) > 0.5)
  }

  @Test func badInputIsToldOf() throws {
    let days = (0..<30).map { Double($0) }
    let wave: [Double?] = days.map { ($0 * 7).truncatingRemainder(dividingBy: 5) }
    let flags: [Double?] = days.map { Double(Int($0) % 2) }
    let plain = Laboratory.table([(Series.day, days), (Series.x, wave)])
    let timeless = Laboratory.table([(ColumnSchema("day", .date), days), (Series.x, wave)])
    let two = Laboratory.table([
      (Series.day, days), (ColumnSchema("at", .datetime, roles: [.time]), days), (Series.x, wave),
    ])
    let mixed = Laboratory.table([(Series.day, days), (Series.x, wave), (Self.region, flags)])
    let cases: [(String, Batch, JSONValue, [String])] = [
      ("no rows", Laboratory.table([(Series.day, []), (Series.x, [])]), [:], ["AX0605"]),
      ("no numbers", Laboratory.table([(Series.day, days)]), [:], ["AX0605"]),
      ("no order", timeless, [:], ["AX0612"]), ("an order", timeless, ["order": "day"], []),
      ("two orders", two, [:], ["AX0612"]), ("one of two", two, ["order": "at"], []),
      ("unknown order", plain, ["order": "dya"], ["AX0601"]),
      ("an order of levels", mixed, ["order": "region"], ["AX0653"]),
      ("unknown entity", plain, ["entity": "who"], ["AX0601"]),
      ("an entity of numbers", plain, ["entity": "x"], ["AX0653"]),
      ("unknown column", plain, ["columns": ["x", "z"]], ["AX0601"]),
      ("entities of one series", plain, ["entities": 3], ["AX0612"]),
      ("hours of days", plain, ["season": ["by": ["hour", "month"]]], ["AX0653"]),
      ("levels that change", mixed, [:], ["AX0656"]),
      ("levels left out", mixed, ["columns": "x"], []),
      ("levels of entities", mixed, ["entity": "region"], []),
      (
        "a row without time", Laboratory.table([(Series.day, [1, nil]), (Series.x, [1, 2])]), [:],
        ["AX0654"]
      ),
      (
        "a row without entity",
        Laboratory.table([(Series.day, [1, 2]), (Self.n, [1, nil]), (Series.x, [1, 2])]),
        ["entity": "n"], ["AX0654"]
      ),
      (
        "a time twice", Laboratory.table([(Series.day, [1, 2, 2]), (Series.x, [1, 2, 3])]), [:],
        ["AX0658"]
      ),
      ("too many lags", plain, ["lags": 15], ["AX0654"]),
      ("a lag too far", plain, ["lags": ["also": 200]], ["AX0654"]),
      (
        "numbers too large",
        Laboratory.table([(Series.day, days), (Series.x, wave.map { ($0 ?? 0) * 3e307 })]), [:],
        ["AX0607"]
      ),
      (
        "large and small numbers",
        Laboratory.table([
          (Series.day, days), (Series.x, wave.map { ($0 ?? 0) * 1e200 }),
          (Series.y, wave.map { ($0 ?? 0) * 1e-200 }),
        ]), [:], []
      ),
      (
        "whole numbers too large",
        Laboratory.table([(Series.day, [1, 2]), (Self.n, [1, 0x1p60])]), [:], ["AX0607"]
      ),
    ]
    for (name, table, options, expected) in cases {
      let codes = Laboratory.codes { _ = try Series.drawn(table, options, rows: 5) }
      #expect(codes == expected, "\(name)")
    }
    // Bytes that are no model are an error, wherever they are cut.
    let model = try Series.model(plain, [:])
    #expect(BuiltinGenerators.explain(model: model)?.title == "Vector autoregression")
    for cut in stride(from: 0, to: model.count, by: 41) {
      #expect(throws: (any Error).self) {
        _ = try Series.make([:]).sampler(Laboratory.request(model.prefix(cut), rows: 9))
      }
    }
  }
}
