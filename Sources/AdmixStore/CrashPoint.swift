import Foundation
#if DEBUG
import Synchronization
#endif

/// Places where a debug build can be told to die or to stand still, so that tests can show that nothing
/// is lost there and that others get along.
///
/// `ADMIX_CRASH_AT=publish.renamed:3` kills the process, by SIGKILL, the third time it comes by;
/// `ADMIX_STOP_AT` stops it with SIGSTOP instead. A release build has none of this.
package enum CrashPoint: String, CaseIterable, Sendable {
  /// The bytes of an object are written and digested.
  case publishWritten = "publish.written"
  case publishSynced = "publish.synced"
  case publishRenamed = "publish.renamed"
  /// The folder is synced too: durable, and no row speaks of it yet.
  case publishDone = "publish.done"

  case commitBegin = "commit.begin"
  /// In the transaction, all rows written.
  case commitInside = "commit.inside"
  case commitDone = "commit.done"

  /// A result was taken as a hit.
  case hitTaken = "hit.taken"

  case runLocked = "run.locked"
  case runBegun = "run.begun"
  case runEnding = "run.ending"
  case runEnded = "run.ended"

  /// What somebody else wrote was moved aside, nothing is in its place yet.
  case deliveryRescued = "delivery.rescued"
  case deliveryWritten = "delivery.written"
  case deliveryRenamed = "delivery.renamed"
  case deliveryRecorded = "delivery.recorded"

  case migrateBegin = "migrate.begin"
  /// In the transaction, one step made.
  case migrateInside = "migrate.inside"
  case migrateDone = "migrate.done"

  /// Stray files are in the trash, no row is touched.
  case gcStray = "gc.stray"
  /// In the transaction, all rows deleted.
  case gcInside = "gc.inside"
  /// The rows are gone, the files are all there.
  case gcCommitted = "gc.committed"
  /// Between two files on their way to the trash.
  case gcFile = "gc.file"
  /// All files are in the trash, none removed.
  case gcTrashed = "gc.trashed"
  case gcCompacting = "gc.compacting"
  case gcDone = "gc.done"

  /// Damage was found and lies where it lay.
  case verifyDamaged = "verify.damaged"
  case verifyAside = "verify.aside"

  /// Takes the orders of the environment; to be called once, at the start.
  package static func arm(_ environment: [String: String]) {
    #if DEBUG
    for (variable, number) in [("ADMIX_CRASH_AT", SIGKILL), ("ADMIX_STOP_AT", SIGSTOP)] {
      guard let text = environment[variable] else { continue }
      let parts = text.split(separator: ":", maxSplits: 1)
      guard let point = parts.first.flatMap({ CrashPoint(rawValue: String($0)) }) else {
        preconditionFailure("\(variable) names no crash point: '\(text)'")
      }
      let passage = parts.count > 1 ? Int(parts[1]) ?? 1 : 1
      orders.withLock { $0[point] = Order(signal: number, passagesLeft: passage) }
    }
    #endif
  }

  /// Dies here, when that was ordered.
  package func pass() {
    #if DEBUG
    let number = Self.orders.withLock { orders -> Int32? in
      guard var order = orders[self] else { return nil }
      order.passagesLeft -= 1
      orders[self] = order
      return order.passagesLeft == 0 ? order.signal : nil
    }
    if let number { kill(getpid(), number) }
    #endif
  }

  #if DEBUG
  private struct Order {
    var signal: Int32
    var passagesLeft: Int
  }

  private static let orders = Mutex<[CrashPoint: Order]>([:])
  #endif
}
