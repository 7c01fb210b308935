import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStages
import ArgumentParser

struct SchemaCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the JSON Schema of pipeline files, for editors.")

  @Flag(help: .hidden) var json = false

  func run() async throws {
    // The plugins that pipelines here can use are part of what an editor may complete.
    var pipeline = PipelineArguments()
    pipeline.file = "pipeline.yaml"
    Terminal.out(JSONSchema.document(kinds: pipeline.registry.descriptions).pretty + "\n")
  }
}
