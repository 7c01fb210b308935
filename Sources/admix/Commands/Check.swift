import AdmixEngine
import AdmixModel
import ArgumentParser

struct Check: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Say everything that is wrong with a pipeline file; runs nothing.")

  @OptionGroup var pipeline: PipelineArguments

  func run() async throws {
    let graph = try pipeline.graph()
    if pipeline.json {
      Terminal.out(JSONValue.object(["diagnostics": .array([])]).pretty + "\n")
    } else {
      Terminal.out("\(pipeline.path): \(graph.stages.count) stages, no problems\n")
    }
  }
}
