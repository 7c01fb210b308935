import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixSpec
import AdmixStore
import ArgumentParser
import Foundation

struct Report: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write the report of a run as one HTML page.")

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var store: StoreArguments
  @Option(help: "The run, by the first characters of its name; the newest unless given.") var run:
    String?
  @Option(
    name: .shortAndLong, help: "The file to write; report.html unless given.", completion: .file())
  var out = "report.html"

  func run() async throws {
    let graph = try pipeline.graph()
    let engine = try store.engine(pipeline)
    let runs = try Session.open { try engine.history(graph.spec.name) }
    guard let record = runs.first(where: { run.map($0.run.hasPrefix) ?? true }) else {
      Terminal.error("error: there is no such run [AX0314]\n")
      throw ExitCode(Outcome.usage.rawValue)
    }
    let document = Session.document(record, engine)
    if pipeline.json {
      Terminal.out(try JSONValue(encoding: document).pretty + "\n")
    } else {
      do { try Data(HTMLReport.render(document).utf8).write(to: URL(fileURLWithPath: out)) } catch {
        Terminal.error(
          "error: '\(out)' cannot be written: \(error.localizedDescription) [AX0111]\n")
        throw ExitCode(Outcome.stageFailed.rawValue)
      }
      Terminal.out("wrote \(out)\n")
    }
    engine.store.close()
  }
}
