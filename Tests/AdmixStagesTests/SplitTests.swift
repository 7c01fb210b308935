import AdmixData
import AdmixEngine
import AdmixModel
import AdmixTestSupport
import Testing

@testable import AdmixStages

@Suite struct SplitTests {
  private static func people(_ rows: Int, _ random: inout SeededRandom) -> Batch {
    func some(_ values: [JSONValue]) -> [JSONValue] {
      (0..<rows).map { _ in values[Int.random(in: 0..<values.count, using: &random)] }
    }
    return Table.batch([
      ("sex", .category, some(["f", "f", "f", "m", nil])),
      ("income", .bool, some([true, false, false, false, false, false])),
      ("home", .int, some((0..<40).map { $0 == 0 ? .null : JSONValue($0 * $0 / 60) })),
      ("r", .int, (0..<rows).map { JSONValue($0) }),
    ])
  }

  private static func stage(_ options: String) throws -> (Split, Diagnostics) {
    var report = Diagnostics()
    let values = try StageBench.options(Split.description, "{from: rows, \(options)}")
    return (Split(values, report: &report), report)
  }

  private static func run(
    _ options: String, _ table: Batch, cuts: [Int], _ artifacts: FolderArtifacts, seed: UInt64 = 1
  ) async throws -> (parts: [String: Batch], outputs: StageOutputs) {
    let (stage, report) = try stage(options)
    try report.check()
    let bench = StageBench(
      stage, artifacts, inputs: ["from": try Table.dataset(table, cuts: cuts, artifacts)],
      seed: seed)
    let outputs = try await stage.drive(bench)
    return (try outputs.artifacts.mapValues { try Table.read($0, artifacts) }, outputs)
  }

  private static func numbers(_ part: Batch?) -> [Int] {
    part?["r"].map { Table.cells($0).compactMap(\.int) } ?? []
  }

  private static func cuts(_ rows: Int, _ random: inout SeededRandom) -> [Int] {
    (0..<Int.random(in: 0...4, using: &random)).map { _ in Int.random(in: 0...rows, using: &random)
    }
    .sorted()
  }

  private static let layouts: [(into: String, shares: [(String, Double)])] = [
    ("{train: 0.8, holdout: 0.2}", [("train", 0.8), ("holdout", 0.2)]),
    ("{a: 0.29, b: 0.57, c: 0.14}", [("a", 0.29), ("b", 0.57), ("c", 0.14)]),
    ("{a: 1, b: 0}", [("a", 1), ("b", 0)]),
    (
      "{a: 0.3333333333, b: 0.3333333333, c: 0.3333333334}",
      [("a", 0.3333333333), ("b", 0.3333333333), ("c", 0.3333333334)]
    ),
  ]

  /// Parts are disjoint, cover every row, keep the order and have exact sizes; the strata are within a
  /// row of their shares; cuts do not matter, another seed does.
  @Test func partsAreExactDisjointAndWhole() async throws {
    let artifacts = try FolderArtifacts()
    for seed in 0..<40 {
      var random = SeededRandom(seed: UInt64(seed))
      let table = Self.people(Int.random(in: 1...300, using: &random), &random)
      let layout = Self.layouts[seed % Self.layouts.count]
      let stratify = seed % 3 == 0 ? "" : ", stratify: [sex, income]"
      let options = "into: \(layout.into)\(stratify)"
      let (parts, _) = try await Self.run(
        options, table, cuts: Self.cuts(table.rows, &random), artifacts, seed: UInt64(seed))
      let sizes = Apportionment.largestRemainder(table.rows, weights: layout.shares.map(\.1))
      var all: [Int] = []
      for ((name, share), size) in zip(layout.shares, sizes) {
        let numbers = Self.numbers(parts[name])
        #expect(numbers == numbers.sorted() && numbers.count == size, "seed \(seed), \(name)")
        all += numbers
        guard !stratify.isEmpty, let part = parts[name] else { continue }
        let wanted = Self.strata(table).mapValues { share * Double($0) }
        let got = Self.strata(part)
        for (stratum, quota) in wanted {
          #expect(
            (Double(got[stratum] ?? 0) - quota).magnitude < 1 + 1e-6, "seed \(seed), \(stratum)")
        }
      }
      #expect(all.sorted() == Array(0..<table.rows), "seed \(seed)")
      let (again, _) = try await Self.run(
        options, table, cuts: [], artifacts, seed: UInt64(seed))
      #expect(parts.allSatisfy { again[$0.key].map($0.value.difference) == .some(nil) })
    }
    var random = SeededRandom(seed: 1)
    let table = Self.people(300, &random)
    let one = try await Self.run("into: {a: 0.5, b: 0.5}", table, cuts: [], artifacts, seed: 1)
    let two = try await Self.run("into: {a: 0.5, b: 0.5}", table, cuts: [], artifacts, seed: 2)
    #expect(one.outputs.artifacts["a"] != two.outputs.artifacts["a"])
  }

  private static func strata(_ batch: Batch) -> [[JSONValue]: Int] {
    Dictionary(Table.rows(batch).map { ([$0[0], $0[1]], 1) }, uniquingKeysWith: +)
  }

  /// Totals are exact, and every stratum is within a row of its share, for any strata and shares.
  @Test func sizesAreRoundedTheControlledWay() {
    forEverySeed(400) { random in
      let weights = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        Double(Int.random(in: 0...10, using: &random))
      }
      let sum = weights.reduce(0, +)
      let shares = sum == 0 ? [1.0] : weights.map { $0 / sum }
      let strata = (0..<Int.random(in: 1...12, using: &random)).map { _ in
        Int.random(in: 0...9, using: &random)
      }
      let sizes = SplitSizes.of(strata, shares: shares)
      let totals = shares.indices.map { part in sizes.reduce(0) { $0 + $1[part] } }
      return totals
        == Apportionment.largestRemainder(strata.reduce(0, +), weights: shares)
        && zip(strata, sizes).allSatisfy { count, row in
          row.reduce(0, +) == count
            && zip(row, shares).allSatisfy {
              $0 >= 0 && (Double($0) - $1 * Double(count)).magnitude < 1 + 1e-6
            }
        }
    }
  }

  /// Thousands of strata end with a row that no part wants and search for a way, which must not go over
  /// all of them.
  @Test func manySmallStrataAreExactToo() {
    let shares = [0.29, 0.57, 0.14]
    let strata = Array(repeating: 3, count: 30_000)
    let sizes = SplitSizes.of(strata, shares: shares)
    let totals = shares.indices.map { part in sizes.reduce(0) { $0 + $1[part] } }
    #expect(totals == [26_100, 51_300, 12_600])
    #expect(
      zip(strata, sizes).allSatisfy { count, row in
        row.reduce(0, +) == count
          && zip(row, shares).allSatisfy {
            (Double($0) - $1 * Double(count)).magnitude < 1 + 1e-6
          }
      })
  }

  /// A task of many does not read the strata of the others.
  @Test func aPartitionIsToldOfItsOwnStrata() async throws {
    let artifacts = try FolderArtifacts()
    let rows = 600
    let table = Table.batch([
      ("g", .int, (0..<rows).map { JSONValue($0 / 3) }),
      ("r", .int, (0..<rows).map { JSONValue($0) }),
    ])
    let (stage, _) = try Self.stage("into: {a: 0.5, b: 0.5}, stratify: g")
    let input = try Table.dataset(
      table, cuts: Array(stride(from: 100, to: rows, by: 100)), artifacts)
    let bench = StageBench(stage, artifacts, inputs: ["from": input])
    _ = try await stage.drive(bench)
    let plans = try bench.requests.filter { $0.step == SplitPlan.step }.map {
      try artifacts.decode(SplitPlan.self, from: try #require($0.inputs["plan"]?.first))
    }
    #expect(plans.map(\.strata.count) == [34, 34, 34, 34, 34, 34])
    #expect(plans.flatMap(\.strata).allSatisfy { $0.rows == 3 })
    // Group 33 begins in the first partition and has two rows in the second.
    #expect(plans[1].strata.first { $0.key == CellKey(["33"]) }?.before == 1)
  }

  /// No group is on two sides; sizes are within the largest group of what was asked for.
  @Test func groupsStayTogether() async throws {
    let artifacts = try FolderArtifacts()
    for seed in 0..<30 {
      var random = SeededRandom(seed: UInt64(seed))
      let table = Self.people(Int.random(in: 1...300, using: &random), &random)
      let layout = Self.layouts[seed % Self.layouts.count]
      let options = "into: \(layout.into), group: home"
      let (parts, outputs) = try await Self.run(
        options, table, cuts: Self.cuts(table.rows, &random), artifacts, seed: UInt64(seed))
      var owner: [JSONValue: String] = [:]
      var groups: [JSONValue: Int] = [:]
      for (name, part) in parts {
        for row in Table.rows(part) {
          #expect(owner[row[2], default: name] == name, "seed \(seed)")
          owner[row[2]] = name
          groups[row[2], default: 0] += 1
        }
      }
      #expect(parts.values.flatMap(Self.numbers).sorted() == Array(0..<table.rows))
      let largest = Double(groups.values.max() ?? 0)
      for (name, share) in layout.shares {
        let off = (Double(parts[name]?.rows ?? 0) - share * Double(table.rows)).magnitude
        #expect(off <= largest * Double(layout.shares.count), "seed \(seed), \(name)")
        let isTold = outputs.warnings.contains {
          $0.code == "AX0637" && $0.fact.contains("'\(name)'")
        }
        #expect(isTold == (off > max(1, 0.01 * Double(table.rows))), "seed \(seed), \(name)")
      }
      let (again, _) = try await Self.run(options, table, cuts: [], artifacts, seed: UInt64(seed))
      #expect(parts.allSatisfy { again[$0.key].map($0.value.difference) == .some(nil) })
    }
  }

  @Test func numbersOfRowsAreTakenAsTheyAre() async throws {
    let artifacts = try FolderArtifacts()
    var random = SeededRandom(seed: 3)
    let table = Self.people(30, &random)
    let (parts, _) = try await Self.run(
      "into: {a: 7, b: 0, c: 23}, stratify: sex", table, cuts: [9], artifacts)
    #expect(parts.mapValues(\.rows) == ["a": 7, "b": 0, "c": 23])
    let failure = await #expect(throws: TaskFailure.self) {
      _ = try await Self.run("into: {a: 7, b: 24}", table, cuts: [], artifacts)
    }
    #expect(failure?.diagnostics.items.map(\.code) == ["AX0634"])
    let (empty, outputs) = try await Self.run(
      "into: {a: 0.5, b: 0.5}", table.slice(0..<0), cuts: [], artifacts)
    #expect(empty.mapValues(\.rows) == ["a": 0, "b": 0])
    #expect(outputs.warnings.map(\.code) == ["AX0635", "AX0635"])
  }

  @Test(
    "refuses",
    arguments: [
      ("into: {}", ["AX0630:31"]), ("into: {a: 0.5, b: 0.6}", ["AX0631:31"]),
      ("into: {a: 0.5, b: 0.4}", ["AX0631:31"]), ("into: {a: 0.5, b: 40}", ["AX0631:31"]),
      ("into: {a: 1.5, b: 40}", ["AX0631:31"]), ("into: {a: 0, b: 0}", ["AX0631:31"]),
      ("into: {a: 1}, stratify: [sex], group: home", ["AX0632:63"]),
      ("into: {a: 1}, stratify: [sx]", ["AX0633:50"]),
      ("into: {a: 1}, group: homes", ["AX0633:46"]),
    ])
  func refuses(options: String, expected: [String]) throws {
    let (stage, report) = try Self.stage(options)
    var problems = report
    var random = SeededRandom(seed: 0)
    if report.isEmpty {
      _ = stage.schemas(of: ["from": Self.people(1, &random).schema], report: &problems)
    }
    #expect(places(problems) == expected, "\(problems)")
  }
}
