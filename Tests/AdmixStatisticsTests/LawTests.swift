import AdmixData
import AdmixModel
import AdmixStatistics
import AdmixTestSupport
import Foundation
import Testing

private typealias Measurement = AdmixModel.Measurement

private func randomTable(_ random: inout SeededRandom, _ names: [String]) -> CountTable {
  let axes = names.map { name in
    CountTable.Axis(
      column: name,
      values: ["3", "10", "a", "b", "c"].filter { _ in Bool.random(using: &random) })
  }
  let counts = (0..<CountTable.cells(axes)).map { _ in Int.random(in: 0...3, using: &random) }
  return CountTable(axes: axes, counts: counts)
}

/// Every cell of a table by what it says, none left out that has rows.
private func cells(_ table: CountTable) -> [[String]: Int] {
  var cells: [[String]: Int] = [:]
  for (cell, count) in table.counts.enumerated() where count > 0 {
    let values = zip(table.codes(of: cell), table.axes).map { code, axis in
      code < axis.values.count ? axis.values[code] : "(missing)"
    }
    cells[values, default: 0] += count
  }
  return cells
}

@Test func countsAddUpInAnyGroupingAndKeepEveryRow() {
  forEverySeed { random in
    let names = Array(["x", "y", "z"].prefix(Int.random(in: 1...3, using: &random)))
    let tables = (0..<3).map { _ in randomTable(&random, names) }
    let left = tables[0].adding(tables[1]).adding(tables[2])
    let right = tables[2].adding(tables[1].adding(tables[0]))
    var sum: [[String]: Int] = [:]
    for table in tables { sum.merge(cells(table)) { $0 + $1 } }
    guard left == right, cells(left) == sum else { return false }
    // A marginal sums over the others, in the order asked for; a slice has the rows of one code.
    let kept = names.shuffled(using: &random).prefix(
      Int.random(in: 0...names.count, using: &random))
    guard let marginal = left.marginal(Array(kept)) else { return false }
    var expected: [[String]: Int] = [:]
    for (values, count) in sum {
      expected[
        kept.compactMap { name in names.firstIndex(of: name).map { values[$0] } }, default: 0] +=
        count
    }
    guard cells(marginal) == expected else { return false }
    let axis = Int.random(in: 0..<names.count, using: &random)
    return (0..<left.axes[axis].size).allSatisfy { code in
      let value =
        code < left.axes[axis].values.count ? left.axes[axis].values[code] : "(missing)"
      var rest: [[String]: Int] = [:]
      for (values, count) in sum where values[axis] == value {
        var others = values
        others.remove(at: axis)
        rest[others] = count
      }
      return left.slice(names[axis], code: code).map(cells) == rest
    }
  }
}

@Test func distancesAreSymmetricNothingBetweenEqualsAndWithinTheirRange() {
  forEverySeed { random in
    let size = Int.random(in: 1...6, using: &random)
    let (p, q) = (
      (0..<size).map { _ in Int.random(in: 0...9, using: &random) },
      (0..<size).map { _ in Int.random(in: 0...9, using: &random) }
    )
    let isEmpty = p.reduce(0, +) == 0 || q.reduce(0, +) == 0
    for (distance, most) in [
      (Divergence.js, 0.693_147_180_6), (Divergence.lp, 2.0.squareRoot()), (Divergence.tvd, 1.0),
      (Divergence.ks, 1.0), (Distances.totalVariation, 1.0), (Distances.jensenShannon, 1.0),
    ] as [(([Int], [Int]) -> Double?, Double)] {
      guard let there = distance(p, q), let back = distance(q, p), let same = distance(p, p) else {
        if isEmpty { continue }
        return false
      }
      if isEmpty || (there - back).magnitude > 1e-12 || same > 1e-8 || there < 0
        || there > most + 1e-9
      {
        return false
      }
    }
    // Gibbs: never negative, whichever way; infinite where the other lacks what this one has.
    for (a, b) in [(p, q), (q, p)] {
      guard let value = Divergence.kl(a, b) else { continue }
      let isInfinite = zip(a, b).contains { $0 > 0 && $1 == 0 }
      if value < -1e-12 || value.isInfinite != isInfinite { return false }
    }
    let x = (0..<size).map(Double.init)
    return Distances.ks(x, p, x, q) == Distances.ks(x, q, x, p)
      && (isEmpty || Distances.ks(x, p, x, p) == 0)
  }
}

@Test func countedNumbersMergeInAnyOrderAndStayWithinTheirBound() {
  forEverySeed { random in
    let values = (0..<60).map { _ in Double(Int.random(in: -5...5, using: &random)) / 4 }
    func counts(_ values: some Sequence<Double>) -> ValueCounts {
      ValueCounts(Column(.double(Buffer(Array(values)))), isText: false)
    }
    let cut = Int.random(in: 0...60, using: &random)
    var parts = counts(values[cut...])
    parts.merge(counts(values[..<cut]))
    return parts == counts(values)
  }
  // More different numbers than are kept: what is cut off depends on the numbers alone.
  var random = SeededRandom(seed: 9)
  let parts = (0..<3).map { _ in
    ValueCounts(
      values: .numbers(
        (0..<120_000).map { _ in Double.random(in: -1e6...1e6, using: &random) }.sorted(),
        counts: Array(repeating: 1, count: 120_000)), missing: 0)
  }
  func merged(_ order: [Int]) -> ValueCounts {
    var sum = parts[order[0]]
    for index in order.dropFirst() { sum.merge(parts[index]) }
    return sum
  }
  let sum = merged([0, 1, 2])
  #expect(sum == merged([2, 0, 1]))
  #expect(sum.cut > 0 && sum.present == 360_000)
  guard case .numbers(let numbers, _) = sum.values else {
    Issue.record("no numbers")
    return
  }
  #expect(
    numbers.count <= ValueCounts.mostNumbers && zip(numbers, numbers.dropFirst()).allSatisfy(<))
}

@Test func keysAndNumbersInFilesAreFoundWithoutReadingTheRest() throws {
  try forEverySeed(60) { random in
    let keys = (0..<Int.random(in: 0...40, using: &random)).map { _ in
      RowKey(
        high: UInt64.random(in: 0...UInt64.max, using: &random),
        low: UInt64.random(in: 0...3, using: &random))
    }.sorted()
    var out = PackedWriter()
    KeyFile.write(keys, rows: Array(keys.indices), to: &out)
    let file = try KeyFile(out.data)
    let buckets = KeyBucket.all(of: keys.count, most: Int.random(in: 1...50, using: &random))
    var found: [RowKey] = []
    var rows: [Int] = []
    for bucket in buckets {
      found += try file.keys(bucket)
      rows += try file.rows(file.places(bucket))
    }
    guard found == keys, rows == Array(keys.indices) else { return false }

    let odd: [Double] = [-Double.infinity, 1e-300, -0.5, 7, 7, 2, -2.5, 1.7e308, 1.5e308, -0.0, 0]
    let values: [Double] = (0..<Int.random(in: 0...30, using: &random)).map { _ in
      odd[Int.random(in: 0..<odd.count, using: &random)]
    }
    let cut = Int.random(in: 0...values.count, using: &random)
    let files = try [values[..<cut], values[cut...]].map { part in
      var out = PackedWriter()
      NumberFile.write(part.sorted(), to: &out)
      return try NumberFile(out.data)
    }
    let sorted = values.sorted()
    let median: Double? =
      sorted.isEmpty
      ? nil : sorted[(sorted.count - 1) / 2] / 2 + sorted[sorted.count / 2] / 2
    guard NumberFile.median(files) == median else { return false }

    let large: [Int64] = [.min, .min + 1, -3, 0, 1, 2, 1 << 53 + 1, .max - 1, .max]
    let wholes = (0..<Int.random(in: 0...9, using: &random)).map { _ in
      large[Int.random(in: 0..<large.count, using: &random)]
    }
    let place = Int.random(in: 0...wholes.count, using: &random)
    var sum = WholeSum()
    let wholeFiles = try [wholes[..<place], wholes[place...]].map { part in
      var out = PackedWriter()
      WholeSum(part).write(to: &out)
      var reader = PackedReader(out.data)
      sum.merge(try WholeSum(from: &reader))
      var file = PackedWriter()
      NumberFile.write(part.sorted(), to: &file)
      return try NumberFile(file.data)
    }
    // Exact in 128 bits: half away from zero.
    func mean(_ values: [Int64]) -> Int64? {
      if values.isEmpty { return nil }
      let total = values.reduce(Int128(0)) { $0 + Int128($1) }
      let count = Int128(values.count)
      return Int64(
        total < 0 ? -((count - 2 * total) / (2 * count)) : (2 * total + count) / (2 * count))
    }
    let order = wholes.sorted()
    let middle = order.isEmpty ? [] : [order[(order.count - 1) / 2], order[order.count / 2]]
    return sum.mean == mean(wholes) && NumberFile.wholeMedian(wholeFiles) == mean(middle)
  }
  for size in [0, 7, 8, 23] {
    #expect(throws: Diagnostic.self) { _ = try KeyFile(Data(repeating: 0xFF, count: size)) }
    #expect(throws: Diagnostic.self) { _ = try NumberFile(Data(repeating: 0x7F, count: size)) }
  }
}

/// What chance gives, against the mean over many pairs of samples.
@Test(arguments: [[50, 50], [90, 10], [1, 2, 3, 4, 5, 6], [80, 1, 1, 1, 1, 1, 1, 1, 1, 1]])
func chanceIsWhatPairsOfSamplesShow(weights: [Int]) {
  let total = weights.reduce(0, +)
  let (n, m) = (400, 300)
  var random = SeededRandom(seed: 11)
  func sample(_ rows: Int) -> [Int] {
    var counts = Array(repeating: 0, count: weights.count)
    for _ in 0..<rows {
      var rest = Int.random(in: 0..<total, using: &random)
      var value = 0
      while rest >= weights[value] {
        rest -= weights[value]
        value += 1
      }
      counts[value] += 1
    }
    return counts
  }
  let values = weights.indices.map(Double.init)
  let scaled = weights.map { $0 * n / total }
  var (ks, tv) = (0.0, 0.0)
  let times = 400
  for _ in 0..<times {
    let (a, b) = (sample(n), sample(m))
    ks += Distances.ks(values, a, values, b) ?? 0
    tv += Distances.totalVariation(a, b) ?? 0
  }
  let (expectedKS, expectedTV) = (
    Distances.expectedKS(scaled, m), Distances.expectedTotalVariation(scaled, m)
  )
  #expect((expectedKS / (ks / Double(times)) - 1).magnitude < 0.12, "\(expectedKS)")
  #expect((expectedTV / (tv / Double(times)) - 1).magnitude < 0.12, "\(expectedTV)")
}

@Test func changesHaveTheIntervalOfTwoSamples() {
  // Newcombe's interval of a difference is the same construction over two Wilson intervals.
  forEverySeed { random in
    let (n, m) = (Int.random(in: 1...400, using: &random), Int.random(in: 1...400, using: &random))
    let (a, b) = (Int.random(in: 0...n, using: &random), Int.random(in: 0...m, using: &random))
    let change = Measurement.share(a, of: n).minus(.share(b, of: m))
    guard let interval = Interval.difference(a, of: n, b, of: m), let low = change.low,
      let high = change.high
    else { return false }
    return (low - interval.low).magnitude < 1e-12 && (high - interval.high).magnitude < 1e-12
  }
  let infinite = Measurement(.infinity)
  #expect(infinite.minus(infinite).reason == "both are infinite")
  #expect(infinite.minus(Measurement(1)).value == .infinity)
  #expect(Measurement(1).minus(.undefined("no rows")).reason == "no rows")
}

@Test func aLargerSampleHitsMoreButNeverMoreThanAll() {
  let share = Measurement.share(30, of: 100)
  for (factor, expected) in [
    (0.0, 0.0), (1, 0.3), (2, 0.51), (4, 0.7599), (0.5, 1 - 0.7.squareRoot()), (1e9, 1),
  ] {
    let hit = share.hit(byTimes: factor)
    #expect(((hit.value ?? .nan) - expected).magnitude < 1e-12, "\(factor)")
    #expect((hit.low ?? 2) <= expected && expected <= (hit.high ?? -1), "\(factor)")
  }
  #expect(Measurement(1).hit(byTimes: 3).value == 1)
  #expect(Measurement(0).hit(byTimes: 3).value == 0)
  #expect(Measurement.undefined("no rows").hit(byTimes: 3).reason == "no rows")
}

/// Every metric goes over the groups once or twice: a pass per group would take minutes here.
@Test func manyGroupsAreMeasured() throws {
  let groups = 20_000
  let counts = CountTable(
    axes: [
      .init(column: "a", values: (0..<groups).map { "\($0)" }),
      .init(column: "y", values: ["no", "yes"]),
    ], counts: (0...groups).flatMap { $0 < groups ? [1, $0 == 0 ? 8 : 1 + $0 % 7, 0] : [0, 0, 0] })
  let table = try #require(
    GroupTable(counts, attributes: ["a"], label: "y", positive: ["yes"]))
  for metric in FairnessMetrics.all {
    guard case .groups(let measure) = metric.computation else { continue }
    #expect(measure(table, FairnessOptions()).value?.isFinite == true, "\(metric.name)")
  }
  guard case .groups(let measure)? = FairnessMetrics.byName["class_imbalance"]?.computation else {
    return
  }
  #expect(measure(table, FairnessOptions()).value == 7.0 / 11)
}
