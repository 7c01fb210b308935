/// How datasets are cut into partitions.
package enum Partitioning {
  /// Datasets are cut by row count, so that neither workers nor memory decide where.
  package static let rowsPerPartition = 65_536

  /// The runs of rows that a dataset of this many rows is cut into; one empty run for no rows.
  package static func ranges(rows: Int) -> [Range<Int>] {
    guard rows > 0 else { return [0..<0] }
    return stride(from: 0, to: rows, by: rowsPerPartition).map {
      $0..<min(rows, $0 + rowsPerPartition)
    }
  }
}
