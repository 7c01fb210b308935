import Foundation
import GRDB

/// Whether the tables say one thing, and what to do about rows that speak of nothing.
extension Store {
  /// For each flaw, how to count it, and what deletes or mends the rows that have it.
  private static let rules: [(flaw: StoreCheck.Flaw, rows: String, repairs: [String])] = [
    (
      .outputWithoutResult,
      "FROM result_output WHERE result NOT IN (SELECT id FROM result)",
      ["DELETE FROM result_output WHERE result NOT IN (SELECT id FROM result)"]
    ),
    (
      .resultWithoutAction,
      "FROM result WHERE action NOT IN (SELECT id FROM action)",
      ["DELETE FROM result WHERE action NOT IN (SELECT id FROM action)"]
    ),
    (
      // Only what would be used: an older result is not looked at.
      .outputWithoutObject,
      """
      FROM result_output WHERE object NOT IN (SELECT id FROM object)
      AND result IN (SELECT max(id) FROM result GROUP BY action)
      """,
      // Outputs of a result are a set: one that lacks an object is no result.
      [
        """
        DELETE FROM result WHERE id IN (
          SELECT result FROM result_output WHERE object NOT IN (SELECT id FROM object))
        """,
        "DELETE FROM result_output WHERE result NOT IN (SELECT id FROM result)",
      ]
    ),
    (
      .resultWithoutOutputs,
      """
      FROM result WHERE id IN (SELECT max(id) FROM result GROUP BY action)
      AND NOT EXISTS (SELECT 1 FROM result_output WHERE result = result.id)
      AND json_valid(body) AND json_type(body, '$.artifacts') = 'object'
      AND json_extract(body, '$.artifacts') <> '{}'
      """,
      [
        """
        DELETE FROM result WHERE NOT EXISTS (SELECT 1 FROM result_output WHERE result = result.id)
        AND json_valid(body) AND json_type(body, '$.artifacts') = 'object'
        AND json_extract(body, '$.artifacts') <> '{}'
        """
      ]
    ),
    (
      .successWithoutResult,
      "FROM last_success WHERE action NOT IN (SELECT action FROM result)",
      ["DELETE FROM last_success WHERE action NOT IN (SELECT action FROM result)"]
    ),
    (
      .stageWithoutRun,
      "FROM run_stage WHERE run NOT IN (SELECT id FROM run)",
      ["DELETE FROM run_stage WHERE run NOT IN (SELECT id FROM run)"]
    ),
    (
      .stageWithoutResult,
      "FROM run_stage WHERE result IS NOT NULL AND result NOT IN (SELECT id FROM result)",
      [
        """
        UPDATE run_stage SET result = NULL
        WHERE result IS NOT NULL AND result NOT IN (SELECT id FROM result)
        """
      ]
    ),
    (
      .tagWithoutRun,
      """
      FROM (SELECT run FROM tag UNION ALL SELECT run FROM pin)
      WHERE run NOT IN (SELECT id FROM run)
      """,
      [
        "DELETE FROM tag WHERE run NOT IN (SELECT id FROM run)",
        "DELETE FROM pin WHERE run NOT IN (SELECT id FROM run)",
      ]
    ),
  ]

  func checkTables(_ check: inout StoreCheck) throws {
    check.flaws = [:]
    // One view of all tables, or a run that commits in between looks like a flaw.
    let counts = try read { db in
      try Self.rules.map { try Int.fetchOne(db, sql: "SELECT count(*) \($0.rows)") ?? 0 }
    }
    for (rule, count) in zip(Self.rules, counts) where count > 0 { check.flaws[rule.flaw] = count }
    let owners = try read { db in
      try Row.fetchAll(db, sql: "SELECT run, count(*) FROM lease GROUP BY run").map {
        (run: try $0.value(0, as: String.self), count: try $0.value(1, as: Int.self))
      }
    }
    check.deadLeases = owners.filter { !isAlive(run: $0.run) }.reduce(0) { $0 + $1.count }
  }

  /// Deletes what speaks of nothing; the flaws stay on the report.
  func repairTables(_ check: inout StoreCheck) throws {
    if check.flaws.isEmpty, check.deadLeases == 0 { return }
    let owners = try read { db in try String.fetchAll(db, sql: "SELECT DISTINCT run FROM lease") }
    let dead = owners.filter { !isAlive(run: $0) }
    try write { db in
      for rule in Self.rules { for repair in rule.repairs { try db.execute(sql: repair) } }
      for run in dead {
        try db.execute(sql: "DELETE FROM lease WHERE run = ?", arguments: [run])
      }
    }
    check.isRepaired = true
  }
}
