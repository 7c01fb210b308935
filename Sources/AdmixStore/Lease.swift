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
  /// Where the next digest of the list goes; only `Holds` appends, under its lock.
  private var end = RunLock.header.count

  /// The first line of the file says that a list of digests follows, 32 bytes each.
  private static let header = Array("holds 1\n".utf8)

  package init(store: Store, uuid: String) throws {
    self.uuid = uuid
    path = Self.path(store.root, uuid)
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { throw ObjectFolder.failure("lock", path) }
      // Nobody else runs under this name; one who looks whether we live holds the lock for a moment.
      guard flock(descriptor, LOCK_EX) == 0 else {
        let number = errno
        close(descriptor)
        throw ObjectFolder.failure("lock", path, number: number)
      }
      // Somebody who swept dead runs may have removed the file between the two calls: then the lock
      // is on a file without a name, which nobody else can see.
      var held = stat()
      var named = stat()
      if fstat(descriptor, &held) == 0, stat(path, &named) == 0, held.st_ino == named.st_ino {
        self.descriptor = descriptor
        guard ftruncate(descriptor, 0) == 0, Self.write(Self.header, descriptor, at: 0) else {
          let number = errno
          unlink(path)
          close(descriptor)
          throw ObjectFolder.failure("write", path, number: number)
        }
        CrashPoint.runLocked.pass()
        return
      }
      close(descriptor)
    }
  }

  deinit {
    unlink(path)
    close(descriptor)
  }

  private static func write(_ bytes: [UInt8], _ descriptor: Int32, at offset: Int) -> Bool {
    bytes.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let count = pwrite(
          descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done,
          off_t(offset + done))
        if count < 0, errno == EINTR { continue }
        if count <= 0 { return false }
        done += count
      }
      return true
    }
  }

  /// Puts digests on the list of what the run rests on; what did not get there whole does not count.
  func append(_ digests: [UInt8]) throws {
    guard Self.write(digests, descriptor, at: end) else {
      throw ObjectFolder.failure("write", path)
    }
    end += digests.count
  }

  /// What a run rests on; nil where it has not said yet that it keeps a list.
  static func list(_ root: String, _ uuid: String) -> [Digest]? {
    guard let data = FileManager.default.contents(atPath: path(root, uuid)),
      data.starts(with: header)
    else { return nil }
    let bytes = [UInt8](data.dropFirst(header.count))
    return stride(from: 0, to: bytes.count - bytes.count % 32, by: 32).compactMap {
      Digest(bytes: Array(bytes[$0..<($0 + 32)]))
    }
  }

  private static func path(_ root: String, _ uuid: String) -> String { "\(root)/run/\(uuid).lock" }

  static func removeIfDead(_ path: String) {
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    // Removed under the lock, so that a run that begins just now sees it and makes another.
    if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
  }

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

  private var attempts: String { root + "/work" }

  /// The folder that everything a run has under way lies in, private to it.
  package func attempts(of run: String) -> String { "\(attempts)/\(run)" }

  /// Where a long task may leave how far it came, for whoever does it again; not made.
  package func checkpoint(of key: Digest) -> String { "\(checkpoints)/\(key.hex)" }
  var checkpoints: String { root + "/checkpoints" }

  /// Removes what tasks left on the way that are done now.
  package func dropCheckpoints(of keys: some Sequence<Digest>) {
    guard access(checkpoints, F_OK) == 0 else { return }
    for key in keys { try? FileManager.default.removeItem(atPath: checkpoint(of: key)) }
  }

  /// Removes the attempt folders and locks of runs that are dead.
  package func sweepWork() {
    let files = FileManager.default
    for name in (try? files.contentsOfDirectory(atPath: root + "/run")) ?? []
    where name.hasSuffix(".lock") { RunLock.removeIfDead("\(root)/run/\(name)") }
    for name in (try? files.contentsOfDirectory(atPath: attempts)) ?? []
    where !RunLock.isAlive(root, name) {
      try? files.removeItem(atPath: attempts(of: name))
    }
  }
}
