import AdmixEngine
import AdmixGenerators
import AdmixModel
import AdmixSpec
import ArgumentParser
import Foundation

struct PluginCheck: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Hold a plugin against the protocol, by running it on a small table.",
    discussion: """
      It runs the plugin, in the sandbox that it has in a pipeline: calling this is trusting it this once. Ends with 1 if the plugin does not keep a promise.
      """)

  @OptionGroup var reference: PluginReference
  @Option(
    name: .customLong("set"),
    help: .init(
      "An option that the plugin needs: --set depth=3. Repeatable.", valueName: "key=value"))
  var set: [String] = []

  func run() async throws {
    let (plugin, manifest) = try reference.found()
    let environment = PluginReference.environment(plugin, manifest)
    if manifest.environment != .system, environment?.isInstalled != true {
      throw Complaint.fail(
        Diagnostics([
          .error(
            "AX0882", "the plugin '\(plugin.name)' is not installed on this machine",
            cause: "what it runs in is made once, from the versions and digests that it has locked",
            hint: "admix plugin install \(reference.plugin)")
        ]), .inputMissing, json: reference.json)
    }
    let options: JSONValue
    do { options = try self.options(manifest) } catch {
      throw Complaint.fail(error, .usage, json: reference.json)
    }
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("admix-plugin-check-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let files = try PluginReference.files(
      plugin, root: FileManager.default.currentDirectoryPath)
    var check = PluginConformance(
      plugin, manifest, environment, files: files.map(\.path), launcher: "/proc/self/exe",
      variables: ProcessInfo.processInfo.environment, folder: folder, options: options)
    check.run()
    let failed = check.findings.filter { !$0.passed }
    if reference.json {
      Terminal.out(
        JSONValue.object([
          "plugin": .string(plugin.name), "version": .string(manifest.version),
          "passed": .bool(failed.isEmpty),
          "checks": .array(
            check.findings.map {
              .object([
                "name": .string($0.name), "passed": .bool($0.passed), "text": .string($0.text),
              ])
            }),
        ]).pretty + "\n")
    } else {
      for finding in check.findings {
        Terminal.out("\(finding.passed ? "ok  " : "FAIL") \(finding.name): \(finding.text)\n")
      }
      Terminal.out(
        failed.isEmpty
          ? "\(plugin.name) \(manifest.version) keeps the protocol\n"
          : "\(plugin.name) \(manifest.version): \(failed.count) of \(check.findings.count) failed\n"
      )
    }
    if !failed.isEmpty { throw ExitCode(Outcome.stageFailed.rawValue) }
  }

  private func options(_ manifest: PluginManifest) throws(Diagnostics) -> JSONValue {
    var lines = ""
    var named: Set<String> = []
    for text in set {
      let parts = text.split(separator: "=", maxSplits: 1)
      named.insert(String(parts.first ?? ""))
      lines += "\(parts.first ?? ""): \(parts.count > 1 ? parts[1] : "")\n"
    }
    let example = (manifest.example.options.object ?? [:]).filter { !named.contains($0.key) }
    // JSON is YAML.
    for (name, value) in example.sorted(by: { $0.key < $1.key }) {
      lines += "\(JSONValue.string(name).text): \(value.text)\n"
    }
    return try FormReader.read(
      Array((lines.isEmpty ? "{}\n" : lines).utf8), file: "--set", fields: manifest.optionFields,
      name: manifest.name
    ).node.json
  }
}
