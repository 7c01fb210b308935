package import AdmixData
package import AdmixModel

/// A column that two tables share and that is compared.
package struct ComparedColumn: Hashable, Sendable, Codable {
  package var name: String
  /// Compared by order and distance rather than by equality.
  package var isNumber: Bool

  package init(_ name: String, isNumber: Bool) {
    self.name = name
    self.isNumber = isNumber
  }

  /// The columns worth comparing: in both tables, of kinds that can be compared, and neither origin
  /// nor identifier nor ignored.
  package static func shared(_ table: Schema, _ reference: Schema) -> [ComparedColumn] {
    table.columns.compactMap { column in
      guard let real = reference[column.name], !Schema.isOrigin(column.name) else { return nil }
      let roles = Set(column.roles).union(real.roles)
      guard roles.isDisjoint(with: [.id, .ignore]) else { return nil }
      guard column.type.isContinuous == real.type.isContinuous else { return nil }
      return ComparedColumn(column.name, isNumber: column.type.isContinuous)
    }
  }
}

/// What the comparison needs to know about a table; partitions' profiles merge.
package struct Profile: Sendable, Equatable {
  package var rows: Int
  /// As many as there are compared columns.
  package var counts: [ValueCounts]
  /// For each pair of numbers, in the order of `Profile.pairs`.
  package var moments: [CoMoments]

  package init(_ batch: Batch, columns: [ComparedColumn]) {
    rows = batch.rows
    let found = columns.map { batch[$0.name] }
    counts = zip(columns, found).map { column, values in
      guard let values, values.type.isContinuous == column.isNumber else {
        return ValueCounts(
          values: column.isNumber ? .numbers([], counts: []) : .texts([], counts: []),
          missing: batch.rows)
      }
      return ValueCounts(values, isText: false)
    }
    let numbers = found.map { $0?.numbers ?? [] }
    moments = Self.pairs(columns).map { CoMoments(numbers[$0.0], numbers[$0.1]) }
  }

  /// Of no rows.
  package init(columns: [ComparedColumn]) {
    rows = 0
    counts = columns.map {
      ValueCounts(
        values: $0.isNumber ? .numbers([], counts: []) : .texts([], counts: []), missing: 0)
    }
    moments = Self.pairs(columns).map { _ in CoMoments() }
  }

  /// Positions of the pairs of numbers.
  package static func pairs(_ columns: [ComparedColumn]) -> [(Int, Int)] {
    let numbers = columns.indices.filter { columns[$0].isNumber }
    return numbers.enumerated().flatMap { position, first in
      numbers[(position + 1)...].map { (first, $0) }
    }
  }

  package mutating func merge(_ other: Profile) throws {
    guard counts.count == other.counts.count, moments.count == other.moments.count else {
      throw PackedReader.damaged
    }
    rows += other.rows
    for index in counts.indices { counts[index].merge(other.counts[index]) }
    for index in moments.indices { moments[index].merge(other.moments[index]) }
  }

  package func write(to out: inout PackedWriter) {
    out.append(rows)
    out.append(counts.count)
    for item in counts { item.write(to: &out) }
    out.append(moments.count)
    for item in moments { item.write(to: &out) }
  }

  package init(from reader: inout PackedReader) throws {
    rows = try reader.int()
    counts = []
    for _ in 0..<(try reader.count()) { counts.append(try ValueCounts(from: &reader)) }
    moments = []
    for _ in 0..<(try reader.count()) { moments.append(try CoMoments(from: &reader)) }
  }
}

extension PairPlan {
  /// Every pair of columns that is not a pair of numbers, in bins made from the reference; columns
  /// with too many texts are left out.
  ///
  /// Bins grow coarser where the tables would not fit in memory.
  package init(
    _ columns: [ComparedColumn], reference: Profile, table: Profile, mostCells: Int = 4_000_000
  ) {
    var most = 256
    while true {
      let plan = PairPlan(columns, reference: reference, table: table, categories: most)
      if plan.cells <= mostCells || most <= 4 {
        self = plan
        return
      }
      most /= 2
    }
  }

  private init(
    _ columns: [ComparedColumn], reference: Profile, table: Profile, categories: Int
  ) {
    var binnings: [Binning] = []
    var isNumber: [Bool] = []
    for (index, column) in columns.enumerated() {
      guard
        let binning = Binning(
          column: column.name, reference: reference.counts[index], other: table.counts[index],
          most: categories)
      else { continue }
      binnings.append(binning)
      isNumber.append(column.isNumber)
    }
    let pairs = binnings.indices.flatMap { a in
      binnings.indices.filter { $0 > a && !(isNumber[a] && isNumber[$0]) }.map { [a, $0] }
    }
    self.init(columns: binnings, pairs: pairs)
  }
}

/// How alike two tables are, from 0 to 1; 1 is what the reference itself would get.
///
/// The scores are those of SDMetrics' quality report with three differences: a missing value is a
/// category of its own, bins of numbers are the reference's deciles and the same for both tables, and
/// beside each score stands what two samples of the real data of these sizes would get on average.
package struct FidelityScores: Sendable, Codable, Hashable {
  package struct ColumnScore: Sendable, Codable, Hashable {
    package var name: String
    /// `ks` or `tv`.
    package var metric: String
    /// 1 − distance.
    package var score: Measurement
    package var expected: Double?
    /// The part of the real range, or of the real categories, that occurs.
    package var coverage: Measurement
    /// The part of the rows that lies inside the real range or has a real category.
    package var adherence: Measurement
    /// 1 − |difference of the missing shares|.
    package var missingSimilarity: Measurement
  }

  package struct PairScore: Sendable, Codable, Hashable {
    package var first: String
    package var second: String
    /// `correlation` or `contingency`.
    package var metric: String
    package var score: Measurement
    package var expected: Double?
  }

  package var rows: Int
  package var referenceRows: Int
  package var columns: [ColumnScore]
  package var pairs: [PairScore]
  /// How many pairs were compared, whether they are all in `pairs` or not.
  package var pairCount: Int
  package var columnShapes: Measurement
  package var pairTrends: Measurement
  package var overall: Measurement
  /// What `pairTrends` is on average for real data of this size.
  package var expectedPairTrends: Double?
  /// What `overall` is on average for real data of this size.
  package var expectedOverall: Double?

  package init(
    _ columns: [ComparedColumn], reference: Profile, table: Profile, plan: PairPlan,
    referenceTables: PairTables, tables: PairTables
  ) {
    rows = table.rows
    referenceRows = reference.rows
    self.columns = columns.indices.map {
      Self.column(columns[$0].name, reference.counts[$0], table.counts[$0])
    }
    var pairs: [(place: Int, score: PairScore)] = []
    for (index, pair) in Profile.pairs(columns).enumerated() {
      let score = Self.correlation(
        columns[pair.0].name, columns[pair.1].name, reference.moments[index],
        table.moments[index])
      pairs.append((pair.0 * columns.count + pair.1, score))
    }
    let places = Dictionary(columns.enumerated().map { (ExactText($1.name), $0) }) { a, _ in a }
    let planned = plan.columns.map { places[ExactText($0.column)] ?? 0 }
    for (index, pair) in plan.pairs.enumerated() {
      let real = referenceTables.tables[index]
      let other = tables.tables[index]
      let count = other.reduce(0, +)
      let distance = Distances.totalVariation(real, other)
      let score = PairScore(
        first: plan.columns[pair[0]].column, second: plan.columns[pair[1]].column,
        metric: "contingency",
        score: distance.map { Measurement(1 - $0, support: count) } ?? .undefined("no rows"),
        expected: distance.map { _ in 1 - Distances.expectedTotalVariation(real, count) })
      pairs.append((planned[pair[0]] * columns.count + planned[pair[1]], score))
    }
    self.pairs = pairs.sorted { $0.place < $1.place }.map(\.score)
    pairCount = pairs.count
    columnShapes = Self.mean(self.columns.map(\.score), of: "column")
    pairTrends = Self.mean(self.pairs.map(\.score), of: "pair")
    overall = Self.mean([columnShapes, pairTrends], of: "part")
    overall.support = table.rows
    expectedPairTrends = Self.mean(zip(self.pairs.map(\.score), self.pairs.map(\.expected)))
    let expected = [
      Self.mean(zip(self.columns.map(\.score), self.columns.map(\.expected))), expectedPairTrends,
    ].compactMap { $0 }
    expectedOverall = expected.isEmpty ? nil : expected.reduce(0, +) / Double(expected.count)
  }

  /// Forgets the pairs that are nearest to the reference, which a wide table has hundreds of thousands
  /// of; the means stay those of all.
  ///
  /// - Parameters:
  ///   - most: how many stay.
  ///   - isAsked: which pairs stay wherever they are.
  package mutating func keepPairs(most: Int, isAsked: (PairScore) -> Bool) {
    guard pairs.count > most else { return }
    var keeps = pairs.map(isAsked)
    for index in furthest.prefix(most) { keeps[index] = true }
    pairs = zip(pairs, keeps).filter(\.1).map(\.0)
  }

  /// Positions of the pairs that have a score, the lowest one first; equals in the order of columns.
  package var furthest: [Int] {
    pairs.indices.compactMap { index in pairs[index].score.value.map { (value: $0, at: index) } }
      .sorted { ($0.value, $0.at) < ($1.value, $1.at) }.map(\.at)
  }

  private static func mean(_ scores: [Measurement], of what: String) -> Measurement {
    let values = scores.compactMap(\.value)
    guard !values.isEmpty else { return .undefined("no \(what) could be compared") }
    return Measurement(values.reduce(0, +) / Double(values.count), support: values.count)
  }

  private static func mean(_ items: Zip2Sequence<[Measurement], [Double?]>) -> Double? {
    let values = items.compactMap { $0.value == nil ? nil : $1 }
    return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  private static func correlation(_ a: String, _ b: String, _ real: CoMoments, _ other: CoMoments)
    -> PairScore
  {
    let score: Measurement
    var expected: Double?
    switch (real.correlation, other.correlation) {
    case (nil, _): score = .undefined("one of them does not vary in the reference")
    case (_, nil): score = .undefined("one of them does not vary")
    case (let r?, let s?):
      score = Measurement(1 - abs(r - s) / 2, support: other.count)
      expected =
        1 - Distances.expectedCorrelationDifference(r, real.count, other.count) / 2
    }
    return PairScore(
      first: a, second: b, metric: "correlation", score: score, expected: expected)
  }

  package static func column(_ name: String, _ real: ValueCounts, _ other: ValueCounts)
    -> ColumnScore
  {
    let missingSimilarity: Measurement =
      real.rows > 0 && other.rows > 0
      ? Measurement(
        1
          - abs(
            Double(real.missing) / Double(real.rows) - Double(other.missing) / Double(other.rows)),
        support: other.rows) : .undefined("no rows")
    let digits = max(real.cut, other.cut)
    switch (real.shortened(to: digits).values, other.shortened(to: digits).values) {
    case (.numbers(let a, let ca), .numbers(let b, let cb)):
      let distance = Distances.ks(a, ca, b, cb)
      return ColumnScore(
        name: name, metric: "ks",
        score: distance.map { Measurement(1 - $0, support: other.present) }
          ?? .undefined("no values on one side"),
        expected: distance.map { _ in 1 - Distances.expectedKS(ca, other.present) },
        coverage: rangeCoverage(a, b), adherence: rangeAdherence(a, b, cb),
        missingSimilarity: missingSimilarity)
    case (.texts(let a, let ca), .texts(let b, let cb)):
      let (p, q) = aligned(a, ca, b, cb)
      let withMissing = (p + [real.missing], q + [other.missing])
      let distance = Distances.totalVariation(withMissing.0, withMissing.1)
      let both = zip(p, q).count { $0 > 0 && $1 > 0 }
      let inside = zip(p, q).reduce(0) { $0 + ($1.0 > 0 ? $1.1 : 0) }
      return ColumnScore(
        name: name, metric: "tv",
        score: distance.map { Measurement(1 - $0, support: other.rows) } ?? .undefined("no rows"),
        expected: distance.map { _ in
          1 - Distances.expectedTotalVariation(withMissing.0, other.rows)
        },
        coverage: a.isEmpty || b.isEmpty
          ? .undefined(a.isEmpty ? "no real categories" : "no values")
          : Measurement(Double(both) / Double(a.count), support: a.count),
        adherence: other.present == 0
          ? .undefined("no values")
          : Measurement(Double(inside) / Double(other.present), support: other.present),
        missingSimilarity: missingSimilarity)
    default:
      let none = Measurement.undefined("more than \(ValueCounts.mostTexts) different texts")
      return ColumnScore(
        name: name, metric: "tv", score: none, coverage: none, adherence: none,
        missingSimilarity: missingSimilarity)
    }
  }

  /// The counts of both over the union of their categories.
  package static func aligned(_ a: [String], _ ca: [Int], _ b: [String], _ cb: [Int])
    -> ([Int], [Int])
  {
    var p: [Int] = []
    var q: [Int] = []
    var i = 0
    var j = 0
    while i < a.count || j < b.count {
      if j == b.count || i < a.count && a[i].utf8.lexicographicallyPrecedes(b[j].utf8) {
        p.append(ca[i])
        q.append(0)
        i += 1
      } else if i == a.count || b[j].utf8.lexicographicallyPrecedes(a[i].utf8) {
        p.append(0)
        q.append(cb[j])
        j += 1
      } else {
        p.append(ca[i])
        q.append(cb[j])
        i += 1
        j += 1
      }
    }
    return (p, q)
  }

  /// 1 − the parts of the real range below the least and above the greatest value, at least 0.
  private static func rangeCoverage(_ a: [Double], _ b: [Double]) -> Measurement {
    guard let low = a.first, let high = a.last, let least = b.first, let most = b.last else {
      return .undefined("no values on one side")
    }
    guard high > low else { return .undefined("the real values are all the same") }
    let below = max(0, (least - low) / (high - low))
    let above = max(0, (high - most) / (high - low))
    return Measurement(max(0, 1 - below - above))
  }

  private static func rangeAdherence(_ a: [Double], _ b: [Double], _ cb: [Int]) -> Measurement {
    let rows = cb.reduce(0, +)
    guard let low = a.first, let high = a.last, rows > 0 else {
      return .undefined("no values on one side")
    }
    let inside = zip(b, cb).reduce(0) { $0 + ($1.0 >= low && $1.0 <= high ? $1.1 : 0) }
    return Measurement(Double(inside) / Double(rows), support: rows)
  }
}
