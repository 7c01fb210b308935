import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

/// Learns and draws in memory, the way the generate stage does with partitions.
enum Laboratory {
  static let span = SourceSpan(file: "test.yaml", line: 1, column: 1)

  static func copula(_ options: JSONValue = ["text": "learn"]) -> GaussianCopula {
    var report = Diagnostics()
    return GaussianCopula(Node(options, at: span), report: &report)
  }

  static func learn(
    _ parts: [Batch], schema: Schema, with generator: any Generator = copula()
  ) throws -> (model: Data, warnings: [Diagnostic]) {
    var state: Data?
    var warnings: [Diagnostic] = []
    for pass in generator.passes.indices {
      let learning = LearningContext(schema: schema, state: state, span: span)
      let noted = try parts.map { try generator.statistics(pass: pass, of: $0, learning: learning) }
      let outcome = try generator.combine(pass: pass, StatisticsList(noted), learning: learning)
      state = outcome.state
      warnings += outcome.warnings
    }
    return (state ?? Data(), warnings)
  }

  static func learn(_ batch: Batch) throws -> Data {
    try learn([batch], schema: batch.schema).model
  }

  static func request(
    _ model: Data, rows: Int, seed: UInt64 = 7, where conditions: [Condition] = []
  ) -> SamplingRequest {
    SamplingRequest(model: model, rows: rows, seed: seed, salt: "test", conditions: conditions)
  }

  static func draw(
    _ model: Data, rows: Int, seed: UInt64 = 7, where conditions: [Condition] = []
  ) throws -> Batch {
    let request = request(model, rows: rows, seed: seed, where: conditions)
    _ = try copula().plan(request)
    return try copula().sampler(request).sample(Array(0..<rows), of: "data", attempt: 0)
  }

  /// A table with every type of column, gaps and dependences.
  static func people(_ rows: Int, seed: UInt64 = 1) -> Batch {
    var random = Normals(seed: seed)
    let cities = ["Bern", "Genf", "Lugano", "Zug"]
    let schema = Schema([
      ColumnSchema("age", .int), ColumnSchema("income", .double),
      ColumnSchema("city", .category, categories: cities), ColumnSchema("member", .bool),
      ColumnSchema("joined", .date), ColumnSchema("seen", .datetime),
      ColumnSchema("note", .text), ColumnSchema("number", .int, roles: [.id]),
      ColumnSchema("mail", .text, roles: [.pii]),
    ])
    var builders = schema.columns.map { ColumnBuilder($0, capacity: rows) }
    for row in 0..<rows {
      let a = random.next()
      let b = 0.8 * a + 0.6 * random.next()
      let c = random.next()
      builders[0].append(int: Int((40 + 12 * a).rounded()))
      if random.next() + 0.7 * a > 1 {
        builders[1].appendMissing()
      } else {
        builders[1].append(double: ((30_000 + 9_000 * b) * 100).rounded() / 100)
      }
      // Ordered Zug < Bern < Lugano < Genf along a, which the alphabet does not know.
      let rank = min(3, max(0, Int((a + 0.5 * c + 1.5).rounded(.down))))
      if row % 50 == 13 {
        builders[2].appendMissing()
      } else {
        builders[2].append(code: [3, 0, 2, 1][rank])
      }
      builders[3].append(bool: b + 0.3 * c > 0.4)
      builders[4].append(days: 18_000 + Int((350 * b + 200 * random.next()).rounded()))
      if row % 400 == 7 {
        builders[5].appendMissing()
      } else {
        builders[5].append(
          microseconds: 1_700_000_000_000_000 + Int((c * 1e5).rounded()) * 60_000_000)
      }
      builders[6].append(text: c > 0.5 ? "late" : c < -0.5 ? "early" : "on time")
      builders[7].append(int: 10_000 + row)
      builders[8].append(text: "person\(row)@example.com")
    }
    return Batch(schema: schema, columns: builders.map { $0.finish() }, rows: rows)
  }

  /// Values as numbers: codes for categories and texts, days, microseconds; nil where missing.
  static func numbers(_ column: Column) -> [Double?] {
    var codes: [String: Double] = [:]
    return (0..<column.count).map { row in
      if column.isMissing(row) { return nil }
      switch column.values {
      case .bool(let bits): return bits[row] ? 1 : 0
      case .int(let buffer), .datetime(let buffer): return Double(buffer[row])
      case .double(let buffer): return buffer[row]
      case .category(let buffer, _), .date(let buffer): return Double(buffer[row])
      case .text(let texts):
        // Stable over columns: the length and the first byte.
        let text = texts[row]
        if let code = codes[text] { return code }
        let code = Double(text.utf8.count * 256 + Int(text.utf8.first ?? 0))
        codes[text] = code
        return code
      }
    }
  }

  static func named(_ batch: Batch, _ name: String) throws -> [Double?] {
    numbers(try #require(batch[name]))
  }

  /// The largest difference between two distribution functions; missing counts as below everything.
  static func distance(_ a: [Double?], _ b: [Double?]) -> Double {
    let x = a.map { $0 ?? -.infinity }.sorted()
    let y = b.map { $0 ?? -.infinity }.sorted()
    if x.isEmpty || y.isEmpty { return 1 }
    var i = 0
    var j = 0
    var largest = 0.0
    while i < x.count && j < y.count {
      let value = min(x[i], y[j])
      while i < x.count && x[i] == value { i += 1 }
      while j < y.count && y[j] == value { j += 1 }
      largest = max(largest, (Double(i) / Double(x.count) - Double(j) / Double(y.count)).magnitude)
    }
    return largest
  }

  static func correlation(_ a: [Double?], _ b: [Double?]) -> Double {
    var n = 0.0
    var sums = (x: 0.0, y: 0.0, xx: 0.0, yy: 0.0, xy: 0.0)
    for (p, q) in zip(a, b) {
      guard let p, let q else { continue }
      n += 1
      sums.x += p
      sums.y += q
      sums.xx += p * p
      sums.yy += q * q
      sums.xy += p * q
    }
    let covariance = sums.xy / n - sums.x / n * sums.y / n
    let x = sums.xx / n - sums.x / n * sums.x / n
    let y = sums.yy / n - sums.y / n * sums.y / n
    return covariance / (x * y).squareRoot()
  }
}

/// Normal numbers by Box and Muller's polar method, for making test data.
struct Normals {
  private var random: SeededRandom
  init(seed: UInt64) { random = SeededRandom(seed: seed) }

  mutating func next() -> Double {
    while true {
      let x = Double.random(in: -1...1, using: &random)
      let y = Double.random(in: -1...1, using: &random)
      let s = x * x + y * y
      if s > 0, s < 1 { return x * (-2 * log(s) / s).squareRoot() }
    }
  }
}
