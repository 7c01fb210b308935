import AdmixEngine
import AdmixSpec
import AdmixStages
import ArgumentParser
import Foundation

struct Reference: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the reference of all stage kinds as Markdown.", shouldDisplay: false)

  func run() async throws {
    Terminal.out(AdmixSpec.Reference.markdown(kinds: builtinStages.descriptions))
  }
}
