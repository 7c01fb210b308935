private import CCrypto

/// SHA-256 of some content.
package struct Digest: Hashable, Sendable, Comparable, CustomStringConvertible {
  // Big endian. Four words rather than an array: a hundred thousand of them in a table should not be as
  // many allocations.
  private let first: UInt64
  private let second: UInt64
  private let third: UInt64
  private let fourth: UInt64

  /// - Parameter raw: at least 32 bytes.
  fileprivate init(raw: UnsafeRawBufferPointer) {
    func word(_ at: Int) -> UInt64 {
      UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    }
    (first, second, third, fourth) = (word(0), word(8), word(16), word(24))
  }

  /// - Parameter bytes: exactly 32 of them, else nothing is made.
  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 32 else { return nil }
    let direct = bytes.withContiguousStorageIfAvailable { Digest(raw: UnsafeRawBufferPointer($0)) }
    self = direct ?? Array(bytes).withUnsafeBytes { Digest(raw: $0) }
  }

  /// - Parameter hex: 64 hexadecimal digits, in either case.
  package init?(hex: some StringProtocol) {
    var text = String(hex)
    let found = text.withUTF8 { Self.words(hex: $0) }
    guard let found else { return nil }
    (first, second, third, fourth) = found
  }

  private static func words(hex: UnsafeBufferPointer<UInt8>) -> (UInt64, UInt64, UInt64, UInt64)? {
    guard hex.count == 64 else { return nil }
    func word(_ at: Int) -> UInt64? {
      var word: UInt64 = 0
      for digit in hex[at..<at + 16] {
        guard let value = nibble(digit) else { return nil }
        word = word << 4 | UInt64(value)
      }
      return word
    }
    guard let first = word(0), let second = word(16), let third = word(32), let fourth = word(48)
    else { return nil }
    return (first, second, third, fourth)
  }

  /// The digest of these bytes.
  package init(of content: some Collection<UInt8>) {
    var hasher = DigestHasher()
    hasher.update(content)
    self = hasher.finish()
  }

  /// The digest of this text in UTF-8.
  package init(of text: String) {
    var hasher = DigestHasher()
    hasher.update(text)
    self = hasher.finish()
  }

  /// 32 of them.
  package var bytes: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      var at = 0
      for word in [first, second, third, fourth] {
        for shift in stride(from: 56, through: 0, by: -8) {
          buffer[at] = UInt8(truncatingIfNeeded: word >> UInt64(shift))
          at += 1
        }
      }
      count = 32
    }
  }

  package var hex: String {
    String(unsafeUninitializedCapacity: 64) { buffer in
      var at = 0
      for word in [first, second, third, fourth] {
        for shift in stride(from: 60, through: 0, by: -4) {
          let nibble = UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 15
          buffer[at] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble
          at += 1
        }
      }
      return 64
    }
  }

  /// The first 12 digits: enough to tell digests apart when people read them.
  package var short: String { String(hex.prefix(12)) }
  package var description: String { hex }

  package static func < (a: Digest, b: Digest) -> Bool {
    (a.first, a.second, a.third, a.fourth) < (b.first, b.second, b.third, b.fourth)
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

  /// Looked up once: libcrypto would look for the fastest on every use.
  private struct Method: @unchecked Sendable {
    let sha256: OpaquePointer?

    init() {
      // A context of its own reads no configuration file, which has nothing to say about a digest and
      // takes longer than one; what encrypts connections goes on to read it.
      sha256 = EVP_MD_fetch(OSSL_LIB_CTX_new(), "SHA256", nil)
    }
  }
  private static let method = Method()

  package init() {
    context = EVP_MD_CTX_new()
    // Both calls fail only when memory is out, where nothing sensible is left to do.
    precondition(
      context != nil && EVP_DigestInit_ex(context, Self.method.sha256 ?? EVP_sha256(), nil) == 1,
      "libcrypto cannot make a SHA-256 context")
  }

  deinit { EVP_MD_CTX_free(context) }

  package mutating func update(_ content: some Collection<UInt8>) {
    let done: Void? = content.withContiguousStorageIfAvailable {
      update(UnsafeRawBufferPointer($0))
    }
    if done == nil { Array(content).withUnsafeBytes { update($0) } }
  }

  /// The text in UTF-8.
  package mutating func update(_ text: String) {
    var text = text
    text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
  }

  package mutating func update(_ content: UnsafeRawBufferPointer) {
    guard let base = content.baseAddress, content.count > 0 else { return }
    EVP_DigestUpdate(context, base, content.count)
  }

  package consuming func finish() -> Digest {
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { bytes in
      var length: UInt32 = 0
      EVP_DigestFinal_ex(context, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), &length)
      return Digest(raw: UnsafeRawBufferPointer(bytes))
    }
  }
}
