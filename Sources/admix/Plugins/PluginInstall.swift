import AdmixEngine
import AdmixGenerators
import AdmixModel
import ArgumentParser
import Foundation

struct PluginInstall: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install",
    abstract:
      "Make what a plugin runs in, from what it has locked; after that it needs no network.",
    discussion: """
      Python packages are taken as wheels with the digests of the lock file, so that nothing of them runs before you trust the plugin. A Swift package is built, and its manifest runs for that in the sandbox of the Swift package manager.
      """)

  @OptionGroup var reference: PluginReference
  @Option(
    help: .init("The Python to make a virtual environment with.", valueName: "program"))
  var python = "python3"
  @Option(
    help: .init(
      "Which of the lock files that the plugin names; the first unless given.", valueName: "file"))
  var lock: String?
  @Flag(help: "Makes it anew although it is there.") var again = false

  func run() async throws {
    let (plugin, manifest) = try reference.found()
    var locks: [String] = []
    if case .python(let all) = manifest.environment { locks = all }
    if let lock, !locks.contains(lock) {
      throw failure(
        "it has no lock file '\(lock)'",
        locks.isEmpty ? nil : "it has \(locks.map { "'\($0)'" }.joined(separator: ", "))")
    }
    // What is there already is not what is asked for, unless it is the same.
    guard let environment = PluginReference.environment(plugin, manifest, lock: lock ?? locks.first)
    else {
      if manifest.environment == .system {
        tell(plugin, nil, "\(plugin.name) needs nothing to be installed\n")
        return
      }
      guard PluginCatalog.environments(ProcessInfo.processInfo.environment) != nil else {
        throw failure(
          "there is no folder of yours to do it in", "neither XDG_DATA_HOME nor HOME is set")
      }
      throw failure(
        "its lock file is not there", "'environment' in '\(plugin.folder)/plugin.yaml' names it")
    }
    let manager = FileManager.default
    // Two at once would take each other's folder away; the second waits and finds it done.
    let lock = environment.folder + ".lock"
    try? manager.createDirectory(
      atPath: (lock as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure("a folder cannot be written", lock) }
    defer { close(descriptor) }
    while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
    if environment.isInstalled, !again {
      tell(plugin, environment, "\(plugin.name) is installed\n")
      return
    }
    // Made under its own name, as virtual environments cannot be moved; the record comes last.
    try? manager.removeItem(atPath: environment.folder)
    do {
      try manager.createDirectory(atPath: environment.folder, withIntermediateDirectories: true)
      let facts: [String: JSONValue]
      switch manifest.environment {
      case .python:
        facts = try installPython(plugin, environment.lock ?? locks.first ?? "", environment)
      case .swift: facts = try buildSwift(plugin, environment)
      case .system: facts = [:]
      }
      var record = facts
      record["origin"] = .string(environment.origin.hex)
      try Data((JSONValue.object(record).pretty + "\n").utf8).write(
        to: URL(fileURLWithPath: environment.record), options: .atomic)
    } catch {
      try? manager.removeItem(atPath: environment.folder)
      if error is ExitCode { throw error }
      throw failure("a folder cannot be written", "\(environment.folder)")
    }
    tell(plugin, environment, "installed \(plugin.name)\n")
  }

  private func installPython(_ plugin: Plugin, _ lock: String, _ environment: PluginEnvironment)
    throws -> [String: JSONValue]
  {
    let inside = environment.folder + "/bin/python"
    try step([python, "-m", "venv", environment.folder], in: plugin.path)
    try step(
      [
        inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
        "--only-binary", ":all:", "--require-hashes", "--requirement", lock,
      ], in: plugin.path)
    let version = try step(
      [
        inside, "-I", "-c",
        "import platform, sysconfig; print(platform.python_version(), sysconfig.get_platform())",
      ], in: plugin.path)
    let words = version.split(whereSeparator: \.isWhitespace).map(String.init)
    return ["python": JSONValue(words.first), "platform": JSONValue(words.last)]
  }

  private func buildSwift(_ plugin: Plugin, _ environment: PluginEnvironment) throws
    -> [String: JSONValue]
  {
    try step(
      [
        // With Swift's libraries inside: where those lie differs, and the sandbox shows it the system alone.
        "swift", "build", "-c", "release", "--static-swift-stdlib", "--package-path", plugin.path,
        "--scratch-path", environment.folder + "/build",
      ], in: plugin.path)
    let version = try step(["swift", "--version"], in: plugin.path)
    return [
      "swift": .string(
        version.split(separator: "\n").map(String.init).first { $0.contains("version") } ?? "")
    ]
  }

  /// Runs a program of the user's, for their eyes; what it prints is given back.
  @discardableResult
  private func step(_ words: [String], in folder: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    do { try process.run() } catch {
      throw failure("'\(words[0])' cannot be started", error.localizedDescription)
    }
    let said = String(
      decoding: (try? pipe.fileHandleForReading.readToEnd()) ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let last = said.split(separator: "\n").suffix(20).map { "  | \($0)\n" }.joined()
      let exit = failure(
        "'\(words.prefix(3).joined(separator: " "))' ended with exit status \(process.terminationStatus)",
        nil)
      Terminal.error(last)
      throw exit
    }
    return said
  }

  private func failure(_ fact: String, _ cause: String?) -> ExitCode {
    Complaint.fail(
      Diagnostics([
        .error(
          "AX0891", "the plugin '\(reference.plugin)' cannot be installed: \(fact)", cause: cause)
      ]), .stageFailed, json: reference.json)
  }

  private func tell(_ plugin: Plugin, _ environment: PluginEnvironment?, _ text: String) {
    if reference.json {
      Terminal.out(
        JSONValue.object([
          "installed": .string(plugin.name), "environment": JSONValue(environment?.folder),
        ]).pretty + "\n")
    } else {
      Terminal.error(text)
    }
  }
}
