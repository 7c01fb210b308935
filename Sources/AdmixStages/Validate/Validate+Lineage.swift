import AdmixData
package import AdmixEngine
package import AdmixModel
import AdmixSpec
import AdmixStatistics

extension Validate {
  /// The columns that expectations, comparisons and models read.
  package func lineage(of inputs: [String: Schema], outputs: [String: Schema]) -> ColumnLineage? {
    guard let table = inputs["of"] else { return nil }
    var reads: [ColumnLineage.Use] = []
    func read(
      _ role: String, _ names: some Sequence<String>, _ how: ColumnLineage.How, _ note: String
    ) {
      for name in names where inputs[role]?[name] != nil {
        let use = ColumnLineage.Use(.input(role), name, how, note)
        if !reads.contains(use) { reads.append(use) }
      }
    }
    var ignored = Diagnostics()
    for expectation in expectations {
      let rule = expectation.rowExpression(table, report: &ignored)?.columns ?? []
      read("of", expectation.columns + rule, .aggregation, "expect")
      if let scope = expectation.scope {
        let condition = expectation.condition(
          scope.text ?? "", at: scope.span, table, report: &ignored)
        read("of", condition?.columns ?? [], .filter, "expect")
      }
      if case .references(let column) = expectation.check {
        read(expectation.edgeRole, [column], .join, "expect")
      }
    }
    if let anonymity {
      for role in ["of", "reference"] {
        read(role, anonymity.quasiIdentifiers + anonymity.sensitive, .aggregation, "anonymity")
      }
      if anonymity.onlySynthetic { read("of", [Schema.originSource], .filter, "synthetic") }
    }
    if let disclosure {
      for role in ["of", "reference", "holdout"] {
        read(role, disclosure.known + disclosure.secret, .join, "disclosure")
      }
      read("of", [Schema.originSource], .filter, "synthetic")
    }
    if let reference = inputs["reference"] {
      let shared = ComparedColumn.shared(table, reference).map(\.name)
      let holdout = inputs["holdout"]
      let everywhere = shared.filter { holdout == nil || holdout?[$0] != nil }
      if measuresFidelity {
        for role in ["of", "reference"] { read(role, shared, .aggregation, "fidelity") }
      }
      if countsCopies {
        for role in ["of", "reference", "holdout"] { read(role, everywhere, .join, "copies") }
      }
      if privacy != nil {
        for role in ["of", "reference", "holdout"] { read(role, everywhere, .join, "privacy") }
      }
      if let utility {
        let learned = everywhere.filter {
          table[$0]?.type != .text && reference[$0]?.type != .text || $0 == utility.target
        }
        for role in ["of", "reference", "holdout"] { read(role, learned, .aggregation, "utility") }
      }
      if measuresFidelity || countsCopies || utility != nil {
        read("of", [Schema.originSource], .filter, "synthetic")
      }
    }
    return ColumnLineage(["report": .init(whole: reads)])
  }
}
