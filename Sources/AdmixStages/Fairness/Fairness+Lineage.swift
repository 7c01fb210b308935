package import AdmixEngine
package import AdmixModel

extension Fairness {
  /// The report counts the label by groups, in each of the datasets.
  package func lineage(of inputs: [String: Schema], outputs: [String: Schema]) -> ColumnLineage? {
    let groups = options.views.flatMap(\.names) + options.conditional.map(\.name)
    var seen: Set<String> = []
    let names = groups.filter { seen.insert($0).inserted }
    let reads = ["of", "against"].filter { inputs[$0] != nil }.flatMap { role in
      [ColumnLineage.Use(.input(role), options.label.name, .aggregation, "label")]
        + names.map { .init(.input(role), $0, .groupBy, "groups") }
        + (inputs[role]?[Schema.originSource] == nil
          ? [] : [.init(.input(role), Schema.originSource, .groupBy, "parts")])
    }
    let decided = (options.prediction.map { [$0.column, $0.score].compactMap { $0 } } ?? []).flatMap
    {
      column in
      ["of", "against"].filter { inputs[$0]?[column.name] != nil }.map {
        ColumnLineage.Use(.input($0), column.name, .aggregation, "decisions")
      }
    }
    // Models learn from whatever columns the datasets share.
    let learned =
      options.models.isEmpty
      ? []
      : ["of", "against", "holdout"].flatMap { role in
        (inputs[role]?.names ?? []).filter { !Schema.isOrigin($0) }.map {
          ColumnLineage.Use(.input(role), $0, .aggregation, "models")
        }
      }
    return ColumnLineage(["report": .init(whole: reads + decided + learned)])
  }
}
