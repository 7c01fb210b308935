import AdmixModel
import AdmixReport
import ArgumentParser
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

  /// Problems that end a command; with `--json` they are its one document.
  static func fail(_ problems: Diagnostics, _ outcome: Outcome, json: Bool) -> ExitCode {
    if json {
      Terminal.out(JSONValue.object(["diagnostics": Self.json(problems)]).pretty + "\n")
    }
    print(problems)
    return ExitCode(outcome.rawValue)
  }

  static func json(_ diagnostics: Diagnostics) -> JSONValue {
    .array(diagnostics.inFileOrder.map(PlanText.json))
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
