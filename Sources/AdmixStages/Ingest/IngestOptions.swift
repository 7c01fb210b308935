import AdmixData
import AdmixModel
import AdmixSpec

/// How a source is written, as the spec says it.
struct IngestFormat: Hashable, Sendable {
  enum Kind: String, Sendable { case csv, tsv, jsonLines = "json-lines", parquet, arrow }

  /// Nil: by the ending of each file.
  var kind: Kind?
  var dialect = CSVDialect()
  /// What is not known is found out from the file.
  var known = CSVKnowledge()
  var encoding = TextEncoding.utf8
  var renamesDuplicates = false
  var nested = TableOptions.NestedValues.error

  static let fields: [Variant] = {
    let text: [Field] = [
      .optional("header", .bool, "Whether the first row has the names; found out unless given."),
      .optional("delimiter", .text, "One character between fields; found out unless given."),
      .optional(
        "quote", .text, "The quote character, empty where there are none; found out unless given."),
      .optional(
        "escape", .text,
        "Stands before a quote inside quotes, beside doubled quotes; a backslash is found out."),
      .optional("comment", .text, "Lines that begin with it are left out."),
      .optional(
        "trim", .bool,
        "White space around fields does not count; found out unless given: it does not where every delimiter has a space after it."
      ),
      .optional("skip", .int(0...1_000_000), default: 0, "So many lines before the table."),
      .optional("decimal", .text, default: ".", "The decimal mark."),
      .optional("thousands", .text, "The mark between thousands."),
      .optional(
        "encoding", .choice(TextEncoding.allCases.map(\.rawValue)), default: "utf-8",
        "How characters are written."),
      .optional(
        "ragged", .choice(["error", "reject", "pad"]), default: "error",
        "Rows with another number of fields: an error, left out and counted, or filled up with missing values. `reject` leaves out rows with odd quotes too."
      ),
      .optional(
        "duplicate-names", .choice(["error", "rename"]), default: "error",
        "A column named twice: an error, or `name_2`."),
    ]
    return [
      Variant("csv", .object(text), "Separated values."),
      Variant("tsv", .object(text), "Separated by tabs."),
      Variant(
        "json-lines",
        .object([
          .optional(
            "nested", .choice(["error", "text"]), default: "error",
            "Objects and lists as values: an error, or kept as JSON text.")
        ]), "A JSON object on each line."),
      Variant("parquet", .object([]), "Apache Parquet; NaN is a missing value."),
      Variant("arrow", .object([]), "Arrow IPC, file or stream; NaN is a missing value."),
    ]
  }()

  init(_ node: Node?, missing: [String], rejects: Bool, report: inout Diagnostics) {
    dialect.missing = missing
    dialect.rejectsMisfits = rejects
    guard let member = node?.members.first else { return }
    kind = Kind(rawValue: member.key)
    let options = member.value
    func mark(_ key: String, _ report: inout Diagnostics) -> UInt8? {
      guard let node = options[key], let text = node.source ?? node.text, !text.isEmpty else {
        return nil
      }
      let text2 = text == "\\t" ? "\t" : text
      guard text2.utf8.count == 1, let byte = text2.utf8.first, byte != 0x0a, byte != 0x0d else {
        report.append(
          .error("AX0420", at: node.span, "'\(key)' is one ASCII character, not '\(text)'"))
        return nil
      }
      return byte
    }
    known.header = options["header"]?.bool
    known.delimiter = mark("delimiter", &report)
    if kind == .tsv, known.delimiter == nil { known.delimiter = 0x09 }
    if let quote = options["quote"] {
      known.quote =
        quote.text?.isEmpty == true
        ? CSVKnowledge.Quote.none : mark("quote", &report).map { .character($0) }
    }
    dialect.escape = mark("escape", &report)
    dialect.comment = mark("comment", &report)
    known.trimsSpaces = options["trim"]?.bool
    known.skippedLines = options["skip"]?.int ?? 0
    dialect.decimalMark = mark("decimal", &report) ?? 0x2e
    dialect.thousandsMark = mark("thousands", &report)
    Self.checkApart(
      options,
      [
        ("delimiter", known.delimiter),
        // Unless something else is said, the usual quotes are looked for.
        ("quote", known.quote == nil ? 0x22 : known.quote?.mark), ("escape", dialect.escape),
        ("comment", dialect.comment), ("decimal", dialect.decimalMark),
        ("thousands", dialect.thousandsMark),
      ], &report)
    encoding = TextEncoding(rawValue: options["encoding"]?.text ?? "utf-8") ?? .utf8
    dialect.ragged = CSVDialect.Ragged(rawValue: options["ragged"]?.text ?? "error") ?? .error
    renamesDuplicates = options["duplicate-names"]?.text == "rename"
    nested = TableOptions.NestedValues(rawValue: options["nested"]?.text ?? "error") ?? .error
  }

  /// Marks that would be taken for each other.
  ///
  /// A decimal mark may part fields too, where numbers stand in quotes; and an escape that is the quote
  /// doubles it.
  private static func checkApart(
    _ options: Node, _ marks: [(name: String, mark: UInt8?)], _ report: inout Diagnostics
  ) {
    let pairs: Set = [
      "quote delimiter", "escape delimiter", "comment delimiter", "comment quote", "comment escape",
      "thousands decimal",
    ]
    for (index, later) in marks.enumerated() {
      guard let mark = later.mark,
        let other = marks[..<index].first(where: {
          $0.mark == mark && pairs.contains("\(later.name) \($0.name)")
        }), let span = (options[later.name] ?? options[other.name])?.span
      else { continue }
      var hint: String?
      if [later.name, other.name].contains("quote"), options["quote"] == nil {
        hint = "write quote: '' if the file has no quotes"
      } else if later.name == "thousands", mark == UInt8(ascii: ".") {
        hint = "the decimal mark is '.' unless 'decimal' names another"
      }
      report.append(
        .error(
          "AX0420", at: span, "'\(later.name)' and '\(other.name)' are the same character",
          cause: "one could not be told from the other", hint: hint))
    }
  }

  /// The kind of one file: what the spec says, else by its name.
  func kind(of name: String) -> Kind {
    if let kind { return kind }
    var name = name.lowercased()
    for ending in [".gz", ".zst", ".gzip", ".zstd"] where name.hasSuffix(ending) {
      name.removeLast(ending.count)
    }
    if name.hasSuffix(".parquet") || name.hasSuffix(".pq") { return .parquet }
    if name.hasSuffix(".jsonl") || name.hasSuffix(".ndjson") || name.hasSuffix(".json") {
      return .jsonLines
    }
    if [".arrow", ".feather", ".ipc", ".arrows"].contains(where: name.hasSuffix) { return .arrow }
    if name.hasSuffix(".tsv") || name.hasSuffix(".tab") { return .tsv }
    return .csv
  }
}

/// A column as the spec declares it.
struct DeclaredColumn: Sendable {
  var name: String
  var span: SourceSpan
  var type: ColumnType?
  var roles: [ColumnRole]
  var format: String?

  static let field: FieldType = {
    let types = ColumnType.allCases.map(\.rawValue)
    return .oneOf([
      .orderedMap(
        .oneOf([
          .choice(types),
          .object([
            .optional("type", .choice(types), "The type; found out from the data unless given."),
            .optional(
              "role", .listOrOne(.choice(ColumnRole.allCases.map(\.rawValue))),
              "What the column is for."),
            .optional("format", .text, "Of dates, in the letters of strptime, such as `%d.%m.%Y`."),
          ]),
        ])),
      .list(.text),
    ])
  }()

  static func list(_ node: Node?, report: inout Diagnostics) -> [DeclaredColumn] {
    var columns: [DeclaredColumn] = []
    for item in node?.items ?? [] {
      if item.members.isEmpty, let name = item.text ?? item.source {
        columns.append(
          DeclaredColumn(name: name, span: item.span, type: nil, roles: [], format: nil))
        continue
      }
      for member in item.members {
        let value = member.value
        let type = (value.text ?? value["type"]?.text).flatMap(ColumnType.init)
        let roles = (value["role"]?.items ?? []).compactMap { $0.text.flatMap(ColumnRole.init) }
        let format = value["format"]?.text
        if let format, let span = value["format"]?.span, !CSVFormats.isDateFormat(format) {
          report.append(
            .error(
              "AX0421", at: span, "'\(format)' is no date format",
              hint: "use %Y %m %d %H %M %S %f %y %b %B %I %p %z"))
        }
        columns.append(
          DeclaredColumn(
            name: member.key, span: member.keySpan, type: type, roles: roles, format: format))
      }
    }
    var seen: Set<String> = []
    for column in columns where !seen.insert(column.name).inserted {
      report.append(
        .error("AX0422", at: column.span, "column '\(column.name)' is declared twice"))
    }
    return columns
  }
}
