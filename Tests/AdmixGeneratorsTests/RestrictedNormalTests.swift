import AdmixData
import AdmixStatistics
import AdmixTestSupport
import Testing

@testable import AdmixGenerators

@Suite struct RestrictedNormalTests {
  private static let tags: [UInt32] = [11, 12, 13]
  private static let random = RandomSource(seed: 5, salt: "conditions")

  private static func correlations(_ a: Double, _ b: Double, _ c: Double) throws -> SquareMatrix {
    try #require(SquareMatrix(size: 3, values: [1, a, b, a, 1, c, b, c, 1]))
  }

  private static func intervals(_ bounds: [(Double, Double)]) -> LatentIntervals {
    LatentIntervals(bounds.map { .init(low: $0.0, high: $0.1) })
  }

  /// Against drawing without restriction and throwing away what is outside: every element, and the
  /// differences and sums of elements, which marginals alone would not catch.
  @Test(
    "draws as drawing again until it fits would",
    arguments: [
      (0.95, 0.6, 0.5, [[(0.5, .infinity)], [(-.infinity, 0.6)], [(-1, 1)]]),
      (-0.9, 0.2, -0.4, [[(0, 1)], [(0, 0.4), (-0.8, -0.6)], [(0.2, .infinity)]]),
      (0.99, 0.98, 0.985, [[(0, .infinity)], [(-.infinity, 0.1)], [(-0.3, 0.3)]]),
    ] as [(Double, Double, Double, [[(Double, Double)]])])
  func agreesWithRejection(
    a: Double, b: Double, c: Double, bounds: [[(Double, Double)]]
  ) throws {
    let matrix = try Self.correlations(a, b, c)
    let allowed = bounds.map { Self.intervals($0.sorted { $0.0 < $1.0 }) }
    let vector = try #require(
      RestrictedNormal(allowed, matrix, tags: Self.tags, random: Self.random))
    #expect(vector.isExact)
    let factor = try #require(matrix.cholesky)
    var drawn: [[Double]] = []
    var z = [0.0, 0, 0]
    for row in 0..<4_000 {
      vector.draw(row: UInt64(row), attempt: 0, into: &z)
      drawn.append(z)
    }
    var normals = Normals(seed: 9)
    var oracle: [[Double]] = []
    while oracle.count < 4_000 {
      let e = (0..<3).map { _ in normals.next() }
      let z = (0..<3).map { i in (0...i).reduce(0.0) { $0 + factor[i, $1] * e[$1] } }
      let isInside = zip(z, bounds).allSatisfy { z, bounds in
        bounds.contains { $0.0 <= z && z < $0.1 }
      }
      if isInside { oracle.append(z) }
    }
    #expect(
      drawn.allSatisfy { z in
        zip(z, bounds).allSatisfy { z, bounds in bounds.contains { $0.0 <= z && z < $0.1 } }
      })
    // The two-sample Kolmogorov-Smirnov bound at about one in a hundred thousand.
    let bound = 2.5 * (2 / 4_000.0).squareRoot()
    let views: [([Double]) -> Double] = [
      { $0[0] }, { $0[1] }, { $0[2] }, { $0[0] - $0[1] }, { $0[0] + $0[2] }, { $0[1] - $0[2] },
    ]
    for (number, view) in views.enumerated() {
      let distance = Laboratory.distance(drawn.map(view), oracle.map(view))
      #expect(distance < bound, "view \(number) differs by \(distance), bound \(bound)")
    }
  }

  @Test func sweepsWhereHardlyAnyProposalFitsAndStaysInside() throws {
    let matrix = try Self.correlations(0.99, 0, 0)
    let allowed = [[(1.0, Double.infinity)], [(-.infinity, -1.0)], [(0.0, 0.0)]]
      .map(Self.intervals)
    let vector = try #require(
      RestrictedNormal(allowed, matrix, tags: Self.tags, random: Self.random))
    #expect(!vector.isExact)
    var z = [0.0, 0, 0]
    var isInside = true
    for row in 0..<50 {
      vector.draw(row: UInt64(row), attempt: 0, into: &z)
      isInside = isInside && z[0] >= 1 && z[1] < -1 && z[2] == 0
    }
    #expect(isInside)
  }
}
