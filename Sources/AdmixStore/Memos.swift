package import AdmixModel
import Foundation
import GRDB
import Synchronization

/// What the kernel says a file is; equal identities mean equal bytes, if the entry is old enough.
package struct FileIdentity: Hashable, Sendable {
  package var path: String
  package var device: Int64
  package var inode: Int64
  package var size: Int64
  package var modified: Int64
  package var changed: Int64

  package init(
    path: String, device: Int64, inode: Int64, size: Int64, modified: Int64, changed: Int64
  ) {
    self.path = path
    self.device = device
    self.inode = inode
    self.size = size
    self.modified = modified
    self.changed = changed
  }

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

  /// What the kernel says of each of these paths, asked on all cores when they are many.
  package static func all(_ paths: [String]) -> [FileIdentity?] {
    let portion = 2048
    if paths.count < 2 * portion { return paths.map { FileIdentity(path: $0) } }
    let portions = (paths.count + portion - 1) / portion
    let found = Mutex([[FileIdentity?]](repeating: [], count: portions))
    DispatchQueue.concurrentPerform(iterations: portions) { index in
      let some = paths[index * portion..<min((index + 1) * portion, paths.count)].map {
        FileIdentity(path: $0)
      }
      found.withLock { $0[index] = some }
    }
    return found.withLock { Array($0.joined()) }
  }

  /// A file changed within the clock's granularity of being hashed may change again unnoticed.
  package func isSettled(at moment: Int64) -> Bool { moment - max(changed, modified) > 50_000_000 }
}

extension Store {
  package func digest(of file: FileIdentity) throws -> Digest? {
    try ask { db in
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

  /// What is remembered of each of these files, as they are; nil for the others.
  package func digests(of files: [FileIdentity]) throws -> [Digest?] {
    if files.count < 4 { return try files.map { try digest(of: $0) } }
    var all = [Digest?](repeating: nil, count: files.count)
    var order = Array(files.indices)
    // Files of a folder come in order.
    if zip(files, files.dropFirst()).contains(where: { !$0.path.precedesInBytes($1.path) }) {
      order.sort { files[$0].path.precedesInBytes(files[$1].path) }
    }
    var next = 0
    try ask { db in
      // The memo is in the order of paths too, so one walk over both finds what they share.
      let rows = try Row.fetchCursor(
        db.cachedStatement(
          sql: """
            SELECT path, dev, ino, size, mtime_ns, ctime_ns, digest FROM stat_memo
            WHERE path >= ? AND path <= ? ORDER BY path
            """), arguments: [files[order[0]].path, files[order[order.count - 1]].path])
      while next < order.count, let row = try rows.next() {
        let path: String = try row.value(0)
        while next < order.count, files[order[next]].path.precedesInBytes(path) { next += 1 }
        // One file may be asked for twice.
        while next < order.count, files[order[next]].path == path {
          let file = files[order[next]]
          if try row.value(1) == file.device, try row.value(2) == file.inode,
            try row.value(3) == file.size, try row.value(4) == file.modified,
            try row.value(5) == file.changed
          {
            all[order[next]] = Digest(bytes: try row.value(6, as: Data.self))
          }
          next += 1
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
