import AdmixCache
package import AdmixEngine
package import AdmixModel

/// How a run ends, in words for the terminal.
package enum RunText {
  /// - Parameters:
  ///   - root: the pipeline's folder, as people call it.
  ///   - report: where the report is.
  ///   - counts: how many stages ended how, where the record holds only those worth a word.
  package static func summary(
    _ record: RunRecord, root: String, report: String?,
    counts: [StageRecord.Status: Int]? = nil
  ) -> String {
    var out = ""
    let counts = counts ?? tally(record)
    if record.run.isEmpty, record.status != .failed {
      out +=
        counts[.gated] ?? 0 == 0
        ? "nothing to do: \(Numbers.count(counts[.cached] ?? 0, "stage is", "stages are")) known\n"
        : "nothing to do: a gate has failed, \(words(counts, record))\n"
    } else {
      out +=
        "\(record.status.rawValue): \(words(counts, record)), in \(Numbers.seconds(record.seconds))\n"
    }
    out += gates(record)
    let skipped = record.stages.filter { $0.status == .skipped }.map(\.name)
    if !skipped.isEmpty { out += "  not run: \(skipped.joined(separator: ", "))\n" }
    for stage in record.stages where stage.status == .executed || stage.status == .cached {
      for file in stage.files {
        out += "  \(stage.name): \(root.isEmpty ? file : root + "/" + file)\n"
      }
    }
    if let tally = record.cache?.tally, tally.hits + tally.sent > 0 {
      let parts = [(tally.hits, tally.received, "taken"), (tally.sent, tally.uploaded, "sent")]
        .filter { $0.0 > 0 }
        .map { "\(Numbers.count($0.0, "result")) \($0.2) (\(Numbers.bytes($0.1)))" }
      out += "  shared cache: \(parts.joined(separator: ", "))\n"
    }
    if let report { out += "  report: \(report)\n" }
    return out
  }

  /// How many stages ended how, those that there are.
  package static func counts(_ record: RunRecord) -> String { words(tally(record), record) }

  private static func tally(_ record: RunRecord) -> [StageRecord.Status: Int] {
    record.stages.reduce(into: [:]) { $0[$1.status, default: 0] += 1 }
  }

  private static func words(_ counts: [StageRecord.Status: Int], _ record: RunRecord) -> String {
    let words: [(StageRecord.Status, String)] = [
      (.executed, "ran"), (.cached, "known"), (.failed, "failed"), (.gated, "stopped by a gate"),
      (.skipped, "not run"),
    ]
    let parts = words.compactMap { status, word -> String? in
      counts[status].map { count in
        let shared = record.stages.count { $0.status == status && $0.fromCache?.isWhole == true }
        return "\(count) \(word)" + (shared > 0 ? " (\(shared) from the shared cache)" : "")
      }
    }
    return parts.isEmpty ? "no stages" : parts.joined(separator: ", ")
  }

  /// The gates that tripped, a line each.
  package static func gates(_ record: RunRecord) -> String {
    record.stages.map { gates($0.gates, of: $0.name) }.joined()
  }

  package static func gates(_ gates: [GateResult], of stage: String) -> String {
    gates.filter { !$0.passed }.map { gate in
      let word = gate.action == .fail ? "gate failed" : "gate warns"
      return "  \(word): \(stage): \(gate.rule)  (\(Numbers.measurement(gate.measurement)))\n"
    }.joined()
  }
}
