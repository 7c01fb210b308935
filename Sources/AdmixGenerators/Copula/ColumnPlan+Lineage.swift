import AdmixModel

extension ColumnPlan {
  /// What columns made from a model of this plan come from: their own values, and with those that are
  /// learned how they go together.
  var dependencies: TableDependencies {
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
