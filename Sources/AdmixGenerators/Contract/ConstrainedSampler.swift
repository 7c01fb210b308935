package import AdmixData
package import AdmixModel

/// A rule that every row must satisfy, as a mask over rows.
package struct KeepRule: Sendable {
  /// As the user wrote it.
  package var text: String
  package var span: SourceSpan?
  /// A set bit is a row that satisfies the rule; a rule that cannot tell, such as on a missing value,
  /// is not satisfied.
  package var mask: @Sendable (Batch) throws -> Bitmap

  package init(
    text: String, span: SourceSpan?, mask: @escaping @Sendable (Batch) throws -> Bitmap
  ) {
    self.text = text
    self.span = span
    self.mask = mask
  }
}

/// Keeps rules that no construction meets, by drawing a row again until it satisfies all of them.
///
/// The attempt is part of a row's address, so a row is the same whatever happened to its neighbours.
package struct ConstrainedSampler: Sendable {
  private let sampler: any RowSampler
  private let rules: [KeepRule]
  private let table: String

  /// Rows that satisfy the rules less often than this are not drawn for.
  package static let leastAcceptance = 0.001
  /// At the least acceptance, one row in 500 million is not found in as many attempts.
  package static let attempts = 20_000

  package init(_ sampler: any RowSampler, table: String, rules: [KeepRule]) {
    self.sampler = sampler
    self.rules = rules
    self.table = table
  }

  /// How many of the rows that were looked at satisfy each rule, and all of them.
  package struct Acceptance: Hashable, Sendable, Codable {
    package var drawn: Int
    package var accepted: Int
    /// By rule, in order.
    package var byRule: [Int]

    package init(drawn: Int, accepted: Int, byRule: [Int]) {
      self.drawn = drawn
      self.accepted = accepted
      self.byRule = byRule
    }

    package var share: Double { drawn == 0 ? 1 : Double(accepted) / Double(drawn) }

    package mutating func add(_ other: Acceptance) {
      drawn += other.drawn
      accepted += other.accepted
      byRule = zip(byRule, other.byRule).map { $0 + $1 }
    }
  }

  /// The rows with these numbers, in this order, all of which satisfy the rules.
  package func sample(_ rows: [Int]) throws -> (batch: Batch, acceptance: Acceptance) {
    var acceptance = Acceptance(
      drawn: 0, accepted: 0, byRule: [Int](repeating: 0, count: rules.count))
    var parts: [Batch] = []
    // Where each row of the parts, one after the other, belongs.
    var places: [Int] = []
    var open = Array(rows.indices)
    var attempt = 0
    while true {
      let batch = try sampler.sample(open.map { rows[$0] }, of: table, attempt: attempt)
      let kept = try accepted(batch, &acceptance)
      if kept.count == batch.rows, parts.isEmpty { return (batch, acceptance) }
      if !kept.isEmpty || parts.isEmpty { parts.append(batch.taking(kept)) }
      places += kept.map { open[$0] }
      let found = Set(kept)
      open = open.indices.filter { !found.contains($0) }.map { open[$0] }
      if open.isEmpty { break }
      attempt += 1
      if attempt >= Self.attempts { throw infeasible(acceptance) }
    }
    let together = Batch.concatenating(parts, schema: parts[0].schema)
    var order = [Int](repeating: 0, count: places.count)
    for (at, place) in places.enumerated() { order[place] = at }
    return (together.taking(order), acceptance)
  }

  /// Draws some rows to see how often the rules are satisfied; throws where that is hopeless.
  package func probe(_ rows: Int = 1_000) throws -> Acceptance {
    var acceptance = Acceptance(
      drawn: 0, accepted: 0, byRule: [Int](repeating: 0, count: rules.count))
    if rules.isEmpty { return acceptance }
    for attempt in 0..<4 {
      let batch = try sampler.sample(Array(0..<rows), of: table, attempt: attempt)
      _ = try accepted(batch, &acceptance)
      // A thousand rows settle what is usual; what is rare gets three thousand more.
      if acceptance.share >= 10 * Self.leastAcceptance { break }
    }
    if acceptance.share < Self.leastAcceptance { throw infeasible(acceptance) }
    return acceptance
  }

  private func accepted(_ batch: Batch, _ acceptance: inout Acceptance) throws -> [Int] {
    var isKept = [Bool](repeating: true, count: batch.rows)
    for (index, rule) in rules.enumerated() {
      let mask = try rule.mask(batch)
      for row in 0..<batch.rows {
        if mask[row] { acceptance.byRule[index] += 1 } else { isKept[row] = false }
      }
    }
    let kept = isKept.indices.filter { isKept[$0] }
    acceptance.drawn += batch.rows
    acceptance.accepted += kept.count
    return kept
  }

  /// The rule that fails most, with the figures.
  private func infeasible(_ acceptance: Acceptance) -> Diagnostics {
    Self.infeasible(rules, acceptance)
  }

  static func infeasible(_ rules: [KeepRule], _ acceptance: Acceptance) -> Diagnostics {
    let worst = acceptance.byRule.indices.min { acceptance.byRule[$0] < acceptance.byRule[$1] } ?? 0
    let figures = zip(rules, acceptance.byRule).map {
      "'\($0.text)' accepts \(percent($1, of: acceptance.drawn))"
    }
    return Diagnostics([
      .error(
        "AX0611", at: rules.isEmpty ? nil : rules[worst].span,
        "the keep rules accept \(percent(acceptance.accepted, of: acceptance.drawn)) of the rows",
        cause: "of \(acceptance.drawn) rows drawn, " + figures.joined(separator: ", "),
        hint: "condition on the columns with 'where', or relax a rule")
    ])
  }

  private static func percent(_ part: Int, of all: Int) -> String {
    let tenths = all == 0 ? 0 : (part * 1_000 + all / 2) / all
    return part > 0 && tenths == 0 ? "less than 0.1 %" : "\(tenths / 10).\(tenths % 10) %"
  }
}
