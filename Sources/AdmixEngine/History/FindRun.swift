import AdmixModel
import AdmixStore
import Foundation

extension Engine {
  /// The run of a pipeline that a person means: `latest`, or the first characters of its name.
  ///
  /// - Throws: `Diagnostic` where no run, or more than one, is meant.
  package func findRun(_ name: String, of pipeline: String) throws -> RunRecord {
    if name.isEmpty || name == "latest" {
      if let newest = try history(pipeline, limit: 1).first { return newest }
      throw Diagnostic.error("AX0314", "the pipeline '\(pipeline)' has no runs")
    }
    let found = try store.runs(pipeline: pipeline, named: name.lowercased())
    if found.count > 1 {
      // As much of each as tells them apart.
      let first = found[0].uuid
      let common = found.map { $0.uuid.commonPrefix(with: first).count }.min() ?? 0
      let names = found.prefix(5).map { "'\($0.uuid.prefix(max(8, common + 2)))'" }
      throw Diagnostic.error(
        "AX0980", "more than one run has a name that begins with '\(name)'",
        cause: names.joined(separator: ", ") + (found.count > 5 ? ", and more" : ""),
        hint: "give more of its name")
    }
    guard let run = try found.first.flatMap(record) else {
      throw Diagnostic.error(
        "AX0314", "the pipeline '\(pipeline)' has no run '\(name)'",
        cause: "no run has a name that begins so", hint: "'admix runs' lists them")
    }
    return run
  }
}
