import AdmixModel
import Foundation
import GRDB

extension Store {
  /// Removes what nobody needs any more; beside any number of living runs and readers.
  ///
  /// Why nothing is lost: a run's list (see `Holds`) has every object that it has published and not yet
  /// committed and every output of the results it has taken, and it grows only while the run holds the
  /// gate shared. From reading the lists until the last file is out of its place the gate is ours alone.
  /// Rows go first, in one immediate transaction, so that no look-up after it gives a result whose bytes
  /// are about to go; then files, by rename into the trash, which is emptied with the gate open again. A
  /// crash in between leaves files without a row, or trash, and both are strays to the next `gc`.
  ///
  /// Strays go before any row is touched, since deleting rows takes room that a full disk may not have.
  ///
  /// - Parameters:
  ///   - present: the stages that a pipeline has today; what other stages of it last gave is not kept
  ///     for their sake.
  ///   - isTrial: nothing is changed, and what would be is told.
  package func cleanUp(
    _ policy: KeepPolicy, present: (pipeline: String, stages: Set<String>)? = nil,
    isTrial: Bool = false
  ) throws -> Cleanup {
    var cleanup = Cleanup()
    guard FileManager.default.fileExists(atPath: root + "/store.db") else { return cleanup }
    sweepTrash(&cleanup, isTrial)
    sweepAttempts(&cleanup, isTrial)
    let gate = isTrial ? nil : try Gate(root: root)

    try gate?.enter(alone: true)
    do {
      defer { gate?.leave() }
      let living = LivingRuns(root: root)
      cleanup.silentRuns = living.silent.sorted()
      if living.silent.isEmpty {
        try sweepOrphans(living, &cleanup, isTrial)
        CrashPoint.gcStray.pass()
        let rest = try removeUnneeded(policy, present, living, &cleanup, isTrial)
        sweepDownloads(living, rest.sources, &cleanup, isTrial)
        sweepReports(rest.runs, &cleanup, isTrial)
        sweepLogs(living, rest.runs, &cleanup, isTrial)
      }
    }
    CrashPoint.gcTrashed.pass()
    if !isTrial { emptyTrash() }
    sweepRescued(policy, &cleanup, isTrial)
    sweepCheckpoints(&cleanup, isTrial)
    if !isTrial {
      try forgetFilesThatAreGone()
      compact(&cleanup)
      CrashPoint.gcDone.pass()
    }
    return cleanup
  }

  /// Frees the bytes of what a clean-up will remove, on a disk that has no room for a transaction.
  ///
  /// Files go before their rows here. That is safe too, since a result whose bytes are not all there is no
  /// result; the clean-up that follows, with room, deletes the rows.
  package static func makeRoom(
    root: String, _ policy: KeepPolicy, present: (pipeline: String, stages: Set<String>)? = nil
  ) throws {
    let store = try Store(root: root, isMade: false, isAlone: true)
    defer { store.close() }
    var cleanup = Cleanup()
    store.sweepTrash(&cleanup, false)
    store.sweepAttempts(&cleanup, false)
    let gate = try Gate(root: root)
    try gate.enter(alone: true)
    defer { gate.leave() }
    let living = LivingRuns(root: root)
    guard living.silent.isEmpty else { return }
    var doomed: [Digest] = []
    try store.transaction(true) { db in
      var marker = try Marker(db, living, policy, cleanup)
      try marker.mark(present: present)
      try marker.sweep()
      doomed = marker.doomed
    }
    // Not by way of the trash, which may need a block for the name.
    for digest in doomed { unlink(store.objects.path(of: digest)) }
  }

  private func removeUnneeded(
    _ policy: KeepPolicy, _ present: (pipeline: String, stages: Set<String>)?, _ living: LivingRuns,
    _ cleanup: inout Cleanup, _ isTrial: Bool
  ) throws -> (sources: Set<String>, runs: Set<String>) {
    var result = cleanup
    var doomed: [Digest] = []
    var rest: (sources: Set<String>, runs: Set<String>) = ([], [])
    try transaction(isTrial) { db in
      var marker = try Marker(db, living, policy, cleanup)
      try marker.mark(present: present)
      try marker.sweep()
      try marker.dropTables()
      CrashPoint.gcInside.pass()
      result = marker.cleanup
      doomed = marker.doomed
      rest = (marker.sources, marker.runs)
    }
    cleanup = result
    CrashPoint.gcCommitted.pass()
    if isTrial { return rest }
    for digest in doomed {
      discard(objects.path(of: digest), digest.hex)
      CrashPoint.gcFile.pass()
    }
    return rest
  }

  private func transaction(_ isTrial: Bool, _ body: (Database) throws -> Void) throws {
    if !isTrial { return try write(body) }
    do {
      var database = database
      if isReadOnly {
        // What may only be read is tried out on a copy.
        let copy = try DatabaseQueue()
        try database.backup(to: copy)
        database = copy
      }
      // It deletes and takes back, so that what is told is what would be done.
      try database.writeWithoutTransaction { db in
        try db.inTransaction(.deferred) {
          try body(db)
          return .rollback
        }
      }
    } catch let error as DatabaseError { throw Self.words(error, root + "/store.db") }
  }

  // MARK: Compaction

  /// Gives pages that hold nothing back to the file system, where it is worth a copy of the database.
  private func compact(_ cleanup: inout Cleanup) {
    let file = root + "/store.db"
    let before = Self.size(file)
    CrashPoint.gcCompacting.pass()
    do {
      try database.writeWithoutTransaction { db in
        let free = try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
        let all = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
        let size = try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0
        if free * size >= 256 << 10, free * 4 >= all { try db.execute(sql: "VACUUM") }
        _ = try Row.fetchAll(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
      }
    } catch {
      // Somebody reads or writes just now, or there is no room for the copy: another time.
    }
    cleanup.compacted = max(0, before - Self.size(file))
  }

  static func size(_ path: String) -> Int {
    var status = stat()
    return lstat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  /// Memos of files that are not there any more; a memo is never needed, so this need not be exact.
  private func forgetFilesThatAreGone() throws {
    let paths = try read { db in try String.fetchAll(db, sql: "SELECT path FROM stat_memo") }
    let gone = paths.filter { access($0, F_OK) != 0 && errno == ENOENT }
    if gone.isEmpty { return }
    try write { db in
      for path in gone {
        try db.cachedStatement(sql: "DELETE FROM stat_memo WHERE path = ?").execute(
          arguments: [path])
      }
    }
  }
}
