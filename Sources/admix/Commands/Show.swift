import AdmixData
import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixStore
import ArgumentParser
import Foundation

struct Show: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show what a stage gave: rows of a dataset, a check, a model.")

  @OptionGroup var pipeline: PipelineArguments
  @Argument(help: "The stage, or stage.output.") var output: String
  @OptionGroup var store: StoreArguments
  @Option(help: .init("So many rows of a dataset.", valueName: "count")) var rows = 10
  @Flag(help: "Shows the columns that say where a row of a mix came from, too.") var origin = false

  func validate() throws {
    if rows < 0 { throw ValidationError("--rows is at least 0.") }
  }

  func run() async throws {
    let graph = try pipeline.graph()
    let parts = output.split(separator: ".", maxSplits: 1).map(String.init)
    let stage = try Session.stage(
      graph[output] == nil ? parts.first ?? output : output, in: graph, pipeline)
    let outputs = stage.kind.outputs
    let name = graph[output] == nil && parts.count == 2 ? parts[1] : outputs.first ?? ""
    guard outputs.contains(name) else {
      throw pipeline.fail(
        Diagnostics([
          .error(
            "AX0312", "stage '\(stage.name)' has no output '\(name)'",
            hint: outputs.isEmpty ? nil : "it has " + outputs.joined(separator: ", "))
        ]), .usage)
    }
    let engine = try store.engine(pipeline, onlyAsks: true)
    let plan = try Session.open(pipeline) { try engine.plan(graph) }
    guard let artifact = plan[stage.name]?.outputs?.artifacts[name] else {
      let isStale =
        plan[stage.name]?.action == .depends
        || !(plan[stage.name]?.why ?? []).contains { $0.cause == .new }
      throw pipeline.fail(
        Diagnostics([
          .error(
            "AX0315",
            isStale ? "'\(output)' is not what the file says" : "'\(output)' is not made yet",
            cause: isStale
              ? "stage '\(stage.name)', or one before it, has changed since it ran"
              : "stage '\(stage.name)' never ran to its end", hint: pipeline.runCommand)
        ]), .stale)
    }
    let profile = plan[stage.name]?.outputs?.artifacts["profile"]
    try Session.open(pipeline) {
      try show(artifact, engine, stage, profile: profile)
      // What is printed as it is, or as JSON, is the output and nothing else.
      if !pipeline.json, [.report, .dataset].contains(artifact.kind), let planned = plan[stage.name]
      {
        let found = try engine.determinism(of: planned)
        Terminal.out(found == nil ? "" : "\n" + DeterminismText.line(stage.name, found))
      }
    }
    engine.store.close()
  }

  private func show(
    _ artifact: Artifact, _ engine: Engine, _ stage: Graph.Stage, profile: Artifact?
  ) throws {
    switch artifact.kind {
    case .report:
      let content = try engine.store.content(of: artifact)
      let report = try CanonicalJSON.decode(CheckReport.self, from: content)
      Terminal.out(
        pipeline.json ? try JSONValue(encoding: report).pretty + "\n" : CheckText.plain(report))
    case .dataset:
      let manifest = try CanonicalJSON.decode(
        DatasetManifest.self, from: engine.store.content(of: artifact))
      let access = WorkerArtifacts(
        objects: engine.store.objects, folder: NSTemporaryDirectory(), name: "show-\(getpid())",
        small: { try engine.store.content(of: $0) })
      let profile = try self.profile(manifest, profile, access)
      if pipeline.json {
        guard case .object(var members) = try JSONValue(encoding: manifest) else { return }
        members["profile"] = .array(
          zip(manifest.schema.columns, profile.columns).map(Self.facts))
        members["head"] = .array(try head(manifest, access).map { .object($0) })
        Terminal.out(JSONValue.object(members).pretty + "\n")
      } else {
        try preview(manifest, profile, access)
      }
    case .model:
      let content = try engine.store.content(of: artifact)
      if let report = try stage.kind.explain(content) {
        Terminal.out(
          pipeline.json ? try JSONValue(encoding: report).pretty + "\n" : CheckText.plain(report))
      } else {
        Terminal.out(String(decoding: content, as: UTF8.self) + "\n")
      }
    case .file, .statistics, .partition:
      if pipeline.json {
        Terminal.out(
          JSONValue.object([
            "kind": .string(artifact.kind.rawValue), "digest": .string(artifact.digest.hex),
            "bytes": JSONValue(artifact.bytes),
            "rows": artifact.rows.map { JSONValue($0) } ?? .null,
          ]).pretty + "\n")
      } else {
        try copy(artifact, engine)
      }
    }
  }

  /// Writes a file out block by block; one that is no text not to a terminal, which it would spoil.
  private func copy(_ artifact: Artifact, _ engine: Engine) throws {
    let size = 1 << 20
    guard !engine.store.isInline(artifact) else {
      Terminal.out([UInt8](try engine.store.content(of: artifact)))
      return
    }
    let file = try FileHandle(
      forReadingFrom: URL(fileURLWithPath: engine.store.objects.path(of: artifact.digest)))
    defer { try? file.close() }
    var isFirst = true
    while let block = try file.read(upToCount: size), !block.isEmpty {
      if isFirst, Terminal.outIsTerminal, block.contains(0) {
        let rows = artifact.rows.map { "\(Numbers.count($0)) rows, " } ?? ""
        Terminal.out(
          "a file of \(rows)\(Numbers.bytes(artifact.bytes)), SHA-256 \(artifact.digest.hex)\n")
        return
      }
      isFirst = false
      Terminal.out([UInt8](block))
    }
  }

  /// What the stage counted; otherwise counted now, a partition at a time.
  private func profile(
    _ manifest: DatasetManifest, _ known: Artifact?, _ access: WorkerArtifacts
  ) throws -> TableProfile {
    if let known { return try access.decode(TableProfile.self, from: known) }
    var profile = TableProfile(columns: manifest.schema.columns.count)
    for partition in manifest.partitions {
      profile.merge(TableProfile(try access.batch(partition, schema: manifest.schema)))
    }
    return profile
  }

  private static func facts(_ column: ColumnSchema, _ facts: ColumnProfile) -> JSONValue {
    let texts = TableProfile.texts(facts, column)
    let (least, most): (JSONValue, JSONValue) =
      switch facts.extent {
      case .int(let low, let high): (.int(low), .int(high))
      case .double(let low, let high): (.double(low), .double(high))
      case .none: (.null, .null)
      default: (.string(texts.0), .string(texts.1))
      }
    return .object([
      "name": .string(column.name), "type": .string(column.type.rawValue),
      "rows": JSONValue(facts.rows), "missing": JSONValue(facts.missing), "least": least,
      "most": most, "distinct": facts.distinct.map { JSONValue($0) } ?? .null,
    ])
  }

  private func preview(
    _ manifest: DatasetManifest, _ profile: TableProfile, _ access: WorkerArtifacts
  ) throws {
    let isShown = manifest.schema.names.map { origin || !Schema.isOrigin($0) }
    func shown<Item>(_ items: [Item]) -> [Item] {
      zip(items, isShown).compactMap { $1 ? $0 : nil }
    }
    let columns = zip(shown(manifest.schema.columns), shown(profile.columns)).map { column, facts in
      let (least, most) = TableProfile.texts(facts, column)
      return [
        column.name, column.type.rawValue, column.roles.map(\.rawValue).joined(separator: " "),
        Numbers.count(facts.missing), least, most, facts.distinct.map(Numbers.count) ?? "",
      ]
    }
    Terminal.out(
      [
        Numbers.count(manifest.rows, "row"), Numbers.count(columns.count, "column"),
        Numbers.count(manifest.partitions.count, "partition"),
      ].joined(separator: ", ") + "\n\n")
    Terminal.out(
      TextTable.render(
        columns: ["column", "type", "role", "missing", "least", "most", "distinct"], rows: columns))
    guard rows > 0, manifest.rows > 0 else { return }
    var cells: [[String]] = []
    try eachRow(manifest, access) { batch, row in
      cells.append(shown(batch.columns).map { CellText.text($0, row) })
    }
    Terminal.out("\n" + TextTable.render(columns: shown(manifest.schema.names), rows: cells))
  }

  private func head(
    _ manifest: DatasetManifest, _ access: WorkerArtifacts
  ) throws -> [[String: JSONValue]] {
    var shown: [[String: JSONValue]] = []
    try eachRow(manifest, access) { batch, row in
      let cells = zip(manifest.schema.names, batch.columns).map { ($0, CellText.json($1, row)) }
      shown.append(Dictionary(cells, uniquingKeysWith: { first, _ in first }))
    }
    return shown
  }

  /// The first rows, from as many partitions as that takes.
  private func eachRow(
    _ manifest: DatasetManifest, _ access: WorkerArtifacts, _ body: (Batch, Int) -> Void
  ) throws {
    var left = rows
    for partition in manifest.partitions where left > 0 {
      let batch = try access.batch(partition, schema: manifest.schema)
      for row in 0..<min(left, batch.rows) { body(batch, row) }
      left -= batch.rows
    }
  }
}

/// A cell as people read it.
private enum CellText {
  static func text(_ column: Column, _ row: Int) -> String {
    if column.isMissing(row) { return "·" }
    let text = text(of: column.values, row)
    return text.count > 40 ? text.prefix(39) + "…" : text
  }

  static func json(_ column: Column, _ row: Int) -> JSONValue {
    if column.isMissing(row) { return .null }
    return switch column.values {
    case .bool(let bits): .bool(bits[row])
    case .int(let values): .int(values[row])
    case .double(let values): .double(values[row])
    case .text(let texts): .string(String(texts[row]))
    case .category(let codes, let categories): .string(categories[Int(codes[row])])
    case .date, .datetime: .string(text(of: column.values, row))
    }
  }

  private static func text(of values: Column.Values, _ row: Int) -> String {
    switch values {
    case .bool(let bits): bits[row] ? "true" : "false"
    case .int(let values): String(values[row])
    case .double(let values): "\(values[row])"
    case .text(let texts): printable(String(texts[row].prefix(80)))
    case .category(let codes, let categories): printable(categories[Int(codes[row])])
    case .date(let days): CivilDate.text(days: Int(days[row]))
    case .datetime(let values): CivilDate.text(microseconds: values[row])
    }
  }

  /// Data must not be able to move the cursor or break the table.
  private static func printable(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator:
        out +=
          scalar == "\n"
          ? "\\n" : scalar == "\t" ? "\\t" : "\\u{\(String(scalar.value, radix: 16))}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
