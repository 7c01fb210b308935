package import AdmixModel
package import Foundation
import Synchronization

/// Where a shared cache keeps its bytes: objects by name, in a folder or on a server.
///
/// Names are relative, of lower-case letters, digits, `-` and `/`, made by us and never by what was read.
/// An object appears whole or not at all; nothing else is asked of the other side, no locks, no
/// conditional writes, no checksums. Calls block their thread and come from many at once.
package protocol CacheTransport: Sendable {
  /// An object's bytes; nil where there is none.
  ///
  /// - Throws: `CacheFailure.refused` where there are more than `limit`.
  func read(_ name: String, limit: Int, _ pulse: Pulse) throws(CacheFailure) -> Data?

  /// Puts an object's bytes into a new file of ours; false where there is none.
  func read(_ name: String, limit: Int, into path: String, _ pulse: Pulse) throws(CacheFailure)
    -> Bool

  /// Its length; nil where there is none.
  func size(of name: String, _ pulse: Pulse) throws(CacheFailure) -> Int?

  /// Puts these bytes there, over what was there.
  ///
  /// - Parameter digest: of the bytes.
  func write(_ content: CacheContent, _ digest: Digest, as name: String, _ pulse: Pulse)
    throws(CacheFailure)

  /// Looks once, before anything else, whether the other side is there at all.
  ///
  /// - Parameter writes: whether it will be written to; then what writers that died left is removed.
  func prepare(writes: Bool) throws(CacheFailure)
}

extension CacheTransport {
  package func prepare(writes: Bool) throws(CacheFailure) {}
}

/// What is written to a cache, with the digest that is known of it.
package enum CacheContent: Sendable {
  case data(Data)
  case file(path: String, bytes: Int)
}

/// Why the other side did not do what it was asked.
package enum CacheFailure: Error, Equatable, Sendable {
  /// It is not there, does not answer, or answers nonsense: no use in asking again.
  case unreachable(String)
  /// It knows us not, or does not let us do this.
  case denied(String)
  /// What is there is not what it should be; the cache itself is well.
  case refused(String)
  /// A file of our own cannot be read or written.
  case local(String)
  /// The run is to end.
  case stopped
}

/// How a transfer shows that it is alive, and how it learns that nobody waits for it any more.
package final class Pulse: Sendable {
  private let last = Atomic<UInt64>(Pulse.now())
  private let moved = Atomic<Int64>(0)
  private let isStopped = Atomic(false)

  package init() {}

  /// To be called after every piece; false where the transfer should end.
  package func beat() -> Bool {
    last.store(Self.now(), ordering: .relaxed)
    return goesOn
  }

  /// The same, told again and again how much has been moved; standing still is no beat.
  package func moved(to bytes: Int64) -> Bool {
    if moved.exchange(bytes, ordering: .relaxed) != bytes { return beat() }
    return goesOn
  }

  /// Whether somebody still waits for the transfer.
  package var goesOn: Bool { !isStopped.load(ordering: .relaxed) }

  package func stop() { isStopped.store(true, ordering: .relaxed) }

  /// Seconds since the last beat.
  package var silence: Double {
    Double(Self.now() &- last.load(ordering: .relaxed)) / 1e9
  }

  private static func now() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
}
