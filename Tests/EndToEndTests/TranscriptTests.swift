import AdmixTestSupport
import Foundation
import Testing

/// Pages of `Tests/Transcripts`: each `console` block is a session, run in one fresh folder per page.
///
/// A line that begins with `$ ` is run, the lines after it are what both streams print, errors last;
/// `…` stands for anything on its line. A block marked `file NAME` is written first.
struct TranscriptTests {
  static let pages: [String] =
    ((try? FileManager.default.contentsOfDirectory(
      atPath: testsFolder.appendingPathComponent("Transcripts").path)) ?? [])
    .filter { $0.hasSuffix(".md") }.sorted()

  @Test func thereArePages() { #expect(Self.pages.count >= 3) }

  @Test("a page prints what it says", arguments: pages)
  func page(name: String) throws {
    let product = try Product()
    let text = try String(
      contentsOf: testsFolder.appendingPathComponent("Transcripts/\(name)"), encoding: .utf8)
    var commands = 0
    for block in Self.blocks(text) {
      if block.kind.hasPrefix("file ") {
        try product.write(
          block.lines.joined(separator: "\n") + "\n", to: String(block.kind.dropFirst(5)))
      } else if block.kind == "console" {
        for (command, expected) in Self.sessions(block.lines) {
          commands += 1
          let answer = try product.shell(command)
          let printed = (answer.out + answer.err).split(
            separator: "\n", omittingEmptySubsequences: false
          ).map(String.init)
          let shown = printed.last == "" ? Array(printed.dropLast()) : printed
          #expect(
            Self.matches(shown, expected),
            "\(name): $ \(command)\n--- printed\n\(shown.joined(separator: "\n"))\n--- expected\n\(expected.joined(separator: "\n"))"
          )
        }
      }
    }
    #expect(commands > 0, "\(name) runs nothing")
  }

  private static func blocks(_ text: String) -> [(kind: String, lines: [String])] {
    var blocks: [(String, [String])] = []
    var open: (String, [String])?
    for line in text.components(separatedBy: "\n") {
      if line.hasPrefix("```") {
        if let block = open {
          blocks.append(block)
          open = nil
        } else {
          open = (String(line.dropFirst(3)), [])
        }
      } else {
        open?.1.append(line)
      }
    }
    return blocks
  }

  private static func sessions(_ lines: [String]) -> [(String, [String])] {
    var sessions: [(String, [String])] = []
    for line in lines {
      if line.hasPrefix("$ ") {
        sessions.append((String(line.dropFirst(2)), []))
      } else if !sessions.isEmpty {
        sessions[sessions.count - 1].1.append(line)
      }
    }
    return sessions
  }

  static func matches(_ printed: [String], _ expected: [String]) -> Bool {
    printed.count == expected.count
      && zip(printed, expected).allSatisfy { line, pattern in
        let parts = pattern.components(separatedBy: "…")
        if parts.count == 1 { return line == pattern }
        guard line.hasPrefix(parts[0]), line.hasSuffix(parts[parts.count - 1]) else { return false }
        var rest = Substring(line).dropFirst(parts[0].count)
        for part in parts.dropFirst().dropLast() {
          guard part.isEmpty || rest.contains(part) else { return false }
          if let range = rest.range(of: part) { rest = rest[range.upperBound...] }
        }
        return rest.count >= parts[parts.count - 1].count
      }
  }
}
