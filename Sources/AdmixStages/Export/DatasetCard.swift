import AdmixData
import AdmixEngine
import AdmixModel
import Foundation

/// What a reader of an exported file has to know, as Markdown and as Croissant 1.0 metadata.
struct DatasetCard {
  let path: String
  /// What was written.
  let schema: Schema
  /// What the dataset has, written or not.
  let whole: Schema
  let rows: Int
  let profile: DatasetProfile
  let file: Artifact
  let format: String
  let facts: PipelineFacts
  let report: (Artifact) -> CheckReport?

  var markdown: String {
    var out = "# \(facts.name)\n\n"
    if let description = facts.description { out += description + "\n\n" }
    out +=
      "`\((path as NSString).lastPathComponent)`: \(rows) rows, \(schema.columns.count) columns, "
    out += "\(format), SHA-256 `\(file.digest.hex)`.\n\n"
    if !profile.origins.isEmpty {
      out += "## Where the rows come from\n\n| part | rows | share |\n| --- | --- | --- |\n"
      for (name, count) in profile.origins.sorted(by: { $0.key < $1.key }) {
        out += "| \(cell(name)) | \(count) | \(percent(count, rows)) |\n"
      }
      out += "\n"
    }
    out += "## How it was made\n\n| stage | kind | from | rows |\n| --- | --- | --- | --- |\n"
    for stage in facts.ancestry {
      let inputs = stage.inputs + stage.sources.keys.sorted()
      out +=
        "| \(cell(stage.stage)) | \(stage.kind) | \(cell(inputs.joined(separator: ", "))) | \(stage.rows.map(String.init) ?? "") |\n"
    }
    out +=
      "\nSeed: \(facts.seed). The same pipeline file, sources and seed give the same bytes.\n\n"
    let sources = facts.ancestry.flatMap { $0.sources.sorted { $0.key < $1.key } }
    if !sources.isEmpty {
      out += "| source | SHA-256 |\n| --- | --- |\n"
      for (name, digest) in sources { out += "| \(cell(name)) | `\(digest.hex)` |\n" }
      out += "\n"
    }
    out += "## Columns\n\n| column | type | role | missing |\n| --- | --- | --- | --- |\n"
    for column in schema.columns {
      let missing = whole.index(of: column.name).map { profile.missing[$0] } ?? 0
      let type =
        column.type == .category ? "category (\(column.categories.count))" : column.type.rawValue
      out +=
        "| \(cell(column.name)) | \(type) | \(column.roles.map(\.rawValue).joined(separator: ", ")) | \(percent(missing, rows)) |\n"
    }
    out += "\n"
    let gates = facts.ancestry.flatMap { stage in stage.gates.map { (stage.stage, $0) } }
    if !gates.isEmpty {
      out +=
        "## Gates\n\nA gate trips when its rule is true.\n\n| stage | trips when | figure | verdict |\n| --- | --- | --- | --- |\n"
      for (stage, gate) in gates {
        let figure =
          gate.measurement.value.map { String(format: "%.4g", $0) } ?? gate.measurement.reason
          ?? "undefined"
        let verdict = gate.passed ? "passed" : gate.action == .fail ? "failed" : "warned"
        out += "| \(cell(stage)) | `\(gate.rule)` | \(cell(figure)) | \(verdict) |\n"
      }
      out += "\n"
    }
    let checks = facts.ancestry.compactMap { stage in
      stage.report.flatMap(report).map { (stage.stage, $0) }
    }
    if !checks.isEmpty {
      out += "## Checks\n\n"
      for (stage, check) in checks { out += "- **\(stage)** (\(check.title)): \(check.summary)\n" }
      out += "\n"
    }
    let kinds = Set(facts.ancestry.map(\.kind))
    if kinds.contains("generate") {
      out +=
        "## Limits\n\nSynthetic rows follow the structure their generator could learn, and no more. "
      out += "Unless a stage says otherwise they carry no formal privacy guarantee.\n\n"
    }
    return out + "Licence: to be stated by the author; the sources' licences bind.\n"
  }

  private func cell(_ text: String) -> String {
    text.replacing("|", with: "\\|").replacing("\n", with: " ")
  }

  private func percent(_ count: Int, _ total: Int) -> String {
    total == 0 ? "" : String(format: "%.1f %%", 100 * Double(count) / Double(total))
  }

  /// Croissant 1.0 (MLCommons): the file with its digest, and a record set over its columns.
  var croissant: JSONValue {
    let name = (path as NSString).lastPathComponent
    let media = [
      "csv": "text/csv", "tsv": "text/tab-separated-values", "json-lines": "application/jsonlines",
      "parquet": "application/x-parquet", "arrow": "application/vnd.apache.arrow.file",
    ]
    let fields = schema.columns.map { column -> JSONValue in
      let type =
        switch column.type {
        case .bool: "sc:Boolean"
        case .int: "sc:Integer"
        case .double: "sc:Float"
        case .text, .category: "sc:Text"
        case .date: "sc:Date"
        case .datetime: "sc:DateTime"
        }
      return .object([
        "@type": "cr:Field", "@id": .string("rows/\(column.name)"), "name": .string(column.name),
        "dataType": .string(type),
        "source": .object([
          "fileObject": .object(["@id": .string(name)]),
          "extract": .object(["column": .string(column.name)]),
        ]),
      ])
    }
    return .object([
      "@context": Self.context, "@type": "sc:Dataset",
      "conformsTo": "http://mlcommons.org/croissant/1.0", "name": .string(facts.name),
      "description": .string(facts.description ?? facts.name),
      "distribution": .array([
        .object([
          "@type": "cr:FileObject", "@id": .string(name), "name": .string(name),
          "contentUrl": .string(name), "contentSize": .string("\(file.bytes) B"),
          "encodingFormat": .string(media[format] ?? "application/octet-stream"),
          "sha256": .string(file.digest.hex),
        ])
      ]),
      "recordSet": .array([
        .object([
          "@type": "cr:RecordSet", "@id": "rows", "name": "rows", "field": .array(fields),
        ])
      ]),
    ])
  }

  private static let context: JSONValue = [
    "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/", "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo", "recordSet": "cr:recordSet", "field": "cr:field",
    "dataType": ["@id": "cr:dataType", "@type": "@vocab"], "source": "cr:source",
    "fileObject": "cr:fileObject", "extract": "cr:extract", "column": "cr:column",
    "sha256": "cr:sha256",
  ]
}
