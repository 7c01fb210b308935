package import AdmixModel
package import AdmixSpec

/// What a plugin says about itself in `plugin.yaml`: data, which is read without running anything.
package struct PluginManifest: Sendable {
  /// The version of the protocol that this admix speaks.
  package static let protocolVersion = 1

  /// What plugins can be used as.
  package enum Kind: String, Sendable, CaseIterable {
    /// Makes rows: `with` of a generate stage.
    case generator
    /// Makes one table of several: `with` of a transform stage.
    case transform
  }

  /// What of its answers is the same again.
  package enum Determinism: String, Sendable, CaseIterable {
    /// Row r follows from the model, the options, the seed and r alone, however rows are asked for.
    case rows
    /// The same request is answered with the same bytes.
    case request
    /// Nothing is.
    case none
  }

  /// How tables go back and forth.
  package enum Exchange: String, Sendable, CaseIterable {
    case arrow
    case jsonLines = "json-lines"
  }

  /// What it runs in, made once by `admix plugin install`.
  package enum Environment: Hashable, Sendable {
    /// What this machine has.
    case system
    /// A virtual environment with the packages of a lock file that has a digest for each; of several files
    /// the first is taken unless another is asked for.
    case python(locks: [String])
    /// Built from its sources by the Swift package manager.
    case swift
  }

  package struct Limits: Hashable, Sendable {
    /// Bytes, of all its processes together.
    package var memory: Int?
    package var processes: Int?
    /// Bytes of one file.
    package var file: Int?
    /// Seconds that it may say nothing at all.
    package var silence: Double
  }

  package var name: String
  package var version: String
  package var summary: String
  package var licence: String
  package var kinds: [Kind]
  package var command: [String]
  package var environment: Environment
  /// Globs below its folder; the manifest belongs to them in any case.
  package var files: [String]
  package var exchange: Exchange
  package var learns: Bool
  /// What a generator that learns nothing makes.
  package var columns: [ColumnSchema]
  /// The column types that it takes.
  package var types: [ColumnType]
  package var determinism: Determinism
  package var parameters: [PluginParameter]
  package var example: PluginExample
  package var usesNetwork: Bool
  package var usesGPU: Bool
  package var threads: Int
  package var limits: Limits
  /// Digest of the manifest as text.
  package var text: Digest

  /// The form of the file; the reference page is made from it.
  package static let fields: [Field] = [
    .required(
      "protocol", .int(1...1_000),
      "The version of the protocol it speaks: \(protocolVersion)."),
    .required(
      "name", .text,
      "What `with` says to choose it; its folder is called so. Letters, digits, `_` and `-`."),
    .required("version", .text, "Its own version, for people."),
    .required("summary", .text, "What it does, in a sentence."),
    .required("licence", .text, "The licence of what runs, as an SPDX expression."),
    .optional(
      "kinds", .listOrOne(.choice(Kind.allCases.map(\.rawValue))), default: ["generator"],
      "What it can be used as."),
    .required(
      "command", .list(.text),
      "The program and its arguments. `{environment}` stands for the folder of what was installed for it, `{plugin}` for its own folder, where it starts."
    ),
    .optional(
      "environment",
      .object([
        .optional(
          "python", .listOrOne(.text),
          "A file of pip requirements with versions and `--hash` for each; of several, `admix plugin install` takes the first, or the one that `--lock` names, such as one for another kind of computer."
        ),
        .optional("swift", .bool, "Whether it is a Swift package that `install` builds."),
      ]), "What `admix plugin install` makes for it; without it, it runs with what the machine has."
    ),
    .required(
      "files", .listOrOne(.text),
      "The files it consists of, as globs below its folder: what is not named here it cannot read, and a change to one is a reason to run again."
    ),
    .optional(
      "data", .choice(Exchange.allCases.map(\.rawValue)), default: "arrow",
      "How tables go back and forth: Arrow IPC files, or JSON lines."),
    .optional("learns", .bool, default: true, "Whether a generator learns from a dataset."),
    .optional(
      "columns", .orderedMap(.choice(ColumnType.allCases.map(\.rawValue))),
      "What a generator that learns nothing makes: its columns with their types."),
    .optional(
      "types", .listOrOne(.choice(ColumnType.allCases.map(\.rawValue))),
      "The types of columns it takes; all unless given."),
    .required(
      "determinism", .choice(Determinism.allCases.map(\.rawValue)),
      "`rows`: a row follows from model, options, seed and its number alone, which only generators can promise; `request`: the same request gives the same bytes; `none`."
    ),
    .optional(
      "parameters", .map(.object(PluginParameter.fields)), "Its options, by name."),
    .optional(
      "example", .object(PluginExample.fields),
      "What a transform can be run with, for `admix plugin check`."),
    .optional("network", .bool, default: false, "Whether it wants the network."),
    .optional("gpu", .bool, default: false, "Whether it may use graphics cards."),
    .optional("threads", .int(1...1_024), default: 1, "How many threads it may start to compute."),
    .optional(
      "limits",
      .object([
        .optional("memory", .quantity(.size), "Of all its processes together, such as `4 GiB`."),
        .optional("processes", .int(1...32_000), default: 512, "Threads are not counted."),
        .optional("file", .quantity(.size), "Of one file that it writes."),
        .optional(
          "silence", .quantity(.duration), default: "10min",
          "How long it may say nothing, neither progress nor a result, before it counts as hung."),
      ]), default: [:], "What it may use; beyond that it is ended."),
  ]

  /// Reads a manifest; throws everything that is wrong with it.
  ///
  /// - Parameters:
  ///   - file: how messages call it.
  ///   - folder: the name of the folder it lies in.
  package init(_ content: [UInt8], file: String, folder: String) throws(Diagnostics) {
    let values = try FormReader.read(content, file: file, fields: Self.fields, name: "plugin")
    var report = Diagnostics()
    func wrong(_ node: Node?, _ fact: String, cause: String? = nil, hint: String? = nil) {
      report.append(
        .error("AX0880", at: node?.span ?? values.span, fact, cause: cause, hint: hint))
    }
    func words(_ key: String) -> [String] { (values[key]?.items ?? []).compactMap(\.text) }

    text = Digest(of: content)
    name = values["name"]?.text ?? ""
    version = values["version"]?.text ?? ""
    summary = values["summary"]?.text ?? ""
    licence = values["licence"]?.text ?? ""
    kinds = words("kinds").compactMap(Kind.init)
    command = words("command")
    files = words("files")
    exchange = values["data"]?.text.flatMap(Exchange.init) ?? .arrow
    let makesRows = kinds.contains(.generator)
    learns = makesRows && values["learns"]?.bool ?? true
    let types = words("types").compactMap(ColumnType.init)
    self.types = types.isEmpty ? ColumnType.allCases : types
    determinism = values["determinism"]?.text.flatMap(Determinism.init) ?? .none
    usesNetwork = values["network"]?.bool ?? false
    usesGPU = values["gpu"]?.bool ?? false
    threads = values["threads"]?.int ?? 1
    let limit = values["limits"]
    limits = Limits(
      memory: limit?["memory"]?.double.map { Int($0) }, processes: limit?["processes"]?.int ?? 512,
      file: limit?["file"]?.double.map { Int($0) },
      silence: limit?["silence"]?.double ?? 600)
    columns = (values["columns"]?.items ?? []).flatMap(\.members).compactMap { member in
      member.value.text.flatMap(ColumnType.init).map { ColumnSchema(member.key, $0) }
    }
    parameters = (values["parameters"]?.members ?? []).map { PluginParameter($0, &report) }
    example = PluginExample(values["example"])
    let place = values["environment"]
    environment =
      place?["python"] != nil
      ? .python(locks: (place?["python"]?.items ?? []).compactMap(\.text))
      : place?["swift"]?.bool == true ? .swift : .system

    let speaks = values["protocol"]?.int ?? 0
    if speaks != Self.protocolVersion {
      wrong(
        values["protocol"], "the plugin speaks version \(speaks) of the protocol",
        cause: "this admix speaks version \(Self.protocolVersion)",
        hint: "take another version of the plugin, or of admix")
    }
    if !PipelineFields.isName(name) {
      wrong(
        values["name"], "'\(name)' cannot name a plugin",
        cause: "names are letters, digits, '_' and '-', at most 64, and do not begin with '-'")
    } else if name != folder {
      wrong(
        values["name"], "the plugin is called '\(name)' and its folder '\(folder)'",
        cause: "a plugin is found by its folder", hint: "name both alike")
    }
    if command.first?.isEmpty != false { wrong(values["command"], "'command' names no program") }
    if case .system = environment, command.contains(where: { $0.contains("{environment}") }) {
      wrong(
        values["command"], "there is no environment for '{environment}'",
        hint: "say what is to be installed: environment: {python: requirements.lock}")
    }
    if place?["python"] != nil, place?["swift"]?.bool == true {
      wrong(place, "'environment' is of Python or of Swift, not of both")
    }
    if case .python(let locks) = environment, locks.isEmpty {
      wrong(place?["python"], "'python' names no lock file")
    }
    for node in (values["files"]?.items ?? []) + (place?["python"]?.items ?? []) {
      let path = node.text ?? ""
      if path.hasPrefix("/") || path.split(separator: "/").contains("..") || path.contains("://") {
        wrong(
          node, "'\(path)' is not below the plugin's folder",
          cause: "a plugin consists of what its folder holds")
      }
    }
    if kinds.contains(.generator), !learns, columns.isEmpty {
      wrong(
        values["learns"], "a generator that learns nothing has to say its columns",
        hint: "columns: {id: int, name: text}")
    }
    if learns, !columns.isEmpty {
      wrong(
        values["columns"], "a generator that learns makes the columns it learned",
        hint: "remove 'columns', or say learns: false")
    }
    if !makesRows, !columns.isEmpty {
      wrong(
        values["columns"], "a transform tells its columns with the table it makes",
        hint: "remove 'columns'")
    }
    if !makesRows, determinism == .rows {
      wrong(
        values["determinism"], "rows of a transform do not follow from their numbers",
        cause: "it makes its table as a whole", hint: "determinism: request")
    }
    if values["example"] != nil, !kinds.contains(.transform) {
      wrong(values["example"], "only a transform needs an example", hint: "remove 'example'")
    }
    if kinds.contains(.transform), let options = values["example"]?["options"] {
      do {
        _ = try FormReader.check(options, fields: parameters.map(\.field), name: "options")
      } catch let problems { report.append(contentsOf: problems) }
    }
    for node in values["example"]?["inputs"]?.items ?? []
    where !PipelineFields.isName(node.text ?? "") {
      wrong(node, "'\(node.text ?? "")' cannot name an input")
    }
    if let twice = Self.repeated(columns.map(\.name)) {
      wrong(values["columns"], "there are two columns '\(twice)'")
    }
    try report.check()
  }

  private static func repeated(_ names: [String]) -> String? {
    var seen: Set<String> = []
    return names.first { !seen.insert($0).inserted }
  }

  /// What `with` takes below its name.
  package var optionFields: [Field] { parameters.map(\.field) }

  package func variant(_ kind: Kind) -> Variant {
    Variant(name, .object(optionFields), summary, unknown: kind.unknown)
  }
}

extension PluginManifest.Kind {
  /// What a name is called that no plugin of the kind has, with the code that says so.
  var unknown: (noun: String, code: String) {
    switch self {
    case .generator: ("generator", "AX0304")
    case .transform: ("transform", "AX0896")
    }
  }
}
