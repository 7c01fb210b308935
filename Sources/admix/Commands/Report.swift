import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixSpec
import AdmixStore
import ArgumentParser
import Foundation

struct Report: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write the report of a run as one HTML page.")

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var store: StoreArguments
  @Option(
    help: .init(
      "The run, by the first characters of its name or a tag; the latest unless given.",
      valueName: "run"))
  var run: String?
  @Option(
    name: .shortAndLong, help: .init("The file to write.", valueName: "file"), completion: .file())
  var out = "report.html"

  func run() async throws {
    let graph = try pipeline.graph()
    let engine = try store.engine(pipeline, onlyAsks: true)
    let record = try Session.run(run, of: graph, engine, pipeline)
    let document = Session.document(record, engine)
    if pipeline.json {
      Terminal.out(try JSONValue(encoding: document).pretty + "\n")
    } else {
      do { try OutputFile.write(HTMLReport.render(document), to: out) } catch {
        throw pipeline.fail(Diagnostics([error]), .stageFailed)
      }
      Terminal.out("wrote \(out)\n")
    }
    engine.store.close()
  }
}
