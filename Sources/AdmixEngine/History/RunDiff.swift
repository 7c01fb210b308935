package import AdmixModel

/// What differs between two runs, or between a run and what the file says now.
package struct RunDiff: Hashable, Sendable {
  /// One of the two.
  package struct Side: Hashable, Sendable {
    /// Empty for what is there now.
    package var run: String
    package var started: Double
    package var status: String
    package var seconds: Double
  }

  /// A stage or a file that only one of them has.
  package enum Presence: String, Hashable, Sendable { case added, removed, changed }

  package struct Spec: Hashable, Sendable {
    package var stage: String
    package var presence: Presence
    /// Of the later one, or of the one that has it.
    package var kind: String
    /// Parameters by path, what does the work, seeds, and where its inputs come from.
    package var changes: [Change]
    /// Why they cannot be compared, where that is so.
    package var unknown: String?
  }

  package struct Input: Hashable, Sendable {
    package var stage: String
    package var name: String
    package var old: Digest?
    package var new: Digest?
  }

  package struct Metric: Hashable, Sendable {
    package var stage: String
    package var name: String
    package var old: Measurement?
    package var new: Measurement?

    /// Whether what one reads differs: the figure, its interval, or why there is none; by more than the
    /// last digits that adding in another order leaves.
    static func differs(_ a: Measurement?, _ b: Measurement?) -> Bool {
      guard let a, let b else { return a != b }
      func differs(_ x: Double?, _ y: Double?) -> Bool {
        guard let x, let y else { return x != y }
        return x != y && !(abs(x - y) <= 1e-12 * max(1, abs(x), abs(y)))
      }
      return differs(a.value, b.value) || differs(a.low, b.low) || differs(a.high, b.high)
        || a.reason != b.reason
    }

    /// New minus old where both are there and finite.
    package var change: Double? {
      guard let a = old?.value, let b = new?.value, (b - a).isFinite else { return nil }
      return b - a
    }
  }

  package struct Gate: Hashable, Sendable {
    package var stage: String
    package var rule: String
    package var action: GateResult.Action
    package var old: GateResult?
    package var new: GateResult?

    /// Whether one passed where the other did not; a figure alone is no other verdict.
    package var isOtherVerdict: Bool { old?.passed != new?.passed }
  }

  package struct Output: Hashable, Sendable {
    package var stage: String
    package var name: String
    package var old: Artifact?
    package var new: Artifact?
    package var columns: [Column] = []
    /// Whether the columns that both have are in another order.
    package var isReordered = false
    /// Why the columns cannot be compared, where that is so.
    package var unknown: String?
  }

  /// A column that differs in type, role or figures.
  package struct Column: Hashable, Sendable {
    package var name: String
    package var old: ColumnFigures?
    package var new: ColumnFigures?
  }

  package struct Duration: Hashable, Sendable {
    package var stage: String
    /// Nil where it did not run.
    package var old: Double?
    package var new: Double?
  }

  package var pipeline: String
  package var old: Side
  package var new: Side
  package var seed: (old: UInt64, new: UInt64)? {
    oldSeed == newSeed ? nil : (oldSeed, newSeed)
  }
  var oldSeed: UInt64
  var newSeed: UInt64
  package var spec: [Spec] = []
  package var inputs: [Input] = []
  package var metrics: [Metric] = []
  package var gates: [Gate] = []
  package var outputs: [Output] = []
  package var durations: [Duration] = []
  /// Stages whose outputs as they would be now are not made.
  package var unmade: [String] = []
  /// Reports and the like that are gone from the store, so that what they held is not compared.
  package var unknown: [String] = []

  /// Whether anything but times differs.
  package var isEmpty: Bool {
    seed == nil && spec.isEmpty && inputs.isEmpty && metrics.isEmpty && gates.isEmpty
      && outputs.isEmpty
  }
}

/// What a column holds, in figures two datasets are compared by.
package struct ColumnFigures: Hashable, Sendable {
  package var type: ColumnType
  package var roles: [ColumnRole]
  package var rows: Int
  package var missing: Int
  /// As people read them; nil where there is no value.
  package var least: String?
  package var most: String?
  /// Of the values that are numbers, dates or times (in their own unit), and the share of true.
  package var mean: Double?
  /// How many different values; nil where there are more than were counted.
  package var distinct: Int?
}
