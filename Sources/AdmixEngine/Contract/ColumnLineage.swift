package import AdmixModel
import Foundation

/// Which columns a stage's outputs are made from, and how: what a stage kind says about itself, from its
/// options and the schemas around it, without looking at a row.
package struct ColumnLineage: Hashable, Sendable {
  /// The ways of OpenLineage's `ColumnLineageDatasetFacet` 1-2-0.
  package enum How: String, Hashable, Sendable, CaseIterable {
    /// The same values.
    case identity = "IDENTITY"
    /// Values computed from the row's.
    case transformation = "TRANSFORMATION"
    /// Values computed from many rows', such as a mean or a learned distribution.
    case aggregation = "AGGREGATION"
    case join = "JOIN"
    case groupBy = "GROUP_BY"
    /// It decides which rows there are.
    case filter = "FILTER"
    case sort = "SORT"
    case window = "WINDOW"
    /// It decides between values, as the condition of an `if` does.
    case conditional = "CONDITIONAL"

    /// Whether values come from it, rather than being decided by it.
    package var isDirect: Bool {
      switch self {
      case .identity, .transformation, .aggregation: true
      default: false
      }
    }
  }

  /// Where a column that is used stands.
  package enum Source: Hashable, Sendable {
    /// In what came along the edge of this role.
    case input(String)
    /// In the files that the stage reads.
    case files
    /// In the same table: one column of it made from another.
    case own
    /// In another table that the stage makes.
    case output(String)
  }

  package struct Use: Hashable, Sendable {
    package var source: Source
    package var column: String
    package var how: How
    /// What was done, in the pipeline file's words, such as `bin` or `stratify`.
    package var note: String?
    /// Whether the values can no longer be told, as after `pseudonymise`.
    package var isMasking: Bool

    package init(
      _ source: Source, _ column: String, _ how: How, _ note: String? = nil, isMasking: Bool = false
    ) {
      self.source = source
      self.column = column
      self.how = how
      self.note = note
      self.isMasking = isMasking
    }

    /// This use with another step after it.
    ///
    /// Of two direct steps the one that keeps less of the values counts; what was or becomes indirect
    /// stays so.
    package func then(_ next: How, _ note: String? = nil, isMasking: Bool = false) -> Use {
      var result = self
      result.isMasking = self.isMasking || isMasking
      if let note {
        let said = self.note?.components(separatedBy: ", ") ?? []
        result.note = said.contains(note) ? self.note : (said + [note]).joined(separator: ", ")
      }
      guard how.isDirect else { return result }
      if !next.isDirect || next == .aggregation || how == .identity { result.how = next }
      return result
    }
  }

  package struct Table: Hashable, Sendable {
    /// By column of the output; a column that is made from nothing has an empty list.
    package var columns: [String: [Use]]
    /// What bears on the output as a whole: on which rows it has, their order, or all of its columns.
    package var whole: [Use]

    package init(columns: [String: [Use]] = [:], whole: [Use] = []) {
      self.columns = columns
      self.whole = whole
    }
  }

  /// By output; a report or a model has no columns, and `whole` says what was read for it.
  package var tables: [String: Table]

  package init(_ tables: [String: Table] = [:]) { self.tables = tables }
}

extension StageKind {
  package func lineage(of inputs: [String: Schema], outputs: [String: Schema]) -> ColumnLineage? {
    nil
  }
}

/// The columns of one table while steps change them: what each is made from, in the end.
package struct ColumnTrace: Sendable {
  package private(set) var table: ColumnLineage.Table

  /// Every column as it came along an edge.
  package init(_ schema: Schema, from source: ColumnLineage.Source) {
    table = ColumnLineage.Table(
      columns: Dictionary(schema.names.map { ($0, [.init(source, $0, .identity)]) }) { $1 })
  }

  /// What these columns are made from, with a step after it; each once.
  package func uses(
    _ names: some Sequence<String>, _ how: ColumnLineage.How, _ note: String? = nil,
    isMasking: Bool = false
  ) -> [ColumnLineage.Use] {
    var seen: Set<ColumnLineage.Use> = []
    return names.flatMap { table.columns[$0] ?? [] }
      .map { $0.then(how, note, isMasking: isMasking) }.filter { seen.insert($0).inserted }
  }

  package mutating func set(_ column: String, _ uses: [ColumnLineage.Use]) {
    var seen: Set<ColumnLineage.Use> = []
    table.columns[column] = uses.filter { seen.insert($0).inserted }
  }

  /// Another step on a column's own values.
  package mutating func change(
    _ column: String, _ how: ColumnLineage.How, _ note: String, isMasking: Bool = false
  ) {
    table.columns[column] = uses([column], how, note, isMasking: isMasking)
  }

  package mutating func keep(_ names: Set<String>) {
    table.columns = table.columns.filter { names.contains($0.key) }
  }

  /// New name by old; all at once, as two columns may swap names.
  package mutating func rename(_ names: [String: String]) {
    table.columns = Dictionary(
      table.columns.map { (names[$0.key] ?? $0.key, $0.value) }, uniquingKeysWith: { $1 })
  }

  /// Columns that decide which rows there are, or how they come.
  package mutating func decide(
    by names: some Sequence<String>, _ how: ColumnLineage.How, _ note: String
  ) {
    for use in uses(names, how, note) where !table.whole.contains(use) { table.whole.append(use) }
  }
}
