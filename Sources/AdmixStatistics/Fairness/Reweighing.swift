/// Weights that make every group's rate of the good outcome that of all.
///
/// w(g, y) = n_g n_y / (n n_gy): F. Kamiran and T. Calders, "Data preprocessing techniques for
/// classification without discrimination", Knowledge and Information Systems 33 (2012). Totals by group
/// and by outcome stay what they are.
package struct Reweighing: Hashable, Sendable {
  package struct Cell: Hashable, Sendable, Codable {
    package var values: [String?]
    /// For a row with the good outcome; nil where the group has none.
    package var good: Double?
    /// For any other row; nil where the group has none.
    package var bad: Double?
  }

  package var cells: [Cell]
  /// Groups that have rows of one outcome only, which no weight can make two.
  package var oneSided: [GroupTable.Group]
  /// As many rows without weights tell as much: (sum w)² / sum w².
  package var effectiveRows: Double
  package var rows: Int

  /// - Parameter table: people whose group or label is not known are left as they are.
  package init(_ table: GroupTable) {
    let groups = table.compared.filter { $0.labelled > 0 }
    let n = Double(groups.reduce(0) { $0 + $1.labelled })
    let good = Double(groups.reduce(0) { $0 + $1.positives })
    oneSided = groups.filter { $0.positives == 0 || $0.negatives == 0 }
    rows = groups.reduce(0) { $0 + $1.labelled }
    cells = groups.map { group in
      func weight(_ outcome: Double, _ count: Int) -> Double? {
        count > 0 ? Double(group.labelled) * outcome / (n * Double(count)) : nil
      }
      return Cell(
        values: group.values, good: weight(good, group.positives),
        bad: weight(n - good, group.negatives))
    }
    var sum = 0.0
    var squares = 0.0
    for (cell, group) in zip(cells, groups) {
      for (weight, count) in [(cell.good, group.positives), (cell.bad, group.negatives)] {
        guard let weight else { continue }
        sum += weight * Double(count)
        squares += weight * weight * Double(count)
      }
    }
    effectiveRows = squares > 0 ? sum * sum / squares : 0
  }
}
