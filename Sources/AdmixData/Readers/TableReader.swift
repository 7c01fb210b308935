package import AdmixModel

/// A source file of rows in admix's types, read a few rows at a time.
///
/// Not shared between threads. `schema` has no categories: what is a category is decided by who
/// has seen all the data. Columns of type `text` stand for them.
package protocol TableReader {
  /// The columns, known before the first row is read.
  var schema: Schema { get }
  /// Columns that the file itself keeps as codes into a list of texts.
  var categoryCandidates: Set<String> { get }
  /// What people should know about how the file was read.
  var warnings: [Diagnostic] { get }
  /// Rows that were left out because they could not be read; grows as rows are read.
  var rejects: [RejectedRow] { get }
  /// The lines that the rows of the last batch stand on, counted from 1; nil where the file has none.
  var lines: [Int]? { get }

  /// At most so many rows, fewer only at the end of the file; nil after the end.
  mutating func next(maxRows: Int) throws -> Batch?
}

/// A row of a source that could not be read; the values themselves are not kept.
package struct RejectedRow: Hashable, Sendable, Codable {
  /// Counted from 1.
  package var line: Int
  package var reason: String

  package init(line: Int, reason: String) {
    self.line = line
    self.reason = reason
  }
}

/// The formats that `openTable` reads.
package enum TableFormat: String, Hashable, Sendable, Codable, CaseIterable {
  case parquet, arrow
  case jsonLines = "jsonl"
}

/// How a table is read.
package struct TableOptions: Hashable, Sendable, Codable {
  package enum NestedValues: String, Hashable, Sendable, Codable {
    /// A located error.
    case error
    /// Kept as text: the value in JSON, without spaces and with sorted keys.
    case text
  }
  package enum BadLines: String, Hashable, Sendable, Codable { case error, reject }

  /// Which columns to read, in order; all where nil.
  package var columns: [String]?
  /// JSON lines: objects and lists as values.
  package var nested: NestedValues
  /// JSON lines: lines that are not a JSON object.
  package var badLines: BadLines
  /// JSON lines: columns that are text whatever their values are; numbers keep their spelling.
  package var textColumns: Set<String>

  package init(
    columns: [String]? = nil, nested: NestedValues = .error, badLines: BadLines = .error,
    textColumns: Set<String> = []
  ) {
    self.columns = columns
    self.nested = nested
    self.badLines = badLines
    self.textColumns = textColumns
  }
}

/// Opens a source file.
///
/// - Parameters:
///   - path: where to read it.
///   - name: how messages call it; the path where nil.
package func openTable(
  path: String, name: String? = nil, format: TableFormat, options: TableOptions = TableOptions()
) throws -> any TableReader {
  switch format {
  case .parquet, .arrow:
    try ArrowTableReader(path: path, name: name ?? path, format: format, options: options)
  case .jsonLines: try JSONLinesReader(path: path, name: name ?? path, options: options)
  }
}
