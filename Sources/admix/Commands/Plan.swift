import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixStore
import ArgumentParser

struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Say what a run would do, and why; runs nothing.")

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var store: StoreArguments
  @OptionGroup var selection: SelectionArguments
  @Option(
    help: .init(
      "Says beside it what the plan would be with this parameter, and what more would run. Repeatable.",
      valueName: "key=value"))
  var whatIf: [String] = []
  @Flag(help: "Ends with 5 when something would run; with --what-if, when something more would.")
  var exitCode = false

  func run() async throws {
    let graph = try pipeline.graph()
    let selected = try selection.selected(in: graph, pipeline)
    let engine = try store.engine(pipeline, onlyAsks: true) { $0.selected = selected }
    let plan = try Session.open(pipeline) { try engine.plan(graph) }
    if !whatIf.isEmpty {
      let other = try pipeline.graph(setting: whatIf)
      let wanted = try selection.selected(in: other, pipeline)
      let then = try store.engine(pipeline, onlyAsks: true) { $0.selected = wanted }
      let answer = WhatIf(
        now: (plan, graph), then: (try Session.open(pipeline) { try then.plan(other) }, other),
        settings: whatIf)
      then.store.close()
      engine.store.close()
      Terminal.out(pipeline.json ? answer.json.pretty + "\n" : answer.text)
      if exitCode, !answer.more.isEmpty { throw ExitCode(Outcome.stale.rawValue) }
      return
    }
    if pipeline.json {
      Terminal.out(PlanText.json(plan).pretty + "\n")
    } else {
      Terminal.out(PlanText.text(plan, graph))
    }
    engine.store.close()
    if exitCode, plan.isStale { throw ExitCode(Outcome.stale.rawValue) }
  }
}
