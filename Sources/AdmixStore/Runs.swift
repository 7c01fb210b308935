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

  package init(name: String, kind: String, status: String, body: Data) {
    self.name = name
    self.kind = kind
    self.status = status
    self.body = body
  }
}

/// A stage to be recorded: of which run, and at which place among its stages.
package struct RunStage: Sendable {
  package var run: String
  package var ordinal: Int
  package var row: RunStageRow

  package init(run: String, ordinal: Int, row: RunStageRow) {
    self.run = run
    self.ordinal = ordinal
    self.row = row
  }
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
  ///
  /// - Parameter stages: all of them, in order.
  package func endRun(
    uuid: String, status: String,
    stages: [(name: String, kind: String, status: String, result: Int64?, body: Data)]
  ) throws {
    try write { db in
      try db.execute(
        sql: "UPDATE run SET ended_ns = ?, status = ? WHERE uuid = ?",
        arguments: [Self.now(), status, uuid])
      for (ordinal, stage) in stages.enumerated() {
        try Self.record(
          db,
          RunStage(
            run: uuid, ordinal: ordinal,
            row: RunStageRow(
              name: stage.name, kind: stage.kind, status: stage.status, body: stage.body)),
          result: stage.result)
      }
    }
  }

  /// Records how one stage ended before the run does, so that a run that is killed leaves word of it.
  package func record(_ stage: RunStage) throws {
    try write { db in try Self.record(db, stage, result: nil) }
  }

  static func record(_ db: Database, _ stage: RunStage, result: Int64?) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT OR REPLACE INTO run_stage(run, ordinal, name, kind, status, action, result, body)
        SELECT id, ?, ?, ?, ?, (SELECT action FROM result WHERE id = ?5), ?5, ? FROM run WHERE uuid = ?
        """)
    try statement.execute(
      arguments: [
        stage.ordinal, stage.row.name, stage.row.kind, stage.row.status, result,
        String(decoding: stage.row.body, as: UTF8.self), stage.run,
      ])
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
