import AdmixModel
import Foundation

/// The lines of a file, a piece of the file at a time; `\n` and `\r\n` end a line.
struct LineReader {
  private static let pieceBytes = 1 << 18

  private let descriptor: OwnedDescriptor
  private let name: String
  private let maxLineBytes: Int
  /// What is read goes here first, as an array cannot grow by bytes that are not there yet.
  private var scratch = [UInt8](repeating: 0, count: pieceBytes)
  private var piece: [UInt8] = []
  private var position = 0
  private var isAtEnd = false
  /// The number of the line that was given last, from 1.
  private(set) var line = 0

  init(_ path: String, name: String, maxLineBytes: Int = 256 << 20) throws {
    descriptor = try OwnedDescriptor(reading: path, name: name)
    self.name = name
    self.maxLineBytes = maxLineBytes
  }

  /// Calls the body with the next line, without its end; false after the last one.
  mutating func next(_ body: (UnsafeBufferPointer<UInt8>) throws -> Void) throws -> Bool {
    var searched = position
    while true {
      let end = piece.withUnsafeBytes { bytes -> Int? in
        guard let base = bytes.baseAddress, searched < bytes.count,
          let found = memchr(base + searched, 0x0a, bytes.count - searched)
        else { return nil }
        return UnsafeRawPointer(found) - base
      }
      if let end {
        try give(position..<end, body)
        position = end + 1
        return true
      }
      if isAtEnd {
        guard position < piece.count else { return false }
        try give(position..<piece.count, body)
        position = piece.count
        return true
      }
      guard piece.count - position <= maxLineBytes else {
        throw Diagnostic.error(
          "AX0456", at: SourceSpan(file: name, line: line + 1, column: 1),
          "the line is longer than \(maxLineBytes >> 20) MiB")
      }
      piece.removeFirst(position)
      position = 0
      searched = piece.count
      try fill()
    }
  }

  private mutating func give(
    _ range: Range<Int>, _ body: (UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    line += 1
    try piece.withUnsafeBufferPointer { bytes in
      var range = range
      if line == 1, range.count >= 3, bytes[0] == 0xef, bytes[1] == 0xbb, bytes[2] == 0xbf {
        range = range.lowerBound + 3..<range.upperBound
      }
      if let last = range.last, bytes[last] == 0x0d { range = range.lowerBound..<last }
      try body(UnsafeBufferPointer(rebasing: bytes[range]))
    }
  }

  private mutating func fill() throws {
    let count = try scratch.withUnsafeMutableBytes { try descriptor.read(into: $0) }
    piece.append(contentsOf: scratch[0..<count])
    isAtEnd = count == 0
  }
}

/// An open file, closed with the object.
final class OwnedDescriptor {
  private let descriptor: Int32
  private let name: String

  init(reading path: String, name: String) throws {
    self.name = name
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw Self.problem(name, "read") }
  }

  init(writing path: String, name: String, appending: Bool = false) throws {
    self.name = name
    descriptor = open(
      path, O_WRONLY | O_CREAT | O_CLOEXEC | (appending ? O_APPEND : O_TRUNC), 0o666)
    if descriptor < 0 { throw Self.problem(name, "written") }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// How many bytes came; 0 at the end of the file.
  func read(into bytes: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      let count = Foundation.read(descriptor, bytes.baseAddress, bytes.count)
      if count >= 0 { return count }
      if errno != EINTR { throw Self.problem(name, "read") }
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while rest.count > 0 {
      let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw Self.problem(name, "written")
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  private static func problem(_ name: String, _ verb: String) -> Diagnostic {
    .error(
      "AX0454", at: SourceSpan(file: name, line: 0, column: 0), "'\(name)' cannot be \(verb)",
      cause: String(cString: strerror(errno)))
  }
}
