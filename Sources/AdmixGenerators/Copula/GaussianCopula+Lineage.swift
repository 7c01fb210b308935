package import AdmixModel

extension GaussianCopula: ColumnTracing {
  package func dependencies(of table: String, schema: Schema, learned: Schema?) -> TableDependencies
  {
    learned.map { ColumnPlan($0, text: text).dependencies } ?? TableDependencies(columns: [:])
  }
}
