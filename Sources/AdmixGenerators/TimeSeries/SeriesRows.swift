import AdmixData
import AdmixModel

/// The rows of a table as series: in order of time, one series after the other.
struct SeriesRows {
  /// Rows of the table in this order.
  var order: [Int] = []
  /// Of `order`, by series; none is empty.
  var series: [Range<Int>] = []
  /// By place in `order`: the time, and how many steps it is after the first of its series.
  var times: [Double] = []
  var offsets: [Int] = []
  /// Where on the grid a row is; with times on no grid, its offset.
  var places: [Int] = []
  var grid: TimeGrid

  /// Throws for rows without a time or an entity, and for times that come twice in a series.
  init(
    _ table: DonorTable, _ plan: SeriesPlan, _ options: SeriesOptions, span: SourceSpan?,
    _ warnings: inout Diagnostics
  ) throws {
    guard let clock = table[plan.order.name] else { throw DamagedBytes() }
    try Self.check(clock.numbers.contains(where: \.isNaN), plan.order.name, options.orderSpan)
    var entities = [Double](repeating: 0, count: table.rows)
    if let name = plan.entity {
      guard let column = table[name] else { throw DamagedBytes() }
      entities = Self.ranks(column)
      try Self.check(entities.contains(where: \.isNaN), name, options.entitySpan)
    }
    let when = clock.numbers
    order = (0..<table.rows).sorted {
      (entities[$0], when[$0], $0) < (entities[$1], when[$1], $1)
    }
    times = order.map { when[$0] }
    var start = 0
    for at in 1...order.count
    where at == order.count || entities[order[at]] != entities[order[at - 1]] {
      series.append(start..<at)
      start = at
    }
    var differences: [Double] = []
    var repeated = 0
    for range in series {
      for at in range.dropFirst() {
        let difference = times[at] - times[at - 1]
        if difference > 0 { differences.append(difference) } else { repeated += 1 }
      }
    }
    if repeated > 0 {
      throw Diagnostics([
        .error(
          "AX0658", at: options.orderSpan,
          "\(repeated) \(repeated == 1 ? "row has" : "rows have") the time of another row of the same series",
          cause: "column '\(plan.order.name)' does not say which of them is first",
          hint: plan.entity == nil
            ? "entity: the column that tells series apart, if there are several"
            : "drop the repeated rows in a transform stage before, with the step dedupe")
      ])
    }
    grid = TimeGrid(times, differences: differences, type: plan.order.type)
    if grid.isIrregular {
      warnings.append(
        .warning(
          "AX0658", at: span, "the times of column '\(plan.order.name)' are not evenly spaced",
          cause:
            "rows are learned as if each were one step after the one before it, and new times are"
        ))
    }
    for range in series {
      let first = grid.place(of: times[range.lowerBound])
      for at in range {
        let place = grid.place(of: times[at])
        offsets.append(grid.isIrregular ? at - range.lowerBound : place - first)
        places.append(grid.isIrregular ? at - range.lowerBound : place)
      }
    }
  }

  private static func check(_ isMissing: Bool, _ column: String, _ span: SourceSpan) throws {
    guard isMissing else { return }
    throw Diagnostics([
      .error(
        "AX0654", at: span, "column '\(column)' has rows without a value",
        cause: "they have no place in a series", hint: "drop them in a transform stage before")
    ])
  }

  /// Numbers that sort entities, whatever partition named them first.
  private static func ranks(_ column: DonorTable.Column) -> [Double] {
    guard column.isNominal else { return column.numbers }
    var ranks = [Double](repeating: 0, count: column.levels.count)
    let sorted = column.levels.indices.sorted {
      column.levels[$0].utf8.lexicographicallyPrecedes(column.levels[$1].utf8)
    }
    for (rank, level) in sorted.enumerated() { ranks[level] = Double(rank) }
    return column.codes.map { $0 < 0 ? .nan : ranks[Int($0)] }
  }
}
