package import AdmixModel

extension SequentialTrees: ColumnTracing {
  package func dependencies(of table: String, schema: Schema, learned: Schema?) -> TableDependencies
  {
    guard let learned else { return TableDependencies(columns: [:]) }
    let entries = ColumnPlan(learned, text: text).entries
    let columns = entries.map { entry -> (String, [ColumnDependency]) in
      let name = entry.column.name
      switch entry.treatment {
      case .numeric, .nominal: return (name, [.init(name, .distribution)])
      case .resampled: return (name, [.init(name, .resampled)])
      case .key: return (name, [])
      }
    }
    return TableDependencies(
      columns: Dictionary(columns) { $1 },
      associated: entries.filter { $0.treatment == .numeric || $0.treatment == .nominal }
        .map(\.column.name))
  }
}
