package import Foundation

/// A part of all possible keys, small enough that its keys fit in memory.
///
/// Keys are spread evenly, so equal parts of their range hold about equally many of them; and equal
/// keys are always in one part.
package struct KeyBucket: Hashable, Sendable {
  /// How many of a key's first bits say in which bucket it is.
  package var bits: Int
  package var index: Int

  package init(bits: Int, index: Int) {
    self.bits = min(max(bits, 0), 16)
    self.index = index
  }

  /// Enough buckets that each holds about `most` keys or fewer, of this many in all.
  package static func all(of keys: Int, most: Int = 1 << 20) -> [KeyBucket] {
    var bits = 0
    while bits < 16, keys >> bits > most { bits += 1 }
    return (0..<(1 << bits)).map { KeyBucket(bits: bits, index: $0) }
  }

  /// The first key of the bucket; nil after the last bucket.
  var start: UInt64? {
    guard index >> bits == 0 else { return nil }
    return bits == 0 ? 0 : UInt64(index) << (64 - UInt64(bits))
  }
}

/// Keys in rising order as an artifact holds them, each with the number of its row where rows were kept.
///
/// Only what is asked for is touched: a mapped file costs the memory of the keys that are read.
package struct KeyFile {
  private let data: Data
  package let count: Int

  /// - Parameter rows: as many as there are keys, or none.
  package static func write(_ keys: [RowKey], rows: [Int] = [], to out: inout PackedWriter) {
    RowKeys.write(keys, to: &out)
    out.append(rows)
  }

  package init(_ data: Data) throws {
    self.data = data
    guard data.count >= 8 else { throw PackedReader.damaged }
    let words = data.withUnsafeBytes {
      UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))
    }
    guard words % 2 == 0, words <= UInt64(data.count / 8) else { throw PackedReader.damaged }
    count = Int(words / 2)
  }

  private func word(_ place: Int) throws -> UInt64 {
    guard place >= 0, place < data.count / 8 else { throw PackedReader.damaged }
    return data.withUnsafeBytes {
      UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: place * 8, as: UInt64.self))
    }
  }

  private func place(of start: UInt64?) throws -> Int {
    guard let start else { return count }
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if try word(1 + 2 * middle) < start { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Where the keys of a bucket are.
  package func places(_ bucket: KeyBucket) throws -> Range<Int> {
    let low = try place(of: bucket.start)
    let high = try place(of: KeyBucket(bits: bucket.bits, index: bucket.index + 1).start)
    guard low <= high else { throw PackedReader.damaged }
    return low..<high
  }

  package func keys(_ places: Range<Int>) throws -> [RowKey] {
    try places.map { RowKey(high: try word(1 + 2 * $0), low: try word(2 + 2 * $0)) }
  }

  package func keys(_ bucket: KeyBucket) throws -> [RowKey] { try keys(places(bucket)) }

  /// The numbers of the rows of these keys.
  package func rows(_ places: Range<Int>) throws -> [Int] {
    guard try word(1 + 2 * count) == UInt64(count) else { throw PackedReader.damaged }
    return try places.map { Int(Int64(bitPattern: try word(2 + 2 * count + $0))) }
  }
}

/// Numbers in rising order as an artifact holds them, see `KeyFile`: all doubles, of which none is NaN,
/// or all whole numbers.
package struct NumberFile {
  private let data: Data
  package let count: Int

  package static func write(_ numbers: [Double], to out: inout PackedWriter) { out.append(numbers) }

  package static func write(_ numbers: [Int64], to out: inout PackedWriter) {
    out.append(numbers.map { UInt64(bitPattern: $0) })
  }

  package init(_ data: Data) throws {
    self.data = data
    guard data.count >= 8,
      let count = data.withUnsafeBytes({
        Int(exactly: UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)))
      }), count <= data.count / 8 - 1
    else { throw PackedReader.damaged }
    self.count = count
  }

  private subscript(place: Int) -> UInt64 {
    data.withUnsafeBytes {
      UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8 + place * 8, as: UInt64.self))
    }
  }

  /// The middle number of all files, or the mean of the two in the middle; nil where there are none.
  package static func median(_ files: [NumberFile]) -> Double? {
    guard
      let (low, high) = middle(
        files,
        // One zero, not two that are equal and yet have an order.
        order: { $0 == 1 << 63 ? 1 << 63 : $0 >> 63 == 1 ? ~$0 : $0 | 1 << 63 })
    else { return nil }
    func number(_ ordered: UInt64) -> Double {
      Double(bitPattern: ordered >> 63 == 1 ? ordered & ~(1 << 63) : ~ordered)
    }
    let (a, b) = (number(low), number(high))
    if low == high { return a }
    // Half of a small number may not be exact, and the sum of large ones is beyond all doubles.
    return (a + b).isFinite ? (a + b) / 2 : a / 2 + b / 2
  }

  /// The same of files of whole numbers: the mean of two is rounded, halves away from zero.
  package static func wholeMedian(_ files: [NumberFile]) -> Int64? {
    guard let (low, high) = middle(files, order: { $0 ^ 1 << 63 }) else { return nil }
    let (a, b) = (Int64(bitPattern: low ^ 1 << 63), Int64(bitPattern: high ^ 1 << 63))
    return WholeSum([a, b]).mean
  }

  /// The two numbers in the middle as words in their order, one and the same where the count is odd.
  ///
  /// Halves the range of all words until one is left, so nothing is read but the numbers that are
  /// looked at.
  private static func middle(_ files: [NumberFile], order: (UInt64) -> UInt64)
    -> (low: UInt64, high: UInt64)?
  {
    let total = files.reduce(0) { $0 + $1.count }
    guard total > 0 else { return nil }
    func count(_ file: NumberFile, upTo word: UInt64) -> Int {
      var low = 0
      var high = file.count
      while low < high {
        let middle = (low + high) / 2
        if order(file[middle]) <= word { low = middle + 1 } else { high = middle }
      }
      return low
    }
    let rank = (total + 1) / 2
    var low = UInt64.min
    var high = UInt64.max
    while low < high {
      let middle = low + (high - low) / 2
      if files.reduce(0, { $0 + count($1, upTo: middle) }) >= rank {
        high = middle
      } else {
        low = middle + 1
      }
    }
    guard total % 2 == 0 else { return (low, low) }
    // The one after it: equal where there are more of them, else the least of those above.
    let upTo = files.map { count($0, upTo: low) }
    if upTo.reduce(0, +) > rank { return (low, low) }
    let next = zip(files, upTo).filter { $1 < $0.count }.map { order($0[$1]) }.min()
    return (low, next ?? low)
  }
}
