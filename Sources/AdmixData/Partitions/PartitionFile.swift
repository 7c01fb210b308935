package import AdmixModel
import CArrow

/// A partition on disk: one Arrow IPC file with one record batch, its buffers in LZ4 frames.
///
/// Its dictionaries hold the categories that occur in it, sorted; so its bytes follow from its rows
/// alone, and another partition with other categories does not change them.
enum PartitionFile {
  static func write(_ batch: Batch, to path: String) throws {
    let writer = try ArrowWriter(
      path, format: ADMIX_ARROW_IPC, compression: ADMIX_ARROW_LZ4, schema: batch.schema,
      ownDictionary: true)
    try writer.append(batch)
    try writer.finish()
  }

  /// - Parameters:
  ///   - schema: gives the types and the categories that codes shall point into.
  ///   - names: the columns to read, in order.
  ///   - keepsOwn: whether codes point into the partition's own categories instead.
  static func read(_ path: String, schema: Schema, names: [String], keepsOwn: Bool) throws -> Batch
  {
    let reader = try ArrowReader(path, format: ADMIX_ARROW_PARTITION, batchRows: 0, names: names)
    guard let (columns, rows) = try reader.next() else {
      throw ArrowFailure(damaged: "there is no record batch")
    }
    guard try reader.next() == nil else {
      throw ArrowFailure(damaged: "there is more than one record batch")
    }
    var found = Schema()
    var coded: [Column] = []
    for (name, column) in zip(names, columns) {
      guard let wanted = schema[name] else {
        throw ArrowFailure(damaged: "the schema has no such column", column: name)
      }
      guard column.type == wanted.type else {
        throw ArrowFailure(
          damaged: "the column is \(column.type.rawValue) and not \(wanted.type.rawValue)",
          column: name)
      }
      found.columns.append(wanted)
      if keepsOwn, case .category(_, let categories) = column.values {
        found.columns[found.columns.count - 1].categories = categories
        coded.append(column)
        continue
      }
      do {
        coded.append(
          column.type == .category ? try column.recoded(to: wanted.categories) : column)
      } catch {
        throw ArrowFailure(
          damaged: "row \(error.row) has a category that the schema does not list", column: name)
      }
    }
    return Batch(schema: found, columns: coded, rows: rows)
  }
}

extension ArtifactAccess {
  /// The rows of a partition, or some of its columns, with codes into the schema's categories.
  ///
  /// - Parameters:
  ///   - schema: the dataset's.
  ///   - columns: which ones to read, in order; the others cost nothing. All where nil.
  package func batch(
    _ partition: Artifact, schema: Schema, columns: [String]? = nil
  ) throws -> Batch {
    try batch(partition, schema, columns ?? schema.names, keepsOwn: false)
  }

  /// The rows of a partition, with codes into the categories that occur in it, which are sorted.
  package func batch(_ partition: Artifact, shape: Schema) throws -> Batch {
    try batch(partition, shape, shape.names, keepsOwn: true)
  }

  private func batch(
    _ partition: Artifact, _ schema: Schema, _ columns: [String], keepsOwn: Bool
  ) throws -> Batch {
    let path = try file(of: partition)
    do {
      let batch = try PartitionFile.read(
        path, schema: schema, names: columns, keepsOwn: keepsOwn)
      if let rows = partition.rows, rows != batch.rows {
        throw ArrowFailure(damaged: "it has \(batch.rows) rows instead of \(rows)")
      }
      return batch
    } catch let failure as ArrowFailure {
      throw Diagnostic.error(
        "AX0951", "partition \(partition.digest.short) cannot be read",
        cause: failure.column.isEmpty
          ? failure.text : "column '\(failure.column)': \(failure.text)",
        hint: failure.kind == ADMIX_ARROW_DAMAGED ? "admix verify" : nil)
    }
  }

  /// Writes a partition.
  package func publish(_ batch: Batch) throws -> Artifact {
    let path = try newFile()
    do {
      try PartitionFile.write(batch, to: path)
    } catch let failure as ArrowFailure {
      throw Diagnostic.error("AX0952", "a partition cannot be written", cause: failure.text)
    }
    return try publish(file: path, kind: .partition, rows: batch.rows)
  }
}
