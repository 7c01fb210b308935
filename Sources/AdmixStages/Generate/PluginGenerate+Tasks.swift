import AdmixData
package import AdmixEngine
import AdmixGenerators
import AdmixModel
import AdmixSpec
import Foundation

extension PluginGenerate {
  // MARK: What is to be done

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    var outputs = StageOutputs()
    var inputs: [String: [Artifact]] = [:]
    let files = Array(stage.sources.joined())
    var schema = Schema(manifest.columns)
    if manifest.learns {
      guard let learn = stage.inputs["learn"] else {
        throw TaskFailure(.error("AX0612", at: span, "'learn' is missing"))
      }
      schema = self.schema(learned: try stage.artifacts.dataset(learn).schema) ?? Schema()
      var report = Diagnostics()
      check(schema, report: &report)
      if report.hasErrors { throw TaskFailure(report) }
      let fitted = try await stage.run([
        TaskRequest(
          step: "plugin-fit",
          parameters: [
            "options": parameters(.fit), "seed": .string("\(stage.seed)"),
            "salt": .string(stage.salt),
          ], inputs: ["learn": [learn]], files: files)
      ])
      guard let done = fitted.first, let model = done.artifacts["model"]?.first else {
        throw TaskFailure(.error("AX0913", at: span, "a generator learned no model"))
      }
      inputs["model"] = [model]
      outputs.artifacts["model"] = model
      outputs.warnings += placed(done.warnings)
    }
    inputs["schema"] = [try stage.artifacts.publish(schema, kind: .statistics)]
    let common: [String: JSONValue] = [
      "options": parameters(.sample), "seed": .string("\(stage.seed)"), "salt": .string(stage.salt),
      "where": .array(conditions.map(SampleParameters.json)),
      "keep": .array(keep.map { .string($0.text) }),
    ]
    let done = try await stage.run(
      Partitioning.ranges(rows: rows).map { range in
        var members = common
        members["from"] = JSONValue(range.lowerBound)
        members["to"] = JSONValue(range.upperBound)
        return TaskRequest(
          step: "plugin-sample", parameters: .object(members), inputs: inputs, files: files,
          expectedRows: range.count)
      })
    let manifest = DatasetManifest(
      schema: schema, partitions: done.flatMap { $0.artifacts["rows"] ?? [] })
    outputs.artifacts["data"] = try stage.artifacts.publish(
      manifest, kind: .dataset, rows: manifest.rows)
    var acceptance: ConstrainedSampler.Acceptance?
    for result in done {
      outputs.warnings += placed(result.warnings.filter { !outputs.warnings.contains($0) })
      guard let found = SampleParameters.acceptance(result.value.json) else { continue }
      if acceptance == nil { acceptance = found } else { acceptance?.add(found) }
    }
    if let acceptance, acceptance.accepted < acceptance.drawn {
      outputs.warnings.append(
        Diagnostic(
          .note, "AX0613", at: keep.first?.span ?? conditions.first?.columnSpan ?? span,
          "the keep rules accepted \(acceptance.accepted) of \(acceptance.drawn) rows drawn",
          cause: "the others were drawn again"))
    }
    return outputs
  }

  private func placed(_ warnings: [Diagnostic]) -> [Diagnostic] {
    warnings.map { warning in
      var warning = warning
      warning.span = span
      return warning
    }
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    do {
      switch task.request.step {
      case "plugin-fit": return try fit(task)
      case "plugin-sample": return try sample(task)
      default:
        throw TaskFailure(
          .error(
            "AX0901", at: span, "stage kind 'generate' has no step '\(task.request.step)'"))
      }
    } catch let failure as PluginFailure {
      throw TaskFailure(failure.diagnostic, reason: failure.isSandbox ? .sandbox : .failed)
    } catch let report as Diagnostics {
      throw TaskFailure(report)
    } catch let diagnostic as Diagnostic {
      throw TaskFailure(diagnostic)
    }
  }

  // MARK: Learning

  private func fit(_ task: any TaskContext) throws -> TaskOutputs {
    guard let learn = task.request.inputs["learn"]?.first else { throw missing("learn") }
    let dataset = try task.artifacts.dataset(learn)
    let schema = self.schema(learned: dataset.schema) ?? Schema()
    let run = try PluginRun(plugin, manifest, environment, task, "fit", span)
    defer { run.clear() }
    run.place.options = values.options
    run.place.checkpoint = try task.checkpointFolder()
    var partitions = dataset.partitions.makeIterator()
    let fitting = PluginFitting(run.place, manifest)
    try fitting.write(schema) {
      try task.checkCancellation()
      return try partitions.next().map {
        try task.artifacts.batch($0, schema: dataset.schema, columns: schema.names)
      }
    }
    let session = PluginSession(plugin, manifest, run.place)
    let level = try fitting.learn(
      session, rows: dataset.rows, parameters: task.request.parameters["options"] ?? [:],
      seed: Self.seed(task, "fit"))
    try run.succeeded()
    return TaskOutputs(
      ["model": [try task.artifacts.publish(file: fitting.model, kind: .model, rows: nil)]],
      value: PluginRun.value(level, isSandboxed: task.foreign.isSandboxed),
      warnings: session.warnings + run.warnings(level))
  }

  /// A seed of 53 bits, which is a whole number in every language's JSON.
  private static func seed(_ task: any TaskContext, _ purpose: String) -> Int {
    let parameters = task.request.parameters
    return PluginSampling.seed(
      "\(parameters["seed"]?.string ?? "") \(parameters["salt"]?.string ?? "")", purpose)
  }

  private func missing(_ input: String) -> TaskFailure {
    TaskFailure(.error("AX0913", at: span, "a task of 'generate' was given no \(input)"))
  }

  // MARK: Sampling

  private func sample(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = task.request.parameters
    guard let from = parameters["from"]?.int, let to = parameters["to"]?.int, from >= 0, from <= to,
      let described = task.request.inputs["schema"]?.first
    else { throw missing("row numbers") }
    let schema = try task.artifacts.decode(Schema.self, from: described)
    var report = Diagnostics()
    var rules = keep.compactMap { $0.compiled(schema, report: &report) }
    try report.check()
    rules += try conditions.map { try $0.rule(schema) }

    let run = try PluginRun(plugin, manifest, environment, task, "rows-\(from)", span)
    defer { run.clear() }
    run.place.options = values.options
    var model: String?
    if let artifact = task.request.inputs["model"]?.first {
      let file = try run.shown(task.artifacts.file(of: artifact), task)
      run.place.readable.append(file)
      model = file
    }
    let sampling = try PluginSampling(
      plugin, manifest, run.place, schema: schema, model: model,
      parameters: parameters["options"] ?? [:],
      seed: ("\(parameters["seed"]?.string ?? "") \(parameters["salt"]?.string ?? "")"),
      rules: rules)
    let session = PluginSession(plugin, manifest, run.place)
    let made = try sampling.rows(from..<to, session)
    try run.succeeded()
    task.progress(rows: made.batch.rows)
    return TaskOutputs(
      ["rows": [try task.artifacts.publish(made.batch)]],
      value: rules.isEmpty ? .null : SampleParameters.value(made.acceptance),
      warnings: session.warnings)
  }
}
