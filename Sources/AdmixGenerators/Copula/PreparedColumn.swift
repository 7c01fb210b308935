import AdmixData
import AdmixModel
import AdmixStatistics

/// A column's distribution made ready for drawing: from a latent variable to a value.
struct PreparedColumn: Sendable {
  enum Presence { case free, present, missing }

  let marginal: Marginal
  let thresholds: [Double]
  /// The first piece that a cell of the z axis can belong to.
  private let guide: [Int32]
  /// Probability below each piece, and the total at the end.
  private let cumulative: [Double]
  let hasIntervals: Bool
  /// Where the binary latent variable of a column with gaps turns from missing to present.
  let presenceThreshold: Double
  /// How often a value is missing where that has no latent variable.
  let missingShare: Double
  let tag: UInt32
  let missingTag: UInt32

  var presence = Presence.free
  /// What conditions ask for; values that are rounded are kept inside.
  var low = -Double.infinity
  var high = Double.infinity
  var allowed: [Double]?

  private static let cells = 2_048
  private static let reach = 6.0
  private static let scale = Double(cells) / (2 * reach)

  init(_ marginal: Marginal) {
    self.marginal = marginal
    thresholds = marginal.thresholds
    var guide: [Int32] = []
    if thresholds.count > 1 {
      var piece = 0
      for cell in 0..<Self.cells {
        let edge = cell == 0 ? -Double.infinity : Double(cell) / Self.scale - Self.reach
        // One piece early where the edge is a threshold but for rounding.
        while piece < thresholds.count - 1, thresholds[piece] < edge - 1e-9 { piece += 1 }
        guide.append(Int32(piece))
      }
    }
    self.guide = guide
    let total = Double(marginal.present)
    var sum = 0
    cumulative =
      [0]
      + marginal.counts.map { count in
        sum += count
        return Double(sum) / total
      }
    hasIntervals = zip(marginal.lows, marginal.highs).contains { $0 < $1 }
    let missing = Double(marginal.missing)
    missingShare = missing == 0 ? 0 : missing / (missing + total)
    presenceThreshold = NormalDistribution.quantile(missingShare)
    tag = RandomSource.tag(marginal.column.name)
    missingTag = RandomSource.tag(marginal.column.name + "\u{0}missing")
  }

  /// The piece whose interval of the latent variable holds z.
  @inline(__always)
  func piece(_ z: Double) -> Int {
    if guide.isEmpty { return 0 }
    let cell = Int(min(max((z + Self.reach) * Self.scale, 0), Double(Self.cells - 1)))
    var piece = Int(guide[cell])
    let last = thresholds.count - 1
    while piece < last, z >= thresholds[piece] { piece += 1 }
    return piece
  }

  func lowerThreshold(_ piece: Int) -> Double { piece == 0 ? -.infinity : thresholds[piece - 1] }

  /// The number that z stands for.
  @inline(__always)
  func number(_ z: Double) -> Double {
    let piece = piece(z)
    var x = marginal.lows[piece]
    let end = marginal.highs[piece]
    if x < end {
      let from = cumulative[piece]
      let share =
        (NormalDistribution.cumulative(z) - from) / (cumulative[piece + 1] - from)
      x = restored(x + min(max(share, 0), 1) * (end - x))
      let half = marginal.unit / 2
      x = min(max(x, marginal.lows[piece] + half), end - half)
      if marginal.column.type != .double { x = x.rounded() }
    }
    if let allowed { return nearest(x, allowed) }
    return min(max(x, low), high)
  }

  private func nearest(_ x: Double, _ values: [Double]) -> Double {
    var best = values.first ?? x
    for value in values where (value - x).magnitude < (best - x).magnitude { best = value }
    return best
  }

  /// The nearest value that could have been written: whole, or with as many digits as there were.
  func restored(_ x: Double) -> Double {
    if marginal.column.type == .double {
      guard let digits = marginal.decimals else { return x }
      let scale = NumericCounts.powersOfTen[min(max(digits, 0), 9)]
      return (x * scale).rounded() / scale
    }
    let step = marginal.unit
    if step <= 1 { return x.rounded() }
    let first = origin
    return first + ((x - first) / step).rounded() * step
  }

  private var origin: Double {
    guard let low = marginal.lows.first, let high = marginal.highs.first else { return 0 }
    return low < high ? (low + marginal.unit / 2).rounded() : low
  }

  /// The latent values whose numbers are within bounds, and the bounds that values can have.
  func intervals(from low: Double, to high: Double) -> LatentIntervals {
    let half = marginal.unit / 2
    var out: [LatentIntervals.Interval] = []
    for piece in marginal.counts.indices {
      let a = marginal.lows[piece]
      let b = marginal.highs[piece]
      let start = lowerThreshold(piece)
      if a == b {
        if a >= low && a <= high { out.append(.init(low: start, high: thresholds[piece])) }
        continue
      }
      let from = max(a, low - half)
      let to = min(b, high + half)
      if from > to || (from == to && half > 0) { continue }
      let share = cumulative[piece + 1] - cumulative[piece]
      func threshold(_ x: Double) -> Double {
        NormalDistribution.quantile(cumulative[piece] + (x - a) / (b - a) * share)
      }
      out.append(
        .init(
          low: from == a ? start : max(start, threshold(from)),
          high: to == b ? thresholds[piece] : min(thresholds[piece], threshold(to))))
    }
    return LatentIntervals(out.filter { $0.low <= $0.high })
  }

  /// The latent values of some pieces.
  func intervals(where isIncluded: (Int) -> Bool) -> LatentIntervals {
    LatentIntervals(
      marginal.counts.indices.filter(isIncluded).map {
        .init(low: lowerThreshold($0), high: thresholds[$0])
      })
  }
}
