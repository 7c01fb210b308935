import AdmixModel

/// Random numbers that are addressed, not consumed: a pure function of key and counter.
///
/// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
/// (SC 2011). The key comes from the seed and a salt; the counter is row (64 bits), column tag and
/// draw number. So row r of a column is the same number however the work was divided.
package struct RandomSource: Sendable, Hashable {
  @usableFromInline let key0: UInt32
  @usableFromInline let key1: UInt32

  /// - Parameters:
  ///   - seed: the pipeline's or the stage's.
  ///   - salt: tells streams apart that share a seed, such as the name of a stage and a purpose.
  package init(seed: UInt64, salt: String) {
    let digest = Digest(of: "admix-rng-1\u{0}\(seed)\u{0}\(salt)").bytes
    key0 = Self.word(digest, 0)
    key1 = Self.word(digest, 4)
  }

  package init(key: (UInt32, UInt32)) {
    key0 = key.0
    key1 = key.1
  }

  /// What names a column in the counter: the first four bytes of its name's SHA-256.
  package static func tag(_ column: String) -> UInt32 { word(Digest(of: column).bytes, 0) }

  private static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
    UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16
      | UInt32(bytes[at + 3]) << 24
  }

  /// Four words of 32 random bits.
  @inlinable
  package func block(row: UInt64, tag: UInt32, draw: UInt32 = 0) -> (UInt32, UInt32, UInt32, UInt32)
  {
    var c0 = UInt32(truncatingIfNeeded: row)
    var c1 = UInt32(truncatingIfNeeded: row >> 32)
    var c2 = tag
    var c3 = draw
    var k0 = key0
    var k1 = key1
    for _ in 0..<10 {
      let p0 = UInt64(0xD251_1F53) &* UInt64(c0)
      let p1 = UInt64(0xCD9E_8D57) &* UInt64(c2)
      let n0 = UInt32(truncatingIfNeeded: p1 >> 32) ^ c1 ^ k0
      let n2 = UInt32(truncatingIfNeeded: p0 >> 32) ^ c3 ^ k1
      c1 = UInt32(truncatingIfNeeded: p1)
      c3 = UInt32(truncatingIfNeeded: p0)
      c0 = n0
      c2 = n2
      k0 &+= 0x9E37_79B9
      k1 &+= 0xBB67_AE85
    }
    return (c0, c1, c2, c3)
  }

  @inlinable
  package func bits(row: UInt64, tag: UInt32, draw: UInt32 = 0) -> UInt64 {
    let block = block(row: row, tag: tag, draw: draw)
    return UInt64(block.0) | UInt64(block.1) << 32
  }

  /// Strictly between 0 and 1: (k + ½)·2⁻⁵³ with the top 53 bits k.
  @inlinable
  package func uniform(row: UInt64, tag: UInt32, draw: UInt32 = 0) -> Double {
    Self.unit(bits(row: row, tag: tag, draw: draw))
  }

  /// The middle of one of 2⁵³ cells of (0, 1).
  ///
  /// Above ½ the sum is rounded to even, and in the last cell
  /// that would be 1.
  @inlinable
  package static func unit(_ bits: UInt64) -> Double {
    min((Double(bits >> 11) + 0.5) * 0x1p-53, 1 - 0x1p-53)
  }

  /// Two uniforms from one block, for the price of one.
  @inlinable
  package func uniforms(row: UInt64, tag: UInt32, draw: UInt32 = 0) -> (Double, Double) {
    let block = block(row: row, tag: tag, draw: draw)
    let first = UInt64(block.0) | UInt64(block.1) << 32
    let second = UInt64(block.2) | UInt64(block.3) << 32
    return (Self.unit(first), Self.unit(second))
  }
}

/// A keyed permutation of 0..<count: what shuffles, splits and unique keys are made from.
///
/// Balanced Feistel network of four Philox rounds over the next even power of two, with cycle
/// walking; position → place costs O(1) and no memory, in any order, on any worker.
package struct RandomPermutation: Sendable {
  package let count: UInt64
  private let source: RandomSource
  private let halfBits: UInt64
  private let mask: UInt64

  package init(count: Int, source: RandomSource) {
    self.count = UInt64(max(0, count))
    self.source = source
    var bits: UInt64 = 1
    while bits < 32, UInt64(1) << (2 * bits) < self.count { bits += 1 }
    halfBits = bits
    mask = (UInt64(1) << bits) - 1
  }

  /// - Parameter index: in 0..<count.
  package subscript(index: Int) -> Int {
    precondition(index >= 0 && UInt64(index) < count, "outside the permutation")
    var value = UInt64(index)
    repeat {
      var left = value >> halfBits
      var right = value & mask
      for round: UInt32 in 0..<4 {
        let mixed = source.bits(row: right, tag: 0x5045_524D, draw: round) & mask
        (left, right) = (right, left ^ mixed)
      }
      value = left << halfBits | right
    } while value >= count
    return Int(value)
  }
}
