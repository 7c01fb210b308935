import AdmixData
import AdmixModel

/// Collects the rows of one table and gives them away by the partition.
struct TableLog {
  let table: SimulationModel.Table
  /// What each column is made from: a column of the agent's own where that is all.
  final class CellProgram {
    let program: Program
    let column: Int?

    init(_ program: Program) {
      self.program = program
      column = program.directColumn
    }
  }
  let programs: [CellProgram]
  private let index: Int
  private let replication: Int?
  private var builders: [ColumnBuilder] = []
  private var rows = 0
  /// By column, from the code of a text to its category.
  private let categories: [[Int32]]
  private let types: [ColumnType]

  /// - Parameter replication: what its rows begin with, where there are several.
  init(_ table: SimulationModel.Table, index: Int, replication: Int?, texts: [String]) {
    self.table = table
    self.index = index
    self.replication = replication
    programs = table.columns.compactMap { $0.program.map(CellProgram.init) }
    types = table.columns.map(\.schema.type)
    categories = table.columns.map { column in
      let places = Dictionary(
        column.schema.categories.enumerated().map { ($0.element, Int32($0.offset)) },
        uniquingKeysWith: { first, _ in first })
      return column.schema.type == .category ? texts.map { places[$0] ?? -1 } : []
    }
    begin()
  }

  private mutating func begin() {
    builders = table.schema.columns.map { ColumnBuilder($0) }
    rows = 0
  }

  /// Adds the cell of a column, which the caller does for each of them, in order.
  ///
  /// - Parameter value: NaN where it is missing.
  mutating func append(_ value: Double, column: Int) throws {
    let place = replication == nil ? column : column + 1
    if value.isNaN { return builders[place].appendMissing() }
    switch types[column] {
    case .double where value.isFinite: builders[place].append(double: value)
    case .int:
      guard let whole = Int64(exactly: value) else { throw outOfRange(column) }
      builders[place].append(int: whole)
    case .bool: builders[place].append(bool: value != 0)
    case .category:
      let codes = categories[column]
      guard let text = Int(exactly: value), codes.indices.contains(text), codes[text] >= 0 else {
        throw outOfRange(column)
      }
      builders[place].append(code: codes[text])
    case .datetime:
      guard let moment = Int64(exactly: value.rounded()) else { throw outOfRange(column) }
      builders[place].append(microseconds: moment)
    default: throw outOfRange(column)
    }
  }

  private func outOfRange(_ column: Int) -> Diagnostic {
    .error(
      "AX0676", at: table.columns[column].program?.span ?? table.span,
      "column '\(table.columns[column].schema.name)' of table '\(table.name)' leaves its type",
      cause:
        "the simulation gave it a value that no \(table.columns[column].schema.type.rawValue) holds",
      hint: "round(…) gives whole numbers, min(…) and max(…) keep a value in range")
  }

  mutating func finishRow(_ emit: (Int, Batch) throws -> Void) throws {
    if let replication { builders[0].append(int: replication) }
    rows += 1
    if rows == Partitioning.rowsPerPartition { try flush(emit) }
  }

  /// Gives away what there is.
  mutating func flush(_ emit: (Int, Batch) throws -> Void) throws {
    guard rows > 0 else { return }
    let columns = builders.map { $0.finish() }
    let count = rows
    begin()
    try emit(index, Batch(schema: table.schema, columns: columns, rows: count))
  }
}
