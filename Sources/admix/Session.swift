import AdmixEngine
import AdmixGenerators
import AdmixModel
import AdmixReport
import AdmixSpec
import AdmixStages
import AdmixStore
import ArgumentParser
import Foundation

let version = "0.1.0"

/// Which pipeline, with which parameters.
struct PipelineArguments: ParsableArguments {
  @Argument(
    help: "The pipeline file, or a folder that holds pipeline.yaml.", completion: .file())
  var file = "pipeline.yaml"

  @Option(
    name: .customLong("set"),
    help: .init(
      "Replaces a parameter: --set rows=500, --set model.depth=3. Repeatable.",
      valueName: "key=value"))
  var set: [String] = []

  @Option(
    name: .customLong("params"),
    help: .init("A YAML file of parameters. Repeatable.", valueName: "file"), completion: .file())
  var params: [String] = []

  @Flag(help: "Prints one JSON document on standard output.")
  var json = false

  var path: String {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: file, isDirectory: &isFolder)
      && isFolder.boolValue
      ? (file as NSString).appendingPathComponent("pipeline.yaml") : file
  }

  /// The folder that relative paths of the pipeline start from.
  var root: String {
    let folder = (path as NSString).deletingLastPathComponent
    return folder.isEmpty
      ? FileManager.default.currentDirectoryPath
      : URL(fileURLWithPath: folder).standardizedFileURL.path
  }

  /// The checked pipeline; what is wrong with it is printed, and ends the command.
  ///
  /// - Parameter more: parameters beside those given with `--set`; they win.
  func graph(setting more: [String] = []) throws -> Graph {
    do { return try compiled(setting: more) } catch { throw fail(error, .specInvalid) }
  }

  /// The same without a word.
  ///
  /// - Parameter plugins: those of this pipeline, where they were looked for already.
  func compiled(setting more: [String] = [], plugins: PluginCatalog? = nil) throws(Diagnostics)
    -> Graph
  {
    let registry = plugins.map { builtinStages.adding($0) } ?? registry
    let spec = try SpecCompiler(kinds: registry.descriptions).compile(
      file: path,
      options: .init(
        set: set + more, paramsFiles: params, environment: ProcessInfo.processInfo.environment))
    return try Graph(spec, registry: registry)
  }

  /// The stage kinds, with the plugins that this pipeline can use as generators.
  var registry: StageRegistry { builtinStages.adding(plugins) }

  var plugins: PluginCatalog {
    PluginCatalog(
      root: root, folders: PluginFolders.named(in: path),
      environment: ProcessInfo.processInfo.environment)
  }

  /// Prints problems in the way asked for.
  func fail(_ problems: Diagnostics, _ outcome: Outcome) -> ExitCode {
    Complaint.fail(problems, outcome, json: json)
  }

  /// The command that runs this pipeline, for hints.
  var runCommand: String { file == "pipeline.yaml" ? "admix run" : "admix run \(file)" }
}

/// The same where the arguments of a command are runs: the file is an option then.
struct PipelineOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: .init("The pipeline file, or a folder that holds pipeline.yaml.", valueName: "file"),
    completion: .file())
  var file = "pipeline.yaml"

  @Option(
    name: .customLong("set"),
    help: .init("Replaces a parameter, as for run. Repeatable.", valueName: "key=value"))
  var set: [String] = []

  @Option(
    name: .customLong("params"),
    help: .init("A YAML file of parameters. Repeatable.", valueName: "file"), completion: .file())
  var params: [String] = []

  @Flag(help: "Prints one JSON document on standard output.")
  var json = false

  var pipeline: PipelineArguments {
    Self.pipeline(file: file, set: set, params: params, json: json)
  }

  /// The arguments of a command that names a pipeline in another way.
  static func pipeline(file: String, set: [String], params: [String], json: Bool)
    -> PipelineArguments
  {
    var pipeline = PipelineArguments()
    (pipeline.file, pipeline.set, pipeline.params, pipeline.json) = (file, set, params, json)
    return pipeline
  }
}

/// Where results are kept and sources are looked for.
struct StoreArguments: ParsableArguments {
  @Option(
    help: .init(
      "The folder of the store; .admix beside the pipeline unless given.", valueName: "folder"),
    completion: .directory)
  var store: String?

  @Option(
    help: .init(
      "A folder with source files that have a sha256, looked into before the network. Repeatable; also ADMIX_DISTDIR, with colons.",
      valueName: "folder"),
    completion: .directory)
  var distdir: [String] = []

  @Flag(help: "Never uses the network.")
  var offline = false

  var distdirs: [String] {
    let more = ProcessInfo.processInfo.environment["ADMIX_DISTDIR"] ?? ""
    return (distdir + more.split(separator: ":").map(String.init)).map {
      URL(fileURLWithPath: $0).standardizedFileURL.path
    }
  }

  /// Where the store of a pipeline is.
  func folder(_ pipeline: PipelineArguments) -> String {
    store.map { URL(fileURLWithPath: $0).standardizedFileURL.path } ?? pipeline.root + "/.admix"
  }

  /// - Parameter onlyAsks: the command only asks; where nothing ran yet there is nothing to ask, and
  ///   no folder is left behind.
  func engine(
    _ pipeline: PipelineArguments, onlyAsks: Bool = false, allowsCommands: Bool = false,
    isSandboxed: Bool = true, _ set: (inout Engine.Options) -> Void = { _ in }
  ) throws -> Engine {
    let root = pipeline.root
    let folder = folder(pipeline)
    let store = try Session.open(pipeline) { try Store(root: folder, isMade: !onlyAsks) }
    var options = Engine.Options(distdirs: distdirs, allowsNetwork: !offline)
    let environment = ProcessInfo.processInfo.environment
    options.foreign = ForeignSetting(
      environment: environment, launcher: "/proc/self/exe", isSandboxed: isSandboxed)
    options.objection = Commands.objection(
      pipeline, environment, allowsAll: allowsCommands)
    set(&options)
    return Engine(store: store, root: root, options: options)
  }
}

/// Which stages of a pipeline are meant.
struct SelectionArguments: ParsableArguments {
  @Option(
    help: .init(
      "This stage with what it rests on, and nothing else. Repeatable.", valueName: "stage"))
  var only: [String] = []

  @Option(
    help: .init(
      "This stage with everything that reads from it. Repeatable.", valueName: "stage"))
  var downstream: [String] = []

  func selected(in graph: Graph, _ pipeline: PipelineArguments) throws -> Set<String>? {
    for name in only + downstream { _ = try Session.stage(name, in: graph, pipeline) }
    return only.isEmpty && downstream.isEmpty
      ? nil : graph.selection(only: only, downstream: downstream)
  }
}

enum Session {
  /// Turns what a store or a task throws into a message and an exit code.
  static func open<Value>(_ pipeline: PipelineArguments, _ body: () throws -> Value) throws -> Value
  {
    do { return try body() } catch { throw explained(error, pipeline) }
  }

  static func explained(_ error: any Error, _ pipeline: PipelineArguments) -> any Error {
    if error is ExitCode { return error }
    let failure = TaskFailure(wrapping: error)
    return pipeline.fail(failure.diagnostics, Outcome(failure.reason))
  }

  /// The stage a person named, or a message with the nearest name.
  static func stage(_ name: String, in graph: Graph, _ pipeline: PipelineArguments) throws
    -> Graph.Stage
  {
    if let stage = graph[name] { return stage }
    let names = graph.stages.map(\.name)
    let near = Spelling.closest(to: name, among: names)
    throw pipeline.fail(
      Diagnostics([
        .error(
          "AX0313", "the pipeline has no stage '\(name)'",
          cause: near == nil ? nil : "its stages are \(listed(names))",
          hint: near.map { "did you mean '\($0)'?" } ?? "its stages are \(listed(names))")
      ]), .usage)
  }

  /// The run a person named by the first characters of its name, the newest unless named.
  static func run(
    _ name: String?, of graph: Graph, _ engine: Engine, _ pipeline: PipelineArguments
  ) throws -> RunRecord {
    let uuid = try runName(name ?? "latest", of: graph, engine, pipeline)
    let record = try open(pipeline) { try engine.record(of: uuid, graph.spec.name) }
    if let record { return record }
    throw pipeline.fail(
      Diagnostics([
        .error(
          "AX0903", "the store is damaged",
          cause: "the record of run \(uuid.prefix(8)) cannot be read",
          hint: "admix run --force all makes another")
      ]), .storeUnusable)
  }

  static func runName(
    _ name: String, of graph: Graph, _ engine: Engine, _ pipeline: PipelineArguments
  ) throws -> String {
    do {
      return try RunName(name).resolve(in: engine.store, pipeline: graph.spec.name)
    } catch let problem as Diagnostic {
      throw pipeline.fail(Diagnostics([problem]), .usage)
    } catch { throw explained(error, pipeline) }
  }

  private static func listed(_ names: [String]) -> String {
    let shown = names.prefix(12).map { "'\($0)'" }.joined(separator: ", ")
    return names.count > 12 ? shown + " and \(names.count - 12) more" : shown
  }

  static func document(_ record: RunRecord, _ engine: Engine) -> RunDocument {
    RunDocument(record, version: version) { artifact in
      guard let data = try? engine.store.content(of: artifact) else { return nil }
      return try? CanonicalJSON.decode(CheckReport.self, from: data)
    }
  }
}
