import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStages
import AdmixTestSupport
import Testing

/// A generate stage with `var`: series over partitions.
@Suite struct SeriesStageTests {
  /// Days of two shops in each region, as rows of one partition.
  private static func sales(_ days: Range<Int>) -> Batch {
    let schema = Schema([
      ColumnSchema("shop", .text, roles: [.id]),
      ColumnSchema("region", .category, categories: ["east", "west"]),
      ColumnSchema("day", .date, roles: [.time]), ColumnSchema("sold", .int),
    ])
    var builders = schema.columns.map { ColumnBuilder($0, capacity: 4 * days.count) }
    for day in days {
      var random = SeededRandom(seed: UInt64(day))
      for shop in 0..<4 {
        builders[0].append(text: "shop \(shop)")
        builders[1].append(code: shop / 2)
        builders[2].append(days: day)
        builders[3].append(int: 20 + day % 7 + 5 * shop + Int.random(in: 0...9, using: &random))
      }
    }
    return Batch(schema: schema, columns: builders.map { $0.finish() }, rows: 4 * days.count)
  }

  /// One series of whole numbers.
  private static func wave(_ rows: Int) -> Batch {
    let schema = Schema([ColumnSchema("t", .int, roles: [.time]), ColumnSchema("x", .int)])
    var builders = schema.columns.map { ColumnBuilder($0, capacity: rows) }
    var random = SeededRandom(seed: 3)
    var x = 0
    for row in 0..<rows {
      x = x / 2 + Int.random(in: -50...50, using: &random)
      builders[0].append(int: row)
      builders[1].append(int: x)
    }
    return Batch(schema: schema, columns: builders.map { $0.finish() }, rows: rows)
  }

  private static func run(
    _ parts: [Range<Int>], _ options: JSONValue, _ artifacts: FolderArtifacts
  ) async throws -> (bench: StageBench, made: DatasetManifest) {
    let published = try parts.map { try artifacts.publish(sales($0)) }
    let learn = try artifacts.publish(
      DatasetManifest(schema: sales(0..<1).schema, partitions: published), kind: .dataset,
      rows: parts.reduce(0) { $0 + 4 * $1.count })
    var report = Diagnostics()
    let place = SourceSpan(file: "pipeline.yaml", line: 3, column: 5)
    let stage = Generate(OptionValues(Node(options, at: place)), report: &report)
    try report.check()
    let bench = StageBench(stage, name: "synthetic", artifacts, inputs: ["learn": learn], seed: 1)
    let outputs = try await stage.drive(bench)
    return (bench, try artifacts.dataset(try #require(outputs.artifacts["data"])))
  }

  /// A number of entities stands for a number of rows, and attributes may be asked for, also by a rule.
  @Test func entitiesComeWhole() async throws {
    let artifacts = try FolderArtifacts()
    let series: JSONValue = ["var": ["entity": "shop", "entities": 7, "lags": 1]]
    for more: JSONValue in [["where": ["region": "west"]], ["keep": ["region == 'west'"]]] {
      guard case .object(let asked) = more else { continue }
      let (_, made) = try await Self.run(
        [0..<30, 30..<60],
        .object(["learn": "sales", "with": series].merging(asked) { $1 }), artifacts)
      #expect(made.rows == 7 * 60)
      let batch = try artifacts.batch(made.partitions[0], schema: made.schema)
      let shops = (0..<batch.rows).compactMap { batch["shop"]?.text($0) }
      #expect(Set(shops).count == 7 && shops == (0..<420).map { shops[$0 / 60 * 60] })
      #expect((0..<batch.rows).allSatisfy { batch["region"]?.text($0) == "west" })
    }
  }

  /// Partitions made last to first are the rows of one series, and more rows leave those before.
  @Test func aLongSeriesGoesOnOverPartitions() async throws {
    let artifacts = try FolderArtifacts()
    func single(_ rows: Int) async throws -> DatasetManifest {
      let table = Self.wave(400)
      let learn = try artifacts.publish(
        DatasetManifest(schema: table.schema, partitions: [try artifacts.publish(table)]),
        kind: .dataset, rows: 400)
      var report = Diagnostics()
      let stage = Generate(
        OptionValues(
          Node(
            ["learn": "sales", "rows": .int(Int64(rows)), "with": ["var": ["lags": 2]]],
            at: SourceSpan(file: "pipeline.yaml", line: 3, column: 5))), report: &report)
      try report.check()
      let bench = StageBench(stage, name: "s", artifacts, inputs: ["learn": learn], seed: 1)
      return try artifacts.dataset(try #require(try await stage.drive(bench).artifacts["data"]))
    }
    let (long, short) = (try await single(66_000), try await single(65_000))
    #expect(long.partitions.count == 2 && long.rows == 66_000)
    let (a, b) = (
      try artifacts.batch(long.partitions[0], schema: long.schema),
      try artifacts.batch(short.partitions[0], schema: short.schema)
    )
    #expect((0..<65_000).allSatisfy { a["x"]?.text($0) == b["x"]?.text($0) })
    let next = try artifacts.batch(long.partitions[1], schema: long.schema)
    let last = a.rows - 1
    #expect(a["t"]?.text(last) == "\(last)" && next["t"]?.text(0) == "\(last + 1)")
  }

  /// One partition more is noted alone.
  @Test func aNewPartitionIsNotedAlone() async throws {
    let artifacts = try FolderArtifacts()
    let options: JSONValue = [
      "learn": "sales", "rows": 50, "with": ["var": ["entity": "shop", "lags": 1]],
    ]
    func keys(_ parts: [Range<Int>]) async throws -> Set<String> {
      let bench = try await Self.run(parts, options, artifacts).bench
      return Set(
        bench.requests.filter { $0.step == "fit-1" }.map { request in
          (request.inputs["rows"] ?? []).map(\.digest.hex).joined() + request.parameters.text
            + (request.inputs["schema"] ?? []).map(\.digest.hex).joined()
        })
    }
    let (before, after) = (
      try await keys([0..<20, 20..<40]), try await keys([0..<20, 20..<40, 40..<60])
    )
    #expect(before.count == 2 && after.count == 3 && before.isSubset(of: after))
  }
}
