import AdmixProcess
import AdmixTestSupport
import Foundation
import Testing

/// Every case under `Golden/diagnostics` that has data or needs real stages, run with the built binary.
///
/// A case is a folder: `pipeline.yaml`, whatever files it names, and `command.txt` with the lines of
/// shell to run (`admix run --quiet pipeline.yaml` where there is none). What they print as errors is
/// `expected.txt`. Cases without `command.txt` whose codes belong to the language are checked by the
/// language's own tests.
struct DiagnosticMessagesTests {
  private static let folder = testsFolder.appendingPathComponent("Golden/diagnostics")

  static let cases: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter { name in
      let place = folder.appendingPathComponent(name)
      let hasCommand = FileManager.default.fileExists(
        atPath: place.appendingPathComponent("command.txt").path)
      return name.hasPrefix("AX") && (hasCommand || name >= "AX04") && isPossible(name)
    }.sorted()

  /// What the kernel refuses, it has to be able to refuse.
  private static func isPossible(_ name: String) -> Bool {
    guard ["AX0867", "AX0868", "AX0869", "AX0888"].contains(name.prefix(6)),
      SandboxLevel.landlockVersion == 0
    else { return true }
    print("NOT RUN: \(name), as this kernel has no Landlock")
    return false
  }

  @Test func saysWhatTheGoldenCasesHave() async throws {
    // The binary does the work: as many at once as there are cores and one more.
    var texts: [String: String] = [:]
    try await withThrowingTaskGroup(of: (String, String).self) { group in
      var rest = Self.cases.makeIterator()
      for _ in 0...ProcessInfo.processInfo.activeProcessorCount {
        guard let name = rest.next() else { break }
        group.addTask { (name, try Self.messages(of: name)) }
      }
      while let (name, text) = try await group.next() {
        texts[name] = text
        if let next = rest.next() { group.addTask { (next, try Self.messages(of: next)) } }
      }
    }
    #expect(texts.count == Self.cases.count)
    for (name, text) in texts.sorted(by: { $0.key < $1.key }) {
      let code = name.prefix(6)
      #expect(text.contains("[\(code)]"), "\(name) does not show its code")
      expectGolden(text, "diagnostics/\(name)/expected.txt")
    }
  }

  private static func messages(of name: String) throws -> String {
    let place = folder.appendingPathComponent(name)
    let product = try Product()
    for file in try FileManager.default.contentsOfDirectory(atPath: place.path)
    where file != "expected.txt" && file != "command.txt" {
      try FileManager.default.copyItem(
        at: place.appendingPathComponent(file), to: product.folder.appendingPathComponent(file))
    }
    let command = try? String(
      contentsOf: place.appendingPathComponent("command.txt"), encoding: .utf8)
    let answer = try product.shell(command ?? "admix run --quiet pipeline.yaml")
    // The fresh folder has another name each time.
    return answer.err.replacingOccurrences(of: product.folder.path, with: "FOLDER")
  }
}
