import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixStore
import ArgumentParser

struct Diff: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract:
      "Say what differs between two runs: spec, inputs, metrics, gates, outputs, durations.",
    discussion:
      "A run is named by the first characters of its name or as 'latest'; 'present' is what the file says now. The second is the latest run unless given; 'present' alone is compared with the latest run. Rows are read of outputs that differ only."
  )

  @OptionGroup var pipeline: PipelineArguments
  @Argument(help: "The runs, the earlier one first.") var runs: [String]
  @OptionGroup var store: StoreArguments
  @Flag(help: "Prints a line for each kind of difference.") var stat = false
  @Flag(help: "Prints Markdown, for a pull request.") var markdown = false
  @Flag(help: "Ends with 5 when something differs; times do not count.") var exitCode = false

  func validate() throws {
    if runs.count > 2 { throw ValidationError("diff takes one run or two.") }
    if [stat, markdown, pipeline.json].count(where: { $0 }) > 1 {
      throw ValidationError("--stat, --markdown and --json are three forms; choose one.")
    }
  }

  func run() async throws {
    let graph = try pipeline.graph()
    let engine = try store.engine(pipeline, onlyAsks: true)
    // What the file says now comes after every run.
    let names = runs == ["present"] ? ["latest", "present"] : runs + ["latest"]
    let sides = try names.prefix(2).map { name in
      if name == "present" { return try Session.open(pipeline) { try engine.compared(graph) } }
      let record = try Session.run(name, of: graph, engine, pipeline)
      do { return try engine.compared(record) } catch let problem as Diagnostic {
        throw pipeline.fail(Diagnostics([problem]), .usage)
      } catch { throw Session.explained(error, pipeline) }
    }
    let diff = try Session.open(pipeline) { try engine.diff(sides[0], sides[1]) }
    engine.store.close()
    if pipeline.json {
      Terminal.out(DiffText.json(diff).pretty + "\n")
    } else if stat {
      Terminal.out(DiffText.stat(diff))
    } else {
      Terminal.out(markdown ? DiffText.markdown(diff) : DiffText.text(diff))
    }
    if exitCode, !diff.isEmpty { throw ExitCode(Outcome.stale.rawValue) }
  }
}
