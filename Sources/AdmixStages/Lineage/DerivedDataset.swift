import AdmixData
import AdmixEngine
import AdmixModel

/// A dataset made of another one, and the steps by which its rows follow from the rows of that.
struct DerivedDataset {
  var manifest: DatasetManifest
  /// Those of a `RowLineage`; none where the rows are the same in the same order.
  private(set) var steps: [[RowLineage.Piece]] = []

  static let partitionPort = "partition"
  static let mapPort = "map"

  init(_ manifest: DatasetManifest, steps: [[RowLineage.Piece]] = []) {
    self.manifest = manifest
    self.steps = steps
  }

  /// What tasks, one for each partition that came in, gave under these names: partitions, and a map for
  /// each, or none where it is the partition that came in, row for row.
  init(
    _ outputs: [TaskOutputs], schema: Schema, partitions: String = partitionPort,
    maps: String = mapPort
  ) throws {
    var pieces: [RowLineage.Piece] = []
    var made: [Artifact] = []
    var isSame = true
    for (index, output) in outputs.enumerated() {
      let partitions = output.artifacts[partitions] ?? []
      let maps = output.artifacts[maps] ?? []
      guard maps.count == partitions.count || maps.isEmpty && partitions.count == 1 else {
        throw missingInput(Self.mapPort)
      }
      isSame = isSame && maps.isEmpty && partitions.count == 1
      made += partitions
      for (at, partition) in partitions.enumerated() {
        pieces.append(
          .init(
            rows: partition.rows ?? 0, from: [index], map: maps.isEmpty ? nil : maps[at]))
      }
    }
    manifest = DatasetManifest(schema: schema, partitions: made)
    if !isSame { steps = [pieces] }
  }

  /// The next step of a stage that has taken some.
  mutating func take(_ next: DerivedDataset) {
    manifest = next.manifest
    steps += next.steps
  }

  /// Rows of one partition as what a task gives for it: partitions of at most the usual size, none where
  /// there are no rows, and their maps.
  ///
  /// - Parameters:
  ///   - rows: the places of the batch's rows in the partition; nil where they are all of them in order.
  ///   - whole: how many rows the partition has.
  static func publish(
    _ batch: Batch, rows: [Int]?, of whole: Int, _ task: any TaskContext
  ) throws -> [String: [Artifact]] {
    let ranges = Partitioning.ranges(rows: batch.rows).filter { !$0.isEmpty }
    var outputs: [String: [Artifact]] = [:]
    outputs[partitionPort] = try ranges.map {
      try task.artifacts.publish($0.count == batch.rows ? batch : batch.slice($0))
    }
    let isWhole = ranges.count == 1
    if rows == nil, isWhole { return outputs }
    let places = rows ?? Array(0..<batch.rows)
    let maps = try ranges.compactMap {
      try task.artifacts.publish(RowMap(rows: Array(places[$0])), whole: isWhole ? whole : nil)
    }
    if !maps.isEmpty { outputs[mapPort] = maps }
    return outputs
  }
}
