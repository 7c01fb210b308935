/// How well a secret is guessed from rows that agree in known columns: correct attribution probability.
///
/// Who knows some columns of a person looks up the synthetic rows that agree in them and draws one. Its
/// secret is the person's with the probability that is averaged here (Taub et al., "Differential
/// correct attribution probability for synthetic data", PSD 2018). Sums of parts in one order agree to
/// the bit.
package struct CorrectAttribution: Hashable, Sendable, Codable {
  /// The people who are attacked.
  package var rows = 0
  /// Of those, the ones with whom a synthetic row agrees.
  package var matched = 0
  /// Of the probabilities.
  package var sum = 0.0

  package init() {}

  /// Over the classes of one bucket, where all rows that agree are.
  ///
  /// - Parameters:
  ///   - targets: of real rows: known columns, and the secret by `RowHash`.
  ///   - synthetic: the same of synthetic rows.
  package init(_ targets: ClassCounts, in synthetic: ClassCounts) {
    let other = synthetic.entries
    var at = 0
    targets.forEachClass { entries in
      guard let group = entries.first?.group else { return }
      let people = entries.reduce(0) { $0 + $1.count }
      rows += people
      while at < other.count, other[at].group < group { at += 1 }
      let start = at
      var found = 0
      while at < other.count, other[at].group == group {
        found += other[at].count
        at += 1
      }
      guard found > 0 else { return }
      matched += people
      var place = start
      var agreeing = 0.0
      for entry in entries {
        while place < at, other[place].value < entry.value { place += 1 }
        if place < at, other[place].value == entry.value {
          agreeing += Double(entry.count) * Double(other[place].count)
        }
      }
      sum += agreeing / Double(found)
    }
  }

  package mutating func merge(_ other: CorrectAttribution) {
    rows += other.rows
    matched += other.matched
    sum += other.sum
  }

  /// The mean over the people with whom a synthetic row agrees; nil where there is none.
  package var cap: Double? { matched > 0 ? sum / Double(matched) : nil }

  /// The mean over all people, of whom those without such a row count as safe.
  package var zeroCap: Double? { rows > 0 ? sum / Double(rows) : nil }
}
