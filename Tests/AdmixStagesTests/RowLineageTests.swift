import AdmixData
import AdmixEngine
import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

@testable import AdmixStages

/// What stages note about their rows leads every row back to the one it was made of.
@Suite struct RowLineageTests {
  /// A dataset with, for each of its rows, the row of the root that it was made of, as the notes say.
  private struct Dataset {
    var artifact: Artifact
    var origins: [Int]
    var descendants: [RowSet]
  }

  private let artifacts: FolderArtifacts
  private let walk: RowWalk

  init() throws {
    artifacts = try FolderArtifacts()
    walk = RowWalk(artifacts)
  }

  private func sizes(_ artifact: Artifact) throws -> [Int] {
    try artifacts.dataset(artifact).partitions.map { $0.rows ?? 0 }
  }

  private static func root(_ rows: Int, _ random: inout SeededRandom) -> Batch {
    var keys: [JSONValue] = []
    var numbers: [JSONValue] = []
    for _ in 0..<rows {
      keys.append(
        Int.random(in: 0...6, using: &random) == 0
          ? .null : .string(["a", "b", "c"].randomElement(using: &random) ?? ""))
      numbers.append(JSONValue(Int.random(in: 0...3, using: &random)))
    }
    return Table.batch([
      ("uid", .int, (0..<rows).map { JSONValue($0 * 7) }), ("k", .category, keys),
      ("n", .int, numbers),
    ])
  }

  private static func cuts(_ rows: Int, _ random: inout SeededRandom) -> [Int] {
    (0..<Int.random(in: 0...4, using: &random)).map { _ in Int.random(in: 0...rows, using: &random)
    }
    .sorted()
  }

  /// The dataset that a stage made, every row followed back and the first rows followed forwards.
  private func derived(
    _ artifact: Artifact, _ steps: [[RowLineage.Piece]], of inputs: [Dataset]
  ) throws -> Dataset {
    let parents = try inputs.map { try sizes($0.artifact) }
    let joined = parents.flatMap { $0 }
    let origins = inputs.flatMap(\.origins)
    var starts = [0]
    for size in joined { starts.append((starts.last ?? 0) + size) }
    var found: [Int] = []
    for (partition, size) in try sizes(artifact).enumerated() {
      for row in 0..<size {
        let source = try walk.source(of: row, in: partition, steps)
        try #require(
          joined.indices.contains(source.partition) && source.row < joined[source.partition])
        found.append(origins[starts[source.partition] + source.row])
      }
    }
    let sets = inputs[0].descendants.indices.map { at in
      RowSet(joining: inputs.map { $0.descendants[at] })
    }
    return Dataset(
      artifact: artifact, origins: found, descendants: try walk.rows(madeOf: sets, steps))
  }

  private func drive(
    _ stage: any StageKind, _ inputs: [(role: String, dataset: Dataset)], seed: UInt64
  ) async throws -> (outputs: StageOutputs, lineage: RowLineage) {
    let bench = StageBench(
      stage, artifacts,
      inputs: Dictionary(inputs.map { ($0.role, $0.dataset.artifact) }) { first, _ in first },
      seed: seed)
    let outputs = try await stage.drive(bench)
    let lineage = try artifacts.decode(RowLineage.self, from: try #require(outputs.rows))
    return (outputs, lineage)
  }

  private func steps(_ origin: RowLineage.Origin?, roles: [String]) throws -> [[RowLineage.Piece]] {
    guard case .rows(let of, let steps)? = origin, of == roles else {
      Issue.record("the rows are not said to be those of \(roles)")
      return []
    }
    return steps
  }

  private static let operations = [
    "[filter: n > 0]", "[drop-missing: [k]]", "[sort: [k, -n]]", "[sort: -n]", "[dedupe: [k, n]]",
    "[dedupe: [uid]]", "[sample: {share: 0.6}]", "[{derive: {c: n}}, {uncount: c}]",
    "[{derive: {d: n}}, {filter: n < 3}, {drop: [d]}, {filter: k is not null}]",
    "[{filter: n < 3}, {derive: {c: 2}}, {uncount: c}, {sort: [n, uid]}, {sample: {share: 0.9}}]",
    "[{derive: {e: n + 1}}, {drop: [e]}]", "[select: [uid, n, k]]", "[filter: n > 100]",
  ]

  private func next(_ live: [Dataset], _ random: inout SeededRandom) async throws -> [Dataset] {
    let one = try #require(live.randomElement(using: &random))
    let seed = UInt64.random(in: 0...999, using: &random)
    switch Int.random(in: 0...9, using: &random) {
    case 0, 1:
      let by = ["", ", stratify: [k]", ", group: n"].randomElement(using: &random) ?? ""
      let stage = try stage(Split.self, "{from: rows, into: {a: 0.6, b: 0.4}\(by)}")
      let (outputs, lineage) = try await drive(stage, [("from", one)], seed: seed)
      return try ["a", "b"].map { part in
        try derived(
          try #require(outputs.artifacts[part]),
          try steps(lineage.outputs[part], roles: ["from"]), of: [one])
      }
    case 2, 3:
      let other = try #require(live.randomElement(using: &random))
      if one.origins.isEmpty || other.origins.isEmpty { return [] }
      let stage = try stage(
        Mix.self,
        """
        {parts: {x: {from: rows, rows: \(one.origins.count / 2), when-short: repeat},
        y: {from: more, rows: \(other.origins.count + 3), when-short: repeat}}}
        """)
      let (outputs, lineage) = try await drive(
        stage, [("parts.x.from", one), ("parts.y.from", other)], seed: seed)
      return [
        try derived(
          try #require(outputs.artifacts["data"]),
          try steps(lineage.outputs["data"], roles: ["parts.x.from", "parts.y.from"]),
          of: [one, other])
      ]
    case 4:
      // With slices and buckets of a few rows, which tables of ordinary size never have.
      let bench = StageBench(
        try stage(Transform.self, "{from: rows, steps: []}"), artifacts, inputs: [:])
      let manifest = try artifacts.dataset(one.artifact)
      let made =
        Bool.random(using: &random)
        ? try await Sorting.drive(
          bench, manifest, [.init(column: "n", isDescending: true)], rowsPerSlice: 1 + Int(seed) % 9
        )
        : try await Dedupe.drive(bench, manifest, ["n", "k"], rowsPerBucket: 1 + Int(seed) % 5)
      let artifact = try artifacts.publish(made.manifest, kind: .dataset, rows: made.manifest.rows)
      return [try derived(artifact, made.steps, of: [one])]
    default:
      let stage = try stage(
        Transform.self,
        "{from: rows, steps: \(Self.operations.randomElement(using: &random) ?? "")}")
      let (outputs, lineage) = try await drive(stage, [("from", one)], seed: seed)
      return [
        try derived(
          try #require(outputs.artifacts["data"]),
          try steps(lineage.outputs["data"], roles: ["from"]), of: [one])
      ]
    }
  }

  private func stage<Kind: StageKind>(_ kind: Kind.Type, _ yaml: String) throws -> Kind {
    var report = Diagnostics()
    let stage = Kind(
      try StageBench.options(kind.description, yaml.replacing("\n", with: " ")), report: &report)
    try report.check()
    return stage
  }

  @Test func everyRowLeadsBackToTheOneItWasMadeOf() async throws {
    for seed in 0..<20 {
      var random = SeededRandom(seed: UInt64(seed))
      let rows = Int.random(in: 0...120, using: &random)
      let table = Self.root(rows, &random)
      let artifact = try Table.dataset(table, cuts: Self.cuts(rows, &random), artifacts)
      let followed = (0..<min(3, rows)).map { _ in Int.random(in: 0..<max(1, rows), using: &random)
      }
      var root = Dataset(artifact: artifact, origins: Array(0..<rows), descendants: [])
      for row in followed {
        var set = RowSet(sizes: try sizes(artifact))
        set.insert(row)
        root.descendants.append(set)
      }
      if followed.isEmpty { root.descendants = [RowSet(sizes: try sizes(artifact))] }
      var live = [root]
      for step in 0..<8 {
        for made in try await next(live, &random) {
          let ids = Table.cells(
            try #require(try Table.read(made.artifact, artifacts)["uid"])
          ).compactMap(\.int)
          #expect(ids == made.origins.map { $0 * 7 }, "seed \(seed), step \(step)")
          for (row, set) in zip(followed, made.descendants) {
            let expected = made.origins.indices.filter { made.origins[$0] == row }
            #expect(set.numbers(limit: .max) == expected, "forwards, seed \(seed), step \(step)")
            #expect(set.count == expected.count)
          }
          live.append(made)
        }
      }
    }
  }

  /// What a mix says of its rows' parts is there after a choice of columns, and no step sees it otherwise.
  @Test func aChoiceOfColumnsKeepsThePart() async throws {
    var random = SeededRandom(seed: 4)
    let rows = Dataset(
      artifact: try Table.dataset(Self.root(20, &random), artifacts), origins: [], descendants: [])
    let mix = try stage(Mix.self, "{parts: {x: {from: rows, rows: 9}, y: {from: more, rows: 9}}}")
    let mixed = try await drive(
      mix, [("parts.x.from", rows), ("parts.y.from", rows)], seed: 1
    ).outputs.artifacts["data"]
    for (steps, names) in [
      ("[select: [n]]", ["n", "_origin", "_origin_row"]),
      ("[select: [_origin, n]]", ["_origin", "n", "_origin_row"]),
      ("[{select: [n]}, {dedupe: true}]", ["n", "_origin", "_origin_row"]),
      ("[drop: [_origin, _origin_row]]", ["uid", "k", "n"]),
    ] {
      let made = try await drive(
        try stage(Transform.self, "{from: rows, steps: \(steps)}"),
        [("from", Dataset(artifact: try #require(mixed), origins: [], descendants: []))], seed: 1
      ).outputs.artifacts["data"]
      let batch = try Table.read(try #require(made), artifacts)
      #expect(batch.schema.names == names, "\(steps)")
      // Of four values at most four rows stay, whatever parts they are from.
      if steps.contains("dedupe") { #expect(batch.rows <= 4) }
    }
  }

  /// Any order and any partitions come back from the bytes; torn bytes are an error and no trap.
  @Test func mapsComeBackFromTheirBytes() throws {
    forEverySeed { random in
      let count = Int.random(in: 0...300, using: &random)
      let partitions = Int.random(in: 1...400, using: &random)
      let most = [1, 200, 60_000, 100_000].randomElement(using: &random) ?? 1
      var rows = (0..<count).map { _ in Int.random(in: 0..<most, using: &random) }
      var inputs = (0..<count).map { _ in Int.random(in: 0..<partitions, using: &random) }
      switch Int.random(in: 0...3, using: &random) {
      case 0: rows.sort()
      case 1:
        rows = Array(0..<count)
        inputs.sort()
      case 2: inputs = Array(repeating: 0, count: count)
      default: break
      }
      let map = RowMap(rows: rows, inputs: inputs)
      var data = map.data
      guard let back = try? RowMap(data, count: count), back == map else { return false }
      guard (try? RowMap(data, count: count + 1)) == nil else { return false }
      guard (try? RowMap(data.dropLast(), count: count)) == nil else { return false }
      let at = Int.random(in: 0..<data.count, using: &random)
      data[at] ^= UInt8.random(in: 1...255, using: &random)
      _ = try? RowMap(data, count: count)
      return back.inputs.isEmpty == inputs.allSatisfy { $0 == 0 }
    }
  }
}
