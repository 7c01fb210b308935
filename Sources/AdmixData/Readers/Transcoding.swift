import AdmixModel

/// The encodings of text files that admix turns into UTF-8.
package enum TextEncoding: String, Hashable, Sendable, Codable, CaseIterable {
  case utf8 = "utf-8"
  case latin1 = "latin-1"
  case windows1252 = "windows-1252"
  /// Which end comes first is told by the byte order mark, which must be there.
  case utf16 = "utf-16"
  case utf16LittleEndian = "utf-16le"
  case utf16BigEndian = "utf-16be"
}

/// Text files in other encodings as UTF-8 files, a piece at a time.
package enum Transcoding {
  /// Writes the text of a file in UTF-8, without a byte order mark.
  ///
  /// - Parameter name: how messages call it; the path where nil.
  package static func toUTF8(
    _ path: String, from encoding: TextEncoding, to target: String, name: String? = nil
  ) throws {
    let name = name ?? path
    let source = try OwnedDescriptor(reading: path, name: name)
    var sink = try FileSink(target)
    var decoder = Decoder(encoding)
    var piece = [UInt8](repeating: 0, count: 1 << 18)
    do {
      while true {
        let count = try piece.withUnsafeMutableBytes { try source.read(into: $0) }
        if count == 0 { break }
        try decoder.decode(piece[0..<count], into: &sink.bytes)
        try sink.flushIfLarge()
      }
      try decoder.finish(into: &sink.bytes)
      try sink.flush()
    } catch let problem as LineProblem {
      throw Diagnostic.error(
        "AX0459", at: SourceSpan(file: name, line: 0, column: 0),
        "'\(name)' is not \(encoding.rawValue) at byte \(problem.offset)",
        cause: problem.fact, hint: "is 'encoding' right?")
    }
  }

  /// Bytes in pieces, which may part a character.
  private struct Decoder {
    private enum Order { case little, big, unknown }

    private let encoding: TextEncoding
    private var order: Order
    /// The first byte of a unit whose second one has not come.
    private var half: UInt8?
    /// The first unit of a surrogate pair.
    private var high: UInt32?
    private var isAtStart = true
    private var offset = 0
    /// Bytes of a UTF-8 character that is not complete.
    private var rest: [UInt8] = []

    init(_ encoding: TextEncoding) {
      self.encoding = encoding
      order =
        switch encoding {
        case .utf16LittleEndian: .little
        case .utf16BigEndian: .big
        default: .unknown
        }
    }

    mutating func decode(_ bytes: ArraySlice<UInt8>, into out: inout [UInt8]) throws {
      switch encoding {
      case .utf8: try decodeUTF8(bytes, into: &out)
      case .latin1:
        for byte in bytes { append(UInt32(byte), to: &out) }
      case .windows1252:
        for byte in bytes {
          let scalar = byte & 0xe0 == 0x80 ? Self.windows[Int(byte & 0x1f)] : UInt32(byte)
          guard scalar != 0 || byte == 0 else {
            throw LineProblem.at(offset, "byte 0x\(String(byte, radix: 16)) has no meaning there")
          }
          append(scalar, to: &out)
          offset += 1
        }
      case .utf16, .utf16LittleEndian, .utf16BigEndian:
        for byte in bytes {
          guard let first = half else {
            half = byte
            continue
          }
          half = nil
          try decode(first, byte, into: &out)
          offset += 2
        }
      }
    }

    mutating func finish(into out: inout [UInt8]) throws {
      if isAtStart, encoding == .utf8 {
        // So short a file was kept back in case it was a byte order mark.
        isAtStart = false
        try decodeUTF8([], into: &out)
      }
      if half != nil { throw LineProblem.at(offset, "the file has an odd number of bytes") }
      if high != nil { throw LineProblem.at(offset, "a surrogate pair is cut in two") }
      if !rest.isEmpty { throw LineProblem.at(offset, "a character is cut in two") }
    }

    private mutating func decode(_ first: UInt8, _ second: UInt8, into out: inout [UInt8]) throws {
      let little = UInt32(first) | UInt32(second) << 8
      if isAtStart {
        isAtStart = false
        if order == .unknown {
          switch little {
          case 0xfeff: order = .little
          case 0xfffe: order = .big
          default:
            throw LineProblem.at(
              0, "there is no byte order mark; say 'utf-16le' or 'utf-16be' instead")
          }
          return
        }
        if (order == .big ? UInt32(first) << 8 | UInt32(second) : little) == 0xfeff { return }
      }
      let unit = order == .big ? UInt32(first) << 8 | UInt32(second) : little
      switch unit {
      case 0xd800..<0xdc00:
        guard high == nil else { throw LineProblem.at(offset, "a lone surrogate") }
        high = unit
      case 0xdc00..<0xe000:
        guard let pair = high else { throw LineProblem.at(offset, "a lone surrogate") }
        high = nil
        append(0x10000 + (pair - 0xd800) << 10 + (unit - 0xdc00), to: &out)
      default:
        guard high == nil else { throw LineProblem.at(offset, "a lone surrogate") }
        append(unit, to: &out)
      }
    }

    private mutating func decodeUTF8(_ bytes: ArraySlice<UInt8>, into out: inout [UInt8]) throws {
      var bytes = rest + bytes
      rest = []
      if isAtStart {
        if bytes.count < 3 {
          rest = bytes
          return
        }
        isAtStart = false
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) {
          bytes.removeFirst(3)
          offset += 3
        }
      }
      // A character that the end of the piece cuts waits for the next one.
      var whole = bytes.count
      var back = 1
      while back <= min(3, bytes.count) {
        let byte = bytes[bytes.count - back]
        if byte & 0xc0 == 0xc0 {
          let length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
          if length > back { whole = bytes.count - back }
          break
        }
        if byte & 0x80 == 0 { break }
        back += 1
      }
      rest = Array(bytes[whole...])
      bytes.removeLast(bytes.count - whole)
      guard String(validating: bytes, as: UTF8.self) != nil else {
        throw LineProblem.at(offset, "not UTF-8 within the \(bytes.count) bytes from there")
      }
      out.append(contentsOf: bytes)
      offset += bytes.count
    }

    private func append(_ scalar: UInt32, to out: inout [UInt8]) {
      switch scalar {
      case 0..<0x80: out.append(UInt8(scalar))
      case 0x80..<0x800:
        out.append(UInt8(0xc0 | scalar >> 6))
        out.append(UInt8(0x80 | scalar & 0x3f))
      case 0x800..<0x10000:
        out.append(UInt8(0xe0 | scalar >> 12))
        out.append(UInt8(0x80 | scalar >> 6 & 0x3f))
        out.append(UInt8(0x80 | scalar & 0x3f))
      default:
        out.append(UInt8(0xf0 | scalar >> 18 & 0x07))
        out.append(UInt8(0x80 | scalar >> 12 & 0x3f))
        out.append(UInt8(0x80 | scalar >> 6 & 0x3f))
        out.append(UInt8(0x80 | scalar & 0x3f))
      }
    }

    /// Bytes 0x80 to 0x9f of windows-1252; 0 where there is no character.
    private static let windows: [UInt32] = [
      0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039,
      0x0152, 0, 0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc,
      0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
    ]
  }
}
