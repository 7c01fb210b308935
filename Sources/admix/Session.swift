import AdmixEngine
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

  @Option(name: .customLong("set"), help: "Replaces a parameter: key=value. Repeatable.")
  var set: [String] = []

  @Option(
    name: .customLong("params"), help: "A YAML file of parameters. Repeatable.", completion: .file()
  )
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
  func graph() throws -> Graph {
    do {
      let spec = try SpecCompiler(kinds: builtinStages.descriptions).compile(
        file: path,
        options: .init(
          set: set, paramsFiles: params, environment: ProcessInfo.processInfo.environment))
      return try Graph(spec, registry: builtinStages)
    } catch let problems {
      throw fail(problems, .specInvalid)
    }
  }

  /// Prints problems in the way asked for.
  func fail(_ problems: Diagnostics, _ outcome: Outcome) -> ExitCode {
    if json {
      Terminal.out(JSONValue.object(["diagnostics": Complaint.json(problems)]).pretty + "\n")
    }
    Complaint.print(problems)
    return ExitCode(outcome.rawValue)
  }
}

/// Where results are kept and sources are looked for.
struct StoreArguments: ParsableArguments {
  @Option(
    help: "The folder of the store; .admix beside the pipeline unless given.",
    completion: .directory)
  var store: String?

  @Option(
    help: "A folder with source files, looked into before the network. Repeatable.",
    completion: .directory)
  var distdir: [String] = []

  @Flag(help: "Never uses the network.")
  var offline = false

  private var distdirs: [String] {
    let more = ProcessInfo.processInfo.environment["ADMIX_DISTDIR"] ?? ""
    return (distdir + more.split(separator: ":").map(String.init)).map {
      URL(fileURLWithPath: $0).standardizedFileURL.path
    }
  }

  func engine(
    _ pipeline: PipelineArguments, jobs: Int? = nil, forced: Set<String> = [],
    keepsGoing: Bool = false, waitLimit: Duration? = nil, makesStore: Bool = false
  ) throws -> Engine {
    let root = pipeline.root
    let folder =
      store.map { URL(fileURLWithPath: $0).standardizedFileURL.path } ?? root + "/.admix"
    let store = try Session.open { try Store(root: folder, isMade: makesStore) }
    var options = Engine.Options(
      distdirs: distdirs, allowsNetwork: !offline, forced: forced, keepsGoing: keepsGoing,
      waitLimit: waitLimit)
    if let jobs { options.jobs = jobs }
    return Engine(store: store, root: root, options: options)
  }
}

enum Session {
  /// Turns what a store or a task throws into a message and an exit code.
  static func open<Value>(_ body: () throws -> Value) throws -> Value {
    do { return try body() } catch { throw explained(error) }
  }

  static func explained(_ error: any Error) -> any Error {
    switch error {
    case is ExitCode: return error
    case let store as StoreError:
      Complaint.print(Diagnostics([store.diagnostic]))
      return ExitCode(Outcome.storeUnusable.rawValue)
    case let failure as TaskFailure:
      Complaint.print(failure.diagnostics)
      return ExitCode(
        (failure.reason == .input ? Outcome.inputMissing : .stageFailed).rawValue)
    default:
      Complaint.print(TaskFailure(wrapping: error).diagnostics)
      return ExitCode(Outcome.stageFailed.rawValue)
    }
  }

  /// The stage a person named, or a message with the nearest name.
  static func stage(_ name: String, in graph: Graph) throws -> Graph.Stage {
    if let stage = graph[name] { return stage }
    let names = graph.stages.map(\.name)
    Complaint.print(
      Diagnostics([
        .error(
          "AX0313", "there is no stage '\(name)'",
          hint: Spelling.closest(to: name, among: names).map { "did you mean '\($0)'?" }
            ?? "there are " + names.joined(separator: ", "))
      ]))
    throw ExitCode(Outcome.usage.rawValue)
  }

  static func document(_ record: RunRecord, _ engine: Engine) -> RunDocument {
    RunDocument(record, version: version) { artifact in
      guard let data = try? engine.store.content(of: artifact) else { return nil }
      return try? CanonicalJSON.decode(CheckReport.self, from: data)
    }
  }
}
