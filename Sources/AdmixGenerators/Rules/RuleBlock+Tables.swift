import AdmixData
import AdmixModel

/// Values that come from times before, or from rows of other tables.
extension RuleBlock {
  /// Each a gap later than another column.
  func later(_ step: RuleColumn.Step) throws -> [Int64?] {
    guard let base = made[step.column] else {
      throw failure("column '\(step.column)' is not there")
    }
    let moments = Self.moments(base)
    let gaps = Self.doubles(try values(of: step.gap, salt: 1), rows.count)
    return try rows.indices.map { index in
      guard let start = moments(index), let gap = gaps[index] else { return nil }
      return try moved(start, by: gap, step, row: rows[index])
    }
  }

  /// Each a gap later than the row before it of the same parent.
  ///
  /// A parent's rows are gone through from its first one, so that a row is the same by itself.
  func arrivals(_ step: RuleColumn.Step) throws -> [Int64?] {
    let owners = try sampler.owners(of: rows, in: table)
    var last: [Int: Int] = [:]
    for owner in owners { last[owner.parent] = max(last[owner.parent] ?? 0, owner.ordinal) }
    var first: [Int: Int] = [:]
    var all: [Int] = []
    for (row, owner) in zip(rows, owners) where first[owner.parent] == nil {
      first[owner.parent] = all.count
      let start = row - owner.ordinal
      all += start...(start + (last[owner.parent] ?? 0))
    }
    var needed = Set(step.gap.uses.filter { $0.how != .aggregated }.map(\.column))
    needed.insert(step.column)
    let whole = RuleBlock(
      sampler: sampler, table: table, column: column, rows: all, attempt: 0,
      made: try sampler.make(table, rows: all, wanted: needed))
    guard let base = whole.made[step.column] else {
      throw failure("column '\(step.column)' is not there")
    }
    let moments = Self.moments(base)
    let gaps = Self.doubles(try whole.values(of: step.gap, salt: 1), all.count)
    var times = [Int64?](repeating: nil, count: all.count)
    for (parent, start) in first {
      guard var time = moments(start) else { continue }
      for index in start...(start + (last[parent] ?? 0)) {
        guard let gap = gaps[index] else { continue }
        time = try moved(time, by: gap, step, row: all[index])
        times[index] = time
      }
    }
    return owners.map { owner in first[owner.parent].flatMap { times[$0 + owner.ordinal] } }
  }

  /// Days or microseconds by row, where there are any.
  private static func moments(_ column: Column) -> (Int) -> Int64? {
    switch column.values {
    case .date(let days): { column.isMissing($0) ? nil : Int64(days[$0]) }
    case .datetime(let values): { column.isMissing($0) ? nil : values[$0] }
    default: { _ in nil }
    }
  }

  /// At least one unit of the column's resolution, so that later is later; as a double still, for a gap
  /// may be less than any whole number.
  private func moved(_ start: Int64, by gap: Double, _ step: RuleColumn.Step, row: Int) throws
    -> Int64
  {
    if step.type == .date {
      guard gap < 1e7 else { throw failure("a gap of more than ten million days") }
      let day = start + Int64(max(1, gap.rounded(.up)))
      guard day <= Int32.max else {
        throw failure(
          "row \(row) leaves the calendar",
          cause: "days count from 1970-01-01 and are 32-bit whole numbers")
      }
      return day
    }
    guard gap * step.microseconds < 9e17 else {
      throw failure("a gap of more than thirty thousand years")
    }
    let (moment, overflow) = start.addingReportingOverflow(
      Int64(max(1, (gap * step.microseconds).rounded())))
    guard !overflow else {
      throw failure(
        "row \(row) leaves the calendar",
        cause: "microseconds count from 1970-01-01 and are 64-bit whole numbers")
    }
    return moment
  }

  // MARK: Aggregates

  /// So many rows of the other table are looked at together.
  private static let portion = 65_536

  func folded(_ aggregate: RuleColumn.Aggregate) throws -> Values {
    let ranges = try rows.map { try sampler.range(of: $0, in: aggregate.table) }
    guard let name = aggregate.column else { return .wholes(ranges.map { Int64($0.count) }) }
    var folds = [RuleFold](repeating: RuleFold(), count: rows.count)
    var open: [(index: Int, row: Int)] = []
    func look() throws {
      let made = try sampler.make(aggregate.table, rows: open.map(\.row), wanted: [name])
      guard let column = made[name] else { throw failure("column '\(name)' is not there") }
      for (place, item) in open.enumerated() where !column.isMissing(place) {
        guard folds[item.index].add(column, place) else {
          throw failure("the sum at row \(rows[item.index]) leaves 64-bit whole numbers")
        }
      }
      open.removeAll(keepingCapacity: true)
    }
    for (index, range) in ranges.enumerated() {
      for row in range {
        open.append((index, row))
        if open.count == Self.portion { try look() }
      }
    }
    if !open.isEmpty { try look() }
    let isWhole = column.schema.type != .double
    return .scalars(folds.map { $0.result(aggregate.fold, isWhole: isWhole) })
  }
}

/// What is noted of the values that are put together, in their order.
private struct RuleFold {
  private var count: Int64 = 0
  private var whole: Int64 = 0
  private var sum = 0.0
  private var least = RuleColumn.Scalar.null
  private var most = RuleColumn.Scalar.null

  /// - Returns: whether the sum still fits.
  mutating func add(_ column: Column, _ row: Int) -> Bool {
    count += 1
    switch column.values {
    case .bool(let bits): return add(whole: bits[row] ? 1 : 0)
    case .int(let values), .datetime(let values):
      return add(whole: values[row], sums: column.type == .int)
    case .date(let days): return add(whole: Int64(days[row]), sums: false)
    case .double(let values):
      let value = values[row]
      sum += value
      if case .double(let known) = least, known <= value {} else { least = .double(value) }
      if case .double(let known) = most, known >= value {} else { most = .double(value) }
      return true
    case .text, .category: return true
    }
  }

  private mutating func add(whole value: Int64, sums: Bool = true) -> Bool {
    if case .int(let known) = least, known <= value {} else { least = .int(value) }
    if case .int(let known) = most, known >= value {} else { most = .int(value) }
    guard sums else { return true }
    sum += Double(value)
    let (total, overflow) = whole.addingReportingOverflow(value)
    whole = total
    return !overflow
  }

  func result(_ fold: RuleColumn.Fold, isWhole: Bool) -> RuleColumn.Scalar {
    switch fold {
    case .count: .int(count)
    case .sum: isWhole ? .int(whole) : .double(sum)
    case .mean: count == 0 ? .null : .double(sum / Double(count))
    case .min: least
    case .max: most
    }
  }
}
