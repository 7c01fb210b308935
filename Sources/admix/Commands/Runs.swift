import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixSpec
import AdmixStore
import ArgumentParser
import Foundation

struct Runs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "runs",
    abstract: "List the runs of a pipeline, newest first.")

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var store: StoreArguments
  @Option(help: .init("At most so many.", valueName: "count")) var limit = 20

  func validate() throws {
    if limit < 1 { throw ValidationError("--limit is at least 1.") }
  }

  func run() async throws {
    let graph = try pipeline.graph()
    let engine = try store.engine(pipeline, onlyAsks: true)
    let runs = try Session.open(pipeline) { try engine.history(graph.spec.name, limit: limit) }
    let (tags, marks) = try Session.open(pipeline) {
      (
        Dictionary(grouping: try engine.store.tags(pipeline: graph.spec.name), by: \.run),
        try engine.store.marks(pipeline: graph.spec.name)
      )
    }
    if pipeline.json {
      let documents = runs.map { run in
        var document = PlanText.json(run)
        if case .object(var members) = document {
          members["tags"] = .array((tags[run.run] ?? []).map { .string($0.name) })
          members["pinned"] = .bool(marks.pinned.contains(run.run))
          members["record"] = .bool(marks.records.contains(run.run))
          document = .object(members)
        }
        return document
      }
      Terminal.out(JSONValue.object(["runs": .array(documents)]).pretty + "\n")
    } else if runs.isEmpty {
      Terminal.error(
        "no runs of '\(graph.spec.name)' yet; \(pipeline.runCommand) makes the first\n")
    } else {
      // The column is there when it says something.
      let notes = runs.map { run in
        ((tags[run.run] ?? []).map(\.name) + (marks.pinned.contains(run.run) ? ["(pinned)"] : [])
          + (marks.records.contains(run.run) ? ["(record)"] : [])).joined(separator: " ")
      }
      let hasNotes = notes.contains { !$0.isEmpty }
      let rows = zip(runs, notes).map { run, note in
        [
          String(run.run.prefix(8)),
          PlanText.time(run.started),
          run.status.rawValue, Numbers.seconds(run.seconds),
          RunText.counts(run),
        ] + (hasNotes ? [note] : [])
      }
      Terminal.out(
        TextTable.render(
          columns: ["run", "started", "status", "took", "stages"] + (hasNotes ? ["tags"] : []),
          rows: rows))
    }
    engine.store.close()
  }
}
