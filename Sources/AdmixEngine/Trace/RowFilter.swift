import AdmixData
import AdmixModel

/// Finds the rows in which some columns have some values.
struct RowFilter {
  private let names: [String]
  private let wanted: [(name: String, value: Wanted)]
  private let schema: Schema

  private enum Wanted {
    case missing
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case text([UInt8])
    case category(Int32?)
    case date(Int32)
    case datetime(Int64)
  }

  /// Values are not in the messages: they may be somebody's.
  init(_ conditions: [TraceCondition], _ schema: Schema, of dataset: String) throws {
    self.schema = schema
    wanted = try conditions.map { condition in
      guard let column = schema[condition.column] else {
        throw Diagnostic.error(
          "AX0827", "'\(dataset)' has no column '\(condition.column)'",
          hint: Spelling.closest(to: condition.column, among: schema.names).map {
            "did you mean '\($0)'?"
          } ?? "its columns are " + schema.names.map { "'\($0)'" }.joined(separator: ", "))
      }
      guard let value = Self.value(condition.value, column) else {
        throw Diagnostic.error(
          "AX0828", "the value asked for in '\(condition.column)' is not \(Self.noun(column.type))",
          cause: "the column of '\(dataset)' is \(column.type.rawValue)",
          hint: "write it as `admix show` does; nothing after the '=' finds missing values")
      }
      return (condition.column, value)
    }
    var names: [String] = []
    for condition in conditions where !names.contains(condition.column) {
      names.append(condition.column)
    }
    self.names = names
  }

  private static func noun(_ type: ColumnType) -> String {
    switch type {
    case .bool: "true or false"
    case .int: "a whole number"
    case .double: "a number"
    case .date: "a date"
    case .datetime: "a date with time"
    case .text, .category: "a text"
    }
  }

  private static func value(_ text: String, _ column: ColumnSchema) -> Wanted? {
    if text.isEmpty { return .missing }
    switch column.type {
    case .bool: return Bool(text.lowercased()).map { .bool($0) }
    case .int: return Int64(text).map { .int($0) }
    case .double: return Double(text).map { .double($0) }
    case .text: return .text(Array(text.utf8))
    case .category: return .category(CategoryIndex(column.categories).code(of: text))
    case .date: return CivilDate.days(text).map { .date($0) }
    case .datetime: return CivilDate.microseconds(text).map { .datetime($0) }
    }
  }

  /// The rows of a partition that fit, ascending; only the columns asked for are read.
  func rows(of partition: Artifact, _ artifacts: any ArtifactAccess) throws -> [Int] {
    let batch = try artifacts.batch(partition, schema: schema, columns: names)
    return wanted.reduce(Array(0..<batch.rows)) { rows, one in
      guard let column = batch[one.name] else { return [] }
      return rows.filter { Self.fits(column, $0, one.value) }
    }
  }

  private static func fits(_ column: Column, _ row: Int, _ wanted: Wanted) -> Bool {
    if column.isMissing(row) {
      if case .missing = wanted { return true }
      return false
    }
    return switch (column.values, wanted) {
    case (.bool(let bits), .bool(let value)): bits[row] == value
    case (.int(let values), .int(let value)): values[row] == value
    case (.double(let values), .double(let value)): values[row] == value
    case (.text(let texts), .text(let value)): texts.utf8(row).elementsEqual(value)
    // An empty text is what "nothing after the =" may mean too.
    case (.text(let texts), .missing): texts.utf8(row).isEmpty
    case (.category(let codes, _), .category(let code)): codes[row] == code
    case (.date(let days), .date(let value)): days[row] == value
    case (.datetime(let moments), .datetime(let value)): moments[row] == value
    default: false
    }
  }
}
