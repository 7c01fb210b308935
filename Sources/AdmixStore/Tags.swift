import AdmixModel
import Foundation
import GRDB

/// A name that somebody gave a run; a run that has one is kept by `gc`.
package struct Tag: Hashable, Sendable {
  package var name: String
  package var run: String
}

extension Store {
  /// The tags of a pipeline's runs, by name.
  package func tags(pipeline: String) throws -> [Tag] {
    try read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT name, uuid FROM tag JOIN run ON run.id = tag.run WHERE pipeline = ? ORDER BY name
          """, arguments: [pipeline]
      ).map { Tag(name: try $0.value(0), run: try $0.value(1)) }
    }
  }

  /// The run a name is given to, of any pipeline of the store.
  package func run(tagged name: String) throws -> (uuid: String, pipeline: String)? {
    try read { db in
      try Row.fetchOne(
        db, sql: "SELECT uuid, pipeline FROM tag JOIN run ON run.id = tag.run WHERE name = ?",
        arguments: [name]
      ).map { (try $0.value(0), try $0.value(1)) }
    }
  }

  /// Gives a run a name, taking it from the one that had it.
  package func tag(run uuid: String, as name: String) throws {
    try write { db in
      try db.execute(
        sql: "INSERT OR REPLACE INTO tag SELECT ?, id, ? FROM run WHERE uuid = ?",
        arguments: [name, Self.now(), uuid])
    }
  }

  /// - Returns: whether there was such a name.
  @discardableResult
  package func untag(_ name: String) throws -> Bool {
    try write { db in
      try db.execute(sql: "DELETE FROM tag WHERE name = ?", arguments: [name])
      return db.changesCount > 0
    }
  }

  /// Keeps a run whatever the policy of `gc` says, or no longer.
  package func pin(run uuid: String, _ isPinned: Bool = true) throws {
    try write { db in
      if isPinned {
        try db.execute(
          sql: "INSERT OR IGNORE INTO pin SELECT id, ? FROM run WHERE uuid = ?",
          arguments: [Self.now(), uuid])
      } else {
        try db.execute(
          sql: "DELETE FROM pin WHERE run = (SELECT id FROM run WHERE uuid = ?)", arguments: [uuid])
      }
    }
  }

  /// The pinned runs of a pipeline, and those of which `gc` left nothing but rows.
  package func marks(pipeline: String) throws -> (pinned: Set<String>, records: Set<String>) {
    try read { db in
      (
        Set(
          try String.fetchAll(
            db, sql: "SELECT uuid FROM pin JOIN run ON run.id = pin.run WHERE pipeline = ?",
            arguments: [pipeline])),
        Set(
          try String.fetchAll(
            db, sql: "SELECT uuid FROM run WHERE pipeline = ? AND freed_ns IS NOT NULL",
            arguments: [pipeline]))
      )
    }
  }

  /// The names of the runs of a pipeline that begin so, newest first.
  package func runs(pipeline: String, beginning prefix: String) throws -> [String] {
    try read { db in
      try String.fetchAll(
        db,
        sql: "SELECT uuid FROM run WHERE pipeline = ? AND substr(uuid, 1, ?) = ? ORDER BY id DESC",
        arguments: [pipeline, prefix.count, prefix])
    }
  }
}
