package import AdmixData
package import AdmixModel
import Foundation

/// Tables on their way to a plugin and back.
package enum PluginTable {
  package static func fileName(_ name: String, _ exchange: PluginManifest.Exchange) -> String {
    exchange == .arrow ? "\(name).arrow" : "\(name).jsonl"
  }

  /// Writes what a plugin reads.
  ///
  /// - Parameter next: gives batches of the schema, nil after the last.
  package static func write(
    _ schema: Schema, to path: String, _ exchange: PluginManifest.Exchange,
    next: () throws -> Batch?
  ) throws {
    var writer = try createTable(
      path: path, output: exchange == .arrow ? .arrow : .jsonLines, schema: schema)
    while let batch = try next() { try writer.append(batch) }
    try writer.finish()
  }

  /// A column that a plugin cannot be given.
  package struct Unsuitable: Hashable {
    package var column: String
    package var type: ColumnType
  }

  package static func unsuitable(_ schema: Schema, _ manifest: PluginManifest) -> [Unsuitable] {
    schema.columns.filter { !manifest.types.contains($0.type) }.map {
      Unsuitable(column: $0.name, type: $0.type)
    }
  }

  /// What is wrong with a table that a plugin wrote; a column is named where it is one column's.
  package struct Flaw: Error, Hashable {
    package var column: String?
    package var fact: String
  }

  /// Reads what a plugin wrote, held against what it was asked for.
  ///
  /// - Parameters:
  ///   - schema: names, types and categories that it has to have.
  ///   - rows: how many there have to be.
  package static func read(
    _ path: String, _ exchange: PluginManifest.Exchange, schema: Schema, rows: Int
  ) throws -> Batch {
    let texts = schema.columns.filter { [.text, .category].contains($0.type) }.map(\.name)
    var parts: [Batch] = []
    var count = 0
    // A file of JSON lines without any has no columns to look at.
    if exchange == .jsonLines, rows == 0,
      FileManager.default.contents(atPath: path)?.isEmpty == true
    {
      return Batch.concatenating([], schema: schema)
    }
    do {
      var reader = try openTable(
        path: path, name: "its table", format: exchange == .arrow ? .arrow : .jsonLines,
        options: TableOptions(textColumns: exchange == .arrow ? [] : Set(texts)))
      try checkNames(reader.schema, schema)
      while let batch = try reader.next(maxRows: Partitioning.rowsPerPartition) {
        count += batch.rows
        // What is too much is not read to its end.
        guard count <= rows else { break }
        parts.append(try converted(batch, schema))
      }
    } catch let problem as Diagnostic {
      // Its words are about files and formats, and name a column where it is one column's.
      throw Flaw(column: nil, fact: problem.fact)
    } catch let problems as Diagnostics {
      throw Flaw(column: nil, fact: problems.items.first?.fact ?? "it cannot be read")
    }
    guard count == rows else {
      throw Flaw(
        column: nil,
        fact: count > rows
          ? "more than the \(rows) rows that were asked for" : "\(count) of \(rows) rows")
    }
    return parts.count == 1 ? parts[0] : Batch.concatenating(parts, schema: schema)
  }

  /// - Parameter tooMany: what a column is that is not wanted.
  static func checkNames(
    _ found: Schema, _ wanted: Schema, _ tooMany: String = "nobody asked for the column"
  ) throws {
    for name in wanted.names where found[name] == nil {
      throw Flaw(column: name, fact: "the column is missing")
    }
    for name in found.names where wanted[name] == nil {
      throw Flaw(column: name, fact: tooMany)
    }
  }

  static func converted(_ batch: Batch, _ schema: Schema) throws -> Batch {
    Batch(
      schema: schema,
      columns: try schema.columns.map { wanted in
        guard let column = batch[wanted.name] else {
          throw Flaw(column: wanted.name, fact: "the column is missing")
        }
        return try converted(column, wanted)
      }, rows: batch.rows)
  }

  private static func converted(_ column: Column, _ wanted: ColumnSchema) throws -> Column {
    func flaw(_ fact: String) -> Flaw { Flaw(column: wanted.name, fact: fact) }
    var builder = ColumnBuilder(wanted, capacity: column.count)
    switch (column.values, wanted.type) {
    case (.bool, .bool), (.int, .int), (.date, .date), (.datetime, .datetime): return column
    case (.text, .text): return column
    case (.double(let values), .double):
      for row in 0..<column.count {
        if column.isMissing(row) {
          builder.appendMissing()
        } else {
          guard values[row].isFinite else { throw flaw("it has infinite values") }
          builder.append(double: rounded(values[row], wanted.decimals))
        }
      }
    case (.int(let values), .double):
      for row in 0..<column.count {
        if column.isMissing(row) {
          builder.appendMissing()
        } else {
          builder.append(double: Double(values[row]))
        }
      }
    case (.text(let texts), .category):
      let index = CategoryIndex(wanted.categories)
      for row in 0..<column.count {
        if column.isMissing(row) {
          builder.appendMissing()
        } else {
          guard let code = index.code(of: texts[row]) else {
            throw flaw("it has a category that is not among the \(wanted.categories.count) given")
          }
          builder.append(code: code)
        }
      }
    case (.text(let texts), .date):
      for row in 0..<column.count {
        if column.isMissing(row) {
          builder.appendMissing()
        } else {
          guard let days = CivilDate.days(texts[row]) else { throw flaw("it has texts for dates") }
          builder.append(days: days)
        }
      }
    case (.text(let texts), .datetime):
      for row in 0..<column.count {
        if column.isMissing(row) {
          builder.appendMissing()
        } else {
          guard let moment = CivilDate.microseconds(texts[row]) else {
            throw flaw("it has texts for dates with times")
          }
          builder.append(microseconds: moment)
        }
      }
    // A column without any value has no type of its own.
    case _ where column.missingCount == column.count:
      for _ in 0..<column.count { builder.appendMissing() }
    default: throw flaw("it is \(column.type.rawValue) and not \(wanted.type.rawValue)")
    }
    return builder.finish()
  }

  /// With as many digits after the point as the column was learned with.
  static func rounded(_ value: Double, _ decimals: Int?) -> Double {
    guard let decimals, (0...15).contains(decimals) else { return value }
    let factor = (0..<decimals).reduce(1.0) { product, _ in product * 10 }
    let scaled = (value * factor).rounded()
    return scaled.isFinite ? scaled / factor : value
  }
}

extension PluginTable {
  /// The schema as plugins are told it.
  package static func json(_ schema: Schema) -> JSONValue {
    .object([
      "columns": .array(
        schema.columns.map { column in
          var members: [String: JSONValue] = [
            "name": .string(column.name), "type": .string(column.type.rawValue),
            "roles": .array(column.roles.map { .string($0.rawValue) }),
          ]
          if column.type == .category {
            members["categories"] = .array(column.categories.map { .string($0) })
          }
          if let decimals = column.decimals { members["decimals"] = JSONValue(decimals) }
          if column.type == .datetime { members["utc"] = .bool(column.isUTC) }
          return .object(members)
        })
    ])
  }
}
