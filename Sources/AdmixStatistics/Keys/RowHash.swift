package import AdmixData
import AdmixModel

/// 128 bits that stand for the values of a row: equal rows have equal keys, and different rows of any
/// table that fits on a disk practically never do.
package struct RowKey: Hashable, Sendable, Comparable {
  package var high: UInt64
  package var low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  package static func < (a: RowKey, b: RowKey) -> Bool {
    a.high != b.high ? a.high < b.high : a.low < b.low
  }
}

/// Keys of rows by what they say, not by how a partition stores it.
///
/// A category and a text with the same letters are equal, so are 3 and 3.0, and two missing values.
package enum RowHash {
  package static func keys(_ columns: [Column], rows: Int) -> [RowKey] {
    var keys = [RowKey](
      repeating: RowKey(high: 0x243F_6A88_85A3_08D3, low: 0x1319_8A2E_0370_7344), count: rows)
    for column in columns { mix(column, into: &keys) }
    return keys
  }

  private static let missing = RowKey(high: 0x6D69_7373_696E_6721, low: 0x0A40_9382_2299_F31D)

  private static func mix(_ column: Column, into keys: inout [RowKey]) {
    let rows = min(keys.count, column.count)
    switch column.values {
    case .int(let buffer):
      for row in 0..<rows { keys[row].add(column.isMissing(row) ? missing : whole(buffer[row])) }
    case .datetime(let buffer):
      for row in 0..<rows { keys[row].add(column.isMissing(row) ? missing : whole(buffer[row])) }
    case .date(let buffer):
      for row in 0..<rows {
        keys[row].add(column.isMissing(row) ? missing : whole(Int64(buffer[row])))
      }
    case .double(let buffer):
      for row in 0..<rows { keys[row].add(column.isMissing(row) ? missing : number(buffer[row])) }
    case .bool(let bits):
      let words = ["false", "true"].map(text)
      for row in 0..<rows {
        keys[row].add(column.isMissing(row) ? missing : words[bits[row] ? 1 : 0])
      }
    case .category(let codes, let categories):
      let words = categories.map(text)
      for row in 0..<rows {
        keys[row].add(column.isMissing(row) ? missing : words[Int(codes[row])])
      }
    case .text(let texts):
      for row in 0..<rows {
        keys[row].add(column.isMissing(row) ? missing : bytes(texts.utf8(row)))
      }
    }
  }

  private static func whole(_ value: Int64) -> RowKey {
    RowKey(high: 0x696E_7400, low: UInt64(bitPattern: value))
  }

  private static func number(_ value: Double) -> RowKey {
    if value.isNaN { return missing }
    if let exact = Int64(exactly: value) { return whole(exact) }
    return RowKey(high: 0x666C_7400, low: value.bitPattern)
  }

  private static func text(_ text: String) -> RowKey {
    var text = text
    return text.withUTF8 { bytes($0) }
  }

  private static func bytes(_ bytes: UnsafeBufferPointer<UInt8>) -> RowKey {
    var key = RowKey(high: 0x7465_7874, low: UInt64(bytes.count))
    let raw = UnsafeRawBufferPointer(bytes)
    var at = 0
    while raw.count - at >= 8 {
      key.add(
        RowKey(
          high: 1, low: UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        ))
      at += 8
    }
    var tail: UInt64 = 0
    while at < raw.count {
      tail = tail << 8 | UInt64(raw[at])
      at += 1
    }
    key.add(RowKey(high: 2, low: tail))
    return key
  }
}

extension RowKey {
  /// Two lanes of the finaliser of SplitMix64 (Steele, Lea and Flood, 2014) with different constants;
  /// each lane is a bijection of its own state, so nothing is lost from column to column.
  fileprivate mutating func add(_ value: RowKey) {
    high = Self.stir((high ^ value.low) &* 0x9E37_79B9_7F4A_7C15 &+ value.high)
    low = Self.stir(
      (low &+ value.low) &* 0xD6E8_FEB8_6659_FD93 ^ (value.high &* 0xA24B_AED4_963E_E407))
  }

  private static func stir(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Keys in rising order, for joins between artifacts.
package enum RowKeys {
  package static func write(_ keys: [RowKey], to out: inout PackedWriter) {
    out.append(keys.flatMap { [$0.high, $0.low] })
  }

  package static func read(from reader: inout PackedReader) throws -> [RowKey] {
    let words = try reader.words()
    guard words.count % 2 == 0 else { throw PackedReader.damaged }
    return stride(from: 0, to: words.count, by: 2).map {
      RowKey(high: words[$0], low: words[$0 + 1])
    }
  }

  /// How many of the keys occur in the other list; both rising, repeats counted each time.
  package static func common(_ keys: [RowKey], in other: [RowKey]) -> Int {
    var at = 0
    var found = 0
    for key in keys {
      while at < other.count, other[at] < key { at += 1 }
      if at == other.count { break }
      if other[at] == key { found += 1 }
    }
    return found
  }
}
