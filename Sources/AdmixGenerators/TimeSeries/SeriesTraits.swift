import AdmixData
import AdmixModel

/// Which columns change within series, and the values of those that do not.
struct SeriesTraits {
  /// The numbers that are learned.
  var series: [DonorTable.Column] = []
  var attributes: [SeriesAttribute] = []
  /// By series: into the kinds.
  var kindOfSeries: [Int] = []
  private var values: [[Int]] = []
  private var counts: [Int] = []

  /// How many series have to be of a kind for what they have in common to be kept.
  static let leastSeries = 5

  /// Throws where a column that is no number changes within a series.
  init(_ table: DonorTable, _ plan: SeriesPlan, _ rows: SeriesRows, span: SourceSpan?) throws {
    let canTell = plan.entity != nil && rows.series.contains { $0.count > 1 }
    var report = Diagnostics()
    var codes: [[Int]] = []
    for column in table.columns where column.name != plan.order.name && column.name != plan.entity {
      let (attribute, bySeries) = Self.constant(column, rows)
      if let bySeries, column.isNominal || canTell,
        !(bySeries.allSatisfy { $0 < 0 } && !column.isNominal)
      {
        attributes.append(attribute)
        codes.append(bySeries)
      } else if !column.isNominal {
        series.append(column)
      } else {
        report.append(
          .error(
            "AX0656", at: span, "column '\(column.name)' changes within a series and is no number",
            cause: "var makes numbers; other columns have one value for a whole series",
            hint: plan.entity == nil
              ? "entity: the column that tells series apart, or give the column the role ignore"
              : "give the column the role ignore, or name the others in 'columns'"))
      }
    }
    try report.check()
    if series.isEmpty {
      throw Diagnostics([
        LearningProblem.noColumns(
          plan.leftOut + attributes.map { ($0.name, "it is the same throughout a series") }, span)
      ])
    }
    var known: [[Int]: Int] = [:]
    for index in rows.series.indices {
      let mine = codes.map { $0[index] }
      let kind = known[mine] ?? values.count
      if kind == values.count {
        known[mine] = kind
        values.append(mine)
        counts.append(0)
      }
      counts[kind] += 1
      kindOfSeries.append(kind)
    }
  }

  /// - Parameter size: how many columns move.
  func kinds(_ size: Int) -> [SeriesKind] {
    zip(values, counts).map {
      SeriesKind(values: $0, count: $1, shift: [Double](repeating: 0, count: size))
    }
  }

  /// A column by series; no values where it changes within one.
  private static func constant(_ column: DonorTable.Column, _ rows: SeriesRows)
    -> (SeriesAttribute, [Int]?)
  {
    var out = SeriesAttribute(name: column.name, isNominal: column.isNominal)
    var known: [UInt64: Int] = [:]
    var bySeries: [Int] = []
    func value(_ at: Int) -> UInt64 {
      let row = rows.order[at]
      return column.isNominal
        ? UInt64(bitPattern: Int64(column.codes[row]))
        : column.numbers[row].isNaN ? UInt64.max : (column.numbers[row] + 0).bitPattern
    }
    for range in rows.series {
      let first = value(range.lowerBound)
      guard range.allSatisfy({ value($0) == first }) else { return (out, nil) }
      if first == .max {
        bySeries.append(-1)
        continue
      }
      if let code = known[first] {
        bySeries.append(code)
        continue
      }
      known[first] = known.count
      bySeries.append(known.count - 1)
      let row = rows.order[range.lowerBound]
      if column.isNominal {
        out.levels.append(column.levels[Int(column.codes[row])])
      } else {
        out.numbers.append(column.numbers[row])
      }
    }
    return (out, bySeries)
  }
}

/// Writes the values of an attribute into a column.
struct AttributeWriter: Sendable {
  private let attribute: SeriesAttribute
  /// By level: its code in the column's categories.
  private let codes: [Int32?]

  init(_ attribute: SeriesAttribute, _ schema: ColumnSchema?) {
    self.attribute = attribute
    let index = CategoryIndex(schema?.categories ?? [])
    codes = attribute.levels.map { index.code(of: $0) }
  }

  /// - Parameter value: into the attribute's levels or numbers; −1 is missing.
  func append(_ value: Int, to builder: inout ColumnBuilder) {
    guard value >= 0 else { return builder.appendMissing() }
    guard attribute.isNominal else { return builder.append(number: attribute.numbers[value]) }
    switch builder.schema.type {
    case .bool: builder.append(bool: attribute.levels[value] == "true")
    case .category:
      guard let code = codes[value] else { return builder.appendMissing() }
      builder.append(code: code)
    default: builder.append(text: attribute.levels[value])
    }
  }
}
