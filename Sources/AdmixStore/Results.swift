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

/// What was done for a fingerprint and what it gave, ready to be made visible.
///
/// Large contents are durable before it is committed.
package struct Finding: Sendable {
  package var fingerprint: Fingerprint
  package var scope: Scope
  package var kind: String
  package var outputs: [String: [Artifact]]
  /// Of the small outputs.
  package var contents: [Digest: Data]
  /// The rest, as the engine encodes it.
  package var body: Data
  package var run: String
  /// For a stage, the tasks it consists of: `gc` keeps theirs as long as this result.
  package var tasks: Set<Digest>
  /// How people call what the fingerprint has by digest; no part of it.
  package var names: FingerprintNames

  package init(
    _ fingerprint: Fingerprint, scope: Scope, kind: String, outputs: [String: [Artifact]],
    contents: [Digest: Data], body: Data, run: String, tasks: Set<Digest> = [],
    names: FingerprintNames = .init()
  ) {
    self.fingerprint = fingerprint
    self.scope = scope
    self.kind = kind
    self.outputs = outputs
    self.contents = contents
    self.body = body
    self.run = run
    self.tasks = tasks
    self.names = names
  }
}

extension Store {
  /// The newest result of a fingerprint whose bytes are all there.
  package func result(for key: Digest) throws -> StoredResult? { try results(for: [key])[key] }

  /// Fewer than this are asked for one by one.
  package static let fewResults = 8

  /// The same for many fingerprints; those without such a result are absent.
  package func results(for keys: [Digest]) throws -> [Digest: StoredResult] {
    var all: [Digest: StoredResult] = [:]
    all.reserveCapacity(keys.count)
    // Questions of one size, so that the statement is made once.
    let portion = keys.count < Self.fewResults ? 1 : 256
    for start in stride(from: 0, to: keys.count, by: portion) {
      let some = keys[start..<min(start + portion, keys.count)]
      // What is found is held from then on for the run at work.
      let found = try objects.holds.taking {
        // The gate, not a transaction, keeps what is found from being removed meanwhile.
        try ask { db in try Self.results(db, some, padded: portion) }
      } holding: { found in
        found.values.flatMap { $0.outputs.values.joined().map(\.digest) }
      }
      for (key, result) in found where result.outputs.values.joined().allSatisfy(isPresent) {
        all[key] = result
      }
    }
    if !all.isEmpty { CrashPoint.hitTaken.pass() }
    return all
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

  /// Leaves out a result when the content of a small output is gone.
  private static func results(_ db: Database, _ keys: ArraySlice<Digest>, padded count: Int) throws
    -> [Digest: StoredResult]
  {
    func marks(_ count: Int) -> String {
      repeatElement("?", count: count).joined(separator: ",")
    }
    func padded<Value>(_ values: [Value]) -> [Value] {
      values + repeatElement(values[0], count: max(0, count - values.count))
    }
    if keys.isEmpty { return [:] }
    var found: [Int64: (key: Digest, result: StoredResult)] = [:]
    let rows = try Row.fetchCursor(
      db.cachedStatement(
        sql: """
          SELECT action.key, result.id, result.action, result.body, result.run
          FROM action JOIN result ON result.action = action.id
          WHERE action.key IN (\(marks(count)))
          AND result.id = (SELECT max(id) FROM result AS newer WHERE newer.action = action.id)
          """), arguments: StatementArguments(padded(keys.map { Data($0.bytes) })))
    while let row = try rows.next() {
      guard let key = Digest(bytes: [UInt8](try row.value(0, as: Data.self))) else { continue }
      let id: Int64 = try row.value(1)
      found[id] = (
        key,
        StoredResult(
          id: id, action: try row.value(2), outputs: [:],
          body: Data(try row.value(3, as: String.self).utf8), run: try row.value(4))
      )
    }
    if found.isEmpty { return [:] }
    var lacksContent: Set<Int64> = []
    let outputs = try Row.fetchCursor(
      db.cachedStatement(
        sql: """
          SELECT result, port, kind, digest, size, rows, content IS NULL FROM result_output
          LEFT JOIN object ON object.id = result_output.object
          WHERE result IN (\(marks(count))) ORDER BY result, port, ordinal
          """), arguments: StatementArguments(padded(found.keys.sorted())))
    while let row = try outputs.next() {
      let id: Int64 = try row.value(0)
      // A row that is gone took its content with it.
      guard try row.value(3, as: Data?.self) != nil else {
        lacksContent.insert(id)
        continue
      }
      let artifact = try artifact(row, at: 2)
      found[id]?.result.outputs[try row.value(1), default: []].append(artifact)
      if isInline(artifact.kind, bytes: artifact.bytes), try row.value(6) {
        lacksContent.insert(id)
      }
    }
    var results: [Digest: StoredResult] = [:]
    for (id, entry) in found where !lacksContent.contains(id) { results[entry.key] = entry.result }
    return results
  }

  static func artifact(_ row: Row, at index: Int) throws -> Artifact {
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
        let data = try ask({ db in
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

  /// Makes a result visible.
  ///
  /// - Parameters:
  ///   - isLastSuccess: for stages, the pipeline and stage that "why" compares with next time.
  ///   - stage: how the run is to remember the stage if it gets no further.
  @discardableResult
  package func commit(
    _ finding: Finding, isLastSuccess: (pipeline: String, stage: String)? = nil,
    stage: RunStage? = nil
  ) throws -> StoredResult {
    CrashPoint.commitBegin.pass()
    defer { CrashPoint.commitDone.pass() }
    return try write { db in
      let result = try Self.insert(db, finding)
      if let name = isLastSuccess {
        try db.execute(
          sql: "INSERT OR REPLACE INTO last_success VALUES(?, ?, ?)",
          arguments: [name.pipeline, name.stage, result.action])
      }
      if let stage { try Self.record(db, stage, result: result.id) }
      CrashPoint.commitInside.pass()
      return result
    }
  }

  /// Makes several visible at once, for the price of one.
  package func commit(_ findings: [Finding]) throws {
    if findings.isEmpty { return }
    CrashPoint.commitBegin.pass()
    defer { CrashPoint.commitDone.pass() }
    try write { db in
      for finding in findings { _ = try Self.insert(db, finding) }
      CrashPoint.commitInside.pass()
    }
  }

  private static func insert(_ db: Database, _ finding: Finding) throws -> StoredResult {
    let action = try action(db, finding.fingerprint, scope: finding.scope, kind: finding.kind)
    try insert(db, finding.names, of: action)
    try db.cachedStatement(
      sql: "INSERT INTO result(action, run, created_ns, body) VALUES(?, ?, ?, ?)"
    ).execute(
      arguments: [action, finding.run, now(), String(decoding: finding.body, as: UTF8.self)])
    let result = db.lastInsertedRowID
    let insert = try db.cachedStatement(
      sql: """
        INSERT INTO result_output(result, port, ordinal, object, kind, rows)
        VALUES(?, ?, ?, ?, ?, ?)
        """)
    for (port, artifacts) in finding.outputs.sorted(by: { $0.key < $1.key }) {
      for (ordinal, artifact) in artifacts.enumerated() {
        let object = try object(db, artifact, finding.contents[artifact.digest])
        try insert.execute(
          arguments: [result, port, ordinal, object, artifact.kind.rawValue, artifact.rows])
      }
    }
    try record(db, finding.tasks, of: result, finding.scope)
    try db.cachedStatement(sql: "DELETE FROM lease WHERE key = ?").execute(
      arguments: [Data(finding.fingerprint.digest.bytes)])
    return StoredResult(
      id: result, action: action, outputs: finding.outputs, body: finding.body, run: finding.run)
  }

  private static func action(
    _ db: Database, _ fingerprint: Fingerprint, scope: Scope, kind: String
  ) throws -> Int64 {
    let key = Data(fingerprint.digest.bytes)
    if let known = try Int64.fetchOne(
      db.cachedStatement(sql: "SELECT id FROM action WHERE key = ?"), arguments: [key])
    {
      return known
    }
    try db.cachedStatement(sql: "INSERT INTO action(key, scope, kind) VALUES(?, ?, ?)").execute(
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
      db.cachedStatement(
        sql:
          "SELECT id, size IS NOT ?2 OR content IS NOT coalesce(?3, content) OR freed_ns IS NOT NULL FROM object WHERE digest = ?1"
      ), arguments: [digest, artifact.bytes, content])
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
    try db.cachedStatement(sql: "INSERT INTO object(digest, size, content) VALUES(?, ?, ?)")
      .execute(
        arguments: [
          digest, artifact.bytes, isInline(artifact.kind, bytes: artifact.bytes) ? content : nil,
        ])
    return db.lastInsertedRowID
  }

  /// The fingerprint a stage had when it last succeeded in this pipeline.
  package func lastFingerprint(pipeline: String, stage: String) throws -> Fingerprint? {
    try lastProvenance(pipeline: pipeline, stage: stage)?.fingerprint
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
    try ask { db in
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
