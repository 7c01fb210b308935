import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

/// Every code has a case that shows it and a page that explains it.
struct DiagnosticsTests {
  static let folder = testsFolder.appendingPathComponent("Golden/diagnostics")
  static let repository = testsFolder.deletingLastPathComponent()

  @Test func saysWhatIsWrongAsTheGoldenCasesHaveIt() throws {
    for code in try Self.cases() {
      expectGolden(try Self.messages(of: code), "diagnostics/\(code)/expected.txt")
    }
  }

  @Test func everyCodeHasACaseThatShowsItAndAPage() throws {
    let sources = Self.repository.appendingPathComponent("Sources/AdmixSpec")
    var used: Set<String> = []
    for path in FileManager.default.enumerator(atPath: sources.path)?.compactMap({ $0 as? String })
      ?? [] where path.hasSuffix(".swift")
    {
      let text = try String(contentsOf: sources.appendingPathComponent(path), encoding: .utf8)
      used.formUnion(text.matches(of: /"(AX0[123][0-9][0-9])"/).map { String($0.output.1) })
    }
    #expect(used.count > 40)
    for code in used.sorted() {
      let page = Self.repository.appendingPathComponent("docs/diagnostics/\(code).md")
      let text = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
      #expect(text.hasPrefix("# \(code): "), "docs/diagnostics/\(code).md")
      let expected = Self.folder.appendingPathComponent("\(code)/expected.txt")
      let shown = (try? String(contentsOf: expected, encoding: .utf8)) ?? ""
      #expect(shown.contains("[\(code)]"), "Golden/diagnostics/\(code)")
    }
    #expect(try Set(Self.cases()) == used)
  }

  private static func cases() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasPrefix("AX01") || $0.hasPrefix("AX02") || $0.hasPrefix("AX03") }
      .filter {
        // Those with a command are shown by the built binary.
        let place = folder.appendingPathComponent($0)
        return FileManager.default.fileExists(
          atPath: place.appendingPathComponent("pipeline.yaml").path)
          && !FileManager.default.fileExists(
            atPath: place.appendingPathComponent("command.txt").path)
      }.sorted()
  }

  private static func messages(of code: String) throws -> String {
    let place = folder.appendingPathComponent(code)
    var table: [String: [UInt8]] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: place.path) {
      if name.hasSuffix(".yaml") {
        table[name] = Array(try Data(contentsOf: place.appendingPathComponent(name)))
      }
    }
    func lines(_ name: String) -> [String] {
      let text = try? String(contentsOf: place.appendingPathComponent(name), encoding: .utf8)
      return (text ?? "").split(separator: "\n").map(String.init)
    }
    if let size = lines("pad.txt").first.flatMap({ Int($0) }), let text = table["pipeline.yaml"] {
      table["pipeline.yaml"] = text + [UInt8](repeating: 0x0A, count: size - text.count)
    }
    let environment = lines("env.txt").map { $0.split(separator: "=").map(String.init) }
    let options = SpecCompiler.Options(
      set: lines("set.txt"), paramsFiles: table["params.yaml"] == nil ? [] : ["params.yaml"],
      environment: Dictionary(uniqueKeysWithValues: environment.map { ($0[0], $0[1]) }))
    let files = SpecFiles.memory(table)
    do {
      _ = try Kinds.compiler().compile(file: "pipeline.yaml", options: options, files: files)
      return "(compiles)\n"
    } catch {
      return DiagnosticRenderer { files.line($0, $1) }.render(error)
    }
  }
}
