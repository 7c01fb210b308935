import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixSpec
import AdmixStore
import ArgumentParser
import Foundation

struct Runs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the runs of a pipeline, newest first.")

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var store: StoreArguments
  @Option(help: .init("At most so many.", valueName: "count")) var limit = 20

  func validate() throws {
    if limit < 1 { throw ValidationError("--limit is at least 1.") }
  }

  func run() async throws {
    let graph = try pipeline.graph()
    let engine = try store.engine(pipeline, onlyAsks: true)
    let runs = try Session.open(pipeline) { try engine.history(graph.spec.name, limit: limit) }
    if pipeline.json {
      Terminal.out(
        JSONValue.object(["runs": .array(runs.map { PlanText.json($0) })]).pretty + "\n")
    } else if runs.isEmpty {
      Terminal.error(
        "no runs of '\(graph.spec.name)' yet; \(pipeline.runCommand) makes the first\n")
    } else {
      let rows = runs.map { run in
        [
          String(run.run.prefix(8)),
          PlanText.time(run.started),
          run.status.rawValue, Numbers.seconds(run.seconds),
          RunText.counts(run),
        ]
      }
      Terminal.out(
        TextTable.render(columns: ["run", "started", "status", "took", "stages"], rows: rows))
    }
    engine.store.close()
  }
}
