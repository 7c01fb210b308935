package import AdmixModel

extension VectorAutoregression: ColumnTracing {
  package func dependencies(of table: String, schema: Schema, learned: Schema?) -> TableDependencies
  {
    var report = Diagnostics()
    guard let learned, let plan = SeriesPlan(learned, options, report: &report) else {
      return TableDependencies(columns: [:])
    }
    var out = plan.table.dependencies
    if let entity = options.entity { out.columns[entity] = [] }
    out.associated = out.associated.filter { $0 != options.entity }
    return out
  }
}
