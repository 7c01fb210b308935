package import AdmixModel
package import AdmixStore
import Foundation

/// What `gc` did, or would do, for people and as JSON.
package enum CleanupText {
  package static func text(_ cleanup: Cleanup, _ policy: KeepPolicy, isTrial: Bool) -> String {
    var text = ""
    let freed = Cleanup.Reason.allCases.compactMap { reason in
      cleanup.freed[reason].map { (reason, $0) }
    }
    if freed.isEmpty, cleanup.gone.isEmpty {
      text += "nothing to remove\n"
    } else {
      text +=
        "\(isTrial ? "would free" : "freed") \(Numbers.bytes(cleanup.freedBytes)):\n"
        + TextTable.render(
          columns: ["what", "count", "bytes", "why"],
          rows: freed.map { reason, tally in
            [
              words(reason).what, Numbers.count(tally.count), Numbers.bytes(tally.bytes),
              words(reason).why,
            ]
          })
    }
    if !cleanup.gone.isEmpty {
      text += "\n\(isTrial ? "runs that would go" : "runs that are gone"):\n"
      text += TextTable.render(
        columns: ["run", "started", "pipeline", "why"],
        rows: cleanup.gone.map { run in
          [
            String(run.uuid.prefix(8)), PlanText.time(run.started.timeIntervalSince1970),
            run.pipeline,
            why(run.limit, policy) + (run.isRecord ? "; stays as the record of an export" : ""),
          ]
        })
    }
    if !cleanup.kept.isEmpty {
      text += "\nkept, with \(Numbers.count(cleanup.keptRuns, "run")):\n"
      text += TextTable.render(
        columns: ["objects", "bytes", "why"],
        rows: Cleanup.Keeper.allCases.compactMap { keeper in
          cleanup.kept[keeper].map {
            [Numbers.count($0.count), Numbers.bytes($0.bytes), words(keeper)]
          }
        })
    }
    return text
  }

  package static func json(_ cleanup: Cleanup, isTrial: Bool) -> JSONValue {
    .object([
      "dryRun": .bool(isTrial), "bytes": JSONValue(cleanup.freedBytes),
      "rows": JSONValue(cleanup.rows), "compacted": JSONValue(cleanup.compacted),
      "freed": .array(
        Cleanup.Reason.allCases.compactMap { reason in
          cleanup.freed[reason].map {
            .object([
              "what": .string(reason.rawValue), "count": JSONValue($0.count),
              "bytes": JSONValue($0.bytes),
            ])
          }
        }),
      "runs": .array(
        cleanup.gone.map { run in
          .object([
            "run": .string(run.uuid), "pipeline": .string(run.pipeline),
            "started": JSONValue(run.started.timeIntervalSince1970),
            "why": .string(run.limit.rawValue), "record": .bool(run.isRecord),
          ])
        }),
      "kept": .array(
        Cleanup.Keeper.allCases.compactMap { keeper in
          cleanup.kept[keeper].map {
            .object([
              "why": .string(keeper.name), "objects": JSONValue($0.count),
              "bytes": JSONValue($0.bytes),
            ])
          }
        }),
      "keptRuns": JSONValue(cleanup.keptRuns),
      "silentRuns": .array(cleanup.silentRuns.map { .string($0) }),
    ])
  }

  private static func words(_ reason: Cleanup.Reason) -> (what: String, why: String) {
    switch reason {
    case .runs: ("objects of runs", "only runs that go rest on them")
    case .results: ("objects of results", "no run that is kept rests on them")
    case .orphans: ("stray objects", "a run died before it recorded them")
    case .attempts: ("attempts", "their runs are dead")
    case .downloads: ("downloads", "nothing that is kept was made from them")
    case .reports: ("reports", "their runs are gone")
    case .logs: ("logs", "their runs are gone")
    case .rescued: ("files set aside", "long enough ago")
    case .checkpoints: ("checkpoints", "of tasks that were broken off long ago")
    case .trash: ("trash", "an earlier gc was cut short")
    }
  }

  private static func words(_ keeper: Cleanup.Keeper) -> String {
    switch keeper {
    case .present: "what the stages gave last"
    case .live: "a run at work rests on them"
    case .pinned: "of pinned runs"
    case .tagged: "of tagged runs"
    case .recent: "of runs that the policy keeps"
    }
  }

  private static func why(_ limit: Cleanup.GoneRun.Limit, _ policy: KeepPolicy) -> String {
    switch limit {
    case .policy:
      [
        policy.runs.map { $0 == 0 ? "no run is kept for being new" : "not among the last \($0)" },
        policy.age.map { "older than \(age($0))" },
      ].compactMap { $0 }.joined(separator: ", and ")
    case .size: "beyond \(Numbers.bytes(policy.bytes ?? 0)) with what is newer"
    }
  }

  private static func age(_ seconds: Double) -> String {
    for (unit, length) in [("day", 86_400.0), ("hour", 3600), ("minute", 60)]
    where seconds >= length && (seconds / length).rounded() == seconds / length {
      return Numbers.count(Int(min(seconds / length, 1e9)), unit)
    }
    return Numbers.count(Int(min(seconds, 1e9)), "second")
  }
}
