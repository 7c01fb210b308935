import AdmixData
import AdmixEngine
import AdmixGenerators
import AdmixModel

extension Generate {
  /// Runs the replications of a simulation, a few in a task, and puts their rows one after the other.
  func simulate(_ simulation: any Simulation, _ stage: any StageContext) async throws
    -> StageOutputs
  {
    let parameters = SampleParameters(self, seed: stage.seed, salt: stage.salt)
    let size = simulation.replicationsPerTask
    let results = try await stage.run(
      stride(from: 0, to: simulation.replications, by: size).map { start in
        TaskRequest(
          step: "simulate",
          parameters: try parameters.json(
            rows: nil, range: start..<min(start + size, simulation.replications)))
      })
    var report = Diagnostics()
    let schemas = simulation.schemas(learned: nil, report: &report)
    try report.check()
    var outputs = StageOutputs()
    for table in simulation.tables {
      guard let schema = schemas[table] else { throw missing("tables") }
      let manifest = DatasetManifest(
        schema: schema, partitions: results.flatMap { $0.artifacts[table] ?? [] })
      outputs.artifacts[table] = try stage.artifacts.publish(
        manifest, kind: .dataset, rows: manifest.rows)
    }
    return outputs
  }

  /// Some replications, whose rows are published as they come.
  func simulate(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = task.request.parameters
    guard let simulation = generator as? any Simulation, let from = parameters["from"]?.int,
      let to = parameters["to"]?.int, from >= 0, from < to
    else { throw missing("replications") }
    var tables = Dictionary(simulation.tables.map { ($0, [Artifact]()) }) { first, _ in first }
    try simulation.simulate(from..<to, request(task), isCancelled: task.checkCancellation) {
      index, batch in
      tables[simulation.tables[index], default: []].append(try task.artifacts.publish(batch))
      task.progress(rows: batch.rows)
    }
    return TaskOutputs(tables)
  }
}
