package import AdmixEngine
package import AdmixModel

extension Mix {
  /// A column of the blend is that column of every part; which rows are taken may be balanced by some.
  package func lineage(of inputs: [String: Schema], outputs: [String: Schema]) -> ColumnLineage? {
    guard let schema = outputs["data"] else { return nil }
    var table = ColumnLineage.Table()
    for column in schema.columns {
      table.columns[column.name] = options.parts.flatMap { part -> [ColumnLineage.Use] in
        guard let own = inputs[part.role]?[column.name] else { return [] }
        let isSame = own.type == column.type
        return [
          .init(
            .input(part.role), column.name, isSame ? .identity : .transformation,
            isSame ? nil : "mix")
        ]
      }
    }
    table.whole = options.parts.flatMap { part in
      (options.balance?.columns ?? []).filter { inputs[part.role]?[$0.name] != nil }.map {
        ColumnLineage.Use(.input(part.role), $0.name, .filter, "balance")
      }
    }
    return ColumnLineage(["data": table])
  }
}
