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
      for (ordinal, stage) in stages.enumerated() {
        try db.execute(
          sql: """
            INSERT OR REPLACE INTO run_stage(run, ordinal, name, kind, status, action, result, body)
            VALUES(?, ?, ?, ?, ?, (SELECT action FROM result WHERE id = ?), ?, ?)
            """,
          arguments: [
            run, ordinal, stage.name, stage.kind, stage.status, stage.result, stage.result,
            String(decoding: stage.body, as: UTF8.self),
          ])
      }
    }
  }

  /// The runs of a pipeline, newest first.
  package func runs(pipeline: String, limit: Int = 100) throws -> [RunRow] {
    try read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT uuid, pipeline, started_ns, ended_ns, status, body FROM run
          WHERE pipeline = ? ORDER BY id DESC LIMIT ?
          """, arguments: [pipeline, limit]
      ).map(Self.run)
    }
  }

  /// The runs of a pipeline whose names begin so, newest first.
  package func runs(pipeline: String, named prefix: String) throws -> [RunRow] {
    try read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT uuid, pipeline, started_ns, ended_ns, status, body FROM run
          WHERE pipeline = ? AND substr(uuid, 1, ?) = ? ORDER BY id DESC
          """, arguments: [pipeline, prefix.unicodeScalars.count, prefix]
      ).map(Self.run)
    }
  }

  private static func run(_ row: Row) throws -> RunRow {
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
