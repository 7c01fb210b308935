/// The tables, version by version; a store is brought forward one step at a time.
enum StoreSchema {
  /// "admx" in ASCII: how SQLite files say whose they are.
  static let applicationID: Int32 = 0x6164_6D78

  /// `migrations[n]` brings version n to n + 1.
  static let migrations: [String] = [
    """
    -- Ids are never used again: what spoke of a row that is gone must not come to speak of another.
    CREATE TABLE object(
      id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
      content BLOB) STRICT;
    CREATE TABLE action(
      id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, scope TEXT NOT NULL, kind TEXT NOT NULL) STRICT;
    CREATE TABLE action_part(
      action INTEGER NOT NULL, class TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY(action, class, name)) STRICT, WITHOUT ROWID;
    CREATE TABLE result(
      id INTEGER PRIMARY KEY, action INTEGER NOT NULL, run TEXT NOT NULL, created_ns INTEGER NOT NULL,
      body TEXT NOT NULL) STRICT;
    CREATE INDEX result_action ON result(action, id DESC);
    CREATE TABLE result_output(
      result INTEGER NOT NULL, port TEXT NOT NULL, ordinal INTEGER NOT NULL, object INTEGER NOT NULL,
      kind TEXT NOT NULL, rows INTEGER,
      PRIMARY KEY(result, port, ordinal)) STRICT, WITHOUT ROWID;
    CREATE INDEX result_output_object ON result_output(object);
    CREATE TABLE run(
      id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, pipeline TEXT NOT NULL,
      started_ns INTEGER NOT NULL, ended_ns INTEGER, status TEXT NOT NULL, body TEXT NOT NULL) STRICT;
    CREATE TABLE run_stage(
      run INTEGER NOT NULL, ordinal INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
      status TEXT NOT NULL, action INTEGER, result INTEGER, body TEXT NOT NULL,
      PRIMARY KEY(run, ordinal)) STRICT, WITHOUT ROWID;
    CREATE INDEX run_stage_name ON run_stage(name, run DESC);
    CREATE TABLE last_success(
      pipeline TEXT NOT NULL, stage TEXT NOT NULL, action INTEGER NOT NULL,
      PRIMARY KEY(pipeline, stage)) STRICT, WITHOUT ROWID;
    CREATE TABLE stat_memo(
      path TEXT PRIMARY KEY, dev INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL,
      mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, digest BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE delivery(path TEXT PRIMARY KEY, digest BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE lease(key BLOB PRIMARY KEY, run TEXT NOT NULL) STRICT, WITHOUT ROWID;
    """,
    """
    -- What a run found or left with nothing more to do, by what it was asked; a memo, never a fact.
    CREATE TABLE standing(
      id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, pipeline TEXT NOT NULL, results TEXT NOT NULL,
      successes INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
    CREATE TABLE tag(
      name TEXT PRIMARY KEY, run INTEGER NOT NULL, created_ns INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE pin(run INTEGER PRIMARY KEY, created_ns INTEGER NOT NULL) STRICT;
    -- When gc gave the bytes away: the row is a record of what there was.
    ALTER TABLE object ADD COLUMN freed_ns INTEGER;
    ALTER TABLE run ADD COLUMN freed_ns INTEGER;
    -- The tasks that a stage's result consists of: 8 bytes of each one's key.
    CREATE TABLE result_task(result INTEGER PRIMARY KEY, keys BLOB NOT NULL) STRICT;
    CREATE INDEX result_run ON result(run);
    CREATE INDEX run_stage_result ON run_stage(result);
    -- Who used a digest, and which stages a result was: lineage asks from the other end.
    CREATE INDEX action_part_digest ON action_part(value) WHERE class IN ('input', 'file');
    CREATE INDEX run_stage_action ON run_stage(action, run);
    """,
    """
    -- What doing tasks twice showed, by fingerprint; of a stage, the sum over its tasks.
    CREATE TABLE determinism(
      key BLOB PRIMARY KEY, run TEXT NOT NULL, tasks INTEGER NOT NULL, same INTEGER NOT NULL,
      different INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    """,
  ]
}
