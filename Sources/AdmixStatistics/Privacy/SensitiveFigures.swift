/// How often each sensitive value occurs in all rows, in the order of the keys.
package struct SensitiveMarginal: Sendable {
  let keys: [RowKey]
  let counts: [Int]
  let total: Int
  /// Of the counts before each value, and of these sums again: what an ordered distance adds up.
  let below: [Double]
  let sums: [Double]

  /// - Parameter parts: keys and how often each occurs, in any order.
  package init(_ parts: [(keys: [RowKey], counts: [Int])]) {
    var found: [RowKey: Int] = [:]
    for part in parts {
      for (key, count) in zip(part.keys, part.counts) { found[key, default: 0] += count }
    }
    keys = found.keys.sorted()
    counts = keys.map { found[$0] ?? 0 }
    total = counts.reduce(0, +)
    var below = [0.0]
    var sums = [0.0]
    for count in counts {
      below.append((below.last ?? 0) + Double(count))
      sums.append((sums.last ?? 0) + (below.last ?? 0))
    }
    self.below = below
    self.sums = sums
  }

  /// Of a part of the rows.
  package static func count(_ values: [RowKey]) -> (keys: [RowKey], counts: [Int]) {
    var found: [RowKey: Int] = [:]
    for key in values { found[key, default: 0] += 1 }
    let keys = found.keys.sorted()
    return (keys, keys.map { found[$0] ?? 0 })
  }

  /// How many values occur.
  package var values: Int { keys.count }

  /// All rows as if they were one class.
  package var asOneClass: ClassCounts { ClassCounts(oneClassOf: keys, counts: counts) }

  fileprivate func place(of key: RowKey) -> Int? {
    var low = 0
    var high = keys.count
    while low < high {
      let middle = (low + high) / 2
      if keys[middle] < key { low = middle + 1 } else { high = middle }
    }
    return low < keys.count && keys[low] == key ? low : nil
  }

  /// The sum over values of |share − what of all rows lies at or below the value|, in rows of all.
  fileprivate func distance(_ share: Double, from start: Int, to end: Int) -> Double {
    guard start < end else { return 0 }
    let level = share * Double(total)
    var low = start
    var high = end
    while low < high {
      let middle = (low + high) / 2
      if below[middle + 1] < level { low = middle + 1 } else { high = middle }
    }
    return level * Double(low - start) - (sums[low] - sums[start]) + (sums[end] - sums[low])
      - level * Double(end - low)
  }
}

/// What the worst of some equivalence classes gives away about a sensitive column; figures of parts of
/// the classes merge to those of all, in any order.
///
/// - l-diversity, distinct, entropy and recursive: Machanavajjhala et al., ACM TKDD 1 (2007).
/// - t-closeness: Li, Li and Venkatasubramanian, ICDE 2007.
/// - β-likeness: Cao and Karras, PVLDB 5 (2012). δ-disclosure: Brickell and Shmatikov, KDD 2008.
/// - (α,k)-anonymity: Wong et al., KDD 2006.
///
/// A missing value is a value like others. Every figure is of whole counts class by class, so no bit
/// depends on how rows were cut.
package struct SensitiveFigures: Hashable, Sendable, Codable {
  /// Distinct l, the fewest values of a class: at least 1, more is better.
  package var distinct: Int?
  /// The least entropy of a class, in nats; `exp` of it is l.
  package var entropy: Double?
  /// The greatest distance between a class and all rows, 0 to 1: half the sum of differences for
  /// categories, for numbers the earth mover's distance with values one step apart by rank.
  package var closeness: Double?
  /// The greatest (q − p) / p, where q is a value's share of a class and p of all rows.
  package var beta: Double?
  /// The greatest |ln (q / p)| of values that occur in the class.
  package var delta: Double?
  /// The greatest share of a class that one value has.
  package var alpha: Double?
  /// The greatest r₁ / (r_l + … + r_m) with r the counts of a class, falling; of classes with l values.
  package var ratio: Double?
  /// Classes that have fewer than l values, for which no c would do.
  package var tooUniform = 0
  /// −ln of the rarest value's share of all rows.
  package var rarest: Double?

  package init() {}

  /// - Parameters:
  ///   - marginal: of all rows, not only of these classes.
  ///   - least: the l of recursive (c,l)-diversity, at least 2.
  package init(_ counts: ClassCounts, marginal: SensitiveMarginal, isOrdered: Bool, least: Int) {
    let total = Double(marginal.total)
    if let rare = marginal.counts.min() { rarest = -PortableMath.log(Double(rare) / total) }
    counts.forEachClass { entries in
      let rows = Double(entries.reduce(0) { $0 + $1.count })
      var class_ = SensitiveFigures()
      class_.distinct = entries.count
      var logs = 0.0
      var half = 0.0
      var moved = 0.0
      var seen = 0
      var last = 0
      for entry in entries {
        let count = Double(entry.count)
        logs += count * PortableMath.log(count)
        guard let place = marginal.place(of: entry.value) else { continue }
        let likelihood = count * total / (rows * Double(marginal.counts[place]))
        class_.beta = max(class_.beta ?? -1, likelihood - 1)
        class_.delta = max(class_.delta ?? 0, abs(PortableMath.log(likelihood)))
        half += max(0, count / rows - Double(marginal.counts[place]) / total)
        moved += marginal.distance(Double(seen) / rows, from: last, to: place)
        seen += entry.count
        last = place
      }
      moved += marginal.distance(Double(seen) / rows, from: last, to: marginal.keys.count)
      class_.entropy = max(0, PortableMath.log(rows) - logs / rows)
      class_.closeness =
        isOrdered
        ? marginal.keys.count > 1 ? moved / total / Double(marginal.keys.count - 1) : 0
        : half
      let falling = entries.map(\.count).sorted(by: >)
      class_.alpha = Double(falling.first ?? 0) / rows
      if falling.count < least {
        class_.tooUniform = 1
      } else {
        class_.ratio = Double(falling[0]) / Double(falling[(least - 1)...].reduce(0, +))
      }
      merge(class_)
    }
  }

  package mutating func merge(_ other: SensitiveFigures) {
    func worst<Value>(_ a: Value?, _ b: Value?, _ pick: (Value, Value) -> Value) -> Value? {
      if let a, let b { pick(a, b) } else { a ?? b }
    }
    distinct = worst(distinct, other.distinct, min)
    entropy = worst(entropy, other.entropy, min)
    closeness = worst(closeness, other.closeness, max)
    beta = worst(beta, other.beta, max)
    delta = worst(delta, other.delta, max)
    alpha = worst(alpha, other.alpha, max)
    ratio = worst(ratio, other.ratio, max)
    rarest = worst(rarest, other.rarest, max)
    tooUniform += other.tooUniform
  }

  /// β of enhanced likeness as pyCANON reads it: the basic one, but no more than −ln of the rarest share.
  package var enhancedBeta: Double? {
    guard let beta, let rarest else { return nil }
    return min(beta, rarest)
  }

  /// The c that recursive (c,l)-diversity holds for all above; infinite where a class has too few values.
  package var recursive: Double? { tooUniform > 0 ? .infinity : ratio }
}
