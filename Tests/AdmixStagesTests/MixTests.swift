import AdmixData
import AdmixEngine
import AdmixModel
import AdmixTestSupport
import Testing

@testable import AdmixStages

@Suite struct MixTests {
  private static func people(_ rows: Int, _ first: Int, _ random: inout SeededRandom) -> Batch {
    func some(_ values: [JSONValue]) -> [JSONValue] {
      (0..<rows).map { _ in values[Int.random(in: 0..<values.count, using: &random)] }
    }
    return Table.batch([
      ("sex", .category, some(["f", "m", "m", nil])), ("rich", .bool, some([true, false, false])),
      ("id", .int, (0..<rows).map { JSONValue(first + $0) }),
    ])
  }

  private static func stage(_ options: String) throws -> (Mix, Diagnostics) {
    var report = Diagnostics()
    return (
      Mix(try StageBench.options(Mix.description, "{\(options)}"), report: &report), report
    )
  }

  /// - Parameter parts: by the name of the part.
  private static func run(
    _ options: String, _ parts: [String: (Batch, cuts: [Int])], _ artifacts: FolderArtifacts,
    seed: UInt64 = 1
  ) async throws -> (rows: Batch, outputs: StageOutputs, bench: StageBench) {
    let (stage, report) = try stage(options)
    try report.check()
    var inputs: [String: Artifact] = [:]
    for (name, part) in parts {
      inputs["parts.\(name).from"] = try Table.dataset(part.0, cuts: part.cuts, artifacts)
    }
    let bench = StageBench(stage, artifacts, inputs: inputs, seed: seed)
    let outputs = try await stage.drive(bench)
    return (try Table.read(try #require(outputs.artifacts["data"]), artifacts), outputs, bench)
  }

  private static func codes(_ body: () async throws -> Void) async -> [String] {
    do { try await body() } catch let failure as TaskFailure {
      return failure.diagnostics.items.map(\.code)
    } catch let report as Diagnostics { return report.items.map(\.code) } catch let problem
      as Diagnostic
    { return [problem.code] } catch {}
    return []
  }

  private static func cuts(_ rows: Int, _ random: inout SeededRandom) -> [Int] {
    (0..<Int.random(in: 0...4, using: &random)).map { _ in Int.random(in: 0...rows, using: &random)
    }
    .sorted()
  }

  /// Each part gives exactly its rows; each row is the very row of the part that its origin says; none
  /// comes twice; neither the parts' cuts nor the order of tasks change anything.
  @Test func everyRowIsTheRowItClaims() async throws {
    let artifacts = try FolderArtifacts()
    for seed in 0..<40 {
      var random = SeededRandom(seed: UInt64(seed))
      let a = Self.people(Int.random(in: 60...200, using: &random), 0, &random)
      let b = Self.people(Int.random(in: 60...200, using: &random), 1_000, &random)
      let c = Self.people(Int.random(in: 60...200, using: &random), 2_000, &random)
      let rows = Int.random(in: 0...60, using: &random)
      let options =
        "rows: \(rows), parts: {a: {from: rows, share: 0.55}, b: {from: rows, share: 0.45}, c: {from: more, share: 0}}"
      let parts = [
        "a": (a, cuts: Self.cuts(a.rows, &random)), "b": (b, cuts: Self.cuts(b.rows, &random)),
        "c": (c, cuts: []),
      ]
      let (blend, outputs, bench) = try await Self.run(
        options, parts, artifacts, seed: UInt64(seed))
      #expect(blend.schema.names == ["sex", "rich", "id", "_origin", "_origin_row"])
      let sizes = Apportionment.largestRemainder(rows, weights: [0.55, 0.45, 0])
      let sources = try ["a": a, "b": b].map { name, batch in
        (try #require(bench.inputNames["parts.\(name).from"]), Table.rows(batch))
      }
      let byOrigin = Dictionary(sources) { first, _ in first }
      var seen: Set<[JSONValue]> = []
      var counts: [Int: Int] = [:]
      let isTrue = Table.rows(blend).allSatisfy { row in
        guard let source = row[3].string.flatMap({ byOrigin[$0] }), let at = row[4].int,
          source.indices.contains(at), let id = row[2].int
        else { return false }
        counts[id / 1_000, default: 0] += 1
        return Array(row[..<3]) == source[at] && seen.insert(Array(row[3...])).inserted
      }
      #expect(isTrue, "seed \(seed)")
      #expect([counts[0] ?? 0, counts[1] ?? 0, counts[2] ?? 0] == sizes, "seed \(seed)")
      let whole = parts.mapValues { ($0.0, cuts: [Int]()) }
      let (again, _, other) = try await Self.run(options, whole, artifacts, seed: UInt64(seed))
      // The names of the inputs are made from their digests here, so only the rows are compared.
      #expect(
        Table.rows(again).map { [$0[2], $0[4]] } == Table.rows(blend).map { [$0[2], $0[4]] })
      #expect(other.inputs != bench.inputs || outputs.warnings.isEmpty)
    }
  }

  /// The blend has exactly the target's counts, whatever the parts have, as long as there are rows.
  @Test func balanceReachesItsTarget() async throws {
    let artifacts = try FolderArtifacts()
    for seed in 0..<30 {
      var random = SeededRandom(seed: UInt64(seed))
      let a = Self.people(400, 0, &random)
      let b = Self.people(400, 1_000, &random)
      let rows = Int.random(in: 1...90, using: &random)
      let isEqual = seed % 2 == 0
      let to = isEqual ? "equal" : "{f: 0.7, m: 0.25, (missing): 0.05}"
      let (blend, _, _) = try await Self.run(
        """
        rows: \(rows), parts: {a: {from: rows, share: 0.6}, b: {from: more, share: 0.4}}, \
        balance: {by: sex, to: \(to)}
        """,
        ["a": (a, cuts: Self.cuts(400, &random)), "b": (b, cuts: [])], artifacts,
        seed: UInt64(seed))
      let counts = Dictionary(Table.rows(blend).map { ($0[0], 1) }, uniquingKeysWith: +)
      let wanted = Apportionment.largestRemainder(
        rows, weights: isEqual ? [1, 1, 1] : [0.7, 0.25, 0.05])
      #expect(
        ["f", "m", nil].map { counts[$0] ?? 0 } == wanted, "seed \(seed)")
      let real = Table.rows(blend).count { ($0[2].int ?? 0) < 1_000 }
      #expect([real, rows - real] == Apportionment.largestRemainder(rows, weights: [0.6, 0.4]))
      #expect(Set(Table.rows(blend).map { $0[2] }).count == rows, "a row comes twice")
    }
  }

  /// Rows with −0 and with 0 are of one cell, as they are one value when rows are compared.
  @Test func zeroHasOneCell() async throws {
    let artifacts = try FolderArtifacts()
    let table = Table.batch([
      ("x", .double, [.double(0), .double(-0.0), .double(-0.0), 1, 1, 1]),
      ("id", .int, (0..<6).map { JSONValue($0) }),
    ])
    #expect(RowCells(table, columns: ["x"]).keys == [CellKey(["0.0"]), CellKey(["1.0"])])
    let (blend, _, _) = try await Self.run(
      "rows: 6, parts: {a: {from: rows, share: 1}}, balance: {by: x, to: {0.0: 0.5, 1.0: 0.5}}",
      ["a": (table, cuts: [1])], artifacts)
    #expect(Table.rows(blend).count { $0[0].double == 0 } == 3)
  }

  @Test func aPartThatIsTooSmall() async throws {
    let artifacts = try FolderArtifacts()
    var random = SeededRandom(seed: 5)
    let parts = [
      "a": (Self.people(30, 0, &random), cuts: [10]),
      "b": (Self.people(50, 1_000, &random), cuts: []),
    ]
    func options(_ whenShort: String) -> String {
      "rows: 100, parts: {a: {from: rows, share: 0.5, when-short: \(whenShort)}, b: {from: more, share: 0.5}}"
    }
    #expect(
      await Self.codes { _ = try await Self.run(options("error"), parts, artifacts) } == ["AX0620"])
    let (shrunk, outputs, _) = try await Self.run(options("shrink"), parts, artifacts)
    let ids = Table.rows(shrunk).compactMap { $0[2].int }
    #expect(ids.count { $0 < 1_000 } == 30 && ids.count == 60 && Set(ids).count == 60)
    #expect(outputs.warnings.map(\.code) == ["AX0628"])
    let (repeated, _, _) = try await Self.run(options("repeat"), parts, artifacts)
    let times = Dictionary(Table.rows(repeated).map { ($0[2], 1) }, uniquingKeysWith: +)
    // 50 rows of 30: each once, and twenty of them twice.
    #expect(
      times.filter { ($0.key.int ?? 0) < 1_000 }.values.sorted()
        == Array(repeating: 1, count: 10) + Array(repeating: 2, count: 20))
    #expect(repeated.rows == 100)
    let none = ["a": (parts["a"]!.0.slice(0..<0), cuts: [Int]()), "b": parts["b"]!]
    #expect(
      await Self.codes { _ = try await Self.run(options("repeat"), none, artifacts) } == ["AX0620"])
    let (fixed, _, _) = try await Self.run(
      "parts: {a: {from: rows, rows: 7}, b: {from: more, rows: 0}}", parts, artifacts)
    #expect(fixed.rows == 7)
    let (mixed, _, _) = try await Self.run(
      "rows: 20, parts: {a: {from: rows, rows: 7}, b: {from: more, share: 1}}", parts, artifacts)
    #expect(Table.rows(mixed).count { ($0[2].int ?? 0) < 1_000 } == 7 && mixed.rows == 20)
  }

  @Test func targetsThatCannotBeReachedAreNamed() async throws {
    let artifacts = try FolderArtifacts()
    var random = SeededRandom(seed: 6)
    let parts = ["a": (Self.people(40, 0, &random), cuts: [Int]())]
    for (to, code, words) in [
      ("{f: 0.9, m: 0.1}", "AX0627", "'f'"), ("{f: 0.5, x: 0.5}", "AX0629", "'x'"),
      ("equal", "AX0627", "'sex'"),
    ] {
      var said = ""
      do {
        _ = try await Self.run(
          "rows: 40, parts: {a: {from: rows, share: 1}}, balance: {by: [sex], to: \(to)}", parts,
          artifacts)
      } catch let failure as TaskFailure {
        let first = failure.diagnostics.items.first
        said = "\(first?.code ?? "") \(first?.fact ?? "") \(first?.cause ?? "")"
        #expect(first?.span?.line == 7)
      }
      #expect(said.hasPrefix(code) && said.contains(words), "\(to): \(said)")
    }
  }

  @Test func schemasAreBroughtTogether() async throws {
    let artifacts = try FolderArtifacts()
    let a = Table.batch([
      ("n", .int, [1, nil]), ("c", .category, ["x", "y"]), ("t", .category, ["u", nil]),
      ("d", .date, ["2024-01-02", "1960-01-01"]),
    ])
    let b = Table.batch([
      ("d", .datetime, ["2024-01-02T03:04:05", nil]), ("c", .category, ["z", "x"]),
      ("n", .double, [0.5, 2]), ("t", .text, ["v", "u"]),
    ])
    let (blend, _, _) = try await Self.run(
      "parts: {a: {from: rows, rows: 2}, b: {from: more, rows: 2}}",
      ["a": (a, cuts: []), "b": (b, cuts: [1])], artifacts)
    #expect(blend.schema.columns.prefix(4).map(\.type) == [.double, .category, .text, .datetime])
    #expect(blend.schema["c"]?.categories == ["x", "y", "z"])
    let rows = Set(Table.rows(blend).map { Array($0.prefix(4)) })
    #expect(
      rows == [
        [1.0, "x", "u", "2024-01-02T00:00:00"], [nil, "y", nil, "1960-01-01T00:00:00"],
        [0.5, "z", "v", "2024-01-02T03:04:05"], [2.0, "x", "u", nil],
      ])
    let twoTables = "parts: {a: {from: rows, rows: 1}, b: {from: more, rows: 1}}"
    for (other, expected) in [
      (Table.batch([("n", .text, ["a"])]), ["AX0623", "AX0624"]),
      (Table.batch([("n", .int, [1]), ("m", .int, [1])]), ["AX0623", "AX0623"]),
    ] {
      #expect(
        await Self.codes {
          _ = try await Self.run(
            twoTables, ["a": (a, cuts: []), "b": (other, cuts: [])], artifacts)
        } == expected)
    }
    let big = Table.batch([("n", .int, [9_007_199_254_740_993])])
    let half = Table.batch([("n", .double, [0.5])])
    #expect(
      await Self.codes {
        _ = try await Self.run(twoTables, ["a": (big, cuts: []), "b": (half, cuts: [])], artifacts)
      } == ["AX0624"])
    let far = Batch(
      schema: Schema([ColumnSchema("d", .date)]), columns: [Column(.date(Buffer([Int32.max])))])
    let time = Table.batch([("d", .datetime, ["2024-01-02T03:04:05"])])
    #expect(
      await Self.codes {
        _ = try await Self.run(twoTables, ["a": (far, cuts: []), "b": (time, cuts: [])], artifacts)
      } == ["AX0624"])
  }

  /// Mixing a mixture: rows keep where they first came from.
  @Test func originsAreKept() async throws {
    let artifacts = try FolderArtifacts()
    var random = SeededRandom(seed: 9)
    let first = Self.people(50, 0, &random)
    let (inner, _, bench) = try await Self.run(
      "parts: {a: {from: rows, rows: 40}}", ["a": (first, cuts: [])], artifacts)
    let name = try #require(bench.inputNames["parts.a.from"])
    let (outer, _, _) = try await Self.run(
      "parts: {b: {from: rows, rows: 30}, c: {from: more, rows: 10}}",
      ["b": (inner, cuts: [7]), "c": (Self.people(10, 1_000, &random), cuts: [])], artifacts)
    let source = Table.rows(first)
    let kept = Table.rows(outer).filter { $0[3].string == name }
    #expect(kept.count == 30)
    #expect(kept.allSatisfy { row in row[4].int.map { source[$0] == Array(row[..<3]) } ?? false })
  }

  @Test(
    "refuses",
    arguments: [
      ("parts: {}", ["AX0622:18"]), ("parts: {a: {from: rows}}", ["AX0622:19"]),
      ("parts: {a: {from: rows, share: 1, rows: 2}}", ["AX0622:51"]),
      ("rows: 9, parts: {a: {from: rows, share: 0.5}}", ["AX0621:27"]),
      ("parts: {a: {from: rows, share: 1}}", ["AX0625:10"]),
      ("rows: 9, parts: {a: {from: rows, rows: 8}}", ["AX0625:17"]),
      ("rows: 2, parts: {a: {from: rows, rows: 8}, b: {from: more, share: 1}}", ["AX0625:17"]),
      ("rows: 9, parts: {a: {from: rows, share: 1}}, balance: {by: [], to: equal}", ["AX0626:65"]),
      (
        "rows: 9, parts: {a: {from: rows, share: 1}}, balance: {by: [k, k], to: equal}",
        ["AX0626:74"]
      ),
      (
        "rows: 9, parts: {a: {from: rows, share: 1}}, balance: {by: k, to: {x: 0.5}}",
        ["AX0621:77"]
      ),
    ])
  func refuses(options: String, expected: [String]) throws {
    let (_, report) = try Self.stage(options)
    #expect(places(report) == expected, "\(report)")
  }

  /// Largest remainder, against the definition: the quota's floor or one more, and the total exact.
  @Test func sharesAreApportioned() {
    forEverySeed(500) { random in
      let weights = (0..<Int.random(in: 1...8, using: &random)).map { _ in
        Int.random(in: 0...1000, using: &random)
      }
      let total = Int.random(in: 0...10_000, using: &random)
      let sum = weights.reduce(0, +)
      for given in [
        Apportionment.largestRemainder(total, weights: weights.map(Double.init)),
        Apportionment.largestRemainder(total, weights: weights),
      ] {
        if sum == 0 { return given.allSatisfy { $0 == 0 } }
        guard given.reduce(0, +) == total else { return false }
        for (weight, count) in zip(weights, given) {
          let floor = total * weight / sum
          if count < floor || count > floor + (total * weight % sum == 0 ? 0 : 1) { return false }
        }
      }
      return true
    }
  }

  /// A plan for parts and cells exists exactly when brute force finds one.
  @Test func cellsAreFilledWheneverTheyCanBe() {
    forEverySeed(300) { random in
      let limits = (0..<2).map { _ in (0..<3).map { _ in Int.random(in: 0...3, using: &random) } }
      let cells = (0..<3).map { _ in Int.random(in: 0...3, using: &random) }
      let total = cells.reduce(0, +)
      let first = Int.random(in: 0...total, using: &random)
      let plan = BalancedCells(parts: [first, total - first], cells: cells, limits: limits)
      func isPossible(_ one: [Int]) -> Bool {
        guard one.reduce(0, +) == first else { return false }
        for cell in 0..<3 {
          let other = cells[cell] - one[cell]
          if one[cell] > limits[0][cell] || other < 0 || other > limits[1][cell] { return false }
        }
        return true
      }
      let all = (0..<64).map { [$0 / 16, $0 / 4 % 4, $0 % 4] }
      let canBe = all.contains(where: isPossible)
      guard plan.fits else { return !canBe }
      let other = (0..<3).map { cells[$0] - plan.rows[0][$0] }
      return isPossible(plan.rows[0]) && plan.rows[1] == other
    }
  }
}
