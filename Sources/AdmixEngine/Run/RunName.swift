package import AdmixModel
package import AdmixStore
import Foundation

/// How people name runs: the first characters of a run's own name, a tag, or `latest`.
///
/// `latest~2` is the run two before the latest one. The same everywhere a command takes a run.
package struct RunName: Hashable, Sendable {
  package var text: String

  package init(_ text: String) { self.text = text }

  /// The full name of the run that is meant, of a pipeline.
  ///
  /// - Throws: a `Diagnostic` where there is none or more than one; what the store throws.
  package func resolve(in store: Store, pipeline: String) throws -> String {
    if let back = Self.stepsBack(text) {
      let runs = try store.runs(pipeline: pipeline, beginning: "")
      guard runs.indices.contains(back) else { throw Self.none(text, pipeline, runs.count) }
      return runs[back]
    }
    // A tag cannot look like the beginning of a run's name, so the order does not matter.
    if let tagged = try store.run(tagged: text) {
      guard tagged.pipeline == pipeline else {
        throw Diagnostic.error(
          "AX0314", "the pipeline '\(pipeline)' has no run '\(text)'",
          cause: "the tag names a run of the pipeline '\(tagged.pipeline)'")
      }
      return tagged.uuid
    }
    let prefix = text.lowercased()
    let runs = prefix.isEmpty ? [] : try store.runs(pipeline: pipeline, beginning: prefix)
    guard let first = runs.first else {
      let all = try store.runs(pipeline: pipeline, beginning: "")
      if all.isEmpty { throw Self.none(text, pipeline, 0) }
      let names = try store.tags(pipeline: pipeline).map(\.name) + ["latest"]
      let near = Spelling.closest(to: text, among: names)
      throw Diagnostic.error(
        "AX0314", "the pipeline '\(pipeline)' has no run '\(text)'",
        cause: "no run has a name that begins so, and none is tagged so",
        hint: near.map { "did you mean '\($0)'?" } ?? "'admix runs' lists them")
    }
    guard runs.count == 1 else {
      let common = runs.dropFirst().reduce(first) { $0.commonPrefix(with: $1) }
      let shown = runs.prefix(4).map { "'\($0.prefix(common.count + 4))'" }.joined(separator: ", ")
      throw Diagnostic.error(
        "AX0930", "'\(text)' can be any of \(runs.count) runs",
        cause: "they are \(shown)\(runs.count > 4 ? " and others" : "")",
        hint: "write more of the name, or tag the one you mean: 'admix tag'")
    }
    return first
  }

  /// `latest` is 0, `latest~3` is 3.
  private static func stepsBack(_ text: String) -> Int? {
    let parts = text.split(separator: "~", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts[0] == "latest" else { return nil }
    return parts.count == 1 ? 0 : Int(parts[1]).flatMap { $0 >= 0 ? $0 : nil }
  }

  private static func none(_ text: String, _ pipeline: String, _ count: Int) -> Diagnostic {
    count == 0
      ? .error("AX0314", "the pipeline '\(pipeline)' has no runs", hint: "admix run")
      : .error(
        "AX0314", "the pipeline '\(pipeline)' has no run '\(text)'",
        cause: count == 1 ? "it has one run" : "it has \(count) runs",
        hint: "'admix runs' lists them")
  }

  /// Why a text cannot be a tag; nil when it can.
  package static func problem(ofTag name: String) -> Diagnostic? {
    let allowed = name.unicodeScalars.allSatisfy { scalar in
      scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
        || "._-/".unicodeScalars.contains(scalar)
    }
    let cause: String? =
      if name.isEmpty || name.utf8.count > 64 {
        "a tag has 1 to 64 characters"
      } else if !allowed {
        "a tag has letters, digits, '.', '_', '-' and '/', nothing else"
      } else if !(name.first?.isLetter ?? false) {
        "a tag begins with a letter"
      } else if name == "latest" {
        "'latest' is the newest run"
      } else if name.allSatisfy({ $0.isHexDigit || $0 == "-" }) {
        "it could be the beginning of a run's own name"
      } else {
        nil
      }
    return cause.map {
      .error("AX0931", "'\(name)' cannot be a tag", cause: $0, hint: "such as v1.0 or paper-draft")
    }
  }
}
