import AdmixData
import AdmixModel

extension LevelRows {
  /// Levels of a batch's columns, which are found by name, and after those their groups.
  init(_ batch: Batch, _ codings: [LevelCoding]) throws {
    rows = batch.rows
    let full = try codings.map { coding -> [UInt16] in
      guard let column = batch[coding.name], column.type == coding.type else {
        throw DamagedBytes()
      }
      return coding.code(column)
    }
    let grouped = zip(full, codings).map { codes, coding -> [UInt16] in
      if coding.groups == 0 { return [] }
      let groups = coding.groupOfLevel.map { UInt16($0) }
      return codes.map { groups[Int($0)] }
    }
    columns = full + grouped
  }
}

extension LevelCoding {
  /// The level of every row; values that are not finite count as missing.
  func code(_ column: Column) -> [UInt16] {
    let n = column.count
    let gap = UInt16(missing ?? 0)
    var out: [UInt16]
    switch column.values {
    case .int(let buffer), .datetime(let buffer): out = code(n) { buffer.unsafe[$0] }
    case .date(let buffer): out = code(n) { Int64(buffer.unsafe[$0]) }
    case .double(let buffer):
      let values = buffer.unsafe
      out = [UInt16](unsafeUninitializedCapacity: n) { out, count in
        for row in 0..<n {
          let x = values[row]
          out[row] = x.isFinite ? UInt16(level(of: x)) : gap
        }
        count = n
      }
    case .category(let codes, let categories):
      let index = CategoryIndex(levels)
      let rest = UInt16(hasRest ? levels.count : 0)
      let map = categories.map { index.code(of: $0).map { UInt16($0) } ?? rest }
      let values = codes.unsafe
      out = [UInt16](unsafeUninitializedCapacity: n) { out, count in
        for row in 0..<n {
          let code = Int(values[row])
          // At a missing place the code is anything.
          out[row] = code >= 0 && code < map.count ? map[code] : gap
        }
        count = n
      }
    case .bool(let bits):
      let index = CategoryIndex(levels)
      let no = UInt16(index.code(of: "false") ?? 0)
      let yes = UInt16(index.code(of: "true") ?? 0)
      out = (0..<n).map { bits[$0] ? yes : no }
    case .text(let texts):
      let index = CategoryIndex(levels)
      let rest = UInt16(hasRest ? levels.count : 0)
      out =
        levels.isEmpty
        ? [UInt16](repeating: rest, count: n)
        : (0..<n).map { index.code(of: texts[$0]).map { UInt16($0) } ?? rest }
    }
    if column.validity != nil {
      for row in 0..<n where column.isMissing(row) { out[row] = gap }
    }
    return out
  }

  /// Whole numbers, by a table where they lie close enough together.
  private func code(_ n: Int, _ value: (Int) -> Int64) -> [UInt16] {
    if edges.isEmpty { return [UInt16](repeating: 0, count: n) }
    let low = edges[0]
    let high = edges[edges.count - 1]
    // Below the table everything is level 0, above it the last level.
    if high - low < 65_536, low.magnitude < 1e15, high.magnitude < 1e15 {
      let from = Int64(low.rounded(.down))
      let to = Int64(high.rounded(.up))
      let table = (from...to).map { UInt16(level(of: Double($0))) }
      let last = UInt16(edges.count)
      return [UInt16](unsafeUninitializedCapacity: n) { out, count in
        table.withUnsafeBufferPointer { table in
          for row in 0..<n {
            let x = value(row)
            out[row] = x < from ? 0 : x > to ? last : table[Int(x &- from)]
          }
        }
        count = n
      }
    }
    return [UInt16](unsafeUninitializedCapacity: n) { out, count in
      edges.withUnsafeBufferPointer { edges in
        for row in 0..<n {
          let x = Double(value(row))
          var low = 0
          var size = edges.count
          // The number of edges that are not above x.
          while size > 0 {
            let half = size / 2
            if x >= edges[low + half] {
              low += half + 1
              size -= half + 1
            } else {
              size = half
            }
          }
          out[row] = UInt16(low)
        }
      }
      count = n
    }
  }
}
