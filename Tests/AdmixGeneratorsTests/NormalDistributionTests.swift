import AdmixStatistics
import AdmixTestSupport
import Testing

/// Reference values: mpmath 1.3 with 30 digits, SciPy's ndtri, and the C library.
@Suite struct NormalDistributionTests {
  @Test func agreesWithReferenceValues() {
    let cumulative: [(z: Double, p: Double)] = [
      (-37.5, 4.605353009581955e-308), (-20, 2.7536241186062337e-89),
      (-8.5, 9.479534822203318e-18), (-7.07, 7.746684865636478e-13),
      (-5, 2.866515718791939e-07), (-3.1, 0.0009676032132183566), (-1, 0.15865525393145705),
      (-0.1, 0.460172162722971), (0, 0.5), (0.5, 0.6914624612740131), (1, 0.8413447460685429),
      (2.5, 0.9937903346742238), (6, 0.9999999990134123), (8, 0.9999999999999993),
    ]
    for (z, p) in cumulative {
      let mine = NormalDistribution.cumulative(z)
      #expect((mine - p).magnitude <= 2e-15)
      #expect((mine - p).magnitude <= 2e-14 * p, "relative, at \(z): \(mine)")
    }
    let quantiles: [(p: Double, z: Double)] = [
      (1e-300, -37.0470962993612), (1e-100, -21.273453560965322), (1e-20, -9.262340089798409),
      (1e-12, -7.034483825301131), (1e-05, -4.264890793922825), (0.01, -2.3263478740408408),
      (0.0749, -1.4402382675279635), (0.0751, -1.4388253927525403), (0.3, -0.5244005127080409),
      (0.5, 0.0), (0.6, 0.2533471031357997), (0.975, 1.959963984540054),
      (0.999999, 4.753424308817087),
    ]
    for (p, z) in quantiles {
      let mine = NormalDistribution.quantile(p)
      #expect((mine - z).magnitude <= 1e-13 * max(1, z.magnitude), "quantile of \(p): \(mine)")
      if p < 0.5 { #expect((NormalDistribution.upperQuantile(p) + z).magnitude <= 1e-13 * -z) }
    }
    let exponentials: [(x: Double, y: Double)] = [
      (-700, 9.85967654375977e-305), (-50.3, 1.4288530305087674e-22), (-1, 0.36787944117144233),
      (-1e-10, 0.9999999999), (0.3, 1.3498588075760032), (1, 2.718281828459045),
      (20.7, 977002725.8269073), (709, 8.218407461554972e+307), (0, 1),
    ]
    for (x, y) in exponentials {
      #expect((PortableMath.exp(x) - y).magnitude <= 4e-16 * y, "exp \(x): \(PortableMath.exp(x))")
    }
    let logarithms: [(x: Double, y: Double)] = [
      (Double(bitPattern: 0x0000_1268_8B70_E62B), -713.8013788281542), (1e-20, -46.051701859880914),
      (0.1, -2.3025850929940455),
      (0.7071, -0.346583180371942), (0.999999, -1.000000500029089e-06), (1, 0),
      (1.4142, 0.3465640001880033), (3, 1.0986122886681098), (1e10, 23.025850929940457),
      (1e300, 690.7755278982137),
    ]
    for (x, y) in logarithms {
      let mine = PortableMath.log(x)
      #expect((mine - y).magnitude <= 4e-16 * y.magnitude, "log \(x): \(mine)")
    }
    #expect(
      NormalDistribution.quantile(0) == -.infinity && NormalDistribution.quantile(1) == .infinity)
    #expect(NormalDistribution.quantile(-0.1).isNaN && NormalDistribution.quantile(.nan).isNaN)
    #expect(NormalDistribution.density(.infinity) == 0)
    #expect(PortableMath.exp(-1000) == 0 && PortableMath.exp(1000) == .infinity)
    #expect(PortableMath.log(-1).isNaN && PortableMath.log(0) == -.infinity)
  }

  @Test func factorsAndRepairsMatrices() {
    forEverySeed(60) { random in
      let size = random.next() % 20 == 0 ? 40 : Int.random(in: 1...8, using: &random)
      var matrix = SquareMatrix.identity(size)
      for i in 0..<size {
        for j in 0..<i {
          let r = Double.random(in: -1...1, using: &random)
          matrix[i, j] = r
          matrix[j, i] = r
        }
      }
      let eigen = SymmetricEigen(matrix)
      let rebuilt = eigen.rebuilt(floor: -100)
      let near = matrix.nearestCorrelation()
      guard let lower = near.cholesky, let inverse = near.inverse,
        let solved = near.solve((0..<size).map { near[$0, 0] })
      else { return false }
      var holds = true
      for i in 0..<size {
        holds = holds && near[i, i] == 1 && (solved[i] - (i == 0 ? 1 : 0)).magnitude < 1e-6
        for j in 0..<size {
          var product = 0.0
          var unit = 0.0
          for k in 0..<size {
            product += lower[i, k] * lower[j, k]
            unit += near[i, k] * inverse[k, j]
          }
          holds =
            holds && (rebuilt[i, j] - matrix[i, j]).magnitude < 1e-12
            && (product - near[i, j]).magnitude < 1e-12 && near[i, j].magnitude <= 1
            && (unit - (i == j ? 1 : 0)).magnitude < 1e-6
        }
      }
      return holds && (SymmetricEigen(near).values.min() ?? 1) > 5e-7
    }
    // Higham (2002), §4: the matrix of ones on three diagonals and its nearest correlation matrix.
    let tridiagonal = SquareMatrix(size: 3, values: [1, 1, 0, 1, 1, 1, 0, 1, 1])
    let near = tridiagonal?.nearestCorrelation(floor: 0, iterations: 2_000)
    #expect(((near?[0, 1] ?? 0) - 0.7607).magnitude < 2e-4)
    #expect(((near?[0, 2] ?? 0) - 0.1573).magnitude < 2e-4)
    let good = SquareMatrix(size: 2, values: [1, 0.5, 0.5, 1])
    #expect(good?.nearestCorrelation() == good)
  }
}
