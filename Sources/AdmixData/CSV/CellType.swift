package import AdmixModel

/// What the fields of a column can be read as: the narrowest type that holds them all.
package enum CellType: String, Hashable, Sendable, Codable {
  /// Nothing but missing values so far.
  case empty
  case bool, int
  /// Whole numbers with some among them that no double is; beside fractions they are texts, or they
  /// would lose digits.
  case long
  case double, date, datetime
  /// Dates and times with a zone; stored as UTC.
  case instant
  case text

  /// The narrowest type that holds both; a lattice with `empty` below and `text` above.
  package func joined(_ other: CellType) -> CellType {
    if self == other || other == .empty { return self }
    if self == .empty { return other }
    switch (self, other) {
    case (.int, .long), (.long, .int): return .long
    case (.int, .double), (.double, .int): return .double
    case (.date, .datetime), (.datetime, .date): return .datetime
    default: return .text
    }
  }

  package init(_ column: ColumnSchema) {
    switch column.type {
    case .bool: self = .bool
    case .int: self = .int
    case .double: self = .double
    case .date: self = .date
    case .datetime: self = column.isUTC ? .instant : .datetime
    case .text, .category: self = .text
    }
  }

  /// The type of one field.
  static func of(_ cell: UnsafeBufferPointer<UInt8>, _ parser: CellParser) -> CellType {
    if let value = parser.int(cell) { return DecimalText.isExact(value) ? .int : .long }
    if let number = parser.double(cell) { return number.losesDigits ? .text : .double }
    if CellParser.bool(cell) != nil { return .bool }
    if CellParser.date(cell) != nil { return .date }
    if let moment = CellParser.datetime(cell) { return moment.isUTC ? .instant : .datetime }
    return .text
  }
}
