package import Foundation

/// What `gc` keeps beside what it always keeps.
///
/// Runs that are tagged, pinned or alive, and what the last success of each stage gave, are kept whatever
/// the policy says.
package struct KeepPolicy: Hashable, Sendable {
  /// The newest so many runs of each pipeline.
  package var runs: Int?
  /// Runs that began at most so many seconds ago.
  package var age: TimeInterval?
  /// At most so many bytes of objects; the oldest runs go first.
  package var bytes: Int?
  /// Hand-edited outputs that were moved aside, for so many seconds; for good where there is none.
  package var rescuedAge: TimeInterval?

  /// Damaged bytes that were set aside can be looked at for a month.
  package static let damagedAge: TimeInterval = 30 * 86_400

  /// What a task that was broken off left is of use for two weeks.
  package static let checkpointAge: TimeInterval = 14 * 86_400

  /// Where nothing is asked for: a run is kept if it is among the last ten or of the last month.
  package static let usual = KeepPolicy(runs: 10, age: 30 * 86_400)

  /// A run is kept if one of `runs` and `age` keeps it; with neither, all are, up to `bytes`.
  package init(
    runs: Int? = nil, age: TimeInterval? = nil, bytes: Int? = nil, rescuedAge: TimeInterval? = nil
  ) {
    self.runs = runs
    self.age = age
    self.bytes = bytes
    self.rescuedAge = rescuedAge
  }
}

/// What `gc` removed and kept, or would.
package struct Cleanup: Hashable, Sendable {
  /// Why something goes.
  package enum Reason: String, CaseIterable, Sendable {
    /// Results of runs that the policy does not keep.
    case runs
    /// Results that no run speaks of: superseded, or of runs that never ended.
    case results
    /// Files in the object folder that no row speaks of.
    case orphans
    /// Attempt folders of dead runs.
    case attempts
    case downloads
    case reports, logs
    /// Damaged bytes and hand-edited files that were set aside long ago.
    case rescued
    /// How far tasks came that were broken off and not begun again since.
    case checkpoints
    /// What an earlier gc had no time to remove.
    case trash
  }

  /// Why a result stays, the strongest reason first.
  package enum Keeper: Int, CaseIterable, Sendable {
    /// The last success of a stage.
    case present
    /// A living run rests on it.
    case live
    case pinned, tagged
    /// The policy.
    case recent

    package var name: String {
      switch self {
      case .present: "present"
      case .live: "live"
      case .pinned: "pinned"
      case .tagged: "tagged"
      case .recent: "recent"
      }
    }
  }

  package struct Tally: Hashable, Sendable {
    package var count = 0
    package var bytes = 0

    mutating func add(_ bytes: Int) {
      count += 1
      self.bytes += bytes
    }
  }

  /// A run that goes, and which part of the policy says so.
  package struct GoneRun: Hashable, Sendable {
    package enum Limit: String, Sendable { case policy, size }
    package var uuid: String
    package var pipeline: String
    package var started: Date
    package var limit: Limit
    /// The first run that made an export stays as rows, without bytes.
    package var isRecord: Bool
  }

  package var freed: [Reason: Tally] = [:]
  package var kept: [Keeper: Tally] = [:]
  package var gone: [GoneRun] = []
  package var keptRuns = 0
  /// Rows of results and runs that are deleted.
  package var rows = 0
  /// Runs at work whose version keeps no list of what it rests on; beside them only attempts of dead
  /// runs and the trash go.
  package var silentRuns: [String] = []
  /// By how much the database file shrank.
  package var compacted = 0

  package var freedBytes: Int { freed.values.reduce(0) { $0 + $1.bytes } + compacted }

  mutating func free(_ reason: Reason, _ bytes: Int) { freed[reason, default: Tally()].add(bytes) }
}
