package import AdmixModel
import Foundation
import GRDB

/// What a look at every byte of the store found.
package struct StoreCheck: Hashable, Sendable {
  /// Objects whose bytes are what their digest says.
  package var sound = 0
  package var bytes = 0
  /// How many objects have no bytes any more.
  package var missing = 0
  /// Digests whose bytes were others; they are set aside.
  package var damaged: [Digest] = []

  package var isSound: Bool { missing == 0 && damaged.isEmpty }
}

extension Store {
  /// Rehashes everything that the newest result of each fingerprint rests on, files and rows.
  ///
  /// Bytes that are not what their digest says are set aside under `rescued`, so that no result that
  /// rests on them is a hit any more, and the next run makes them anew.
  package func verify() throws -> StoreCheck {
    try read { db in
      let answers = try String.fetchAll(db, sql: "PRAGMA integrity_check(1)")
      guard answers == ["ok"] else {
        throw StoreError.damaged(answers.first ?? "the integrity check gave no answer")
      }
    }
    let objects = try read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT DISTINCT result_output.object, digest, kind, size FROM result_output
          LEFT JOIN object ON object.id = result_output.object
          WHERE result IN (SELECT max(id) FROM result GROUP BY action)
          ORDER BY result_output.object, kind
          """
      ).map {
        (
          id: try $0.value(0, as: Int64.self), digest: try $0.value(1, as: Data?.self),
          kind: try $0.value(2, as: String.self), bytes: try $0.value(3, as: Int?.self) ?? 0
        )
      }
    }
    var check = StoreCheck()
    for object in objects {
      guard let bytes = object.digest else {
        check.missing += 1
        continue
      }
      guard let digest = Digest(bytes: [UInt8](bytes)),
        let kind = Artifact.Kind(rawValue: object.kind)
      else { throw StoreError.damaged("an object is recorded in a way nobody writes") }
      let artifact = Artifact(kind: kind, digest: digest, bytes: object.bytes)
      switch try state(of: artifact, row: object.id) {
      case .sound(let bytes):
        check.sound += 1
        check.bytes += bytes
      case .missing: check.missing += 1
      case .damaged: check.damaged.append(digest)
      }
    }
    return check
  }

  private enum State {
    case sound(bytes: Int)
    case missing, damaged
  }

  private func state(of artifact: Artifact, row id: Int64) throws -> State {
    if isInline(artifact) {
      let content = try read { db in
        try Data.fetchOne(db, sql: "SELECT content FROM object WHERE id = ?", arguments: [id])
      }
      guard let content else { return .missing }
      if Digest(of: content) == artifact.digest, content.count == artifact.bytes {
        return .sound(bytes: content.count)
      }
      try content.write(to: URL(fileURLWithPath: aside(artifact.digest)))
      try write { db in
        try db.execute(sql: "UPDATE object SET content = NULL WHERE id = ?", arguments: [id])
      }
      return .damaged
    }
    guard let found = try objects.measure(artifact.digest) else { return .missing }
    if found.digest == artifact.digest {
      // Where only the length on record is wrong, the bytes stay; a run that makes them mends it.
      return found.bytes == artifact.bytes ? .sound(bytes: found.bytes) : .damaged
    }
    // Somebody who looks at the same time may have been quicker.
    let path = objects.path(of: artifact.digest)
    guard rename(path, aside(artifact.digest)) == 0 || errno == ENOENT else {
      throw ObjectFolder.failure("set aside", path)
    }
    return .damaged
  }

  private func aside(_ digest: Digest) -> String {
    "\(root)/rescued/damaged-\(Self.now() / 1_000_000)-\(digest.short)"
  }
}
