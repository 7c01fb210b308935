import AdmixModel

/// The values that the codes of a column stand for.
///
/// A code is a value or an interval. Where a column is smooth, a value that is not frequent stands for
/// all between the middles of its gaps to its neighbours, on the column's own grid.
struct ValueCodes: Sendable {
  let column: TreeColumn
  let prepared: PreparedColumn
  /// By code, of numbers; equal where the code is one value.
  private let lows: [Double]
  private let highs: [Double]
  let tag: UInt32

  var count: Int { column.codeCount }

  init(_ column: TreeColumn, smooth: Bool) {
    self.column = column
    prepared = PreparedColumn(column.marginal)
    tag = prepared.tag
    guard column.isNumeric else {
      lows = []
      highs = []
      return
    }
    let marginal = column.marginal
    var lows = (column.gap == 1 ? [0] : []) + marginal.lows
    var highs = (column.gap == 1 ? [0] : []) + marginal.highs
    if smooth, column.isSmooth {
      for code in column.gap..<column.codeCount where !column.isAtom[code] {
        let piece = code - column.gap
        let x = marginal.lows[piece]
        guard x == marginal.highs[piece] else { continue }
        let half = marginal.unit / 2
        if code > column.gap, !column.isAtom[code - 1] {
          lows[code] = min(x - half, (marginal.highs[piece - 1] + x) / 2)
        } else {
          lows[code] = x - half
        }
        if code + 1 < column.codeCount, !column.isAtom[code + 1] {
          highs[code] = max(x + half, (x + marginal.lows[piece + 1]) / 2)
        } else {
          highs[code] = x + half
        }
      }
    }
    self.lows = lows
    self.highs = highs
  }

  func isMissing(_ code: Int) -> Bool {
    column.isNumeric ? code < column.gap : column.marginal.lows[code] < 0
  }

  /// Whether a code stands for more than one value.
  @inline(__always)
  func isInterval(_ code: Int) -> Bool { lows[code] < highs[code] }

  /// Whether any code does.
  var hasIntervals: Bool { zip(lows, highs).contains { $0 < $1 } }

  /// The part of a code's values that limits let through.
  func share(_ code: Int, within limits: CodeLimits) -> Double {
    let (a, b) = (lows[code], highs[code])
    if let allowed = limits.allowed {
      let count = allowed.reduce(0) { $0 + (contains($1, code) ? 1 : 0) }
      if count == 0 { return 0 }
      let unit = prepared.marginal.unit
      return a == b ? 1 : min(1, Double(count) * unit / (b - a))
    }
    if a == b { return a >= limits.low && a <= limits.high ? 1 : 0 }
    let (from, to) = bounds(code, limits)
    return from < to ? (to - from) / (b - a) : 0
  }

  private func contains(_ x: Double, _ code: Int) -> Bool {
    if lows[code] == highs[code] { return x == lows[code] }
    let half = prepared.marginal.unit / 2
    // On the grid alone: the chance of a single value of a continuum is 0.
    return half > 0 && prepared.restored(x) == x && x - half >= lows[code] - half / 8
      && x + half <= highs[code] + half / 8
  }

  private func bounds(_ code: Int, _ limits: CodeLimits?) -> (Double, Double) {
    let half = prepared.marginal.unit / 2
    guard let limits else { return (lows[code], highs[code]) }
    return (max(lows[code], limits.low - half), min(highs[code], limits.high + half))
  }

  /// The number that a code stands for, drawn from its interval.
  ///
  /// - Parameter u: between 0 and 1.
  func number(_ code: Int, _ u: Double, within limits: CodeLimits?) -> Double {
    if lows[code] == highs[code] { return lows[code] }
    if let allowed = limits?.allowed {
      let mine = allowed.filter { contains($0, code) }
      if !mine.isEmpty { return mine[min(mine.count - 1, Int(u * Double(mine.count)))] }
    }
    let (from, to) = bounds(code, limits)
    let half = prepared.marginal.unit / 2
    var x = prepared.restored(from + u * (to - from))
    x = min(max(x, from + half), to - half)
    if column.marginal.column.type != .double { x = x.rounded() }
    if let limits { x = min(max(x, limits.low), limits.high) }
    return x
  }
}
