import AdmixData
import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixStore
import ArgumentParser
import Foundation

struct Show: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a stage gave: rows of a dataset, a check, a model.")

  @OptionGroup var pipeline: PipelineArguments
  @Argument(help: "The stage, or stage.output.") var output: String
  @OptionGroup var store: StoreArguments
  @Option(help: "So many rows of a dataset.") var rows = 10

  func run() async throws {
    let graph = try pipeline.graph()
    let parts = output.split(separator: ".", maxSplits: 1).map(String.init)
    let stage = try Session.stage(graph[output] == nil ? parts.first ?? output : output, in: graph)
    let outputs = stage.kind.outputs
    let name = graph[output] == nil && parts.count == 2 ? parts[1] : outputs.first ?? ""
    guard outputs.contains(name) else {
      Complaint.print(
        Diagnostics([
          .error(
            "AX0312", "stage '\(stage.name)' has no output '\(name)'",
            hint: outputs.isEmpty ? nil : "it has " + outputs.joined(separator: ", "))
        ]))
      throw ExitCode(Outcome.usage.rawValue)
    }
    let engine = try store.engine(pipeline)
    let plan = try Session.open { try engine.plan(graph) }
    guard let artifact = plan[stage.name]?.outputs?.artifacts[name] else {
      Complaint.print(
        Diagnostics([
          .error(
            "AX0315", "'\(output)' is not made yet", hint: "admix run \(pipeline.path)")
        ]))
      throw ExitCode(Outcome.stale.rawValue)
    }
    let profile = plan[stage.name]?.outputs?.artifacts["profile"]
    try Session.open { try show(artifact, engine, stage, profile: profile) }
    engine.store.close()
  }

  private func show(
    _ artifact: Artifact, _ engine: Engine, _ stage: Graph.Stage, profile: Artifact?
  ) throws {
    let content = try engine.store.content(of: artifact)
    switch artifact.kind {
    case .report:
      let report = try CanonicalJSON.decode(CheckReport.self, from: content)
      Terminal.out(
        pipeline.json ? try JSONValue(encoding: report).pretty + "\n" : CheckText.plain(report))
    case .dataset:
      let manifest = try CanonicalJSON.decode(DatasetManifest.self, from: content)
      let access = WorkerArtifacts(
        objects: engine.store.objects, folder: NSTemporaryDirectory(),
        small: { try engine.store.content(of: $0) })
      let profile = try self.profile(manifest, profile, access)
      if pipeline.json {
        var document = try JSONValue(encoding: manifest)
        if case .object(var members) = document {
          members["profile"] = try JSONValue(encoding: profile.columns)
          document = .object(members)
        }
        Terminal.out(document.pretty + "\n")
      } else {
        try preview(manifest, profile, access)
      }
    case .model:
      if let report = try stage.kind.explain(content) {
        Terminal.out(
          pipeline.json ? try JSONValue(encoding: report).pretty + "\n" : CheckText.plain(report))
      } else {
        Terminal.out(String(decoding: content, as: UTF8.self) + "\n")
      }
    case .file, .statistics, .partition:
      FileHandle.standardOutput.write(content)
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

  private func preview(
    _ manifest: DatasetManifest, _ profile: TableProfile, _ access: WorkerArtifacts
  ) throws {
    Terminal.out(
      "\(Numbers.count(manifest.rows)) rows, \(manifest.schema.columns.count) columns, \(manifest.partitions.count) partitions\n\n"
    )
    let columns = zip(manifest.schema.columns, profile.columns).map { column, facts in
      let (least, most) = TableProfile.texts(facts, column)
      return [
        column.name, column.type.rawValue, column.roles.map(\.rawValue).joined(separator: " "),
        Numbers.count(facts.missing), least, most, facts.distinct.map(Numbers.count) ?? "",
      ]
    }
    Terminal.out(
      TextTable.render(
        columns: ["column", "type", "role", "missing", "least", "most", "distinct"], rows: columns))
    guard rows > 0, let first = manifest.partitions.first else { return }
    let batch = try access.batch(first, schema: manifest.schema)
    let shown = (0..<min(rows, batch.rows)).map { row in
      batch.columns.map { CellText.text($0, row) }
    }
    Terminal.out("\n" + TextTable.render(columns: manifest.schema.names, rows: shown))
  }
}

/// A cell as people read it.
private enum CellText {
  static func text(_ column: Column, _ row: Int) -> String {
    if column.isMissing(row) { return "·" }
    return switch column.values {
    case .bool(let bits): bits[row] ? "true" : "false"
    case .int(let values): String(values[row])
    case .double(let values): "\(values[row])"
    case .text(let texts): String(texts[row].prefix(40))
    case .category(let codes, let categories): categories[Int(codes[row])]
    case .date(let days): CivilDate.text(days: Int(days[row]))
    case .datetime(let values): CivilDate.text(microseconds: values[row])
    }
  }
}
