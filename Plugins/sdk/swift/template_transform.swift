import AdmixPlugin

/// NAME: puts the rows of one table below those of another.
///
/// A beginning; put your own method in its place.
struct Below: Transformer {
  func transform(_ inputs: [String: Table], _ request: Request) throws -> Table {
    guard var table = inputs["above"], let below = inputs["below"] else {
      throw PluginError("SCHEMA", "the inputs 'above' and 'below' are needed")
    }
    for (position, column) in table.columns.enumerated() {
      try request.progress("columns", Double(position), of: Double(table.columns.count))
      guard below.columns.contains(where: { $0.name == column.name && $0.type == column.type })
      else {
        throw PluginError(
          "SCHEMA", "'below' has no \(column.type) of this name", columns: [column.name])
      }
      table.values[column.name, default: []] += below.values[column.name] ?? []
    }
    table.rows += below.rows
    return table
  }
}

Plugin(Below()).run()
