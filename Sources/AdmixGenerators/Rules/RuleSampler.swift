import AdmixData
import AdmixModel
import Synchronization

/// Makes rows of declared tables: any rows of each, always the same values for a row.
struct RuleSampler: Sendable {
  let tables: [RuleTable]
  /// By table.
  let randoms: [RandomSource]
  /// By table; unused where a table has no parent.
  private let counts: [RuleCounts]
  private let weights: RuleWeights

  init(_ tables: [RuleTable], randoms: [RandomSource]) {
    self.tables = tables
    self.randoms = randoms
    counts = tables.map { _ in RuleCounts() }
    weights = RuleWeights()
  }

  /// - Parameters:
  ///   - rows: absolute row numbers.
  ///   - attempt: which draw of these rows this is, for constraints that reject.
  ///   - wanted: columns, those of other tables as expressions call them.
  /// - Returns: the wanted columns and those they are made from.
  func make(_ table: Int, rows: [Int], attempt: UInt32 = 0, wanted: Set<String>) throws -> Batch {
    let declared = tables[table]
    var needed = wanted
    for column in declared.columns.reversed() where needed.contains(column.schema.name) {
      for use in column.source.uses where use.how != .aggregated { needed.insert(use.column) }
    }
    var made = try seen(table, rows: rows, names: needed.filter { declared.schema[$0] == nil })
    for column in declared.columns where needed.contains(column.schema.name) {
      let block = RuleBlock(
        sampler: self, table: table, column: column, rows: rows, attempt: attempt, made: made)
      let values = try block.values(of: column.source, salt: 0)
      made = Batch(
        schema: Schema(made.schema.columns + [column.schema]),
        columns: made.columns + [block.finished(values)], rows: rows.count)
    }
    return made
  }

  // MARK: Other tables

  /// What rows see of the rows they belong to and of those they are linked with.
  private func seen(_ table: Int, rows: [Int], names: Set<String>) throws -> Batch {
    var made = Batch(schema: Schema(), columns: [], rows: rows.count)
    if names.isEmpty { return made }
    let declared = tables[table]
    // From what a column is called there to what it is called here.
    var above: [String: String] = [:]
    var linked: [Int: [String: String]] = [:]
    for name in names {
      let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
      guard parts.count == 2, let seen = declared.seen[parts[0]] else { continue }
      switch seen {
      case .ancestor(let index): above[index == declared.parent ? parts[1] : name] = name
      case .link(let index): linked[index, default: [:]][parts[1]] = name
      }
    }
    func add(_ other: Int, _ distinct: [Int], _ places: [Int], _ names: [String: String]) throws {
      let part = try make(other, rows: distinct, wanted: Set(names.keys)).taking(places)
      for (column, values) in zip(part.schema.columns, part.columns) {
        guard let name = names[column.name] else { continue }
        var column = column
        column.name = name
        made = Batch(
          schema: Schema(made.schema.columns + [column]), columns: made.columns + [values],
          rows: rows.count)
      }
    }
    if !above.isEmpty, let parent = declared.parent {
      let (distinct, places) = Self.distinct(try owners(of: rows, in: table).map(\.parent))
      try add(parent, distinct, places, above)
    }
    for (index, names) in linked.sorted(by: { $0.key < $1.key }) {
      let link = declared.links[index]
      let (distinct, places) = Self.distinct(try picks(link, rows: rows, of: table))
      try add(link.table, distinct, places, names)
    }
    return made
  }

  /// The different numbers, in the order of their first use, and by place which of them it is.
  private static func distinct(_ numbers: [Int]) -> (distinct: [Int], places: [Int]) {
    var known: [Int: Int] = [:]
    var distinct: [Int] = []
    let places = numbers.map { number in
      if let place = known[number] { return place }
      known[number] = distinct.count
      distinct.append(number)
      return distinct.count - 1
    }
    return (distinct, places)
  }

  /// By row, the row of the parent that it belongs to, and its number among that one's rows, from 0.
  func owners(of rows: [Int], in table: Int) throws -> [(parent: Int, ordinal: Int)] {
    try counts[table].owners(of: rows) { try counted($0, table) }
  }

  /// The rows of a table that belong to a row of its parent.
  func range(of parent: Int, in table: Int) throws -> Range<Int> {
    try counts[table].range(of: parent) { try counted($0, table) }
  }

  /// How many rows a table has, by how many its parent has.
  func total(of table: Int, parents: Int) throws -> Int {
    try counts[table].total(parents: parents) { try counted($0, table) }
  }

  /// More rows of one row than this are taken for a mistake.
  private static let mostRows = 1e9

  private func counted(_ parents: Range<Int>, _ table: Int) throws -> [Int] {
    guard let column = tables[table].count, let parent = tables[table].parent else { return [] }
    let rows = Array(parents)
    // It is written as the table's own columns are, and made for rows of the parent.
    let prefix = tables[parent].name + "."
    var names: [String: String] = [:]
    for use in column.source.uses where use.how != .aggregated {
      let name = use.column
      names[name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name] = name
    }
    let found = try make(parent, rows: rows, wanted: Set(names.keys))
    let made = Batch(
      schema: Schema(
        found.schema.columns.map { column in
          var column = column
          column.name = names[column.name] ?? column.name
          return column
        }), columns: found.columns, rows: rows.count)
    let block = RuleBlock(
      sampler: self, table: table, column: column, rows: rows, attempt: 0, made: made)
    return try RuleBlock.doubles(block.values(of: column.source, salt: 0), rows.count).map {
      guard let value = $0, value > 0 else { return 0 }
      guard value <= Self.mostRows else {
        throw block.failure("more than a thousand million rows for one row of the parent")
      }
      return Int(value.rounded())
    }
  }

  // MARK: Links

  private func picks(_ link: RuleTable.Link, rows: [Int], of table: Int) throws -> [Int] {
    let tag = RandomSource.tag("\(link.name)\u{0}link")
    func uniform(_ row: Int) -> Double { randoms[table].uniform(row: UInt64(row), tag: tag) }
    guard let weight = link.weight else {
      return rows.map { min(link.rows - 1, Int(uniform($0) * Double(link.rows))) }
    }
    let sums = try weights.cumulative(of: link.table, weight) { try cumulative(link, weight) }
    return rows.map { RuleBlock.index(uniform($0), in: sums) }
  }

  private func cumulative(_ link: RuleTable.Link, _ weight: String) throws -> [Double] {
    func failure(_ fact: String) -> Diagnostic {
      .error(
        "AX0651", at: link.span, "link '\(link.name)': \(fact)",
        cause: "rows are drawn in proportion to '\(tables[link.table].name).\(weight)'")
    }
    var sums: [Double] = []
    var sum = 0.0
    for start in stride(from: 0, to: link.rows, by: 65_536) {
      let rows = Array(start..<min(link.rows, start + 65_536))
      let made = try make(link.table, rows: rows, wanted: [weight])
      guard let column = made[weight] else { throw failure("there is no such column") }
      for value in RuleBlock.doubles(.column(column), rows.count) {
        let value = value ?? 0
        guard value >= 0, value.isFinite else { throw failure("a weight is below 0") }
        sum += value
        sums.append(sum)
      }
    }
    guard sum > 0, sum.isFinite else { throw failure("no row has a weight") }
    for index in sums.indices { sums[index] /= sum }
    // What comes after the last row with a weight is never drawn.
    var last = sums.count - 1
    while last > 0, sums[last - 1] == sums[last] { last -= 1 }
    for index in last..<sums.count { sums[index] = 1 }
    return sums
  }
}

/// Cumulative weights of linked tables, computed once.
private final class RuleWeights: Sendable {
  private let known = Mutex<[String: [Double]]>([:])

  func cumulative(of table: Int, _ column: String, _ compute: () throws -> [Double]) rethrows
    -> [Double]
  {
    let key = "\(table) \(column)"
    if let found = known.withLock({ $0[key] }) { return found }
    let made = try compute()
    known.withLock { $0[key] = made }
    return made
  }
}
