import AdmixModel
import Foundation
import GRDB
import Synchronization

/// What was done and what came out: one SQLite file beside a folder of objects.
///
/// Only the orchestrating process uses it. Facts are committed with `synchronous=FULL` after the bytes
/// they speak of are durable; a crash before the commit leaves garbage, after it a hit.
package final class Store: Sendable {
  /// Contents up to this many bytes live in the database: a file costs a rename and two syncs, a row
  /// in a transaction that happens anyway next to nothing.
  package static let inlineLimit = 16 << 10

  package let root: String
  package let objects: ObjectFolder
  let database: DatabaseQueue
  /// How often anything was written through this value.
  private let writes = Atomic(0)
  package var hasWritten: Bool { writes.load(ordering: .relaxed) > 0 }
  /// It lies where we may not write; digests of files are not remembered then.
  let isReadOnly: Bool

  /// Opens the store in `root`.
  ///
  /// - Parameters:
  ///   - isMade: whether it is made where there is none. Where it is not, an empty one in
  ///     memory stands for it, so that one who only asks leaves nothing behind.
  ///   - isAlone: nobody else may have it open, and nothing is written beside it: the one way to read a
  ///     store on a disk so full that SQLite's own small files find no room.
  /// - Throws: `StoreError` where it is not ours, newer, damaged, or cannot be written.
  package init(root: String, isMade: Bool = true, isAlone: Bool = false) throws {
    self.root = root
    objects = ObjectFolder(root: root)
    let file = root + "/store.db"
    let isNew = !FileManager.default.fileExists(atPath: file)
    do {
      if isNew, !isMade {
        isReadOnly = false
        database = try DatabaseQueue()
        try database.writeWithoutTransaction(Self.migrate)
        return
      }
      if !isNew { try Self.inspect(file) }
      var configuration = Configuration()
      if !isMade, access(root, W_OK) != 0 || access(file, W_OK) != 0 {
        // Nobody writes here, or not we: what is there can still be read.
        configuration.readonly = true
        isReadOnly = true
        // A journal that is not merged yet needs locks; without one nothing else does.
        var journal = stat()
        let isMerged = stat(file + "-wal", &journal) != 0 || journal.st_size == 0
        database = try DatabaseQueue(
          path: isMerged ? "file:\(Self.escaped(file))?immutable=1" : file,
          configuration: configuration)
        try database.read { db in
          try Self.check(db, file)
          let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
          guard version == StoreSchema.migrations.count else {
            throw StoreError(
              "AX0905", "cannot write '\(file)'",
              cause:
                "it has version \(version), and before it is read it has to be brought to \(StoreSchema.migrations.count)",
              hint: "let somebody who may write run any command once, or copy the folder")
          }
        }
        return
      }
      isReadOnly = false
      let place = FileSystem(of: root)
      let isRemote = place?.isRemote ?? false
      func noLocks(_ reason: String) -> StoreError {
        .noLocks(root, "\(place?.type ?? "the file system"): \(reason)")
      }
      // Leases and everything SQLite promises rest on locks; where there are none, nothing is begun.
      if let reason = place?.mutedLocks { throw noLocks(reason) }
      if isMade || isNew {
        for folder in ["objects", "work", "rescued", "downloads", "reports", "run"] {
          try ObjectFolder.makeFolder("\(root)/\(folder)")
        }
      }
      configuration.foreignKeysEnabled = false
      configuration.busyMode = .timeout(10)
      configuration.prepareDatabase { db in
        // The index of the write-ahead log is in memory then (sqlite.org/wal.html, "Use of WAL Without
        // Shared-Memory").
        if isAlone { try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
        try db.execute(sql: "PRAGMA synchronous = FULL")
        try db.execute(sql: "PRAGMA temp_store = MEMORY")
      }
      if isRemote, let reason = FileSystem.brokenLocks(in: root + "/run") { throw noLocks(reason) }
      database = try Self.patiently {
        let database = try DatabaseQueue(path: file, configuration: configuration)
        try database.writeWithoutTransaction { db in
          // WAL needs shared memory, which network file systems do not give.
          let wanted = isRemote ? "truncate" : "wal"
          if try String.fetchOne(db, sql: "PRAGMA journal_mode")?.lowercased() != wanted {
            _ = try String.fetchOne(db, sql: "PRAGMA journal_mode = \(wanted)")
          }
          try Self.migrate(db)
        }
        return database
      }
    } catch let error as DatabaseError {
      throw Self.words(error, file)
    }
  }

  /// Closing here rather than at exit leaves no journal files behind.
  package func close() { try? database.close() }

  /// Does it again while another process is in the way, for a minute.
  ///
  /// SQLite refuses at once, whatever the timeout, where two change the journal mode, or where one opens
  /// while the last other connection is cleaning up (sqlite.org/wal.html, "Sometimes queries return
  /// SQLITE_BUSY in WAL mode"); and its wait for a writer is not fair.
  private static func patiently<Value>(_ body: () throws -> Value) throws -> Value {
    let begin = ContinuousClock.now
    while true {
      do { return try body() } catch let error as DatabaseError
        where error.resultCode == .SQLITE_BUSY && ContinuousClock.now - begin < .seconds(60)
      {
        usleep(.random(in: 2_000...30_000))
      }
    }
  }

  /// Looks at a file without changing a byte of it.
  private static func inspect(_ file: String) throws {
    guard let handle = FileHandle(forReadingAtPath: file) else {
      throw ObjectFolder.failure("open", file)
    }
    let header = [UInt8]((try? handle.read(upToCount: 100)) ?? Data())
    try? handle.close()
    if header.isEmpty { return }  // made, and died before its first page
    guard header.count == 100, header.starts(with: Array("SQLite format 3\u{0}".utf8)) else {
      throw StoreError(
        "AX0901", "'\(file)' is not a store of admix", cause: "it is not an SQLite file",
        hint: "move it away, or name another folder with --store")
    }
    func word(_ at: Int) -> UInt32 {
      header[at..<(at + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }
    // The header may be older than a journal beside it; what the journal says is checked again.
    try check(applicationID: Int32(bitPattern: word(68)), version: Int(word(60)), file: file)
  }

  private static func check(applicationID: Int32, version: Int, file: String) throws {
    if applicationID != StoreSchema.applicationID, !(applicationID == 0 && version == 0) {
      throw StoreError(
        "AX0901", "'\(file)' is not a store of admix",
        cause: "the SQLite file belongs to another program",
        hint: "move it away, or name another folder with --store")
    }
    if version > StoreSchema.migrations.count {
      throw StoreError(
        "AX0902", "'\(file)' was written by a newer admix",
        cause:
          "it has version \(version), this program knows up to \(StoreSchema.migrations.count)",
        hint: "use the newer program, or name another folder with --store")
    }
  }

  private static func escaped(_ path: String) -> String {
    path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path
  }

  @discardableResult
  private static func check(_ db: Database, _ file: String) throws -> Int {
    let id = Int32(truncatingIfNeeded: try Int64.fetchOne(db, sql: "PRAGMA application_id") ?? 0)
    let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    try check(applicationID: id, version: version, file: file)
    return version
  }

  private static func migrate(_ db: Database) throws {
    let version = try check(db, db.description)
    guard version < StoreSchema.migrations.count else { return }
    CrashPoint.migrateBegin.pass()
    try db.inTransaction(.immediate) {
      // Another process may have been quicker.
      let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
      if version == 0 {
        let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
        guard tables == 0 else {
          throw StoreError(
            "AX0901", "the database is not a store of admix",
            cause: "the SQLite file belongs to another program")
        }
      }
      for step in StoreSchema.migrations[version...] {
        try db.execute(sql: step)
        CrashPoint.migrateInside.pass()
      }
      try db.execute(sql: "PRAGMA application_id = \(StoreSchema.applicationID)")
      try db.execute(sql: "PRAGMA user_version = \(StoreSchema.migrations.count)")
      return .commit
    }
    CrashPoint.migrateDone.pass()
  }

  static func words(_ error: DatabaseError, _ file: String) -> any Error {
    switch error.resultCode {
    case .SQLITE_FULL: return ObjectFolder.failure("write", file, number: ENOSPC)
    // Where not even the index of the log finds room, SQLite speaks of the disk in general.
    case .SQLITE_IOERR where isFull(file):
      return ObjectFolder.failure("write", file, number: ENOSPC)
    case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM:
      return StoreError(
        "AX0905", "cannot write '\(file)'", cause: error.message,
        hint: "name a folder you may write with --store")
    case .SQLITE_CORRUPT, .SQLITE_NOTADB:
      return StoreError(
        "AX0903", "the store '\(file)' is damaged", cause: error.message,
        hint: "move the folder away: everything in it can be made again")
    case .SQLITE_BUSY:
      return StoreError("AX0906", "the store '\(file)' is busy", cause: error.message)
    default: return StoreError("AX0907", "the store '\(file)' failed", cause: error.message)
    }
  }

  /// Whether there is less room than a few pages and the log's index take.
  private static func isFull(_ file: String) -> Bool {
    var status = statvfs()
    return statvfs(file, &status) == 0 && status.f_bavail * UInt(status.f_frsize) < 128 << 10
  }

  func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
    do { return try Self.patiently { try database.read(body) } } catch let error as DatabaseError {
      throw Self.words(error, root + "/store.db")
    }
  }

  /// Reads with a single statement, or where nobody can be between two.
  ///
  /// A statement sees one state as it is, and the transaction that `read` puts around several costs more
  /// than finding a row.
  func ask<Value>(_ body: (Database) throws -> Value) throws -> Value {
    do { return try Self.patiently { try database.unsafeRead(body) } } catch let error
      as DatabaseError
    {
      throw Self.words(error, root + "/store.db")
    }
  }

  func write<Value>(_ body: (Database) throws -> Value) throws -> Value {
    writes.add(1, ordering: .relaxed)
    do {
      return try Self.patiently {
        try database.writeWithoutTransaction { db in
          var value: Value?
          // One that may write begins so: a reader that turns writer can be refused at once.
          try db.inTransaction(.immediate) {
            value = try body(db)
            return .commit
          }
          guard let value else { throw StoreError("AX0907", "a transaction gave nothing") }
          return value
        }
      }
    } catch let error as DatabaseError { throw Self.words(error, root + "/store.db") }
  }
}
