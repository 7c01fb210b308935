import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixSpec
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
    let stage = try Session.stage(stage, in: graph, pipeline)
    let engine = try store.engine(pipeline, onlyAsks: true)
    let plan = try Session.open(pipeline) { try engine.plan(graph) }
    guard let planned = plan[stage.name] else { return }
    if pipeline.json {
      Terminal.out(PlanText.json(planned.why).pretty + "\n")
    } else {
      Terminal.out(WhyText.text(planned, plan, graph))
      if planned.action == .hit || planned.action == .restore {
        let runs = try Session.open(pipeline) { try engine.history(graph.spec.name) }
        Terminal.out(WhyText.lastStart(of: stage.name, in: runs))
      }
    }
    engine.store.close()
  }
}
