import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

@Suite struct PrivacyTests {
  /// Figures of `cdp2adp.py` in private-pgm (MIT), which is by the authors of the conversion.
  @Test(
    "converts between ρ and (ε, δ) like the reference",
    arguments: [
      (1, 1e-9, 0.014973057673588523), (1, 1e-6, 0.024355970359538372),
      (0.1, 1e-5, 0.00043299372940180947), (10, 1e-5, 1.7826956163289516),
      (3, 1e-12, 0.08902126404945342),
    ])
  func converts(epsilon: Double, delta: Double, rho: Double) {
    let found = PrivacyAccounting.rho(epsilon: epsilon, delta: delta)
    #expect((found / rho - 1).magnitude < 1e-9, "\(found)")
    #expect(PrivacyAccounting.delta(rho: found, epsilon: epsilon) <= delta)
    let back = PrivacyAccounting.epsilon(rho: found, delta: delta)
    #expect((back / epsilon - 1).magnitude < 1e-9, "\(back)")
    // The well-known looser bound of Bun and Steinke is never beaten by being wrong.
    #expect(epsilon <= rho + 2 * (rho * log(1 / delta)).squareRoot())
  }

  /// The statistic of a chi-squared test, and how many cells it had.
  private static func chiSquared(_ seen: [Int64: Int], _ expected: [Int64: Double], draws: Int)
    -> (statistic: Double, cells: Int)
  {
    var statistic = 0.0
    var cells = 0
    var rest = (seen: draws, expected: Double(draws))
    for (value, share) in expected where share * Double(draws) >= 10 {
      let wanted = share * Double(draws)
      let found = Double(seen[value] ?? 0)
      statistic += (found - wanted) * (found - wanted) / wanted
      rest.seen -= seen[value] ?? 0
      rest.expected -= wanted
      cells += 1
    }
    if rest.expected > 5 {
      let off = Double(rest.seen) - rest.expected
      statistic += off * off / rest.expected
      cells += 1
    }
    return (statistic, cells)
  }

  @Test("draws the discrete Gaussian", arguments: [1, 4, 50, 2_500] as [UInt64])
  func drawsTheDiscreteGaussian(variance: UInt64) {
    let draws = 40_000
    for noise in [ExactNoise.forTests(seed: 3, purpose: "\(variance)"), .secret()] {
      var seen: [Int64: Int] = [:]
      for _ in 0..<draws { seen[noise.gaussian(variance: variance), default: 0] += 1 }
      let reach = Int64(8 * Double(variance).squareRoot()) + 2
      var shares: [Int64: Double] = [:]
      for x in -reach...reach { shares[x] = exp(-Double(x * x) / (2 * Double(variance))) }
      let sum = shares.values.reduce(0, +)
      for x in shares.keys { shares[x]? /= sum }
      let (statistic, cells) = Self.chiSquared(seen, shares, draws: draws)
      // Five and a half standard deviations: what is secret is drawn anew each time.
      let bound = Double(cells) + 5.5 * (2 * Double(cells)).squareRoot() + 8
      #expect(statistic < bound, "\(statistic) with \(cells) cells")
    }
  }

  @Test func choosesWithExponentialOdds() {
    let noise = ExactNoise.forTests(seed: 5, purpose: "choice")
    let scores: [Int64] = [100, 103, 90, 103]
    let epsilon = 0.5
    var seen: [Int64: Int] = [:]
    for _ in 0..<40_000 {
      let index = noise.choose(scores, epsilon20: UInt64(epsilon * Double(1 << 20)))
      seen[Int64(index), default: 0] += 1
    }
    let weights = scores.map { exp(epsilon * Double($0) / 2) }
    let sum = weights.reduce(0, +)
    let shares = Dictionary(
      uniqueKeysWithValues: weights.enumerated().map { (Int64($0), $1 / sum) })
    #expect(Self.chiSquared(seen, shares, draws: 40_000).statistic < 25)
    // exp(−2.5), through the part above one.
    var hits = 0
    for _ in 0..<40_000 where noise.bernoulliExp(5, 2) { hits += 1 }
    #expect((Double(hits) / 40_000 - exp(-2.5)).magnitude < 0.006)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<14_000 { counts[Int(noise.uniform(below: 7))] += 1 }
    #expect(counts.allSatisfy { abs($0 - 2_000) < 230 })
  }

  private static func options(
    epsilon: Double = 3, seed: Int? = 1, domain extra: [String: JSONValue] = [:]
  ) -> JSONValue {
    var domain: [String: JSONValue] = [
      "age": ["between": [-20, 110]],
      "income": ["between": [0, 100_000], "decimals": 2, "missing": true],
      "city": ["values": ["Bern", "Genf", "Lugano", "Zug", "Ascona"], "missing": true],
      "joined": ["between": ["2014-01-01", "2024-12-31"]],
      "seen": ["between": ["2022-06-01", "2025-06-01"], "missing": true],
      "note": ["early", "late", "on time"],
    ]
    for (name, value) in extra { domain[name] = value }
    var privacy: [String: JSONValue] = [
      "epsilon": .double(epsilon), "delta": 1e-6, "domain": .object(domain), "target": "member",
    ]
    if let seed { privacy["test-seed"] = JSONValue(seed) }
    return ["privacy": .object(privacy)]
  }

  @Test func learnsPrivately() throws {
    let real = Laboratory.people(12_000)
    let network = BayesianNetworkTests.network(Self.options())
    let learned = try Laboratory.learn([real], schema: real.schema, with: network)
    #expect(learned.warnings.map(\.code) == ["AX0606", "AX0693"])
    let drawn = try BayesianNetworkTests.draw(learned.model, rows: 12_000)
    // Categories are those that were declared, one more than there are, and not those of the data.
    #expect(drawn.schema["city"]?.categories == ["Ascona", "Bern", "Genf", "Lugano", "Zug"])
    for (name, bound) in [
      ("age", 0.03), ("income", 0.04), ("member", 0.02), ("joined", 0.04), ("seen", 0.05),
    ] {
      let a = try Laboratory.named(real, name)
      let b = try Laboratory.named(drawn, name)
      #expect(Laboratory.distance(a, b) < bound, "\(name): \(Laboratory.distance(a, b))")
    }
    for name in ["age", "income", "joined"] {
      let a = Laboratory.correlation(
        try Laboratory.named(real, name), try Laboratory.named(real, "member"))
      let b = Laboratory.correlation(
        try Laboratory.named(drawn, name), try Laboratory.named(drawn, "member"))
      #expect((a - b).magnitude < 0.08, "\(name): \(a) and \(b)")
    }
    let incomes = try Laboratory.named(drawn, "income").compactMap { $0 }
    #expect(incomes.allSatisfy { $0 >= 0 && $0 <= 100_000 && ($0 * 100).rounded() / 100 == $0 })
    let condition = Condition(column: "city", requirement: .oneOf(["Zug"]))
    let some = try BayesianNetworkTests.draw(learned.model, rows: 100, where: [condition])
    #expect(try Laboratory.named(some, "city").allSatisfy { $0 == 4 })
    let report = try #require(BuiltinGenerators.explain(model: learned.model))
    let privacy = try #require(report.sections.first { $0.title == "Privacy" })
    // What is charged adds up to the budget and not beyond.
    var charged = 0.0
    for row in privacy.tables[0].rows {
      if case .measurement(let rho) = row[4] { charged += rho.value ?? .infinity }
    }
    let budget = PrivacyAccounting.rho(epsilon: 3, delta: 1e-6)
    #expect(charged <= budget && charged > 0.95 * budget, "\(charged) of \(budget)")
  }

  @Test func drawsNewNoiseForEveryFit() throws {
    let real = Laboratory.people(1_500)
    func model(_ seed: Int?, _ parts: [Batch]) throws -> Data {
      try Laboratory.learn(
        parts, schema: real.schema, with: BayesianNetworkTests.network(Self.options(seed: seed))
      ).model
    }
    let whole = try model(4, [real])
    #expect(try model(4, [real.slice(0..<700), real.slice(700..<1_500)]) == whole)
    #expect(try model(5, [real]) != whole)
    #expect(try model(nil, [real]) != model(nil, [real]))
  }

  /// No figure of the data can be in the model but through the noise: with other rows outside the domain,
  /// or other categories in the schema, the same noise gives the same model.
  @Test func takesNothingFromTheDataButCounts() throws {
    let real = Laboratory.people(1_500)
    let network = BayesianNetworkTests.network(Self.options(epsilon: 1))
    let whole = try Laboratory.learn([real], schema: real.schema, with: network).model
    var schema = real.schema
    schema.columns[2].categories += ["Zzz"]
    schema.columns[1].decimals = 5
    #expect(try Laboratory.learn([real], schema: schema, with: network).model == whole)
  }

  @Test func learnsFromNothingAndFromOneColumn() throws {
    let empty = Laboratory.people(0)
    let network = BayesianNetworkTests.network(Self.options())
    let model = try Laboratory.learn([empty], schema: empty.schema, with: network).model
    #expect(try BayesianNetworkTests.draw(model, rows: 20).rows == 20)
    let one = try #require(Laboratory.people(500).selecting(["member"]))
    for target in ["member", nil] as [JSONValue?] {
      let alone = BayesianNetworkTests.network([
        "privacy": .object([
          "epsilon": 1, "delta": 1e-6, "domain": [:], "test-seed": 1, "target": target ?? .null,
        ])
      ])
      let small = try Laboratory.learn([one], schema: one.schema, with: alone).model
      #expect(try BayesianNetworkTests.draw(small, rows: 20).rows == 20)
    }
  }

  @Test(
    "says which domain is missing or does not fit",
    arguments: [
      (["city"], [:], "AX0690", "the domain of column 'city' is not declared"),
      (["city", "age"], [:], "AX0690", "the domains of 2 columns are not declared"),
      ([], ["age": ["between": [3, 1]]], "AX0691", "of column 'age' does not fit"),
      ([], ["age": ["values": [3, 1]]], "AX0691", "of column 'age' does not fit"),
      ([], ["city": ["between": [3, 4]]], "AX0691", "of column 'city' does not fit"),
      ([], ["age": ["between": [0, 90], "spikes": [91]]], "AX0691", "of column 'age'"),
      ([], ["agee": ["between": [0, 90]]], "AX0691", "declared for 'agee', which is not learned"),
      ([], ["mail": ["a", "b"]], "AX0691", "declared for 'mail', which is not learned"),
    ] as [([String], [String: JSONValue], String, String)])
  func refusesDomains(without: [String], with: [String: JSONValue], code: String, fact: String)
    throws
  {
    guard var options = Self.options(domain: with).object,
      var privacy = options["privacy"]?.object, var domain = privacy["domain"]?.object
    else { return }
    for name in without { domain[name] = nil }
    privacy["domain"] = .object(domain)
    options["privacy"] = .object(privacy)
    let network = BayesianNetworkTests.network(.object(options))
    var report = Diagnostics()
    _ = network.schemas(learned: Laboratory.people(0).schema, report: &report)
    #expect(report.items.map(\.code) == [code])
    #expect(report.items.first?.fact.contains(fact) == true, "\(report.items)")
    #expect(report.items.first?.span != nil)
    #expect(throws: Diagnostics.self) {
      _ = try Laboratory.learn(
        [Laboratory.people(5)], schema: Laboratory.people(5).schema, with: network)
    }
  }
}
