import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixSpec
import ArgumentParser

struct GraphCommand: AsyncParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable { case text, dot, mermaid }

  static let configuration = CommandConfiguration(
    commandName: "graph", abstract: "Draw the stages of a pipeline file; runs nothing.")

  @OptionGroup var pipeline: PipelineArguments
  @Option(help: "How to draw.") var format = Format.text

  func run() async throws {
    let graph = try pipeline.graph()
    let stages = graph.stages.map { stage in
      RunDocument.Stage(
        name: stage.name, kind: stage.description.name, status: "planned",
        inputs: stage.inputs.map { .init(role: $0.role, stage: $0.stage, output: $0.output) }
          + stage.after.map { .init(role: "after", stage: $0, output: nil) })
    }
    if pipeline.json {
      Terminal.out(
        JSONValue.object([
          "pipeline": .string(graph.spec.name),
          "stages": .array(
            stages.map { stage in
              .object([
                "name": .string(stage.name), "kind": .string(stage.kind),
                "inputs": GraphText.json(stage.inputs),
              ])
            }),
        ]).pretty + "\n")
      return
    }
    switch format {
    case .dot: Terminal.out(GraphText.dot(stages))
    case .mermaid: Terminal.out(GraphText.mermaid(stages))
    case .text:
      let used = Set(stages.flatMap { $0.inputs.map(\.stage) })
      for stage in stages where !used.contains(stage.name) {
        Terminal.out(GraphText.tree(stages, of: stage.name))
      }
    }
  }
}
