import AdmixModel

extension TreesModel {
  /// Says in figures what the model holds: the visit order with its trees, and what is guarded.
  var report: CheckReport {
    let names = header.order.map { header.marginals[$0].column.name }
    var rows: [[CheckReport.Cell]] = []
    for (position, tree) in trees.enumerated() {
      let marginal = header.marginals[header.order[position]]
      let uses = tree.uses(position)
      let asked = uses.indices.filter { uses[$0] > 0 }.sorted {
        uses[$0] == uses[$1] ? $0 < $1 : uses[$0] > uses[$1]
      }
      rows.append([
        .text(names[position]), .text(marginal.column.type.rawValue),
        .count(TreeColumn(marginal).codeCount), .count(tree.leafCount), .count(tree.depth),
        .count(tree.donors.count / max(1, tree.leafCount)),
        .text(
          asked.isEmpty ? "nothing" : asked.prefix(3).map { names[$0] }.joined(separator: ", ")),
      ])
    }
    var sections = [
      CheckReport.Section(
        title: "Columns in the order they are drawn",
        text:
          "Each column is drawn from a leaf of its tree, which the columns above it lead to. 'Asks most' are those that most of its splits are about.",
        tables: [
          .init(
            columns: ["column", "type", "values", "leaves", "depth", "rows per leaf", "asks most"],
            rows: rows)
        ]),
      CheckReport.Section(
        title: "Copies",
        text: guarded.isEmpty
          ? "No training row is guarded: either that was not asked for, or most rows of the table share all their values with others."
          : "A row that equals one of \(guarded.count) rare combinations of the training data is drawn again. \(header.common) training rows are of combinations that at least \(header.minimumLeaf) rows share; these may come out."
      ),
    ]
    let others = header.marginals.filter { $0.treatment == .key || $0.treatment == .resampled }
    if !others.isEmpty {
      sections.append(
        .init(
          title: "Drawn on their own",
          text: others.map {
            "\($0.column.name): \($0.treatment == .key ? "fresh unique keys" : "\($0.counts.count) training texts, drawn alike")"
          }.joined(separator: "; ")))
    }
    if !header.leftOut.isEmpty {
      sections.append(.init(title: "Left out", text: header.leftOut.joined(separator: ", ")))
    }
    return CheckReport(
      title: "Sequential trees",
      summary:
        "learned \(header.marginals.count) columns from \(header.learned) of \(header.rows) rows, at least \(header.minimumLeaf) in a leaf",
      sections: sections)
  }
}
