import AdmixModel
import AdmixStore
import Synchronization

/// The wish to stop, seen by every task of a run or of a stage.
package final class RunControl: Sendable {
  private let isStopped = Atomic(false)
  private let parent: RunControl?
  private let deadline: (at: ContinuousClock.Instant, failure: TaskFailure)?

  /// - Parameter parent: when it stops, so does this one.
  package init(under parent: RunControl? = nil) {
    self.parent = parent
    deadline = nil
  }

  /// One that stops when another does, and at a deadline.
  ///
  /// - Parameter failure: what tasks are told from then on.
  init(_ parent: RunControl, deadline: ContinuousClock.Instant, failure: TaskFailure) {
    self.parent = parent
    self.deadline = (deadline, failure)
  }

  /// Safe in a signal handler: one atomic store.
  package func stop() { isStopped.store(true, ordering: .relaxed) }
  package var wantsToStop: Bool {
    isStopped.load(ordering: .relaxed) || parent?.wantsToStop == true
  }

  package func check() throws {
    try parent?.check()
    if isStopped.load(ordering: .relaxed) {
      throw TaskFailure(.error("AX0910", "the run was interrupted"), reason: .cancelled)
    }
    if let deadline, ContinuousClock.now >= deadline.at { throw deadline.failure }
  }

  /// Waits, unless the run is to stop meanwhile.
  func sleep(seconds: Double) async throws {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
      try check()
      try await Task.sleep(for: min(.milliseconds(50), end - ContinuousClock.now))
    }
  }
}

extension TaskFailure {
  /// Artifacts that are missing or cannot be read.
  private static func isOfStore(_ diagnostic: Diagnostic) -> Bool {
    ["AX0908", "AX0951"].contains(diagnostic.code)
  }

  /// Any error as a failure people can read.
  package init(wrapping error: any Error) {
    switch error {
    case let failure as TaskFailure: self = failure
    case let diagnostic as Diagnostic:
      self.init(diagnostic, reason: Self.isOfStore(diagnostic) ? .store : .failed)
    case let diagnostics as Diagnostics: self.init(diagnostics)
    case let store as StoreError: self.init(store.diagnostic, reason: .store)
    case is DecodingError:
      // Everything that is decoded during a run was written by one.
      self.init(
        .error(
          "AX0903", "the store is damaged", cause: "something in it cannot be read as what it is",
          hint: "admix verify"), reason: .store)
    default: self.init(.error("AX0909", "unexpected: \(error)"))
    }
  }
}
