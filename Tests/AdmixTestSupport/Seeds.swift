package import Testing

/// SplitMix64: small, seedable, good enough to make test cases.
package struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64
  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Checks a law on many random cases; the seed of a failing one is the whole bug report.
package func forEverySeed(
  _ count: Int = 200, sourceLocation: SourceLocation = #_sourceLocation,
  _ law: (inout SeededRandom) throws -> Bool
) rethrows {
  for seed in 0..<UInt64(count) {
    var random = SeededRandom(seed: seed)
    if try !law(&random) {
      Issue.record("the law does not hold for seed \(seed)", sourceLocation: sourceLocation)
      return
    }
  }
}
