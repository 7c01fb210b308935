package import AdmixModel

/// What a generated column is made from.
package struct ColumnDependency: Hashable, Sendable {
  package enum How: Hashable, Sendable {
    /// Its values follow how the training column's are distributed.
    case distribution
    /// Its values are those of the training column, drawn anew.
    case resampled
    /// Computed from another generated column of the row.
    case computed
    /// Another generated column of the row decides how it comes about.
    case decided
    /// Computed from a column of the rows of another generated table that belong to the row.
    case aggregated
  }

  package var column: String
  package var how: How
  /// The generated table that has the column; nil for the same one, or the training data.
  package var table: String?

  package init(_ column: String, _ how: How, of table: String? = nil) {
    self.column = column
    self.how = how
    self.table = table
  }
}

/// What the tables of a generator are made from.
package struct TableDependencies: Hashable, Sendable {
  /// By column; empty for one that is made from nothing.
  package var columns: [String: [ColumnDependency]]
  /// Training columns whose relations shape all columns together.
  package var associated: [String]

  package init(columns: [String: [ColumnDependency]], associated: [String] = []) {
    self.columns = columns
    self.associated = associated
  }
}

/// A generator that can say which columns its own come from.
///
/// One that cannot is taken to make each column from the training column of that name, and all of them
/// from how the training columns go together.
package protocol ColumnTracing {
  /// - Parameter learned: the schema of the training data, where there is any.
  func dependencies(of table: String, schema: Schema, learned: Schema?) -> TableDependencies
}
