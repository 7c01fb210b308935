import AdmixGenerators
import AdmixModel
import AdmixSpec
import ArgumentParser
import Foundation

struct PluginNew: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new", abstract: "Write a plugin that works, to begin from.")

  enum Language: String, ExpressibleByArgument, CaseIterable { case python, swift }

  @Argument(help: "Its name, and that of its folder.") var name: String
  @Option(help: .init("python or swift.", valueName: "language")) var language: Language
  @Option(
    help: .init(
      "What it is: generator, which learns and makes rows, or transform, which makes one table of several.",
      valueName: "kind"))
  var kind: PluginManifest.Kind = .generator
  @Option(
    name: .customLong("in"), help: .init("The folder it comes into.", valueName: "folder"),
    completion: .directory)
  var parent = "plugins"
  @Flag(help: "Prints one JSON document on standard output.") var json = false

  func run() async throws {
    let folder = "\(parent)/\(name)"
    guard PipelineFields.isName(name) else {
      throw failure("'\(name)' cannot name a plugin", "names are letters, digits, '_' and '-'")
    }
    guard !FileManager.default.fileExists(atPath: folder) else {
      throw failure("'\(folder)' is there already", "nothing is ever overwritten")
    }
    func text(_ bytes: [UInt8]) -> String {
      String(decoding: bytes, as: UTF8.self).replacing("NAME", with: name)
    }
    let isTransform = kind == .transform
    let files: [(String, String)] =
      switch language {
      case .python:
        [
          ("plugin.yaml", manifest),
          (
            "main.py",
            text(
              isTransform
                ? PackageResources.template_transform_py : PackageResources.template_py)
          ),
          ("admix_plugin.py", String(decoding: PackageResources.admix_plugin_py, as: UTF8.self)),
          (
            "requirements.lock",
            String(decoding: PackageResources.requirements_lock, as: UTF8.self)
          ),
        ]
      case .swift:
        [
          ("plugin.yaml", manifest), ("Package.swift", package),
          (
            "Sources/\(name)/main.swift",
            text(
              isTransform
                ? PackageResources.template_transform_swift_txt
                : PackageResources.template_swift_txt)
          ),
          (
            "Sources/AdmixPlugin/AdmixPlugin.swift",
            String(decoding: PackageResources.sdk_swift_txt, as: UTF8.self)
          ),
          (
            "Sources/AdmixPlugin/Transformer.swift",
            String(decoding: PackageResources.sdk_transformer_swift_txt, as: UTF8.self)
          ),
          (".gitignore", ".build/\n"),
        ]
      }
    do {
      for (path, content) in files {
        let file = "\(folder)/\(path)"
        try OutputFile.makeFolder((file as NSString).deletingLastPathComponent)
        try OutputFile.write(content, to: file)
      }
    } catch {
      throw Complaint.fail(Diagnostics([error]), .stageFailed, json: json)
    }
    if json {
      Terminal.out(
        JSONValue.object(["written": .array(files.map { .string("\(folder)/\($0.0)") })]).pretty
          + "\n")
    } else {
      Terminal.out(
        files.map { "wrote \(folder)/\($0.0)\n" }.joined()
          + "next: admix plugin install \(folder) && admix plugin check \(folder)\n")
    }
  }

  private func failure(_ fact: String, _ cause: String) -> ExitCode {
    Complaint.fail(
      Diagnostics([.error("AX0892", "no plugin is written: \(fact)", cause: cause)]), .usage,
      json: json)
  }

  private var manifest: String {
    """
    protocol: 1
    name: \(name)
    version: 0.1.0
    summary: \(kind == .transform
      ? "Puts the rows of one table below those of another."
      : "Draws each column by itself from the values it has.")
    licence: Apache-2.0
    kinds: \(kind.rawValue)
    \(language == .python
      ? """
      command: ["{environment}/bin/python", main.py]
      environment: {python: requirements.lock}
      files: ["*.py"]
      """
      : """
      command: ["{environment}/build/release/\(name)"]
      environment: {swift: true}
      files: [Package.swift, "Sources/**/*.swift"]
      data: json-lines
      """)
    \(kind == .transform
      ? """
      determinism: request
      example: {inputs: [above, below]}
      """
      : "determinism: rows")
    limits: {memory: 2 GiB}

    """
  }

  private var package: String {
    """
    // swift-tools-version: 6.1
    import PackageDescription

    // The part under Sources/AdmixPlugin is a copy of admix's AdmixPlugin product, which a package can as well
    // depend on.
    let package = Package(
      name: "\(name)",
      platforms: [.macOS(.v15)],
      targets: [
        .target(name: "AdmixPlugin"),
        .executableTarget(name: "\(name)", dependencies: ["AdmixPlugin"]),
      ]
    )

    """
  }
}

extension PluginManifest.Kind: ExpressibleByArgument {}
