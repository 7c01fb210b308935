package import AdmixEngine
package import AdmixModel

extension Export {
  /// The columns that are written, as they are.
  package func lineage(of inputs: [String: Schema], outputs: [String: Schema]) -> ColumnLineage? {
    guard let schema = inputs["from"], let chosen = try? chosen(schema) else { return nil }
    return ColumnLineage(["file": ColumnTrace(chosen, from: .input("from")).table])
  }
}
