import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStages
import ArgumentParser
import Foundation

struct Reference: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the reference of stage kinds, generators, metrics and commands as Markdown.")

  @Argument(help: "The page, such as ingest or metrics; all of them unless given.") var page:
    String?
  @Option(
    help: .init("Writes every page into this folder instead.", valueName: "folder"),
    completion: .directory)
  var to: String?
  @Flag(help: "Prints one JSON document on standard output.") var json = false

  func run() async throws {
    let pages = BuiltinReference.pages + [CommandsPage.page]
    if let to {
      do {
        for page in pages { try OutputFile.write(page.text, to: "\(to)/\(page.name).md") }
        try OutputFile.write(Self.index(pages), to: to + "/README.md")
      } catch { throw Complaint.fail(Diagnostics([error]), .stageFailed, json: json) }
      Terminal.error("wrote \(pages.count + 1) pages to \(to)\n")
      return
    }
    let wanted = pages.filter { page == nil || page == $0.name }
    if let page, wanted.isEmpty {
      let near = Spelling.closest(to: page, among: pages.map(\.name)).map {
        " Did you mean '\($0)'?"
      }
      throw ValidationError(
        "There is no page '\(page)'.\(near ?? "") Pages: \(pages.map(\.name).joined(separator: ", "))."
      )
    }
    if json {
      Terminal.out(
        JSONValue.object([
          "pages": .array(
            wanted.map { .object(["name": .string($0.name), "markdown": .string($0.text)]) })
        ]).pretty + "\n")
    } else {
      Terminal.out(wanted.map(\.text).joined(separator: "\n"))
    }
  }

  private static func index(_ pages: [AdmixSpec.Reference.Page]) -> String {
    """
    # Reference

    Made by the program (`make docs`); `admix reference PAGE` prints a page.

    \(pages.map { "- [\($0.title)](\($0.name).md)" }.joined(separator: "\n"))

    Written by hand:

    - [How a pipeline file is put together](pipeline.md)
    - [How YAML is read](yaml.md)
    - [What the error codes mean](../diagnostics)

    """
  }
}
