package import AdmixData
package import AdmixModel

/// Small tables, written out: dates and times as texts, missing values as null.
package enum Table {
  package typealias Column = (name: String, type: ColumnType, cells: [JSONValue])

  package static func batch(_ columns: [Column]) -> Batch {
    var schema = Schema()
    var values: [AdmixData.Column] = []
    for column in columns {
      var described = ColumnSchema(column.name, column.type)
      if column.type == .category {
        described.categories = CategoryIndex.distinct(column.cells.compactMap(\.string))
      }
      schema.columns.append(described)
      values.append(self.column(column.cells, described))
    }
    return Batch(schema: schema, columns: values, rows: columns.first?.cells.count ?? 0)
  }

  /// - Parameter schema: a category's cells are among its categories.
  package static func column(_ cells: [JSONValue], _ schema: ColumnSchema) -> AdmixData.Column {
    var builder = ColumnBuilder(schema, capacity: cells.count)
    let codes = CategoryIndex(schema.categories)
    for cell in cells {
      switch (schema.type, cell) {
      case (.int, .int(let value)): builder.append(int: value)
      case (.double, .double(let value)): builder.append(double: value)
      case (.double, .int(let value)): builder.append(double: Double(value))
      case (.bool, .bool(let value)): builder.append(bool: value)
      case (.text, .string(let value)): builder.append(text: value)
      case (.category, .string(let value)): builder.append(code: codes.code(of: value) ?? 0)
      case (.date, .string(let value)): builder.append(days: CivilDate.days(value) ?? 0)
      case (.datetime, .string(let value)):
        builder.append(microseconds: CivilDate.microseconds(value) ?? 0)
      default: builder.appendMissing()
      }
    }
    return builder.finish()
  }

  package static func cells(_ column: AdmixData.Column) -> [JSONValue] {
    (0..<column.count).map { row in
      if column.isMissing(row) { return .null }
      return switch column.values {
      case .bool(let bits): .bool(bits[row])
      case .int(let values): .int(values[row])
      case .double(let values): .double(values[row])
      case .text(let texts): .string(texts[row])
      case .category(let codes, let names): .string(names[Int(codes[row])])
      case .date(let days): .string(CivilDate.text(days: Int(days[row])))
      case .datetime(let values): .string(CivilDate.text(microseconds: values[row]))
      }
    }
  }

  /// Row by row.
  package static func rows(_ batch: Batch) -> [[JSONValue]] {
    let columns = batch.columns.map(cells)
    return (0..<batch.rows).map { row in columns.map { $0[row] } }
  }

  /// A dataset of these rows, cut at these places.
  package static func dataset(
    _ batch: Batch, cuts: [Int] = [], _ artifacts: any ArtifactAccess
  ) throws -> Artifact {
    let places = [0] + cuts + [batch.rows]
    let partitions = try zip(places, places.dropFirst()).map {
      try artifacts.publish(batch.slice($0..<$1))
    }
    return try artifacts.publish(
      DatasetManifest(schema: batch.schema, partitions: partitions), kind: .dataset,
      rows: batch.rows)
  }

  /// All rows of a dataset.
  package static func read(_ dataset: Artifact, _ artifacts: any ArtifactAccess) throws -> Batch {
    let manifest = try artifacts.dataset(dataset)
    return Batch.concatenating(
      try manifest.partitions.map { try artifacts.batch($0, schema: manifest.schema) },
      schema: manifest.schema)
  }
}
