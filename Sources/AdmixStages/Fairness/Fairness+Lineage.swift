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
    return ColumnLineage(["report": .init(whole: reads)])
  }
}
