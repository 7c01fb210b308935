import AdmixModel
import Foundation

/// Prints diagnostics the way people read them, or as JSON.
enum Complaint {
  /// - Parameter root: the folder that relative paths in the diagnostics start from.
  static func print(_ diagnostics: Diagnostics, root: URL? = nil) {
    let renderer = DiagnosticRenderer(colour: Terminal.errorHasColour) { file, line in
      sourceLine(file, line, root: root)
    }
    Terminal.error(renderer.render(diagnostics))
  }

  static func json(_ diagnostics: Diagnostics) -> JSONValue {
    .array(
      diagnostics.inFileOrder.map { item in
        var members: [String: JSONValue] = [
          "severity": .string(item.severity.rawValue), "code": .string(item.code),
          "fact": .string(item.fact),
        ]
        members["cause"] = item.cause.map { .string($0) }
        members["hint"] = item.hint.map { .string($0) }
        if let span = item.span {
          members["file"] = .string(span.file)
          members["line"] = JSONValue(span.line)
          members["column"] = JSONValue(span.column)
          members["length"] = JSONValue(span.length)
        }
        return .object(members)
      })
  }

  /// Lines of data files are people's data: only pipeline files are quoted.
  private static func sourceLine(_ file: String, _ number: Int, root: URL?) -> String? {
    guard file.hasSuffix(".yaml") || file.hasSuffix(".yml") else { return nil }
    let url =
      file.hasPrefix("/") || FileManager.default.fileExists(atPath: file)
      ? URL(fileURLWithPath: file)
      : (root ?? URL(fileURLWithPath: ".")).appendingPathComponent(file)
    guard let text = try? String(contentsOf: url, encoding: .utf8) else { return nil }
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    return number >= 1 && number <= lines.count ? String(lines[number - 1]) : nil
  }
}
