package import AdmixEngine
package import AdmixModel

extension Ingest {
  /// Every column is that of the files; where they have no header it has the name it was given.
  package func lineage(of inputs: [String: Schema], outputs: [String: Schema]) -> ColumnLineage? {
    guard let schema = outputs["data"] else { return nil }
    return ColumnLineage([
      "data": ColumnTrace(schema, from: .files).table,
      "profile": .init(whole: schema.names.map { .init(.files, $0, .aggregation, "profile") }),
      "rejects": .init(),
    ])
  }
}
