import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixSpec
import AdmixStore
import ArgumentParser

struct Why: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why",
    abstract: "Say why a stage would run, or why it would not.",
    discussion:
      "One line for each root cause, with the stages between. With --run it tells of a run that is over."
  )

  @OptionGroup var pipeline: PipelineArguments
  @Argument(help: "The stage.") var stage: String
  @OptionGroup var store: StoreArguments
  @Option(
    help: .init(
      "Why it ran, or did not, in this run: the first characters of its name, or 'latest'.",
      valueName: "name"))
  var run: String?

  func run() async throws {
    let graph = try pipeline.graph()
    if let run {
      try tell(run, graph)
      return
    }
    let stage = try Session.stage(stage, in: graph, pipeline)
    let engine = try store.engine(pipeline, onlyAsks: true)
    let plan = try Session.open(pipeline) { try engine.plan(graph) }
    guard let planned = plan[stage.name] else { return }
    if pipeline.json {
      Terminal.out(PlanText.json(planned, plan, graph).pretty + "\n")
    } else {
      Terminal.out(WhyText.text(planned, plan, graph))
      let found = try Session.open(pipeline) { try engine.determinism(of: planned) }
      if let found { Terminal.out("  \(DeterminismText.words(found))\n") }
      if planned.action == .hit || planned.action == .restore {
        let runs = try Session.open(pipeline) { try engine.history(graph.spec.name) }
        Terminal.out(WhyText.lastStart(of: stage.name, in: runs))
      }
    }
    engine.store.close()
  }

  /// From the record: the stage need not be in the file any more.
  private func tell(_ run: String, _ graph: Graph) throws {
    let engine = try store.engine(pipeline, onlyAsks: true)
    let record = try Session.run(run, of: graph, engine, pipeline)
    guard let told = record.stages.first(where: { $0.name == stage }) else {
      let near = Spelling.closest(to: stage, among: record.stages.map(\.name))
      throw pipeline.fail(
        Diagnostics([
          .error(
            "AX0981", "run '\(record.run.prefix(8))' had no stage '\(stage)'",
            cause: record.stages.isEmpty
              ? "it was cut off, or is under way: stages are recorded when a run ends" : nil,
            hint: near.map { "did you mean '\($0)'?" })
        ]), .usage)
    }
    if pipeline.json {
      Terminal.out(PlanText.json(told.why).pretty + "\n")
    } else {
      Terminal.out(WhyText.text(stage, in: record))
    }
    engine.store.close()
  }
}
