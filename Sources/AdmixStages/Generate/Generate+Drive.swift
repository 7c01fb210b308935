import AdmixData
package import AdmixEngine
import AdmixGenerators
import AdmixModel

extension Generate {
  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    var outputs = StageOutputs()
    if let simulation = generator as? any Simulation {
      return try await simulate(simulation, stage)
    }
    let kind = Swift.type(of: generator).description
    var model: Artifact?
    if kind.needsLearning {
      guard let learn = stage.inputs["learn"] else {
        throw TaskFailure(.error("AX0612", at: span, "'learn' is missing"))
      }
      model = try await self.learn(learn, stage, &outputs.warnings)
      outputs.artifacts["model"] = model
    }
    let parameters = SampleParameters(self, seed: stage.seed, salt: stage.salt)
    let planned = try await stage.run([
      TaskRequest(
        step: "plan", parameters: try parameters.json(rows: rows),
        inputs: model.map { ["model": [$0]] } ?? [:])
    ])
    guard let planArtifact = planned.first?.artifacts["plan"]?.first else {
      throw TaskFailure(.error("AX0913", at: span, "the plan of a generator was not kept"))
    }
    let plan = try stage.artifacts.decode(GenerationPlan.self, from: planArtifact)
    outputs.warnings += placed(
      planned.flatMap(\.warnings), at: conditions.first?.columnSpan ?? span)
    // All tables at once, so that no worker waits for a table's last task.
    var requests: [TaskRequest] = []
    var counts: [Int] = []
    for table in plan.tables {
      let before = requests.count
      var start = 0
      while start < table.rows {
        let end = min(table.rows, start + Partitioning.rowsPerPartition)
        requests.append(
          TaskRequest(
            step: "sample",
            parameters: try parameters.json(
              rows: generator.dependsOnRowCount ? rows : nil, table: table.name,
              range: start..<end),
            inputs: model.map { ["model": [$0]] } ?? [:], expectedRows: end - start))
        start = end
      }
      counts.append(requests.count - before)
    }
    let results = try await stage.run(requests)
    var next = 0
    var acceptance: ConstrainedSampler.Acceptance?
    for (table, count) in zip(plan.tables, counts) {
      let mine = results[next..<(next + count)]
      next += count
      let manifest = DatasetManifest(
        schema: table.schema, partitions: mine.flatMap { $0.artifacts["rows"] ?? [] })
      guard manifest.rows == table.rows else {
        throw TaskFailure(
          .error("AX0913", at: span, "a generator made \(manifest.rows) of \(table.rows) rows"))
      }
      outputs.artifacts[table.name] = try stage.artifacts.publish(
        manifest, kind: .dataset, rows: manifest.rows)
      for result in mine {
        guard let found = SampleParameters.acceptance(result.value.json) else { continue }
        if acceptance == nil { acceptance = found } else { acceptance?.add(found) }
      }
    }
    if let acceptance, acceptance.accepted < acceptance.drawn {
      outputs.warnings.append(
        Diagnostic(
          .note, "AX0613", at: keep.first?.span ?? span,
          "the keep rules accepted \(acceptance.accepted) of \(acceptance.drawn) rows drawn",
          cause: "the others were drawn again"))
    }
    return outputs
  }

  private func learn(
    _ learn: Artifact, _ stage: any StageContext, _ warnings: inout [Diagnostic]
  ) async throws -> Artifact {
    let manifest = try stage.artifacts.dataset(learn)
    let schema = try stage.artifacts.publish(manifest.schema, kind: .statistics)
    // A partition is not counted again because another one has a new category.
    let narrow = try stage.artifacts.publish(manifest.schema.shapeWithRoles, kind: .statistics)
    let parameters = try SampleParameters.learning(self)
    var state: Artifact?
    for pass in generator.passes.indices {
      let before = state.map { ["state": [$0]] } ?? [:]
      let noted = try await stage.run(
        manifest.partitions.map { partition in
          TaskRequest(
            step: "fit-\(pass + 1)", parameters: parameters,
            inputs: before.merging(["schema": [narrow], "rows": [partition]]) { $1 },
            expectedRows: partition.rows)
        })
      let statistics = noted.flatMap { $0.artifacts["statistics"] ?? [] }
      let combined = try await stage.run([
        TaskRequest(
          step: "combine-\(pass + 1)", parameters: parameters,
          inputs: before.merging(["schema": [schema], "statistics": statistics]) { $1 },
          isRepeatable: generator.learnsRepeatably)
      ])
      warnings += placed(combined.flatMap(\.warnings), at: learnSpan)
      state = combined.first?.artifacts["state"]?.first
    }
    guard let state else {
      throw TaskFailure(.error("AX0913", at: span, "a generator learned no model"))
    }
    return state
  }

  /// What tasks say may be from an earlier run; the place in the file is today's.
  private func placed(_ warnings: [Diagnostic], at span: SourceSpan) -> [Diagnostic] {
    warnings.map { warning in
      var warning = warning
      warning.span = span
      return warning
    }
  }
}
