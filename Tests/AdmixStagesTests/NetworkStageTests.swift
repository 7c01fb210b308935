import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStages
import AdmixTestSupport
import Testing

@Suite struct NetworkStageTests {
  /// Ages, and cities and incomes that go with them.
  private static func people(_ rows: Int, seed: UInt64) -> Batch {
    var random = SeededRandom(seed: seed)
    let schema = Schema([
      ColumnSchema("age", .int),
      ColumnSchema("city", .category, categories: ["Bern", "Genf", "Zug"]),
      ColumnSchema("income", .int), ColumnSchema("member", .bool),
    ])
    var builders = schema.columns.map { ColumnBuilder($0, capacity: rows) }
    for _ in 0..<rows {
      let age = Int.random(in: 18...60, using: &random)
      let city = min(2, max(0, age / 21 - Int.random(in: 0...1, using: &random)))
      builders[0].append(int: age)
      builders[1].append(code: Int32(city))
      if Int.random(in: 0..<20, using: &random) == 0 {
        builders[2].appendMissing()
      } else {
        builders[2].append(
          int: 1_000 * (age / 4 + city * 5 + Int.random(in: 0..<8, using: &random)))
      }
      builders[3].append(bool: Int.random(in: 0..<60, using: &random) < age)
    }
    return Batch(schema: schema, columns: builders.map { $0.finish() }, rows: rows)
  }

  private static func requests(_ seeds: [UInt64], options: JSONValue, _ artifacts: FolderArtifacts)
    async throws -> [TaskRequest]
  {
    let parts = try seeds.map { try artifacts.publish(people(1_000, seed: $0)) }
    let learn = try artifacts.publish(
      DatasetManifest(schema: people(1, seed: 0).schema, partitions: parts), kind: .dataset,
      rows: 1_000 * seeds.count)
    var report = Diagnostics()
    let place = SourceSpan(file: "pipeline.yaml", line: 3, column: 5)
    let stage = Generate(OptionValues(Node(options, at: place)), report: &report)
    try report.check()
    let bench = StageBench(stage, name: "synthetic", artifacts, inputs: ["learn": learn], seed: 1)
    _ = try await stage.drive(bench)
    return bench.requests
  }

  /// What a fingerprint would see of a request.
  private static func key(_ request: TaskRequest) -> String {
    let inputs = request.inputs.sorted { $0.key < $1.key }.map { name, all in
      name + all.map(\.digest.hex).joined(separator: ",")
    }
    return ([request.step, request.parameters.text] + inputs).joined(separator: "\n")
  }

  /// Decisions between passes hold no counts, so that a changed partition leaves the others' standing.
  @Test func recountsOnlyThePartitionThatChanged() async throws {
    let artifacts = try FolderArtifacts()
    let options: JSONValue = ["learn": "train", "with": "bayesian-network", "rows": 100]
    let seeds = Array(1...30).map { UInt64($0) }
    let before = Set(
      try await Self.requests(seeds, options: options, artifacts).map(Self.key))
    var changed = seeds
    changed[17] = 99
    let after = try await Self.requests(changed, options: options, artifacts)
    let counted = after.filter { $0.step.hasPrefix("fit") && !before.contains(Self.key($0)) }
    #expect(counted.map(\.step) == (1...6).map { "fit-\($0)" })
  }

  /// Noise that protects is not drawn twice to compare.
  @Test(arguments: [nil, 5] as [Int?])
  func saysWhichTasksCannotBeRepeated(seed: Int?) async throws {
    var privacy: [String: JSONValue] = [
      "epsilon": 1, "delta": 1e-6,
      "domain": [
        "age": ["between": [18, 90]], "city": ["Bern", "Genf", "Zug"],
        "income": ["between": [0, 100_000], "missing": true],
      ],
    ]
    if let seed { privacy["test-seed"] = JSONValue(seed) }
    let requests = try await Self.requests(
      [1, 2],
      options: [
        "learn": "train", "rows": 100, "with": ["bayesian-network": ["privacy": .object(privacy)]],
      ], FolderArtifacts())
    let unrepeatable = requests.filter { !$0.isRepeatable }.map(\.step)
    #expect(unrepeatable == (seed == nil ? ["combine-1", "combine-2"] : []))
  }
}
