import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import Foundation

/// Drives the ingest of CSV and TSV files.
struct SeparatedIngest {
  private let kind: Ingest
  private let stage: any StageContext
  private let files: [SourceFile]

  init(_ kind: Ingest, _ stage: any StageContext, _ files: [SourceFile]) {
    self.kind = kind
    self.stage = stage
    self.files = files
  }

  func outputs() async throws -> StageOutputs {
    let (format, declared, span) = kind.options
    func scan(_ known: CSVKnowledge) throws -> EncodedJSON {
      try .init(
        encoding: ScanParameters(dialect: format.dialect, known: known, encoding: format.encoding))
    }
    var tabbed = format.known
    if tabbed.delimiter == nil { tabbed.delimiter = 0x09 }
    // Encoded once: there may be a hundred thousand files.
    let (plain, tabs) = (try scan(format.known), try scan(tabbed))
    let scans = try await stage.run(
      files.map { file in
        TaskRequest(
          step: "scan", parameters: format.kind(of: file.name) == .tsv ? tabs : plain, files: [file]
        )
      })
    let found = try scans.values(ScanResult.self)
    guard let first = found.first, let firstFile = files.first else {
      throw TaskFailure(.error("AX0402", at: span, "there is no file to read"), reason: .input)
    }
    let names = try self.names(first.sketch, firstFile.name)
    for (file, result) in zip(files, found) {
      try checkSame(names, first.sketch, result.sketch, file.name, firstFile.name)
    }
    try kind.checkDeclared(names, in: firstFile.name)

    // The guess: what all beginnings together look like.
    var types = [CellType](repeating: .empty, count: names.count)
    for result in found {
      for (index, type) in result.sketch.types.enumerated() {
        types[index] = types[index].joined(type)
      }
    }
    let plans = names.indices.map { index in
      let column = declared.first { $0.name == names[index] }
      return CSVColumnPlan(
        name: names[index], type: types[index], declared: column?.type, format: column?.format)
    }
    let columns = try EncodedJSON(encoding: plans)
    var dialects: [CSVDialect: EncodedJSON] = [:]
    var requests: [TaskRequest] = []
    // By request: the file, and how many of its records come before.
    var places: [(file: Int, before: Int)] = []
    for (index, result) in found.enumerated() {
      var before = 0
      let dialect = try dialects[result.sketch.dialect] ?? .init(encoding: result.sketch.dialect)
      dialects[result.sketch.dialect] = dialect
      for range in result.ranges where range.records > 0 {
        places.append((index, before))
        before += range.records
        requests.append(
          try request(files[index], scans[index], dialect, range, columns))
      }
    }
    var pieces = try await stage.run(requests)
    var summaries = try pieces.values(ReadResult.self)
    let total = Self.merged(summaries, names.count)
    let final = plans.indices.map { index in
      var plan = plans[index]
      plan.type = total[index].type == .empty ? .text : total[index].type
      return plan
    }
    for index in plans.indices where plans[index].declared == .category {
      guard total[index].distinct == nil, total[index].present > 0 else { continue }
      throw TaskFailure(
        tooManyValues(names[index], at: declared.first { $0.name == names[index] }?.span))
    }
    let schemas = plans.indices.map { Self.schema(final[$0], total[$0]) }
    // Pieces that were read with another type than all of them together have.
    let again = summaries.indices.filter { piece in
      plans.indices.contains { index in
        let one = summaries[piece].columns[index]
        if one.kept != schemas[index].type { return true }
        return schemas[index].type == .datetime && final[index].type != plans[index].type
      }
    }
    if !again.isEmpty {
      // What stays text although a piece of it looks like few categories is declared to be text.
      let settled = final.indices.map { index in
        var plan = final[index]
        if plan.declared == nil, plan.format == nil, plan.type == .text {
          plan.declared = schemas[index].type
        }
        return plan
      }
      let redone = try await stage.run(
        again.map { piece in
          var request = requests[piece]
          guard var parameters = try? request.parameters.decoded(ReadParameters.self) else {
            return request
          }
          parameters.columns = settled
          request.parameters = (try? .init(encoding: parameters)) ?? request.parameters
          return request
        })
      for (piece, output) in zip(again, redone) {
        pieces[piece] = output
        summaries[piece] = try output.value.decoded(ReadResult.self)
      }
    }
    let owners = found.indices.flatMap { index in
      found[index].ranges.filter { $0.records > 0 }.map { _ in files[index].name }
    }
    let rejects = zip(owners, summaries).flatMap { name, result in
      result.rejects.map { (file: name, row: $0) }
    }
    var profile = TableProfile(columns: names.count)
    for summary in summaries { profile.merge(summary.profile) }
    for index in schemas.indices where schemas[index].type == .text {
      // Texts of which there are few enough to have been kept.
      profile.columns[index].distinct = total[index].distinct?.count
    }
    let origins = zip(places, summaries).map { place, summary in
      var origin = summary.origin
      origin.from = [place.file]
      origin.before = place.before
      return origin
    }
    return try kind.outputs(
      stage, kind.schema(names, schemas), pieces.flatMap { $0.artifacts["partition"] ?? [] },
      origins: origins,
      profile: profile, rejects: rejects,
      warnings: schemas.indices.compactMap { strayWord(names[$0], schemas[$0], total[$0]) })
  }

  /// Words that commonly stand for a missing value.
  private static let missingWords: Set<String> = [
    "?", "-", "--", ".", "NA", "N/A", "n/a", "na", "#N/A", "#NA", "NaN", "nan", "NULL", "Null",
    "null", "None", "none", "nil", "\\N",
  ]

  /// Says where a column would be numbers but for a word that looks like a missing value: nobody wants
  /// ages as categories, and nobody sees that they are.
  private func strayWord(_ name: String, _ schema: ColumnSchema, _ total: CSVColumnSummary)
    -> Diagnostic?
  {
    guard schema.type == .category || schema.type == .text,
      kind.options.declared.first(where: { $0.name == name })?.type == nil,
      let values = total.distinct
    else { return nil }
    let words = values.filter(Self.missingWords.contains)
    guard let word = words.first, values.count > words.count,
      values.allSatisfy({ DecimalText.number($0) != nil || Self.missingWords.contains($0) })
    else { return nil }
    return .warning(
      "AX0430", at: kind.options.span, "column '\(name)' has numbers and the word '\(word)'",
      cause: "so it is read as \(schema.type.rawValue), not as numbers",
      hint: "missing: [\"\(word)\"] makes the word a missing value; 'columns' keeps it as it is")
  }

  private func request(
    _ file: SourceFile, _ scan: TaskOutputs, _ dialect: EncodedJSON, _ range: CSVRange,
    _ columns: EncodedJSON
  ) throws -> TaskRequest {
    // A `ReadParameters`, of which most is the same for all.
    let parameters = EncodedJSON(members: [
      "dialect": dialect, "range": try .init(encoding: range), "columns": columns,
    ])
    let plain = scan.artifacts["plain"] ?? []
    return TaskRequest(
      step: "read", parameters: parameters,
      inputs: plain.isEmpty ? [:] : ["plain": plain], files: [file], expectedRows: range.records)
  }

  private func names(_ sketch: CSVSketch, _ file: String) throws -> [String] {
    let (format, declared, span) = kind.options
    if !sketch.hasHeader, !declared.isEmpty {
      // Where short rows are filled up, the first one may be short.
      let fits =
        format.dialect.ragged == .pad
        ? declared.count >= sketch.names.count : declared.count == sketch.names.count
      guard fits else {
        throw TaskFailure(
          .error(
            "AX0419", at: declared[0].span,
            "'\(file)' has \(sketch.names.count) columns and 'columns' names \(declared.count)",
            cause: "there is no header, so 'columns' names them all, in order",
            hint: format.known.header == nil
              ? "if the first row has the names, write header: true" : nil)
        )
      }
      return declared.map(\.name)
    }
    var names: [String] = []
    var seen: [String: Int] = [:]
    for (index, name) in sketch.names.enumerated() {
      if let before = seen[name] {
        guard format.renamesDuplicates else {
          throw TaskFailure(
            .error(
              "AX0411", at: SourceSpan(file: file, line: max(1, sketch.line - 1), column: 1),
              "column '\(name)' is named twice", cause: "fields \(before + 1) and \(index + 1)",
              hint: "format: {csv: {duplicate-names: rename}} calls the second one '\(name)_2'"))
        }
        var number = 2
        while sketch.names.contains("\(name)_\(number)") || names.contains("\(name)_\(number)") {
          number += 1
        }
        names.append("\(name)_\(number)")
      } else {
        seen[name] = index
        names.append(name)
      }
    }
    if names.isEmpty {
      throw TaskFailure(.error("AX0410", at: span, "'\(file)' is empty"))
    }
    return names
  }

  private func checkSame(
    _ names: [String], _ first: CSVSketch, _ other: CSVSketch, _ file: String, _ firstFile: String
  ) throws {
    guard other.names != first.names || other.hasHeader != first.hasHeader else { return }
    let lost = first.names.first { !other.names.contains($0) }
    let more = other.names.first { !first.names.contains($0) }
    var cause: String?
    if other.names.count != first.names.count {
      cause = "\(first.names.count) columns there, \(other.names.count) here"
    }
    if let lost { cause = "'\(lost)' is only in '\(firstFile)'" }
    if let more, lost == nil { cause = "'\(more)' is only in '\(file)'" }
    throw TaskFailure(
      .error(
        "AX0426", at: SourceSpan(file: file, line: max(1, other.line - 1), column: 1),
        "'\(file)' and '\(firstFile)' have different columns",
        cause: cause ?? "the same names in another order, or a header in one of them only"))
  }

  private static func merged(_ results: [ReadResult], _ count: Int) -> [CSVColumnSummary] {
    let nothing = CSVColumnSummary(
      type: .empty, distinct: [], present: 0, fewestDecimals: .max, mostDecimals: -1, kept: .text)
    return (0..<count).map { index in
      results.reduce(nothing) { $0.merged($1.columns[index]) }
    }
  }

  /// The column as the whole dataset has it.
  private static func schema(_ plan: CSVColumnPlan, _ total: CSVColumnSummary) -> ColumnSchema {
    var schema = ColumnSchema(plan.name, .text)
    if let declared = plan.declared {
      schema.type = declared
    } else if plan.format != nil {
      schema.type = total.kept
    } else {
      switch plan.type {
      case .bool: schema.type = .bool
      case .int, .long: schema.type = .int
      case .double: schema.type = .double
      case .date: schema.type = .date
      case .datetime, .instant: schema.type = .datetime
      case .empty: schema.type = .text
      case .text:
        let isCategory = total.distinct.map {
          total.present > 0 && CSVReader.isCategory(distinct: $0.count, present: total.present)
        }
        schema.type = isCategory == true ? .category : .text
      }
    }
    if schema.type == .category { schema.categories = total.distinct ?? [] }
    if schema.type == .datetime { schema.isUTC = plan.type == .instant }
    if schema.type == .double, total.fewestDecimals == total.mostDecimals,
      (1...12).contains(total.mostDecimals)
    {
      schema.decimals = total.mostDecimals
    }
    return schema
  }
}

struct ScanParameters: Codable {
  var dialect: CSVDialect
  var known: CSVKnowledge
  var encoding: TextEncoding
}

struct ScanResult: Codable {
  var sketch: CSVSketch
  var ranges: [CSVRange]
}

struct ReadParameters: Codable {
  var dialect: CSVDialect
  var range: CSVRange
  var columns: [CSVColumnPlan]
}

struct ReadResult: Codable {
  var columns: [CSVColumnSummary]
  var profile: TableProfile
  var rejects: [RejectedRow]
  /// Which records of the range the rows are, and where they stand.
  var origin: RowLineage.Piece
}

/// The work on CSV and TSV files.
enum SeparatedSteps {
  static func scan(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = try task.request.parameters.decoded(ScanParameters.self)
    guard let file = task.request.files.first else {
      throw TaskFailure(.error("AX0901", "a scan without a file"))
    }
    var path = file.path
    var artifacts: [String: [Artifact]] = [:]
    let scratch = try task.artifacts.newFile()
    try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
    let expanded = try Decompression.plain(path, into: scratch, name: file.name)
    let isExpanded = expanded != path
    path = expanded
    if parameters.encoding != .utf8 {
      let target = "\(scratch)/utf8"
      try Transcoding.toUTF8(path, from: parameters.encoding, to: target, name: file.name)
      path = target
    }
    if isExpanded || parameters.encoding != .utf8 {
      let plain = try task.artifacts.publish(file: path, kind: .file, rows: nil)
      artifacts["plain"] = [plain]
      path = try task.artifacts.file(of: plain)
    }
    try task.checkCancellation()
    let sketch = try CSVSniffer(parameters.dialect, parameters.known)
      .sketch(path: path, name: file.name)
    let ranges = try CSVScanner(sketch.dialect, fields: sketch.names.count).ranges(
      path: path, name: file.name, from: sketch.start, line: sketch.line,
      recordsEach: Partitioning.rowsPerPartition)
    return TaskOutputs(
      artifacts, value: try .init(encoding: ScanResult(sketch: sketch, ranges: ranges)))
  }

  static func read(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = try task.request.parameters.decoded(ReadParameters.self)
    guard let file = task.request.files.first else {
      throw TaskFailure(.error("AX0901", "a read without a file"))
    }
    let path = try task.request.inputs["plain"]?.first.map(task.artifacts.file) ?? file.path
    let piece = try CSVReader(parameters.dialect, columns: parameters.columns)
      .read(path: path, name: file.name, parameters.range)
    task.progress(rows: piece.batch.rows)
    let origin = RowLineage.Piece(
      rows: piece.batch.rows, from: nil,
      map: try piece.records.flatMap { try task.artifacts.publish(RowMap(rows: $0), whole: nil) },
      line: parameters.range.line,
      lines: try piece.lines.flatMap { try task.artifacts.publish(RowMap(rows: $0), whole: nil) })
    return TaskOutputs(
      [
        "partition": [try task.artifacts.publish(piece.batch)],
        "map": [origin.map, origin.lines].compactMap { $0 },
      ],
      value: try .init(
        encoding: ReadResult(
          columns: piece.summaries, profile: TableProfile(piece.batch), rejects: piece.rejects,
          origin: origin)))
  }
}
