import AdmixModel
import CArrow

/// Parquet and Arrow IPC files, a batch of the library at a time.
struct ArrowTableReader: TableReader {
  let schema: Schema
  let categoryCandidates: Set<String>
  let warnings: [Diagnostic]
  let rejects: [RejectedRow] = []
  let lines: [Int]? = nil

  private let name: String
  private let reader: ArrowReader
  /// Read, but not given yet.
  private var pending: [Batch] = []
  private var pendingRows = 0
  private var isAtEnd = false

  init(path: String, name: String, format: TableFormat, options: TableOptions) throws {
    self.name = name
    do {
      reader = try ArrowReader(
        path, format: format == .parquet ? ADMIX_ARROW_PARQUET : ADMIX_ARROW_IPC,
        batchRows: Partitioning.rowsPerPartition, names: options.columns)
    } catch let failure as ArrowFailure {
      throw failure.diagnostic(file: name, format: format)
    }
    self.format = format
    var warnings: [Diagnostic] = []
    schema = Schema(
      reader.columns.map { facts in
        if let warning = Self.warning(facts, file: name) { warnings.append(warning) }
        return ColumnSchema(
          facts.name, Self.type(facts), decimals: facts.decimals, isUTC: facts.isUTC)
      })
    self.warnings = warnings
    categoryCandidates = Set(
      reader.columns.filter { $0.wasDictionary && Self.type($0) == .text }.map(\.name))
  }

  private let format: TableFormat

  mutating func next(maxRows: Int) throws -> Batch? {
    precondition(maxRows > 0, "no rows are asked for")
    while pendingRows < maxRows, !isAtEnd {
      do {
        guard let (columns, rows) = try reader.next() else {
          isAtEnd = true
          break
        }
        if rows > 0 {
          pending.append(
            Batch(schema: schema, columns: columns.map(Self.withoutNaN), rows: rows))
          pendingRows += rows
        }
      } catch let failure as ArrowFailure {
        isAtEnd = true
        throw failure.diagnostic(file: name, format: format)
      }
    }
    guard pendingRows > 0 else { return nil }
    return try take(min(maxRows, pendingRows))
  }

  /// Other programs keep NaN where a value is missing.
  private static func withoutNaN(_ column: Column) -> Column {
    guard case .double(let values) = column.values, values.unsafe.contains(where: \.isNaN) else {
      return column
    }
    return Column(
      column.values,
      validity: Bitmap(count: column.count) { !column.isMissing($0) && !values[$0].isNaN })
  }

  private mutating func take(_ count: Int) throws -> Batch {
    var parts: [Batch] = []
    var wanted = count
    while wanted > 0, let first = pending.first {
      if first.rows <= wanted {
        parts.append(first)
        pending.removeFirst()
      } else {
        parts.append(first.slice(0..<wanted))
        pending[0] = first.slice(wanted..<first.rows)
      }
      wanted -= parts.last?.rows ?? 0
    }
    pendingRows -= count
    if let column = Self.columnWithTooMuchText(parts) {
      throw ArrowFailure.tooMuchText(column: column).diagnostic(file: name, format: format)
    }
    return parts.count == 1 ? parts[0] : Batch.concatenating(parts, schema: schema)
  }

  private static func columnWithTooMuchText(_ parts: [Batch]) -> String? {
    guard parts.count > 1 else { return nil }
    for (index, column) in parts[0].schema.columns.enumerated() where column.type == .text {
      var bytes = 0
      for part in parts {
        if case .text(let text) = part.columns[index].values {
          bytes += Int(text.offsets[text.count]) - Int(text.offsets[0])
        }
      }
      if bytes > Int(Int32.max) { return column.name }
    }
    return nil
  }

  private static func type(_ facts: ArrowReader.ColumnFacts) -> ColumnType {
    switch UInt32(facts.type) {
    case ADMIX_ARROW_BOOL.rawValue: .bool
    case ADMIX_ARROW_INT.rawValue: .int
    case ADMIX_ARROW_DOUBLE.rawValue: .double
    case ADMIX_ARROW_DATE.rawValue: .date
    case ADMIX_ARROW_DATETIME.rawValue: .datetime
    default: .text
    }
  }

  private static func warning(_ facts: ArrowReader.ColumnFacts, file: String) -> Diagnostic? {
    let type = facts.sourceType
    let what: String
    if type.hasPrefix("time32") || type.hasPrefix("time64") || type.hasPrefix("duration") {
      what = "is read as a whole number of microseconds"
    } else if type.hasPrefix("timestamp[ns") {
      what = "is read in microseconds; parts of a microsecond are dropped"
    } else if type.hasPrefix("decimal") {
      what = "is read as the nearest 64-bit floating-point numbers"
    } else if type == "null" {
      what = "is read as text without any value"
    } else {
      return nil
    }
    return .warning(
      "AX0461", at: SourceSpan(file: file, line: 0, column: 0),
      "column '\(facts.name)' of '\(file)' is \(type) and \(what)")
  }
}

extension ArrowFailure {
  static func tooMuchText(column: String) -> ArrowFailure {
    var error = AdmixArrowError()
    error.kind = Int32(ADMIX_ARROW_RANGE.rawValue)
    return ArrowFailure(error, column: column, text: "more than 2 GiB of text in one partition")
  }

  private init(_ error: AdmixArrowError, column: String, text: String) {
    kind = AdmixArrowErrorKind(UInt32(error.kind))
    self.column = column
    self.text = text
  }

  /// What people are told about a source file.
  func diagnostic(file: String, format: TableFormat) -> Diagnostic {
    let what = format == .parquet ? "Parquet" : "Arrow"
    let place = column.isEmpty ? "'\(file)'" : "column '\(column)' of '\(file)'"
    let span = SourceSpan(file: file, line: 0, column: 0)
    switch kind {
    case ADMIX_ARROW_DAMAGED:
      return .error("AX0450", at: span, "\(place) is not sound \(what)", cause: text)
    case ADMIX_ARROW_UNSUPPORTED:
      return column.isEmpty
        ? .error("AX0451", at: span, "'\(file)' is not supported", cause: text)
        : .error(
          "AX0451", at: span, "\(place) is of a type that is not supported: \(text)",
          cause: "admix reads flat columns of numbers, texts, booleans, dates and times",
          hint: "leave the column out of the file, or keep it there as JSON text")
    case ADMIX_ARROW_COLUMN:
      return .error(
        "AX0452", at: span, "\(place): \(text)",
        hint: text.hasPrefix("two") ? "rename one of them in the file" : nil)
    case ADMIX_ARROW_RANGE:
      return .error("AX0453", at: span, "\(place) holds a value that does not fit", cause: text)
    case ADMIX_ARROW_IO:
      return .error("AX0454", at: span, "'\(file)' cannot be read", cause: text)
    case ADMIX_ARROW_MEMORY:
      return .error(
        "AX0455", at: span, "'\(file)' wants more memory than there is", cause: text,
        hint: "is the file damaged?")
    default:
      return .error("AX0450", at: span, "\(place) cannot be read", cause: text)
    }
  }
}
