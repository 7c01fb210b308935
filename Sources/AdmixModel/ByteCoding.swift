package import Foundation

/// Writes numbers and texts one after the other, little endian.
package struct ByteWriter {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package mutating func write(_ value: Int64) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  package mutating func write(_ value: Int) { write(Int64(value)) }
  package mutating func write(_ value: Double) { write(Int64(bitPattern: value.bitPattern)) }

  package mutating func write(_ text: String) {
    write(text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  package mutating func write(_ data: Data) {
    write(data.count)
    bytes.append(contentsOf: data)
  }

  package mutating func write(_ values: [Int64]) {
    write(values.count)
    for value in values { write(value) }
  }

  package mutating func write(_ values: [Double]) {
    write(values.count)
    for value in values { write(value) }
  }

  /// Seven bits a byte, the lowest first; small numbers take one byte.
  package mutating func write(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  package var data: Data { Data(bytes) }
}

/// Bytes that are not what a `ByteWriter` wrote.
package struct DamagedBytes: Error {
  package init() {}
}

/// Reads what a `ByteWriter` wrote; never past the end, whatever the bytes are.
package struct ByteReader {
  private let bytes: [UInt8]
  private var position = 0

  package init(_ data: Data) { bytes = Array(data) }

  package mutating func int64() throws -> Int64 {
    guard bytes.count - position >= 8 else { throw DamagedBytes() }
    var value: UInt64 = 0
    bytes.withUnsafeBytes { raw in
      value = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }
    position += 8
    return Int64(bitPattern: value)
  }

  package mutating func int() throws -> Int { Int(try int64()) }
  package mutating func double() throws -> Double {
    Double(bitPattern: UInt64(bitPattern: try int64()))
  }

  package mutating func text() throws -> String {
    let range = try range()
    return bytes.withUnsafeBytes { String(decoding: $0[range], as: UTF8.self) }
  }

  package mutating func data() throws -> Data {
    let range = try range()
    return Data(bytes[range])
  }

  /// How many values of eight bytes follow.
  package mutating func count() throws -> Int {
    let count = try int()
    guard count >= 0, count <= (bytes.count - position) / 8 else { throw DamagedBytes() }
    return count
  }

  package mutating func varint() throws -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < bytes.count, shift < 64 {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw DamagedBytes()
  }

  package mutating func int64s() throws -> [Int64] {
    let count = try count()
    return try (0..<count).map { _ in try int64() }
  }

  package mutating func doubles() throws -> [Double] {
    let count = try count()
    return try (0..<count).map { _ in try double() }
  }

  private mutating func range() throws -> Range<Int> {
    let count = try int()
    guard count >= 0, count <= bytes.count - position else { throw DamagedBytes() }
    defer { position += count }
    return position..<(position + count)
  }
}
