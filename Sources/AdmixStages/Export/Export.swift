import AdmixData
package import AdmixEngine
package import AdmixModel
package import AdmixSpec
import Foundation

/// Writes a dataset to one file beside the project, with a card if asked.
package struct Export: StageKind {
  private static let text: [Field] = [
    .optional("delimiter", .text, default: ",", "One character between fields."),
    .optional("header", .bool, default: true, "Whether the first row has the names."),
    .optional("missing", .text, default: "", "What stands for a missing value."),
  ]

  package static let description = KindDescription(
    name: "export", revision: 1, summary: "Writes a dataset to a file, whole or not at all.",
    fields: [
      .required("from", .edge(.dataset), "The dataset to write."),
      .required(
        "to", .path,
        "A path below the pipeline's folder; its ending says the format unless 'format' does."),
      .optional(
        "format",
        .variant([
          Variant("parquet", .object([]), "Apache Parquet, compressed with zstd."),
          Variant("csv", .object(text), "Separated values, quoted as RFC 4180 says."),
          Variant("tsv", .object(text), "Separated by tabs."),
          Variant("json-lines", .object([]), "A JSON object on each line."),
          Variant("arrow", .object([]), "Arrow IPC file."),
        ]), "How it is written."),
      .optional("columns", .listOrOne(.column), "Only these columns, in this order."),
      .optional(
        "origin", .bool, default: false, "Keeps the columns that say where a row came from."),
      .optional(
        "policy",
        .object([
          .required(
            "deny", .listOrOne(.choice(ColumnRole.allCases.map(\.rawValue))),
            "Roles whose columns may not be written, nor columns whose values come from them.")
        ]), "What may not leave: refused before anything runs, with the way that it would take."),
      .optional(
        "card", .bool, default: false,
        "Writes a dataset card in Markdown and Croissant JSON-LD beside the file."),
      .optional(
        "attestation", .bool,
        "Writes an in-toto statement with SLSA provenance beside the file: what it was made from, which `admix verify --attestation` checks."
      ),
    ],
    outputs: ["file"], usesPipelineFacts: true,
    tasks: [
      .init("write", "Writes the file.", ["from", "to", "format", "columns", "origin"]),
      .init(
        "describe", "For `card`: describes one partition.",
        ["from", "columns", "origin", "card"]),
      .init(
        "", "Card, statement, policy and where the file goes.",
        ["to", "card", "attestation", "policy"]),
    ],
    example: """
      export: {from: blend, after: [bias, quality], to: out/blend.parquet, card: true}
      """)

  let to: String
  let toSpan: SourceSpan
  let format: String
  let writing: CSVWriting
  let columns: [(name: String, span: SourceSpan)]?
  private let from: (name: String, span: SourceSpan)
  let keepsOrigin: Bool
  let hasCard: Bool
  let hasAttestation: Bool

  private let denied: Set<ColumnRole>
  private let policySpan: SourceSpan

  package var columnPolicy: ColumnPolicy? {
    denied.isEmpty ? nil : ColumnPolicy(output: "file", denied: denied, span: policySpan)
  }

  package var usesPipelineFacts: Bool { hasCard || hasAttestation }
  package var tellsParameters: Bool { hasAttestation }

  package init(_ options: OptionValues, report: inout Diagnostics) {
    let path = options["to"]
    to = path?.text ?? ""
    toSpan = path?.span ?? options.span
    let parts = to.split(separator: "/", omittingEmptySubsequences: false)
    if to.hasPrefix("/") || parts.contains("..") || to.isEmpty || to.hasSuffix("/") {
      report.append(
        .error(
          "AX0801", at: toSpan, "'\(to)' is not a path below the pipeline's folder",
          hint: "such as out/data.parquet"))
    }
    let chosen = options["format"]?.members.first
    let ending = (to as NSString).pathExtension.lowercased()
    let byEnding = [
      "parquet": "parquet", "pq": "parquet", "csv": "csv", "tsv": "tsv", "jsonl": "json-lines",
      "ndjson": "json-lines", "arrow": "arrow", "feather": "arrow", "ipc": "arrow",
    ]
    format = chosen?.key ?? byEnding[ending] ?? ""
    if format.isEmpty {
      report.append(
        .error(
          "AX0804", at: toSpan,
          ending.isEmpty
            ? "'\(to)' has no ending that says a format" : "the ending '.\(ending)' says no format",
          hint: "end it in .parquet, .csv, .tsv, .jsonl or .arrow, or name a 'format'"))
    }
    let mark = chosen?.value["delimiter"]
    let delimiter = mark?.text.map { $0 == "\\t" ? "\t" : $0 }
    if let delimiter, let mark, !CSVWriting.isDelimiter(delimiter) {
      report.append(
        .error(
          "AX0851", at: mark.span, "'\(delimiter)' cannot part the fields of a CSV file",
          cause: "the delimiter is one ASCII character, neither a quote nor a line break"))
    }
    writing = CSVWriting(
      delimiter: format == "tsv" && (delimiter == nil || delimiter == ",")
        ? "\t" : delimiter ?? ",",
      header: chosen?.value["header"]?.bool ?? true,
      missing: chosen?.value["missing"].flatMap { $0.source ?? $0.text } ?? "")
    columns = options["columns"].map { node in
      node.items.compactMap { item in item.text.map { ($0, item.span) } }
    }
    if let node = options["columns"], node.items.isEmpty {
      report.append(
        .error(
          "AX0806", at: node.span, "no column is named to write",
          cause: "a table without columns cannot be told from no table",
          hint: "name some, or leave 'columns' out to write them all"))
    }
    var seen: Set<String> = []
    for column in columns ?? [] where !seen.insert(column.name).inserted {
      report.append(
        .error(
          "AX0807", at: column.span, "column '\(column.name)' is named twice",
          cause: "a file has one column of each name", hint: "leave one of them out"))
    }
    from = options["from"].map { ($0.text ?? "", $0.span) } ?? ("", options.span)
    keepsOrigin = options["origin"]?.bool ?? false
    let deny = options["policy"]?["deny"]
    denied = Set((deny?.items ?? []).compactMap { $0.text.flatMap(ColumnRole.init) })
    policySpan = deny?.span ?? options.span
    hasCard = options["card"]?.bool ?? false
    hasAttestation = options["attestation"]?.bool ?? false
  }

  package func schemas(of inputs: [String: Schema], report: inout Diagnostics) -> [String: Schema] {
    if let schema = inputs["from"] {
      do { _ = try chosen(schema) } catch let problem as Diagnostic { report.append(problem) } catch
      {}
    }
    return [:]
  }

  /// The columns that are written.
  func chosen(_ schema: Schema) throws -> Schema {
    guard let columns else {
      let all = schema.columns.filter { keepsOrigin || !Schema.isOrigin($0.name) }
      guard !all.isEmpty else {
        throw Diagnostic.error(
          "AX0806", at: from.span, "'\(from.name)' has no column to write",
          cause: schema.columns.isEmpty
            ? "a table without columns cannot be told from no table"
            : "there are only columns that say where a row came from",
          hint: schema.columns.isEmpty ? nil : "'origin: true' writes those too")
      }
      return Schema(all)
    }
    return Schema(
      try columns.map { column in
        guard let found = schema[column.name] else {
          throw Diagnostic.error(
            "AX0805", at: column.span, "there is no column '\(column.name)' to write",
            hint: Spelling.closest(to: column.name, among: schema.names).map {
              "did you mean '\($0)'?"
            })
        }
        return found
      })
  }

  package var rowRelations: [String: RowRelation] { ["file": .same(as: "from")] }

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    guard let input = stage.inputs["from"] else {
      throw TaskFailure(.error("AX0909", "an export without a dataset"))
    }
    let manifest = try stage.artifacts.dataset(input)
    let schema = try chosen(manifest.schema)
    // What was not known before the run is looked at now, as far as columns have their roles still.
    for column in schema.columns {
      guard let role = column.roles.first(where: denied.contains) else { continue }
      throw TaskFailure(
        .error(
          "AX0793", at: policySpan,
          "'\(stage.stageName)' would carry '\(column.name)', which the policy denies: role '\(role.rawValue)'",
          hint: "leave the column out, or make it another with the step pseudonymise of a transform"
        ))
    }
    let parameters = WriteParameters(
      format: format, delimiter: writing.delimiter, header: writing.header,
      missing: writing.missing, columns: schema.names)
    let results = try await stage.run([
      TaskRequest(
        step: "write", parameters: try .init(encoding: parameters), inputs: ["dataset": [input]],
        expectedRows: manifest.rows)
    ])
    guard let file = results.first?.artifacts["file"]?.first else {
      throw TaskFailure(.error("AX0909", "an export wrote nothing"))
    }
    var outputs = StageOutputs(
      ["file": file], deliveries: [Delivery(artifact: file, path: to, span: toSpan)])
    if hasAttestation {
      let statement = Attestation(path: to, file: file, facts: stage.pipeline).json
      let artifact = try stage.artifacts.publish(
        Data((statement.pretty + "\n").utf8), kind: .file, rows: nil)
      outputs.deliveries.append(
        Delivery(artifact: artifact, path: to + Attestation.ending, span: toSpan))
    }
    guard hasCard else { return outputs }
    // What the card counts is a task per partition: the same columns count once.
    let counts = try await stage.run(
      manifest.partitions.map { partition in
        TaskRequest(
          step: "describe", parameters: try .init(encoding: manifest.schema.shape),
          inputs: ["partition": [partition]], expectedRows: partition.rows)
      })
    var profile = DatasetProfile(columns: manifest.schema.columns.count)
    for count in counts { profile.merge(try count.value.decoded(DatasetProfile.self)) }
    let card = DatasetCard(
      path: to, schema: schema, whole: manifest.schema, rows: manifest.rows, profile: profile,
      file: file, format: format, facts: stage.pipeline,
      report: { artifact in try? stage.artifacts.decode(CheckReport.self, from: artifact) })
    let markdown = try stage.artifacts.publish(Data(card.markdown.utf8), kind: .file, rows: nil)
    let croissant = try stage.artifacts.publish(
      Data((card.croissant.pretty + "\n").utf8), kind: .file, rows: nil)
    outputs.deliveries += [
      Delivery(artifact: markdown, path: to + ".card.md", span: toSpan),
      Delivery(artifact: croissant, path: to + ".croissant.json", span: toSpan),
    ]
    return outputs
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    switch task.request.step {
    case "write": try write(task)
    case "describe": try describe(task)
    default:
      throw TaskFailure(.error("AX0901", "stage kind 'export' has no step '\(task.request.step)'"))
    }
  }

  private func write(_ task: any TaskContext) throws -> TaskOutputs {
    let parameters = try task.request.parameters.decoded(WriteParameters.self)
    guard let artifact = task.request.inputs["dataset"]?.first else {
      throw TaskFailure(.error("AX0909", "an export without a dataset"))
    }
    let manifest = try task.artifacts.dataset(artifact)
    let schema = Schema(parameters.columns.compactMap { manifest.schema[$0] })
    let path = try task.artifacts.newFile()
    let csv = CSVWriting(
      delimiter: parameters.delimiter, header: parameters.header, missing: parameters.missing)
    let output: TableOutput =
      switch parameters.format {
      case "parquet": .parquet
      case "arrow": .arrow
      case "json-lines": .jsonLines
      default: .csv(csv)
      }
    do {
      try write(manifest, parameters, schema, output, to: path, task)
    } catch var problem as Diagnostic where problem.span == nil {
      problem.span = toSpan
      throw problem
    }
    return TaskOutputs([
      "file": [try task.artifacts.publish(file: path, kind: .file, rows: manifest.rows)]
    ])
  }

  private func write(
    _ manifest: DatasetManifest, _ parameters: WriteParameters, _ schema: Schema,
    _ output: TableOutput, to path: String, _ task: any TaskContext
  ) throws {
    var writer = try createTable(path: path, output: output, schema: schema)
    for partition in manifest.partitions {
      try task.checkCancellation()
      let batch = try task.artifacts.batch(
        partition, schema: manifest.schema, columns: parameters.columns)
      try writer.append(batch)
      task.progress(rows: batch.rows)
    }
    try writer.finish()
  }

  private func describe(_ task: any TaskContext) throws -> TaskOutputs {
    let schema = try task.request.parameters.decoded(Schema.self)
    guard let partition = task.request.inputs["partition"]?.first else {
      throw TaskFailure(.error("AX0909", "a description without a partition"))
    }
    let batch = try task.artifacts.batch(partition, shape: schema)
    return TaskOutputs(value: try .init(encoding: DatasetProfile(batch)))
  }
}

struct WriteParameters: Codable {
  var format: String
  var delimiter: String
  var header: Bool
  var missing: String
  var columns: [String]
}

/// What a card counts: missing values by column, rows by origin.
struct DatasetProfile: Codable {
  var missing: [Int]
  var origins: [String: Int] = [:]

  init(columns: Int) { missing = Array(repeating: 0, count: columns) }

  init(_ batch: Batch) {
    missing = batch.columns.map(\.missingCount)
    guard let column = batch[Schema.originSource],
      case .category(let codes, let names) = column.values
    else { return }
    for row in 0..<batch.rows where !column.isMissing(row) {
      origins[names[Int(codes[row])], default: 0] += 1
    }
  }

  mutating func merge(_ other: DatasetProfile) {
    for (index, count) in other.missing.enumerated() where index < missing.count {
      missing[index] += count
    }
    origins.merge(other.origins, uniquingKeysWith: +)
  }
}
