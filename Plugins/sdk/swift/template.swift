import AdmixPlugin
import Foundation

/// NAME: draws each column by itself from the values it has.
///
/// A beginning; put your own method in its place.
struct Columns: Generator {
  func fit(_ table: Table, _ request: Request) throws -> Data {
    guard table.rows > 0 else { throw PluginError("DATA", "there are no rows to learn from") }
    try request.progress("fit", 0, of: 1)
    let encoder = JSONEncoder()
    // The same bytes for the same table.
    encoder.outputFormatting = .sortedKeys
    return try encoder.encode(table.values)
  }

  func sample(_ model: Data?, rows: Range<Int>, _ request: Request) throws -> Table {
    let known = try JSONDecoder().decode([String: [Value]].self, from: model ?? Data())
    var made: [String: [Value]] = [:]
    for (position, column) in request.columns.enumerated() {
      try request.progress("sample", Double(position), of: Double(request.columns.count))
      guard let values = known[column.name], !values.isEmpty else { continue }
      made[column.name] = rows.map { row in
        var random = RowRandom(seed: request.seed, row: row, column: position)
        return values[Int.random(in: 0..<values.count, using: &random)]
      }
    }
    return Table(request.columns, rows: rows.count, values: made)
  }
}

Plugin(Columns()).run()
