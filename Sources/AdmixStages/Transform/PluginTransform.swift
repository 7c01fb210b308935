import AdmixData
package import AdmixEngine
package import AdmixGenerators
package import AdmixModel
package import AdmixSpec

/// A transform stage that a plugin does: one task and one process, which reads whole tables and makes one.
package struct PluginTransform: ConfiguredStage {
  package static var description: KindDescription { Transform.description }
  static let step = "plugin-transform"

  private let plugin: Plugin
  private let manifest: PluginManifest
  private let environment: PluginEnvironment?
  /// Its options after checking.
  private let values: Node
  private let inputs: [TransformForm.Input]
  private let span: SourceSpan
  package let sources: [SourceRequest]

  package init(
    _ options: OptionValues, _ plugin: Plugin, _ manifest: PluginManifest, environments: String?,
    report: inout Diagnostics
  ) {
    self.plugin = plugin
    self.manifest = manifest
    let form = TransformForm(options)
    form.check(&report, hasPlugin: true)
    inputs = form.inputs
    span = TransformForm.choice(options)
    values = options["with"]?.members.first?.value ?? Node(.map([]), at: span)
    environment = PluginEnvironment(plugin, manifest, environments: environments)
    sources = SourceRequest.requests(of: plugin, manifest, environment, span)
  }

  package var outputs: [String] { ["data"] }

  package var foreignCode: ForeignCode? {
    ForeignCode(
      arguments: manifest.command, environment: [], usesNetwork: manifest.usesNetwork, span: span,
      plugin: PluginPart(plugin.name, .code, folder: plugin.folder))
  }

  /// What the plugin is given of a dataset: all but where its rows came from, which it could not keep true.
  private static func given(_ schema: Schema) -> Schema {
    Schema(schema.columns.filter { !Schema.isOrigin($0.name) })
  }

  private func check(_ schema: Schema, _ input: TransformForm.Input, report: inout Diagnostics) {
    for column in PluginTable.unsuitable(Self.given(schema), manifest) {
      report.append(
        .error(
          "AX0889", at: input.span,
          "the plugin '\(plugin.name)' cannot take column '\(column.column)'",
          cause: "it is \(column.type.rawValue), and the plugin takes "
            + manifest.types.map(\.rawValue).joined(separator: ", "),
          hint: "drop the column in a transform stage before, or give it another type there"))
    }
  }

  /// What it makes is not known before it has.
  package func schemas(of known: [String: Schema], report: inout Diagnostics) -> [String: Schema] {
    for input in inputs {
      if let schema = known[input.role] { check(schema, input, report: &report) }
    }
    return [:]
  }

  /// Nobody but the plugin knows what it makes of which column, so each may hang on all of them.
  package func lineage(of known: [String: Schema], outputs: [String: Schema]) -> ColumnLineage? {
    guard let schema = outputs["data"] else { return nil }
    var read: [(role: String, column: String)] = []
    for input in inputs {
      guard let schema = known[input.role] else { return nil }
      read += Self.given(schema).names.map { (input.role, $0) }
    }
    let values = read.map {
      ColumnLineage.Use(.input($0.role), $0.column, .aggregation, plugin.name)
    }
    return ColumnLineage([
      "data": .init(
        columns: Dictionary(schema.names.map { ($0, values) }) { first, _ in first },
        whole: read.map { .init(.input($0.role), $0.column, .filter, plugin.name) })
    ])
  }

  // MARK: What is to be done

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    var given: [String: [Artifact]] = [:]
    for input in inputs {
      guard let artifact = stage.inputs[input.role] else {
        throw TaskFailure(.error("AX0909", at: input.span, "a transform without '\(input.name)'"))
      }
      guard artifact.kind == .dataset else {
        throw TaskFailure(
          .error(
            "AX0899", at: input.span, "the input '\(input.name)' has no rows",
            cause: "it is a \(artifact.kind.rawValue), and a plugin is given tables",
            hint: "name an output that is a dataset"))
      }
      var report = Diagnostics()
      check(try stage.artifacts.dataset(artifact).schema, input, report: &report)
      try report.check()
      given[input.name] = [artifact]
    }
    let done = try await stage.run([
      TaskRequest(
        step: Self.step,
        parameters: [
          "options": values.json, "seed": .string("\(stage.seed)"), "salt": .string(stage.salt),
        ], inputs: given, files: Array(stage.sources.joined()))
    ])
    guard let made = done.first, let described = made.artifacts["schema"]?.first else {
      throw TaskFailure(.error("AX0909", at: span, "a transform made no table"))
    }
    let dataset = DatasetManifest(
      schema: try stage.artifacts.decode(Schema.self, from: described),
      partitions: made.artifacts["rows"] ?? [])
    var outputs = StageOutputs([
      "data": try stage.artifacts.publish(dataset, kind: .dataset, rows: dataset.rows)
    ])
    outputs.warnings = made.warnings.map { warning in
      var warning = warning
      warning.span = span
      return warning
    }
    return outputs
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    guard task.request.step == Self.step else {
      throw TaskFailure(
        .error(
          "AX0901", at: span, "stage kind 'transform' has no step '\(task.request.step)'"))
    }
    do { return try transform(task) } catch let failure as PluginFailure {
      throw TaskFailure(failure.diagnostic, reason: failure.isSandbox ? .sandbox : .failed)
    } catch let report as Diagnostics {
      throw TaskFailure(report)
    } catch let diagnostic as Diagnostic {
      throw TaskFailure(diagnostic)
    }
  }

  private func transform(_ task: any TaskContext) throws -> TaskOutputs {
    let run = try PluginRun(plugin, manifest, environment, task, "transform", span)
    defer { run.clear() }
    run.place.options = values.options
    var transforming = PluginTransforming(plugin, manifest, run.place)
    for (name, artifacts) in task.request.inputs.sorted(by: { $0.key < $1.key }) {
      guard let artifact = artifacts.first else { continue }
      let dataset = try task.artifacts.dataset(artifact)
      let schema = Self.given(dataset.schema)
      var partitions = dataset.partitions.makeIterator()
      try transforming.write(name, schema) {
        try task.checkCancellation()
        return try partitions.next().map {
          try task.artifacts.batch($0, schema: dataset.schema, columns: schema.names)
        }
      }
    }
    let parameters = task.request.parameters
    let session = PluginSession(plugin, manifest, run.place)
    var rows: [Artifact] = []
    let made = try transforming.transform(
      session, parameters: parameters["options"] ?? [:],
      seed: PluginSampling.seed(
        "\(parameters["seed"]?.string ?? "") \(parameters["salt"]?.string ?? "")", "transform")
    ) { batch in
      rows.append(try task.artifacts.publish(batch))
      task.progress(rows: batch.rows)
    }
    try run.succeeded()
    return TaskOutputs(
      ["rows": rows, "schema": [try task.artifacts.publish(made.schema, kind: .statistics)]],
      value: PluginRun.value(made.sandbox, isSandboxed: task.foreign.isSandboxed),
      warnings: session.warnings + run.warnings(made.sandbox))
  }
}
