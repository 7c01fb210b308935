package import AdmixModel
import Foundation
import GRDB

/// The lock a run holds while it lives; the kernel lets go of it however the run ends.
///
/// Unchecked because of the descriptor, which only `deinit` touches after `init`.
package final class RunLock: @unchecked Sendable {
  package let uuid: String
  private let path: String
  private let descriptor: Int32

  package init(store: Store, uuid: String) throws {
    self.uuid = uuid
    path = Self.path(store.root, uuid)
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw ObjectFolder.failure("lock", path)
    }
  }

  deinit {
    unlink(path)
    close(descriptor)
  }

  private static func path(_ root: String, _ uuid: String) -> String { "\(root)/run/\(uuid).lock" }

  /// Whether the run is alive: somebody holds its lock.
  static func isAlive(_ root: String, _ uuid: String) -> Bool {
    let descriptor = open(path(root, uuid), O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_EX | LOCK_NB) != 0
  }
}

extension Store {
  /// Takes the work on a fingerprint, unless a living run has it; a dead owner's is taken over.
  ///
  /// - Returns: nil when taken, else the run that is at work.
  package func takeLease(_ key: Digest, run: String) throws -> String? {
    try write { db in
      let owner = try String.fetchOne(
        db, sql: "SELECT run FROM lease WHERE key = ?", arguments: [Data(key.bytes)])
      if let owner, owner != run, RunLock.isAlive(root, owner) { return owner }
      try db.execute(
        sql: "INSERT OR REPLACE INTO lease VALUES(?, ?)", arguments: [Data(key.bytes), run])
      return nil
    }
  }

  package func dropLease(_ key: Digest, run: String) throws {
    try write { db in
      try db.execute(
        sql: "DELETE FROM lease WHERE key = ? AND run = ?", arguments: [Data(key.bytes), run])
    }
  }

  /// Removes the attempt folders of runs that are dead.
  package func sweepWork() {
    let folder = root + "/work"
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where !RunLock.isAlive(root, name) {
      try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
    }
  }
}
