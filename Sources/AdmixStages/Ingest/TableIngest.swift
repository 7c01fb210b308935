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
    func parameters(_ file: SourceFile, _ schema: Schema?) throws -> JSONValue {
      try .init(
        encoding: TableParameters(
          format: format.kind(of: file.name) == .parquet
            ? .parquet : format.kind(of: file.name) == .arrow ? .arrow : .jsonLines,
          nested: format.nested, rejects: format.dialect.rejectsMisfits, schema: schema,
          missing: format.dialect.missing.filter { !$0.isEmpty }))
    }
    let surveys = try await stage.run(
      files.map { TaskRequest(step: "survey", parameters: try parameters($0, nil), files: [$0]) })
    let found = try surveys.map { try $0.value.decoded(SurveyResult.self) }
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
    let rejects = try zip(files, tables).flatMap { file, table in
      try table.value.decoded([RejectedRow].self).map { (file: file.name, row: $0) }
    }
    return try Ingest.outputs(
      stage, schema, tables.flatMap { $0.artifacts["partition"] ?? [] }, rejects: rejects,
      warnings: surveys.flatMap(\.warnings))
  }

  private func column(
    _ index: Int, _ found: [SurveyResult], _ firstFile: SourceFile, _ declared: DeclaredColumn?
  ) throws -> ColumnSchema {
    let name = found[0].schema.columns[index].name
    var type: ColumnType?
    var isUTC = false
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
    let distinct = found.reduce([] as Set<String>?) { sum, result in
      guard let sum, let more = result.distinct[index] else { return nil }
      return sum.union(more)
    }
    let present = found.reduce(0) { $0 + $1.present[index] }
    let isCandidate = found.contains { $0.candidates.contains(name) }
    if declared?.type == nil, schema.type == .text, let distinct, present > 0,
      isCandidate || CSVReader.isCategory(distinct: distinct.count, present: present)
    {
      schema.type = .category
    }
    if schema.type == .category {
      guard let distinct else {
        throw TaskFailure(
          .error(
            "AX0428", at: declared?.span,
            "column '\(name)' has too many different values for a category",
            hint: "declare it as text"))
      }
      schema.categories = distinct.sorted(by: CategoryIndex.precedes)
    }
    return schema
  }
}

struct TableParameters: Codable {
  var format: TableFormat
  var nested: TableOptions.NestedValues
  var rejects: Bool
  var schema: Schema?
  var missing: [String]
}

struct SurveyResult: Codable {
  var schema: Schema
  var rows: Int
  var present: [Int]
  /// The different values of each column as text; nil where there are more than 100,000.
  var distinct: [[String]?]
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
      nested: parameters.nested, badLines: parameters.rejects ? .reject : .error)
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
      candidates: reader.categoryCandidates.sorted())
    var distinct = [Set<String>?](repeating: [], count: count)
    let missing = Set(parameters.missing)
    while let batch = try reader.next(maxRows: Partitioning.rowsPerPartition) {
      try task.checkCancellation()
      result.rows += batch.rows
      for (index, column) in batch.columns.enumerated() {
        result.present[index] += batch.rows - column.missingCount
        guard distinct[index] != nil, case .text(let texts) = column.values else { continue }
        for row in 0..<batch.rows where !column.isMissing(row) {
          let text = texts[row]
          if !missing.contains(text) { distinct[index]?.insert(text) }
        }
        if (distinct[index]?.count ?? 0) > 100_000 { distinct[index] = nil }
      }
    }
    result.distinct = distinct.map { $0.map { $0.sorted(by: CategoryIndex.precedes) } }
    return TaskOutputs(value: try .init(encoding: result), warnings: reader.warnings)
  }

  static func table(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = try task.request.parameters.decoded(TableParameters.self)
    var (reader, name) = try open(task, parameters)
    guard let schema = parameters.schema else {
      throw TaskFailure(.error("AX0901", "a table without a schema"))
    }
    let indices = schema.columns.map { CategoryIndex($0.categories) }
    var partitions: [Artifact] = []
    var row = 0
    while let batch = try reader.next(maxRows: Partitioning.rowsPerPartition) {
      try task.checkCancellation()
      let columns = try zip(zip(batch.columns, schema.columns), indices).map { pair, index in
        try convert(pair.0, pair.1, index, missing: parameters.missing, name: name, firstRow: row)
      }
      partitions.append(
        try task.artifacts.publish(Batch(schema: schema, columns: columns, rows: batch.rows)))
      row += batch.rows
      task.progress(rows: batch.rows)
    }
    return TaskOutputs(["partition": partitions], value: try .init(encoding: reader.rejects))
  }

  /// A column as the schema wants it.
  private static func convert(
    _ column: Column, _ schema: ColumnSchema, _ index: CategoryIndex, missing: [String],
    name: String, firstRow: Int
  ) throws -> Column {
    let missing = Set(missing)
    var isText = false
    if case .text = column.values { isText = true }
    if column.type == schema.type, !(isText && !missing.isEmpty) { return column }
    var builder = ColumnBuilder(schema, capacity: column.count)
    for row in 0..<column.count {
      if column.isMissing(row) {
        builder.appendMissing()
        continue
      }
      var fits = true
      switch (schema.type, column.values) {
      case (.double, .int(let values)): builder.append(double: Double(values[row]))
      case (.double, .bool(let values)): builder.append(double: values[row] ? 1 : 0)
      case (.int, .bool(let values)): builder.append(int: values[row] ? 1 : 0)
      case (.int, .double(let values)):
        if let whole = Int64(exactly: values[row]) {
          builder.append(int: whole)
        } else {
          fits = false
        }
      case (.datetime, .date(let days)):
        builder.append(microseconds: Int64(days[row]) * 86_400_000_000)
      case (.text, _), (.category, _):
        let text = Self.text(column.values, row)
        if missing.contains(text) {
          builder.appendMissing()
        } else if schema.type == .text {
          builder.append(text: text)
        } else if let code = index.code(of: text) {
          builder.append(code: code)
        } else {
          fits = false
        }
      case (.date, .text(let texts)):
        if missing.contains(texts[row]) {
          builder.appendMissing()
        } else if let days = CivilDate.days(texts[row]) {
          builder.append(days: days)
        } else {
          fits = false
        }
      case (.datetime, .text(let texts)):
        if missing.contains(texts[row]) {
          builder.appendMissing()
        } else if let moment = CivilDate.microseconds(texts[row]) {
          builder.append(microseconds: moment)
        } else {
          fits = false
        }
      case (.int, .text(let texts)):
        if missing.contains(texts[row]) {
          builder.appendMissing()
        } else if let value = Int64(texts[row]) {
          builder.append(int: value)
        } else {
          fits = false
        }
      case (.double, .text(let texts)):
        if missing.contains(texts[row]) {
          builder.appendMissing()
        } else if let value = Double(texts[row]), value.isFinite {
          builder.append(double: value)
        } else {
          fits = false
        }
      default: fits = false
      }
      if !fits {
        throw TaskFailure(
          .error(
            "AX0416", at: SourceSpan(file: name, line: 0, column: 0),
            "the value of '\(schema.name)' in row \(firstRow + row) is not \(schema.type.rawValue)")
        )
      }
    }
    return builder.finish()
  }

  private static func text(_ values: Column.Values, _ row: Int) -> String {
    switch values {
    case .text(let texts): texts[row]
    case .category(let codes, let categories): categories[Int(codes[row])]
    case .int(let values): String(values[row])
    case .double(let values): "\(values[row])"
    case .bool(let values): values[row] ? "true" : "false"
    case .date(let days): CivilDate.text(days: Int(days[row]))
    case .datetime(let values): CivilDate.text(microseconds: values[row])
    }
  }
}
