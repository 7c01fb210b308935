import AdmixModel
import Foundation

/// Reads one JSON object (RFC 8259), member by member, without building a tree.
///
/// Strings, numbers and nesting are held to the same rules as `JSONValue(parsing:)`.
struct JSONObjectScanner {
  enum Value {
    case null
    case bool(Bool)
    /// A number as written; whole when it has neither point nor exponent.
    case number(UnsafeBufferPointer<UInt8>, isWhole: Bool)
    /// A string without quotes; it may still have escapes in it.
    case string(UnsafeBufferPointer<UInt8>, hasEscapes: Bool)
    /// An object or a list, as written and checked.
    case nested(JSONValue)
  }

  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0

  /// - Parameter line: valid while this is used.
  init(_ line: UnsafeBufferPointer<UInt8>) { bytes = line }

  /// True for a line of white space.
  var isBlank: Bool { bytes.allSatisfy(Self.isSpace) }

  /// Calls the body for each member in order.
  ///
  /// Duplicate keys are for the caller to see.
  mutating func scan(
    _ body: (_ key: UnsafeBufferPointer<UInt8>, _ keyHasEscapes: Bool, Value) throws -> Void
  ) throws {
    guard Self.isUTF8(bytes) else { throw LineProblem.at(0, "the text is not UTF-8") }
    skipSpace()
    guard take(UInt8(ascii: "{")) else { throw error("the line is not a JSON object") }
    skipSpace()
    if !take(UInt8(ascii: "}")) {
      while true {
        skipSpace()
        guard next == UInt8(ascii: "\"") else { throw error("a key in quotes is expected") }
        let (key, keyHasEscapes) = try string()
        skipSpace()
        guard take(UInt8(ascii: ":")) else { throw error("':' is expected") }
        skipSpace()
        try body(key, keyHasEscapes, try value())
        skipSpace()
        if take(UInt8(ascii: "}")) { break }
        guard take(UInt8(ascii: ",")) else { throw error("',' or '}' is expected") }
      }
    }
    skipSpace()
    guard position == bytes.count else { throw error("something follows the object") }
  }

  /// The text that a string in JSON stands for.
  static func text(_ raw: UnsafeBufferPointer<UInt8>, hasEscapes: Bool) throws -> String {
    if !hasEscapes { return String(decoding: raw, as: UTF8.self) }
    var quoted: [UInt8] = [UInt8(ascii: "\"")]
    quoted.append(contentsOf: raw)
    quoted.append(UInt8(ascii: "\""))
    do {
      if case .string(let text) = try JSONValue(parsing: quoted) { return text }
    } catch { throw LineProblem.at(error.offset, error.fact) }
    throw LineProblem.at(0, "an unknown escape")
  }

  static func double(_ number: UnsafeBufferPointer<UInt8>) -> Double? {
    guard let value = Double(String(decoding: number, as: UTF8.self)), value.isFinite else {
      return nil
    }
    return value
  }

  static func int(_ number: UnsafeBufferPointer<UInt8>) -> Int64? {
    let isNegative = number.first == UInt8(ascii: "-")
    var value: Int64 = 0
    for digit in number.dropFirst(isNegative ? 1 : 0) {
      // Built up on the negative side, which reaches one further.
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, tooSmall) = product.subtractingReportingOverflow(Int64(digit) - 0x30)
      if tooLarge || tooSmall { return nil }
      value = sum
    }
    if isNegative { return value }
    return value == .min ? nil : -value
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
  }

  private static func isUTF8(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func error(_ fact: String) -> LineProblem { .at(position, fact) }

  private mutating func skipSpace() {
    while let byte = next, Self.isSpace(byte) { position += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  private mutating func value() throws -> Value {
    switch next {
    case UInt8(ascii: "\""):
      let (raw, hasEscapes) = try string()
      return .string(raw, hasEscapes: hasEscapes)
    case UInt8(ascii: "{"), UInt8(ascii: "["): return .nested(try nested())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case nil: throw error("the line ends too early")
    default: return try number()
    }
  }

  private mutating func word(_ text: StaticString, _ value: Value) throws -> Value {
    let count = text.utf8CodeUnitCount
    guard position + count <= bytes.count,
      (0..<count).allSatisfy({ bytes[position + $0] == text.utf8Start[$0] })
    else { throw error("not a JSON value") }
    position += count
    return value
  }

  private mutating func string() throws -> (UnsafeBufferPointer<UInt8>, Bool) {
    position += 1
    let start = position
    var hasEscapes = false
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        let raw = UnsafeBufferPointer(rebasing: bytes[start..<position])
        position += 1
        // Escapes are checked also where nobody asks for the text.
        if hasEscapes {
          do { _ = try Self.text(raw, hasEscapes: true) } catch let problem as LineProblem {
            throw LineProblem.at(start + problem.offset - 1, problem.fact)
          }
        }
        return (raw, hasEscapes)
      case UInt8(ascii: "\\"):
        hasEscapes = true
        position += 2
      case 0..<0x20: throw error("a control character stands in a string")
      default: position += 1
      }
    }
    throw error("a string is not closed")
  }

  private mutating func nested() throws -> JSONValue {
    let start = position
    var depth = 0
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        _ = try string()
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default: break
      }
      position += 1
      if depth == 0 {
        do { return try JSONValue(parsing: Array(bytes[start..<position])) } catch {
          throw LineProblem.at(start + error.offset, error.fact)
        }
      }
    }
    throw error("the line ends too early")
  }

  private mutating func digits() -> Int {
    let start = position
    while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
    return position - start
  }

  private mutating func number() throws -> Value {
    let start = position
    _ = take(UInt8(ascii: "-"))
    let leadingZero = next == UInt8(ascii: "0")
    let whole = digits()
    guard whole > 0, !(leadingZero && whole > 1) else {
      position = start
      throw error("not a JSON value")
    }
    var isWhole = true
    if take(UInt8(ascii: ".")) {
      isWhole = false
      guard digits() > 0 else { throw error("digits are expected after the point") }
    }
    if let byte = next, byte | 0x20 == UInt8(ascii: "e") {
      isWhole = false
      position += 1
      if !take(UInt8(ascii: "-")) { _ = take(UInt8(ascii: "+")) }
      guard digits() > 0 else { throw error("digits are expected in the exponent") }
    }
    let text = UnsafeBufferPointer(rebasing: bytes[start..<position])
    if !isWhole, Self.double(text) == nil {
      throw LineProblem.at(start, "a number is out of range")
    }
    return .number(text, isWhole: isWhole)
  }
}

/// Why a line is not what it should be, and where.
struct LineProblem: Error {
  /// Counted from 0, in bytes.
  var offset: Int
  var fact: String

  static func at(_ offset: Int, _ fact: String) -> LineProblem {
    LineProblem(offset: offset, fact: fact)
  }
}
