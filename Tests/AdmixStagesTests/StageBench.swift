import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStages
import AdmixTestSupport
import Foundation

/// Runs a stage's tasks, each batch of them from the last to the first, as workers may.
final class StageBench: StageContext, @unchecked Sendable {
  private struct Job: TaskContext {
    var request: TaskRequest
    var artifacts: any ArtifactAccess
    func progress(rows: Int) {}
    func checkCancellation() throws {}
  }

  let stage: any ConfiguredStage
  let stageName: String
  let artifacts: any ArtifactAccess
  let inputs: [String: Artifact]
  let inputNames: [String: String]
  let seed: UInt64
  /// What was asked for, in order.
  private(set) var requests: [TaskRequest] = []

  /// - Parameter names: how the datasets are called, by role, where that matters.
  init(
    _ stage: any ConfiguredStage, name: String = "stage", _ artifacts: any ArtifactAccess,
    inputs: [String: Artifact], names: [String: String]? = nil, seed: UInt64 = 1,
    sources: [[SourceFile]] = []
  ) {
    self.sources = sources
    self.stage = stage
    stageName = name
    self.artifacts = artifacts
    self.inputs = inputs
    inputNames = names ?? inputs.mapValues { "from-\($0.digest.short)" }
    self.seed = seed
  }

  let sources: [[SourceFile]]
  var salt: String { stageName }
  var pipeline: PipelineFacts {
    PipelineFacts(name: "test", description: nil, seed: seed, ancestry: [])
  }

  /// The steps that were run, a word for each task.
  var steps: [String] { requests.map(\.step) }
  /// Everything that tasks were told.
  var told: String { requests.map(\.parameters.text).joined() }

  func run(_ requests: [TaskRequest]) async throws -> [TaskOutputs] {
    self.requests += requests
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
        mixed: {source: {}}
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
