/// What a column's values are.
///
/// On disk and in memory: `bool` a bit, `int` 64 bits, `double` 64 bits, `text` UTF-8, `category` a
/// 32-bit code into the schema's list of categories, `date` days and `datetime` microseconds since
/// 1970-01-01 (UTC, or local where no zone is known).
package enum ColumnType: String, Hashable, Sendable, Codable, CaseIterable {
  case bool, int, double, text, category, date, datetime

  /// Has a distance between values: numbers, dates and times.
  package var isContinuous: Bool {
    switch self {
    case .int, .double, .date, .datetime: true
    case .bool, .text, .category: false
    }
  }
}

/// What a column is for; a role never changes values, only what stages do with them.
package enum ColumnRole: String, Hashable, Sendable, Codable, CaseIterable {
  /// The outcome that models predict and fairness looks at.
  case label
  /// An attribute by which people must not be treated unequally.
  case protected
  /// Names a row or an entity; never learned as a number.
  case id
  /// Identifies a person directly.
  case pii
  /// Tells people apart together with others of its kind, such as a birthday and a place.
  case quasiIdentifier = "quasi-identifier"
  /// What others must not learn about a person, such as a diagnosis.
  case sensitive
  /// Orders rows in time.
  case time
  /// Kept, but no generator learns it and no check looks at it.
  case ignore
}

/// A column of a schema.
package struct ColumnSchema: Hashable, Sendable, Codable {
  package var name: String
  package var type: ColumnType
  package var roles: [ColumnRole]
  /// For `category`: every value that occurs, sorted by UTF-8 bytes, each once.
  ///
  /// Otherwise empty.
  package var categories: [String]
  /// Digits after the point that all values share, where a `double` was written with a fixed number.
  package var decimals: Int?
  /// For `datetime`: values are UTC instants rather than local clock readings.
  package var isUTC: Bool

  package init(
    _ name: String, _ type: ColumnType, roles: [ColumnRole] = [], categories: [String] = [],
    decimals: Int? = nil, isUTC: Bool = false
  ) {
    self.name = name
    self.type = type
    self.roles = roles
    self.categories = categories
    self.decimals = decimals
    self.isUTC = isUTC
  }
}

/// The columns of a dataset, in order; no two have the same name.
package struct Schema: Hashable, Sendable, Codable {
  package var columns: [ColumnSchema]

  package init(_ columns: [ColumnSchema] = []) { self.columns = columns }

  package var names: [String] { columns.map(\.name) }
  package func index(of name: String) -> Int? { columns.firstIndex { $0.name == name } }
  package subscript(name: String) -> ColumnSchema? { columns.first { $0.name == name } }
  /// What a single partition can be read with: names and types, without what only the whole knows.
  ///
  /// A task that is told no more is not redone when another partition brings a new category.
  package var shape: Schema {
    Schema(columns.map { ColumnSchema($0.name, $0.type, isUTC: $0.isUTC) })
  }

  /// The shape, with what people said columns are for: what a generator looks at a partition with.
  package var shapeWithRoles: Schema {
    Schema(columns.map { ColumnSchema($0.name, $0.type, roles: $0.roles, isUTC: $0.isUTC) })
  }

  package func columns(with role: ColumnRole) -> [ColumnSchema] {
    columns.filter { $0.roles.contains(role) }
  }

  /// The columns that record where a row came from; generators and checks leave them alone.
  package static let originSource = "_origin"
  package static let originRow = "_origin_row"
  package static func isOrigin(_ name: String) -> Bool {
    name == originSource || name == originRow
  }
}
