import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixSpec
import AdmixStages
import ArgumentParser
import Foundation

struct Reference: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reference",
    abstract: "Print the reference of stage kinds, generators, metrics and commands as Markdown.")

  @Argument(help: "The page, such as ingest or metrics; all of them unless given.") var page:
    String?
  @Option(
    help: .init("Writes into this folder instead, a file to a page.", valueName: "folder"),
    completion: .directory)
  var to: String?
  @Flag(help: "Prints one JSON document on standard output.") var json = false

  func run() async throws {
    let pages = BuiltinReference.pages + [CommandsPage.page, EventsPage.page]
    let wanted = pages.filter { page == nil || page == $0.name }
    if let page, wanted.isEmpty {
      let near = Spelling.closest(to: page, among: pages.map(\.name)).map {
        " Did you mean '\($0)'?"
      }
      throw ValidationError(
        "There is no page '\(page)'.\(near ?? "") Pages: \(pages.map(\.name).joined(separator: ", "))."
      )
    }
    if let to {
      try write(wanted, index: page == nil ? Self.index(pages) : nil, into: to)
      return
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

  private func write(
    _ pages: [AdmixSpec.Reference.Page], index: String?, into folder: String
  ) throws {
    var files = pages.map { ("\(folder)/\($0.name).md", $0.text) }
    if let index { files.append((folder + "/README.md", index)) }
    do {
      try OutputFile.makeFolder(folder)
      for (path, text) in files { try OutputFile.write(text, to: path) }
    } catch { throw Complaint.fail(Diagnostics([error]), .stageFailed, json: json) }
    if json {
      Terminal.out(
        JSONValue.object(["written": .array(files.map { .string($0.0) })]).pretty + "\n")
    } else {
      Terminal.error("wrote \(Numbers.count(files.count, "page")) to \(folder)\n")
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
    - [Commands and trust](../commands-and-trust.md)
    - [A cache that a team shares](../shared-cache.md)
    - [What the error codes mean](../diagnostics)

    """
  }
}
