package import AdmixModel
import Foundation
import GRDB

/// What a look at every byte of the store found.
package struct StoreCheck: Hashable, Sendable {
  /// Objects whose bytes are what their digest says.
  package var sound = 0
  package var bytes = 0
  /// Digests whose bytes are gone.
  package var missing: [Digest] = []
  /// Digests whose bytes were others; they are set aside.
  package var damaged: [Digest] = []

  package var isSound: Bool { missing.isEmpty && damaged.isEmpty }
}

extension Store {
  /// Rehashes everything that results rest on, files and rows.
  ///
  /// Bytes that are not what their digest says are set aside under `rescued`, so that no result that
  /// rests on them is a hit any more, and the next run makes them anew.
  ///
  /// - Parameter progress: told how many objects of how many were looked at; what it throws ends the
  ///   look and is thrown on.
  package func verify(progress: (Int, Int) throws -> Void = { _, _ in }) throws -> StoreCheck {
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
          SELECT DISTINCT object.id, digest, kind, size FROM object
          JOIN result_output ON result_output.object = object.id ORDER BY object.id, kind
          """
      ).map {
        (
          id: try $0.value(0, as: Int64.self), digest: [UInt8](try $0.value(1, as: Data.self)),
          kind: try $0.value(2, as: String.self), bytes: try $0.value(3, as: Int.self)
        )
      }
    }
    var check = StoreCheck()
    for (position, object) in objects.enumerated() {
      try progress(position, objects.count)
      guard let digest = Digest(bytes: object.digest),
        let kind = Artifact.Kind(rawValue: object.kind)
      else { throw StoreError.damaged("an object is recorded in a way nobody writes") }
      let artifact = Artifact(kind: kind, digest: digest, bytes: object.bytes)
      switch try state(of: artifact, row: object.id) {
      case .sound:
        check.sound += 1
        check.bytes += object.bytes
      case .missing: check.missing.append(digest)
      case .damaged: check.damaged.append(digest)
      }
    }
    return check
  }

  private enum State { case sound, missing, damaged }

  private func state(of artifact: Artifact, row id: Int64) throws -> State {
    if isInline(artifact) {
      let content = try read { db in
        try Data.fetchOne(db, sql: "SELECT content FROM object WHERE id = ?", arguments: [id])
      }
      guard let content else { return .missing }
      if Digest(of: content) == artifact.digest { return .sound }
      try content.write(to: URL(fileURLWithPath: aside(artifact.digest)))
      try write { db in
        try db.execute(sql: "UPDATE object SET content = NULL WHERE id = ?", arguments: [id])
      }
      return .damaged
    }
    let path = objects.path(of: artifact.digest)
    guard FileManager.default.fileExists(atPath: path) else { return .missing }
    if try objects.digest(of: path) == artifact.digest { return .sound }
    guard rename(path, aside(artifact.digest)) == 0 else {
      throw ObjectFolder.failure("set aside", path)
    }
    return .damaged
  }

  private func aside(_ digest: Digest) -> String {
    "\(root)/rescued/damaged-\(Self.now() / 1_000_000)-\(digest.short)"
  }
}
