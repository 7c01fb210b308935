import Foundation

/// A matrix as a small picture, for matrices too large to print figures in.
///
/// One byte a cell (PNG, RFC 2083, indexed colour with alpha), so that 200 by 200 cells are 55 kB of text
/// where a table is two megabytes. Stored, not compressed: the bytes must not depend on a library.
enum Raster {
  private static let levels = 64

  /// - Parameter cells: a strength from 0 to 1 for each cell; nil is left empty.
  static func png(_ cells: [[Double?]]) -> String {
    let width = cells.map(\.count).max() ?? 0
    var raw: [UInt8] = []
    for line in cells {
      raw.append(0)  // no filter
      for column in 0..<width {
        guard column < line.count, let value = line[column], value.isFinite else {
          raw.append(0)
          continue
        }
        raw.append(UInt8((min(1, max(0, value)) * Double(levels - 1)).rounded()))
      }
    }
    var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    file += chunk("IHDR", word(UInt32(width)) + word(UInt32(cells.count)) + [8, 3, 0, 0, 0])
    // One blue that stands out from white and from black; the strength is how much it covers.
    file += chunk("PLTE", (0..<levels).flatMap { _ -> [UInt8] in [0x2B, 0x8C, 0xC4] })
    file += chunk("tRNS", (0..<levels).map { UInt8($0 * 255 / (levels - 1)) })
    file += chunk("IDAT", stored(raw))
    file += chunk("IEND", [])
    return Data(file).base64EncodedString()
  }

  private static func word(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  private static func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
    let body = Array(name.utf8) + content
    return word(UInt32(content.count)) + body + word(crc(body))
  }

  /// Deflate (RFC 1951) in stored blocks, in the wrapping of zlib (RFC 1950).
  private static func stored(_ bytes: [UInt8]) -> [UInt8] {
    var out: [UInt8] = [0x78, 0x01]
    var rest = bytes[...]
    repeat {
      let block = rest.prefix(0xFFFF)
      rest = rest.dropFirst(block.count)
      let count = UInt16(block.count)
      out.append(rest.isEmpty ? 1 : 0)
      for part in [count, ~count] {
        out += [UInt8(truncatingIfNeeded: part), UInt8(truncatingIfNeeded: part >> 8)]
      }
      out += block
    } while !rest.isEmpty
    var a: UInt32 = 1
    var b: UInt32 = 0
    for byte in bytes {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    return out + word(b << 16 | a)
  }

  private static func crc(_ bytes: [UInt8]) -> UInt32 {
    var value: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }
    return ~value
  }
}
