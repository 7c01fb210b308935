package import AdmixModel
import Foundation
import Synchronization

/// What living runs rest on, so that `gc` beside them takes nothing away.
///
/// A run writes the digest of every object that it is about to publish, and of every output of a result
/// that it takes, into its lock file. It does so while it holds the gate of the store shared, together
/// with the rename or the look-up itself; one who removes holds the gate alone from before it reads the
/// lock files until the last file is out of its place. So each publication and each hit is either before
/// the removal, and then it is on the list, or after it, and then the bytes are put there anew, or the
/// result is not found and is made anew. No clock is asked, and how the run ends does not matter: its
/// list counts exactly as long as the kernel holds its lock.
package final class Holds: Sendable {
  private struct State {
    weak var run: RunLock?
    var gate: Gate?
    var held: Set<Digest> = []
  }

  private let root: String
  private let state = Mutex(State())

  init(root: String) { self.root = root }

  /// From now on, what this process takes and publishes is held for the run, as long as it lives.
  package func follow(_ run: RunLock) throws {
    let gate = try Gate(root: root)
    state.withLock { $0 = State(run: run, gate: gate) }
  }

  /// The run that is followed, if it is under way.
  package var run: String? { state.withLock { $0.run?.uuid } }

  /// Does something that rests on objects, or makes them: they are held from then on.
  func holding<Value>(_ digests: [Digest], _ body: () throws -> Value) throws -> Value {
    try taking(body, holding: { _ in [] }, before: digests)
  }

  /// Looks something up, and holds what was found.
  func taking<Value>(
    _ body: () throws -> Value, holding digests: (Value) -> [Digest], before: [Digest] = []
  ) throws -> Value {
    try state.withLock { state in
      guard let run = state.run, let gate = state.gate else { return try body() }
      try gate.enter(alone: false)
      defer { gate.leave() }
      try Self.hold(before, run, &state.held)
      let value = try body()
      try Self.hold(digests(value), run, &state.held)
      return value
    }
  }

  /// Holds something for the run whatever it is, such as a download by its digest.
  package func hold(_ digest: Digest) throws { try holding([digest]) {} }

  private static func hold(_ digests: [Digest], _ run: RunLock, _ held: inout Set<Digest>) throws {
    var new: [UInt8] = []
    var fresh: Set<Digest> = []
    for digest in digests where !held.contains(digest) && fresh.insert(digest).inserted {
      new += digest.bytes
    }
    if new.isEmpty { return }
    try run.append(new)
    held.formUnion(fresh)
  }
}

/// Whether objects may be taken out of their places: never while somebody holds the gate shared.
///
/// Unchecked because of the descriptor, which never changes; `flock` may be called from any thread.
final class Gate: @unchecked Sendable {
  private let path: String
  private let descriptor: Int32

  init(root: String) throws {
    path = root + "/run/gate"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw ObjectFolder.failure("lock", path) }
  }

  deinit { close(descriptor) }

  func enter(alone: Bool) throws {
    while flock(descriptor, alone ? LOCK_EX : LOCK_SH) != 0 {
      if errno != EINTR { throw ObjectFolder.failure("lock", path) }
    }
  }

  func leave() { flock(descriptor, LOCK_UN) }
}

/// The runs that are alive, and what they hold.
struct LivingRuns {
  var runs: Set<String> = []
  var held: Set<Digest> = []
  /// Runs of a version that keeps no list: nothing may be removed beside them.
  var silent: Set<String> = []

  /// To be read while the gate is held alone.
  init(root: String) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root + "/run")) ?? []
    for name in names.sorted() where name.hasSuffix(".lock") {
      let uuid = String(name.dropLast(5))
      // One that begins just now has the lock and not yet the first line.
      for _ in 0..<50 {
        guard RunLock.isAlive(root, uuid) else { break }
        guard let list = RunLock.list(root, uuid) else {
          usleep(10_000)
          continue
        }
        runs.insert(uuid)
        held.formUnion(list)
        break
      }
      if !runs.contains(uuid), RunLock.isAlive(root, uuid) {
        runs.insert(uuid)
        silent.insert(uuid)
      }
    }
  }
}
