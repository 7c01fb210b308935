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
  @Option(help: "At most so many.") var limit = 20

  func run() async throws {
    let graph = try pipeline.graph()
    let engine = try store.engine(pipeline)
    let runs = try Session.open { try engine.history(graph.spec.name, limit: limit) }
    if pipeline.json {
      Terminal.out(JSONValue.array(runs.map { PlanText.json($0) }).pretty + "\n")
    } else {
      let rows = runs.map { run in
        [
          String(run.run.prefix(8)),
          ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: run.started)),
          run.status.rawValue, Numbers.seconds(run.seconds),
          "\(run.stages.count { $0.status == .executed }) ran, \(run.stages.count { $0.status == .cached }) reused",
        ]
      }
      Terminal.out(
        TextTable.render(columns: ["run", "started", "status", "took", "stages"], rows: rows))
    }
    engine.store.close()
  }
}
