@testable import AdmixGenerators
import AdmixTestSupport
import Testing

struct DistributionTests {
  // Quantiles at 0.01, 0.37, 0.5 and 0.999 from SciPy 1.17's distributions; of von-mises at 300, where SciPy
  // takes a normal approximation, by quadrature of the density.
  @Test(
    "quantiles are the field's",
    arguments: [
      ("uniform", [-2, 3], [-1.95, -0.1499999999999999, 0.5, 2.995]),
      ("normal", [10, 2.5], [4.184130314897898, 9.170366633907959, 10.0, 17.725580765419533]),
      (
        "lognormal", [1, 0.5],
        [0.8494434259057597, 2.3026792281281554, 2.718281828459045, 12.744708337272852]
      ),
      (
        "exponential", [3],
        [0.030151007560504324, 1.386106378789676, 2.0794415416798357, 20.723265836946407]
      ),
      (
        "gamma", [0.5, 2],
        [0.00015708785790970184, 0.23206075761082937, 0.454936423119572, 10.827566170662733]
      ),
      (
        "gamma", [40, 0.1],
        [2.6770038645539365, 3.7615079494934403, 3.96671650106891, 6.241961200788239]
      ),
      (
        "chi-square", [7],
        [1.2390423055679298, 5.245757950132117, 6.345811195521515, 24.321886347856854]
      ),
      (
        "beta", [2, 5],
        [0.026763191142755053, 0.21032463252174394, 0.26444998329566005, 0.818613866919134]
      ),
      (
        "beta", [0.5, 0.5],
        [0.00024671981713422146, 0.30142605468260975, 0.4999999999999999, 0.999997532600929]
      ),
      (
        "triangular", [0, 2, 10],
        [0.4472135954999579, 2.9007042602804614, 3.675444679663241, 9.717157287525382]
      ),
      (
        "weibull", [1.5, 4],
        [0.18628606738807874, 2.390618061075153, 3.132879075098605, 14.508347649357903]
      ),
      (
        "pareto", [3, 2],
        [2.0067114596959716, 2.333009349250672, 2.5198420997897464, 19.999999999999993]
      ),
      ("logistic", [1, 2], [-8.19023970026918, -0.06443362749461645, 1.0, 14.813509557297106]),
      ("laplace", [0, 1.5], [-5.868034508142219, -0.4516576391758824, 0.0, 9.321912147633286]),
      (
        "gumbel", [1, 2],
        [-2.0543592516158022, 1.0115286168115196, 1.7330258411633288, 14.814510141047432]
      ),
      ("cauchy", [0, 1], [-31.820515953773956, -0.4327386422474259, 0.0, 318.30883898555015]),
      ("student-t", [4, 1, 2], [-6.493894775958394, 0.2885106552429284, 1.0, 15.346364439564613]),
      (
        "rayleigh", [2],
        [0.2835536753914707, 1.922572151252709, 2.3548200450309493, 7.4338443776996765]
      ),
      (
        "f", [3, 8],
        [0.036377953362850955, 0.605009692820649, 0.860037808522182, 15.829489581520665]
      ),
      (
        "f", [20, 40],
        [0.3710921268007489, 0.8625887962500999, 0.9832262707366523, 3.144989530444715]
      ),
      (
        "power", [3],
        [0.2154434690031884, 0.7179054352068319, 0.7937005259840998, 0.9996665554937859]
      ),
      (
        "power", [0.4], [1e-05, 0.08327301903978263, 0.1767766952966369, 0.9975018746874609]
      ),
      (
        "wald", [2, 3],
        [0.3275999310476363, 1.1811587145763376, 1.512250663605367, 12.910693530062765]
      ),
      (
        "wald", [1, 50],
        [0.7142725459195861, 0.9448393625172706, 0.9901149680587921, 1.5264495532463744]
      ),
      ("von-mises", [0, 4], [-1.3157880028827194, -0.17243520572818455, 0.0, 1.955243021073195]),
      ("von-mises", [1, 0.5], [-2.0315351823068597, 0.4605010166764928, 1.0, 4.130575905466429]),
      (
        "von-mises", [0, 300],
        [-0.1344692411967421, -0.019167853861079245, 0.0, 0.17872721012226]
      ),
      (
        "noncentral-chi-square", [3, 2],
        [0.22191879101074652, 3.093029787760296, 4.137515123399119, 23.700265739601193]
      ),
      (
        "noncentral-f", [3, 8, 2],
        [0.07015173242360052, 1.07222866665247, 1.4952650212880343, 24.700129062924052]
      ),
      (
        "noncentral-f", [5, 20, 30],
        [2.2032815516678244, 6.0093676949271115, 7.009510224645059, 30.11407622840408]
      ),
      ("log-series", [0.6], [1.0, 1.0, 1.0, 10.0]),
      ("log-series", [0.98], [1.0, 2.0, 4.0, 197.0]),
      ("integer", [3, 12], [3.0, 6.0, 7.0, 12.0]),
      ("poisson", [0.3], [0.0, 0.0, 0.0, 3.0]),
      ("poisson", [250], [214.0, 245.0, 250.0, 300.0]),
      ("binomial", [20, 0.3], [2.0, 5.0, 6.0, 13.0]),
      ("geometric", [0.2], [1.0, 3.0, 4.0, 31.0]),
      ("negbinomial", [5, 2], [0.0, 3.0, 4.0, 26.0]),
      ("hypergeometric", [30, 70, 10], [0.0, 2.0, 3.0, 7.0]),
      ("zipf", [2.5], [1.0, 1.0, 1.0, 63.0]),
    ] as [(String, [Double], [Double])])
  func quantiles(name: String, parameters: [Double], expected: [Double]) throws {
    let shape = try #require(Distribution.byName[name]?.shape(parameters))
    for (u, value) in zip([0.01, 0.37, 0.5, 0.999], expected) {
      let found = shape.quantile(u)
      #expect(
        abs(found - value) <= 1e-7 * max(1, abs(value)), "\(name) at \(u): \(found), not \(value)")
    }
  }

  @Test func cdfAndQuantileAreInverse() throws {
    let examples: [(String, [Double])] = [
      ("gamma", [2.5, 3]), ("beta", [3, 0.7]), ("student-t", [3, 0, 1]), ("weibull", [0.8, 2]),
      ("triangular", [1, 1, 4]), ("laplace", [3, 1]),
      ("f", [2, 9]), ("power", [0.3]), ("wald", [3, 0.2]), ("wald", [1, 1e6]),
      ("von-mises", [2, 0.01]),
      ("von-mises", [0, 10_000]), ("noncentral-chi-square", [0.5, 9_000]),
      ("noncentral-f", [1, 5, 0]),
    ]
    for (name, parameters) in examples {
      let shape = try #require(Distribution.byName[name]?.shape(parameters))
      forEverySeed(50) { random in
        let u = Double.random(in: 1e-6..<1, using: &random)
        return abs(shape.cdf(shape.quantile(u)) - u) < 1e-9
      }
    }
  }

  @Test(
    arguments: [
      ("normal", [0, 0]), ("gamma", [-1, 1]), ("beta", [0, 1]), ("bernoulli", [1.5]),
      ("binomial", [-1, 0.5]),
      ("geometric", [0]), ("hypergeometric", [1, 1, 5]), ("zipf", [1]), ("uniform", [2, 1]),
      ("normal", [.nan, 1]),
      ("normal", [1]), ("f", [0, 2]), ("power", [0]), ("wald", [1, 0]), ("von-mises", [0, 1e5]),
      ("log-series", [1]), ("noncentral-chi-square", [1, -1]), ("noncentral-f", [1, 1, 1e9]),
    ] as [(String, [Double])])
  func parametersOutOfRangeGiveNothing(name: String, parameters: [Double]) throws {
    #expect(try #require(Distribution.byName[name]).shape(parameters) == nil)
  }

  /// Those of one variable that NumPy's Generator draws from, by our names.
  @Test func noneOfNumPysIsMissing() {
    let known = Set(Distribution.all.map(\.name))
    #expect(known.count == Distribution.all.count)
    for name in [
      "beta", "binomial", "chi-square", "exponential", "f", "gamma", "geometric", "gumbel",
      "hypergeometric", "integer", "laplace", "logistic", "lognormal", "log-series", "negbinomial",
      "noncentral-chi-square", "noncentral-f", "normal", "pareto", "poisson", "power", "rayleigh",
      "cauchy", "student-t", "triangular", "uniform", "von-mises", "wald", "weibull", "zipf",
    ] {
      #expect(known.contains(name), "\(name)")
    }
  }
}
