import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import Foundation

/// Drives the ingest of files that know their types: Parquet, Arrow, JSON lines.
///
/// Two looks at each file: the first finds schemas and which texts are categories, over all the data;
/// the second writes partitions.
struct TableIngest {
  private let kind: Ingest
  private let stage: any StageContext
  private let files: [SourceFile]

  init(_ kind: Ingest, _ stage: any StageContext, _ files: [SourceFile]) {
    self.kind = kind
    self.stage = stage
    self.files = files
  }

  func outputs() async throws -> StageOutputs {
    let (format, declared, _) = kind.options
    let formats = Dictionary(
      declared.compactMap { column in column.format.map { (column.name, $0) } },
      uniquingKeysWith: { first, _ in first })
    // What is declared to be no number or truth value is read as it is written.
    let texts = Set(
      declared.filter { column in
        column.format != nil || [.text, .category, .date, .datetime].contains(column.type)
      }.map(\.name))
    let doubles = Set(declared.filter { $0.type == .double }.map(\.name))
    func parameters(_ file: SourceFile, _ schema: Schema?) throws -> JSONValue {
      try .init(
        encoding: TableParameters(
          format: format.kind(of: file.name) == .parquet
            ? .parquet : format.kind(of: file.name) == .arrow ? .arrow : .jsonLines,
          nested: format.nested, rejects: format.dialect.rejectsMisfits, schema: schema,
          formats: formats, textColumns: texts,
          missing: format.dialect.missing.filter { !$0.isEmpty }, doubles: doubles))
    }
    let surveys = try await stage.run(
      files.map { TaskRequest(step: "survey", parameters: try parameters($0, nil), files: [$0]) })
    let found = try surveys.values(SurveyResult.self)
    guard let first = found.first, let firstFile = files.first else {
      throw TaskFailure(
        .error("AX0402", at: kind.options.span, "there is no file to read"), reason: .input)
    }
    let names = first.schema.names
    try kind.checkDeclared(names, in: firstFile.name)
    for (file, result) in zip(files, found) where result.schema.names != names {
      let odd =
        result.schema.names.first { !names.contains($0) }
        ?? names.first { !result.schema.names.contains($0) }
      throw TaskFailure(
        .error(
          "AX0426", at: SourceSpan(file: file.name, line: 0, column: 0),
          "'\(file.name)' and '\(firstFile.name)' have different columns",
          cause: odd.map { "'\($0)' is only in one of them" } ?? "the same names in another order"))
    }
    let columns = try names.indices.map { index in
      try column(index, found, firstFile, declared.first { $0.name == names[index] })
    }
    let schema = kind.schema(names, columns)
    let tables = try await stage.run(
      zip(files, found).map { file, survey in
        TaskRequest(
          step: "table", parameters: try parameters(file, schema), files: [file],
          expectedRows: survey.rows)
      })
    let results = try tables.values(TableResult.self)
    let rejects = zip(files, results).flatMap { file, result in
      result.rejects.map { (file: file.name, row: $0) }
    }
    var profile = TableProfile(columns: schema.columns.count)
    for result in results { profile.merge(result.profile) }
    let origins = results.enumerated().flatMap { file, result in
      result.origins.map { origin in
        var origin = origin
        origin.from = [file]
        return origin
      }
    }
    return try kind.outputs(
      stage, schema, tables.flatMap { $0.artifacts["partition"] ?? [] }, origins: origins,
      profile: profile,
      rejects: rejects,
      warnings: surveys.flatMap(\.warnings))
  }

  private func column(
    _ index: Int, _ found: [SurveyResult], _ firstFile: SourceFile, _ declared: DeclaredColumn?
  ) throws -> ColumnSchema {
    let name = found[0].schema.columns[index].name
    var type: ColumnType?
    // Without a value anywhere, what the schemas say is all there is.
    var isUTC =
      found.allSatisfy { $0.present[index] == 0 } && found[0].schema.columns[index].isUTC
    for (file, result) in zip(files, found) where result.present[index] > 0 {
      let here = result.schema.columns[index]
      isUTC = isUTC || here.isUTC
      if type == nil || type == here.type {
        type = here.type
      } else if Set([type, here.type]) == [.int, .double] {
        type = .double
      } else if declared?.type == nil {
        throw TaskFailure(
          .error(
            "AX0427", at: SourceSpan(file: file.name, line: 0, column: 0),
            "column '\(name)' is \(here.type.rawValue) here and \(type?.rawValue ?? "") in '\(firstFile.name)'",
            hint: "declare its type under 'columns'"))
      }
    }
    var schema = ColumnSchema(
      name, declared?.type ?? type ?? found[0].schema.columns[index].type, isUTC: isUTC)
    if let format = declared?.format {
      if declared?.type == nil {
        schema.type = CSVFormats.hasTime(format) ? .datetime : .date
      }
    } else if schema.type == .text || schema.type == .datetime, type ?? .text == .text,
      kind.options.format.kind(of: firstFile.name) == .jsonLines
    {
      // JSON has no dates; texts that are all of them dates are taken for dates, as in CSV.
      let moment = found.reduce(CellType.empty) { $0.joined($1.moments[index]) }
      if declared?.type == nil {
        if moment == .date { schema.type = .date }
        if moment == .datetime || moment == .instant { schema.type = .datetime }
      }
      schema.isUTC = schema.type == .datetime && moment == .instant
    }
    let parts = found.map { $0.distinct[index] }
    let distinct =
      parts.contains(nil) ? nil : CategoryIndex.distinct(parts.compactMap(\.self).joined())
    let present = found.reduce(0) { $0 + $1.present[index] }
    let isCandidate = found.contains { $0.candidates.contains(name) }
    if declared?.type == nil, schema.type == .text, let distinct, present > 0,
      isCandidate || CSVReader.isCategory(distinct: distinct.count, present: present)
    {
      schema.type = .category
    }
    if schema.type == .category {
      guard let distinct else {
        throw TaskFailure(tooManyValues(name, at: declared?.span))
      }
      schema.categories = distinct
    }
    return schema
  }
}

/// A category keeps a list of all its values.
func tooManyValues(_ column: String, at span: SourceSpan?) -> Diagnostic {
  .error(
    "AX0428", at: span, "column '\(column)' has too many different values for a category",
    hint: "declare it as text")
}

struct TableParameters: Codable {
  var format: TableFormat
  var nested: TableOptions.NestedValues
  var rejects: Bool
  var schema: Schema?
  /// Of dates, by column.
  var formats: [String: String]
  /// JSON lines: columns that keep the spelling of their values.
  var textColumns: Set<String>
  var missing: [String]
  /// Columns that are declared to be doubles, in which whole numbers may be rounded.
  var doubles: Set<String>
}

struct TableResult: Codable {
  var profile: TableProfile
  var rejects: [RejectedRow]
  /// By partition, which records of the file the rows are.
  var origins: [RowLineage.Piece]
}

struct SurveyResult: Codable {
  var schema: Schema
  var rows: Int
  /// How many values each column has; words for no value are none.
  var present: [Int]
  /// The different values of each column as text; nil where there are more than 100,000.
  var distinct: [[String]?]
  /// JSON lines: what moment in ISO 8601 all texts of each column are, if any.
  var moments: [CellType]
  var candidates: [String]
}

/// The work on files that know their types.
enum TableSteps {
  private static func open(_ task: any TaskContext, _ parameters: TableParameters) throws -> (
    any TableReader, String
  ) {
    guard let file = task.request.files.first else {
      throw TaskFailure(.error("AX0901", "a table without a file"))
    }
    let scratch = try task.artifacts.newFile()
    try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
    let path =
      parameters.format == .jsonLines
      ? try Decompression.plain(file.path, into: scratch, name: file.name) : file.path
    let options = TableOptions(
      nested: parameters.nested, badLines: parameters.rejects ? .reject : .error,
      textColumns: parameters.textColumns)
    return (
      try openTable(path: path, name: file.name, format: parameters.format, options: options),
      file.name
    )
  }

  static func survey(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = try task.request.parameters.decoded(TableParameters.self)
    var (reader, _) = try open(task, parameters)
    let count = reader.schema.columns.count
    var result = SurveyResult(
      schema: reader.schema, rows: 0, present: Array(repeating: 0, count: count), distinct: [],
      moments: Array(repeating: .empty, count: count),
      candidates: reader.categoryCandidates.sorted())
    var distinct = [Set<ExactText>?](repeating: [], count: count)
    let missing = Set(parameters.missing.map(ExactText.init))
    while let batch = try reader.next(maxRows: Partitioning.rowsPerPartition) {
      try task.checkCancellation()
      result.rows += batch.rows
      for (index, column) in batch.columns.enumerated() {
        result.present[index] += batch.rows - column.missingCount
        guard case .text(let texts) = column.values else { continue }
        for row in 0..<batch.rows where !column.isMissing(row) {
          let isSettled = distinct[index] == nil && result.moments[index] == .text
          if isSettled, missing.isEmpty { break }
          let text = ExactText(texts[row])
          if missing.contains(text) {
            result.present[index] -= 1
            continue
          }
          if isSettled { continue }
          distinct[index]?.insert(text)
          if result.moments[index] != .text {
            result.moments[index] = result.moments[index].joined(
              CSVFormats.momentType(texts.utf8(row)))
          }
        }
        if (distinct[index]?.count ?? 0) > 100_000 { distinct[index] = nil }
      }
    }
    result.distinct = distinct.map { $0.map { CategoryIndex.distinct($0.lazy.map(\.text)) } }
    return TaskOutputs(value: try .init(encoding: result), warnings: reader.warnings)
  }

  static func table(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = try task.request.parameters.decoded(TableParameters.self)
    var (reader, name) = try open(task, parameters)
    guard let schema = parameters.schema else {
      throw TaskFailure(.error("AX0901", "a table without a schema"))
    }
    let indices = schema.columns.map { CategoryIndex($0.categories) }
    let missing = Set(parameters.missing.map(ExactText.init))
    var partitions: [Artifact] = []
    var profile = TableProfile(columns: schema.columns.count)
    var rejects: [RejectedRow] = []
    var origins: [RowLineage.Piece] = []
    var row = 0
    // Lines of the file that are no rows, up to the batch at hand.
    var unread = 0
    while let batch = try reader.next(maxRows: Partitioning.rowsPerPartition) {
      try task.checkCancellation()
      var misfits: [Int: String] = [:]
      let columns = try zip(zip(batch.columns, schema.columns), indices).map { pair, index in
        let mayRound = parameters.doubles.contains(pair.1.name)
        let (column, odd) = convert(
          pair.0, pair.1, index, format: parameters.formats[pair.1.name],
          missing: missing, mayRound: mayRound)
        let losesDigits = pair.0.type == .int && pair.1.type == .double
        let fact =
          losesDigits
          ? "is a whole number with more digits than a double keeps"
          : "is not "
            + (parameters.formats[pair.1.name].map { "a date in the format '\($0)'" }
              ?? CSVReader.noun(pair.1.type))
        if let first = odd.first, !parameters.rejects {
          throw TaskFailure(
            .error(
              "AX0416", at: SourceSpan(file: name, line: 0, column: 0),
              "the value of '\(pair.1.name)' in row \(row + first + 1) \(fact)",
              cause: losesDigits ? "other files have fractions in this column" : nil,
              hint: losesDigits
                ? "'columns: {\(pair.1.name): text}' keeps the digits, double instead of text rounds them"
                : "'on-error: reject' leaves such rows out and counts them"))
        }
        for place in odd where misfits[place] == nil {
          misfits[place] = "the value of '\(pair.1.name)' \(fact)"
        }
        return column
      }
      var table = Batch(schema: schema, columns: columns, rows: batch.rows)
      // Rejected lines are records too.
      var records = (0..<batch.rows).map { row + $0 }
      var lines = reader.lines
      for (index, line) in (lines ?? []).enumerated() {
        while unread < reader.rejects.count, reader.rejects[unread].line < line { unread += 1 }
        records[index] += unread
      }
      let kept = (0..<batch.rows).filter { misfits[$0] == nil }
      records = kept.map { records[$0] }
      lines = lines.map { lines in kept.map { lines[$0] } }
      origins.append(try origin(records, lines, task))
      if !misfits.isEmpty {
        rejects += misfits.keys.sorted().map {
          RejectedRow(line: row + $0 + 1, reason: misfits[$0] ?? "")
        }
        table = table.taking(kept)
      }
      profile.merge(TableProfile(table))
      partitions.append(try task.artifacts.publish(table))
      row += batch.rows
      task.progress(rows: batch.rows)
    }
    return TaskOutputs(
      [
        "partition": partitions,
        "map": origins.flatMap { [$0.map, $0.lines].compactMap { $0 } },
      ],
      value: try .init(
        encoding: TableResult(
          profile: profile, rejects: rejects + reader.rejects, origins: origins)))
  }

  /// - Parameters:
  ///   - records: which records of the file the rows of a partition are, counted from 0.
  ///   - lines: where they stand, counted from 1.
  private static func origin(_ records: [Int], _ lines: [Int]?, _ task: any TaskContext) throws
    -> RowLineage.Piece
  {
    let before = records.first ?? 0
    let line = lines?.first
    let map = RowMap(rows: records.map { $0 - before })
    var origin = RowLineage.Piece(rows: records.count, from: nil, before: before, line: line)
    origin.map = try task.artifacts.publish(map, whole: records.count)
    // Lines that go along with the records need not be kept.
    if let lines, let line, zip(lines, records).contains(where: { $0 - line != $1 - before }) {
      origin.lines = try task.artifacts.publish(RowMap(rows: lines.map { $0 - line }), whole: nil)
    }
    return origin
  }

  /// A column as the schema wants it, and the rows whose values do not fit.
  private static func convert(
    _ column: Column, _ schema: ColumnSchema, _ index: CategoryIndex, format: String?,
    missing: Set<ExactText>, mayRound: Bool
  ) -> (Column, misfits: [Int]) {
    var isText = false
    if case .text = column.values { isText = true }
    if column.type == schema.type, !(isText && !missing.isEmpty) { return (column, []) }
    var builder = ColumnBuilder(schema, capacity: column.count)
    var misfits: [Int] = []
    for row in 0..<column.count {
      if column.isMissing(row) {
        builder.appendMissing()
        continue
      }
      if case .text(let texts) = column.values, !missing.isEmpty,
        missing.contains(ExactText(texts[row]))
      {
        builder.appendMissing()
      } else if !append(column.values, row, schema, index, format, mayRound, to: &builder) {
        builder.appendMissing()
        misfits.append(row)
      }
    }
    return (builder.finish(), misfits)
  }

  /// False where the value does not fit the type.
  private static func append(
    _ values: Column.Values, _ row: Int, _ schema: ColumnSchema, _ index: CategoryIndex,
    _ format: String?, _ mayRound: Bool, to builder: inout ColumnBuilder
  ) -> Bool {
    switch (schema.type, values) {
    case (.double, .int(let values)):
      guard mayRound || DecimalText.isExact(values[row]) else { return false }
      builder.append(double: Double(values[row]))
    case (.double, .bool(let values)): builder.append(double: values[row] ? 1 : 0)
    case (.int, .bool(let values)): builder.append(int: values[row] ? 1 : 0)
    case (.int, .double(let values)):
      guard let whole = Int64(exactly: values[row]) else { return false }
      builder.append(int: whole)
    case (.bool, .int(let values)):
      guard values[row] == 0 || values[row] == 1 else { return false }
      builder.append(bool: values[row] == 1)
    case (.datetime, .date(let days)):
      guard let midnight = CivilDate.midnight(Int64(days[row])) else { return false }
      builder.append(microseconds: midnight)
    case (.text, _): builder.append(text: values.text(row))
    case (.category, _):
      guard let code = index.code(of: values.text(row)) else { return false }
      builder.append(code: code)
    case (.date, .text(let texts)), (.datetime, .text(let texts)):
      let moment =
        format.map { CSVFormats.microseconds(texts[row], format: $0) }
        ?? CSVFormats.microseconds(texts.utf8(row))
      guard let moment else { return false }
      guard schema.type == .date else {
        builder.append(microseconds: moment)
        return true
      }
      let (days, rest) = moment.quotientAndRemainder(dividingBy: 86_400_000_000)
      // Without a format a date is a date alone.
      guard rest == 0 || format != nil, let day = Int32(exactly: rest < 0 ? days - 1 : days) else {
        return false
      }
      builder.append(days: day)
    case (.bool, .text(let texts)):
      guard let value = Bool(texts[row].lowercased()) else { return false }
      builder.append(bool: value)
    case (.int, .text(let texts)):
      guard let value = Int64(texts[row]) else { return false }
      builder.append(int: value)
    case (.double, .text(let texts)):
      guard let value = DecimalText.number(texts[row]) else { return false }
      builder.append(double: value)
    default: return false
    }
    return true
  }
}
