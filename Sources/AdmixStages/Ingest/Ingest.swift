import AdmixData
package import AdmixEngine
package import AdmixModel
package import AdmixSpec
import Foundation

/// Takes rows in: files become typed partitions.
///
/// Separated values are scanned for record boundaries, then read a partition to a task with types
/// guessed from the beginning. Every task says what its values turned out to be; pieces that were read
/// with another type than all of them together have are read once more. So types always come from all
/// the data.
package struct Ingest: StageKind {
  package static let description = KindDescription(
    name: "ingest", revision: 4, summary: "Takes rows in from files.",
    fields: [
      .required(
        "from", .listOrOne(.path),
        "A path, a glob, a folder (all its files of one kind), or a URL with `sha256`; or a list."),
      .optional("sha256", .digest, "What the file must be; required for a URL."),
      .optional(
        "format", .variant(IngestFormat.fields), "How it is written; by its ending unless given."),
      .optional(
        "missing", .listOrOne(.text), default: [],
        "Words that stand for a missing value, beside an empty field."),
      .optional(
        "columns", DeclaredColumn.field,
        "Names, types and roles. Without a header they name the columns in order; with one they say more about those they name."
      ),
      .optional(
        "on-error", .choice(["stop", "reject"]), default: "stop",
        "A value that does not fit its declared type: an error, or the row is left out and counted."
      ),
    ],
    outputs: ["data", "rejects", "profile"],
    tasks: [
      .init(
        "scan", "Of a CSV or TSV file: finds its dialect and where its records begin.",
        ["from", "format", "missing", "on-error"]),
      .init(
        "read", "Reads records of a CSV or TSV file into one partition.",
        ["from", "format", "missing", "columns", "on-error"]),
      .init(
        "survey", "Of a file of another format: finds its columns and their types.",
        ["from", "format", "missing", "columns", "on-error"]),
      .init(
        "table", "Reads such a file into partitions.",
        ["from", "format", "missing", "columns", "on-error"]),
      .init("", "Schema, profile and rejects of all files.", ["sha256"]),
    ],
    example: """
      from: data/people.csv
      missing: ["?"]
      columns:
        - age: int
        - income: {type: category, role: label}
        - sex: {type: category, role: protected}
      """)

  private let format: IngestFormat
  private let declared: [DeclaredColumn]
  private let span: SourceSpan
  package let sources: [SourceRequest]

  package init(_ options: OptionValues, report: inout Diagnostics) {
    span = options["from"]?.span ?? options.span
    let words = (options["missing"]?.items ?? []).compactMap { $0.source ?? $0.text }
    format = IngestFormat(
      options["format"], missing: [""] + words.filter { !$0.isEmpty },
      rejects: options["on-error"]?.text == "reject", report: &report)
    declared = DeclaredColumn.list(options["columns"], report: &report)
    let digest = options["sha256"]?.text.flatMap { Digest(hex: $0) }
    let endings: [String] =
      switch format.kind {
      case .csv: ["csv", "csv.gz", "csv.zst", "txt", "data"]
      case .tsv: ["tsv", "tab", "tsv.gz", "tsv.zst", "txt"]
      case .jsonLines: ["jsonl", "ndjson", "json", "jsonl.gz", "jsonl.zst", "ndjson.gz"]
      case .parquet: ["parquet", "pq"]
      case .arrow: ["arrow", "feather", "ipc", "arrows"]
      case nil:
        [
          "csv", "csv.gz", "csv.zst", "tsv", "tsv.gz", "jsonl", "ndjson", "jsonl.gz", "parquet",
          "arrow", "feather",
        ]
      }
    sources = (options["from"]?.items ?? []).compactMap { node in
      node.text.map {
        SourceRequest(location: $0, digest: digest, span: node.span, endings: endings)
      }
    }
  }

  package var declaredSchemas: [String: Schema] {
    if declared.isEmpty { return [:] }
    return [
      "data": Schema(
        declared.map { column in
          var schema = ColumnSchema(column.name, column.type ?? .text)
          schema.roles = column.roles
          return schema
        })
    ]
  }

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    let files = Array(stage.sources.joined())
    var separated: [SourceFile] = []
    var tables: [SourceFile] = []
    for file in files {
      switch format.kind(of: file.name) {
      case .csv, .tsv: separated.append(file)
      case .jsonLines, .parquet, .arrow: tables.append(file)
      }
    }
    if let one = separated.first, let other = tables.first {
      throw TaskFailure(
        .error(
          "AX0423", at: span, "'\(one.name)' and '\(other.name)' are of different kinds",
          hint: "one ingest reads one kind of file; name it with 'format'"))
    }
    return tables.isEmpty
      ? try await SeparatedIngest(self, stage, separated).outputs()
      : try await TableIngest(self, stage, tables).outputs()
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    switch task.request.step {
    case "scan": try SeparatedSteps.scan(task)
    case "read": try SeparatedSteps.read(task)
    case "survey": try TableSteps.survey(task)
    case "table": try TableSteps.table(task)
    default:
      throw TaskFailure(.error("AX0901", "stage kind 'ingest' has no step '\(task.request.step)'"))
    }
  }

  var options: (format: IngestFormat, declared: [DeclaredColumn], span: SourceSpan) {
    (format, declared, span)
  }

  /// Puts what the spec says beside what the data says; one place for every format.
  func schema(_ names: [String], _ types: [ColumnSchema]) -> Schema {
    Schema(
      zip(names, types).map { name, schema in
        var schema = schema
        schema.name = name
        schema.roles = declared.first { $0.name == name }?.roles ?? []
        return schema
      })
  }

  /// Declared columns that the files do not have.
  func checkDeclared(_ names: [String], in file: String) throws {
    for column in declared where !names.contains(column.name) {
      throw TaskFailure(
        .error(
          "AX0412", at: column.span, "'\(file)' has no column '\(column.name)'",
          hint: Spelling.closest(to: column.name, among: names).map { "did you mean '\($0)'?" }))
    }
  }

  /// The outputs of any ingest: the manifest, the rejected rows, and what the columns hold.
  ///
  /// - Parameter origins: the records that each of the partitions is made of.
  func outputs(
    _ stage: any StageContext, _ schema: Schema, _ partitions: [Artifact],
    origins: [RowLineage.Piece], profile: TableProfile,
    rejects: [(file: String, row: RejectedRow)], warnings: [Diagnostic]
  ) throws -> StageOutputs {
    let manifest = DatasetManifest(
      schema: schema, partitions: partitions.filter { ($0.rows ?? 0) > 0 })
    var outputs = StageOutputs(
      ["data": try stage.artifacts.publish(manifest, kind: .dataset, rows: manifest.rows)],
      warnings: warnings)
    outputs.rows = try stage.artifacts.publish(
      RowLineage(["data": .files(origins.filter { $0.rows > 0 })]), kind: .statistics)
    var profile = profile
    profile.takeCategories(of: schema)
    outputs.artifacts["profile"] = try stage.artifacts.publish(profile, kind: .statistics)
    var text = "file,line,reason\n"
    for reject in rejects {
      text +=
        "\"\(reject.file.replacing("\"", with: "\"\""))\",\(reject.row.line),\"\(reject.row.reason.replacing("\"", with: "\"\""))\"\n"
    }
    outputs.artifacts["rejects"] = try stage.artifacts.publish(
      Data(text.utf8), kind: .file, rows: rejects.count)
    if !rejects.isEmpty {
      outputs.warnings.append(
        .warning(
          "AX0424", at: span,
          "\(rejects.count) of \(manifest.rows + rejects.count) rows were left out",
          hint: "`admix show FILE \(stage.stageName).rejects` lists them"))
    }
    if manifest.rows == 0 {
      outputs.warnings.append(
        .warning(
          "AX0425", at: span, "'\(stage.stageName)' has no rows",
          cause: "there is nothing below the header, or everything was left out"))
    }
    return outputs
  }
}
