import Foundation

/// Writes numbers and texts one after the other, little endian.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  mutating func write(_ value: Int64) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func write(_ value: Int) { write(Int64(value)) }
  mutating func write(_ value: Double) { write(Int64(bitPattern: value.bitPattern)) }

  mutating func write(_ text: String) {
    write(text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  mutating func write(_ values: [Int64]) {
    write(values.count)
    for value in values { write(value) }
  }

  mutating func write(_ values: [Double]) {
    write(values.count)
    for value in values { write(value) }
  }

  var data: Data { Data(bytes) }
}

/// Bytes that are not what a `ByteWriter` wrote.
struct DamagedStatistics: Error {}

/// Reads what a `ByteWriter` wrote; never past the end, whatever the bytes are.
struct ByteReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ data: Data) { bytes = Array(data) }

  mutating func int64() throws -> Int64 {
    guard bytes.count - position >= 8 else { throw DamagedStatistics() }
    var value: UInt64 = 0
    bytes.withUnsafeBytes { raw in
      value = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }
    position += 8
    return Int64(bitPattern: value)
  }

  mutating func int() throws -> Int { Int(try int64()) }
  mutating func double() throws -> Double {
    Double(bitPattern: UInt64(bitPattern: try int64()))
  }

  mutating func text() throws -> String {
    let count = try int()
    guard count >= 0, count <= bytes.count - position else { throw DamagedStatistics() }
    defer { position += count }
    return String(decoding: bytes[position..<(position + count)], as: UTF8.self)
  }

  mutating func count() throws -> Int {
    let count = try int()
    guard count >= 0, count <= (bytes.count - position) / 8 else { throw DamagedStatistics() }
    return count
  }

  mutating func int64s() throws -> [Int64] {
    let count = try count()
    return try (0..<count).map { _ in try int64() }
  }

  mutating func doubles() throws -> [Double] {
    let count = try count()
    return try (0..<count).map { _ in try double() }
  }
}
