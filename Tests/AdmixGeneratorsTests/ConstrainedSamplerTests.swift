import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixTestSupport
import Testing

@Suite struct ConstrainedSamplerTests {
  /// Row r of attempt a holds one random whole number below 1,000.
  private struct Numbers: RowSampler {
    static let schema = Schema([ColumnSchema("n", .int)])
    func sample(_ rows: [Int], of table: String, attempt: Int) throws -> Batch {
      let random = RandomSource(seed: 4, salt: table)
      return Batch(
        schema: Self.schema,
        columns: [
          Column(
            .int(
              Buffer(
                rows.map {
                  Int64(random.bits(row: UInt64($0), tag: 1, draw: UInt32(attempt)) % 1_000)
                })))
        ])
    }
  }

  private static func rule(_ text: String, _ holds: @escaping @Sendable (Int64) -> Bool) -> KeepRule
  {
    KeepRule(text: text, span: Laboratory.span) { batch in
      guard case .int(let values) = batch.columns[0].values else {
        return Bitmap(count: batch.rows) { _ in false }
      }
      return Bitmap(count: batch.rows) { holds(values[$0]) }
    }
  }

  @Test(
    "draws a row again until it satisfies every rule, whatever its neighbours do",
    arguments: [1_000, 500, 30, 3] as [Int64])
  func redraws(limit: Int64) throws {
    let rules = [Self.rule("n < limit") { $0 < limit }, Self.rule("n is even") { $0 % 2 == 0 }]
    let sampler = ConstrainedSampler(Numbers(), table: "data", rules: rules)
    _ = try sampler.probe()
    let (whole, acceptance) = try sampler.sample(Array(0..<400))
    let values = try Laboratory.named(whole, "n").map { Int64($0 ?? -1) }
    #expect(values.allSatisfy { $0 >= 0 && $0 < limit && $0 % 2 == 0 })
    #expect(acceptance.accepted == 400)
    let expected = Double(limit) / 2_000
    #expect((acceptance.share / expected - 1).magnitude < 0.35, "\(acceptance.share)")
    forEverySeed(5) { random in
      let from = Int.random(in: 0..<400, using: &random)
      let to = Int.random(in: from...400, using: &random)
      let part = try? sampler.sample(Array(from..<to)).batch
      return part != nil && part?.difference(from: whole.slice(from..<to)) == nil
    }
    #expect(try sampler.sample([]).batch.rows == 0)
  }

  @Test func refusesWhatHardlyAnyRowSatisfies() throws {
    let rules = [Self.rule("n >= 0") { $0 >= 0 }, Self.rule("n > 2000") { $0 > 2_000 }]
    let sampler = ConstrainedSampler(Numbers(), table: "data", rules: rules)
    let report = #expect(throws: Diagnostics.self) { _ = try sampler.probe() }
    let problem = try #require(report?.items.first)
    #expect(problem.code == "AX0611" && problem.span == Laboratory.span)
    #expect(problem.fact == "the keep rules accept 0.0 % of the rows")
    #expect(
      problem.cause
        == "of 4000 rows drawn, 'n >= 0' accepts 100.0 %, 'n > 2000' accepts 0.0 %")
  }

  @Test func conditionsAsRulesSayTheSameAsConstruction() throws {
    let model = try Laboratory.learn(Laboratory.people(2_000))
    let bound = Condition.Bound("2019-09-01", isInclusive: false)
    for condition in [
      Condition(column: "city", requirement: .oneOf(["Zug", "Bern"])),
      Condition(column: "city", requirement: .isMissing),
      Condition(column: "note", requirement: .oneOf(["late"])),
      Condition(column: "member", requirement: .oneOf(["false"])),
      Condition(column: "age", requirement: .oneOf(["31", "32"])),
      Condition(column: "income", requirement: .isPresent),
      Condition(column: "joined", requirement: .range(low: bound, high: nil)),
      Condition(column: "joined", requirement: .range(low: nil, high: bound)),
    ] {
      let rule = try condition.rule(Laboratory.people(1).schema)
      let drawn = try Laboratory.draw(model, rows: 800, where: [condition])
      #expect(try rule.mask(drawn).trueCount == 800, "\(condition)")
      let free = try Laboratory.draw(model, rows: 800)
      #expect(try rule.mask(free).trueCount < 800, "\(condition)")
    }
    for (column, requirement) in [
      ("age", Condition.Requirement.oneOf(["old"])), ("town", .isMissing),
      ("city", .range(low: bound, high: nil)), ("city", .oneOf(["Basel"])),
    ] {
      #expect(throws: Diagnostics.self) {
        _ = try Condition(column: column, requirement: requirement)
          .rule(Laboratory.people(1).schema)
      }
    }
  }
}
