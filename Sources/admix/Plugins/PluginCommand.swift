import AdmixEngine
import AdmixGenerators
import AdmixModel
import AdmixReport
import AdmixSpec
import ArgumentParser
import Foundation

struct PluginCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plugin",
    abstract:
      "Generators and transforms of other people and in other languages: list, install, trust, check, new.",
    discussion: """
      A plugin is a folder with a plugin.yaml, beside the pipeline under 'plugins', in a folder that the pipeline names, or in your own ($XDG_DATA_HOME/admix/plugins). Nothing of it runs before you trust it.
      """,
    subcommands: [
      PluginList.self, PluginInstall.self, PluginTrust.self, PluginCheck.self, PluginNew.self,
    ])
}

/// A plugin as a person names it: a folder, or a name among those that a pipeline can use.
struct PluginReference: ParsableArguments {
  @Argument(help: "A plugin: its folder, or its name.", completion: .directory) var plugin: String
  @Option(
    name: .shortAndLong,
    help: .init("The pipeline file whose plugins are meant by name.", valueName: "file"),
    completion: .file())
  var file = "pipeline.yaml"
  @Flag(help: "Prints one JSON document on standard output.") var json = false

  var pipeline: PipelineArguments {
    var pipeline = PipelineArguments()
    pipeline.file = file
    return pipeline
  }

  func found() throws -> (plugin: Plugin, manifest: PluginManifest) {
    let found = try plugin(named: self.plugin)
    switch found.manifest {
    case .success(let manifest): return (found, manifest)
    case .failure(let problems): throw Complaint.fail(problems, .specInvalid, json: json)
    }
  }

  private func plugin(named name: String) throws -> Plugin {
    let path = URL(fileURLWithPath: name).standardizedFileURL.path
    let shown = name.count > 1 && name.hasSuffix("/") ? String(name.dropLast()) : name
    if let plugin = Plugin(folder: shown, path: path) { return plugin }
    let catalog = pipeline.plugins
    if let plugin = catalog[name] { return plugin }
    let near = Spelling.closest(to: name, among: catalog.plugins.map(\.name))
    throw Complaint.fail(
      Diagnostics([
        .error(
          "AX0890", "there is no plugin '\(name)'",
          cause: name.contains("/")
            ? "the folder has no plugin.yaml"
            : "neither beside '\(file)', nor in the folders it names, nor among yours",
          hint: near.map { "did you mean '\($0)'?" } ?? "admix plugin list")
      ]), .usage, json: json)
  }

  /// Where its environment is, or is to be made.
  static func environment(_ plugin: Plugin, _ manifest: PluginManifest, lock: String? = nil)
    -> PluginEnvironment?
  {
    PluginEnvironment(
      plugin, manifest,
      environments: PluginCatalog.environments(ProcessInfo.processInfo.environment), lock: lock)
  }

  /// The files that trust in it is about.
  static func files(_ plugin: Plugin, root: String) throws -> [SourceFile] {
    try SourceLocator.pluginFiles(
      plugin.locations.map { location in
        location.hasPrefix("/")
          ? location : plugin.path + location.dropFirst(plugin.folder.count)
      }, root: root)
  }

  static func digest(_ plugin: Plugin, root: String) throws -> Digest {
    PluginPart(plugin.name, .code, folder: plugin.path).digest(of: try files(plugin, root: root))
  }
}

struct PluginList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Print the plugins that a pipeline can use.")

  @Argument(
    help: "The pipeline file, or a folder that holds pipeline.yaml.", completion: .file())
  var file = "pipeline.yaml"
  @Flag(help: "Prints one JSON document on standard output.") var json = false

  func run() async throws {
    var pipeline = PipelineArguments()
    pipeline.file = file
    let trust = Trust.folder(environment: ProcessInfo.processInfo.environment).map(Trust.init)
    var rows: [(plugin: Plugin, facts: [String: JSONValue], line: String)] = []
    for plugin in pipeline.plugins.plugins {
      var facts: [String: JSONValue] = [
        "name": .string(plugin.name), "folder": .string(plugin.folder),
      ]
      guard let manifest = try? plugin.manifest.get() else {
        facts["problem"] = "its plugin.yaml has something wrong"
        rows.append((plugin, facts, "cannot be used: admix plugin check \(plugin.folder)"))
        continue
      }
      let environment = PluginReference.environment(plugin, manifest)
      let isInstalled = manifest.environment == .system || environment?.isInstalled == true
      let digest = try? PluginReference.digest(plugin, root: pipeline.root)
      let isTrusted = digest.map { trust?.allowsPlugin($0) == true } ?? false
      facts["version"] = .string(manifest.version)
      facts["summary"] = .string(manifest.summary)
      facts["licence"] = .string(manifest.licence)
      facts["kinds"] = .array(manifest.kinds.map { .string($0.rawValue) })
      facts["network"] = .bool(manifest.usesNetwork)
      facts["installed"] = .bool(isInstalled)
      facts["trusted"] = .bool(isTrusted)
      facts["digest"] = JSONValue(digest?.hex)
      let state = [
        manifest.kinds == [.generator]
          ? nil : manifest.kinds.map(\.rawValue).joined(separator: " and "),
        isInstalled ? nil : "not installed", isTrusted ? nil : "not trusted",
        manifest.usesNetwork ? "wants the network" : nil,
      ].compactMap { $0 }
      rows.append(
        (
          plugin, facts,
          "\(manifest.version)\(state.isEmpty ? "" : ", \(state.joined(separator: ", "))"): \(manifest.summary)"
        ))
    }
    if json {
      Terminal.out(
        JSONValue.object(["plugins": .array(rows.map { .object($0.facts) })]).pretty + "\n")
      return
    }
    for row in rows { Terminal.out("\(row.plugin.name) (\(row.plugin.folder)) \(row.line)\n") }
    if rows.isEmpty {
      Terminal.error("no plugins: a folder with a plugin.yaml under 'plugins' is one\n")
    }
  }
}

struct PluginTrust: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trust",
    abstract:
      "Let a plugin run on this machine, in every pipeline, as long as its files stay what they are."
  )

  @OptionGroup var reference: PluginReference
  @Flag(help: "Takes it back.") var revoke = false

  func run() async throws {
    let (plugin, manifest) = try reference.found()
    guard let folder = Trust.folder(environment: ProcessInfo.processInfo.environment) else {
      throw Complaint.fail(
        Diagnostics([
          .error(
            "AX0874", "there is no place to remember what you trust",
            cause: "neither XDG_STATE_HOME nor HOME is set")
        ]), .usage, json: reference.json)
    }
    let trust = Trust(folder: folder)
    let name = plugin.path + "/plugin.yaml"
    do {
      if revoke {
        let had = try trust.revoke(name)
        tell(
          ["revoked": .bool(had)],
          "\(plugin.name) \(had ? "is trusted no more" : "was not trusted")\n")
        return
      }
      let digest = try PluginReference.digest(
        plugin, root: FileManager.default.currentDirectoryPath)
      try trust.remember(
        Trust.Record(
          path: name, time: Date().timeIntervalSince1970,
          commands: [plugin.name: manifest.command.joined(separator: " ")], digests: [digest]))
      tell(
        ["trusted": .string(plugin.name), "digest": .string(digest.hex)],
        "trusted, until one of its files changes: \(plugin.name) \(manifest.version) (\(digest.short)), which runs \(manifest.command.joined(separator: " "))\(manifest.usesNetwork ? ", with the network" : "")\n"
      )
    } catch {
      let failure = TaskFailure(wrapping: error)
      throw Complaint.fail(failure.diagnostics, Outcome(failure.reason), json: reference.json)
    }
  }

  private func tell(_ facts: [String: JSONValue], _ text: String) {
    if reference.json {
      Terminal.out(JSONValue.object(facts).pretty + "\n")
    } else {
      Terminal.error(text)
    }
  }
}
