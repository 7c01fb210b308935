package import AdmixModel
import Foundation
import GRDB
import Synchronization

/// What a look at every byte and every row of the store found.
package struct StoreCheck: Hashable, Sendable {
  /// What is wrong with rows, apart from the bytes.
  package enum Flaw: String, CaseIterable, Sendable {
    /// A result that says it gave something, and no row says what.
    case resultWithoutOutputs = "result without outputs"
    /// An output of no result, or of no object.
    case outputWithoutResult = "output without a result"
    case outputWithoutObject = "output without an object"
    case resultWithoutAction = "result of an unknown task"
    case successWithoutResult = "last success without a result"
    case stageWithoutResult = "stage of a run without its result"
    case stageWithoutRun = "stage of an unknown run"
    case tagWithoutRun = "tag or pin of an unknown run"
  }

  /// Objects whose bytes are what their digest says.
  package var sound = 0
  package var bytes = 0
  /// Objects that have no bytes any more, though nobody gave them away.
  package var missing: [Digest] = []
  /// Digests whose bytes were others; they are set aside, unless the store may only be read.
  package var damaged: [Digest] = []
  package var isSetAside = true
  package var flaws: [Flaw: Int] = [:]
  /// Objects that gc gave away, which is no damage.
  package var freed = 0
  /// Leases of dead runs, which the next run takes over.
  package var deadLeases = 0
  /// Whether rows that were wrong are gone.
  package var isRepaired = false

  package var isSound: Bool { missing.isEmpty && damaged.isEmpty && flaws.isEmpty }
}

extension Store {
  /// Rehashes everything that the newest result of each fingerprint rests on, files and rows, on all
  /// cores, and looks whether the tables fit together.
  ///
  /// Bytes that are not what their digest says are set aside under `rescued`, so that no result that
  /// rests on them is a hit any more, and the next run makes them anew. Memory is bounded by a block of
  /// each worker and the list of digests.
  ///
  /// - Parameters:
  ///   - jobs: workers at once, at least one.
  ///   - repairs: whether rows that speak of nothing are deleted; no result that could be used is.
  ///   - progress: told bytes done and in all, from any worker.
  package func verify(
    jobs: Int = ProcessInfo.processInfo.activeProcessorCount, repairs: Bool = false,
    progress: @escaping @Sendable (Int, Int) -> Void = { _, _ in }
  ) throws -> StoreCheck {
    try read { db in
      let answers = try String.fetchAll(db, sql: "PRAGMA integrity_check(1)")
      guard answers == ["ok"] else {
        throw StoreError.damaged(answers.first ?? "the integrity check gave no answer")
      }
    }
    var check = StoreCheck()
    check.isSetAside = !isReadOnly
    try checkTables(&check)
    if repairs { try repairTables(&check) }
    let objects = try objectsInUse(&check)
    let found = try rehash(objects, jobs: max(1, jobs), progress)
    for (object, state) in zip(objects, found) {
      switch state {
      case .sound(let bytes):
        check.sound += 1
        check.bytes += bytes
      case .missing: check.missing.append(object.artifact.digest)
      case .damaged: check.damaged.append(object.artifact.digest)
      case .freed: check.freed += 1
      }
    }
    return check
  }

  private typealias Stored = (artifact: Artifact, row: Int64)

  private func objectsInUse(_ check: inout StoreCheck) throws -> [Stored] {
    let rows = try read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT DISTINCT object.id, digest, kind, size, freed_ns IS NOT NULL
          FROM result_output JOIN object ON object.id = result_output.object
          WHERE result IN (SELECT max(id) FROM result GROUP BY action)
          ORDER BY object.id, kind
          """)
    }
    var objects: [Stored] = []
    for row in rows {
      guard let digest = Digest(bytes: [UInt8](try row.value(1, as: Data.self))),
        let kind = Artifact.Kind(rawValue: try row.value(2))
      else { throw StoreError.damaged("an object is recorded in a way nobody writes") }
      if try row.value(4) {
        check.freed += 1
        continue
      }
      objects.append(
        (Artifact(kind: kind, digest: digest, bytes: try row.value(3)), try row.value(0)))
    }
    return objects
  }

  private func rehash(
    _ objects: [Stored], jobs: Int, _ progress: @escaping @Sendable (Int, Int) -> Void
  ) throws -> [State] {
    // The largest begin, so that no worker is left with one at the end.
    let order = objects.indices.sorted { objects[$0].artifact.bytes > objects[$1].artifact.bytes }
    let total = objects.reduce(0) { $0.addingReportingOverflow($1.artifact.bytes).partialValue }
    struct Work {
      var next = 0
      var done = 0
      var states: [State?]
      var failure: (any Error)?
    }
    let work = Mutex(Work(states: Array(repeating: nil, count: objects.count)))
    DispatchQueue.concurrentPerform(iterations: min(jobs, max(1, objects.count))) { _ in
      while true {
        let index = work.withLock { work -> Int? in
          guard work.failure == nil, work.next < order.count else { return nil }
          work.next += 1
          return order[work.next - 1]
        }
        guard let index else { return }
        do {
          let state = try state(of: objects[index].artifact, row: objects[index].row)
          let done = work.withLock { work in
            work.states[index] = state
            work.done =
              work.done.addingReportingOverflow(objects[index].artifact.bytes).partialValue
            return work.done
          }
          progress(done, total)
        } catch { work.withLock { $0.failure = $0.failure ?? error } }
      }
    }
    return try work.withLock { work in
      if let failure = work.failure { throw failure }
      return work.states.compactMap { $0 }
    }
  }

  private enum State {
    case sound(bytes: Int)
    case missing, damaged
    /// A gc gave it away while we looked at others.
    case freed
  }

  private func missing(row id: Int64) throws -> State {
    let isKept = try read { db in
      try Bool.fetchOne(
        db, sql: "SELECT freed_ns IS NULL FROM object WHERE id = ?", arguments: [id]) ?? false
    }
    return isKept ? .missing : .freed
  }

  private func state(of artifact: Artifact, row id: Int64) throws -> State {
    if isInline(artifact) {
      let content = try read { db in
        try Data.fetchOne(db, sql: "SELECT content FROM object WHERE id = ?", arguments: [id])
      }
      guard let content else { return try missing(row: id) }
      if Digest(of: content) == artifact.digest, content.count == artifact.bytes {
        return .sound(bytes: content.count)
      }
      if isReadOnly { return .damaged }
      CrashPoint.verifyDamaged.pass()
      let copy = "\(root)/rescued/.\(artifact.digest.short).\(getpid())"
      try content.write(to: URL(fileURLWithPath: copy))
      _ = setAside(copy, as: artifact.digest.short, prefix: "damaged-")
      CrashPoint.verifyAside.pass()
      try write { db in
        try db.execute(sql: "UPDATE object SET content = NULL WHERE id = ?", arguments: [id])
      }
      return .damaged
    }
    guard let found = try objects.measure(artifact.digest) else { return try missing(row: id) }
    if found.digest == artifact.digest {
      // Where only the length on record is wrong, the bytes stay; a run that makes them mends it.
      return found.bytes == artifact.bytes ? .sound(bytes: found.bytes) : .damaged
    }
    if isReadOnly { return .damaged }
    CrashPoint.verifyDamaged.pass()
    // Somebody who looks at the same time may have been quicker.
    let path = objects.path(of: artifact.digest)
    guard setAside(path, as: artifact.digest.short, prefix: "damaged-") != nil || errno == ENOENT
    else { throw ObjectFolder.failure("set aside", path) }
    CrashPoint.verifyAside.pass()
    return .damaged
  }
}

extension Store {
  /// Moves a file into `rescued` under a name that nothing there has.
  ///
  /// - Returns: where it is now; nil where it could not be moved, and `errno` says why.
  package func setAside(_ path: String, as name: String, prefix: String = "") -> String? {
    let stamp = Self.now() / 1_000_000
    // The clock may stand still or go back, and what was rescued once is not written over.
    for number in 0..<10_000 {
      let target = "\(root)/rescued/\(prefix)\(stamp)\(number == 0 ? "" : "-\(number)")-\(name)"
      if link(path, target) == 0 {
        if unlink(path) == 0 { return target }
        let reason = errno
        unlink(target)
        errno = reason
        return nil
      }
      if errno == EEXIST { continue }
      guard [EPERM, EOPNOTSUPP, EMLINK, ENOSYS].contains(errno) else { return nil }
      // A file system without hard links.
      if access(target, F_OK) != 0 { return rename(path, target) == 0 ? target : nil }
    }
    return nil
  }
}
