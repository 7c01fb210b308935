import AdmixData
import AdmixEngine
import AdmixModel

/// Which part each row of one partition goes to, as a pure function of seed, counts and sizes; nothing
/// is listed row by row, so a partition is cut without the others.
struct SplitPlan: Codable {
  static let step = "cut"

  /// What a partition has to know about a stratum that occurs in it.
  struct Stratum: Codable {
    var key: CellKey
    /// Its rows in the whole dataset.
    var rows: Int
    /// Those of them that come before the partition.
    var before: Int
    /// By part.
    var sizes: [Int]
  }

  var seed: UInt64
  var salt: String
  /// The columns that make strata; none where all rows are one.
  var columns: [String]
  var parts: Int
  var strata: [Stratum]

  static func cut(_ task: any TaskContext) throws -> TaskOutputs {
    guard let partition = task.request.inputs["partition"]?.first,
      let artifact = task.request.inputs["plan"]?.first,
      let schema = try task.request.parameters["schema"]?.decoded(Schema.self)
    else { throw missingInput(step) }
    let plan = try task.artifacts.decode(SplitPlan.self, from: artifact)
    let batch = try task.artifacts.batch(partition, shape: schema)
    return try Split.publish(batch, owners: plan.owners(of: batch), parts: plan.parts, task)
  }

  /// The part of every row of the partition.
  func owners(of batch: Batch) throws -> [UInt8] {
    let index = Dictionary(strata.enumerated().map { ($1.key, $0) }) { first, _ in first }
    let cells = RowCells(batch, columns: columns)
    let strata = try cells.keys.map { key in
      guard let at = index[key] else { throw missingInput(Self.step) }
      return self.strata[at]
    }
    var next = strata.map(\.before)
    let orders = strata.map { stratum in
      RandomPermutation(
        count: stratum.rows,
        source: RandomSource(
          seed: seed, salt: "\(salt)\u{0}split\u{0}\(stratum.key.salt)"))
    }
    let bounds = strata.map { stratum in
      var sum = 0
      return stratum.sizes.map { size in
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

/// The strata of a dataset, partition by partition, each with those only that occur in it.
struct SplitStrata {
  /// Sorted.
  let keys: [CellKey]
  /// How many rows each has.
  let totals: [Int]
  private let parts: [(keys: [CellKey], counts: [Int])]
  private let index: [CellKey: Int]

  init(_ parts: [(keys: [CellKey], counts: [Int])]) {
    self.parts = parts
    keys = Set(parts.flatMap(\.keys)).sorted()
    let index = Dictionary(keys.enumerated().map { ($1, $0) }) { first, _ in first }
    var totals = [Int](repeating: 0, count: keys.count)
    for part in parts {
      for (key, count) in zip(part.keys, part.counts) {
        if let at = index[key] { totals[at] += count }
      }
    }
    self.index = index
    self.totals = totals
  }

  /// By partition, what it has to know.
  ///
  /// - Parameter sizes: by stratum, then by part.
  func perPartition(_ sizes: [[Int]]) -> [[SplitPlan.Stratum]] {
    var before = [Int](repeating: 0, count: keys.count)
    return parts.map { part in
      zip(part.keys, part.counts).compactMap { key, count in
        guard let at = index[key] else { return nil }
        defer { before[at] += count }
        return SplitPlan.Stratum(key: key, rows: totals[at], before: before[at], sizes: sizes[at])
      }
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
    var moves = SplitMoves(owed)
    claims.sort { ($1.owed, $0.stratum, $0.part) < ($0.owed, $1.stratum, $1.part) }
    for claim in claims where rest[claim.stratum] > 0 && wanted[claim.part] > 0 {
      moves.extra[claim.stratum][claim.part] = true
      rest[claim.stratum] -= 1
      wanted[claim.part] -= 1
    }
    for stratum in strata.indices where rest[stratum] > 0 {
      while rest[stratum] > 0, let last = moves.give(stratum, wanted) {
        rest[stratum] -= 1
        wanted[last] -= 1
      }
      // No rounding fits every stratum and the totals: the totals win.
      while rest[stratum] > 0, let part = wanted.indices.first(where: { wanted[$0] > 0 }) {
        sizes[stratum][part] += 1
        rest[stratum] -= 1
        wanted[part] -= 1
      }
    }
    for stratum in strata.indices {
      for part in shares.indices where moves.extra[stratum][part] { sizes[stratum][part] += 1 }
    }
    return sizes
  }
}
