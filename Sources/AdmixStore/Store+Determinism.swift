package import AdmixModel
import Foundation
import GRDB

/// What was done twice, by fingerprint: a task that is not deterministic never comes to a result.
extension Store {
  /// Notes tasks that were done twice; true for those that gave the same.
  ///
  /// What once gave something else is remembered so, whatever it gives later.
  package func recordRepetitions(_ tasks: [Digest: Bool], run: String) throws {
    if tasks.isEmpty { return }
    try write { db in
      let insert = try db.cachedStatement(
        sql: """
          INSERT INTO determinism VALUES(?, ?, 1, ?, ?) ON CONFLICT(key) DO UPDATE SET
          run = excluded.run, different = max(different, excluded.different),
          same = min(same, excluded.same)
          """)
      for (key, isSame) in tasks {
        try insert.execute(arguments: [Data(key.bytes), run, isSame, !isSame])
      }
    }
  }

  /// Notes what is known of a stage from all the tasks it consists of, in whichever run they were done.
  package func recordDeterminism(of stage: Digest, tasks: Set<Digest>, run: String) throws {
    let known = try determinism(of: Array(tasks)).values
    if known.isEmpty { return }
    try write { db in
      try db.cachedStatement(sql: "INSERT OR REPLACE INTO determinism VALUES(?, ?, ?, ?, ?)")
        .execute(arguments: [
          Data(stage.bytes), run, tasks.count, known.reduce(0) { $0 + $1.same },
          known.reduce(0) { $0 + $1.different },
        ])
    }
  }

  /// Those that were never checked are absent.
  package func determinism(of keys: [Digest]) throws -> [Digest: Determinism] {
    try read { db in
      let select = try db.cachedStatement(
        sql: "SELECT tasks, same, different FROM determinism WHERE key = ?")
      var known: [Digest: Determinism] = [:]
      for key in keys {
        known[key] = try Row.fetchOne(select, arguments: [Data(key.bytes)]).map(Self.determinism)
      }
      return known
    }
  }

  package func determinism(ofAction action: Int64) throws -> Determinism? {
    try read { db in
      try Row.fetchOne(
        db.cachedStatement(
          sql: """
            SELECT tasks, same, different FROM action JOIN determinism USING(key)
            WHERE action.id = ?
            """), arguments: [action]
      ).map(Self.determinism)
    }
  }

  /// By stage, of those that came to a result.
  package func determinism(ofRun uuid: String) throws -> [String: Determinism] {
    try read { db in
      // Most stores never saw a check.
      guard try Int.fetchOne(db, sql: "SELECT 1 FROM determinism LIMIT 1") != nil else {
        return [:]
      }
      var known: [String: Determinism] = [:]
      let rows = try Row.fetchCursor(
        db.cachedStatement(
          sql: """
            SELECT tasks, same, different, run_stage.name FROM run
            CROSS JOIN run_stage ON run_stage.run = run.id
            CROSS JOIN action ON action.id = run_stage.action
            CROSS JOIN determinism ON determinism.key = action.key WHERE run.uuid = ?
            """), arguments: [uuid])
      while let row = try rows.next() { known[try row.value(3)] = try Self.determinism(row) }
      return known
    }
  }

  private static func determinism(_ row: Row) throws -> Determinism {
    Determinism(tasks: try row.value(0), same: try row.value(1), different: try row.value(2))
  }
}
