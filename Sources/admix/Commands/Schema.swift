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
    Terminal.out(JSONSchema.document(kinds: builtinStages.descriptions).pretty + "\n")
  }
}
