package import AdmixModel

/// How the rows of a stage's outputs follow from the rows it read; what a stage notes when it runs.
///
/// Every step tells of its own rows and the ones right before it, partition by partition, never of the
/// first source: so what a step notes is the same wherever its rows came from, and a step that need
/// not run again need not note anything again either.
package struct RowLineage: Hashable, Sendable, Codable {
  /// By output name, for datasets.
  package var outputs: [String: Origin]

  package init(_ outputs: [String: Origin]) { self.outputs = outputs }

  package enum Origin: Hashable, Sendable, Codable {
    /// Records of the stage's source files, all requests' files one after the other.
    case files([Piece])
    /// Rows of the datasets that came along these edges, their partitions one after the other, by way of
    /// lists of partitions in between; the last list is the output's. No list: the same rows in the same
    /// order.
    case rows(of: [String], by: [[Piece]])
  }

  /// One partition and the rows it is made of.
  package struct Piece: Hashable, Sendable, Codable {
    package var rows: Int
    /// Which partitions of the list before, or which file; all of the list where nil.
    package var from: [Int]?
    /// A `RowMap`, its partitions counted within `from`; nil where these are the rows of the first of
    /// them, in their order.
    package var map: Artifact?
    /// Of a file: how many records come before those that the map counts from.
    package var before: Int?
    /// Of a file with lines: the line where those begin.
    package var line: Int?
    /// Of a file in which a record is not always a line: a `RowMap` of lines, counted from `line`.
    package var lines: Artifact?

    package init(
      rows: Int, from: [Int]?, map: Artifact? = nil, before: Int? = nil, line: Int? = nil,
      lines: Artifact? = nil
    ) {
      self.rows = rows
      self.from = from
      self.map = map
      self.before = before
      self.line = line
      self.lines = lines
    }
  }

  /// Of a partition.
  static let mostRows = Int(UInt32.max)

  /// Whether all numbers are such as a stage may have noted; what was damaged since is not followed.
  var isSound: Bool {
    outputs.values.allSatisfy { origin in
      let pieces: [Piece] =
        switch origin {
        case .files(let pieces): pieces
        case .rows(_, let steps): Array(steps.joined())
        }
      return pieces.allSatisfy { piece in
        (0...Self.mostRows).contains(piece.rows)
          && (piece.from ?? []).allSatisfy { (0...Self.mostRows).contains($0) }
          && (0...(1 << 50)).contains(piece.before ?? 0)
          && (0...(1 << 50)).contains(piece.line ?? 0)
      }
    }
  }

  /// Everything that is needed to read it.
  package var maps: [Artifact] {
    outputs.sorted { $0.key < $1.key }.flatMap { _, origin -> [Artifact] in
      switch origin {
      case .files(let pieces): pieces.flatMap { [$0.map, $0.lines].compactMap { $0 } }
      case .rows(_, let steps): steps.joined().compactMap(\.map)
      }
    }
  }
}

/// What the rows of an output have to do with those of an input, where that is so for every run.
package enum RowRelation: Hashable, Sendable {
  /// The same rows in the same order.
  case same(as: String)
  /// A model, or rows made by one, that learned from all rows of the input.
  case learned(from: String)
  /// Made from nothing.
  case made
}
