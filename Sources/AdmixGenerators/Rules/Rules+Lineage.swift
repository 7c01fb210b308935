import AdmixData
package import AdmixModel

extension Rules: ColumnTracing {
  package func dependencies(of table: String, schema: Schema, learned: Schema?) -> TableDependencies
  {
    guard let table = declared.first(where: { $0.name == table }) else {
      return TableDependencies(columns: [:])
    }
    return TableDependencies(
      columns: Dictionary(
        table.columns.map { column in
          (column.schema.name, column.source.uses.map { placed($0, in: table) })
        }
      ) { $1 })
  }

  /// A use of another table's column by the name that the table itself has for it.
  private func placed(_ use: ColumnDependency, in table: RuleTable) -> ColumnDependency {
    if table.schema[use.column] != nil, use.how != .aggregated { return use }
    let parts = use.column.split(separator: ".", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return use }
    let other: String? =
      switch table.seen[parts[0]] {
      case .ancestor(let index): declared[index].name
      case .link(let index): declared[table.links[index].table].name
      case nil: use.how == .aggregated ? declared[Int(parts[0]) ?? 0].name : nil
      }
    guard let other else { return use }
    return ColumnDependency(parts[1], use.how, of: other)
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
    case .after(let step), .arrivals(let step):
      found.append(ColumnDependency(step.column, .computed))
      step.gap.collect(&found)
    case .aggregate(let aggregate):
      // The other table is known by its number here.
      if let column = aggregate.column {
        found.append(ColumnDependency("\(aggregate.table).\(column)", .aggregated))
      }
    case .when(let branches):
      for branch in branches {
        found += (branch.condition?.columns ?? []).map { ColumnDependency($0, .decided) }
        branch.source.collect(&found)
      }
    case .mixture(let sources, _):
      for source in sources { source.collect(&found) }
    case .choice, .constant, .sequence, .uuid, .pattern, .dates, .datetimes, .position, .name,
      .calendar:
      break
    }
  }
}
