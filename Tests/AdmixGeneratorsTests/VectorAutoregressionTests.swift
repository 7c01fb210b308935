import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

/// The generator `var`: what it finds, and that what it makes varies so.
struct VectorAutoregressionTests {
  // MARK: What it finds

  /// Against statsmodels 0.15.0 and NumPy 2.4.6: least squares of trend and season, then VAR without a constant
  /// of what is left.
  @Test func findsWhatStatsmodelsFinds() throws {
    let generator = try Series.make(
      [
        "trend": "linear", "season": ["period": 7], "lags": ["max": 6, "by": "bic"],
        "values": "normal",
      ])
    let table = Series.pairTable(400)
    let model = try Laboratory.learn([table], schema: table.schema, with: generator).model
    let report = try generator.explain(model: model)
    var apart: [String] = []
    func compare(_ name: String, _ found: Double?, _ expected: Double) {
      guard let found, abs(found - expected) <= 1e-9 * max(1, abs(expected)) else {
        apart.append("\(name): \(found ?? .nan) is not \(expected)")
        return
      }
    }
    let columns = Series.table(report, "Columns")
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
    let found = Series.table(report, "Coefficients")
    #expect(found.count == coefficients.count)
    for (row, value) in zip(found, coefficients) { compare("\(row)", row[3].1, value) }
    compare(
      "new", Series.table(report, "New in each step").first?[2].1,
      1.5000330492283607 / (1.0042516716979906 * 11.155346460863663).squareRoot())
    let orders = Series.table(report, "Order")
    for (order, value) in [
      -0.732479206642588, -0.8723627143952147, -0.8140684236823212, -0.7646387036681437,
      -0.7348042772926731, -0.6969043788752513,
    ].enumerated() { compare("bic \(order + 1)", orders[order + 1][1].1, value) }
    let byAIC = try Series.make(
      [
        "trend": "linear", "season": ["period": 7], "lags": ["max": 6, "by": "aic"],
        "values": "normal",
      ])
    let other = try byAIC.explain(
      model: Laboratory.learn([table], schema: table.schema, with: byAIC).model)
    for (order, value) in [
      -0.7728482514070342, -0.9531008039241068, -0.9351755579756593, -0.9261148827259278,
      -0.9366495011149033, -0.9391186474619274,
    ].enumerated() {
      compare("aic \(order + 1)", Series.table(other, "Order")[order + 1][1].1, value)
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

  // MARK: What it makes

  /// 50,000 rows drawn from what was learned from 50,000 rows of a known process are of that process.
  @Test func samplesAreOfTheProcess() throws {
    let count = 50_000
    let options: JSONValue = [
      "trend": "linear", "season": ["period": 7], "lags": 2, "values": "normal",
      "extrapolate": true,
    ]
    let table = Series.pairTable(count)
    let made = try Series.drawn(table, options, rows: count)
    let generator = try Series.make(options)
    let again = try generator.explain(
      model: Laboratory.learn([made], schema: made.schema, with: generator).model)
    let known = [0.5, 0.2 / 3, -0.9, 0.4, -0.2, 0.1 / 3, 0.3, 0.3]
    for (row, value) in zip(Series.table(again, "Coefficients"), known) {
      // In deviations, an estimate from so many rows is within 0.005 of the truth, and there are two of them.
      let scale = row[3].1 / row[4].1
      #expect(abs(row[3].1 - value) < 0.03 * abs(scale), "\(row[3].1) is not \(value)")
    }
    func around(_ batch: Batch) throws -> [[Double]] {
      let (x, y) = (try Series.numbers(batch, "x"), try Series.numbers(batch, "y"))
      return [
        x.enumerated().map { $1 - 10 - 0.02 * Double($0) - 2 * Double($0 % 7 - 3) },
        y.enumerated().map { $1 - 100 - 5 * Double(($0 % 7) * ($0 % 7) % 7) },
      ]
    }
    let (real, synthetic) = (try around(table), try around(made))
    for i in 0..<2 {
      #expect(abs(Series.mean(synthetic[i])) < 0.1 * Series.deviation(real[i]))
      #expect(abs(Series.deviation(synthetic[i]) / Series.deviation(real[i]) - 1) < 0.03)
      for j in 0..<2 {
        for lag in 0..<25 {
          let apart = abs(
            Series.correlation(real[i], real[j], lag: lag)
              - Series.correlation(synthetic[i], synthetic[j], lag: lag))
          #expect(apart < 0.03, "\(i) \(j) at lag \(lag): \(apart)")
        }
      }
    }
  }

  /// A skewed column with many zeros keeps its distribution, and what follows what.
  @Test func valuesKeepTheirDistribution() throws {
    let count = 6_000
    var chance = Series.Chance()
    var a = 0.0
    let latent = (0..<count).map { _ in
      a = 0.7 * a + chance.next()
      return a
    }
    let rain = latent.map { $0 < 0.3 ? 0 : ($0 - 0.3) * ($0 - 0.3) * 10 }
    let table = Laboratory.table([
      (Series.day, (0..<count).map { Double($0) }), (Series.x, rain),
      (ColumnSchema("n", .int), latent.map { (exp($0) * 5).rounded() }),
      (Series.y, latent.map { exp($0) }),
    ])
    let made = try Series.drawn(table, ["lags": 1], rows: count)
    // What is hidden in zeros is taken for less dependence than there was.
    for (name, apart) in [("x", 0.2), ("y", 0.06), ("n", 0.06)] {
      let (real, synthetic) = (try Series.numbers(table, name), try Series.numbers(made, name))
      #expect(Laboratory.distance(real, synthetic) < 0.04, "\(name)")
      #expect(synthetic.allSatisfy { $0 >= 0 && $0 <= real.max() ?? 0 }, "\(name)")
      let zeros = (real.count { $0 == 0 }, synthetic.count { $0 == 0 })
      #expect(abs(zeros.0 - zeros.1) < count / 25, "\(name) \(zeros)")
      for lag in 1..<6 {
        let (a, b) = (
          Series.correlation(real, real, lag: lag),
          Series.correlation(synthetic, synthetic, lag: lag)
        )
        #expect(abs(a - b) < apart, "\(name) at lag \(lag): \(a) and \(b)")
      }
    }
    // Without the map, they are as noise makes them.
    let normal = try Series.numbers(
      Series.drawn(table, ["values": "normal"], rows: count), "x")
    #expect(Laboratory.distance(rain, normal) > 0.1)
  }

  /// A random walk is learned by its changes and turns back at the ends of its range.
  @Test func changesAreLearnedWhereASeriesWanders() throws {
    var chance = Series.Chance()
    var (a, level) = (0.0, 50.0)
    let walk = (0..<3_000).map { _ in
      a = 0.4 * a + chance.next()
      level += a
      return level
    }
    let table = Laboratory.table([
      (Series.day, (0..<3_000).map { Double($0) }), (Series.x, walk),
    ])
    func steps(_ values: [Double]) -> [Double] { zip(values.dropFirst(), values).map { $0 - $1 } }
    for extrapolates in [false, true] {
      let made = try Series.numbers(
        Series.drawn(
          table, ["difference": 1, "lags": 1, "extrapolate": .bool(extrapolates)], rows: 20_000),
        "x")
      let (real, synthetic) = (steps(walk), steps(made))
      #expect(abs(Series.deviation(synthetic) / Series.deviation(real) - 1) < 0.05)
      let lag1 = Series.correlation(synthetic, synthetic, lag: 1)
      #expect(abs(lag1 - 0.4) < 0.05, "\(lag1)")
      if !extrapolates {
        #expect(made.allSatisfy { $0 >= walk.min() ?? 0 && $0 <= walk.max() ?? 0 })
      } else {
        #expect(Series.deviation(made) > 1.2 * Series.deviation(walk))
      }
    }
    // As values it is all but a unit root, which is said.
    let warnings = try Laboratory.learn(
      [table], schema: table.schema, with: Series.make(["lags": 1])
    ).warnings
    #expect(warnings.map(\.code) == ["AX0657"])
  }

  /// A day that is like the one before is learned by a lag of 24 beside those that follow each other.
  @Test func singleLagsMayBeAdded() throws {
    var chance = Series.Chance()
    var values = [Double](repeating: 0, count: 24)
    for _ in 0..<8_000 {
      values.append(
        0.4 * values[values.count - 1] + 0.5 * values[values.count - 24] + chance.next())
    }
    let table = Laboratory.table([
      (Series.day, values.indices.map { Double($0) }), (Series.x, values),
    ])
    let options: JSONValue = ["lags": ["max": 3, "also": 24], "values": "normal"]
    let report = try Series.make(options).explain(model: Series.model(table, options))
    let found = Series.table(report, "Coefficients").map { ($0[2].1, $0[3].1) }
    #expect(found.map(\.0) == [1, 24])
    #expect(zip(found, [0.4, 0.5]).allSatisfy { abs($0.1 - $1) < 0.03 }, "\(found)")
    let made = try Series.numbers(Series.drawn(table, options, rows: 20_000), "x")
    for lag in 1..<49 {
      let apart =
        Series.correlation(made, made, lag: lag) - Series.correlation(values, values, lag: lag)
      #expect(abs(apart) < 0.08, "\(lag): \(apart)")
    }
  }

  /// What was new in training rows comes again, in any order, where it is asked for.
  @Test func residualsComeAgain() throws {
    var chance = Series.Chance()
    let values = (0..<400).map { _ in chance.next() > 0 ? 3.0 : -3.0 }
    let table = Laboratory.table([
      (Series.day, (0..<400).map { Double($0) }), (Series.x, values),
    ])
    let generator = try Series.make(["lags": 0, "noise": "residuals"])
    let learned = try Laboratory.learn([table], schema: table.schema, with: generator)
    #expect(learned.warnings.map(\.code) == ["AX0659"])
    let made = try Series.numbers(
      Laboratory.draw(learned.model, rows: 500, with: generator), "x")
    #expect(made.allSatisfy { min(abs($0 - 3), abs($0 + 3)) < 1e-9 } && Set(made).count > 1)
  }

  /// Values bound by another one to the last digit are no trouble.
  @Test func columnsMayAddUp() throws {
    let (x, y) = Series.pair(2_000)
    let table = Laboratory.table([
      (Series.day, (0..<2_000).map { Double($0) }), (Series.x, x), (Series.y, y),
      (ColumnSchema("z", .double), zip(x, y).map { $0 + 2 * $1 }),
    ])
    let made = try Series.drawn(
      table,
      ["trend": "linear", "values": "normal", "extrapolate": true, "lags": ["max": 4]], rows: 3_000)
    let (a, b, c) = (
      try Series.numbers(made, "x"), try Series.numbers(made, "y"), try Series.numbers(made, "z")
    )
    let apart = zip(zip(a, b), c).map { abs($0.0 + 2 * $0.1 - $1) }
    #expect((apart.max() ?? 9) < 0.05 * Series.deviation(c), "\(apart.max() ?? 9)")
  }
}
