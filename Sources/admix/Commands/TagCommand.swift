import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixSpec
import AdmixStore
import ArgumentParser
import Foundation

struct TagCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tag",
    abstract: "Name a run, keep it from gc, or list the names.",
    discussion: """
      A run is named by the first characters of its own name, by a tag, or as latest, latest~1 and so on, wherever a command takes a run. A run that has a tag, or is pinned, is kept by gc.
      """)

  @Argument(help: "The run.") var run: String?
  @Argument(help: "The name it gets: letters, digits, '.', '_', '-' and '/'.") var name: String?
  @Flag(help: "Takes the name from the run that has it.") var move = false
  @Option(help: .init("Takes a name away. Repeatable.", valueName: "name")) var delete: [String] =
    []
  @Flag(help: "Keeps the run from gc without a name.") var pin = false
  @Flag(help: "No longer does.") var unpin = false
  @OptionGroup var options: PipelineOptions
  @OptionGroup var store: StoreArguments

  func validate() throws {
    if pin, unpin { throw ValidationError("--pin and --unpin exclude each other.") }
    if run != nil, name == nil, !pin, !unpin {
      throw ValidationError("Say how the run is to be called: admix tag RUN NAME; or --pin.")
    }
    if run == nil, pin || unpin { throw ValidationError("Say which run: admix tag --pin RUN.") }
  }

  func run() async throws {
    let pipeline = options.pipeline
    let graph = try pipeline.graph()
    let engine = try store.engine(pipeline, onlyAsks: true)
    let kept = engine.store
    do {
      for name in delete where try !kept.untag(name) { throw noTag(name, try names(kept, graph)) }
      if let run {
        let uuid = try RunName(run).resolve(in: kept, pipeline: graph.spec.name)
        if let name { try give(name, to: uuid, kept) }
        if pin || unpin { try kept.pin(run: uuid, pin) }
      }
      if run == nil, delete.isEmpty { try list(kept, graph, pipeline) }
    } catch let problem as Diagnostic {
      throw pipeline.fail(Diagnostics([problem]), .usage)
    } catch { throw Session.explained(error, pipeline) }
    kept.close()
  }

  private func give(_ name: String, to run: String, _ kept: Store) throws {
    if let problem = RunName.problem(ofTag: name) { throw problem }
    if !move, let owner = try kept.run(tagged: name), owner.uuid != run {
      throw Diagnostic.error(
        "AX0932", "the tag '\(name)' is taken",
        cause: "it names run \(owner.uuid.prefix(8)) of the pipeline '\(owner.pipeline)'",
        hint: "move it with --move, or take another name")
    }
    try kept.tag(run: run, as: name)
  }

  private func names(_ kept: Store, _ graph: Graph) throws -> [String] {
    try kept.tags(pipeline: graph.spec.name).map(\.name)
  }

  private func noTag(_ name: String, _ names: [String]) -> Diagnostic {
    .error(
      "AX0933", "there is no tag '\(name)'",
      hint: Spelling.closest(to: name, among: names).map { "did you mean '\($0)'?" }
        ?? (names.isEmpty ? "no run is tagged" : "'admix tag' lists them"))
  }

  private func list(_ kept: Store, _ graph: Graph, _ pipeline: PipelineArguments) throws {
    let tags = try kept.tags(pipeline: graph.spec.name)
    let pinned = try kept.marks(pipeline: graph.spec.name).pinned.sorted()
    if pipeline.json {
      Terminal.out(
        JSONValue.object([
          "tags": .array(
            tags.map { .object(["name": .string($0.name), "run": .string($0.run)]) }),
          "pinned": .array(pinned.map { .string($0) }),
        ]).pretty + "\n")
    } else if tags.isEmpty, pinned.isEmpty {
      Terminal.error("no run of '\(graph.spec.name)' is tagged; admix tag latest NAME does it\n")
    } else {
      Terminal.out(
        TextTable.render(
          columns: ["tag", "run"],
          rows: tags.map { [$0.name, String($0.run.prefix(8))] }
            + pinned.map { ["(pinned)", String($0.prefix(8))] }))
    }
  }
}
