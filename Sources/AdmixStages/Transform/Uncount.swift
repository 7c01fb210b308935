import AdmixData
import AdmixEngine
import AdmixModel

/// A row for each unit of a whole-number column, which is dropped.
///
/// Rows are made and published a partition of the usual size at a time, so memory holds two of them
/// however large the counts are.
enum Uncount {
  static let mostPerRow: Int64 = 100_000_000
  private static let mostPerPartition = 1 << 31

  /// - Parameters:
  ///   - rows: the places of the batch's rows in the partition; nil where they are all of them in order.
  ///   - whole: how many rows the partition has.
  static func publish(
    _ batch: Batch, rows places: [Int]?, of whole: Int, _ name: Operation.Named,
    _ task: any TaskContext
  ) throws -> [String: [Artifact]] {
    guard let column = batch[name.text], case .int(let counts) = column.values,
      let rest = batch.selecting(batch.schema.names.filter { $0 != name.text })
    else { throw missingInput(task.request.step) }
    // Where the units of each row end.
    var ends: [Int] = []
    ends.reserveCapacity(batch.rows)
    var total = 0
    for row in 0..<batch.rows {
      let count = column.isMissing(row) ? 0 : counts[row]
      guard (0...mostPerRow).contains(count), total + Int(count) <= mostPerPartition else {
        throw Diagnostic.error(
          "AX0526", at: name.span, "row \(row) of its partition cannot be repeated so often",
          cause: "'\(name.text)' is a whole number from 0 to 100,000,000")
      }
      total += Int(count)
      ends.append(total)
    }
    var row = 0
    let ranges = Partitioning.ranges(rows: total).filter { !$0.isEmpty }
    var partitions: [Artifact] = []
    var maps: [Artifact] = []
    for range in ranges {
      try task.checkCancellation()
      let rows = range.map { unit in
        while ends[row] <= unit { row += 1 }
        return row
      }
      partitions.append(try task.artifacts.publish(rest.taking(rows)))
      let map = RowMap(rows: places.map { places in rows.map { places[$0] } } ?? rows)
      if let map = try task.artifacts.publish(map, whole: ranges.count == 1 ? whole : nil) {
        maps.append(map)
      }
    }
    return maps.isEmpty
      ? [DerivedDataset.partitionPort: partitions]
      : [DerivedDataset.partitionPort: partitions, DerivedDataset.mapPort: maps]
  }
}
