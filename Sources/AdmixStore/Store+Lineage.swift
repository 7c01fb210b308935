package import AdmixModel
package import Foundation
import GRDB

/// An action that gave something, or used it, as the store remembers it.
package struct LineageAction: Hashable, Sendable {
  package var id: Int64
  package var scope: Scope
  /// The stage kind.
  package var kind: String
  /// The newest result; nil where it was removed.
  package var result: Int64?
  /// The run that made that result.
  package var run: String?
  package var created: Date?
}

/// How an artifact came out of a result.
package struct LineageMaking: Hashable, Sendable {
  package var action: LineageAction
  /// The output's name; `partitions` of the datasets among the outputs, `deliveries` of exports.
  package var port: String
  package var artifact: Artifact
}

/// How a digest went into an action.
package struct LineageUse: Hashable, Sendable {
  package var action: LineageAction
  /// `input` or `file`.
  package var kind: Fingerprint.Class
  /// The role of the edge, or the file's position.
  package var name: String
}

/// A stage of a run that an action stood for.
package struct LineageStage: Hashable, Sendable {
  package var pipeline: String
  package var name: String
  package var run: String
  package var started: Date
  package var body: Data
}

/// Questions from the other end, each answered from an index; nothing here reads content, and nothing
/// asks that bytes are still there.
extension Store {
  /// Ports that name what an output holds rather than an output.
  package static let partitionsPort = "\u{1}partitions"
  package static let deliveriesPort = "\u{1}deliveries"

  /// Digests of artifacts, and of files that actions read, that begin with these hexadecimal digits.
  ///
  /// - Parameter prefix: lower case, 1 to 64 digits.
  package func digests(beginningWith prefix: String, limit: Int) throws -> [Digest] {
    let fill = { (digit: Character) in
      String(prefix.prefix(64)) + String(repeating: digit, count: max(0, 64 - prefix.count))
    }
    guard let low = Digest(hex: fill("0")), let high = Digest(hex: fill("f")) else { return [] }
    return try read { db in
      let objects = try Data.fetchAll(
        db, sql: "SELECT digest FROM object WHERE digest BETWEEN ? AND ? ORDER BY digest LIMIT ?",
        arguments: [Data(low.bytes), Data(high.bytes), limit])
      let files = try String.fetchAll(
        db,
        sql: """
          SELECT DISTINCT value FROM action_part
          WHERE value BETWEEN ? AND ? AND class IN ('input', 'file') ORDER BY value LIMIT ?
          """, arguments: [low.hex, high.hex, limit])
      let all =
        objects.compactMap { Digest(bytes: [UInt8]($0)) } + files.compactMap { Digest(hex: $0) }
      return Array(Set(all).sorted().prefix(limit))
    }
  }

  private static let actionColumns = """
    action.id, action.scope, action.kind, result.id, result.run, result.created_ns
    """

  private static func action(_ row: Row) throws -> LineageAction {
    guard let scope = Scope(rawValue: try row.value(1)) else {
      throw StoreError.damaged("an action is recorded in a way nobody writes")
    }
    return LineageAction(
      id: try row.value(0), scope: scope, kind: try row.value(2), result: try row.value(3),
      run: try row.value(4),
      created: try row.value(5, as: Int64?.self).map {
        Date(timeIntervalSince1970: Double($0) / 1e9)
      })
  }

  /// The results that gave an artifact: those of stages, newest first; where no stage did, of tasks.
  package func makings(of digest: Digest, limit: Int = 20) throws -> [LineageMaking] {
    for scope in [Scope.stage, .task] {
      let found = try read { db in
        try Row.fetchAll(
          db.cachedStatement(
            sql: """
              SELECT \(Self.actionColumns), result_output.port, result_output.kind, object.size,
                result_output.rows FROM object
              CROSS JOIN result_output ON result_output.object = object.id
              CROSS JOIN result ON result.id = result_output.result
              CROSS JOIN action ON action.id = result.action AND action.scope = ?
              WHERE object.digest = ? ORDER BY result.id DESC, port DESC, ordinal LIMIT ?
              """), arguments: [scope.rawValue, Data(digest.bytes), limit]
        ).map { row in
          guard let kind = Artifact.Kind(rawValue: try row.value(7)) else {
            throw StoreError.damaged("an object is recorded in a way nobody writes")
          }
          return LineageMaking(
            action: try Self.action(row), port: try row.value(6),
            artifact: Artifact(
              kind: kind, digest: digest, bytes: try row.value(8), rows: try row.value(9)))
        }
      }
      if !found.isEmpty { return found }
    }
    return []
  }

  /// The stages that took a digest as an input or a file, newest first.
  package func uses(of digest: Digest, limit: Int = .max) throws -> [LineageUse] {
    try read { db in
      try Row.fetchAll(
        db.cachedStatement(
          sql: """
            SELECT \(Self.actionColumns), action_part.class, action_part.name FROM action_part
            CROSS JOIN action ON action.id = action_part.action AND action.scope = 'stage'
            LEFT JOIN result ON result.id = (
              SELECT id FROM result WHERE result.action = action.id ORDER BY id DESC LIMIT 1)
            WHERE value = ? AND class IN ('input', 'file') ORDER BY action.id DESC LIMIT ?
            """), arguments: [digest.hex, limit]
      ).compactMap { row in
        guard let kind = Fingerprint.Class(rawValue: try row.value(6)) else { return nil }
        return LineageUse(action: try Self.action(row), kind: kind, name: try row.value(7))
      }
    }
  }

  /// How many tasks of each kind took a digest.
  package func taskUses(of digest: Digest) throws -> [String: Int] {
    try read { db in
      var counts: [String: Int] = [:]
      let rows = try Row.fetchCursor(
        db.cachedStatement(
          sql: """
            SELECT action.kind, count(DISTINCT action.id) FROM action_part
            CROSS JOIN action ON action.id = action_part.action AND action.scope = 'task'
            WHERE value = ? AND class IN ('input', 'file') GROUP BY action.kind
            """), arguments: [digest.hex])
      while let row = try rows.next() { counts[try row.value(0)] = try row.value(1) }
      return counts
    }
  }

  /// What went into an action's fingerprint.
  package func parts(of action: Int64) throws -> [Fingerprint.Component] {
    try read { db in
      try Row.fetchAll(
        db.cachedStatement(sql: "SELECT class, name, value FROM action_part WHERE action = ?"),
        arguments: [action]
      ).compactMap { row in
        try Fingerprint.Class(rawValue: row.value(0)).map {
          Fingerprint.Component($0, try row.value(1), try row.value(2))
        }
      }
    }
  }

  /// What a result gave, by port, whether or not the bytes are still there.
  package func outputs(ofResult result: Int64) throws -> [String: [Artifact]] {
    try read { db in
      var outputs: [String: [Artifact]] = [:]
      let rows = try Row.fetchCursor(
        db.cachedStatement(
          sql: """
            SELECT port, kind, digest, size, rows FROM result_output
            JOIN object ON object.id = result_output.object WHERE result = ? ORDER BY port, ordinal
            """), arguments: [result])
      while let row = try rows.next() {
        guard let kind = Artifact.Kind(rawValue: try row.value(1)),
          let digest = Digest(bytes: [UInt8](try row.value(2, as: Data.self)))
        else { throw StoreError.damaged("an object is recorded in a way nobody writes") }
        outputs[try row.value(0), default: []].append(
          Artifact(kind: kind, digest: digest, bytes: try row.value(3), rows: try row.value(4)))
      }
      return outputs
    }
  }

  /// What the engine wrote with a result.
  package func body(ofResult result: Int64) throws -> Data? {
    try read { db in
      try String.fetchOne(
        db.cachedStatement(sql: "SELECT body FROM result WHERE id = ?"), arguments: [result]
      ).map { Data($0.utf8) }
    }
  }

  /// The stages of runs that an action stood for, the newest run of each stage, newest first.
  package func stages(of action: Int64, limit: Int = 20) throws -> [LineageStage] {
    try read { db in
      try Row.fetchAll(
        db.cachedStatement(
          sql: """
            SELECT run.pipeline, run_stage.name, run.uuid, run.started_ns, run_stage.body,
              max(run_stage.run) AS newest FROM run_stage JOIN run ON run.id = run_stage.run
            WHERE run_stage.action = ? GROUP BY run.pipeline, run_stage.name
            ORDER BY newest DESC LIMIT ?
            """), arguments: [action, limit]
      ).map { row in
        LineageStage(
          pipeline: try row.value(0), name: try row.value(1), run: try row.value(2),
          started: Date(timeIntervalSince1970: Double(try row.value(3, as: Int64.self)) / 1e9),
          body: Data(try row.value(4, as: String.self).utf8))
      }
    }
  }

  /// The stage that an action stood for in the newest run that had it.
  package func stage(of action: Int64) throws -> (pipeline: String, name: String)? {
    try read { db in
      try Row.fetchOne(
        db.cachedStatement(
          sql: """
            SELECT run.pipeline, run_stage.name FROM run_stage JOIN run ON run.id = run_stage.run
            WHERE run_stage.action = ? ORDER BY run_stage.run DESC LIMIT 1
            """), arguments: [action]
      ).map { (try $0.value(0), try $0.value(1)) }
    }
  }

  /// How many runs an action was part of, made or found.
  package func runCount(of action: Int64) throws -> Int {
    try read { db in
      try Int.fetchOne(
        db.cachedStatement(sql: "SELECT count(DISTINCT run) FROM run_stage WHERE action = ?"),
        arguments: [action]) ?? 0
    }
  }

  /// The actions behind the stages of a run, by stage.
  package func actions(ofRun uuid: String) throws -> [String: (action: Int64, result: Int64?)] {
    try read { db in
      var actions: [String: (action: Int64, result: Int64?)] = [:]
      let rows = try Row.fetchCursor(
        db.cachedStatement(
          sql: """
            SELECT name, action, result FROM run_stage
            WHERE run = (SELECT id FROM run WHERE uuid = ?) AND action IS NOT NULL
            """), arguments: [uuid])
      while let row = try rows.next() {
        actions[try row.value(0)] = (try row.value(1), try row.value(2))
      }
      return actions
    }
  }
}

extension Store {
  /// What the engine wrote of each stage of a run, in the order of the graph.
  package func stageBodies(ofRun uuid: String) throws -> [Data] {
    try read { db in
      try String.fetchAll(
        db,
        sql: """
          SELECT body FROM run_stage WHERE run = (SELECT id FROM run WHERE uuid = ?)
          ORDER BY ordinal
          """, arguments: [uuid]
      ).map { Data($0.utf8) }
    }
  }
}
