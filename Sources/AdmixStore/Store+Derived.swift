package import AdmixModel
import Foundation
import GRDB

/// An object that was made from others, with what it is.
package struct DerivedObject: Sendable {
  package var artifact: Artifact
  /// Of the stage whose work made it.
  package var kind: String
}

extension Store {
  /// All objects of the store that were made, over any number of tasks and in any run, from some.
  ///
  /// - Parameters:
  ///   - sources: digests of objects and of files outside the store.
  ///   - clean: partitions that are known to have nothing of it; what was made from these alone is left
  ///     out too.
  package func objects(madeFrom sources: Set<Digest>, butFor clean: Set<Digest>) throws
    -> [DerivedObject]
  {
    try read { db in
      var reached = sources
      var found: [DerivedObject] = []
      let parts = try db.cachedStatement(
        sql: "SELECT value FROM action_part WHERE action = ? AND class IN ('input', 'file')")
      let outputs = try db.cachedStatement(
        sql: """
          SELECT result_output.kind, digest, size, rows FROM result
          JOIN result_output ON result_output.result = result.id
          JOIN object ON object.id = result_output.object WHERE action = ?
          """)
      func reach(_ artifact: Artifact, _ kind: String) {
        guard !clean.contains(artifact.digest), reached.insert(artifact.digest).inserted else {
          return
        }
        found.append(DerivedObject(artifact: artifact, kind: kind))
      }
      // Actions are numbered as they were first done, so what was made from something nearly always comes
      // after it; another round finds the rest.
      var before = -1
      while reached.count != before {
        before = reached.count
        let actions = try Row.fetchCursor(db, sql: "SELECT id, scope, kind FROM action ORDER BY id")
        while let action = try actions.next() {
          let id: Int64 = try action.value(0)
          let kind: String = try action.value(2)
          let isTask = try action.value(1, as: String.self) == Scope.task.rawValue
          if isTask {
            let values = try String.fetchCursor(parts, arguments: [id])
            var isReached = false
            while let value = try values.next(), !isReached {
              isReached = Digest(hex: value).map(reached.contains) == true
            }
            if !isReached { continue }
          }
          var made: [Artifact] = []
          let rows = try Row.fetchCursor(outputs, arguments: [id])
          while let row = try rows.next() { made.append(try Self.artifact(row, at: 0)) }
          if isTask {
            for artifact in made { reach(artifact, kind) }
          } else if made.contains(where: {
            $0.kind == .partition && reached.contains($0.digest)
          }) {
            // The list of a dataset's partitions leads on to those who were given the whole dataset.
            for artifact in made where artifact.kind == .dataset { reach(artifact, kind) }
          }
        }
      }
      return found
    }
  }

  /// The runs whose stages gave some of these objects, newest first; a run keeps what it gave.
  package func runs(thatGave digests: Set<Digest>) throws -> [RunRow] {
    try read { db in
      var results: Set<Int64> = []
      let objects = try db.cachedStatement(
        sql: """
          SELECT DISTINCT result FROM object JOIN result_output ON object = object.id
          WHERE digest = ?
          """)
      for digest in digests {
        results.formUnion(try Int64.fetchAll(objects, arguments: [Data(digest.bytes)]))
      }
      var ids: Set<Int64> = []
      let stages = try Row.fetchCursor(
        db, sql: "SELECT run, result FROM run_stage WHERE result IS NOT NULL")
      while let row = try stages.next() {
        if results.contains(try row.value(1)) { ids.insert(try row.value(0)) }
      }
      return try ids.sorted(by: >).compactMap { id in
        try Row.fetchOne(
          db,
          sql: "SELECT uuid, pipeline, started_ns, ended_ns, status, body FROM run WHERE id = ?",
          arguments: [id]
        ).map(Self.run)
      }
    }
  }
}
