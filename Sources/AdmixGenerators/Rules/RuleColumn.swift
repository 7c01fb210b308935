import AdmixData
import AdmixModel
import AdmixSpec
import Foundation

/// A declared column: how its values come about, and what is done to them afterwards.
struct RuleColumn: Sendable {
  indirect enum Source: Sendable {
    case distribution(Distribution, [Parameter])
    /// Cumulative weights end at exactly 1.
    case choice(values: [Scalar], cumulative: [Double])
    case constant(Scalar)
    case expression(ColumnExpression)
    case sequence(start: Int64, step: Int64)
    case uuid
    case pattern(RulePattern, isUnique: Bool)
    case name(RuleName)
    case dates(from: Int64, through: Int64)
    case datetimes(from: Int64, through: Int64)
    case calendar(RuleCalendar)
    /// A column plus a positive gap: later by construction.
    case after(Step)
    /// The first of a parent's rows a gap after a time, each further one a gap after the one before.
    case arrivals(Step)
    /// The number of a row among its parent's, from 1.
    case position
    /// Of the rows of another table that belong to a row.
    case aggregate(Aggregate)
    /// The first branch whose condition holds; the last has none.
    case when([(condition: ColumnExpression?, source: Source)])
    /// One of several by chance. Cumulative weights end at exactly 1.
    case mixture(sources: [Source], cumulative: [Double])
  }

  /// From a date or time to a later one.
  struct Step: Sendable {
    var column: String
    /// Date or datetime.
    var type: ColumnType
    /// The length of the gap's unit.
    var microseconds: Double
    var gap: Source
  }

  enum Fold: String, Sendable, CaseIterable { case count, sum, mean, min, max }

  struct Aggregate: Sendable {
    /// The number of the other table.
    var table: Int
    /// Nil where rows are counted.
    var column: String?
    var fold: Fold
  }

  enum Scalar: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case text(String)
  }

  /// A number, or an expression over the columns declared before.
  enum Parameter: Sendable {
    case number(Double)
    case expression(ColumnExpression)
  }

  var schema: ColumnSchema
  var source: Source
  /// Values are rounded to multiples of it.
  var rounding: Double?
  /// Both ends included; a distribution is truncated to it by its inverse, other numbers are clipped.
  var bounds: ClosedRange<Double>?
  /// The share of rows without a value.
  var missingShare: Double
  var span: SourceSpan

  /// Reports where there are not as many different keys as rows.
  func checkKeys(rows: Int, report: inout Diagnostics) {
    switch source {
    case .pattern(let pattern, isUnique: true):
      guard let count = pattern.count, count < rows else { return }
      report.append(
        .error(
          "AX0651", at: span,
          "column '\(schema.name)': the pattern makes \(count) different texts for \(rows) rows",
          cause: "every row of a unique pattern has a text of its own",
          hint: "lengthen the pattern, or ask for fewer rows"))
    case .sequence(let start, let step):
      let (product, overflow) = step.multipliedReportingOverflow(by: Int64(max(0, rows - 1)))
      let last = start.addingReportingOverflow(product)
      let isDay = Int32(exactly: last.partialValue) != nil || schema.type != .date
      guard overflow || last.overflow || !isDay else { return }
      report.append(
        .error(
          "AX0651", at: span,
          "column '\(schema.name)': the sequence is too long for \(rows) rows",
          cause: schema.type == .date
            ? "its last days are beyond any calendar" : "it leaves 64-bit whole numbers",
          hint: "take a smaller step"))
    default: break
    }
  }
}
