import AdmixData
import AdmixModel
import AdmixStatistics
import AdmixTestSupport
import Foundation
import Testing

/// pyCANON 1.3.6 over Adult, every figure of it: it takes the worst of the sensitive columns.
@Test func anonymityAgreesWithPyCANON() throws {
  guard let oracle = try Oracle("anonymity_adult_real") else { return }
  let table = try Oracle.table("adult_real")
  var compared = 0
  for item in oracle.cases {
    func names(_ list: String) -> [String] {
      (item["params"]?[list]?.array ?? []).compactMap(\.string)
    }
    let id = item["id"]?.string ?? ""
    let known = try names("quasi_identifiers").map { try Oracle.categories(#require(table[$0])) }
    let rows = known[0].count
    let groups = RowHash.keys(known, rows: rows)
    let sizes = ClassSizes(ClassCounts(groups))
    let k = try #require(sizes.smallest)
    var counts: [ClassCounts] = []
    var figures: [SensitiveFigures] = []
    for name in names("sensitive") {
      let values = ValueKeys.keys(Oracle.categories(try #require(table[name])), rows: rows)
      let counted = ClassCounts(groups, values: values)
      counts.append(counted)
      figures.append(
        SensitiveFigures(
          counted, marginal: SensitiveMarginal([SensitiveMarginal.count(values)]),
          isOrdered: false, least: 2))
    }
    let distinct = try #require(figures.compactMap(\.distinct).min())
    let found: JSONValue
    switch item["metric"]?.string {
    case "k_anonymity": found = JSONValue(k)
    case "l_diversity": found = JSONValue(distinct)
    case "entropy_l_diversity":
      // Rounded down there.
      found = .double(
        try #require(figures.compactMap(\.entropy).min().map { (exp($0) + 1e-9).rounded(.down) }))
    case "t_closeness": found = .double(try #require(figures.compactMap(\.closeness).max()))
    case "basic_beta_likeness": found = .double(try #require(figures.compactMap(\.beta).max()))
    case "enhanced_beta_likeness":
      found = .double(try #require(figures.compactMap(\.enhancedBeta).max()))
    case "delta_disclosure": found = .double(try #require(figures.compactMap(\.delta).max()))
    case "alpha_k_anonymity":
      found = [.double(try #require(figures.compactMap(\.alpha).max())), JSONValue(k)]
    case "recursive_c_l_diversity":
      // It sorts counts rising and so divides the rarest value of a class, and rounds up to a whole c.
      var greatest = 0.0
      for counted in counts where distinct > 1 {
        counted.forEachClass { entries in
          let rising = entries.map(\.count).sorted()
          let tail = rising[(distinct - 1)...].reduce(0, +)
          greatest = max(greatest, (Double(rising[0]) / Double(tail) + 1).rounded(.down))
        }
      }
      found = [distinct > 1 ? .double(greatest) : .double(.nan), JSONValue(distinct)]
      // Ours follows the paper, which needs the most frequent one.
      if distinct == 2 {
        let worst = figures.compactMap(\.recursive).max()
        #expect(worst == 843.0 / 125, "\(id): \(worst ?? .nan)")
      } else {
        #expect(figures.contains { $0.recursive == .infinity }, "\(id)")
      }
    case "equivalence_classes":
      found = [
        "classes": JSONValue(sizes.count), "unique_rows": JSONValue(sizes.rows(below: 2)),
        "rows_in_classes_below_5": JSONValue(sizes.rows(below: 5)),
        "max": JSONValue(sizes.largest ?? 0), "median": .double(sizes.median ?? .nan),
      ]
    default:
      Issue.record("\(id) is not compared")
      continue
    }
    let expected = try #require(item["expected"])
    func pairs(_ a: JSONValue, _ b: JSONValue) -> [(JSONValue, JSONValue)] {
      if let a = a.array, let b = b.array, a.count == b.count { return Array(zip(a, b)) }
      if let names = b.object?.keys { return names.map { (a[$0] ?? .null, b[$0] ?? .null) } }
      return [(a, b)]
    }
    for (a, b) in pairs(found, expected) {
      let isNone = a.double?.isNaN == true
      #expect(near(isNone ? nil : a.double, b, 1e-9), "\(id): \(a) is not \(b)")
    }
    compared += 1
  }
  #expect(compared == 40)
}

/// The earth mover's distance is summed as its paper has it: over all values, of differences so far.
@Test func classesMergeAndDistancesAreThoseOfThePaper() {
  forEverySeed { random in
    let rows = Int.random(in: 1...80, using: &random)
    let groups = (0..<rows).map { _ in
      RowKey(high: UInt64.random(in: 0...4, using: &random) << 61, low: 7)
    }
    let numbers = (0..<rows).map { _ in Int.random(in: -3...6, using: &random) }
    let column = Column(
      .double(Buffer(numbers.map(Double.init))),
      validity: Bitmap(count: rows) { numbers[$0] < 6 })
    let values = ValueKeys.keys(column, rows: rows)
    let marginal = SensitiveMarginal([SensitiveMarginal.count(values)])
    func figures(_ counts: ClassCounts) -> SensitiveFigures {
      SensitiveFigures(counts, marginal: marginal, isOrdered: true, least: 3)
    }
    let counts = ClassCounts(groups, values: values)
    let whole = figures(counts)

    var greatest = 0.0
    let distinct = Set(values).sorted()
    for group in Set(groups) {
      let own = values.indices.filter { groups[$0] == group }.map { values[$0] }
      var sum = 0.0
      var distance = 0.0
      for value in distinct {
        sum +=
          Double(own.count { $0 == value }) / Double(own.count)
          - Double(values.count { $0 == value }) / Double(rows)
        distance += abs(sum)
      }
      if distinct.count > 1 { greatest = max(greatest, distance / Double(distinct.count - 1)) }
    }
    guard abs((whole.closeness ?? .nan) - greatest) < 1e-12 else { return false }

    // Partitions that are added up, bucket by bucket, from what they wrote.
    let cut = Int.random(in: 0...rows, using: &random)
    let parts = [
      ClassCounts(Array(groups[..<cut]), values: Array(values[..<cut])),
      ClassCounts(Array(groups[cut...]), values: Array(values[cut...])),
    ]
    var merged = SensitiveFigures()
    var sizes = ClassSizes()
    for bucket in KeyBucket.all(of: 4, most: 1) {
      let read = try? parts.map { part in
        let (groups, values) = part.write()
        return try ClassCounts(groups: groups, values: values, bucket: bucket)
      }
      let sum = ClassCounts(adding: read ?? [])
      merged.merge(figures(sum))
      sizes.merge(ClassSizes(sum))
    }
    return merged == whole && sizes == ClassSizes(counts) && sizes.rows == rows
  }
}

/// SDMetrics gives protection, 1 − CAP, over the baseline's 1 − 1/values.
@Test func attributesAreGuessedAsOftenAsSDMetricsSays() throws {
  guard let oracle = try Oracle("privacy_adult") else { return }
  var compared = 0
  for item in oracle.cases where item["metric"] == "disclosure_protection" {
    let params = try #require(item["params"])
    let method = params["method"]?.string ?? ""
    guard method != "generalized_cap" else { continue }
    func names(_ list: String) -> [String] { (params[list]?.array ?? []).compactMap(\.string) }
    func counts(_ name: String) throws -> (ClassCounts, Int) {
      let table = try Oracle.table("adult_\(name)")
      let rows = try #require(params["first_rows"]?.int)
      func columns(_ list: [String]) throws -> [Column] {
        try list.map { Oracle.categories(Array(try #require(table[$0]).prefix(rows))) }
      }
      let values = RowHash.keys(try columns(names("sensitive")), rows: rows)
      return (
        ClassCounts(RowHash.keys(try columns(names("known")), rows: rows), values: values),
        Set(values).count
      )
    }
    let (real, values) = try counts("real")
    let found = CorrectAttribution(real, in: try counts(item["input"]?.string ?? "").0)
    let cap = try #require(method == "cap" ? found.cap : found.zeroCap)
    let baseline = 1 - 1 / Double(values)
    let id = item["id"]?.string ?? ""
    let expected = item["expected"]
    #expect(near(1 - cap, expected?["cap_protection"], 1e-9), "\(id): \(1 - cap)")
    #expect(near(baseline, expected?["baseline_protection"], 1e-9), "\(id)")
    #expect(near(min(1, (1 - cap) / baseline), expected?["score"], 1e-9), "\(id)")
    compared += 1
  }
  #expect(compared == 8)
}
