package import AdmixModel
package import Foundation
import GRDB

extension Store {
  /// A memo that for one way to ask for a pipeline there was nothing to do.
  ///
  /// What it rests on in the database is checked on reading: every result and its outputs are there, and
  /// each is still its stage's last success.
  ///
  /// - Parameter check: reads the memo, and gives nil where what it rests on outside is no longer so.
  package func standing<Value>(for key: Digest, _ check: (Data) -> Value?) throws -> Value? {
    let row = try ask { db in
      try Row.fetchOne(
        db, sql: "SELECT pipeline, results, successes, body FROM standing WHERE key = ?",
        arguments: [Data(key.bytes)])
    }
    // A file that was edited is the most likely thing, and quickest to see.
    guard let row, let value = check(try row.value(3)) else { return nil }
    return try read { db in
      let results: String = try row.value(1)
      let successes = try Int.fetchOne(
        db,
        sql: """
          SELECT count(*) FROM last_success WHERE pipeline = ? AND action IN
          (SELECT action FROM result WHERE id IN (SELECT value FROM json_each(?)))
          """, arguments: [try row.value(0, as: String.self), results])
      let expected: Int = try row.value(2)
      guard successes == expected else { return nil }
      let kinds = Artifact.Kind.allCases.filter { Self.isInline($0, bytes: 0) }
      let lacks = try Bool.fetchOne(
        db,
        sql: """
          SELECT EXISTS (SELECT 1 FROM json_each(?) AS wanted
          JOIN result_output ON result_output.result = wanted.value
          LEFT JOIN object ON object.id = result_output.object
          WHERE digest IS NULL OR (content IS NULL AND size <= ? AND kind IN
          (\(kinds.map { "'\($0.rawValue)'" }.joined(separator: ",")))))
          """, arguments: [results, Self.inlineLimit])
      return lacks == false ? value : nil
    }
  }

  /// Keeps a memo; those of other ways to ask are kept for a while.
  package func remember(
    standing key: Digest, pipeline: String, results: [Int64], successes: Int, body: Data
  ) throws {
    if isReadOnly { return }
    try write { db in
      try db.execute(
        sql: """
          INSERT OR REPLACE INTO standing(key, pipeline, results, successes, body)
          VALUES(?, ?, ?, ?, ?)
          """,
        arguments: [
          Data(key.bytes), pipeline, JSONValue.array(results.map { .int($0) }).text, successes,
          body,
        ])
      try db.execute(
        sql: "DELETE FROM standing WHERE id <= (SELECT max(id) FROM standing) - 16")
    }
  }
}
