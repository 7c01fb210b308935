package import AdmixModel
package import Foundation

/// Writes numbers and texts one after the other, little-endian, the same bytes on every machine.
package struct PackedWriter {
  package private(set) var data = Data()

  package init() {}

  package mutating func append(_ value: Int) {
    withUnsafeBytes(of: Int64(value).littleEndian) { data.append(contentsOf: $0) }
  }

  package mutating func append(_ value: Double) {
    withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
  }

  package mutating func append(_ text: String) {
    append(text.utf8.count)
    data.append(contentsOf: text.utf8)
  }

  package mutating func append(_ values: [Int]) {
    append(values.count)
    for value in values { append(value) }
  }

  package mutating func append(_ values: [Double]) {
    append(values.count)
    for value in values { append(value) }
  }

  package mutating func append(_ values: [UInt64]) {
    append(values.count)
    for value in values {
      withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
    }
  }
}

/// Reads what `PackedWriter` wrote, and believes none of it: a damaged artifact is an error.
package struct PackedReader {
  package static let damaged = Diagnostic.error(
    "AX0954", "stored statistics cannot be read", cause: "the artifact is damaged",
    hint: "admix verify")

  private let bytes: [UInt8]
  private var at = 0

  package init(_ data: Data) { bytes = Array(data) }

  package var isAtEnd: Bool { at == bytes.count }

  private mutating func word() throws -> UInt64 {
    guard bytes.count - at >= 8 else { throw Self.damaged }
    let value = bytes.withUnsafeBytes {
      UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    }
    at += 8
    return value
  }

  package mutating func int() throws -> Int { Int(Int64(bitPattern: try word())) }
  package mutating func double() throws -> Double { Double(bitPattern: try word()) }

  package mutating func text() throws -> String {
    let count = try int()
    guard count >= 0, count <= bytes.count - at else { throw Self.damaged }
    defer { at += count }
    return String(decoding: bytes[at..<at + count], as: UTF8.self)
  }

  /// A count of things of which each takes at least this many bytes.
  package mutating func count(ofAtLeast size: Int = 8) throws -> Int {
    let count = try int()
    guard count >= 0, count <= (bytes.count - at) / max(1, size) else { throw Self.damaged }
    return count
  }

  package mutating func ints() throws -> [Int] {
    let count = try count()
    var values: [Int] = []
    values.reserveCapacity(count)
    for _ in 0..<count { values.append(try int()) }
    return values
  }

  package mutating func doubles() throws -> [Double] {
    let count = try count()
    var values: [Double] = []
    values.reserveCapacity(count)
    for _ in 0..<count { values.append(try double()) }
    return values
  }

  package mutating func words() throws -> [UInt64] {
    let count = try count()
    var values: [UInt64] = []
    values.reserveCapacity(count)
    for _ in 0..<count { values.append(try word()) }
    return values
  }
}
