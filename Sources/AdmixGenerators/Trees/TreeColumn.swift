import AdmixData
import AdmixModel

/// How trees see a column: each value as a code, and codes in bins where the column predicts others.
///
/// A code is a piece of the marginal: a value, or a short interval of a column with very many values.
/// Of numbers, codes rise with the value. Missing is code 0 where anything is missing.
struct TreeColumn: Sendable {
  let marginal: Marginal
  /// Rows by code.
  let counts: [Int]
  /// 1 where code 0 is a number that is missing, so that piece p has code p + 1.
  let gap: Int
  /// The bin of each code, where the column predicts.
  let bins: [UInt8]
  let binCount: Int
  /// Whether donors are interpolated: columns with many values, between those that are not frequent.
  let isSmooth: Bool
  /// By code: too frequent to be interpolated.
  let isAtom: [Bool]

  static let mostBins = 255
  /// A column of fewer different numbers has values rather than a scale.
  static let smoothFrom = 500
  static let atomShare = 0.002

  var isNumeric: Bool { marginal.treatment == .numeric }
  var isLearned: Bool { marginal.treatment == .numeric || marginal.treatment == .nominal }
  var codeCount: Int { counts.count }
  var name: String { marginal.column.name }

  init(_ marginal: Marginal) {
    self.marginal = marginal
    let isNumeric = marginal.treatment == .numeric
    let gap = isNumeric && marginal.missing > 0 ? 1 : 0
    let counts = (gap == 1 ? [marginal.missing] : []) + marginal.counts
    let total = counts.reduce(0, +)
    let frequent = max(5, Int(Double(total) * Self.atomShare))
    self.gap = gap
    self.counts = counts
    isSmooth =
      isNumeric && marginal.counts.count >= min(Self.smoothFrom, max(20, marginal.present / 5))
    isAtom =
      isSmooth
      ? counts.indices.map { code in
        if code < gap { return true }
        let piece = code - gap
        return marginal.lows[piece] == marginal.highs[piece] && counts[code] >= frequent
      } : []
    (bins, binCount) = Self.bins(counts, isNumeric: isNumeric, gap: gap)
  }

  private static func bins(_ counts: [Int], isNumeric: Bool, gap: Int) -> ([UInt8], Int) {
    if counts.count <= mostBins {
      return (counts.indices.map { UInt8($0) }, max(1, counts.count))
    }
    if isNumeric {
      // Equal frequencies; a frequent code has a bin of its own. Missing stays alone.
      let total = counts.dropFirst(gap).reduce(0, +)
      let size = Double(total) / Double(mostBins - 1 - gap)
      var out = [UInt8](repeating: 0, count: counts.count)
      var bin = gap
      var below = 0
      for code in gap..<counts.count {
        out[code] = UInt8(bin)
        below += counts[code]
        let next = min(mostBins - 1, gap + Int(Double(below) / size))
        if next > bin, code < counts.count - 1 { bin = min(bin + 1, mostBins - 1) }
      }
      return (out, bin + 1)
    }
    // The most frequent levels stand alone, the others are one.
    let order = counts.indices.sorted { (counts[$1], $0) < (counts[$0], $1) }
    var out = [UInt8](repeating: UInt8(mostBins - 1), count: counts.count)
    for (bin, code) in order.prefix(mostBins - 1).sorted().enumerated() { out[code] = UInt8(bin) }
    return (out, mostBins)
  }

  /// Bytes that a code takes where rows are kept.
  var width: Int { counts.count <= 1 << 8 ? 1 : counts.count <= 1 << 16 ? 2 : 4 }
}

extension TreeColumn {
  /// The code of every row; what was not seen in the first pass is an error.
  func codes(of column: Column) throws -> [Int32] {
    var out = [Int32](repeating: 0, count: column.count)
    switch column.values {
    case .int(let buffer), .datetime(let buffer):
      code(column, into: &out) { Double(buffer.unsafe[$0]) }
    case .date(let buffer): code(column, into: &out) { Double(buffer.unsafe[$0]) }
    case .double(let buffer): code(column, into: &out) { buffer.unsafe[$0] }
    case .category(let codes, let categories):
      let index = CategoryIndex(marginal.column.categories)
      let pieces = pieceOfLevel(marginal.column.categories.count)
      let map = categories.map { index.code(of: $0).map { pieces[Int($0)] } ?? -1 }
      let missing = missingPiece
      for row in out.indices {
        out[row] = column.isMissing(row) ? missing : map[Int(codes.unsafe[row])]
      }
    case .bool(let bits):
      let pieces = pieceOfLevel(2)
      let missing = missingPiece
      for row in out.indices {
        out[row] = column.isMissing(row) ? missing : pieces[bits[row] ? 1 : 0]
      }
    case .text(let texts):
      let index = CategoryIndex(marginal.levels)
      let pieces = pieceOfLevel(marginal.levels.count)
      let missing = missingPiece
      for row in out.indices {
        out[row] =
          column.isMissing(row)
          ? missing : index.code(of: texts[row]).map { pieces[Int($0)] } ?? -1
      }
    }
    guard out.allSatisfy({ $0 >= 0 && $0 < Int32(counts.count) }) else { throw DamagedBytes() }
    return out
  }

  private var missingPiece: Int32 {
    marginal.lows.firstIndex(of: -1).map { Int32($0) } ?? -1
  }

  private func pieceOfLevel(_ count: Int) -> [Int32] {
    var out = [Int32](repeating: -1, count: count)
    for (piece, low) in marginal.lows.enumerated() where low >= 0 && Int(low) < count {
      out[Int(low)] = Int32(piece)
    }
    return out
  }

  private func code(_ column: Column, into out: inout [Int32], _ value: (Int) -> Double) {
    let missing: Int32 = gap == 1 ? 0 : -1
    let lows = marginal.lows
    // Neighbouring rows often share a value.
    var last = Double.nan
    var lastCode = missing
    lows.withUnsafeBufferPointer { lows in
      for row in out.indices {
        if column.isMissing(row) {
          out[row] = missing
          continue
        }
        let x = value(row)
        if x == last {
          out[row] = lastCode
          continue
        }
        if !x.isFinite {
          out[row] = missing
          continue
        }
        var from = 0
        var to = lows.count
        while from < to {
          let middle = (from + to) >> 1
          if lows[middle] <= x { from = middle + 1 } else { to = middle }
        }
        last = x
        lastCode = Int32(max(0, from - 1) + gap)
        out[row] = lastCode
      }
    }
  }
}
