package import AdmixModel

/// What happens during a run: the one stream that progress, log and `--json` are made from.
package enum Event: Sendable {
  case runStarted(run: String, stages: [String])
  /// The stage was found in the store.
  case stageReused(stage: String)
  /// This came from the shared cache: so many tasks of the stage, or, where nil, all of it.
  case fetched(stage: String, tasks: Int?)
  /// The shared cache is not what it should be; the run goes on.
  case cacheWarning(Diagnostic)
  /// Everything is done, and so many results are still on their way to the shared cache.
  case sharing(results: Int)
  case stageStarted(stage: String, kind: String, why: [Change])
  /// A stage asked for tasks: how many, of which so many were done before.
  case tasksPlanned(stage: String, tasks: Int, reused: Int, rows: Int?)
  case taskFinished(stage: String)
  case progress(stage: String, rows: Int)
  /// A plugin tells how far it is with something, such as learning; of what it counts, so much in all.
  case working(stage: String, phase: String, done: Double, total: Double?)
  /// A source comes over the network: bytes so far and, where known, in all.
  case fetching(stage: String, name: String, received: Int, total: Int?)
  /// A try failed, and the stage is tried again after so many seconds.
  case retrying(stage: String, failure: Diagnostic, pause: Double)
  /// Another run is at work on the same stage.
  case waiting(stage: String, run: String)
  case warning(stage: String, Diagnostic)
  case gate(stage: String, GateResult)
  case delivered(stage: String, path: String)
  case stageFinished(StageRecord)
  case runFinished(RunRecord)
}

/// Who listens to a run; called from any thread, in the order things happened within a stage.
package typealias EventSink = @Sendable (Event) -> Void

/// How a stage ended in a run.
package struct StageRecord: Hashable, Sendable, Codable {
  package enum Status: String, Sendable, Codable {
    case executed, cached, failed, skipped, gated
  }

  package var name: String
  package var kind: String
  package var status: Status
  package var why: [Change]
  package var seconds: Double
  package var inputs: [Graph.Input]
  package var after: [String]
  package var artifacts: [String: Artifact]
  /// Output names, the primary one first.
  package var outputs: [String]
  package var gates: [GateResult]
  package var warnings: [Diagnostic]
  package var sources: [SourceFile]
  /// Paths of the files put beside the project.
  package var files: [String]
  /// Tasks that were done, and tasks that had been done before.
  package var tasks: TaskCounts?
  package var failure: [Diagnostic]
  package var failureReason: TaskFailure.Reason?
  /// Seconds since 1970; nil where it never began, and in records of before this was kept.
  package var started: Double? = nil
  /// What came from the shared cache; nil where nothing did.
  package var fromCache: FromCache?
  /// For one that is known: stages before it that ran and gave what they gave before, so that this one
  /// did not have to run.
  package var cutOff: [String]?
  /// For one that takes no part: why not, in words.
  package var off: String?
  /// For one that failed: what it would have been made from, but for the files.
  package var tried: [Fingerprint.Component]?
  /// What doing tasks twice has shown; nil where nobody checked.
  package var determinism: Determinism?
}

extension RunRecord {
  /// Fills in what is known of stages by now, in whichever run they were checked.
  mutating func tell(_ known: [String: Determinism]) {
    if known.isEmpty { return }
    for index in stages.indices {
      if let found = known[stages[index].name] { stages[index].determinism = found }
    }
  }
}

package struct TaskCounts: Hashable, Sendable, Codable {
  package var done = 0
  package var reused = 0
}

/// How a run ended.
package struct RunRecord: Hashable, Sendable, Codable {
  package enum Status: String, Sendable, Codable {
    case succeeded, failed, gated, interrupted
    /// Under way, in another process.
    case running
  }

  package var run: String
  package var pipeline: String
  package var description: String?
  package var seed: UInt64
  /// Seconds since 1970.
  package var started: Double
  package var seconds: Double
  package var status: Status
  /// In the order of the graph.
  package var stages: [StageRecord]
  /// Nil where there was no shared cache.
  package var cache: CacheUse?

  /// Whether anything happened at all.
  package var didNothing: Bool {
    run.isEmpty && stages.allSatisfy { [.cached, .gated, .skipped].contains($0.status) }
  }
}
