import AdmixModel
import AdmixStore
import Synchronization

/// The wish to stop, seen by every task of a run.
package final class RunControl: Sendable {
  private let isStopped = Atomic(false)

  package init() {}

  /// Safe in a signal handler: one atomic store.
  package func stop() { isStopped.store(true, ordering: .relaxed) }
  package var wantsToStop: Bool { isStopped.load(ordering: .relaxed) }

  package func check() throws {
    if wantsToStop {
      throw TaskFailure(.error("AX0910", "the run was interrupted"), reason: .cancelled)
    }
  }
}

extension TaskFailure {
  /// Any error as a failure people can read.
  package init(wrapping error: any Error) {
    switch error {
    case let failure as TaskFailure: self = failure
    case let diagnostic as Diagnostic: self.init(diagnostic)
    case let diagnostics as Diagnostics: self.init(diagnostics)
    case let store as StoreError: self.init(store.diagnostic)
    default: self.init(.error("AX0909", "unexpected: \(error)"))
    }
  }
}
