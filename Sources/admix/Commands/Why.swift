import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixStore
import ArgumentParser

struct Why: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say why a stage would run, or why it would not.")

  @OptionGroup var pipeline: PipelineArguments
  @Argument(help: "The stage.") var stage: String
  @OptionGroup var store: StoreArguments

  func run() async throws {
    let graph = try pipeline.graph()
    let stage = try Session.stage(stage, in: graph)
    let engine = try store.engine(pipeline)
    let plan = try Session.open { try engine.plan(graph) }
    guard let planned = plan[stage.name] else { return }
    if pipeline.json {
      Terminal.out(PlanText.json(planned.why).pretty + "\n")
    } else {
      Terminal.out(WhyText.text(planned, plan, graph))
    }
    engine.store.close()
  }
}
