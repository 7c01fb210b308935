import AdmixData
package import AdmixModel

extension Rules: ColumnTracing {
  package func dependencies(of table: String, schema: Schema, learned: Schema?) -> TableDependencies
  {
    TableDependencies(columns: Dictionary(columns.map { ($0.schema.name, $0.source.uses) }) { $1 })
  }
}

extension RuleColumn.Source {
  /// The columns of the same row that it uses; one that gives a value is not named as a condition too.
  var uses: [ColumnDependency] {
    var found: [ColumnDependency] = []
    collect(&found)
    var seen: Set<ColumnDependency> = []
    return found.filter { seen.insert($0).inserted }
  }

  private func collect(_ found: inout [ColumnDependency]) {
    switch self {
    case .distribution(_, let parameters):
      for case .expression(let expression) in parameters {
        found += expression.columns.map { ColumnDependency($0, .decided) }
      }
    case .expression(let expression):
      found += expression.columns.map { ColumnDependency($0, .computed) }
    case .after(let column, _, let gap):
      found.append(ColumnDependency(column, .computed))
      gap.collect(&found)
    case .when(let branches):
      for branch in branches {
        found += (branch.condition?.columns ?? []).map { ColumnDependency($0, .decided) }
        branch.source.collect(&found)
      }
    case .mixture(let sources, _):
      for source in sources { source.collect(&found) }
    case .choice, .constant, .sequence, .uuid, .pattern, .dates, .datetimes: break
    }
  }
}
