package import AdmixEngine
package import AdmixModel

extension Split {
  /// Each part has the columns as they are; strata and groups decide which rows it has.
  package func lineage(of inputs: [String: Schema], outputs: [String: Schema]) -> ColumnLineage? {
    guard let schema = inputs["from"] else { return nil }
    var trace = ColumnTrace(schema, from: .input("from"))
    trace.decide(by: stratify.map(\.name), .filter, "stratify")
    trace.decide(by: group.map { [$0.name] } ?? [], .filter, "group")
    return ColumnLineage(Dictionary(self.outputs.map { ($0, trace.table) }) { $1 })
  }
}
