import AdmixModel
package import Foundation
import GRDB

/// A run as it was recorded.
package struct RunRow: Sendable {
  package var uuid: String
  package var pipeline: String
  package var started: Date
  package var ended: Date?
  package var status: String
  package var body: Data
}

/// A stage of a run as it was recorded.
package struct RunStageRow: Sendable {
  package var name: String
  package var kind: String
  package var status: String
  package var body: Data
}

extension Store {
  /// Whether a run is under way: somebody holds its lock.
  package func isAlive(run uuid: String) -> Bool { RunLock.isAlive(root, uuid) }

  package func beginRun(uuid: String, pipeline: String, body: Data) throws {
    try write { db in
      try db.execute(
        sql:
          "INSERT INTO run(uuid, pipeline, started_ns, status, body) VALUES(?, ?, ?, 'running', ?)",
        arguments: [uuid, pipeline, Self.now(), String(decoding: body, as: UTF8.self)])
    }
  }

  /// Ends a run and records its stages, in one transaction.
  package func endRun(
    uuid: String, status: String,
    stages: [(name: String, kind: String, status: String, result: Int64?, body: Data)]
  ) throws {
    try write { db in
      try db.execute(
        sql: "UPDATE run SET ended_ns = ?, status = ? WHERE uuid = ?",
        arguments: [Self.now(), status, uuid])
      guard
        let run = try Int64.fetchOne(
          db, sql: "SELECT id FROM run WHERE uuid = ?", arguments: [uuid])
      else { return }
      let insert = try db.cachedStatement(
        sql: """
          INSERT OR REPLACE INTO run_stage(run, ordinal, name, kind, status, action, result, body)
          VALUES(?, ?, ?, ?, ?, (SELECT action FROM result WHERE id = ?), ?, ?)
          """)
      for (ordinal, stage) in stages.enumerated() {
        try insert.execute(
          arguments: [
            run, ordinal, stage.name, stage.kind, stage.status, stage.result, stage.result,
            String(decoding: stage.body, as: UTF8.self),
          ])
      }
    }
  }

  /// The runs of a pipeline, newest first.
  ///
  /// - Parameter named: only the run of this name.
  package func runs(pipeline: String, limit: Int = 100, named: String? = nil) throws -> [RunRow] {
    try read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT uuid, pipeline, started_ns, ended_ns, status, body FROM run
          WHERE pipeline = ? AND uuid = coalesce(?, uuid) ORDER BY id DESC LIMIT ?
          """, arguments: [pipeline, named, limit]
      ).map(Self.run)
    }
  }

  /// A row of uuid, pipeline, start, end, status and body.
  static func run(_ row: Row) throws -> RunRow {
    RunRow(
      uuid: try row.value(0), pipeline: try row.value(1), started: date(try row.value(2)),
      ended: try row.value(3, as: Int64?.self).map(date), status: try row.value(4),
      body: Data(try row.value(5, as: String.self).utf8))
  }

  package func stages(ofRun uuid: String) throws -> [RunStageRow] {
    let rows = try read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT run_stage.name, run_stage.kind, run_stage.status, run_stage.body
          FROM run_stage JOIN run ON run.id = run_stage.run WHERE run.uuid = ? ORDER BY ordinal
          """, arguments: [uuid])
    }
    return try rows.map { row in
      RunStageRow(
        name: try row.value(0), kind: try row.value(1), status: try row.value(2),
        body: Data(try row.value(3, as: String.self).utf8))
    }
  }

  private static func date(_ nanoseconds: Int64) -> Date {
    Date(timeIntervalSince1970: Double(nanoseconds) / 1e9)
  }
}
