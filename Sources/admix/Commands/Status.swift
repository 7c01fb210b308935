import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixStore
import ArgumentParser

struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Say whether what is there is what the file says.")

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var store: StoreArguments
  @Flag(help: "Ends with 5 when something is stale.") var exitCode = false

  func run() async throws {
    let graph = try pipeline.graph()
    let engine = try store.engine(pipeline, onlyAsks: true)
    let plan = try Session.open(pipeline) { try engine.plan(graph) }
    // A delivered file that is gone is stale too, though a run only has to put it back.
    let isStale = plan.isStale || plan.stages.contains { $0.action == .restore }
    let stale = plan.stages.filter { $0.action != .hit }
    if pipeline.json {
      Terminal.out(
        JSONValue.object([
          "stale": .bool(isStale),
          "stages": .array(
            stale.map { .object(["name": .string($0.name), "state": .string($0.action.rawValue)]) }),
          "gates": .array(
            plan.stages.flatMap { PlanText.json($0.outputs?.gates ?? [], of: $0.name) }),
        ]).pretty + "\n")
    } else {
      Terminal.out(PlanText.status(plan, graph))
    }
    engine.store.close()
    if exitCode, isStale { throw ExitCode(Outcome.stale.rawValue) }
  }
}
