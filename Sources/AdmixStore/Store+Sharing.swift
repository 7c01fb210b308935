package import AdmixModel
import Foundation
import GRDB

extension Store {
  /// The newest result of a fingerprint with all that another store needs to have it too; nil where
  /// there is none, or not all of it is here any more.
  ///
  /// Large contents are left where they are.
  package func finding(for key: Digest) throws -> Finding? {
    guard let result = try result(for: key) else { return nil }
    let action = try read { db -> (scope: Scope, kind: String, parts: [Fingerprint.Component])? in
      guard
        let row = try Row.fetchOne(
          db.cachedStatement(sql: "SELECT scope, kind FROM action WHERE id = ?"),
          arguments: [result.action]), let scope = Scope(rawValue: try row.value(0))
      else { return nil }
      let parts = try Row.fetchAll(
        db.cachedStatement(sql: "SELECT class, name, value FROM action_part WHERE action = ?"),
        arguments: [result.action]
      ).compactMap { row in
        try Fingerprint.Class(rawValue: row.value(0)).map {
          Fingerprint.Component($0, try row.value(1), try row.value(2))
        }
      }
      return (scope, try row.value(1), parts)
    }
    guard let action else { return nil }
    let fingerprint = Fingerprint(action.parts)
    guard fingerprint.digest == key else {
      throw StoreError.damaged("the components of a fingerprint are not those it was made of")
    }
    var contents: [Digest: Data] = [:]
    for artifact in result.outputs.values.joined() where isInline(artifact) {
      if contents[artifact.digest] == nil {
        contents[artifact.digest] = try content(of: artifact)
      }
    }
    return Finding(
      fingerprint, scope: action.scope, kind: action.kind, outputs: result.outputs,
      contents: contents, body: result.body, run: result.run)
  }
}

extension ObjectFolder {
  /// Takes a finished file as `publish(file:)` does, if its bytes are those of the artifact.
  ///
  /// - Returns: false where they are not; the file then stays where it is.
  package func publish(file: String, as artifact: Artifact) throws -> Bool {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.failure("read", file) }
    let found: (digest: Digest, bytes: Int)
    do {
      defer { close(descriptor) }
      found = try Self.digest(descriptor, file)
    }
    guard found.digest == artifact.digest, found.bytes == artifact.bytes else { return false }
    return try publish(file: file).digest == artifact.digest
  }

  /// Whether an object's bytes are what its digest says.
  package func isSound(_ artifact: Artifact) -> Bool {
    guard let found = try? measure(artifact.digest) else { return false }
    return found.digest == artifact.digest && found.bytes == artifact.bytes
  }
}
