import AdmixEngine

/// How a command ends; the numbers are a contract with scripts (DESIGN: exit codes).
enum Outcome: Int32, Error, CaseIterable {
  case done = 0
  case stageFailed = 1
  case usage = 2
  case specInvalid = 3
  case gateFailed = 4
  case stale = 5
  case storeUnusable = 6
  case inputMissing = 7
  case waitedTooLong = 8
  case sandboxViolation = 9
  case notDeterministic = 10
  case interrupted = 130

  var meaning: String {
    switch self {
    case .done: "done, or nothing to do"
    case .stageFailed: "a stage failed"
    case .usage: "the command line is wrong"
    case .specInvalid: "the pipeline file is wrong"
    case .gateFailed: "a gate failed"
    case .stale: "stale: `status --exit-code`, `plan --exit-code`, `show` of what is not made"
    case .storeUnusable: "the store is damaged or cannot be used, or an attestation does not hold"
    case .inputMissing: "an input is missing, or changed during the run"
    case .waitedTooLong: "waited too long for another run"
    case .sandboxViolation: "a command is not trusted, or did what it may not"
    case .notDeterministic: "a task gave something else the second time: `run --check-determinism`"
    case .interrupted:
      "interrupted (143 when by SIGTERM); what is finished is kept, run again to go on"
    }
  }
}

extension Outcome {
  /// How a command ends for each reason of a failure; the first that occurred counts.
  static let inOrder: [(reason: TaskFailure.Reason, outcome: Outcome)] = [
    (.input, .inputMissing), (.waited, .waitedTooLong), (.notDeterministic, .notDeterministic),
    (.store, .storeUnusable), (.sandbox, .sandboxViolation), (.timeout, .stageFailed),
    (.failed, .stageFailed),
    (.cancelled, .interrupted),
  ]

  init(_ reason: TaskFailure.Reason) {
    self = Self.inOrder.first { $0.reason == reason }?.outcome ?? .stageFailed
  }
}
