import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

/// The generator `var`: what it finds, and that what it makes varies so.
struct VectorAutoregressionTests {
  private static let day = ColumnSchema("day", .date, roles: [.time])
  private static let x = ColumnSchema("x", .double)
  private static let y = ColumnSchema("y", .double)

  // MARK: Laboratory

  private static func make(_ options: JSONValue) throws -> VectorAutoregression {
    var report = Diagnostics()
    let generator = VectorAutoregression(Node(options, at: Laboratory.span), report: &report)
    try report.check()
    return generator
  }

  private static func model(_ table: Batch, _ options: JSONValue) throws -> Data {
    try Laboratory.learn([table], schema: table.schema, with: make(options)).model
  }

  private static func drawn(
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
  private static func table(_ report: CheckReport?, _ title: String) -> [[(String, Double)]] {
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
  private struct Chance {
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
  private static func pair(_ rows: Int) -> (x: [Double], y: [Double]) {
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

  private static func pairTable(_ rows: Int) -> Batch {
    let (x, y) = pair(rows)
    return Laboratory.table([
      (day, (0..<rows).map { Double(18_000 + $0) }), (Self.x, x), (Self.y, y),
    ])
  }

  // MARK: What it finds

  /// Against statsmodels 0.15.0 and NumPy 2.4.6: least squares of trend and season, then VAR without a constant
  /// of what is left.
  @Test func findsWhatStatsmodelsFinds() throws {
    let generator = try Self.make(
      ["trend": "linear", "season": ["period": 7], "lags": ["max": 6, "by": "bic"]])
    let table = Self.pairTable(400)
    let model = try Laboratory.learn([table], schema: table.schema, with: generator).model
    let report = try generator.explain(model: model)
    var apart: [String] = []
    func compare(_ name: String, _ found: Double?, _ expected: Double) {
      guard let found, abs(found - expected) <= 1e-9 * max(1, abs(expected)) else {
        apart.append("\(name): \(found ?? .nan) is not \(expected)")
        return
      }
    }
    let columns = Self.table(report, "Columns")
    let (dx, dy) = (1.256025782273117, 3.862256951716626)
    for (row, expected) in [
      [10.104317469324126, 0.01907963372628735, dx, 1.0042516716979906.squareRoot()],
      [109.63313750654214, -0.00017118534721118767, dy, 11.155346460863663.squareRoot()],
    ].enumerated() {
      for (place, value) in expected.enumerated() {
        compare("columns \(row) \(place)", columns[row][place + 1].1, value)
      }
    }
    let coefficients = [
      0.5428123489686508, 0.05347762288490043, -0.9218923374334735, 0.4084863860602429,
      -0.21038440376419978, 0.035295196621011625, 0.3827101811520225, 0.2795417219076196,
    ]
    let found = Self.table(report, "Coefficients")
    #expect(found.count == coefficients.count)
    for (row, value) in zip(found, coefficients) { compare("\(row)", row[3].1, value) }
    compare(
      "new", Self.table(report, "New in each step").first?[2].1,
      1.5000330492283607 / (1.0042516716979906 * 11.155346460863663).squareRoot())
    let orders = Self.table(report, "Order")
    for (order, value) in [
      -0.732479206642588, -0.8723627143952147, -0.8140684236823212, -0.7646387036681437,
      -0.7348042772926731, -0.6969043788752513,
    ].enumerated() { compare("bic \(order + 1)", orders[order + 1][1].1, value) }
    let byAIC = try Self.make(
      ["trend": "linear", "season": ["period": 7], "lags": ["max": 6, "by": "aic"]])
    let other = try byAIC.explain(
      model: Laboratory.learn([table], schema: table.schema, with: byAIC).model)
    for (order, value) in [
      -0.7728482514070342, -0.9531008039241068, -0.9351755579756593, -0.9261148827259278,
      -0.9366495011149033, -0.9391186474619274,
    ].enumerated() {
      compare("aic \(order + 1)", Self.table(other, "Order")[order + 1][1].1, value)
    }
    compare("lags", report?.metrics["var.lags"]?.value, 2)
    compare("radius", report?.metrics["var.spectral_radius"]?.value, 0.714487403137016)
    let seasons: [[Double]] = [
      [
        -6.1062397467072715, -4.208362595179829, -2.048351217653842, 0.12192989378581043,
        2.1453438176543864, 4.038095219852967, 6.164711641347913,
      ],
      [
        -10.851053822173139, -4.35068399161484, 10.012798378713196, 0.3281983468670866,
        0.18264285515887835, 9.596396440985448, -4.727928842635335,
      ],
    ]
    let charts = report?.sections.first { $0.title.hasPrefix("Season") }?.charts ?? []
    guard case .bars(_, _, let series, _)? = charts.first else {
      Issue.record("no season is shown")
      return
    }
    for (k, deviation) in [dx, dy].enumerated() {
      for (place, value) in seasons[k].enumerated() {
        compare("season \(k) \(place)", series[k].values[place].value.map { $0 * deviation }, value)
      }
    }
    #expect(apart.isEmpty, "\(apart.joined(separator: "\n"))")
  }
}
