import AdmixData
import AdmixEngine
import AdmixModel

/// Which part each row goes to, as a pure function of seed, counts and sizes; nothing is listed row by
/// row, so a partition is cut without the others.
struct SplitPlan: Codable {
  static let step = "cut"

  var seed: UInt64
  var salt: String
  /// The columns that make strata; none where all rows are one.
  var columns: [String]
  var counts: CellCounts
  /// By stratum, then by part.
  var sizes: [[Int]]

  static func cut(_ task: any TaskContext) throws -> TaskOutputs {
    guard let partition = task.request.inputs["partition"]?.first,
      let artifact = task.request.inputs["plan"]?.first,
      let schema = try task.request.parameters["schema"]?.decoded(Schema.self),
      let at = task.request.parameters["at"]?.int
    else { throw missingInput(step) }
    let plan = try task.artifacts.decode(SplitPlan.self, from: artifact)
    let batch = try task.artifacts.batch(partition, schema: schema)
    return try Split.publish(
      batch, owners: plan.owners(of: batch, partition: at), parts: plan.sizes.first?.count ?? 0,
      task)
  }

  /// The part of every row of a partition.
  func owners(of batch: Batch, partition: Int) throws -> [UInt8] {
    let index = Dictionary(counts.keys.enumerated().map { ($1, $0) }) { first, _ in first }
    let cells = RowCells(batch, columns: columns)
    let strata = try cells.keys.map { key in
      guard let at = index[key] else { throw missingInput(Self.step) }
      return at
    }
    let occurrences = OccurrenceIndex(counts)
    var next = strata.map { occurrences.offset($0, partition: partition) }
    let orders = strata.map { stratum in
      RandomPermutation(
        count: occurrences.total(stratum),
        source: RandomSource(
          seed: seed, salt: "\(salt)\u{0}split\u{0}\(counts.keys[stratum].salt)"))
    }
    let bounds = strata.map { stratum in
      var sum = 0
      return sizes[stratum].map { size in
        sum += size
        return sum
      }
    }
    return try cells.cells.map { cell in
      let cell = Int(cell)
      guard next[cell] < Int(orders[cell].count) else { throw missingInput(Self.step) }
      let rank = orders[cell][next[cell]]
      next[cell] += 1
      return UInt8(bounds[cell].firstIndex { rank < $0 } ?? bounds[cell].count - 1)
    }
  }
}

/// How many rows of each stratum each part gets.
enum SplitSizes {
  /// Sizes that are exact overall, by largest remainder, and in every stratum within one row of its
  /// share, wherever that is possible at the same time.
  ///
  /// Each stratum first gives every part its whole rows. The rows that are left over go to the parts
  /// with the largest fractions that still want one; where that ends with a row nobody wants, rows
  /// change hands along an augmenting path (the controlled rounding of Cox, 1987, as a flow).
  ///
  /// - Parameter shares: add up to 1.
  static func of(_ strata: [Int], shares: [Double]) -> [[Int]] {
    let total = strata.reduce(0, +)
    var wanted = Apportionment.largestRemainder(total, weights: shares)
    var sizes: [[Int]] = []
    var claims: [(stratum: Int, part: Int, owed: Double)] = []
    var owed: [[Bool]] = []
    for (stratum, count) in strata.enumerated() {
      var row: [Int] = []
      var fractions: [Bool] = []
      for (part, share) in shares.enumerated() {
        let quota = share * Double(count)
        let nearest = quota.rounded()
        let exact = abs(quota - nearest) <= 1e-9 * max(1, nearest) ? nearest : quota
        let whole = Int(exact.rounded(.down))
        row.append(whole)
        wanted[part] -= whole
        fractions.append(exact > Double(whole))
        if exact > Double(whole) { claims.append((stratum, part, exact - Double(whole))) }
      }
      sizes.append(row)
      owed.append(fractions)
    }
    var rest = zip(strata, sizes).map { $0 - $1.reduce(0, +) }
    var extra = owed.map { $0.map { _ in false } }
    claims.sort { ($1.owed, $0.stratum, $0.part) < ($0.owed, $1.stratum, $1.part) }
    for claim in claims where rest[claim.stratum] > 0 && wanted[claim.part] > 0 {
      extra[claim.stratum][claim.part] = true
      rest[claim.stratum] -= 1
      wanted[claim.part] -= 1
    }
    for stratum in strata.indices {
      while rest[stratum] > 0, let path = path(from: stratum, extra, owed, wanted) {
        // Each stratum on the path takes a row for its part; the one before had it and moves on.
        for (index, step) in path.enumerated() {
          extra[step.stratum][step.part] = true
          if index > 0 { extra[step.stratum][path[index - 1].part] = false }
        }
        rest[stratum] -= 1
        if let last = path.last { wanted[last.part] -= 1 }
      }
      // No rounding fits every stratum and the totals: the totals win.
      while rest[stratum] > 0, let part = wanted.indices.first(where: { wanted[$0] > 0 }) {
        sizes[stratum][part] += 1
        rest[stratum] -= 1
        wanted[part] -= 1
      }
    }
    for stratum in strata.indices {
      for part in shares.indices where extra[stratum][part] { sizes[stratum][part] += 1 }
    }
    return sizes
  }

  /// The shortest way to a part that wants a row: the first stratum gives one to the first part, whose
  /// row of the next stratum goes to the next part, and so on.
  private static func path(
    from start: Int, _ extra: [[Bool]], _ owed: [[Bool]], _ wanted: [Int]
  ) -> [(stratum: Int, part: Int)]? {
    var cameBy = [(stratum: Int, before: Int?)?](repeating: nil, count: wanted.count)
    var seen = [Bool](repeating: false, count: extra.count)
    var queue: [(stratum: Int, before: Int?)] = [(start, nil)]
    seen[start] = true
    var head = 0
    while head < queue.count {
      let (stratum, before) = queue[head]
      head += 1
      for part in wanted.indices
      where owed[stratum][part] && !extra[stratum][part] && cameBy[part] == nil {
        cameBy[part] = (stratum, before)
        if wanted[part] > 0 {
          var steps = [(stratum: stratum, part: part)]
          var at = before
          while let part = at, let step = cameBy[part] {
            steps.append((step.stratum, part))
            at = step.before
          }
          return steps.reversed()
        }
        for other in extra.indices where !seen[other] && extra[other][part] {
          seen[other] = true
          queue.append((other, part))
        }
      }
    }
    return nil
  }
}
