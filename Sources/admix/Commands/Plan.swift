import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixStore
import ArgumentParser

struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Say what a run would do, and why; runs nothing.")

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var store: StoreArguments
  @OptionGroup var selection: SelectionArguments
  @Flag(help: "Ends with 5 when something would run.") var exitCode = false

  func run() async throws {
    let graph = try pipeline.graph()
    let selected = try selection.selected(in: graph, pipeline)
    let engine = try store.engine(pipeline, onlyAsks: true) { $0.selected = selected }
    let plan = try Session.open(pipeline) { try engine.plan(graph) }
    if pipeline.json {
      Terminal.out(PlanText.json(plan).pretty + "\n")
    } else {
      Terminal.out(PlanText.text(plan))
    }
    engine.store.close()
    if exitCode, plan.isStale { throw ExitCode(Outcome.stale.rawValue) }
  }
}
