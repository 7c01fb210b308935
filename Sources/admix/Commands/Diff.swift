import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixStore
import ArgumentParser
import Foundation

struct Diff: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract:
      "Say what differs between two runs: spec, inputs, metrics, gates, outputs, durations.",
    discussion:
      "A run is named by the first characters of its name or as 'latest'; 'present' is what the file says now. The second is the latest run unless given; 'present' alone is compared with the latest run. Rows are read of outputs that differ only."
  )

  @OptionGroup var pipeline: PipelineArguments
  @Argument(
    help: "The runs, the earlier one first; alone they are of the pipeline.yaml in this folder.")
  var runs: [String] = []
  @OptionGroup var store: StoreArguments
  @Flag(help: "Prints a line for each kind of difference.") var stat = false
  @Flag(help: "Prints Markdown, for a pull request.") var markdown = false
  @Flag(help: "Ends with 5 when something differs; times do not count.") var exitCode = false

  func validate() throws {
    let runs = asked.runs
    if !(1...2).contains(runs.count) { throw ValidationError("diff takes one run or two.") }
    if [stat, markdown, pipeline.json].count(where: { $0 }) > 1 {
      throw ValidationError("--stat, --markdown and --json are three forms; choose one.")
    }
  }

  /// What the first name is: a run, where there is no such file and the name does not look like one.
  private var asked: (pipeline: PipelineArguments, runs: [String]) {
    let name = pipeline.file
    let isFile =
      FileManager.default.fileExists(atPath: name) || name.contains("/")
      || name.hasSuffix(".yaml") || name.hasSuffix(".yml")
    if isFile { return (pipeline, runs) }
    var usual = pipeline
    usual.file = "pipeline.yaml"
    return (usual, [name] + runs)
  }

  func run() async throws {
    let (pipeline, runs) = asked
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
