import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStages
import AdmixTestSupport
import Foundation

/// Runs a stage's tasks, each batch of them from the last to the first, as workers may.
final class StageBench: StageContext, @unchecked Sendable {
  struct Job: TaskContext {
    var request: TaskRequest
    var artifacts: any ArtifactAccess
    func progress(rows: Int) {}
    func checkCancellation() throws {}
  }

  let stage: any StageKind
  let artifacts: any ArtifactAccess
  let inputs: [String: Artifact]
  var seed: UInt64
  /// Steps that were run, with how many tasks each.
  private(set) var steps: [String] = []
  /// Everything that tasks were told.
  private(set) var told = ""

  init(
    _ stage: any StageKind, _ artifacts: any ArtifactAccess, inputs: [String: Artifact],
    seed: UInt64 = 1
  ) {
    self.stage = stage
    self.artifacts = artifacts
    self.inputs = inputs
    self.seed = seed
  }

  var stageName: String { "stage" }
  var inputNames: [String: String] { inputs.mapValues { "from-\($0.digest.short)" } }
  var sources: [[SourceFile]] { [] }
  var salt: String { "stage" }
  var pipeline: PipelineFacts {
    PipelineFacts(name: "test", description: nil, seed: seed, ancestry: [])
  }

  func run(_ requests: [TaskRequest]) async throws -> [TaskOutputs] {
    steps += requests.map(\.step)
    told += requests.map(\.parameters.text).joined()
    return try requests.reversed().map {
      try stage.perform(Job(request: $0, artifacts: artifacts))
    }.reversed()
  }

  /// The options of a stage as its kind gets them from a pipeline file.
  ///
  /// - Parameter yaml: the options, in one flow map or indented by 6.
  static func options(
    _ description: KindDescription, _ yaml: String, environment: [String: String] = [:]
  ) throws -> OptionValues {
    let source = KindDescription(
      name: "source", revision: 1, summary: "Rows.", fields: [], outputs: ["data"], example: "")
    let text = """
      admix: 1
      name: test
      stages:
        rows: {source: {}}
        more: {source: {}}
        stage:
          \(description.name): \(yaml.hasPrefix("{") ? yaml : "\n" + yaml)
      """
    let spec = try SpecCompiler(kinds: [source, description]).compile(
      text: text, options: .init(environment: environment))
    guard let stage = spec.stages.first(where: { $0.name == "stage" }) else {
      throw Diagnostic.error("AX0901", "no stage")
    }
    return stage.options
  }
}

/// The codes and columns of what was reported, such as `AX0522:17`.
func places(_ report: Diagnostics) -> [String] {
  report.items.map { "\($0.code):\($0.span?.column ?? 0)" }
}
