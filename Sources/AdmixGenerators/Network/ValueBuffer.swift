import AdmixData
import AdmixModel

/// A column of drawn values being filled.
struct ValueBuffer {
  /// Codes and days.
  private var codes: [Int32] = []
  /// Whole numbers, microseconds and keys.
  var whole: [Int64] = []
  private var doubles: [Double] = []
  private var isMissing: [Bool] = []
  private var hasMissing = false

  init(_ column: NetworkColumn, rows: Int) {
    isMissing = Array(repeating: false, count: rows)
    if column.coding == nil {
      whole = Array(repeating: 0, count: rows)
      return
    }
    switch column.schema.type {
    case .category, .bool, .text, .date: codes = Array(repeating: 0, count: rows)
    case .int, .datetime: whole = Array(repeating: 0, count: rows)
    case .double: doubles = Array(repeating: 0, count: rows)
    }
  }

  /// - Parameters:
  ///   - levels: of the part's rows.
  ///   - places: where within its level each value is, between 0 and 1.
  mutating func write(
    _ column: NetworkColumn, _ pieces: LevelPieces, _ levels: UnsafeMutablePointer<UInt16>,
    _ places: UnsafeMutablePointer<Double>, _ part: Range<Int>
  ) {
    let valueLevels = column.coding?.valueLevels ?? 0
    let from = part.lowerBound
    for row in part where Int(levels[row - from]) >= valueLevels {
      isMissing[row] = true
      hasMissing = true
    }
    switch column.schema.type {
    case .category, .bool, .text:
      for row in part {
        let level = Int(levels[row - from])
        if level >= valueLevels { continue }
        let piece = pieces.piece(level, places[row - from]).piece
        if piece >= 0 { codes[row] = Int32(pieces.lows[piece]) }
      }
    case .date:
      for row in part {
        let level = Int(levels[row - from])
        if level >= valueLevels { continue }
        codes[row] = Int32(clamping: column.whole(pieces, level, places[row - from]))
      }
    case .int, .datetime:
      for row in part {
        let level = Int(levels[row - from])
        if level >= valueLevels { continue }
        whole[row] = column.whole(pieces, level, places[row - from])
      }
    case .double:
      for row in part {
        let level = Int(levels[row - from])
        if level >= valueLevels { continue }
        doubles[row] = column.number(pieces, level, places[row - from])
      }
    }
  }

  consuming func finish(_ column: NetworkColumn) -> Column {
    let gaps = isMissing
    let validity = hasMissing ? Bitmap(count: gaps.count) { !gaps[$0] } : nil
    if column.coding == nil {
      switch column.schema.type {
      case .int: return Column(.int(Buffer(whole)))
      case .double: return Column(.double(Buffer(whole.map { Double($0) })))
      default: return Column(.text(TextBuffer(whole.map { "S\($0)" })))
      }
    }
    switch column.schema.type {
    case .category:
      return Column(
        .category(Buffer(codes), categories: column.schema.categories), validity: validity)
    case .bool:
      let flags = codes
      return Column(.bool(Bitmap(count: flags.count) { flags[$0] == 1 }), validity: validity)
    case .text:
      let texts = column.texts
      let known = codes
      return Column(
        .text(
          TextBuffer(
            known.indices.map {
              gaps[$0] || Int(known[$0]) >= texts.count ? "" : texts[Int(known[$0])]
            })), validity: validity)
    case .date: return Column(.date(Buffer(codes)), validity: validity)
    case .int: return Column(.int(Buffer(whole)), validity: validity)
    case .datetime: return Column(.datetime(Buffer(whole)), validity: validity)
    case .double: return Column(.double(Buffer(doubles)), validity: validity)
    }
  }
}

extension NetworkColumn {
  /// The number at a place within a level; 0 where the level stands for none.
  @inline(__always)
  fileprivate func number(_ pieces: LevelPieces, _ level: Int, _ place: Double) -> Double {
    let (piece, share) = pieces.piece(level, place)
    if piece < 0 { return 0 }
    let low = pieces.lows[piece]
    let high = pieces.highs[piece]
    if low == high { return low }
    let half = unit / 2
    // Kept inside first: at the very ends rounding would leave the interval.
    let x = low + share * (high - low)
    return half > 0 ? restored(min(max(x, low + half), high - half)) : min(max(x, low), high)
  }

  @inline(__always)
  fileprivate func whole(_ pieces: LevelPieces, _ level: Int, _ place: Double) -> Int64 {
    let x = number(pieces, level, place).rounded()
    return Int64(exactly: x) ?? (x > 0 ? .max : .min)
  }
}
