package import AdmixModel

/// The text of one file, with the places of its lines.
package struct SourceText: Sendable {
  package let file: String
  /// UTF-8, without a byte order mark.
  let bytes: [UInt8]
  /// Where each line begins, in scalars and in bytes.
  private let lineStarts: [LineStart]

  private struct LineStart: Sendable {
    var scalar: Int
    var byte: Int
  }

  /// Checks that the bytes are text that YAML may hold.
  package init(_ content: [UInt8], file: String) throws(Diagnostics) {
    self.file = file
    bytes = content.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(content.dropFirst(3)) : content
    var scan = TextScan(bytes: bytes)
    var starts = [LineStart(scalar: 0, byte: 0)]
    while let scalar = scan.next() {
      if scalar == 0x0A || (scalar == 0x0D && scan.peek != 0x0A) {
        starts.append(LineStart(scalar: scan.scalars, byte: scan.position))
      } else if let problem = Self.problem(scalar) {
        lineStarts = starts
        throw Diagnostics([
          .error(
            problem.code, at: span(from: scan.scalars - 1, to: scan.scalars), problem.fact,
            cause: problem.cause, hint: problem.hint)
        ])
      }
    }
    lineStarts = starts
    if scan.isInvalid {
      let utf16 = content.starts(with: [0xFF, 0xFE]) || content.starts(with: [0xFE, 0xFF])
      throw Diagnostics([
        .error(
          "AX0103", at: span(from: scan.scalars, to: scan.scalars + 1),
          "the file is not UTF-8 here",
          cause: utf16
            ? "it begins like a UTF-16 file" : "the bytes at this place are no UTF-8 character",
          hint: "save the file as UTF-8")
      ])
    }
  }

  private struct Problem {
    var code: String
    var fact: String
    var cause: String
    var hint: String?
  }

  /// What is wrong with a character that YAML's `c-printable` leaves out, or that libyaml misreads.
  private static func problem(_ scalar: UInt32) -> Problem? {
    switch scalar {
    case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFFFD,
      0x10000...0x10FFFF:
      return nil
    case 0x85, 0x2028, 0x2029:
      // YAML 1.1, which libyaml follows here, folds them like line ends; YAML 1.2 keeps them. Rather
      // than change someone's text in silence we ask for the escape, which means the same to both.
      return Problem(
        code: "AX0104", fact: "the character \(name(scalar)) cannot stand in the file as it is",
        cause: "readers of YAML disagree on whether it ends a line",
        hint: "in double quotes, write \\u\(hex(scalar, 4))")
    case 0:
      return Problem(
        code: "AX0104", fact: "the file holds a NUL character",
        cause: "YAML is text; this may be another kind of file", hint: nil)
    default:
      return Problem(
        code: "AX0104", fact: "the control character \(name(scalar)) is not allowed in YAML",
        cause: "only tabs, line ends and printable characters are",
        hint: scalar < 0x100 ? "in double quotes, write \\x\(hex(scalar, 2))" : nil)
    }
  }

  private static func hex(_ scalar: UInt32, _ width: Int) -> String {
    let digits = String(scalar, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  private static func name(_ scalar: UInt32) -> String { "U+" + hex(scalar, 4) }

  /// A line, counted from 1, without its line end.
  package func line(_ number: Int) -> String? {
    guard number >= 1, number <= lineStarts.count else { return nil }
    let start = lineStarts[number - 1].byte
    var end = number < lineStarts.count ? lineStarts[number].byte : bytes.count
    while end > start, bytes[end - 1] == 0x0A || bytes[end - 1] == 0x0D { end -= 1 }
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }

  /// The place of the scalars from `start` up to `end`, cut at the end of the first line.
  func span(from start: Int, to end: Int) -> SourceSpan {
    var low = 0
    var high = lineStarts.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if lineStarts[middle].scalar <= start { low = middle } else { high = middle - 1 }
    }
    var stop = end
    if low + 1 < lineStarts.count, stop >= lineStarts[low + 1].scalar {
      stop = start + lengthOfRest(line: low, from: start)
    }
    return SourceSpan(
      file: file, line: low + 1, column: start - lineStarts[low].scalar + 1, length: stop - start)
  }

  /// Scalars from `start` to the end of its line, without trailing blanks.
  private func lengthOfRest(line index: Int, from start: Int) -> Int {
    let text = Array((line(index + 1) ?? "").unicodeScalars)
    var end = text.count
    while end > 0, text[end - 1] == " " || text[end - 1] == "\t" { end -= 1 }
    return max(1, end - (start - lineStarts[index].scalar))
  }

  /// The text that begins at a place and is as long as the span says.
  func text(at span: SourceSpan) -> String {
    let scalars = (line(span.line) ?? "").unicodeScalars.dropFirst(span.column - 1)
    return String(String.UnicodeScalarView(scalars.prefix(span.length)))
  }
}

/// Walks over UTF-8, stopping at the first byte that is none.
private struct TextScan {
  let bytes: [UInt8]
  private(set) var position = 0
  private(set) var scalars = 0
  private(set) var isInvalid = false

  init(bytes: [UInt8]) { self.bytes = bytes }

  var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func next() -> UInt32? {
    guard position < bytes.count, !isInvalid else { return nil }
    let lead = bytes[position]
    if lead < 0x80 {
      position += 1
      scalars += 1
      return UInt32(lead)
    }
    let (length, least): (Int, UInt32) =
      switch lead {
      case 0xC2...0xDF: (2, 0x80)
      case 0xE0...0xEF: (3, 0x800)
      case 0xF0...0xF4: (4, 0x10000)
      default: (0, 0)
      }
    guard length > 0, position + length <= bytes.count else {
      isInvalid = true
      return nil
    }
    var value = UInt32(lead) & (0xFF >> UInt32(length + 1))
    for offset in 1..<length {
      let byte = bytes[position + offset]
      guard byte & 0xC0 == 0x80 else {
        isInvalid = true
        return nil
      }
      value = value << 6 | UInt32(byte & 0x3F)
    }
    guard value >= least, value <= 0x10FFFF, !(0xD800...0xDFFF).contains(value) else {
      isInvalid = true
      return nil
    }
    position += length
    scalars += 1
    return value
  }
}
