import AdmixData
import AdmixEngine
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixStages
import AdmixTestSupport
import Foundation
import Testing

/// Which tasks are done again for which option: what kinds declare, held against what they do.
@Suite struct OptionTasksTests {
  /// Options of a stage, and other values for each of them.
  struct Case: Sendable, CustomTestStringConvertible {
    var kind: any StageKind.Type
    /// Whether the plugin `shell` of these tests is there.
    var hasPlugin = false
    var roles: [String: String] = [:]
    var options: [String: String]
    var edits: [(option: String, value: String)]

    var testDescription: String { "\(kind.description.name) \(options.keys.sorted())" }
  }

  static let cases: [Case] = [
    Case(
      kind: Ingest.self, options: ["from": "a.csv", "columns": "[n: int]"],
      edits: [
        ("from", "b.csv"), ("format", "{csv: {delimiter: ';', ragged: pad}}"), ("missing", "['2']"),
        ("columns", "[n: double]"), ("on-error", "reject"),
        ("sha256", String(repeating: "0", count: 64)),
      ]),
    Case(
      kind: Ingest.self, options: ["from": "a.jsonl"],
      edits: [
        ("from", "b.jsonl"), ("missing", "['x']"), ("columns", "[n: double]"),
        ("on-error", "reject"),
      ]),
    Case(
      kind: Transform.self, roles: ["from": "rows"],
      options: [
        "from": "rows",
        "steps":
          "[{filter: n > 2}, {dedupe: [k, n]}, {fill: {n: median}}, {sort: [n]}, {sample: {rows: 9}}]",
      ],
      edits: [
        ("steps", "[{filter: n > 3}, {sort: [n]}]"),
        ("steps", "[{dedupe: [k]}, {sample: {rows: 5}}]"),
      ]),
    Case(
      kind: Transform.self, hasPlugin: true, roles: ["inputs.a": "rows", "inputs.b": "rows"],
      options: ["inputs": "{a: rows}", "with": "shell"],
      edits: [("inputs", "{b: rows}"), ("with", "{shell: {depth: 3}}")]),
    Case(
      kind: Split.self, roles: ["from": "rows"],
      options: ["from": "rows", "into": "{a: 0.5, b: 0.5}"],
      edits: [("into", "{a: 0.25, b: 0.75}"), ("stratify", "[k]"), ("group", "k")]),
    Case(
      kind: Split.self, roles: ["from": "rows"],
      options: ["from": "rows", "into": "{a: 0.5, b: 0.5}", "group": "k"],
      edits: [("into", "{a: 0.25, b: 0.75}"), ("group", "g")]),
    Case(
      kind: Mix.self, roles: ["parts.x.from": "rows", "parts.y.from": "more"],
      options: [
        "rows": "16", "parts": "{x: {from: rows, share: 0.5}, y: {from: more, share: 0.5}}",
        "balance": "{by: k, to: equal}",
      ],
      edits: [
        ("rows", "12"), ("balance", "{by: g, to: equal}"),
        ("parts", "{x: {from: rows, share: 0.25}, y: {from: more, share: 0.75}}"),
      ]),
    Case(
      kind: Fairness.self, roles: ["of": "rows", "against": "more"],
      options: [
        "of": "rows", "against": "more", "label": "{column: y, positive: 'yes'}",
        "protected": "[k]",
      ],
      edits: [
        ("label", "{column: y, positive: 'no'}"),
        ("label", "{column: g, positive: x}"), ("protected", "[g]"), ("conditional", "[g]"),
        ("reference", "{k: a}"), ("min_support", "2"),
        ("gates", "[warn: disparate_impact(k) < 0.1]"),
        ("prediction", "{column: g, positive: x}"),
      ]),
    Case(
      kind: Fairness.self, roles: ["of": "rows", "against": "more", "holdout": "more"],
      options: [
        "of": "rows", "against": "more", "holdout": "more",
        "label": "{column: y, positive: 'yes'}", "protected": "[k]", "models": "[logistic]",
        "prediction": "{column: g, positive: x}",
      ],
      edits: [
        ("models", "[logistic, xgboost]"), ("learn_rows", "100"), ("protected", "[n]"),
        ("label", "{column: y, positive: 'no'}"), ("reference", "{k: a}"),
      ]),
    Case(
      kind: Mitigate.self, roles: ["from": "rows"],
      options: ["from": "rows", "label": "{column: k, positive: a}", "protected": "[g]"],
      edits: [
        ("label", "{column: k, positive: b}"), ("protected", "[y]"), ("min_support", "2"),
        ("method", "{reweighing: {weight: v}}"), ("gates", "[warn: effective_rows < 0.1]"),
      ]),
    Case(
      kind: Validate.self, roles: ["of": "mixed", "reference": "rows", "holdout": "more"],
      options: [
        "of": "mixed", "reference": "rows", "holdout": "more",
        "expect": "[{column: n, between: [0, 50]}, {column: n, unique: true}]", "fidelity": "{}",
        "copies": "{}", "privacy": "{}", "utility": "{target: y, models: [logistic]}",
        "anonymity": "{quasi_identifiers: [k], sensitive: [y], of: synthetic}",
        "disclosure": "{known: [k], secret: [y]}",
      ],
      edits: [
        ("synthetic", "[rows]"), ("expect", "[{column: n, between: [0, 40]}]"),
        ("fidelity", ""), ("privacy", "{rows: 20}"), ("privacy", ""),
        ("anonymity", "{quasi_identifiers: [k], sensitive: [n], of: synthetic}"),
        ("anonymity", "{quasi_identifiers: [g], sensitive: [y]}"), ("anonymity", ""),
        ("disclosure", "{known: [g], secret: [y]}"),
        ("utility", "{target: k, models: [logistic]}"), ("gates", "[warn: fidelity.overall < 0.1]"),
      ]),
    // A part of privacy, so by itself.
    Case(
      kind: Validate.self, roles: ["of": "mixed", "reference": "rows"],
      options: ["of": "mixed", "reference": "rows", "fidelity": "{}"], edits: [("copies", "{}")]),
    Case(
      kind: Export.self, roles: ["from": "mixed"],
      options: ["from": "mixed", "to": "out.csv"],
      edits: [
        ("to", "other.csv"), ("format", "parquet"), ("columns", "[n, k]"), ("origin", "true"),
        ("card", "true"), ("attestation", "true"), ("policy", "{deny: [pii]}"),
      ]),
    Case(
      kind: Generate.self, roles: ["learn": "rows"],
      options: ["learn": "rows", "with": "gaussian-copula", "rows": "9"],
      edits: [
        ("with", "{gaussian-copula: {text: leave-out}}"), ("with", "sequential-trees"),
        ("with", "{smote: {target: k}}"), ("with", "augment"), ("with", "bootstrap"),
        ("rows", "12"), ("where", "{k: a}"), ("keep", "[n > 1]"),
      ]),
    Case(
      kind: Generate.self,
      options: ["with": "{agents: \(simulation(until: 9))}"],
      edits: [("with", "{agents: \(simulation(until: 8))}")]),
    Case(
      kind: Command.self, roles: ["inputs.a.from": "rows"],
      options: ["run": "[sort, a]", "inputs": "{a: {from: rows}}", "outputs": "{x: file}"],
      edits: [
        ("run", "[sort, b]"), ("inputs", "{a: {from: rows, as: parquet}}"),
        ("outputs", "{y: file}"),
        ("environment", "[HOME]"), ("network", "true"), ("files", "a.csv"),
      ]),
  ]

  private static func simulation(until: Int) -> String {
    "{clock: {until: \(until)}, agents: {a: {arrivals: 1, states: [here: {stay: 1, next: leave}]}}, "
      + "tables: [log: {of: a, on: leave, columns: [id]}], replications: 3}"
  }

  @Test func everyOptionDeclaresItsTasks() {
    for kind in builtinStages.descriptions {
      let names = Set(kind.fields.map(\.name))
      let declared = Set(kind.tasks.flatMap(\.options))
      for field in kind.fields where field.affectsOutput {
        #expect(declared.contains(field.name), "\(kind.name): '\(field.name)' declares no tasks")
        if case .edge = field.type { continue }
        #expect(
          Self.cases.contains {
            $0.kind.description.name == kind.name && $0.edits.contains { $0.option == field.name }
          }, "\(kind.name): no case edits '\(field.name)'")
      }
      #expect(declared.isSubset(of: names), "\(kind.name) declares options it does not have")
    }
  }

  @Test(arguments: cases) func whatIsDoneAgainIsWhatIsDeclared(example: Case) async throws {
    let kind = example.kind.description
    let before = try await Self.tasks(example, example.options)
    for edit in example.edits {
      var options = example.options
      options[edit.option] = edit.value.isEmpty ? nil : edit.value
      let after = try await Self.tasks(example, options)
      // Steps of which one is new, or gone.
      let changed = Set(
        Set(before.keys).union(after.keys).filter { before[$0] != after[$0] })
      let declared = kind.tasks.filter { $0.options.contains(edit.option) }.map(\.step)
      #expect(
        changed.isSubset(of: declared),
        "\(kind.name): '\(edit.option)' redoes \(changed.subtracting(declared).sorted())")
      #expect(
        !changed.isEmpty || declared.contains(""),
        "\(kind.name): '\(edit.option)' redoes nothing, and says it does")
    }
  }

  /// The fingerprints of the tasks by step; of passes that are numbered, by what they are passes of.
  private static func tasks(_ example: Case, _ options: [String: String]) async throws -> [String:
    Set<String>]
  {
    let text =
      "{"
      + options.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
      + "}"
    let artifacts = try FolderArtifacts()
    let registry =
      example.hasPlugin ? builtinStages.adding(try plugins(in: artifacts.folder)) : builtinStages
    let entry = try #require(registry[example.kind.description.name])
    let values = try StageBench.options(entry.description, text)
    var report = Diagnostics()
    let stage = entry.make(values, &report)
    try report.check()
    var inputs: [String: Artifact] = [:]
    for (role, name) in example.roles {
      let batch = table(name).batch
      inputs[role] = try artifacts.publish(
        DatasetManifest(
          schema: batch.schema,
          partitions: [
            artifacts.publish(batch.slice(0..<10)), artifacts.publish(batch.slice(10..<batch.rows)),
          ]), kind: .dataset, rows: batch.rows)
    }
    let sources = try stage.sources.map { request in
      let path = artifacts.folder.appendingPathComponent(
        (request.location as NSString).lastPathComponent)
      let content =
        request.location.hasSuffix(".jsonl")
        ? "{\"n\":1,\"t\":\"x\"}\n{\"n\":2,\"t\":\"y\"}\n" : "n;t\n1;x\n2;y\n"
      try Data(content.utf8).write(to: path)
      return [
        SourceFile(
          path: path.path, name: request.location, digest: Digest(of: request.location),
          bytes: content.utf8.count)
      ]
    }
    let bench = StageBench(
      stage, artifacts, inputs: inputs, names: example.roles, sources: sources)
    // A program is not started here; what it would be told is known by then.
    if stage.foreignCode == nil {
      _ = try await stage.drive(bench)
    } else {
      _ = try? await stage.drive(bench)
    }
    var found: [String: Set<String>] = [:]
    for request in bench.requests {
      let step = request.step.replacing(/-[0-9]+$/, with: "")
      let inputs = request.inputs.sorted { $0.key < $1.key }.map {
        $0.key + $0.value.map(\.digest.hex).joined()
      }
      found[step, default: []].insert(
        request.parameters.text + inputs.joined() + request.files.map(\.digest.hex).joined())
    }
    return found
  }

  private static func plugins(in folder: URL) throws -> PluginCatalog {
    let plugin = folder.appendingPathComponent("plugins/shell")
    try FileManager.default.createDirectory(at: plugin, withIntermediateDirectories: true)
    let manifest = """
      protocol: 1
      name: shell
      version: 1.0.0
      summary: Makes a table.
      licence: Apache-2.0
      kinds: transform
      command: [bash, main.sh]
      files: main.sh
      determinism: request
      parameters: {depth: {type: integer, default: 2, description: How deep.}}
      """
    try Data(manifest.utf8).write(to: plugin.appendingPathComponent("plugin.yaml"))
    return PluginCatalog(root: folder.path, folders: [], environment: [:])
  }

  private static func table(_ name: String) -> ColumnTable {
    let count = 24
    let shift = name == "more" ? 1 : 0
    var table = ColumnTable(
      ("k", .categories((0..<count).map { ["a", "b"][($0 + shift) % 2] })),
      ("g", .categories((0..<count).map { ["x", "y", "z"][($0 / 2 + shift) % 3] })),
      ("y", .categories((0..<count).map { ["yes", "no"][($0 / 3 + shift) % 2] })),
      ("n", .ints((0..<count).map { $0 % 7 == 3 ? nil : $0 + shift })))
    if name == "mixed" {
      table.columns.append(
        ("_origin", .categories((0..<count).map { $0 % 2 == 0 ? "rows" : "made" })))
    }
    return table
  }
}
