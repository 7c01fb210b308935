import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixStore
import ArgumentParser

struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say whether what is there is what the file says.")

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var store: StoreArguments
  @Flag(help: "Ends with 5 when something is stale.") var exitCode = false

  func run() async throws {
    let graph = try pipeline.graph()
    let engine = try store.engine(pipeline)
    let plan = try Session.open { try engine.plan(graph) }
    let stale = plan.stages.filter { $0.action != .hit }
    if pipeline.json {
      Terminal.out(
        JSONValue.object([
          "stale": .bool(plan.isStale),
          "stages": .array(
            stale.map { .object(["name": .string($0.name), "state": .string($0.action.rawValue)]) }),
        ]).pretty + "\n")
    } else if stale.isEmpty {
      Terminal.out("up to date: \(plan.stages.count) stages\n")
    } else {
      for stage in stale { Terminal.out("\(stage.name): \(PlanText.word(stage.action))\n") }
    }
    engine.store.close()
    if exitCode, plan.isStale { throw ExitCode(Outcome.stale.rawValue) }
  }
}
