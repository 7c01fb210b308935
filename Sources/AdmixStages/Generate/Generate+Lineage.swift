import AdmixData
package import AdmixEngine
import AdmixGenerators
package import AdmixModel

extension Generate {
  /// A learned column follows the distribution of the training column of its name; how the training
  /// columns go together shapes all of them, which is said once for the whole table.
  package func lineage(of inputs: [String: Schema], outputs: [String: Schema]) -> ColumnLineage? {
    let learned = inputs["learn"]
    if Swift.type(of: generator).description.needsLearning, learned == nil { return nil }
    var lineage = ColumnLineage()
    for name in generator.tables {
      guard let schema = outputs[name] else { continue }
      let made = dependencies(of: name, schema, learned)
      var table = ColumnLineage.Table()
      for column in schema.names {
        table.columns[column] = (made.columns[column] ?? []).map { use($0) }
      }
      table.whole = made.associated.map {
        .init(.input("learn"), $0, .conditional, "learned association" + privacyNote)
      }
      let kept = name == generator.tables.first ? rowRules(schema) : []
      table.whole += kept
      lineage.tables[name] = table
      if self.outputs.contains("model") {
        let columns = made.columns.values.joined().map(\.column) + made.associated
        lineage.tables["model", default: .init()].whole = Set(columns).sorted().map {
          .init(.input("learn"), $0, .aggregation, "learned" + privacyNote)
        }
      }
    }
    return lineage
  }

  private func dependencies(of table: String, _ schema: Schema, _ learned: Schema?)
    -> TableDependencies
  {
    if let tracing = generator as? any ColumnTracing {
      return tracing.dependencies(of: table, schema: schema, learned: learned)
    }
    let shared = schema.names.filter { learned?[$0] != nil }
    return TableDependencies(
      columns: Dictionary(shared.map { ($0, [.init($0, .distribution)]) }) { $1 },
      associated: shared)
  }

  /// What was spent, after what was learned.
  private var privacyNote: String {
    generator.privacyBound.map { " with (\($0.epsilon), \($0.delta))-differential privacy" } ?? ""
  }

  private func use(_ dependency: ColumnDependency) -> ColumnLineage.Use {
    let place = dependency.table.map { ColumnLineage.Source.output($0) } ?? .own
    return switch dependency.how {
    case .distribution:
      .init(.input("learn"), dependency.column, .aggregation, "learned distribution" + privacyNote)
    case .resampled: .init(.input("learn"), dependency.column, .transformation, "resampled")
    case .computed: .init(place, dependency.column, .transformation, "rules")
    case .decided: .init(place, dependency.column, .conditional, "rules")
    case .aggregated: .init(place, dependency.column, .aggregation, "rules")
    }
  }

  /// Columns that decide which of the rows drawn are kept.
  private func rowRules(_ schema: Schema) -> [ColumnLineage.Use] {
    var ignored = Diagnostics()
    var uses = conditions.map { ColumnLineage.Use(.own, $0.column, .filter, "where") }
    for rule in keep {
      uses += rule.columns(schema, report: &ignored).map { .init(.own, $0, .filter, "keep") }
    }
    var seen: Set<ColumnLineage.Use> = []
    return uses.filter { seen.insert($0).inserted }
  }
}

extension KeepText {
  /// The columns that the rule reads; none where it does not fit the schema.
  func columns(_ schema: Schema, report: inout Diagnostics) -> [String] {
    ColumnExpression(text, at: span, schema: schema, report: &report)?.columns ?? []
  }
}
