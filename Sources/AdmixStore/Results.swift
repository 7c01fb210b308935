package import AdmixModel
package import Foundation
import GRDB

/// Whether a fingerprint is a whole stage's or one task's.
package enum Scope: String, Sendable { case stage, task }

/// What a finished action gave, as it is written and read back.
package struct StoredResult: Sendable {
  package var id: Int64
  package var action: Int64
  /// The outputs by port, in order.
  package var outputs: [String: [Artifact]]
  /// The rest, as the engine encodes it.
  package var body: Data
  package var run: String
}

extension Store {
  /// The newest result of a fingerprint whose bytes are all there.
  package func result(for key: Digest) throws -> StoredResult? {
    guard
      let (found, lacksContent) = try held({ try read { db in try Self.result(db, key: key) } }),
      !lacksContent, found.outputs.values.joined().allSatisfy(isPresent)
    else { return nil }
    CrashPoint.hitTaken.pass()
    return found
  }

  /// Looks a result up, and holds all that it consists of for the run at work.
  private func held(_ body: () throws -> (StoredResult, Bool)?) throws -> (StoredResult, Bool)? {
    try objects.holds.taking(body) { found in
      found.map { $0.0.outputs.values.joined().map(\.digest) } ?? []
    }
  }

  private func isPresent(_ artifact: Artifact) -> Bool {
    isInline(artifact) || objects.holds(artifact)
  }

  /// Small artifacts that tasks name directly are rows; partitions and files are always files, since
  /// they are reached through a manifest by workers that cannot ask the database.
  package func isInline(_ artifact: Artifact) -> Bool {
    Self.isInline(artifact.kind, bytes: artifact.bytes)
  }

  package static func isInline(_ kind: Artifact.Kind, bytes: Int) -> Bool {
    switch kind {
    case .dataset, .model, .statistics, .report: bytes <= inlineLimit
    case .partition, .file: false
    }
  }

  private static func result(_ db: Database, key: Digest) throws -> (StoredResult, Bool)? {
    guard
      let row = try Row.fetchOne(
        db.cachedStatement(
          sql: """
            SELECT result.id, result.action, result.body, result.run FROM action
            JOIN result ON result.action = action.id WHERE action.key = ?
            ORDER BY result.id DESC LIMIT 1
            """), arguments: [Data(key.bytes)])
    else { return nil }
    return try result(db, row)
  }

  /// The result, and whether the content of a small output is gone.
  private static func result(_ db: Database, _ row: Row) throws -> (StoredResult, Bool) {
    let id: Int64 = try row.value(0)
    var outputs: [String: [Artifact]] = [:]
    var lacksContent = false
    let rows = try Row.fetchCursor(
      db.cachedStatement(
        sql: """
          SELECT port, kind, digest, size, rows, content IS NULL FROM result_output
          LEFT JOIN object ON object.id = result_output.object WHERE result = ? ORDER BY port, ordinal
          """), arguments: [id])
    while let output = try rows.next() {
      // A row that is gone took its content with it.
      guard try output.value(2, as: Data?.self) != nil else {
        lacksContent = true
        continue
      }
      let artifact = try artifact(output, at: 1)
      outputs[try output.value(0), default: []].append(artifact)
      if isInline(artifact.kind, bytes: artifact.bytes), try output.value(5) { lacksContent = true }
    }
    let result = StoredResult(
      id: id, action: try row.value(1), outputs: outputs,
      body: Data(try row.value(2, as: String.self).utf8), run: try row.value(3))
    return (result, lacksContent)
  }

  private static func artifact(_ row: Row, at index: Int) throws -> Artifact {
    guard let kind = Artifact.Kind(rawValue: try row.value(index)),
      let digest = Digest(bytes: [UInt8](try row.value(index + 1, as: Data.self)))
    else { throw StoreError.damaged("an object is recorded in a way nobody writes") }
    return Artifact(
      kind: kind, digest: digest, bytes: try row.value(index + 2), rows: try row.value(index + 3))
  }

  /// The content of an inline artifact.
  package func content(of artifact: Artifact) throws -> Data {
    if isInline(artifact) {
      guard
        let data = try read({ db in
          try Data.fetchOne(
            db.cachedStatement(sql: "SELECT content FROM object WHERE digest = ?"),
            arguments: [Data(artifact.digest.bytes)])
        })
      else {
        throw StoreError(
          "AX0903", "an artifact is missing from the store",
          cause: "object \(artifact.digest.short)")
      }
      return data
    }
    do {
      return try Data(contentsOf: URL(fileURLWithPath: objects.path(of: artifact.digest)))
    } catch {
      throw StoreError(
        "AX0903", "an artifact is missing from the store", cause: "object \(artifact.digest.short)")
    }
  }

  /// Makes a result visible: the fingerprint with its components, outputs, and contents of the
  /// small ones, in one transaction.
  ///
  /// Large contents are durable before this is called.
  ///
  /// - Parameters:
  ///   - isLastSuccess: for stages, the pipeline and stage that "why" compares with next time.
  ///   - tasks: for stages, the tasks it consists of: `gc` keeps theirs as long as this result.
  @discardableResult
  package func commit(
    _ fingerprint: Fingerprint, scope: Scope, kind: String, outputs: [String: [Artifact]],
    contents: [Digest: Data], body: Data, run: String,
    isLastSuccess: (pipeline: String, stage: String)? = nil, tasks: Set<Digest> = []
  ) throws -> StoredResult {
    CrashPoint.commitBegin.pass()
    defer { CrashPoint.commitDone.pass() }
    return try write { db in
      let action = try Self.action(db, fingerprint, scope: scope, kind: kind)
      try db.execute(
        sql: "INSERT INTO result(action, run, created_ns, body) VALUES(?, ?, ?, ?)",
        arguments: [action, run, Self.now(), String(decoding: body, as: UTF8.self)])
      let result = db.lastInsertedRowID
      for (port, artifacts) in outputs.sorted(by: { $0.key < $1.key }) {
        for (ordinal, artifact) in artifacts.enumerated() {
          let object = try Self.object(db, artifact, contents[artifact.digest])
          try db.execute(
            sql: """
              INSERT INTO result_output(result, port, ordinal, object, kind, rows)
              VALUES(?, ?, ?, ?, ?, ?)
              """,
            arguments: [
              result, port, ordinal, object, artifact.kind.rawValue, artifact.rows,
            ])
        }
      }
      if let name = isLastSuccess {
        try db.execute(
          sql: "INSERT OR REPLACE INTO last_success VALUES(?, ?, ?)",
          arguments: [name.pipeline, name.stage, action])
      }
      try Self.record(db, tasks, of: result, scope)
      try db.execute(
        sql: "DELETE FROM lease WHERE key = ?", arguments: [Data(fingerprint.digest.bytes)])
      CrashPoint.commitInside.pass()
      return StoredResult(id: result, action: action, outputs: outputs, body: body, run: run)
    }
  }

  private static func action(
    _ db: Database, _ fingerprint: Fingerprint, scope: Scope, kind: String
  ) throws -> Int64 {
    let key = Data(fingerprint.digest.bytes)
    if let known = try Int64.fetchOne(
      db, sql: "SELECT id FROM action WHERE key = ?", arguments: [key])
    {
      return known
    }
    try db.execute(
      sql: "INSERT INTO action(key, scope, kind) VALUES(?, ?, ?)",
      arguments: [key, scope.rawValue, kind])
    let id = db.lastInsertedRowID
    let insert = try db.cachedStatement(sql: "INSERT OR IGNORE INTO action_part VALUES(?, ?, ?, ?)")
    for part in fingerprint.components {
      try insert.execute(arguments: [id, part.kind.rawValue, part.name, part.value])
    }
    return id
  }

  private static func object(_ db: Database, _ artifact: Artifact, _ content: Data?) throws -> Int64
  {
    let digest = Data(artifact.digest.bytes)
    if let row = try Row.fetchOne(
      db,
      sql:
        "SELECT id, size IS NOT ?2 OR content IS NOT coalesce(?3, content) OR freed_ns IS NOT NULL FROM object WHERE digest = ?1",
      arguments: [digest, artifact.bytes, content])
    {
      let id: Int64 = try row.value(0)
      // What was lost or damaged is as it was again.
      if try row.value(1) {
        try db.execute(
          sql:
            "UPDATE object SET size = ?, content = coalesce(?, content), freed_ns = NULL WHERE id = ?",
          arguments: [artifact.bytes, content, id])
      }
      return id
    }
    try db.execute(
      sql: "INSERT INTO object(digest, size, content) VALUES(?, ?, ?)",
      arguments: [
        digest, artifact.bytes, isInline(artifact.kind, bytes: artifact.bytes) ? content : nil,
      ])
    return db.lastInsertedRowID
  }

  /// The fingerprint a stage had when it last succeeded in this pipeline.
  package func lastFingerprint(pipeline: String, stage: String) throws -> Fingerprint? {
    try read { db in
      let rows = try Row.fetchAll(
        db.cachedStatement(
          sql: """
            SELECT class, action_part.name, value FROM last_success
            JOIN action_part USING(action) WHERE pipeline = ? AND stage = ?
            """), arguments: [pipeline, stage])
      if rows.isEmpty { return nil }
      return Fingerprint(
        try rows.compactMap { row in
          try Fingerprint.Class(rawValue: row.value(0)).map {
            Fingerprint.Component($0, try row.value(1), try row.value(2))
          }
        })
    }
  }

  /// Remembers that a stage's present success is this one, when it was found rather than made.
  package func recordSuccess(pipeline: String, stage: String, of key: Digest) throws {
    try write { db in
      try db.execute(
        sql: """
          INSERT OR REPLACE INTO last_success SELECT ?, ?, id FROM action WHERE key = ?
          """, arguments: [pipeline, stage, Data(key.bytes)])
    }
  }

  static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1e9) }
}

extension Store {
  /// The fingerprint digest of a stage's last success in a pipeline.
  package func lastKey(pipeline: String, stage: String) throws -> Digest? {
    try read { db in
      try Data.fetchOne(
        db.cachedStatement(
          sql: """
            SELECT key FROM last_success JOIN action ON action.id = action
            WHERE pipeline = ? AND stage = ?
            """), arguments: [pipeline, stage]
      ).flatMap { Digest(bytes: [UInt8]($0)) }
    }
  }

  /// The same for every stage.
  package func lastKeys(pipeline: String) throws -> [String: Digest] {
    try read { db in
      var keys: [String: Digest] = [:]
      let rows = try Row.fetchCursor(
        db,
        sql:
          "SELECT stage, key FROM last_success JOIN action ON action.id = action WHERE pipeline = ?",
        arguments: [pipeline])
      while let row = try rows.next() {
        keys[try row.value(0)] = Digest(bytes: [UInt8](try row.value(1, as: Data.self)))
      }
      return keys
    }
  }
}

extension Store {
  /// Notes the tasks that a stage's result consists of.
  private static func record(
    _ db: Database, _ tasks: Set<Digest>, of result: Int64, _ scope: Scope
  ) throws {
    guard scope == .stage else { return }
    // Eight bytes tell tasks apart well enough: two that share them are kept together.
    let keys = Data(tasks.sorted().flatMap { $0.bytes.prefix(8) })
    try db.execute(sql: "INSERT INTO result_task VALUES(?, ?)", arguments: [result, keys])
  }
}
