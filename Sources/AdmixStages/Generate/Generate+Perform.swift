import AdmixData
package import AdmixEngine
import AdmixGenerators
import AdmixModel
import Foundation
import Synchronization

extension Generate {
  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    do {
      let step = task.request.step
      if step == "plan" { return try plan(task) }
      if step == "sample" { return try sample(task) }
      if step == "simulate" { return try simulate(task) }
      let words = step.split(separator: "-")
      if words.count == 2, let number = Int(words[1]), generator.passes.indices.contains(number - 1)
      {
        if words[0] == "fit" { return try fit(task, pass: number - 1) }
        if words[0] == "combine" { return try combine(task, pass: number - 1) }
      }
      throw TaskFailure(
        .error("AX0901", at: span, "stage kind 'generate' has no step '\(step)'"))
    } catch let report as Diagnostics {
      throw TaskFailure(report)
    } catch let diagnostic as Diagnostic {
      throw TaskFailure(diagnostic)
    }
  }

  private func learning(_ task: any TaskContext) throws -> LearningContext {
    guard let schema = task.request.inputs["schema"]?.first else { throw missing("schema") }
    return LearningContext(
      schema: try task.artifacts.decode(Schema.self, from: schema),
      state: try task.request.inputs["state"]?.first.map(task.artifacts.read), span: learnSpan)
  }

  func missing(_ input: String) -> TaskFailure {
    TaskFailure(.error("AX0913", at: span, "a task of 'generate' was given no \(input)"))
  }

  private func fit(_ task: any TaskContext, pass: Int) throws -> TaskOutputs {
    guard let rows = task.request.inputs["rows"]?.first else { throw missing("rows") }
    let learning = try learning(task)
    let batch = try task.artifacts.batch(rows, shape: learning.schema)
    try task.checkCancellation()
    let statistics = try generator.statistics(pass: pass, of: batch, learning: learning)
    task.progress(rows: batch.rows)
    return TaskOutputs([
      "statistics": [try task.artifacts.publish(statistics, kind: .statistics, rows: nil)]
    ])
  }

  private func combine(_ task: any TaskContext, pass: Int) throws -> TaskOutputs {
    let parts = task.request.inputs["statistics"] ?? []
    let artifacts = task.artifacts
    let outcome = try generator.combine(
      pass: pass, StatisticsList(count: parts.count) { try artifacts.read(parts[$0]) },
      learning: learning(task))
    let isModel = pass == generator.passes.count - 1
    return TaskOutputs(
      [
        "state": [
          try artifacts.publish(outcome.state, kind: isModel ? .model : .statistics, rows: nil)
        ]
      ], warnings: outcome.warnings)
  }

  /// The request that a task's parameters describe.
  ///
  /// Conditions and rules are this stage's own, which the parameters were made from, because these
  /// know their places.
  func request(_ task: any TaskContext) throws -> SamplingRequest {
    let parameters = task.request.parameters
    guard let seed = parameters["seed"]?.string.flatMap({ UInt64($0) }),
      let salt = parameters["salt"]?.string
    else { throw missing("seed") }
    var conditions = conditions
    if Swift.type(of: generator).description.conditionsExactly {
      for rule in keep { conditions += rule.conditions ?? [] }
    }
    return SamplingRequest(
      model: try task.request.inputs["model"]?.first.map(task.artifacts.read),
      rows: parameters["rows"]?.int, seed: seed, salt: salt, conditions: conditions, span: span)
  }

  /// The rules that rows have to be drawn again for.
  private func rules(_ schema: Schema) throws -> [KeepRule] {
    var report = Diagnostics()
    let isExact = Swift.type(of: generator).description.conditionsExactly
    let rules = keep.filter { !isExact || $0.conditions == nil }.compactMap {
      $0.compiled(schema, report: &report)
    }
    try report.check()
    return rules + (isExact ? [] : try conditions.map { try $0.rule(schema) })
  }

  private func plan(_ task: any TaskContext) throws -> TaskOutputs {
    let request = try request(task)
    let plan = try generator.plan(request)
    guard let primary = plan.tables.first else { throw missing("tables") }
    var report = Diagnostics()
    for rule in keep { _ = rule.compiled(primary.schema, report: &report) }
    try report.check()
    let rules = try rules(primary.schema)
    if !rules.isEmpty, primary.rows > 0 {
      let sampler = try generator.sampler(request)
      _ = try ConstrainedSampler(sampler, table: primary.name, rules: rules).probe()
    }
    return TaskOutputs(
      ["plan": [try task.artifacts.publish(plan, kind: .statistics)]], warnings: plan.warnings)
  }

  private func sample(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = task.request.parameters
    guard let from = parameters["from"]?.int, let to = parameters["to"]?.int, from >= 0, from <= to,
      let table = parameters["table"]?.string
    else { throw missing("row numbers") }
    let sampler = try prepared.sampler(for: task.request) {
      try generator.sampler(request(task))
    }
    // Rules are about the primary table; the columns they name are there in every batch.
    let needsRules =
      table == generator.tables.first
      && (!keep.isEmpty || !Swift.type(of: generator).description.conditionsExactly)
    if !needsRules {
      let batch = try sampler.sample(Array(from..<to), of: table, attempt: 0)
      task.progress(rows: batch.rows)
      return TaskOutputs(["rows": [try task.artifacts.publish(batch)]])
    }
    let schema = try sampler.sample([], of: table, attempt: 0).schema
    let rules = try rules(schema)
    try task.checkCancellation()
    let (batch, acceptance) = try ConstrainedSampler(sampler, table: table, rules: rules)
      .sample(Array(from..<to))
    task.progress(rows: batch.rows)
    return TaskOutputs(
      ["rows": [try task.artifacts.publish(batch)]],
      value: rules.isEmpty ? .null : SampleParameters.value(acceptance))
  }
}

/// Samplers that tasks of one stage share, because preparing one reads and factors the whole model.
final class PreparedSamplers: Sendable {
  private let kept = Mutex<[String: any RowSampler]>([:])

  func sampler(for request: TaskRequest, _ prepare: () throws -> any RowSampler) throws
    -> any RowSampler
  {
    // All that a sampler is made from, but not the rows it is asked for.
    var members = request.parameters.json.object ?? [:]
    for name in ["from", "to", "table"] { members[name] = nil }
    let model = request.inputs["model"]?.first?.digest.hex ?? ""
    let key = model + JSONValue.object(members).text
    if let found = kept.withLock({ $0[key] }) { return found }
    let made = try prepare()
    kept.withLock { $0 = [key: made] }
    return made
  }
}
