import AdmixTestSupport
import Foundation
import Testing

/// Every code that the sources can give has a page, and every page has a code.
struct DiagnosticPagesTests {
  private static let repository = testsFolder.deletingLastPathComponent()

  @Test func codesAndPagesAreTheSame() throws {
    let codes = try Self.codes()
    let folder = Self.repository.appendingPathComponent("docs/diagnostics")
    let pages = Set(
      try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { $0.hasSuffix(".md") }.map { String($0.dropLast(3)) })
    #expect(codes.count > 60, "the sources were not found")
    let unexplained = codes.subtracting(pages).sorted().joined(separator: " ")
    let leftOver = pages.subtracting(codes).sorted().joined(separator: " ")
    #expect(unexplained.isEmpty, "codes without a page in docs/diagnostics: \(unexplained)")
    #expect(leftOver.isEmpty, "pages without a code in Sources: \(leftOver)")

    var unfinished: [String] = []
    var outdated: [String] = []
    for page in pages.sorted() {
      let text = try String(
        contentsOf: folder.appendingPathComponent("\(page).md"), encoding: .utf8)
      let parts = text.components(separatedBy: "```")
      // Heading, what it means, an example of the message; the way out is in words or in its hint.
      if !text.hasPrefix("# \(page): ") || parts.count < 3 || !parts[1].contains("[\(page)]")
        || parts[0].split(separator: "\n").count < 2
      {
        unfinished.append(page)
      }
      // Where a golden case shows the message, the page shows the same one.
      let golden = testsFolder.appendingPathComponent("Golden/diagnostics/\(page)/expected.txt")
      if let shown = try? String(contentsOf: golden, encoding: .utf8), parts.count > 1,
        !shown.contains(parts[1].dropFirst("text\n".count))
      {
        outdated.append(page)
      }
    }
    #expect(outdated.isEmpty, "pages with another message than their golden case: \(outdated)")
    #expect(unfinished.isEmpty, "pages without heading, meaning or example: \(unfinished)")
  }

  /// What stands in code; a comment may speak of codes that nothing gives.
  private static func codes() throws -> Set<String> {
    var codes: Set<String> = []
    let sources = repository.appendingPathComponent("Sources")
    let files = FileManager.default.enumerator(atPath: sources.path)
    for case let path as String in files ?? .init()
    where [".swift", ".c", ".cpp", ".h"].contains(where: { path.hasSuffix($0) }) {
      let text = try String(contentsOf: sources.appendingPathComponent(path), encoding: .utf8)
      guard text.contains("AX") else { continue }
      for line in text.split(separator: "\n")
      where line.contains("AX") && !line.drop(while: { $0 == " " }).hasPrefix("//") {
        codes.formUnion(line.matches(of: /\bAX[0-9]{4}\b/).map { String($0.output) })
      }
    }
    return codes
  }
}
