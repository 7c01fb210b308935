import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

/// Series for the tests of `var`, and what it makes of them.
enum Series {
  static let day = ColumnSchema("day", .date, roles: [.time])
  static let x = ColumnSchema("x", .double)
  static let y = ColumnSchema("y", .double)

  static func make(_ options: JSONValue) throws -> VectorAutoregression {
    var report = Diagnostics()
    let generator = VectorAutoregression(Node(options, at: Laboratory.span), report: &report)
    try report.check()
    return generator
  }

  static func model(_ table: Batch, _ options: JSONValue) throws -> Data {
    try Laboratory.learn([table], schema: table.schema, with: make(options)).model
  }

  static func drawn(
    _ table: Batch, _ options: JSONValue, rows: Int, seed: UInt64 = 7,
    where conditions: [Condition] = []
  ) throws -> Batch {
    let generator = try make(options)
    let request = Laboratory.request(
      try model(table, options), rows: rows, seed: seed, where: conditions)
    _ = try generator.plan(request)
    return try generator.sampler(request).sample(Array(0..<rows), of: "data", attempt: 0)
  }

  /// A table of the report; texts as they are, figures as numbers.
  static func table(_ report: CheckReport?, _ title: String) -> [[(String, Double)]] {
    let section = report?.sections.first { $0.title == title }
    return (section?.tables.first?.rows ?? []).map { row in
      row.map { cell in
        switch cell {
        case .text(let text): (text, .nan)
        case .count(let count): ("", Double(count))
        case .measurement(let value), .share(let value): ("", value.value ?? .nan)
        case .flag(let flag): ("", flag ? 1 : 0)
        }
      }
    }
  }

  /// Even numbers from 0 to 1 that any language makes alike, and near normal ones of twelve.
  struct Chance {
    var state: UInt64 = 42
    mutating func next() -> Double {
      var sum = 0.0
      for _ in 0..<12 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        sum += Double(state >> 11) / 0x1p53
      }
      return sum - 6
    }
  }

  /// Two series of VAR(2), with a trend in x, and a week in both.
  static func pair(_ rows: Int) -> (x: [Double], y: [Double]) {
    var chance = Chance()
    var (a, b, a2, b2) = (0.0, 0.0, 0.0, 0.0)
    var (xs, ys) = ([Double](), [Double]())
    for t in 0..<rows {
      let e = chance.next()
      let f = 0.5 * e + chance.next()
      let (a1, b1) = (a, b)
      a = 0.5 * a1 + 0.2 * b1 - 0.2 * a2 + 0.1 * b2 + e
      b = -0.3 * a1 + 0.4 * b1 + 0.1 * a2 + 0.3 * b2 + f
      (a2, b2) = (a1, b1)
      xs.append(10 + 0.02 * Double(t) + 2 * Double(t % 7 - 3) + a)
      ys.append(100 + 5 * Double((t % 7) * (t % 7) % 7) + 3 * b)
    }
    return (xs, ys)
  }

  static func pairTable(_ rows: Int) -> Batch {
    let (x, y) = pair(rows)
    return Laboratory.table([
      (day, (0..<rows).map { Double(18_000 + $0) }), (Self.x, x), (Self.y, y),
    ])
  }

  /// Values as numbers; NaN where missing.
  static func numbers(_ batch: Batch, _ name: String) throws -> [Double] {
    try Laboratory.named(batch, name).map { $0 ?? .nan }
  }

  static func mean(_ values: [Double]) -> Double {
    let present = values.filter { !$0.isNaN }
    return present.reduce(0, +) / Double(max(1, present.count))
  }

  static func deviation(_ values: [Double]) -> Double {
    let middle = mean(values)
    return mean(values.map { ($0 - middle) * ($0 - middle) }).squareRoot()
  }

  /// The correlation of one with what the other was so many steps before.
  static func correlation(_ a: [Double], _ b: [Double], lag: Int) -> Double {
    let (ma, mb) = (mean(a), mean(b))
    let products = (lag..<max(lag, a.count)).map { (a[$0] - ma) * (b[$0 - lag] - mb) }
    return mean(products) / (deviation(a) * deviation(b))
  }
}

extension JSONValue {
  /// An object with the members of another one.
  func merging(_ other: JSONValue) -> JSONValue {
    .object((object ?? [:]).merging(other.object ?? [:]) { $1 })
  }
}
