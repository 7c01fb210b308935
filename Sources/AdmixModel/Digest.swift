private import CCrypto

/// SHA-256 of some content.
package struct Digest: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Always 32 bytes.
  package let bytes: [UInt8]

  /// - Parameter bytes: exactly 32 of them, else nothing is made.
  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 32 else { return nil }
    self.bytes = Array(bytes)
  }

  /// - Parameter hex: 64 hexadecimal digits, in either case.
  package init?(hex: some StringProtocol) {
    let digits = Array(hex.utf8)
    guard digits.count == 64 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(32)
    for index in stride(from: 0, to: 64, by: 2) {
      guard let high = Self.nibble(digits[index]), let low = Self.nibble(digits[index + 1]) else {
        return nil
      }
      bytes.append(high << 4 | low)
    }
    self.bytes = bytes
  }

  /// The digest of these bytes.
  package init(of content: some Collection<UInt8>) {
    var hasher = DigestHasher()
    hasher.update(content)
    self = hasher.finish()
  }

  /// The digest of this text in UTF-8.
  package init(of text: String) { self.init(of: Array(text.utf8)) }

  fileprivate init(unchecked bytes: [UInt8]) { self.bytes = bytes }

  package var hex: String {
    let digits = Array("0123456789abcdef".utf8)
    var out: [UInt8] = []
    out.reserveCapacity(64)
    for byte in bytes {
      out.append(digits[Int(byte >> 4)])
      out.append(digits[Int(byte & 15)])
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// The first 12 digits: enough to tell digests apart when people read them.
  package var short: String { String(hex.prefix(12)) }
  package var description: String { hex }

  package static func < (a: Digest, b: Digest) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }

  private static func nibble(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x61...0x66: byte - 0x61 + 10
    case 0x41...0x46: byte - 0x41 + 10
    default: nil
    }
  }
}

extension Digest: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let digest = Digest(hex: text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "not 64 hexadecimal digits")
    }
    self = digest
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(hex)
  }
}

/// Digests content that arrives in pieces.
package struct DigestHasher: ~Copyable {
  private let context: OpaquePointer?

  package init() {
    context = EVP_MD_CTX_new()
    // Both calls fail only when memory is out, where nothing sensible is left to do.
    precondition(
      context != nil && EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1,
      "libcrypto cannot make a SHA-256 context")
  }

  deinit { EVP_MD_CTX_free(context) }

  package mutating func update(_ content: some Collection<UInt8>) {
    let done: Void? = content.withContiguousStorageIfAvailable {
      update(UnsafeRawBufferPointer($0))
    }
    if done == nil { Array(content).withUnsafeBytes { update($0) } }
  }

  package mutating func update(_ content: UnsafeRawBufferPointer) {
    guard let base = content.baseAddress, content.count > 0 else { return }
    EVP_DigestUpdate(context, base, content.count)
  }

  package consuming func finish() -> Digest {
    var bytes = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    EVP_DigestFinal_ex(context, &bytes, &length)
    return Digest(unchecked: bytes)
  }
}
