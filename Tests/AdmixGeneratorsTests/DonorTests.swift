import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

/// Generators that make rows from training rows: smote, augment and bootstrap.
struct DonorTests {
  private static let x = ColumnSchema("x", .double)
  private static let n = ColumnSchema("n", .int)
  private static let day = ColumnSchema("day", .date)
  private static func category(_ name: String, _ levels: [String]) -> ColumnSchema {
    var column = ColumnSchema(name, .category)
    column.categories = levels
    return column
  }
  private static let kind = category("kind", ["a", "b", "c"])
  private static let label = category("label", ["common", "rare"])

  /// Numbers from 0 to 1 that look like chance.
  private static func noise(_ row: Int, _ salt: Int) -> Double {
    RandomSource(seed: UInt64(salt), salt: "table").uniform(row: UInt64(row), tag: 0)
  }

  /// 40 rows of a rare class in a corner, and 260 others; some values are missing.
  private static let mixed = Laboratory.table([
    (x, (0..<300).map { $0 % 17 == 3 ? nil : noise($0, 1) + ($0 < 40 ? 0.7 : 0) }),
    (n, (0..<300).map { (noise($0, 2) * 50).rounded() }),
    (kind, (0..<300).map { $0 % 23 == 5 ? nil : (noise($0, 3) * 3).rounded(.down) }),
    (label, (0..<300).map { $0 < 40 ? 1 : 0 }),
  ])

  private static func make(_ name: String, _ options: JSONValue) throws -> any Generator {
    var report = Diagnostics()
    let type = try #require(BuiltinGenerators.named(name))
    let generator = type.init(Node(options, at: Laboratory.span), report: &report)
    try report.check()
    return generator
  }

  private static func drawn(
    _ table: Batch, _ name: String, _ options: JSONValue, rows: Int, parts: [Batch]? = nil
  ) throws -> Batch {
    let generator = try make(name, options)
    let model = try Laboratory.learn(parts ?? [table], schema: table.schema, with: generator).model
    return try Laboratory.draw(model, rows: rows, with: generator)
  }

  private static func numbers(_ batch: Batch, _ name: String) -> [Double?] {
    guard let column = batch[name] else { return [] }
    return (0..<batch.rows).map { row in
      if column.isMissing(row) { return nil }
      switch column.values {
      case .int(let values), .datetime(let values): return Double(values[row])
      case .double(let values): return values[row]
      case .date(let values): return Double(values[row])
      case .category(let codes, _): return Double(codes[row])
      default: return nil
      }
    }
  }

  // MARK: SMOTE

  /// Every row is on the line from a row of the class to one of its nearest, by a distance written out anew.
  @Test func smoteRowsLieBetweenNeighbours() throws {
    let table = Self.mixed
    let (xs, ns) = (Self.numbers(table, "x"), Self.numbers(table, "n"))
    let kinds = Self.numbers(table, "kind")
    let members = Array(0..<40)
    func spread(_ values: [Double?]) -> (mean: Double, deviation: Double) {
      let present = members.compactMap { values[$0] }
      let mean = present.reduce(0, +) / Double(present.count)
      let squares = present.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return (mean, (squares / Double(present.count)).squareRoot())
    }
    for isScaled in [true, false] {
      let (sx, sn) = (spread(xs), spread(ns))
      let (fx, fn) = isScaled ? (1 / sx.deviation, 1 / sn.deviation) : (1, 1)
      let median = (sx.deviation * fx + sn.deviation * fn) / 2
      func distance(_ a: Int, _ b: Int) -> Double {
        let dx = ((xs[a] ?? sx.mean) - (xs[b] ?? sx.mean)) * fx
        let dn = ((ns[a] ?? sn.mean) - (ns[b] ?? sn.mean)) * fn
        return dx * dx + dn * dn + (kinds[a] == kinds[b] ? 0 : median * median)
      }
      let near = members.map { base in
        members.filter { $0 != base }.sorted { (distance(base, $0), $0) < (distance(base, $1), $1) }
          .prefix(4)
      }
      let made = try Self.drawn(
        table, "smote",
        ["target": "label", "neighbours": 4, "scale": isScaled ? "standard" : "none"], rows: 400)
      let (mx, mn) = (Self.numbers(made, "x"), Self.numbers(made, "n"))
      let mk = Self.numbers(made, "kind")
      #expect(Self.numbers(made, "label").allSatisfy { $0 == 1 })
      var bases: Set<Int> = []
      for row in 0..<made.rows {
        let found = members.first { base in
          // The level that most neighbours have; of equals the first.
          var counts: [Double: Int] = [:]
          for other in near[base] { counts[kinds[other] ?? -1, default: 0] += 1 }
          let most = counts.values.max() ?? 0
          let level =
            counts.filter { $0.value == most }.keys.min { ($0 < 0 ? 99 : $0) < ($1 < 0 ? 99 : $1) }
            ?? -1
          guard (mk[row] ?? -1) == level else { return false }
          return near[base].contains { other in
            guard let n1 = ns[base], let n2 = ns[other], let n = mn[row] else { return false }
            guard let x1 = xs[base] else {
              return mx[row] == nil && n >= min(n1, n2) && n <= max(n1, n2)
            }
            guard let value = mx[row] else { return false }
            guard let x2 = xs[other], x1 != x2 else { return value == x1 }
            let share = (value - x1) / (x2 - x1)
            return share >= -1e-9 && share < 1 + 1e-9
              && abs(n1 + share * (n2 - n1) - n) <= 0.5 + 1e-6
          }
        }
        #expect(found != nil, "row \(row), scaled: \(isScaled)")
        if let found { bases.insert(found) }
      }
      #expect(bases.count > 25)
    }
  }

  /// 12 rows far inside their class, 8 at its edge: new ones begin at the edge.
  @Test func borderlineBeginsAtTheEdge() throws {
    let inside: [Double] = (0..<12).map { Double($0) * 0.01 }
    let edge: [Double] = (0..<8).map { 4.9 + Double($0) * 0.03 }
    let common: [Double] = (0..<60).map { 5 + Double($0) * 0.02 }
    let values: [Double?] = inside + edge + common
    let labels: [Double?] = (0..<80).map { $0 < 20 ? 1 : 0 }
    let table = Laboratory.table([(Self.x, values), (Self.label, labels)])
    let made = try Self.drawn(
      table, "smote", ["target": "label", "kind": "borderline", "neighbours": 2], rows: 200)
    let drawn = Self.numbers(made, "x").compactMap { $0 }
    #expect(drawn.count == 200 && drawn.allSatisfy { $0 > 4 })
    let regular = try Self.drawn(table, "smote", ["target": "label", "neighbours": 2], rows: 200)
    #expect(Self.numbers(regular, "x").contains { ($0 ?? 9) < 1 })
  }

  @Test func severalClassesComeAlikeOften() throws {
    let made = try Self.drawn(
      Self.mixed, "smote", ["target": "label", "class": ["rare", "common"]], rows: 4_000)
    let rare = Self.numbers(made, "label").count { $0 == 1 }
    #expect((1_850...2_150).contains(rare), "\(rare)")
  }

  // MARK: Bootstrap

  private static let series = Laboratory.table([
    (day, (0..<400).map { Double(19_000 + ($0 * 37) % 400) }),
    (n, (0..<400).map { Double(($0 * 37) % 400) }), (x, (0..<400).map { noise($0, 5) }),
  ])

  @Test func blocksAreRunsOfTheSeries() throws {
    func places(_ options: JSONValue, _ rows: Int) throws -> [Int] {
      let made = try Self.drawn(Self.series, "bootstrap", options, rows: rows)
      let days = Self.numbers(made, "day").compactMap { $0 }
      #expect(days == (0..<rows).map { Double(19_000 + $0) })
      return Self.numbers(made, "n").compactMap { $0.map { Int($0) } }
    }
    func breaks(_ places: [Int]) -> [Int] {
      (1..<places.count).filter { places[$0] != (places[$0 - 1] + 1) % 400 }
    }
    let moving = try places(["kind": "moving", "order": "day", "length": 25], 2_000)
    #expect(breaks(moving).allSatisfy { $0 % 25 == 0 } && breaks(moving).count > 70)
    let stationary = try places(["kind": "stationary", "order": "day", "length": 20], 6_000)
    let mean = 6_000 / Double(breaks(stationary).count + 1)
    #expect((17.0...23.5).contains(mean), "\(mean)")
    let seasonal = try places(
      ["kind": "seasonal", "order": "day", "length": 14, "period": 7], 1_400)
    #expect(seasonal.enumerated().allSatisfy { $0 % 7 == $1 % 7 })
    #expect(Set(seasonal.map { $0 / 7 }).count > 40)
  }

  @Test func singleRowsAreTrainingRows() throws {
    let made = try Self.drawn(Self.mixed, "bootstrap", [:], rows: 3_000)
    func rows(_ batch: Batch) -> [[Double?]] {
      let columns = batch.schema.names.map { Self.numbers(batch, $0) }
      return (0..<batch.rows).map { row in columns.map { $0[row] } }
    }
    let known = Set(rows(Self.mixed))
    let drawn = Set(rows(made))
    #expect(drawn.isSubset(of: known) && drawn.count > 295)
  }

  /// Against the same computed with NumPy from the paper.
  ///
  /// arch, which counts the first lag that says nothing where the paper has the last that says something,
  /// gives 5.72, 10.67, 15.67, 48.45 and 1.29.
  @Test func automaticLengthsAreThoseOfThePaper() throws {
    for (count, phi, stationary, circular) in [
      (500, 0.3, 4.18795037, 4.79400643), (500, 0.7, 11.27744084, 12.90944714),
      (2_000, 0.5, 13.75182190, 15.74190639), (2_000, 0.9, 48.59746355, 55.63020868),
      (300, 0.0, 1.29407003, 1.48134039),
    ] {
      var state: UInt64 = 42
      var x = 0.0
      let values = (0..<count).map { _ in
        var sum = 0.0
        for _ in 0..<12 {
          state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          sum += Double(state >> 11) / 0x1p53
        }
        x = phi * x + sum - 6
        return x
      }
      let one = try #require(BlockLength.automatic(values, isStationary: true))
      let two = try #require(BlockLength.automatic(values, isStationary: false))
      #expect(abs(one - stationary) < 1e-6 * stationary, "\(count) \(phi): \(one)")
      #expect(abs(two - circular) < 1e-6 * circular, "\(count) \(phi): \(two)")
    }
    #expect(BlockLength.automatic([1, 1, 1, 1, 1, 1, 1, 1, 1], isStationary: true) == nil)
    #expect(BlockLength.automatic([1, 2], isStationary: true) == nil)
  }

  // MARK: Augmentation

  @Test func augmentationChangesWhatItIsAskedTo() throws {
    func made(_ options: JSONValue, _ rows: Int = 4_000) throws -> Batch {
      try Self.drawn(Self.mixed, "augment", options, rows: rows)
    }
    let known = Set(Self.numbers(Self.mixed, "x"))
    let copies = try made(["noise": 0])
    #expect(Self.numbers(copies, "x").allSatisfy(known.contains))
    let noisy = Self.numbers(try made(["noise": 1]), "x")
    #expect(noisy.count { known.contains($0) } == noisy.count { $0 == nil })
    let present = Self.numbers(Self.mixed, "x").compactMap { $0 }
    let range = (present.min() ?? 0)...(present.max() ?? 0)
    #expect(noisy.compactMap { $0 }.allSatisfy(range.contains))
    let missing = Double(noisy.count { $0 == nil }) / 4_000
    #expect(abs(missing - 18.0 / 300) < 0.015, "\(missing)")
    // The columns that may not change do not.
    let only = try made(["noise": 1, "columns": "n"])
    #expect(Self.numbers(only, "x").allSatisfy(known.contains))
    // Balanced by class.
    let balanced = try made(["noise": 0, "balance": "label"])
    let rare = Self.numbers(balanced, "label").count { $0 == 1 }
    #expect((1_850...2_150).contains(rare), "\(rare)")
    // The mean of Beta(a, a) is a half, so mixtures keep the mean and lose spread: var = (2/3 + 1/(3(2a+1)))…
    let mixed = Self.numbers(try made(["noise": 0, "mixup": 1, "columns": "n"]), "n").compactMap {
      $0
    }
    let old = Self.numbers(Self.mixed, "n").compactMap { $0 }
    func variance(_ values: [Double]) -> Double {
      let mean = values.reduce(0, +) / Double(values.count)
      return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    }
    // λ is even on 0…1: λ² + (1 − λ)² is two thirds on average; rounding adds a twelfth.
    let ratio = (variance(mixed) - 1.0 / 12) / variance(old)
    #expect(abs(ratio - 2.0 / 3) < 0.05, "\(ratio)")
  }

  /// Beta(a, a) for a next to nothing is one of the two, whole; for a large one it is the middle.
  @Test func mixturesGoFromOneRowToTheMiddle() throws {
    let table = Laboratory.table([(Self.n, (0..<100).map { $0 % 2 == 0 ? 0 : 1_000 })])
    for (alpha, ends) in [(1e-9, 6_000), (0.02, 5_577), (100.0, 3_000)] {
      let made = try Self.drawn(
        table, "augment", ["noise": 0, "mixup": .double(alpha)], rows: 6_000)
      let values = Self.numbers(made, "n").compactMap { $0 }
      let whole = values.count { $0 == 0 || $0 == 1_000 }
      #expect(abs(whole - ends) < 200, "\(alpha): \(whole)")
    }
  }

  @Test func swapsAndRedrawsAreAsOftenAsAsked() throws {
    // n and kind go together, so what does not was swapped.
    let table = Laboratory.table([
      (Self.n, (0..<300).map { Double($0 % 3) }), (Self.kind, (0..<300).map { Double($0 % 3) }),
    ])
    for (option, expected) in [("swap", 2 * 0.3 * 0.7 + 0.09), ("redraw", 0.3)] {
      let made = try Self.drawn(table, "augment", .object(["noise": 0, option: 0.3]), rows: 6_000)
      let apart = zip(Self.numbers(made, "n"), Self.numbers(made, "kind")).count { $0 != $1 }
      // Two of three others differ.
      #expect(abs(Double(apart) / 6_000 - expected * 2 / 3) < 0.02, "\(option) \(apart)")
    }
  }

  // MARK: All of them

  private static let cases: [(name: String, options: JSONValue, table: Batch)] = [
    ("smote", ["target": "label"], mixed), ("augment", ["mixup": 0.2, "swap": 0.1], mixed),
    ("augment", ["balance": "label"], mixed), ("bootstrap", [:], mixed),
    ("bootstrap", ["kind": "stationary", "order": "n"], series),
    ("bootstrap", ["kind": "moving", "order": "day"], series),
    ("bootstrap", ["kind": "seasonal", "order": "day", "period": 12], series),
  ]

  /// A row is what it is whatever is asked with it, and however the training rows were divided.
  @Test func rowsFollowFromTheirNumbers() throws {
    for (name, options, table) in Self.cases {
      let generator = try Self.make(name, options)
      let whole = try Laboratory.learn([table], schema: table.schema, with: generator).model
      let parts = [0..<7, 7..<150, 150..<table.rows].map { table.taking(Array($0)) }
      let divided = try Laboratory.learn(parts, schema: table.schema, with: generator).model
      let request = Laboratory.request(whole, rows: 500)
      let sampler = try generator.sampler(request)
      let all = try sampler.sample(Array(0..<500), of: "data", attempt: 0)
      let some = try sampler.sample([3, 499, 77], of: "data", attempt: 0)
      let other = try generator.sampler(Laboratory.request(divided, rows: 9)).sample(
        Array(0..<500), of: "data", attempt: 0)
      let again = try sampler.sample(Array(0..<500), of: "data", attempt: 1)
      func values(_ batch: Batch) -> [[Double?]] {
        batch.schema.names.map { Self.numbers(batch, $0) }
      }
      #expect(
        values(some) == values(all).map { column in [3, 499, 77].map { column[$0] } }, "\(name)")
      #expect(values(other) == values(all), "\(name) \(options.text)")
      #expect(values(again) != values(all), "\(name)")
      let title = try generator.explain(model: whole)?.title
      // Whoever looks at a model alone is told of the right generator.
      #expect(title != nil && BuiltinGenerators.explain(model: whole)?.title == title)
      // Bytes that are no model are an error, wherever they are cut.
      for cut in stride(from: 0, to: whole.count, by: max(1, whole.count / 97)) {
        #expect(throws: (any Error).self) {
          _ = try generator.sampler(Laboratory.request(whole.prefix(cut), rows: 9))
        }
      }
    }
  }

  @Test func badInputIsToldOf() throws {
    func codes(_ table: Batch, _ name: String, _ options: JSONValue) -> [String] {
      Laboratory.codes { _ = try Self.drawn(table, name, options, rows: 5) }
    }
    let empty = Laboratory.table([(Self.x, []), (Self.label, [])])
    let single = Laboratory.table([(Self.x, [1]), (Self.label, [1])])
    let missing = Laboratory.table([(Self.x, [nil, nil]), (Self.label, [nil, nil])])
    let rows: [(Batch, String, JSONValue, [String])] = [
      (empty, "bootstrap", [:], ["AX0605"]), (empty, "smote", ["target": "label"], ["AX0605"]),
      (single, "smote", ["target": "label"], ["AX0654"]), (single, "augment", [:], []),
      (single, "bootstrap", [:], []), (missing, "smote", ["target": "label"], ["AX0654"]),
      (missing, "augment", ["mixup": 1], []), (Self.mixed, "smote", ["target": "x"], ["AX0653"]),
      (Self.mixed, "smote", ["target": "nobody"], ["AX0601"]),
      (Self.mixed, "smote", ["target": "label", "class": "absent"], ["AX0654"]),
      (Self.mixed, "bootstrap", ["kind": "moving"], ["AX0612"]),
      (Self.mixed, "bootstrap", ["kind": "moving", "order": "x"], ["AX0654"]),
      (Self.mixed, "bootstrap", ["kind": "moving", "order": "kind"], ["AX0653"]),
      (Self.mixed, "bootstrap", ["kind": "seasonal", "order": "n"], ["AX0612"]),
      (Self.mixed, "bootstrap", ["kind": "seasonal", "order": "n", "period": 200], ["AX0654"]),
      (Laboratory.table([(Self.x, [.infinity, 1, 2])]), "augment", [:], []),
      (Laboratory.table([(Self.n, [1, 0x1p60])]), "bootstrap", [:], ["AX0607"]),
      (Laboratory.table([(Self.day, [-90_000, 5, 90_000])]), "augment", [:], []),
    ]
    for (table, name, options, expected) in rows {
      #expect(codes(table, name, options) == expected, "\(name) \(options.text)")
    }
  }
}
