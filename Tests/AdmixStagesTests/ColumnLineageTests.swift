import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Testing

@testable import AdmixStages

/// What stage kinds say of the columns of their outputs.
@Suite struct ColumnLineageTests {
  /// `people` and `others` are made by rules; `stage` is the case.
  private static func graph(_ stage: String) throws -> Graph {
    let text = """
      admix: 1
      name: test
      stages:
        people:
          generate:
            rows: 10
            with:
              rules:
                columns:
                  - id: {sequence: {}}
                  - sex: {choice: [f, m]}
                  - age: {integer: {low: 18, high: 80}}
                  - pay: {expression: "age * 10"}
                  - vip: {expression: "pay > 500"}
        others: {transform: {from: people, steps: [{cast: {age: double}}]}}
        parts: {split: {from: people, into: {a: 0.5, b: 0.5}}}
        stage: \(stage)
      """
    let spec = try SpecCompiler(kinds: builtinStages.descriptions).compile(
      text: text, options: .init(environment: ["KEY": "0123456789abcdef"]))
    return try Graph(spec, registry: builtinStages)
  }

  private static func lineage(_ graph: Graph, _ name: String) -> ColumnLineage? {
    guard let stage = graph[name] else { return nil }
    var inputs: [String: Schema] = [:]
    for input in stage.inputs { inputs[input.role] = graph[input.stage]?.schemas[input.output] }
    return stage.kind.lineage(of: inputs, outputs: stage.schemas)
  }

  /// `column: role.column WAY note; …` for each column, `*` for the whole.
  private static func words(_ lineage: ColumnLineage?, _ output: String) -> [String] {
    guard let table = lineage?.tables[output] else { return ["nothing"] }
    func words(_ use: ColumnLineage.Use) -> String {
      let place =
        switch use.source {
        case .input(let role): role + "."
        case .files: "file."
        case .own: "row."
        case .output(let table): table + "."
        }
      return place + use.column + " " + use.how.rawValue + (use.note.map { " " + $0 } ?? "")
        + (use.isMasking ? " MASKED" : "")
    }
    return table.columns.sorted { $0.key < $1.key }.map {
      "\($0.key): " + $0.value.map(words).joined(separator: "; ")
    } + table.whole.map { "*: " + words($0) }
  }

  private static let five = [
    "age: from.age IDENTITY", "id: from.id IDENTITY", "pay: from.pay IDENTITY",
    "sex: from.sex IDENTITY", "vip: from.vip IDENTITY",
  ]

  private static func five(_ changed: String...) -> [String] {
    five.map { line in
      changed.first { $0.hasPrefix(line.prefix { $0 != ":" } + ":") } ?? line
    } + changed.filter { $0.hasPrefix("*") }
  }

  static let cases: [(stage: String, output: String, expected: [String])] = [
    ("{transform: {from: people, steps: [{select: [age]}]}}", "data", ["age: from.age IDENTITY"]),
    (
      "{transform: {from: people, steps: [{rename: {age: pay, pay: age}}, {drop: [id, vip]}]}}",
      "data",
      ["age: from.pay IDENTITY", "pay: from.age IDENTITY", "sex: from.sex IDENTITY"]
    ),
    (
      "{transform: {from: people, steps: [{cast: {age: double, id: int}}, {bin: {pay: {edges: [5]}}}]}}",
      "data", five("age: from.age TRANSFORMATION cast", "pay: from.pay TRANSFORMATION bin")
    ),
    (
      "{transform: {from: people, steps: [{derive: [{a: age + pay}, {b: a}, {c: \"if(vip, a, id)\"}]}, {select: [a, b, c]}]}}",
      "data",
      [
        "a: from.age TRANSFORMATION derive; from.pay TRANSFORMATION derive",
        "b: from.age TRANSFORMATION derive; from.pay TRANSFORMATION derive",
        "c: from.age TRANSFORMATION derive; from.pay TRANSFORMATION derive; from.id TRANSFORMATION derive; from.vip CONDITIONAL derive",
      ]
    ),
    (
      "{transform: {from: people, steps: [{fill: {age: mean, pay: 1}}, {clip: {pay: [0, 9]}}, {map: {sex: {values: {f: w}}}}]}}",
      "data",
      five(
        "age: from.age TRANSFORMATION fill; from.age AGGREGATION fill",
        "pay: from.pay TRANSFORMATION fill, clip", "sex: from.sex TRANSFORMATION map")
    ),
    (
      "{transform: {from: people, steps: [{pseudonymise: {columns: [sex], key: \"${env.KEY}\"}}, {derive: {sex: upper(sex)}}]}}",
      "data", five("sex: from.sex TRANSFORMATION pseudonymise, derive MASKED")
    ),
    (
      "{transform: {from: people, steps: [{filter: age > 20 and vip}, {sort: [-pay]}, {dedupe: [id]}, {drop-missing: [sex]}, {sample: {share: 0.5}}]}}",
      "data",
      five(
        "*: from.age FILTER filter", "*: from.vip FILTER filter", "*: from.pay SORT sort",
        "*: from.id GROUP_BY dedupe", "*: from.sex FILTER drop-missing")
    ),
    (
      // What a column was made from decides, not what it is called by then.
      "{transform: {from: people, steps: [{derive: {rich: pay > 9}}, {drop: [pay]}, {filter: rich}, {uncount: age}, {drop: [rich, id, vip]}]}}",
      "data",
      ["sex: from.sex IDENTITY", "*: from.pay FILTER derive, filter", "*: from.age FILTER uncount"]
    ),
    (
      "{split: {from: people, into: {x: 0.5, y: 0.5}, stratify: [sex]}}", "y",
      five("*: from.sex FILTER stratify")
    ),
    (
      "{split: {from: people, into: {x: 0.5, y: 0.5}, group: id}}", "x",
      five("*: from.id FILTER group")
    ),
    (
      "{mix: {rows: 9, parts: {p: {from: people, share: 0.5}, o: {from: others, share: 0.5}}, balance: {by: sex, to: equal}}}",
      "data",
      [
        "_origin: ", "_origin_row: ",
        "age: parts.o.from.age IDENTITY; parts.p.from.age TRANSFORMATION mix",
        "id: parts.o.from.id IDENTITY; parts.p.from.id IDENTITY",
        "pay: parts.o.from.pay IDENTITY; parts.p.from.pay IDENTITY",
        "sex: parts.o.from.sex IDENTITY; parts.p.from.sex IDENTITY",
        "vip: parts.o.from.vip IDENTITY; parts.p.from.vip IDENTITY",
        "*: parts.o.from.sex FILTER balance", "*: parts.p.from.sex FILTER balance",
      ]
    ),
    (
      "{generate: {learn: parts.a, rows: 5, keep: [\"age > 20 or vip\"], where: {sex: f}}}", "data",
      [
        "age: learn.age AGGREGATION learned distribution",
        "id: learn.id AGGREGATION learned distribution",
        "pay: learn.pay AGGREGATION learned distribution",
        "sex: learn.sex AGGREGATION learned distribution",
        "vip: learn.vip AGGREGATION learned distribution",
        "*: learn.id CONDITIONAL learned association",
        "*: learn.sex CONDITIONAL learned association",
        "*: learn.age CONDITIONAL learned association",
        "*: learn.pay CONDITIONAL learned association",
        "*: learn.vip CONDITIONAL learned association", "*: row.sex FILTER where",
        "*: row.age FILTER keep", "*: row.vip FILTER keep",
      ]
    ),
    (
      "{generate: {learn: parts.a, rows: 5}}", "model",
      ["age", "id", "pay", "sex", "vip"].map { "*: learn.\($0) AGGREGATION learned" }
    ),
    (
      "{generate: {rows: 5, with: {rules: {columns: [{a: {normal: {mean: b, sd: 1}}}, {b: {choice: [1, 2]}}, {d: {when: [{if: b > 1, then: {expression: a + 1}}, {else: 3}]}}]}}}}",
      "data",
      [
        "a: row.b CONDITIONAL rules", "b: ",
        "d: row.b CONDITIONAL rules; row.a TRANSFORMATION rules",
      ]
    ),
    (
      "{fairness: {of: people, against: parts.a, label: {column: vip, positive: true}, protected: [sex, [sex, age]], conditional: [id]}}",
      "report",
      ["of", "against"].flatMap { role in
        [
          "vip AGGREGATION label", "sex GROUP_BY groups", "age GROUP_BY groups",
          "id GROUP_BY groups",
        ]
        .map { "*: \(role).\($0)" }
      }
    ),
    (
      "{validate: {of: people, reference: others, expect: [{column: age, between: [1, 99], where: vip}, {expression: pay > id}, {column: id, references: {dataset: others, column: id}}], fidelity: {}}}",
      "report",
      [
        "*: of.age AGGREGATION expect", "*: of.vip FILTER expect", "*: of.pay AGGREGATION expect",
        "*: of.id AGGREGATION expect", "*: expect.2.references.dataset.id JOIN expect",
        "*: of.id AGGREGATION fidelity", "*: of.sex AGGREGATION fidelity",
        "*: of.age AGGREGATION fidelity", "*: of.pay AGGREGATION fidelity",
        "*: of.vip AGGREGATION fidelity", "*: reference.id AGGREGATION fidelity",
        "*: reference.sex AGGREGATION fidelity", "*: reference.age AGGREGATION fidelity",
        "*: reference.pay AGGREGATION fidelity", "*: reference.vip AGGREGATION fidelity",
      ]
    ),
    (
      "{mitigate: {from: people, label: {column: vip, positive: true}, protected: sex}}", "data",
      ["age", "id", "pay", "sex", "vip"].map { "\($0): from.\($0) IDENTITY" } + [
        "weight: from.vip AGGREGATION reweighing; from.sex AGGREGATION reweighing"
      ]
    ),
    (
      "{export: {from: people, to: out.csv, columns: [pay, sex]}}", "file",
      ["pay: from.pay IDENTITY", "sex: from.sex IDENTITY"]
    ),
  ]

  @Test func everyKindSaysWhereItsColumnsComeFrom() throws {
    var told: Set<String> = ["ingest"]
    for item in Self.cases {
      let graph = try Self.graph(item.stage)
      let lineage = Self.lineage(graph, "stage")
      #expect(Self.words(lineage, item.output) == item.expected, "\(item.stage)")
      if lineage != nil { told.insert(graph["stage"]?.description.name ?? "") }
    }
    // A command is a stranger's program: nobody knows what it does with columns.
    let kinds = Set(builtinStages.descriptions.map(\.name)).subtracting(["command"])
    #expect(kinds.subtracting(told).isEmpty, "kinds without a case")

    let schema = Schema([ColumnSchema("a", .int)])
    let ingest = try Ingest(StageBench.options(Ingest.description, "{from: a.csv}"))
    #expect(
      Self.words(ingest.lineage(of: [:], outputs: ["data": schema]), "data") == [
        "a: file.a IDENTITY"
      ])
    // Before anything ran nothing is known of what a file holds, and nothing is made up.
    #expect(ingest.lineage(of: [:], outputs: [:]) == nil)
  }

  private static let steps = [
    "{filter: n > 0}", "{derive: {y: x * 2}}", "{derive: {y: \"if(flag, x, n)\"}}",
    "{derive: {n: n + r}}", "{rename: {n: m, m: n}}", "{rename: {x: z}}", "{drop: [s]}",
    "{cast: {n: double}}", "{fill: {x: mean}}", "{fill: {n: 3}}", "{sort: [k, -n]}", "{sort: x}",
    "{dedupe: [k]}", "{drop-missing: [x]}", "{clip: {r: [1, 4]}}", "{bin: {x: {edges: [2]}}}",
    "{map: {s: {values: {Anna: Berta}}}}", "{sample: {rows: 4}}", "{derive: {k: upper(s)}}",
    "{select: [k, x, r, n]}", "{derive: {q: \"coalesce(n, r)\"}}",
  ]

  /// The law behind it: a column that is not named as a source has no influence.
  ///
  /// The values of one input column are moved by a row; outputs that do not name it stay as they were.
  @Test func whatIsNotNamedHasNoInfluence() async throws {
    let columns: [Table.Column] = [
      ("k", .category, ["b", "a", nil, "b", "a", "c", "Z"]), ("n", .int, [2, nil, 1, 2, -1, 5, 0]),
      ("m", .int, [7, 6, 5, nil, 3, 2, 1]), ("x", .double, [3.0, nil, 1.0, 2.5, 2.5, -0.5, 10.0]),
      ("s", .text, ["Anna", "Eva", nil, "", "42", "Anna", "x"]),
      ("flag", .bool, [true, nil, false, true, true, false, true]),
      ("r", .int, [0, 1, 2, 3, 4, 5, 6]),
    ]
    let table = Table.batch(columns)
    let artifacts = try FolderArtifacts()
    var checked = 0
    for seed in 0..<14 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      let chosen = (0..<Int.random(in: 1...4, using: &random)).map { _ in
        Self.steps[Int.random(in: 0..<Self.steps.count, using: &random)]
      }
      let yaml = "{from: rows, steps: [\(chosen.joined(separator: ", "))]}"
      var report = Diagnostics()
      let stage = Transform(
        try StageBench.options(Transform.description, yaml), report: &report)
      _ = stage.schemas(of: ["from": table.schema], report: &report)
      // A step may need what another one took away.
      if report.hasErrors { continue }
      func run(_ batch: Batch) async throws -> Batch {
        let bench = StageBench(
          stage, artifacts,
          inputs: ["from": try Table.dataset(batch, cuts: seed % 3 == 0 ? [3] : [], artifacts)])
        return try Table.read(
          try #require(try await stage.drive(bench).artifacts["data"]), artifacts)
      }
      let before = try await run(table)
      let lineage = try #require(
        stage.lineage(of: ["from": table.schema], outputs: ["data": before.schema]))
      let told = try #require(lineage.tables["data"])
      #expect(Set(told.columns.keys) == Set(before.schema.names), "\(yaml)")
      for index in columns.indices {
        let name = columns[index].name
        if told.whole.contains(where: { $0.column == name }) { continue }
        var moved = columns
        moved[index].cells = Array(moved[index].cells.dropFirst()) + [moved[index].cells[0]]
        let after = try await run(Table.batch(moved))
        for column in before.schema.names
        where told.columns[column]?.contains(where: { $0.column == name }) != true {
          let (a, b) = (try #require(before[column]), try #require(after[column]))
          let isSame = Table.cells(a) == Table.cells(b)
          checked += 1
          #expect(isSame, "seed \(seed): '\(name)' changes '\(column)' after \(yaml)")
        }
      }
    }
    #expect(checked > 100, "hardly anything was compared: \(checked)")
  }
}

extension Ingest {
  fileprivate init(_ options: OptionValues) {
    var report = Diagnostics()
    self.init(options, report: &report)
  }
}
