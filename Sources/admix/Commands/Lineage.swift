import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixSpec
import AdmixStore
import ArgumentParser

struct Lineage: AsyncParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable { case text, dot }

  static let configuration = CommandConfiguration(
    abstract: "Say what came from what: stages, files and digests.")

  @OptionGroup var pipeline: PipelineArguments
  @Argument(help: "The stage to start from; every last one unless given.") var stage: String?
  @OptionGroup var store: StoreArguments
  @Option(help: "How to draw.") var format = Format.text

  func run() async throws {
    let graph = try pipeline.graph()
    if let stage { _ = try Session.stage(stage, in: graph, pipeline) }
    let engine = try store.engine(pipeline, onlyAsks: true)
    let record = try Session.open(pipeline) { try engine.present(graph) }
    var stages = Session.document(record, engine).stages
    if let stage {
      let wanted = graph.ancestors(of: stage).union([stage])
      stages = stages.filter { wanted.contains($0.name) }
    }
    if pipeline.json {
      Terminal.out(
        JSONValue.object([
          "stages": .array(
            stages.map { stage in
              .object([
                "name": .string(stage.name), "kind": .string(stage.kind),
                "inputs": GraphText.json(stage.inputs),
                "outputs": .array(
                  stage.outputs.map {
                    .object([
                      "name": .string($0.name), "kind": .string($0.kind.rawValue),
                      "digest": .string($0.digest.hex),
                      "rows": $0.rows.map { JSONValue($0) } ?? .null,
                    ])
                  }),
                "sources": .array(
                  stage.sources.map {
                    .object(["name": .string($0.name), "digest": .string($0.digest.hex)])
                  }),
                "files": .array(stage.files.map { .string($0) }),
              ])
            })
        ]).pretty + "\n")
    } else if format == .dot {
      Terminal.out(GraphText.dot(stages))
    } else {
      let used = Set(stages.flatMap { $0.inputs.map(\.stage) })
      for last in stages where stage.map({ $0 == last.name }) ?? !used.contains(last.name) {
        Terminal.out(GraphText.tree(stages, of: last.name))
      }
    }
    engine.store.close()
  }
}
