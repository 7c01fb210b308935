import AdmixModel
import Foundation

/// What the first private pass gives: how often each cell of each column's domain was counted, with
/// noise, and from that, without looking at the rows again, the levels of the second pass.
struct PrivateMarginals: Sendable, Codable {
  static let format = "admix-private-marginals-1"

  var format = PrivateMarginals.format
  /// By column and cell.
  var noisy: [[Int64]]
  /// The variance of the noise of each.
  var variance: UInt64
  /// By column: the level of each cell.
  var levels: [[Int]]
  var charges: [PrivacyCharge]

  /// Cells that hold fewer rows than this many standard deviations of the noise are put together.
  static let merging = 3.0

  /// How many levels there are by column.
  var levelCounts: [Int] { levels.map { ($0.max() ?? 0) + 1 } }

  /// How many rows there were, by the cells of all columns; columns of few cells know it best.
  var rows: Double {
    var sum = 0.0
    var weight = 0.0
    for cells in noisy {
      let mine = 1 / Double(max(1, cells.count))
      sum += mine * Double(cells.reduce(0, +))
      weight += mine
    }
    return max(1, weight > 0 ? sum / weight : 1)
  }

  var deviation: Double { Double(variance).squareRoot() }

  func encoded() throws -> Data { try CanonicalJSON.encode(self) }

  init(decoding data: Data?) throws {
    guard let data else { throw DamagedBytes() }
    self = try CanonicalJSON.decode(PrivateMarginals.self, from: data)
    guard format == Self.format, noisy.count == levels.count,
      zip(noisy, levels).allSatisfy({ $0.count == $1.count && !$0.isEmpty }),
      noisy.allSatisfy({ $0.allSatisfy { $0.magnitude < 1 << 48 } }),
      levels.allSatisfy({ list in
        let count = (list.max() ?? 0) + 1
        return list.allSatisfy { $0 >= 0 } && Set(list).count == count && count < 4_096
      })
    else { throw DamagedBytes() }
  }

  /// - Parameters:
  ///   - noisy: by column and cell.
  ///   - domains: of the columns, in order.
  ///   - wanted: how many levels a number should have; of the target fewer.
  init(
    noisy: [[Int64]], variance: UInt64, domains: [DeclaredDomain], target: Int?,
    edgeDeviation: (Double) -> Double, charges: [PrivacyCharge]
  ) {
    self.noisy = noisy
    self.variance = variance
    self.charges = charges
    levels = noisy.map { _ in [] }
    let total = rows
    // Cells of a table of two columns should hold more rows than the noise is large.
    let wanted = min(32, max(4, (total / (2.5 * edgeDeviation(total))).squareRoot()))
    for (index, domain) in domains.enumerated() {
      let goal = total / (index == target ? min(6, wanted) : wanted)
      levels[index] =
        domain.values.isEmpty
        ? numericLevels(index, domain, goal: goal) : nominalLevels(index, domain)
    }
  }

  /// Rows by cell of one column, without negative counts, that add up to all rows.
  ///
  /// The nearest point of the simplex: what noise alone put into empty cells goes.
  func shares(_ column: Int) -> [Double] {
    let counts = noisy[column].map { Double($0) }
    let total = rows
    var sum = 0.0
    var shift = 0.0
    for (place, value) in counts.sorted(by: >).enumerated() {
      sum += value
      let next = (sum - total) / Double(place + 1)
      if value - next > 0 { shift = next }
    }
    return counts.map { max(0, $0 - shift) }
  }

  /// The level that values of a nominal column share which were not seen through the noise.
  func restLevel(_ column: Int, values: Int) -> Int? {
    let least = Self.merging * deviation
    let alone = noisy[column].prefix(values).filter { Double($0) >= least }.count
    return alone < values ? alone : nil
  }

  /// Neighbouring cells together, until they hold as many rows as a level should; full cells alone.
  private func numericLevels(_ column: Int, _ domain: DeclaredDomain, goal: Double) -> [Int] {
    let shares = shares(column)
    let cells = domain.starts.count
    let least = Self.merging * deviation
    var levels: [Int] = []
    var level = 0
    var mass = 0.0
    for cell in 0..<cells {
      if shares[cell] >= 0.8 * goal && shares[cell] >= least {
        if mass >= least { level += 1 }
        // A part that is too small by itself goes with the full cell.
        levels.append(level)
        level += 1
        mass = 0
        continue
      }
      levels.append(level)
      mass += shares[cell]
      if mass >= max(goal, least) {
        level += 1
        mass = 0
      }
    }
    // What is left at the end goes with the level before where it is too small.
    if mass < least, let last = levels.last, last == level, level > 0 {
      levels = levels.map { min($0, level - 1) }
    }
    if domain.hasMissing { levels.append((levels.last ?? -1) + 1) }
    return levels
  }

  /// Values that are seen through the noise, and the others together.
  private func nominalLevels(_ column: Int, _ domain: DeclaredDomain) -> [Int] {
    let least = Self.merging * deviation
    let isAlone = noisy[column].prefix(domain.values.count).map { Double($0) >= least }
    let alone = isAlone.filter { $0 }.count
    var next = 0
    var levels = isAlone.map { isAlone -> Int in
      if !isAlone { return alone }
      defer { next += 1 }
      return next
    }
    if domain.hasMissing { levels.append(alone < isAlone.count ? alone + 1 : alone) }
    return levels
  }
}
