import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// Quality and speed on UCI Adult, where its file is at hand.
@Suite struct AdultTests {
  static let names = [
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation",
    "relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week",
    "native-country", "income",
  ]
  static let whole: Set<Int> = [0, 2, 4, 10, 11, 12]

  static func adult() throws -> Batch? {
    guard let file = sharedFolder("data/tabular/adult/adult.data") else { return nil }
    let bytes = [UInt8](try Data(contentsOf: file))
    var columns = [[String]](repeating: [], count: names.count)
    for line in bytes.split(separator: 10) {
      let cells = line.split(separator: 44)
      if cells.count != names.count { continue }
      for (index, cell) in cells.enumerated() {
        columns[index].append(String(decoding: cell.drop { $0 == 32 }, as: UTF8.self))
      }
    }
    var schema = Schema()
    var built: [Column] = []
    for (index, name) in names.enumerated() {
      if whole.contains(index) {
        schema.columns.append(ColumnSchema(name, .int))
        built.append(Column(.int(Buffer(columns[index].map { Int64($0) ?? 0 }))))
      } else {
        let levels = Set(columns[index]).subtracting(["?"]).sorted {
          $0.utf8.lexicographicallyPrecedes($1.utf8)
        }
        let codes = Dictionary(uniqueKeysWithValues: levels.enumerated().map { ($1, Int32($0)) })
        let column = ColumnSchema(name, .category, categories: levels)
        schema.columns.append(column)
        var builder = ColumnBuilder(column, capacity: columns[index].count)
        for text in columns[index] {
          if let code = codes[text] { builder.append(code: code) } else { builder.appendMissing() }
        }
        built.append(builder.finish())
      }
    }
    return Batch(schema: schema, columns: built)
  }

  @Test func keepsShapesAndPairs() throws {
    guard let real = try Self.adult() else { return }
    let model = try Laboratory.learn(real)
    let drawn = try Laboratory.draw(model, rows: real.rows, seed: 0)
    let a = real.columns.map(Laboratory.numbers)
    let b = drawn.columns.map(Laboratory.numbers)
    // Column shapes: 1 − KS for numbers, 1 − TV for categories.
    var shapes = 0.0
    for index in a.indices {
      shapes +=
        Self.whole.contains(index)
        ? 1 - Laboratory.distance(a[index], b[index])
        : Self.similarity(Self.coded(a[index]), Self.coded(b[index]), [0], [0])
    }
    shapes /= Double(a.count)
    // Pair trends: half the difference of correlations, or the total variation of the contingency
    // table with numbers in ten bins of the real range, as SDMetrics does.
    let binned = a.indices.map { index -> ([Int], [Int]) in
      if !Self.whole.contains(index) { return (Self.coded(a[index]), Self.coded(b[index])) }
      let values = a[index].compactMap { $0 }
      let low = values.min() ?? 0
      let width = ((values.max() ?? 1) - low) / 10
      func bin(_ x: Double?) -> Int { min(9, max(0, Int(((x ?? low) - low) / width))) + 1 }
      return (a[index].map(bin), b[index].map(bin))
    }
    var trends = 0.0
    var pairs = 0.0
    for i in a.indices {
      for j in 0..<i {
        pairs += 1
        if Self.whole.contains(i) && Self.whole.contains(j) {
          let difference = Laboratory.correlation(a[i], a[j]) - Laboratory.correlation(b[i], b[j])
          trends += 1 - difference.magnitude / 2
        } else {
          trends += Self.similarity(binned[i].0, binned[i].1, binned[j].0, binned[j].1)
        }
      }
    }
    trends /= pairs
    print("Adult: column shapes \(shapes), pair trends \(trends)")
    #expect(shapes >= 0.99)
    #expect(trends >= 0.9)
  }

  private static func coded(_ values: [Double?]) -> [Int] {
    values.map { $0.map { Int($0) + 1 } ?? 0 }
  }

  /// One minus the total variation distance of two tables of pairs; one value alone is paired with all.
  private static func similarity(_ a: [Int], _ b: [Int], _ c: [Int], _ d: [Int]) -> Double {
    var table = [Double](repeating: 0, count: 64 * 64)
    for row in a.indices { table[a[row] * 64 + c[c.count == 1 ? 0 : row]] += 1 / Double(a.count) }
    for row in b.indices { table[b[row] * 64 + d[d.count == 1 ? 0 : row]] -= 1 / Double(b.count) }
    return 1 - table.reduce(0) { $0 + $1.magnitude } / 2
  }

  /// `ADMIX_BENCH=1 swift test -c release --filter AdultTests`: a million rows, one core, in memory.
  @Test func measuresAMillionRows() throws {
    guard ProcessInfo.processInfo.environment["ADMIX_BENCH"] != nil, let real = try Self.adult()
    else { return }
    var random = SeededRandom(seed: 0)
    let before = Self.usage()
    let size = 65_536
    let parts = (0..<16).map { part in
      real.taking(
        (0..<min(size, 1_000_000 - part * size)).map { _ in
          Int.random(in: 0..<real.rows, using: &random)
        })
    }
    let loaded = Self.usage()
    let copula = Laboratory.copula()
    var state: Data?
    for pass in copula.passes.indices {
      let learning = LearningContext(schema: real.schema, state: state)
      let start = Self.usage()
      let noted = try parts.map { try copula.statistics(pass: pass, of: $0, learning: learning) }
      let middle = Self.usage()
      state = try copula.combine(pass: pass, StatisticsList(noted), learning: learning).state
      let end = Self.usage()
      print(
        "pass \(pass): rows \(middle.cpu - start.cpu) s, combine \(end.cpu - middle.cpu) s, statistics \(noted.reduce(0) { $0 + $1.count }) bytes, state \(state?.count ?? 0) bytes"
      )
    }
    let learned = Self.usage()
    let model = state ?? Data()
    var rows = 0
    for part in 0..<16 {
      let sampler = try copula.sampler(Laboratory.request(model, rows: 1_000_000))
      let range = part * size..<min(1_000_000, (part + 1) * size)
      rows += try sampler.sample(Array(range), of: "data", attempt: 0).rows
    }
    let drawn = Self.usage()
    print(
      "a million rows: fit \(learned.cpu - loaded.cpu) s, sample \(drawn.cpu - learned.cpu) s of one core; peak \(drawn.peak) MiB, of which \(loaded.peak) MiB with the training rows in memory (\(before.peak) before)"
    )
    #expect(rows == 1_000_000)
    let conditions = [
      Condition(column: "sex", requirement: .oneOf(["Female"])),
      Condition(
        column: "age",
        requirement: .range(
          low: .init("30", isInclusive: true), high: .init("40", isInclusive: true))),
    ]
    let sampler = try copula.sampler(
      Laboratory.request(model, rows: size, where: conditions))
    _ = try sampler.sample(Array(0..<size), of: "data", attempt: 0)
    print("65,536 rows with two conditions: \(Self.usage().cpu - drawn.cpu) s")
  }

  private static func usage() -> (cpu: Double, peak: Int) {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss / 1_024)
  }
}
