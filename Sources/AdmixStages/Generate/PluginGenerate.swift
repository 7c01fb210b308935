import AdmixData
package import AdmixEngine
package import AdmixGenerators
package import AdmixModel
package import AdmixSpec
package import Foundation

/// A generate stage whose rows a plugin makes: one task that has it learn, one for each partition that
/// has it sample, each a process of its own.
package struct PluginGenerate: ConfiguredStage {
  package static var description: KindDescription { Generate.description }

  let plugin: Plugin
  let manifest: PluginManifest
  let environment: PluginEnvironment?
  /// Its options after checking.
  let values: Node
  let rows: Int
  let conditions: [Condition]
  let keep: [KeepText]
  let learnSpan: SourceSpan
  let span: SourceSpan
  package let sources: [SourceRequest]

  package init(
    _ options: OptionValues, _ plugin: Plugin, _ manifest: PluginManifest, environments: String?,
    report: inout Diagnostics
  ) {
    self.plugin = plugin
    self.manifest = manifest
    let member = options["with"]?.members.first
    span = member?.keySpan ?? options["with"]?.span ?? options.span
    learnSpan = options["learn"]?.span ?? options.span
    values = member?.value ?? Node(.map([]), at: span)
    rows = options["rows"]?.int ?? 0
    conditions = Condition.all(in: options["where"], report: &report)
    keep = KeepText.all(in: options["keep"], report: &report)
    environment = PluginEnvironment(plugin, manifest, environments: environments)
    if manifest.learns, options["learn"] == nil {
      report.append(
        .error(
          "AX0612", at: options.span, "'learn' is missing",
          cause: "the plugin '\(plugin.name)' learns from a dataset",
          hint: "learn: the name of a stage"))
    }
    if !manifest.learns, options["learn"] != nil {
      report.append(
        .error(
          "AX0615", at: learnSpan, "'\(plugin.name)' does not learn from a dataset",
          cause: "its rows would be the same without 'learn'",
          hint: "remove 'learn', or choose a generator that learns"))
    }
    if options["rows"] == nil {
      report.append(
        .error(
          "AX0612", at: options.span, "'rows' is missing",
          cause: "\(plugin.name) makes as many rows as it is asked for", hint: "rows: 10000"))
    }
    sources = SourceRequest.requests(of: plugin, manifest, environment, span)
  }

  package var outputs: [String] { ["data"] + (manifest.learns ? ["model"] : []) }

  package var rowRelations: [String: RowRelation] {
    let relation: RowRelation = manifest.learns ? .learned(from: "learn") : .made
    return Dictionary(outputs.map { ($0, relation) }) { first, _ in first }
  }

  package var foreignCode: ForeignCode? {
    ForeignCode(
      arguments: manifest.command, environment: [], usesNetwork: manifest.usesNetwork, span: span,
      plugin: PluginPart(plugin.name, .code, folder: plugin.folder))
  }

  /// What the plugin makes of what it learned: everything but what says where rows came from and what
  /// nobody is to look at.
  func schema(learned: Schema?) -> Schema? {
    guard manifest.learns else { return Schema(manifest.columns) }
    return learned.map { learned in
      Schema(learned.columns.filter { !Schema.isOrigin($0.name) && !$0.roles.contains(.ignore) })
    }
  }

  /// The columns that the plugin cannot take, located.
  func check(_ schema: Schema, report: inout Diagnostics) {
    for column in PluginTable.unsuitable(schema, manifest) {
      report.append(
        .error(
          "AX0889", at: learnSpan,
          "the plugin '\(plugin.name)' cannot take column '\(column.column)'",
          cause: "it is \(column.type.rawValue), and the plugin takes "
            + manifest.types.map(\.rawValue).joined(separator: ", "),
          hint: "drop the column in a transform stage before, or choose another generator"))
    }
  }

  package func schemas(of inputs: [String: Schema], report: inout Diagnostics) -> [String: Schema] {
    guard let schema = schema(learned: inputs["learn"]) else { return [:] }
    check(schema, report: &report)
    for condition in conditions { condition.check(schema, report: &report) }
    for rule in keep { _ = rule.compiled(schema, report: &report) }
    return ["data": schema]
  }

  /// The options that one of its verbs reads.
  func parameters(_ phase: PluginParameter.Phase) -> JSONValue {
    var members: [String: JSONValue] = [:]
    for parameter in manifest.parameters where [phase, .both].contains(parameter.phase) {
      if let value = values[parameter.name] { members[parameter.name] = value.json }
    }
    return .object(members)
  }

  package func lineage(of inputs: [String: Schema], outputs: [String: Schema]) -> ColumnLineage? {
    guard let schema = outputs["data"] else { return nil }
    var lineage = ColumnLineage()
    var table = ColumnLineage.Table()
    let learned = manifest.learns ? inputs["learn"] : nil
    if manifest.learns, learned == nil { return nil }
    let names = schema.names.filter { learned?[$0] != nil }
    for column in schema.names {
      table.columns[column] =
        learned?[column] == nil
        ? [] : [.init(.input("learn"), column, .aggregation, "learned distribution")]
    }
    table.whole = names.map { .init(.input("learn"), $0, .conditional, "learned association") }
    table.whole += Set(conditions.map(\.column)).sorted().map { .init(.own, $0, .filter, "where") }
    var ignored = Diagnostics()
    let kept = keep.flatMap { $0.columns(schema, report: &ignored) }
    table.whole += Set(kept).sorted().map { .init(.own, $0, .filter, "keep") }
    lineage.tables["data"] = table
    if manifest.learns {
      lineage.tables["model", default: .init()].whole = names.sorted().map {
        .init(.input("learn"), $0, .aggregation, "learned")
      }
    }
    return lineage
  }

  /// Models of plugins are theirs to read; what is known is who made it.
  package func explain(_ model: Data) throws -> CheckReport? {
    CheckReport(
      title: "Model of \(plugin.name)",
      summary:
        "\(manifest.summary) Version \(manifest.version), \(model.count) bytes; its form is the plugin's own."
    )
  }
}
