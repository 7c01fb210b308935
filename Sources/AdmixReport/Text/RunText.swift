package import AdmixEngine
import AdmixModel

/// How a run ends, in words for the terminal.
package enum RunText {
  /// - Parameters:
  ///   - root: the pipeline's folder, as people call it.
  ///   - report: where the report is.
  package static func summary(_ record: RunRecord, root: String, report: String?) -> String {
    var out = ""
    if record.run.isEmpty, record.status != .failed {
      out += "nothing to do: \(record.stages.count) stages are known\n"
    } else {
      let ran = record.stages.count { $0.status == .executed }
      let reused = record.stages.count { $0.status == .cached }
      out +=
        "\(record.status.rawValue): \(ran) stages ran, \(reused) were known, in \(Numbers.seconds(record.seconds))\n"
    }
    out += gates(record)
    let skipped = record.stages.filter { $0.status == .skipped }.map(\.name)
    if !skipped.isEmpty { out += "  not run: \(skipped.joined(separator: ", "))\n" }
    for stage in record.stages where stage.status == .executed || stage.status == .cached {
      for file in stage.files {
        out += "  \(stage.name): \(root.isEmpty ? file : root + "/" + file)\n"
      }
    }
    if let report { out += "  report: \(report)\n" }
    return out
  }

  /// The gates that tripped, a line each.
  package static func gates(_ record: RunRecord) -> String {
    var out = ""
    for stage in record.stages {
      for gate in stage.gates where !gate.passed {
        let word = gate.action == .fail ? "gate failed" : "gate warns"
        out +=
          "  \(word): \(stage.name): \(gate.rule)  (\(Numbers.measurement(gate.measurement)))\n"
      }
    }
    return out
  }
}
