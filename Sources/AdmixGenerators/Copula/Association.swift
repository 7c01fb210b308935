import AdmixData
import AdmixModel
import Foundation

/// What the second pass counts: how columns vary together, in whole numbers, so that sums are the same
/// bits however the rows were divided.
///
/// Scores of numeric columns are fixed-point numbers with 16 binary digits after the point. Nominal
/// columns are counted against each other by level, so that the order of their levels can be chosen
/// after the fact, without looking at the rows again.
struct Association {
  /// What is known of a variable before any row is seen.
  struct Variable {
    enum Kind {
      /// A numeric column: piece by value.
      case score
      /// A nominal column: group of levels by code.
      case levels
      /// Whether a numeric column has a value: 0 missing, 1 present.
      case presence
    }
    var latent: CopulaModel.Latent
    var kind: Kind
    /// How many groups of levels; 0 for scores.
    var groups: Int
    var canBeMissing: Bool
  }

  static let fraction = 65_536.0
  /// Above this many levels, the rarest are counted together.
  static let levelLimit = 256
  /// At most this many cells in all contingency tables together.
  static let cellLimit = 4_000_000

  let variables: [Variable]
  var rows: Int64 = 0
  /// One list per pair i > j of variables, at i(i−1)/2 + j:
  /// two scores: Σab, n, Σa, Σb over rows where both are present;
  /// levels i, score j (or the other way round): Σ of the score per group, then n per group;
  /// two levels: the table, a row per group of i.
  private(set) var cells: [[Int64]]

  init(_ marginals: [Marginal]) {
    variables = CopulaModel.latents(marginals).map { latent in
      let marginal = marginals[latent.marginal]
      if latent.role == .presence {
        return Variable(latent: latent, kind: .presence, groups: 2, canBeMissing: false)
      }
      if marginal.treatment == .numeric {
        return Variable(
          latent: latent, kind: .score, groups: 0, canBeMissing: marginal.missing > 0)
      }
      return Variable(
        latent: latent, kind: .levels, groups: (marginal.groups.max() ?? 0) + 1,
        canBeMissing: false)
    }
    cells = []
    for i in variables.indices {
      for j in 0..<i {
        let a = variables[i].groups
        let b = variables[j].groups
        let count = a == 0 && b == 0 ? 4 : a == 0 ? 2 * b : b == 0 ? 2 * a : a * b
        cells.append([Int64](repeating: 0, count: count))
      }
    }
  }

  func pair(_ i: Int, _ j: Int) -> [Int64] {
    i > j ? cells[i * (i - 1) / 2 + j] : cells[j * (j - 1) / 2 + i]
  }

  /// Chooses, for every nominal column, which levels stand alone in contingency tables.
  static func assignGroups(_ marginals: inout [Marginal]) {
    let nominal = marginals.indices.filter {
      marginals[$0].treatment == .nominal && marginals[$0].hasValueLatent
    }
    var limit = levelLimit
    while limit > 8 {
      let sizes = nominal.map { min(limit, marginals[$0].counts.count) }
      let sum = sizes.reduce(0, +)
      let squares = sizes.reduce(0) { $0 + $1 * $1 }
      if (sum * sum - squares) / 2 <= cellLimit { break }
      limit /= 2
    }
    for index in nominal {
      let counts = marginals[index].counts
      if counts.count <= limit {
        marginals[index].groups = Array(counts.indices)
        continue
      }
      let ranked = counts.indices.sorted { (counts[$1], $0) < (counts[$0], $1) }
      var groups = [Int](repeating: limit - 1, count: counts.count)
      for (rank, piece) in ranked.prefix(limit - 1).enumerated() { groups[piece] = rank }
      marginals[index].groups = groups
    }
  }

  mutating func merge(_ other: Association) throws {
    guard other.cells.count == cells.count else { throw DamagedBytes() }
    rows += other.rows
    for index in cells.indices {
      guard other.cells[index].count == cells[index].count else { throw DamagedBytes() }
      for k in cells[index].indices {
        let (sum, overflow) = cells[index][k].addingReportingOverflow(other.cells[index][k])
        if overflow { throw TooManyRows() }
        cells[index][k] = sum
      }
    }
  }

  func write(to writer: inout ByteWriter) {
    writer.write(rows)
    for list in cells { writer.write(list) }
  }

  mutating func read(from reader: inout ByteReader) throws {
    rows = try reader.int64()
    for index in cells.indices {
      let list = try reader.int64s()
      guard list.count == cells[index].count else { throw DamagedBytes() }
      cells[index] = list
    }
  }
}

/// More rows than fixed-point sums can hold: two thousand million and more.
struct TooManyRows: Error {}

extension Association {
  /// Counts the rows of one partition.
  mutating func count(_ batch: Batch, columns: [Int], marginals: [Marginal]) {
    let n = batch.rows
    rows += Int64(n)
    // Scores with 0 where missing, and groups; in 32 bits, so that all of them fit in cache.
    var coded: [[Int32]] = []
    var masks: [[Int32]?] = []
    for variable in variables {
      let column = batch.columns[columns[variable.latent.marginal]]
      let marginal = marginals[variable.latent.marginal]
      let values = Self.code(column, variable.kind, marginal)
      coded.append(values)
      masks.append(
        variable.canBeMissing ? (0..<n).map { Self.hasValue(column, $0) ? 1 : 0 } : nil)
    }
    for i in variables.indices {
      for j in 0..<i {
        let at = i * (i - 1) / 2 + j
        switch (variables[i].groups, variables[j].groups) {
        case (0, 0):
          Self.addScores(coded[i], coded[j], masks[i], masks[j], to: &cells[at])
        case (let groups, 0):
          Self.addScores(coded[j], masks[j], by: coded[i], groups, to: &cells[at])
        case (0, let groups):
          Self.addScores(coded[i], masks[i], by: coded[j], groups, to: &cells[at])
        case (_, let width):
          Self.addTable(coded[i], coded[j], width, to: &cells[at])
        }
      }
    }
  }

  private static func hasValue(_ column: Column, _ row: Int) -> Bool {
    if column.isMissing(row) { return false }
    if case .double(let buffer) = column.values { return buffer[row].isFinite }
    return true
  }

  private static func addScores(
    _ a: [Int32], _ b: [Int32], _ maskA: [Int32]?, _ maskB: [Int32]?, to cells: inout [Int64]
  ) {
    var product: Int64 = 0
    var n: Int64 = 0
    var sumA: Int64 = 0
    var sumB: Int64 = 0
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        for row in 0..<min(a.count, b.count) { product &+= Int64(a[row]) &* Int64(b[row]) }
        if maskA == nil && maskB == nil {
          n = Int64(a.count)
          for row in 0..<min(a.count, b.count) {
            sumA &+= Int64(a[row])
            sumB &+= Int64(b[row])
          }
        } else {
          for row in 0..<min(a.count, b.count) {
            let both = Int64((maskA?[row] ?? 1) & (maskB?[row] ?? 1))
            n &+= both
            sumA &+= both &* Int64(a[row])
            sumB &+= both &* Int64(b[row])
          }
        }
      }
    }
    cells[0] += product
    cells[1] += n
    cells[2] += sumA
    cells[3] += sumB
  }

  private static func addScores(
    _ scores: [Int32], _ mask: [Int32]?, by groups: [Int32], _ count: Int, to cells: inout [Int64]
  ) {
    cells.withUnsafeMutableBufferPointer { cells in
      scores.withUnsafeBufferPointer { scores in
        groups.withUnsafeBufferPointer { groups in
          for row in 0..<min(scores.count, groups.count) {
            let group = Int(groups[row])
            cells[group] &+= Int64(scores[row])
            cells[count + group] &+= Int64(mask?[row] ?? 1)
          }
        }
      }
    }
  }

  private static func addTable(
    _ a: [Int32], _ b: [Int32], _ width: Int, to cells: inout [Int64]
  ) {
    cells.withUnsafeMutableBufferPointer { cells in
      a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in
          for row in 0..<min(a.count, b.count) { cells[Int(a[row]) &* width &+ Int(b[row])] &+= 1 }
        }
      }
    }
  }

  /// Fixed-point scores or groups; every result is within the marginal's pieces, whatever the value.
  private static func code(_ column: Column, _ kind: Variable.Kind, _ marginal: Marginal) -> [Int32]
  {
    switch kind {
    case .presence:
      return (0..<column.count).map { hasValue(column, $0) ? 1 : 0 }
    case .score:
      let scores = Marginal.scores(marginal.counts).map { Int32(($0 * fraction).rounded()) }
      return scored(column, scores, marginal)
    case .levels:
      // Group by code, the missing level first.
      let codes =
        switch column.values {
        case .category: marginal.column.categories.count
        case .bool: 2
        default: marginal.levels.count
        }
      var groups = [Int32](repeating: 0, count: codes + 1)
      for (piece, code) in marginal.lows.enumerated() where Int(code) + 1 < groups.count {
        groups[Int(code) + 1] = Int32(marginal.groups[piece])
      }
      switch column.values {
      case .category(let buffer, let categories):
        // The partition has an order of its own.
        let index = CategoryIndex(marginal.column.categories)
        groups =
          [groups[0]]
          + categories.map { name in
            index.code(of: name).map { groups[Int($0) + 1] } ?? groups[0]
          }
        let values = buffer.unsafe
        return (0..<values.count).map {
          column.isMissing($0) ? groups[0] : groups[Int(values[$0]) + 1]
        }
      case .bool(let bits):
        return (0..<bits.count).map {
          column.isMissing($0) ? groups[0] : groups[bits[$0] ? 2 : 1]
        }
      case .text(let texts):
        let codes = Dictionary(
          marginal.levels.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        return (0..<texts.count).map {
          column.isMissing($0) ? groups[0] : codes[texts[$0]].map { groups[$0 + 1] } ?? groups[0]
        }
      default: return [Int32](repeating: 0, count: column.count)
      }
    }
  }

  private static func scored(_ column: Column, _ scores: [Int32], _ marginal: Marginal) -> [Int32] {
    switch column.values {
    case .int(let buffer), .datetime(let buffer):
      return scored(buffer.count, column, scores, marginal) { Double(buffer.unsafe[$0]) }
    case .date(let buffer):
      return scored(buffer.count, column, scores, marginal) { Double(buffer.unsafe[$0]) }
    case .double(let buffer):
      return scored(buffer.count, column, scores, marginal) { buffer.unsafe[$0] }
    default: return [Int32](repeating: 0, count: column.count)
    }
  }

  @inline(__always)
  private static func scored(
    _ count: Int, _ column: Column, _ scores: [Int32], _ marginal: Marginal,
    _ value: (Int) -> Double
  ) -> [Int32] {
    guard let low = marginal.highs.first?.rounded(.down),
      let high = marginal.highs.last?.rounded(.up)
    else { return [Int32](repeating: 0, count: count) }
    let last = scores.count - 1
    var out = [Int32](repeating: 0, count: count)
    // Whole numbers in a small range are looked up, others searched for.
    var table: [Int32] = []
    if column.type != .double, high - low < 65_536 {
      var piece = 0
      for offset in 0...Int(high - low) {
        while piece < last, marginal.highs[piece] < low + Double(offset) { piece += 1 }
        table.append(scores[piece])
      }
    }
    out.withUnsafeMutableBufferPointer { out in
      marginal.highs.withUnsafeBufferPointer { highs in
        for row in 0..<count {
          if column.isMissing(row) { continue }
          let x = value(row)
          if !x.isFinite { continue }
          if !table.isEmpty {
            out[row] = table[Int(min(max(x - low, 0), Double(table.count - 1)))]
            continue
          }
          // The first piece whose end is not below x.
          var from = 0
          var length = last
          while length > 0 {
            let half = length >> 1
            if highs[from + half] < x {
              from += half + 1
              length -= half + 1
            } else {
              length = half
            }
          }
          out[row] = scores[from]
        }
      }
    }
    return out
  }
}
