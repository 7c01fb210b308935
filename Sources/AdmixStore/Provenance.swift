package import AdmixModel
import Foundation
import GRDB

/// How people call what a fingerprint has by digest, so that it can be told of when it is gone.
package struct FingerprintNames: Hashable, Sendable {
  /// Of a source file: the name of its component, and its own.
  package struct File: Hashable, Sendable {
    package var component: String
    package var name: String

    package init(component: String, name: String) {
      self.component = component
      self.name = name
    }
  }

  /// In the order of the components' names when they were read from a store; there may be a hundred
  /// thousand.
  package var files: [File]
  /// `stage.output` of what came along each edge, by role.
  package var inputs: [String: String]

  package init(files: [File] = [], inputs: [String: String] = [:]) {
    self.files = files
    self.inputs = inputs
  }
}

/// What a stage was made from, as it was recorded.
package struct Provenance: Hashable, Sendable {
  package var fingerprint: Fingerprint
  package var names: FingerprintNames

  package init(fingerprint: Fingerprint, names: FingerprintNames) {
    self.fingerprint = fingerprint
    self.names = names
  }
}

/// An artifact of a result that cannot be used any more.
package struct ArtifactFlaw: Hashable, Sendable {
  /// The output it belongs to.
  package var port: String
  package var digest: Digest?
  /// How many bytes are there; nil where none are.
  package var found: Int?
  package var expected: Int?
}

extension Store {
  /// The class of rows that name what other rows have by digest; no component of a fingerprint has it.
  private static let nameClass = "name"
  private static let filePrefix = "file "
  private static let inputPrefix = "input "

  static func insert(_ db: Database, _ names: FingerprintNames, of action: Int64) throws {
    if names.files.isEmpty, names.inputs.isEmpty { return }
    let insert = try db.cachedStatement(
      sql: "INSERT OR REPLACE INTO action_part VALUES(?, ?, ?, ?)")
    let rows =
      names.files.map { (filePrefix + $0.component, $0.name) }
      + names.inputs.map { (inputPrefix + $0.key, $0.value) }
    for (name, value) in rows {
      try insert.execute(arguments: [action, nameClass, name, value])
    }
  }

  private struct Parts {
    var components: [Fingerprint.Component] = []
    var names = FingerprintNames()

    mutating func take(_ kind: String, _ name: String, _ value: String) {
      if let kind = Fingerprint.Class(rawValue: kind) {
        components.append(.init(kind, name, value))
      } else if kind == nameClass, name.hasPrefix(filePrefix) {
        names.files.append(.init(component: String(name.dropFirst(filePrefix.count)), name: value))
      } else if kind == nameClass, name.hasPrefix(inputPrefix) {
        names.inputs[String(name.dropFirst(inputPrefix.count))] = value
      }
    }

    var provenance: Provenance {
      Provenance(fingerprint: Fingerprint(components), names: names)
    }
  }

  /// What a stage was made from when it last succeeded in this pipeline.
  package func lastProvenance(pipeline: String, stage: String) throws -> Provenance? {
    try read { db in
      var parts = Parts()
      let rows = try Row.fetchCursor(
        db.cachedStatement(
          sql: """
            SELECT class, action_part.name, value FROM last_success
            JOIN action_part USING(action) WHERE pipeline = ? AND stage = ?
            ORDER BY class, action_part.name
            """), arguments: [pipeline, stage])
      while let row = try rows.next() {
        parts.take(try row.value(0), try row.value(1), try row.value(2))
      }
      return parts.components.isEmpty ? nil : parts.provenance
    }
  }

  /// What the stages of a run were made from, by stage; those that came to no result are absent.
  package func provenance(ofRun uuid: String) throws -> [String: Provenance] {
    try read { db in
      var parts: [String: Parts] = [:]
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT run_stage.name, class, action_part.name, value FROM run
          JOIN run_stage ON run_stage.run = run.id JOIN action_part USING(action) WHERE uuid = ?
          ORDER BY action, class, action_part.name
          """, arguments: [uuid])
      while let row = try rows.next() {
        parts[try row.value(0), default: Parts()].take(
          try row.value(1), try row.value(2), try row.value(3))
      }
      return parts.mapValues(\.provenance)
    }
  }

  /// What of the newest result of a fingerprint is missing or has another length than it should.
  ///
  /// Nothing where there is no result or all is well; reads no content.
  package func flaws(of key: Digest) throws -> [ArtifactFlaw] {
    let rows = try read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT port, result_output.kind, digest, size, content IS NULL FROM result_output
          LEFT JOIN object ON object.id = result_output.object WHERE result =
          (SELECT max(result.id) FROM result JOIN action ON action.id = action WHERE action.key = ?)
          ORDER BY port, ordinal
          """, arguments: [Data(key.bytes)])
    }
    return try rows.compactMap { row in
      let port: String = try row.value(0)
      guard let bytes = try row.value(2, as: Data?.self),
        let digest = Digest(bytes: [UInt8](bytes)),
        let kind = Artifact.Kind(rawValue: try row.value(1))
      else { return ArtifactFlaw(port: port) }
      let artifact = Artifact(kind: kind, digest: digest, bytes: try row.value(3))
      if isInline(artifact) {
        return try row.value(4) ? ArtifactFlaw(port: port, digest: digest) : nil
      }
      var status = stat()
      guard stat(objects.path(of: digest), &status) == 0 else {
        return ArtifactFlaw(port: port, digest: digest)
      }
      let found = Int(status.st_size)
      return found == artifact.bytes
        ? nil
        : ArtifactFlaw(port: port, digest: digest, found: found, expected: artifact.bytes)
    }
  }
}
