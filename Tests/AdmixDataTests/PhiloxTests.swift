import AdmixData
import AdmixTestSupport
import Testing

@Suite struct PhiloxTests {
  /// `kat_vectors` of Random123 1.14, the lines `philox4x32 10`: counter, key, result.
  @Test(
    "gives Random123's known answers",
    arguments: [
      (
        [0, 0, 0, 0], [0, 0],
        [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
      ),
      (
        [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff], [0xffff_ffff, 0xffff_ffff],
        [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
      ),
      (
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0],
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
      ),
    ] as [([UInt32], [UInt32], [UInt32])])
  func knownAnswers(counter: [UInt32], key: [UInt32], expected: [UInt32]) {
    let random = RandomSource(key: (key[0], key[1]))
    let row = UInt64(counter[0]) | UInt64(counter[1]) << 32
    let words = random.block(row: row, tag: counter[2], draw: counter[3])
    #expect([words.0, words.1, words.2, words.3] == expected)
    #expect(
      random.bits(row: row, tag: counter[2], draw: counter[3])
        == UInt64(expected[0]) | UInt64(expected[1]) << 32)
  }

  @Test func uniformsAreStrictlyBetweenNoneAndOne() {
    #expect(RandomSource.unit(0) == 0x1p-54)
    #expect(RandomSource.unit(.max) == 1 - 0x1p-53)
    #expect(RandomSource.unit(1 << 63) >= 0.5)
  }

  @Test func permutationsHitEveryPlaceOnceAndDependOnTheKey() {
    forEverySeed(40) { random in
      let count = Int.random(in: 1...700, using: &random)
      let seed = UInt64.random(in: 0...(.max), using: &random)
      let one = RandomPermutation(count: count, source: RandomSource(seed: seed, salt: "a"))
      let other = RandomPermutation(count: count, source: RandomSource(seed: seed, salt: "b"))
      let places = (0..<count).map { one[$0] }
      return places.sorted() == Array(0..<count)
        && (count < 20 || places != (0..<count).map { other[$0] })
    }
  }
}
