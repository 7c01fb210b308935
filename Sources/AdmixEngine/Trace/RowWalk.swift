package import AdmixData
import AdmixModel
import Synchronization

/// Follows rows along what stages noted, one map in memory at a time.
package final class RowWalk: Sendable {
  private let artifacts: any ArtifactAccess
  /// The map read last: rows of one partition are often asked for one after the other.
  private let last = Mutex<(digest: Digest, map: RowMap)?>(nil)

  package init(_ artifacts: any ArtifactAccess) { self.artifacts = artifacts }

  private func map(_ artifact: Artifact, rows: Int) throws -> RowMap {
    if let known = last.withLock({ $0 }), known.digest == artifact.digest { return known.map }
    let map = try artifacts.rowMap(artifact, count: rows)
    last.withLock { $0 = (artifact.digest, map) }
    return map
  }

  /// A record of a source file.
  package struct Record: Hashable, Sendable {
    /// Which of the stage's files.
    package var file: Int
    /// Counted from 1, the header left out.
    package var row: Int
    package var line: Int?
  }

  /// The record that a row of a partition is.
  package func record(of row: Int, in piece: RowLineage.Piece) throws -> Record {
    guard (0..<piece.rows).contains(row), let file = piece.from?.first else { throw RowMap.damaged }
    let record = try piece.map.map { Int(try map($0, rows: piece.rows).rows[row]) } ?? row
    var line: Int?
    if let first = piece.line {
      line =
        try first + (piece.lines.map { Int(try map($0, rows: piece.rows).rows[row]) } ?? record)
    }
    return Record(file: file, row: (piece.before ?? 0) + record + 1, line: line)
  }

  /// The rows that are these records of a file, and the records that are no rows.
  package func rows(
    ofRecords records: [Int], file: Int, _ pieces: [RowLineage.Piece]
  ) throws -> (rows: RowSet, without: [Int]) {
    var found = RowSet(sizes: pieces.map(\.rows))
    var left = Set(records)
    for (partition, piece) in pieces.enumerated() where piece.from == [file] {
      let before = piece.before ?? 0
      guard let artifact = piece.map else {
        for record in left where (before + 1...before + piece.rows).contains(record) {
          left.remove(record)
          found.insert(record - before - 1, of: partition)
        }
        continue
      }
      guard left.contains(where: { $0 > before }) else { continue }
      for (row, record) in try map(artifact, rows: piece.rows).rows.enumerated()
      where left.remove(before + Int(record) + 1) != nil {
        found.insert(row, of: partition)
      }
    }
    return (found, left.sorted())
  }

  /// The row that a row of the last list was made of: which partition of all inputs', and the row there.
  package func source(of row: Int, in partition: Int, _ steps: [[RowLineage.Piece]]) throws -> (
    partition: Int, row: Int
  ) {
    var (partition, row) = (partition, row)
    for pieces in steps.reversed() {
      guard pieces.indices.contains(partition), (0..<pieces[partition].rows).contains(row) else {
        throw RowMap.damaged
      }
      let piece = pieces[partition]
      var input = 0
      if let artifact = piece.map {
        let map = try map(artifact, rows: piece.rows)
        input = map.input(row)
        row = Int(map.rows[row])
      }
      if let from = piece.from {
        guard from.indices.contains(input) else { throw RowMap.damaged }
        input = from[input]
      }
      partition = input
    }
    return (partition, row)
  }

  /// The rows that were made of some rows, for several sets of rows at once.
  ///
  /// - Parameter sets: over the partitions of all inputs.
  package func rows(madeOf sets: [RowSet], _ steps: [[RowLineage.Piece]]) throws -> [RowSet] {
    try steps.reduce(sets) { try step($0, $1) }
  }

  private func step(_ sets: [RowSet], _ pieces: [RowLineage.Piece]) throws -> [RowSet] {
    var made = sets.map { _ in RowSet(sizes: pieces.map(\.rows)) }
    for (partition, piece) in pieces.enumerated() {
      var map: RowMap?
      for (at, set) in sets.enumerated() where !set.isEmpty {
        let from = piece.from ?? Array(set.sizes.indices)
        guard from.contains(where: set.touches) else { continue }
        if from.allSatisfy(set.holdsAll) {
          made[at].insertAll(of: partition)
          continue
        }
        guard let artifact = piece.map else {
          if let only = from.first { made[at].insert(from: set, only, to: partition) }
          continue
        }
        let known = try map ?? self.map(artifact, rows: piece.rows)
        map = known
        for row in 0..<known.count {
          let input = known.input(row)
          guard from.indices.contains(input) else { throw RowMap.damaged }
          if set.contains(Int(known.rows[row]), of: from[input]) {
            made[at].insert(row, of: partition)
          }
        }
      }
    }
    return made
  }
}
