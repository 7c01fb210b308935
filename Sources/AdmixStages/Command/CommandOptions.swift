import AdmixData
import AdmixEngine
import AdmixModel
import AdmixProcess
import AdmixSpec
import Foundation

/// What a program is given of another stage.
struct CommandInput: Sendable {
  static let forms = ["csv", "json-lines", "parquet", "arrow", "file"]

  static let field: FieldType = .oneOf([
    .edge(.dataset),
    .object([
      .required("from", .edge(.dataset), "The dataset, or the file that another command made."),
      .optional(
        "as", .choice(forms), default: "csv",
        "How rows are written for it; `file` gives a file of another stage as it is."),
      .optional(
        "origin", .bool, default: false, "Keeps the columns that say where a row came from."),
    ]),
  ])

  var name: String
  var span: SourceSpan
  var form: String
  var keepsOrigin: Bool

  init(_ member: Node.Member, report: inout Diagnostics) {
    name = member.key
    span = member.keySpan
    form = member.value["as"]?.text ?? "csv"
    keepsOrigin = member.value["origin"]?.bool ?? false
  }

  func artifact(of stage: any StageContext) -> Artifact? {
    stage.inputs["inputs.\(name)"] ?? stage.inputs["inputs.\(name).from"]
  }

  func check(_ artifact: Artifact) throws {
    guard (artifact.kind == .dataset) == (form == "file") else { return }
    throw TaskFailure(
      artifact.kind == .dataset
        ? .error(
          "AX0872", at: span, "the input '\(name)' has rows and is asked for as a file",
          hint: "as: csv, or json-lines, parquet, arrow")
        : .error(
          "AX0872", at: span, "the input '\(name)' is a file and has no rows to write as \(form)",
          hint: "as: file"))
  }

  static func fileName(_ name: String, _ form: String) -> String {
    switch form {
    case "json-lines": name + ".jsonl"
    case "file": name
    default: "\(name).\(form)"
    }
  }
}

/// A file that a program writes.
struct CommandOutput: Sendable {
  static let field: FieldType = {
    let formats =
      IngestFormat.fields + [Variant("file", .object([]), "A file of any kind, kept as it is.")]
    return .oneOf([
      .choice(formats.map(\.name)),
      .object([
        .required("format", .variant(formats), "How it is written."),
        .optional(
          "missing", .listOrOne(.text), default: [],
          "Words that stand for a missing value, beside an empty field."),
        .optional("columns", DeclaredColumn.field, "Names, types and roles that it must have."),
      ]),
    ])
  }()

  var name: String
  var span: SourceSpan
  /// The name of the file that the program is told.
  var fileName: String
  /// How to read it; nil where it is kept as it is.
  private var reader: Ingest?

  init(_ member: Node.Member, report: inout Diagnostics) {
    name = member.key
    span = member.keySpan
    let format =
      member.value["format"]
      ?? Node(
        .map([
          Node.Member(
            key: member.value.text ?? "file", keySpan: member.value.span,
            value: Node(.map([]), at: member.value.span))
        ]), at: member.value.span)
    let kind = format.members.first?.key ?? "file"
    let endings = [
      "csv": ".csv", "tsv": ".tsv", "json-lines": ".jsonl", "parquet": ".parquet",
      "arrow": ".arrow",
    ]
    fileName = name + (endings[kind] ?? "")
    guard kind != "file" else {
      reader = nil
      if let columns = member.value["columns"] {
        report.append(
          .error(
            "AX0861", at: columns.span, "a file of any kind has no columns",
            hint: "name its format: csv, json-lines, parquet or arrow"))
      }
      return
    }
    func field(_ name: String, _ node: Node) -> Node.Member {
      Node.Member(key: name, keySpan: node.span, value: node)
    }
    var options = [
      field(
        "from", Node(.list([Node(.text(fileName), at: member.value.span)]), at: member.keySpan)),
      field("format", format),
    ]
    for key in ["missing", "columns"] {
      if let node = member.value[key] { options.append(field(key, node)) }
    }
    reader = Ingest(OptionValues(Node(.map(options), at: member.keySpan)), report: &report)
  }

  /// The output as the stage gives it: rows where there is a format for them.
  func taken(_ file: Artifact, _ stage: any StageContext) async throws -> (
    artifact: Artifact, warnings: [Diagnostic]
  ) {
    guard let reader else { return (file, []) }
    let source = SourceFile(
      path: try stage.artifacts.file(of: file), name: fileName, digest: file.digest,
      bytes: file.bytes)
    let read = try await reader.drive(WrittenFile(stage: stage, sources: [[source]]))
    guard let data = read.artifacts["data"] else {
      throw TaskFailure(.error("AX0909", "a command's output '\(name)' gave no rows"))
    }
    return (data, read.warnings)
  }
}

/// A stage whose source is the file that its program wrote.
private struct WrittenFile: StageContext {
  let stage: any StageContext
  let sources: [[SourceFile]]

  var stageName: String { stage.stageName }
  var inputs: [String: Artifact] { [:] }
  var inputNames: [String: String] { [:] }
  var seed: UInt64 { stage.seed }
  var salt: String { stage.salt }
  var artifacts: any ArtifactAccess { stage.artifacts }
  var pipeline: PipelineFacts { stage.pipeline }
  func run(_ requests: [TaskRequest]) async throws -> [TaskOutputs] {
    try await stage.run(requests)
  }
}

/// What a program may use.
struct CommandLimits: Sendable {
  var memory: Int?
  /// As the user wrote it.
  var memoryText = ""
  var processes: Int?
  var file: Int?

  init(_ node: Node?) {
    memory = node?["memory"]?.double.map { Int($0) }
    memoryText = node?["memory"].map { $0.source ?? $0.json.text } ?? ""
    file = node?["file"]?.double.map { Int($0) }
    processes = node?["processes"]?.int ?? 512
  }

  var ofProcesses: ProcessLimits {
    var limits = ProcessLimits()
    limits.memory = memory
    limits.processes = processes
    limits.fileBytes = file
    return limits
  }
}

/// The small language of a command's words.
enum CommandWords {
  struct Placeholder: Hashable {
    var isInput: Bool
    var name: String
  }

  // `{` alone means nothing: awk and JSON are full of it.
  private static func parts(_ text: String) -> [(range: Range<String.Index>, Placeholder)] {
    var found: [(Range<String.Index>, Placeholder)] = []
    var place = text.startIndex
    while let open = text[place...].firstIndex(of: "{") {
      place = text.index(after: open)
      let rest = text[place...]
      let prefix =
        rest.hasPrefix("inputs.") ? "inputs." : rest.hasPrefix("outputs.") ? "outputs." : nil
      guard let prefix, let close = rest.firstIndex(of: "}") else { continue }
      let name = String(rest[..<close].dropFirst(prefix.count))
      guard PipelineFields.isName(name) else { continue }
      place = text.index(after: close)
      found.append((open..<place, Placeholder(isInput: prefix == "inputs.", name: name)))
    }
    return found
  }

  static func placeholders(_ text: String) -> [Placeholder] { parts(text).map(\.1) }

  static func filled(_ text: String, _ path: (Placeholder) -> String?) -> String {
    var text = text
    for (range, placeholder) in parts(text).reversed() {
      if let path = path(placeholder) { text.replaceSubrange(range, with: path) }
    }
    return text
  }

  /// A name as part of the name of a variable.
  static func variable(_ name: String) -> String { name.replacing("-", with: "_") }

  static func isVariable(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
      default: false
      }
    }
  }

  /// A seed of 32 bits, which every library takes; another one for each salt.
  static func seed(_ seed: UInt64, _ salt: String) -> UInt32 {
    Digest(of: "\(seed) \(salt)").bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }
}
