package import AdmixModel
import Foundation
import GRDB

/// What the kernel says a file is; equal identities mean equal bytes, if the entry is old enough.
package struct FileIdentity: Hashable, Sendable {
  package var path: String
  package var device: Int64
  package var inode: Int64
  package var size: Int64
  package var modified: Int64
  package var changed: Int64

  /// - Parameter path: absolute; nothing is made when there is no readable regular file.
  package init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    self.path = path
    device = Int64(bitPattern: UInt64(status.st_dev))
    inode = Int64(bitPattern: UInt64(status.st_ino))
    size = Int64(status.st_size)
    modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    changed = Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec)
  }

  /// A file changed within the clock's granularity of being hashed may change again unnoticed.
  package func isSettled(at moment: Int64) -> Bool { moment - max(changed, modified) > 50_000_000 }
}

extension Store {
  package func digest(of file: FileIdentity) throws -> Digest? {
    try read { db in
      try Data.fetchOne(
        db.cachedStatement(
          sql: """
            SELECT digest FROM stat_memo WHERE path = ? AND dev = ? AND ino = ? AND size = ?
            AND mtime_ns = ? AND ctime_ns = ?
            """),
        arguments: [file.path, file.device, file.inode, file.size, file.modified, file.changed]
      ).flatMap { Digest(bytes: [UInt8]($0)) }
    }
  }

  /// The digests of those of these files that are remembered as they are.
  package func digests(of files: [FileIdentity]) throws -> [FileIdentity: Digest] {
    if files.count < 4 {
      var all: [FileIdentity: Digest] = [:]
      for file in files { all[file] = try digest(of: file) }
      return all
    }
    let now = Dictionary(files.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
    var all: [FileIdentity: Digest] = [:]
    let portion = 256
    let marks = repeatElement("?", count: portion).joined(separator: ",")
    for start in stride(from: 0, to: files.count, by: portion) {
      var paths = files[start..<min(start + portion, files.count)].map(\.path)
      paths += repeatElement(paths[0], count: portion - paths.count)
      try read { db in
        let rows = try Row.fetchCursor(
          db.cachedStatement(
            sql: """
              SELECT path, dev, ino, size, mtime_ns, ctime_ns, digest FROM stat_memo
              WHERE path IN (\(marks))
              """), arguments: StatementArguments(paths))
        while let row = try rows.next() {
          guard let file = now[try row.value(0)] else { continue }
          let known: [Int64] = try (1...5).map { try row.value($0) }
          guard known == [file.device, file.inode, file.size, file.modified, file.changed] else {
            continue
          }
          all[file] = Digest(bytes: [UInt8](try row.value(6, as: Data.self)))
        }
      }
    }
    return all
  }

  package func remember(_ digest: Digest, of file: FileIdentity) throws {
    try remember([(digest, file)])
  }

  package func remember(_ files: [(digest: Digest, file: FileIdentity)]) throws {
    if isReadOnly || files.isEmpty { return }
    try write { db in
      let insert = try db.cachedStatement(
        sql: "INSERT OR REPLACE INTO stat_memo VALUES(?, ?, ?, ?, ?, ?, ?)")
      for (digest, file) in files {
        try insert.execute(
          arguments: [
            file.path, file.device, file.inode, file.size, file.modified, file.changed,
            Data(digest.bytes),
          ])
      }
    }
  }

  /// What we last put at a path beside the project.
  package func delivered(at path: String) throws -> Digest? {
    try read { db in
      try Data.fetchOne(db, sql: "SELECT digest FROM delivery WHERE path = ?", arguments: [path])
        .flatMap { Digest(bytes: [UInt8]($0)) }
    }
  }

  package func recordDelivery(_ digest: Digest, at path: String) throws {
    try write { db in
      try db.execute(
        sql: "INSERT OR REPLACE INTO delivery VALUES(?, ?)", arguments: [path, Data(digest.bytes)])
    }
  }
}
