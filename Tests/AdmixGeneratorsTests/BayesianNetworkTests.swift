import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

@Suite struct BayesianNetworkTests {
  static func network(_ options: JSONValue = [:]) -> BayesianNetwork {
    var report = Diagnostics()
    return BayesianNetwork(Node(options, at: Laboratory.span), report: &report)
  }

  static func learn(_ batch: Batch, _ options: JSONValue = [:]) throws -> Data {
    try Laboratory.learn([batch], schema: batch.schema, with: network(options)).model
  }

  static func draw(
    _ model: Data, rows: Int, seed: UInt64 = 7, where conditions: [Condition] = []
  ) throws -> Batch {
    let request = Laboratory.request(model, rows: rows, seed: seed, where: conditions)
    _ = try network().plan(request)
    return try network().sampler(request).sample(Array(0..<rows), of: "data", attempt: 0)
  }

  @Test func learnsTheSameBitsHoweverTheRowsWereDivided() throws {
    let people = Laboratory.people(3_000)
    let whole = try Self.learn(people)
    for cuts in [
      [1], [1_000, 2_000], [17, 18, 2_999], Array(stride(from: 100, to: 3_000, by: 100)),
    ] {
      let edges = [0] + cuts + [people.rows]
      let parts = zip(edges, edges.dropFirst()).map { people.slice($0..<$1) }
      let divided = try Laboratory.learn(parts, schema: people.schema, with: Self.network()).model
      #expect(divided == whole)
    }
  }

  /// Partitions that know only their own categories give the statistics that the whole schema gives.
  @Test func countsCategoriesByTheirText() throws {
    let people = Laboratory.people(500)
    let network = Self.network()
    let whole = try network.statistics(
      pass: 0, of: people, learning: LearningContext(schema: people.schema, state: nil))
    var columns = people.columns
    guard case .category(let codes, let names) = columns[2].values else { return }
    let own = Array(names.reversed()) + ["never"]
    let last = Int32(names.count - 1)
    columns[2] = Column(
      .category(Buffer(codes.array.map { last - $0 }), categories: own),
      validity: columns[2].validity)
    var schema = people.schema
    schema.columns[2].categories = own
    let local = Batch(schema: schema, columns: columns, rows: people.rows)
    let counted = try network.statistics(
      pass: 0, of: local, learning: LearningContext(schema: schema, state: nil))
    #expect(counted == whole)
  }

  @Test func drawsTheSameBytesHoweverTheRowsAreDivided() throws {
    let model = try Self.learn(Laboratory.people(2_000))
    for conditions in [[], [Condition(column: "city", requirement: .oneOf(["Zug", "Genf"]))]] {
      let request = Laboratory.request(model, rows: 1_500, where: conditions)
      let sampler = try Self.network().sampler(request)
      let whole = try sampler.sample(Array(0..<1_500), of: "data", attempt: 0)
      forEverySeed(6) { random in
        let from = Int.random(in: 0..<1_400, using: &random)
        let to = Int.random(in: from..<1_500, using: &random)
        let part = try? sampler.sample(Array(from..<to), of: "data", attempt: 0)
        return part?.difference(from: whole.slice(from..<to)) == nil && part != nil
      }
      let shuffled = [3, 1_499, 0, 512, 511]
      let some = try sampler.sample(shuffled, of: "data", attempt: 0)
      #expect(some.difference(from: whole.taking(shuffled)) == nil)
      let again = try sampler.sample(Array(0..<1_500), of: "data", attempt: 1)
      #expect(again.difference(from: whole) != nil)
      #expect(
        try again.selecting(["number"])?.difference(from: #require(whole.selecting(["number"])))
          == nil)
      let other = try Self.draw(model, rows: 1_500, seed: 8, where: conditions)
      #expect(other.difference(from: whole) != nil)
    }
  }

  @Test func keepsMarginalsGapsAndRelations() throws {
    let real = Laboratory.people(12_000)
    let learned = try Laboratory.learn([real], schema: real.schema, with: Self.network())
    #expect(learned.warnings.map(\.code) == ["AX0606"])  // mail is pii
    let drawn = try Self.draw(learned.model, rows: 12_000)
    #expect(
      drawn.schema.names == ["age", "income", "city", "member", "joined", "seen", "note", "number"])
    for name in ["age", "income", "city", "member", "joined", "seen", "note"] {
      let a = try Laboratory.named(real, name)
      let b = try Laboratory.named(drawn, name)
      #expect(Laboratory.distance(a, b) < 0.025, "\(name)")
      let gaps = (a.filter { $0 == nil }.count, b.filter { $0 == nil }.count)
      #expect(Double(abs(gaps.0 - gaps.1)) < 0.012 * 12_000, "\(name): \(gaps)")
      #expect(real.schema[name]?.categories == drawn.schema[name]?.categories)
      // Nothing is outside what was seen.
      let seen = a.compactMap { $0 }
      let low = try #require(seen.min())
      let high = try #require(seen.max())
      #expect(b.allSatisfy { $0.map { $0 >= low && $0 <= high } ?? true }, "\(name)")
    }
    for name in ["income", "member", "joined"] {
      let a = Laboratory.correlation(
        try Laboratory.named(real, name), try Laboratory.named(real, "age"))
      let b = Laboratory.correlation(
        try Laboratory.named(drawn, name), try Laboratory.named(drawn, "age"))
      #expect((a - b).magnitude < 0.06, "\(name): \(a) and \(b)")
    }
    // Incomes have two digits, times whole minutes, and numbers are new and unique.
    #expect(
      try Laboratory.named(drawn, "income").allSatisfy { x in
        x.map { ($0 * 100).rounded() / 100 == $0 } ?? true
      })
    #expect(
      try Laboratory.named(drawn, "seen").allSatisfy { x in
        x.map { ($0 - 1.7e15).truncatingRemainder(dividingBy: 6e7) == 0 } ?? true
      })
    let numbers = try Laboratory.named(drawn, "number").map { $0 ?? 0 }
    #expect(Set(numbers).count == 12_000 && numbers.allSatisfy { $0 >= 1e12 })
    let report = try #require(BuiltinGenerators.explain(model: learned.model))
    #expect(report.title == "Bayesian network")
    #expect(report.sections.map(\.title) == ["Columns", "Dependences", "Left out"])
  }

  /// Five binary columns of a known network: a → b, a → c, (b, c) → d by exclusive or, e alone.
  static func diamond(_ rows: Int) -> Batch {
    var random = SeededRandom(seed: 5)
    let names = ["no", "yes"]
    let schema = Schema(
      ["e", "d", "c", "b", "a"].map { ColumnSchema($0, .category, categories: names) })
    var builders = schema.columns.map { ColumnBuilder($0, capacity: rows) }
    func flip(_ p: Double) -> Bool { Double.random(in: 0..<1, using: &random) < p }
    for _ in 0..<rows {
      let a = flip(0.4)
      let b = flip(a ? 0.9 : 0.2)
      let c = flip(a ? 0.3 : 0.8)
      let d = (b != c) != flip(0.05)
      for (at, value) in [flip(0.5), d, c, b, a].enumerated() {
        builders[at].append(code: value ? 1 : 0)
      }
    }
    return Batch(schema: schema, columns: builders.map { $0.finish() }, rows: rows)
  }

  @Test func findsAKnownNetwork() throws {
    let real = Self.diamond(20_000)
    let report = try #require(BuiltinGenerators.explain(model: Self.learn(real)))
    let table = try #require(report.sections.first { $0.title == "Dependences" }?.tables.first)
    var links: Set<Set<String>> = []
    for row in table.rows {
      guard case .text(let child) = row[0], case .text(let parent) = row[1] else { continue }
      links.insert([child, parent])
    }
    #expect(links.isSuperset(of: [["a", "b"], ["a", "c"], ["b", "d"], ["c", "d"]]))
    #expect(!links.contains { $0.contains("e") })
    let drawn = try Self.draw(Self.learn(real), rows: 20_000)
    func cells(_ batch: Batch) throws -> [Double] {
      var out = [Double](repeating: 0, count: 32)
      let columns = try ["a", "b", "c", "d", "e"].map { try Laboratory.named(batch, $0) }
      for row in 0..<batch.rows {
        out[columns.reduce(0) { $0 * 2 + Int($1[row] ?? 0) }] += 1 / Double(batch.rows)
      }
      return out
    }
    let distance = zip(try cells(real), try cells(drawn)).reduce(0) { $0 + ($1.0 - $1.1).magnitude }
    #expect(distance / 2 < 0.03)
    // A tree cannot hold an exclusive or, and independent columns hold nothing.
    for (parents, least) in [(0, 0.3), (1, 0.1)] as [(Int, Double)] {
      let options: JSONValue = ["parents": JSONValue(parents)]
      let simple = try Self.draw(Self.learn(real, options), rows: 20_000)
      let off = zip(try cells(real), try cells(simple)).reduce(0) { $0 + ($1.0 - $1.1).magnitude }
      #expect(off / 2 > least, "\(parents) parents: \(off / 2)")
    }
  }
}
