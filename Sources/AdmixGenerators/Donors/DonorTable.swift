import AdmixData
import AdmixModel
import Foundation

/// Training rows as they are, for generators that make rows from rows.
///
/// Numbers, dates and times are doubles, which hold whole numbers up to 2^53 exactly; levels are codes into
/// texts in the order in which they came by. Partitions are noted on their own and joined in order.
struct DonorTable: Sendable {
  struct Column: Sendable {
    var name: String
    /// NaN is missing.
    var numbers: [Double] = []
    /// -1 is missing.
    var codes: [Int32] = []
    var levels: [String] = []
    var isNominal: Bool
    /// Values that could not be taken: beyond 2^53, and not finite.
    var tooLarge: Int64 = 0
    var notFinite: Int64 = 0

    /// A value for telling rows apart by it: the text of a level, or of a whole number; nil where missing.
    func label(_ row: Int) -> String? {
      if isNominal { return codes[row] < 0 ? nil : levels[Int(codes[row])] }
      let value = numbers[row]
      return value.isNaN ? nil : value == value.rounded() ? "\(Int64(whole: value))" : "\(value)"
    }
  }

  /// More than any memory holds.
  private static let mostRows = 1 << 40

  var rows = 0
  /// Those that rows are made from; keys are not among them.
  var columns: [Column] = []

  /// - Parameter plan: of a schema that has the batch's names and types.
  init(_ batch: Batch, _ plan: ColumnPlan) {
    rows = batch.rows
    columns = plan.entries.filter { $0.treatment != .key }.map {
      Self.column($0, batch.columns[$0.index], batch.rows)
    }
  }

  private static func column(_ entry: ColumnPlan.Entry, _ column: AdmixData.Column, _ rows: Int)
    -> Column
  {
    var out = Column(name: entry.column.name, isNominal: entry.treatment != .numeric)
    func number(_ value: Double) -> Double {
      if !value.isFinite { out.notFinite += 1 }
      return value.isFinite ? value : .nan
    }
    func whole(_ value: Int64) -> Double {
      if value.magnitude > 1 << 53 { out.tooLarge += 1 }
      return Double(value)
    }
    func read(_ value: (Int) -> Double) -> [Double] {
      (0..<rows).map { column.isMissing($0) ? .nan : value($0) }
    }
    switch column.values {
    case .int(let values), .datetime(let values):
      let values = values.unsafe
      out.numbers = read { whole(values[$0]) }
    case .double(let values):
      let values = values.unsafe
      out.numbers = read { number(values[$0]) }
    case .date(let values):
      let values = values.unsafe
      out.numbers = read { Double(values[$0]) }
    case .bool(let bits):
      out.levels = ["false", "true"]
      out.codes = (0..<rows).map { column.isMissing($0) ? -1 : bits[$0] ? 1 : 0 }
    case .category(let codes, let categories):
      let codes = codes.unsafe
      out.levels = categories
      out.codes = (0..<rows).map { column.isMissing($0) ? -1 : codes[$0] }
    case .text:
      var known: [ExactText: Int32] = [:]
      for row in 0..<rows {
        if column.isMissing(row) {
          out.codes.append(-1)
          continue
        }
        let text = column.text(row)
        let code = known[ExactText(text)] ?? Int32(clamping: out.levels.count)
        if Int(code) == out.levels.count {
          known[ExactText(text)] = code
          out.levels.append(text)
        }
        out.codes.append(code)
      }
    }
    return out
  }

  /// The rows of all partitions, in order.
  ///
  /// Throws where there are none, or a whole number is too large; reports values that are not finite.
  init(joining statistics: StatisticsList, span: SourceSpan?, report: inout Diagnostics) throws {
    var table: DonorTable?
    for index in 0..<statistics.count {
      var reader = ByteReader(try statistics(index))
      let part = try DonorTable(from: &reader)
      if table == nil { table = part } else { try table?.append(part) }
    }
    guard let table, table.rows > 0 else { throw Diagnostics([LearningProblem.noRows(span)]) }
    self = table
    for column in columns {
      if column.tooLarge > 0 {
        report.append(LearningProblem.tooLarge(column.name, column.tooLarge, span))
      }
      if column.notFinite > 0 {
        report.append(LearningProblem.notFinite(column.name, column.notFinite, span))
      }
    }
    try report.check()
  }

  /// Adds the rows of another table with the same columns.
  mutating func append(_ other: DonorTable) throws {
    guard other.columns.count == columns.count, rows + other.rows <= Self.mostRows else {
      throw DamagedBytes()
    }
    rows += other.rows
    for (index, more) in other.columns.enumerated() {
      guard more.name == columns[index].name, more.isNominal == columns[index].isNominal else {
        throw DamagedBytes()
      }
      columns[index].tooLarge += more.tooLarge
      columns[index].notFinite += more.notFinite
      guard more.isNominal else {
        columns[index].numbers += more.numbers
        continue
      }
      if more.levels == columns[index].levels {
        columns[index].codes += more.codes
        continue
      }
      var known = Dictionary(
        columns[index].levels.enumerated().map { (ExactText($1), Int32($0)) },
        uniquingKeysWith: { first, _ in first })
      var levels = columns[index].levels
      let codes = more.levels.map { text in
        if let code = known[ExactText(text)] { return code }
        let code = Int32(clamping: levels.count)
        known[ExactText(text)] = code
        levels.append(text)
        return code
      }
      columns[index].levels = levels
      columns[index].codes += more.codes.map { $0 < 0 ? -1 : codes[Int($0)] }
    }
  }

  subscript(name: String) -> Column? { columns.first { $0.name == name } }
}

extension DonorTable {
  func write(to writer: inout ByteWriter) {
    writer.write(rows)
    writer.write(columns.count)
    for column in columns {
      writer.write(column.name)
      writer.write(column.isNominal ? 1 : 0)
      writer.write(column.tooLarge)
      writer.write(column.notFinite)
      if column.isNominal {
        writer.write(column.levels.count)
        for level in column.levels { writer.write(level) }
        for code in column.codes { writer.write(varint: UInt64(code + 1)) }
      } else {
        writer.write(column.numbers)
      }
    }
  }

  /// Throws for bytes that no table was written as.
  init(from reader: inout ByteReader) throws {
    rows = try reader.int()
    guard (0...Self.mostRows).contains(rows) else { throw DamagedBytes() }
    for _ in 0..<(try reader.count()) {
      var column = Column(name: try reader.text(), isNominal: try reader.int() == 1)
      column.tooLarge = try reader.int64()
      column.notFinite = try reader.int64()
      // They are added up, over partitions that a damaged store may have.
      guard (0...Int64(rows)).contains(column.tooLarge),
        (0...Int64(rows)).contains(column.notFinite)
      else { throw DamagedBytes() }
      if column.isNominal {
        column.levels = try (0..<(try reader.count())).map { _ in try reader.text() }
        for _ in 0..<rows {
          let code = try reader.varint()
          guard code <= UInt64(column.levels.count) else { throw DamagedBytes() }
          column.codes.append(Int32(clamping: code) - 1)
        }
      } else {
        column.numbers = try reader.doubles()
        guard column.numbers.count == rows else { throw DamagedBytes() }
      }
      columns.append(column)
    }
  }
}
