/// The known word nearest to a misspelt one, for "did you mean".
package enum Spelling {
  /// Gives nothing when no candidate is near enough to be worth suggesting.
  package static func closest(to word: String, among candidates: some Sequence<String>) -> String? {
    let target = Array(word.lowercased().unicodeScalars.prefix(64))
    guard !target.isEmpty else { return nil }
    var best: (distance: Int, word: String)?
    for candidate in candidates.sorted() where candidate != word {
      let distance = distance(target, Array(candidate.lowercased().unicodeScalars.prefix(64)))
      let allowed = max(1, min(target.count, candidate.unicodeScalars.count) / 3)
      if distance <= allowed, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.word
  }

  /// Edits, with a swap of neighbours counted as one (optimal string alignment).
  private static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var rows = [Array(0...b.count)]
    for i in 1...a.count {
      var row = [i]
      for j in 1...b.count {
        var cost = min(
          rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
          cost = min(cost, rows[i - 2][j - 2] + 1)
        }
        row.append(cost)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }
}
