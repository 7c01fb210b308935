import AdmixData
import AdmixModel
import Foundation

/// The rows of a partition as codes, column after column, in as few bytes as a column's codes need.
///
/// Where the training data has more rows than are learned from, a row is kept with the same chance
/// everywhere. Which ones is decided by the partition's own content, so a change elsewhere changes nothing.
struct CodedRows {
  private(set) var rows: Int
  /// By learned column.
  private(set) var codes: [[Int32]]

  /// - Parameter share: the part of the rows that is kept, from 0 to 1.
  init(_ batch: Batch, _ columns: [TreeColumn], share: Double) throws {
    codes = try columns.map { column in
      guard let values = batch[column.name] else { throw DamagedBytes() }
      return try column.codes(of: values)
    }
    rows = batch.rows
    guard share < 1 else { return }
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for column in codes {
      for code in column { hash = (hash ^ UInt64(UInt32(bitPattern: code))) &* 0x100_0000_01B3 }
    }
    let random = RandomSource(seed: hash, salt: "sequential-trees rows")
    let kept = (0..<rows).filter { random.uniform(row: UInt64($0), tag: 0) < share }
    codes = codes.map { column in kept.map { column[$0] } }
    rows = kept.count
  }

  func encoded(_ columns: [TreeColumn]) -> Data {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 + columns.reduce(0) { $0 + $1.width * rows })
    withUnsafeBytes(of: UInt64(rows).littleEndian) { bytes.append(contentsOf: $0) }
    for (column, codes) in zip(columns, codes) {
      for code in codes {
        let word = UInt32(bitPattern: code)
        bytes.append(UInt8(truncatingIfNeeded: word))
        if column.width > 1 { bytes.append(UInt8(truncatingIfNeeded: word >> 8)) }
        if column.width > 2 {
          bytes.append(UInt8(truncatingIfNeeded: word >> 16))
          bytes.append(UInt8(truncatingIfNeeded: word >> 24))
        }
      }
    }
    return Data(bytes)
  }

  /// Appends the rows of encoded parts to `codes`, one array per column.
  static func append(_ data: Data, _ columns: [TreeColumn], to codes: inout [[Int32]]) throws {
    let bytes = [UInt8](data)
    guard bytes.count >= 8 else { throw DamagedBytes() }
    var count: UInt64 = 0
    for at in 0..<8 { count |= UInt64(bytes[at]) << UInt64(8 * at) }
    let perRow = columns.reduce(0) { $0 + $1.width }
    // Without learned columns there is nothing to a row.
    let rows = perRow == 0 ? 0 : (bytes.count - 8) / perRow
    guard perRow == 0 || count == UInt64(rows), 8 + rows * perRow == bytes.count else {
      throw DamagedBytes()
    }
    var at = 8
    for (index, column) in columns.enumerated() {
      codes[index].reserveCapacity(codes[index].count + rows)
      let limit = UInt32(column.codeCount)
      for _ in 0..<rows {
        var word = UInt32(bytes[at])
        if column.width > 1 { word |= UInt32(bytes[at + 1]) << 8 }
        if column.width > 2 { word |= UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24 }
        at += column.width
        guard word < limit else { throw DamagedBytes() }
        codes[index].append(Int32(word))
      }
    }
  }
}
