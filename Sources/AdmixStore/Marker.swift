import AdmixModel
import Foundation
import GRDB

/// Decides, in one transaction, which results and objects stay; the rest is deleted row by row.
///
/// Works in temporary tables, which go away with the transaction when it is only a trial.
struct Marker {
  private let db: Database
  private let living: LivingRuns
  private let policy: KeepPolicy
  private let now: Int64
  private var kept: [Int64: Cleanup.Keeper] = [:]
  /// The newest results of tasks, by the first 8 bytes of their keys.
  private var tasks: [Data: [Int64]] = [:]
  var cleanup: Cleanup
  /// What has to leave the object folder once the transaction is through.
  private(set) var doomed: [Digest] = []
  /// Digests of source files that what stays was made from.
  private(set) var sources: Set<String> = []
  /// The first characters of the runs that stay, as reports are called.
  private(set) var runs: Set<String> = []

  private struct Run {
    var id: Int64
    var uuid: String
    var pipeline: String
    var started: Int64
    var isFreed: Bool
  }

  init(_ db: Database, _ living: LivingRuns, _ policy: KeepPolicy, _ cleanup: Cleanup) throws {
    self.db = db
    self.living = living
    self.policy = policy
    self.cleanup = cleanup
    now = Store.now()
    try db.execute(
      sql: """
        CREATE TEMP TABLE keep_result(id INTEGER PRIMARY KEY);
        CREATE TEMP TABLE keep_object(id INTEGER PRIMARY KEY, why INTEGER NOT NULL, size INTEGER NOT NULL);
        CREATE TEMP TABLE gone_run(id INTEGER PRIMARY KEY);
        CREATE TEMP TABLE record_run(id INTEGER PRIMARY KEY);
        CREATE TEMP TABLE record_result(id INTEGER PRIMARY KEY);
        CREATE TEMP TABLE held(digest BLOB PRIMARY KEY) WITHOUT ROWID;
        """)
  }

  func dropTables() throws {
    // What never came to a result is told of as long as the run that found it so.
    try db.execute(
      sql: """
        DELETE FROM determinism WHERE key NOT IN (SELECT key FROM action)
        AND run NOT IN (SELECT uuid FROM run)
        """)
    for table in [
      "keep_result", "keep_object", "gone_run", "record_run", "record_result", "held",
    ] { try db.execute(sql: "DROP TABLE temp.\(table)") }
  }

  // MARK: What stays

  /// - Parameter present: of which pipeline only these stages have a present state; all of any other.
  mutating func mark(present: (pipeline: String, stages: Set<String>)?) throws {
    try readTasks()
    try keep(.present, try presentResults(present))
    for digest in living.held {
      try db.execute(sql: "INSERT INTO temp.held VALUES(?)", arguments: [Data(digest.bytes)])
    }
    try keepOfLivingRuns()
    let runs = try Row.fetchAll(
      db,
      sql:
        "SELECT id, uuid, pipeline, started_ns, freed_ns IS NOT NULL FROM run ORDER BY id DESC"
    ).map {
      Run(
        id: try $0.value(0), uuid: try $0.value(1), pipeline: try $0.value(2),
        started: try $0.value(3), isFreed: try $0.value(4))
    }
    let pinned = Set(try Int64.fetchAll(db, sql: "SELECT run FROM pin"))
    let tagged = Set(try Int64.fetchAll(db, sql: "SELECT run FROM tag"))
    var rest: [Run] = []
    for run in runs {
      let keeper: Cleanup.Keeper? =
        living.runs.contains(run.uuid)
        ? .live : pinned.contains(run.id) ? .pinned : tagged.contains(run.id) ? .tagged : nil
      guard let keeper else {
        rest.append(run)
        continue
      }
      cleanup.keptRuns += 1
      try keep(keeper, try results(of: run))
    }
    try apply(runs: runs, to: rest)
    try findRecords()
  }

  /// The policy, on what nothing stronger keeps; newest first.
  private mutating func apply(runs: [Run], to rest: [Run]) throws {
    var rank: [Int64: Int] = [:]
    var counts: [String: Int] = [:]
    for run in runs where !run.isFreed {
      counts[run.pipeline, default: 0] += 1
      rank[run.id] = counts[run.pipeline]
    }
    let hasRules = policy.runs != nil || policy.age != nil
    var isFull = false
    for run in rest {
      // One whose bytes went before is a record and nothing else.
      if run.isFreed { continue }
      let isAmongLast = policy.runs.map { (rank[run.id] ?? .max) <= $0 } ?? false
      // A clock that jumped back makes a run young, never old.
      let isYoung =
        policy.age.map {
          Double(now.subtractingReportingOverflow(run.started).partialValue) / 1e9 < $0
        }
        ?? false
      guard !hasRules || isAmongLast || isYoung else {
        try drop(run, .policy)
        continue
      }
      if !isFull {
        let before = (kept, cleanup)
        var fits = true
        try db.inSavepoint {
          try keep(.recent, try results(of: run))
          if let limit = policy.bytes { fits = try keptBytes() <= limit }
          return fits ? .commit : .rollback
        }
        if fits {
          cleanup.keptRuns += 1
          continue
        }
        (kept, cleanup) = before
        isFull = true
      }
      try drop(run, .size)
    }
  }

  private mutating func drop(_ run: Run, _ limit: Cleanup.GoneRun.Limit) throws {
    try db.execute(sql: "INSERT INTO temp.gone_run VALUES(?)", arguments: [run.id])
    cleanup.gone.append(
      Cleanup.GoneRun(
        uuid: run.uuid, pipeline: run.pipeline,
        started: Date(timeIntervalSince1970: Double(run.started) / 1e9), limit: limit,
        isRecord: false))
  }

  private func keptBytes() throws -> Int {
    try Int.fetchOne(db, sql: "SELECT coalesce(sum(size), 0) FROM temp.keep_object") ?? 0
  }

  private mutating func readTasks() throws {
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT substr(action.key, 1, 8), max(result.id) FROM action
        JOIN result ON result.action = action.id WHERE scope = 'task' GROUP BY action.id
        """)
    while let row = try rows.next() {
      tasks[try row.value(0), default: []].append(try row.value(1))
    }
  }

  private func presentResults(_ present: (pipeline: String, stages: Set<String>)?) throws -> [Int64]
  {
    try Row.fetchAll(
      db,
      sql: """
        SELECT pipeline, stage, (SELECT max(id) FROM result WHERE result.action = last_success.action)
        FROM last_success
        """
    ).compactMap { row in
      if let present, present.pipeline == (try row.value(0, as: String.self)),
        !present.stages.contains(try row.value(1))
      {
        return nil
      }
      return try row.value(2, as: Int64?.self)
    }
  }

  /// What a living run made, and what it can have taken as a hit: results all of whose outputs it holds.
  private mutating func keepOfLivingRuns() throws {
    guard !living.runs.isEmpty else { return }
    for uuid in living.runs.sorted() {
      try keep(
        .live, try Int64.fetchAll(db, sql: "SELECT id FROM result WHERE run = ?", arguments: [uuid])
      )
    }
    try keep(
      .live,
      try Int64.fetchAll(
        db,
        sql: """
          SELECT id FROM result WHERE NOT EXISTS (
            SELECT 1 FROM result_output LEFT JOIN object ON object.id = object
            WHERE result = result.id AND (digest IS NULL OR digest NOT IN (SELECT digest FROM temp.held)))
          """))
  }

  /// What a run is recorded to consist of, and what it made before it was cut short.
  private func results(of run: Run) throws -> [Int64] {
    try Int64.fetchAll(
      db,
      sql: """
        SELECT result FROM run_stage WHERE run = ? AND result IS NOT NULL
        UNION SELECT id FROM result WHERE run = ?
        """, arguments: [run.id, run.uuid])
  }

  private mutating func keep(
    _ why: Cleanup.Keeper, _ results: [Int64], areTasks: Bool = false
  ) throws {
    let note = try db.cachedStatement(sql: "INSERT OR IGNORE INTO temp.keep_result VALUES(?)")
    let outputs = try db.cachedStatement(
      sql: """
        INSERT OR IGNORE INTO temp.keep_object
        SELECT object.id, ?, CASE WHEN freed_ns IS NULL THEN size ELSE 0 END
        FROM result_output JOIN object ON object.id = object WHERE result = ?
        """)
    for result in results where kept[result] == nil {
      kept[result] = why
      try note.execute(arguments: [result])
      try outputs.execute(arguments: [why.rawValue, result])
      if !areTasks { try keep(why, try tasks(of: result), areTasks: true) }
    }
  }

  /// The tasks that a stage's result consists of.
  private func tasks(of result: Int64) throws -> [Int64] {
    guard
      let row = try Row.fetchOne(
        db.cachedStatement(
          sql: """
            SELECT scope, keys, run FROM result JOIN action ON action.id = action
            LEFT JOIN result_task ON result_task.result = result.id WHERE result.id = ?
            """), arguments: [result]), try row.value(0, as: String.self) == Scope.stage.rawValue
    else { return [] }
    guard let keys = try row.value(1, as: Data?.self) else {
      // From before that was noted: all that its run made.
      return try Int64.fetchAll(
        db,
        sql: """
          SELECT result.id FROM result JOIN action ON action.id = action
          WHERE run = ? AND scope = 'task'
          """, arguments: [try row.value(2, as: String.self)])
    }
    return stride(from: 0, to: keys.count - keys.count % 8, by: 8).flatMap { index in
      tasks[keys.dropFirst(index).prefix(8)] ?? []
    }
  }

  /// The first run that speaks of an export tells its whole lineage; its rows stay for good.
  private mutating func findRecords() throws {
    try db.execute(
      sql: """
        INSERT OR IGNORE INTO temp.record_run
          SELECT min(run_stage.run) FROM run_stage JOIN result_output USING(result)
          WHERE port = ? GROUP BY result;
        """, arguments: ["\u{1}deliveries"])
    try db.execute(
      sql: """
        INSERT OR IGNORE INTO temp.record_result
          SELECT result FROM run_stage JOIN temp.record_run ON run = record_run.id
          WHERE result IS NOT NULL;
        INSERT OR IGNORE INTO temp.record_result
          SELECT result FROM result_output WHERE port = char(1) || 'deliveries';
        """)
    let records = Set(
      try String.fetchAll(
        db,
        sql: """
          SELECT uuid FROM run WHERE id IN (SELECT id FROM temp.record_run)
          AND id IN (SELECT id FROM temp.gone_run)
          """))
    for index in cleanup.gone.indices {
      cleanup.gone[index].isRecord = records.contains(cleanup.gone[index].uuid)
    }
    for why in Cleanup.Keeper.allCases {
      let row = try Row.fetchOne(
        db,
        sql: "SELECT count(*), coalesce(sum(size), 0) FROM temp.keep_object WHERE why = ?",
        arguments: [why.rawValue])
      guard let row, try row.value(0, as: Int.self) > 0 else { continue }
      cleanup.kept[why] = Cleanup.Tally(count: try row.value(0), bytes: try row.value(1))
    }
  }

  // MARK: What goes

  /// Deletes the rows of what does not stay, and names the objects whose files are to go.
  mutating func sweep() throws {
    let objects = try Row.fetchCursor(
      db,
      sql: """
        SELECT object.id, digest, size,
          EXISTS(SELECT 1 FROM result_output JOIN run_stage USING(result)
                 JOIN temp.gone_run ON gone_run.id = run_stage.run WHERE object = object.id),
          EXISTS(SELECT 1 FROM result_output JOIN temp.record_result ON record_result.id = result
                 WHERE object = object.id)
        FROM object
        WHERE object.id NOT IN (SELECT id FROM temp.keep_object) AND freed_ns IS NULL
        AND digest NOT IN (SELECT digest FROM temp.held)
        """)
    var gone: [(id: Int64, isRecord: Bool)] = []
    while let row = try objects.next() {
      cleanup.free(try row.value(3) ? .runs : .results, try row.value(2))
      gone.append((try row.value(0), try row.value(4)))
      if let digest = Digest(bytes: [UInt8](try row.value(1, as: Data.self))) {
        doomed.append(digest)
      }
    }
    for object in gone {
      if object.isRecord {
        try db.cachedStatement(
          sql: "UPDATE object SET content = NULL, freed_ns = ? WHERE id = ?"
        ).execute(arguments: [now, object.id])
      } else {
        try db.cachedStatement(sql: "DELETE FROM object WHERE id = ?").execute(
          arguments: [object.id])
      }
    }
    let stays = "(SELECT id FROM temp.keep_result UNION SELECT id FROM temp.record_result)"
    var rows = gone.count
    for statement in [
      "DELETE FROM result_output WHERE result NOT IN \(stays)",
      "DELETE FROM result_task WHERE result NOT IN (SELECT id FROM temp.keep_result)",
      "DELETE FROM result WHERE id NOT IN \(stays)",
      "UPDATE run SET freed_ns = \(now) WHERE id IN (SELECT id FROM temp.gone_run) AND id IN (SELECT id FROM temp.record_run)",
      "DELETE FROM temp.gone_run WHERE id IN (SELECT id FROM temp.record_run)",
      "DELETE FROM run_stage WHERE run IN (SELECT id FROM temp.gone_run)",
      "DELETE FROM run WHERE id IN (SELECT id FROM temp.gone_run)",
      "DELETE FROM last_success WHERE action NOT IN (SELECT action FROM result)",
      """
      DELETE FROM action WHERE id NOT IN (SELECT action FROM result)
      AND id NOT IN (SELECT action FROM last_success)
      AND id NOT IN (SELECT action FROM run_stage WHERE action IS NOT NULL)
      """,
      "DELETE FROM action_part WHERE action NOT IN (SELECT id FROM action)",
      // Rows that were only a record, of exports that are gone from the record too.
      """
      DELETE FROM object WHERE freed_ns IS NOT NULL
      AND id NOT IN (SELECT object FROM result_output)
      """,
    ] {
      try db.execute(sql: statement)
      rows += db.changesCount
    }
    let runs = try String.fetchAll(db, sql: "SELECT DISTINCT run FROM lease")
    for run in runs where !living.runs.contains(run) {
      try db.execute(sql: "DELETE FROM lease WHERE run = ?", arguments: [run])
    }
    cleanup.rows = rows
    sources = Set(
      try String.fetchAll(db, sql: "SELECT DISTINCT value FROM action_part WHERE class = 'file'"))
    self.runs = Set(try String.fetchAll(db, sql: "SELECT substr(uuid, 1, 8) FROM run"))
  }
}
