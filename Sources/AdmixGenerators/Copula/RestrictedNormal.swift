import AdmixData
import AdmixStatistics

/// A normal vector given that each of its elements is within its own intervals.
///
/// Exact: z₁, z₂, … are proposed one after the other, each from its normal distribution given those
/// before, truncated to its intervals (Geweke, Hajivassiliou and Keane). The density of the proposals
/// differs from the wanted one by the product of the truncated masses, so a proposal is kept with each
/// mass over its largest possible value as probability, and made again otherwise.
///
/// Where fewer than one in `1 / leastAcceptance` proposals would be kept, as when conditions ask for
/// what correlations all but exclude, the vector comes from Gibbs sweeps instead, which are not exact
/// but forget where they began: `sweeps` of them. Which of the two it is depends on the model and the
/// conditions alone.
struct RestrictedNormal: Sendable {
  private let allowed: [LatentIntervals]
  private let tags: [UInt32]
  private let random: RandomSource
  /// Row k, columns below k: the weights of ε_j in the mean of z_k; on the diagonal its deviation.
  private let factor: SquareMatrix
  /// Σ⁻¹, for the sweeps.
  private let precision: SquareMatrix
  private let largest: [Double]
  let isExact: Bool

  static let leastAcceptance = 0.005
  static let sweeps = 200
  /// Draw numbers of one attempt.
  ///
  /// At the least acceptance, no row in 10^100 needs so many proposals.
  private static let proposals = 1 << 16
  private static let probes = 4_000

  var count: Int { allowed.count }

  /// - Returns: nil where the matrix is no correlation matrix.
  init?(
    _ allowed: [LatentIntervals], _ correlations: SquareMatrix, tags: [UInt32],
    random: RandomSource
  ) {
    guard allowed.count == correlations.size, tags.count == allowed.count,
      let factor = correlations.cholesky, let precision = correlations.inverse
    else { return nil }
    self.allowed = allowed
    self.tags = tags
    self.random = random
    self.factor = factor
    self.precision = precision
    largest = allowed.indices.map { k in
      k == 0 ? 1 : allowed[k].largestMass(deviation: factor[k, k])
    }
    var isExact = allowed.count < 2
    if !isExact {
      var z = [Double](repeating: 0, count: allowed.count)
      var e = z
      // Rows that cannot be asked for, so that no row's draws are looked at beforehand.
      var kept = 0
      for probe in 0..<Self.probes
      where Self.propose(
        row: .max - UInt64(probe), draw: 0, allowed, factor, largest, tags, random, &z, &e)
      { kept += 1 }
      isExact = Double(kept) >= Self.leastAcceptance * Double(Self.probes)
    }
    self.isExact = isExact
  }

  /// The vector of a row; every attempt has another one.
  func draw(row: UInt64, attempt: Int, into z: inout [Double]) {
    let first = UInt32(truncatingIfNeeded: attempt) &* UInt32(Self.proposals)
    if isExact {
      var e = z
      for draw in 0..<UInt32(Self.proposals)
      where Self.propose(
        row: row, draw: first &+ draw, allowed, factor, largest, tags, random, &z, &e)
      { return }
    }
    sweep(row: row, first: first, into: &z)
  }

  private func sweep(row: UInt64, first: UInt32, into z: inout [Double]) {
    for k in z.indices {
      let u = random.uniform(row: row, tag: tags[k], draw: first)
      z[k] = allowed[k].draw(u, mean: 0, deviation: 1)
    }
    for sweep in 0..<UInt32(Self.sweeps) {
      for k in z.indices {
        var mean = 0.0
        for j in z.indices where j != k { mean -= precision[k, j] * z[j] }
        let u = random.uniform(row: row, tag: tags[k], draw: first &+ 1 &+ sweep)
        z[k] = allowed[k].draw(
          u, mean: mean / precision[k, k], deviation: 1 / precision[k, k].squareRoot())
      }
    }
  }

  /// Makes one proposal; false as soon as it is not kept.
  private static func propose(
    row: UInt64, draw: UInt32, _ allowed: [LatentIntervals], _ factor: SquareMatrix,
    _ largest: [Double], _ tags: [UInt32], _ random: RandomSource, _ z: inout [Double],
    _ e: inout [Double]
  ) -> Bool {
    for k in allowed.indices {
      var mean = 0.0
      for j in 0..<k { mean += factor[k, j] * e[j] }
      let deviation = factor[k, k]
      let (value, lot) = random.uniforms(row: row, tag: tags[k], draw: draw)
      let isPoints = allowed[k].arePoints
      if k > 0, !isPoints, lot * largest[k] >= allowed[k].mass(mean: mean, deviation: deviation) {
        return false
      }
      z[k] = allowed[k].draw(value, mean: mean, deviation: deviation)
      e[k] = (z[k] - mean) / deviation
      // Points have densities in place of masses, and are proposed alike.
      if isPoints, lot * NormalDistribution.density(0) >= NormalDistribution.density(e[k]) {
        return false
      }
    }
    return true
  }
}
