import AdmixData
import AdmixEngine
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixStages
import AdmixTestSupport
import Foundation
import Testing

@Suite struct GenerateTests {
  private static let cities = ["Bern", "Genf", "Zug"]

  /// Ages rise from city to city; a tenth of the incomes is missing.
  private static func people(_ rows: Range<Int>) -> Batch {
    let schema = Schema([
      ColumnSchema("age", .int), ColumnSchema("city", .category, categories: cities),
      ColumnSchema("income", .double), ColumnSchema("name", .text, roles: [.pii]),
    ])
    var builders = schema.columns.map { ColumnBuilder($0, capacity: rows.count) }
    for row in rows {
      let city = row * 7 % 3
      builders[0].append(int: 20 + 15 * city + row * 11 % 20)
      builders[1].append(code: city)
      if row % 10 == 3 {
        builders[2].appendMissing()
      } else {
        builders[2].append(double: Double(1_000 * city + row * 13 % 700) / 4)
      }
      builders[3].append(text: "person \(row)")
    }
    return Batch(schema: schema, columns: builders.map { $0.finish() }, rows: rows.count)
  }

  private static func dataset(_ artifacts: FolderArtifacts, _ cuts: [Int]) throws -> Artifact {
    let batches = zip(cuts, cuts.dropFirst()).map { people($0..<$1) }
    let partitions = try batches.map { try artifacts.publish($0) }
    return try artifacts.publish(
      DatasetManifest(schema: people(0..<1).schema, partitions: partitions), kind: .dataset,
      rows: cuts.last)
  }

  private static func stage(_ options: JSONValue) -> (Generate, Diagnostics) {
    var report = Diagnostics()
    let place = SourceSpan(file: "pipeline.yaml", line: 3, column: 5)
    let stage = Generate(OptionValues(Node(options, at: place)), report: &report)
    return (stage, report)
  }

  private static func run(
    _ options: [String: JSONValue], cuts: [Int] = [0, 700, 1_500], artifacts: FolderArtifacts,
    seed: UInt64 = 1
  ) async throws -> (outputs: StageOutputs, bench: StageBench) {
    var all = options
    all["learn"] = "train"
    let (stage, report) = stage(.object(all))
    try report.check()
    let bench = StageBench(
      stage, name: "synthetic", artifacts, inputs: ["learn": try dataset(artifacts, cuts)],
      seed: seed)
    return (try await stage.drive(bench), bench)
  }

  /// What a fingerprint would see of each sampling task.
  private static func samples(_ bench: StageBench) -> Set<String> {
    Set(
      bench.requests.filter { $0.step == "sample" }.map { request in
        request.parameters.text + (request.inputs["model"] ?? []).map(\.digest.hex).joined()
      })
  }

  private static func rows(_ outputs: StageOutputs, _ artifacts: FolderArtifacts) throws -> Batch {
    let manifest = try artifacts.dataset(try #require(outputs.artifacts["data"]))
    return Batch.concatenating(
      try manifest.partitions.map { try artifacts.batch($0, schema: manifest.schema) },
      schema: manifest.schema)
  }

  @Test func makesPartitionsOfRowsAndAModel() async throws {
    let artifacts = try FolderArtifacts()
    let (outputs, bench) = try await Self.run(["rows": 70_000], artifacts: artifacts)
    let manifest = try artifacts.dataset(try #require(outputs.artifacts["data"]))
    #expect(manifest.partitions.map(\.rows) == [65_536, 4_464])
    #expect(manifest.schema.names == ["age", "city", "income"])
    #expect(outputs.artifacts["data"]?.rows == 70_000)
    #expect(outputs.warnings.map(\.code) == ["AX0606"])
    #expect(
      bench.steps == [
        "fit-1", "fit-1", "combine-1", "fit-2", "fit-2", "combine-2", "plan", "sample", "sample",
      ])
    let model = try artifacts.read(try #require(outputs.artifacts["model"]))
    #expect(BuiltinGenerators.explain(model: model)?.title == "Gaussian copula")
    #expect(BuiltinGenerators.explain(model: Data("{}".utf8)) == nil)
    let batch = try Self.rows(outputs, artifacts)
    let missing = Double(try #require(batch["income"]).missingCount) / 70_000
    #expect((missing - 0.1).magnitude < 0.01)

    // Other cuts of the training rows, other rows asked for: the rows made are the same.
    let (more, extended) = try await Self.run(
      ["rows": 66_000], cuts: [0, 1, 1_499, 1_500], artifacts: artifacts)
    #expect(more.artifacts["model"] == outputs.artifacts["model"])
    let again = try Self.rows(more, artifacts)
    #expect(again.difference(from: batch.slice(0..<66_000)) == nil)
    // A full partition is the same task, whatever comes after it.
    #expect(Self.samples(extended).intersection(Self.samples(bench)).count == 1)
    let (other, _) = try await Self.run(["rows": 70_000], artifacts: artifacts, seed: 2)
    #expect(other.artifacts["data"] != outputs.artifacts["data"])
    #expect(other.artifacts["model"] == outputs.artifacts["model"])
    let (none, _) = try await Self.run(["rows": 0], artifacts: artifacts)
    #expect(none.artifacts["data"]?.rows == 0)
  }

  @Test func meetsConditionsInEveryRow() async throws {
    let artifacts = try FolderArtifacts()
    let (outputs, _) = try await Self.run(
      [
        "rows": 3_000,
        "where": [
          "city": ["Zug", "Bern"], "age": ["between": [25, 60]], "income": ["missing": false],
        ],
      ], artifacts: artifacts)
    let batch = try Self.rows(outputs, artifacts)
    guard case .category(let codes, let names)? = batch["city"]?.values,
      case .int(let ages)? = batch["age"]?.values
    else {
      Issue.record("other columns")
      return
    }
    #expect(Set(codes.array.map { names[Int($0)] }) == ["Bern", "Zug"])
    #expect(ages.array.allSatisfy { (25...60).contains($0) })
    #expect(batch["income"]?.missingCount == 0)
  }

  @Test(
    "reports what is wrong before anything runs",
    arguments: [
      (["rows": 5], ["AX0612"]),
      (["learn": "train"], ["AX0612"]),
      (["learn": "train", "rows": 5, "with": ["gausian-copula": [:]]], ["AX0304"]),
      (["learn": "train", "rows": 5, "where": ["town": "Bern"]], ["AX0601"]),
      (["learn": "train", "rows": 5, "where": ["name": "Eva"]], ["AX0601"]),
      (["learn": "train", "rows": 5, "where": ["city": "Brn"]], ["AX0603"]),
      (["learn": "train", "rows": 5, "where": ["age": ["between": [1]]]], ["AX0602"]),
      (["learn": "train", "rows": 5, "where": ["age": []]], ["AX0602"]),
      (["learn": "train", "rows": 5, "where": ["age": [nil]]], ["AX0602"]),
      (["learn": "train", "rows": 5, "where": ["age": [:]]], ["AX0602"]),
      (["learn": "train", "rows": 5, "where": ["city": nil, "age": ["above": 3]]], []),
    ] as [(JSONValue, [String])])
  func reports(options: JSONValue, codes: [String]) {
    var (stage, report) = Self.stage(options)
    let schemas = stage.schemas(of: ["learn": Self.people(0..<1).schema], report: &report)
    #expect(report.items.map(\.code) == codes, "\(report.items.map(\.fact))")
    #expect(schemas["data"]?.names == ["age", "city", "income"])
    #expect(stage.outputs == ["data", "model"])
    #expect(report.items.allSatisfy { $0.span?.line == 3 })
  }

  @Test func keepsBoundsByConstruction() async throws {
    let artifacts = try FolderArtifacts()
    let (outputs, _) = try await Self.run(
      [
        "rows": 2_000, "where": ["age": ["max": 60]],
        "keep": [
          "age >= 30 and 58.5 > age", "income is not null", "city in ['Bern', 'Zug']",
          "income >= -1 and income <= 2100",
        ],
      ], artifacts: artifacts)
    let batch = try Self.rows(outputs, artifacts)
    guard case .category(let codes, let names)? = batch["city"]?.values,
      case .int(let ages)? = batch["age"]?.values,
      case .double(let incomes)? = batch["income"]?.values
    else {
      Issue.record("other columns")
      return
    }
    #expect(Set(codes.array.map { names[Int($0)] }) == ["Bern", "Zug"])
    #expect(ages.array.allSatisfy { (30...58).contains($0) })
    #expect(incomes.array.allSatisfy { (-1...2_100).contains($0) })
    #expect(batch["income"]?.missingCount == 0)
    // Nothing was drawn twice.
    #expect(outputs.warnings.map(\.code) == ["AX0606"])
    for (rule, code) in [
      ("age > 200", "AX0603"), ("age < 30 and age > 40", "AX0604"), ("city == 'Basel'", "AX0603"),
    ] {
      let failure = await #expect(throws: TaskFailure.self) {
        _ = try await Self.run(["rows": 10, "keep": [.string(rule)]], artifacts: artifacts)
      }
      #expect(failure?.diagnostics.items.map(\.code) == [code])
    }
  }

  @Test func keepsOtherRulesByDrawingAgain() async throws {
    let artifacts = try FolderArtifacts()
    let options: [String: JSONValue] = ["rows": 2_000, "keep": ["income > age * 7", "age >= 25"]]
    let (outputs, _) = try await Self.run(options, artifacts: artifacts)
    let batch = try Self.rows(outputs, artifacts)
    guard case .int(let ages)? = batch["age"]?.values,
      case .double(let incomes)? = batch["income"]?.values
    else {
      Issue.record("other columns")
      return
    }
    #expect(batch.rows == 2_000 && batch["income"]?.missingCount == 0)
    #expect((0..<2_000).allSatisfy { incomes[$0] > Double(ages[$0]) * 7 && ages[$0] >= 25 })
    #expect(outputs.warnings.map(\.code) == ["AX0606", "AX0613"])
    for (rule, fact) in [
      ("income +", ""), ("incom > age", "incom"), ("income + age", "is not a condition"),
    ] {
      var (stage, report) = Self.stage(["learn": "train", "rows": 10, "keep": [.string(rule)]])
      _ = stage.schemas(of: ["learn": Self.people(0..<1).schema], report: &report)
      #expect(report.items.count == 1 && report.items.allSatisfy { $0.span?.line == 3 })
      #expect(fact.isEmpty || report.items.contains { $0.fact.contains(fact) })
    }
    let failure = await #expect(throws: TaskFailure.self) {
      _ = try await Self.run(["rows": 10, "keep": ["income + age < 0"]], artifacts: artifacts)
    }
    #expect(failure?.diagnostics.items.map(\.code) == ["AX0611"])
  }

  @Test func readsItsOptionsFromThePipelineFile() throws {
    let source = KindDescription(
      name: "source", revision: 1, summary: "Rows.", fields: [], outputs: ["data"], example: "")
    let text = """
      admix: 1
      name: test
      stages:
        rows: {source: {}}
        synthetic:
          generate:
            learn: rows
            rows: 80
            where: {city: Bern, age: {between: [30, 40]}, income: null, member: [1, true]}
      """
    let spec = try SpecCompiler(kinds: [source, Generate.description]).compile(text: text)
    let stage = try #require(spec.stages.first { $0.name == "synthetic" })
    var report = Diagnostics()
    let generate = Generate(stage.options, report: &report)
    #expect(report.isEmpty)
    #expect(generate.outputs == ["data", "model"])
    let conditions = Condition.all(in: stage.options["where"], report: &report)
    #expect(
      conditions.map(\.withoutSpan) == [
        Condition(
          column: "age",
          requirement: .range(
            low: .init("30", isInclusive: true), high: .init("40", isInclusive: true))),
        Condition(column: "city", requirement: .oneOf(["Bern"])),
        Condition(column: "income", requirement: .isMissing),
        Condition(column: "member", requirement: .oneOf(["1", "true"])),
      ])
    #expect(conditions.map(\.span?.line) == [9, 9, 9, 9])
    let wrong = #expect(throws: Diagnostics.self) {
      _ = try SpecCompiler(kinds: [source, Generate.description]).compile(
        text: text.replacingOccurrences(
          of: "learn: rows", with: "learn: rows\n      with: gausian-copula"
        )
        .replacingOccurrences(of: "between", with: "betwen"))
    }
    #expect(wrong?.items.count == 2)
    #expect(wrong?.items.contains { $0.hint == "did you mean 'gaussian-copula'?" } ?? false)
  }

  @Test func failsWithThePlaceOfTheCondition() async throws {
    let artifacts = try FolderArtifacts()
    for (condition, code): (JSONValue, String) in [
      (["age": ["min": 200]], "AX0603"), (["age": "old"], "AX0602"), (["city": nil], "AX0603"),
    ] {
      let failure = await #expect(throws: TaskFailure.self) {
        _ = try await Self.run(["rows": 10, "where": condition], artifacts: artifacts)
      }
      #expect(failure?.diagnostics.items.map(\.code) == [code])
      #expect(failure?.diagnostics.items.first?.span?.line == 3)
    }
    let empty = await #expect(throws: TaskFailure.self) {
      _ = try await Self.run(["rows": 10], cuts: [0], artifacts: artifacts)
    }
    #expect(empty?.diagnostics.items.map(\.code) == ["AX0605"])
  }
}
