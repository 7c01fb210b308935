import AdmixData
import AdmixModel
import AdmixSpec

/// The values that a column can have, as someone declared them who did not look at the data.
struct DeclaredDomain: Hashable, Sendable {
  /// Of numbers, dates and times: the smallest and the largest value.
  var low = 0.0
  var high = 0.0
  /// Where the next cell begins, rising, the first one `low`; the last cell ends with `high`.
  var starts: [Double] = []
  /// Of nominal columns.
  var values: [String] = []
  /// Whether a value can be missing.
  var hasMissing = false
  /// Digits after the point of a double.
  var decimals: Int?

  /// Cells of numbers that are not asked for otherwise.
  static let defaultCells = 128

  /// How many cells values are counted in; a missing value has the last.
  var count: Int { max(1, starts.count + values.count) + (hasMissing ? 1 : 0) }

  /// The option `domain` of one column.
  static let field: FieldType = .oneOf([
    .list(.scalar),
    .object([
      .optional("between", .list(.scalar), "The smallest and the largest value that can be."),
      .optional("values", .list(.scalar), "All values that can be."),
      .optional(
        "spikes", .list(.scalar), "Single values that many rows may have, such as 0."),
      .optional(
        "cells", .int(1...1_024), default: JSONValue(defaultCells),
        "In how many cells of one width values between the bounds are counted."),
      .optional("decimals", .int(0...9), "Digits after the point; whole for int columns."),
      .optional("missing", .bool, default: false, "Whether a value can be missing."),
    ]),
  ])

  /// - Returns: nil after a report.
  init?(_ node: Node?, _ column: ColumnSchema, report: inout Diagnostics) {
    func fail(_ span: SourceSpan?, _ cause: String, _ hint: String) {
      report.append(
        .error(
          "AX0691", at: span, "the declared domain of column '\(column.name)' does not fit it",
          cause: cause, hint: hint))
    }
    hasMissing = node?["missing"]?.bool ?? false
    if column.type == .bool {
      values = ["false", "true"]
      return
    }
    let span = node?.span
    if !column.type.isContinuous {
      let listed = node?["values"]?.items ?? node?.items ?? []
      values = CategoryIndex.distinct(listed.compactMap(\.writtenText))
      if values.isEmpty {
        fail(
          span, "it is a \(column.type.rawValue) column and no values are listed",
          "list them all: \(column.name): [first, second]")
        return nil
      }
      return
    }
    let bounds = (node?["between"]?.items ?? []).compactMap {
      $0.writtenText.flatMap { ConditionValue.number($0, column.type) }
    }
    guard bounds.count == 2, bounds[0] <= bounds[1], bounds.allSatisfy({ $0.magnitude < 9e15 })
    else {
      fail(
        span, "it is a \(column.type.rawValue) column and has no smallest and largest value",
        "\(column.name): {between: [0, 120]}")
      return nil
    }
    let spikes = (node?["spikes"]?.items ?? []).compactMap {
      $0.writtenText.flatMap { ConditionValue.number($0, column.type) }
    }
    guard spikes.count == node?["spikes"]?.items.count ?? 0,
      spikes.allSatisfy({ $0 >= bounds[0] && $0 <= bounds[1] })
    else {
      fail(span, "a spike is no value between the bounds", "spikes: [0]")
      return nil
    }
    low = bounds[0]
    high = bounds[1]
    decimals = column.type == .double ? node?["decimals"]?.int : nil
    let cells = Double(node?["cells"]?.int ?? Self.defaultCells)
    let unit = unit(column.type)
    var edges: Set<Double> = [low]
    // Whole numbers have cells of a whole width.
    let width =
      unit > 0
      ? max(unit, ((high - low + unit) / cells / unit).rounded(.up) * unit) : (high - low) / cells
    if width > 0 {
      var cell = 1.0
      while low + cell * width <= high, unit > 0 || cell < cells {
        edges.insert(low + cell * width)
        cell += 1
      }
    }
    for spike in spikes {
      edges.insert(spike)
      let next = unit > 0 ? spike + unit : spike.nextUp
      if next <= high { edges.insert(next) }
    }
    starts = edges.sorted()
  }

  /// The distance of neighbouring values; 0 where there is none.
  func unit(_ type: ColumnType) -> Double {
    if type != .double { return 1 }
    return decimals.map { 1 / NumericCounts.powersOfTen[min(max($0, 0), 9)] } ?? 0
  }

  /// The cell of every row.
  ///
  /// What is outside the domain is in the nearest cell; an undeclared value is missing, or the first value
  /// where none can be missing. Neither depends on other rows.
  func code(_ column: Column) -> [UInt16] {
    let gap = UInt16(hasMissing ? count - 1 : 0)
    var coding = LevelCoding(ColumnSchema("", column.type))
    // Undeclared values have the level after the last: a gap, or else the first value.
    coding.levels = values
    coding.hasRest = true
    coding.edges = Array(starts.dropFirst())
    coding.hasMissing = true
    let last = UInt16(column.type.isContinuous ? starts.count : values.count)
    return coding.code(column).map { $0 >= last ? gap : $0 }
  }
}
