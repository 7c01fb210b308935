import AdmixModel

/// The values of a column by level, ready for drawing and for being restricted by conditions.
struct LevelPieces: Sendable {
  private(set) var lows: [Double] = []
  private(set) var highs: [Double] = []
  /// Mass of all pieces before each one, and of all at the end.
  private(set) var below: [Double] = [0]
  /// Where each value level's pieces begin, and the end.
  private(set) var starts: [Int] = [0]

  init(_ column: NetworkColumn) {
    lows = column.lows
    highs = column.highs
    starts = column.starts
    var sum = 0.0
    for count in column.counts {
      sum += Double(count)
      below.append(sum)
    }
  }

  private init() {}

  var levels: Int { starts.count - 1 }
  func mass(_ level: Int) -> Double { below[starts[level + 1]] - below[starts[level]] }
  func mass(piece: Int) -> Double { below[piece + 1] - below[piece] }

  /// The pieces that a rule leaves, each with the part of its mass that it keeps.
  ///
  /// - Parameter keep: given a piece's ends, what is left of it: new ends and a share of its mass.
  func restricted(_ keep: (Double, Double) -> [(low: Double, high: Double, share: Double)])
    -> LevelPieces
  {
    var out = LevelPieces()
    var sum = 0.0
    for level in 0..<levels {
      for piece in starts[level]..<starts[level + 1] {
        for part in keep(lows[piece], highs[piece]) where part.share > 0 {
          out.lows.append(part.low)
          out.highs.append(part.high)
          sum += mass(piece: piece) * part.share
          out.below.append(sum)
        }
      }
      out.starts.append(out.lows.count)
    }
    return out
  }

  /// The piece that a number between 0 and 1 falls on within a level, and where in it.
  ///
  /// - Returns: the piece −1 where the level has none.
  @inline(__always)
  func piece(_ level: Int, _ u: Double) -> (piece: Int, share: Double) {
    var low = starts[level]
    let end = starts[level + 1]
    if end == low + 1 { return (low, u) }
    if end == low { return (-1, u) }
    let target = below[low] + u * (below[end] - below[low])
    var size = end - low
    while size > 1 {
      let half = size / 2
      if below[low + half] <= target {
        low += half
        size -= half
      } else {
        size = half
      }
    }
    let mass = below[low + 1] - below[low]
    return (low, mass > 0 ? (target - below[low]) / mass : 0)
  }
}
