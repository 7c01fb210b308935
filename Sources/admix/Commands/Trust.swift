import AdmixEngine
import AdmixModel
import AdmixStore
import ArgumentParser
import Foundation

struct TrustCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trust",
    abstract: "Let the programs of a pipeline's command stages run on this machine.",
    discussion: """
      A pipeline file is data: its commands run only after you allowed them. What is remembered, in your own folder and not in the project, is a digest of the commands and of the files they declare; after a change to one of these you are asked again.
      """)

  @OptionGroup var pipeline: PipelineArguments
  @Flag(help: "Prints what is trusted, by file.") var list = false
  @Flag(help: "Forgets that the file was trusted.") var revoke = false

  func run() async throws {
    if list, revoke { throw ValidationError("--list and --revoke do not go together.") }
    let environment = ProcessInfo.processInfo.environment
    guard let folder = Trust.folder(environment: environment) else {
      throw pipeline.fail(
        Diagnostics([
          .error(
            "AX0874", "there is no place to remember what you trust",
            cause: "neither XDG_STATE_HOME nor HOME is set")
        ]), .usage)
    }
    let trust = Trust(folder: folder)
    if list {
      show(trust.all())
    } else if revoke {
      try forget(trust)
    } else {
      try allow(trust)
    }
  }

  private func show(_ records: [Trust.Record]) {
    if pipeline.json {
      Terminal.out(
        JSONValue.object([
          "trusted": .array(
            records.map { record in
              .object([
                "path": .string(record.path),
                "commands": .object(record.commands.mapValues { .string($0) }),
              ])
            })
        ]).pretty + "\n")
      return
    }
    for record in records {
      Terminal.out(record.path + "\n")
      for (stage, command) in record.commands.sorted(by: { $0.key < $1.key }) {
        Terminal.out("  \(stage): \(command)\n")
      }
    }
    if records.isEmpty { Terminal.error("nothing is trusted\n") }
  }

  private func forget(_ trust: Trust) throws {
    let had = try Session.open(pipeline) { try trust.revoke(pipeline.path) }
    if pipeline.json {
      Terminal.out(JSONValue.object(["revoked": .bool(had)]).pretty + "\n")
    } else {
      Terminal.error("\(pipeline.path) \(had ? "is trusted no more" : "was not trusted")\n")
    }
  }

  private func allow(_ trust: Trust) throws {
    let graph = try pipeline.graph()
    let engine = try StoreArguments.parse([]).engine(pipeline, onlyAsks: true)
    defer { engine.store.close() }
    var record = Trust.Record(
      path: pipeline.path, time: Date().timeIntervalSince1970)
    let commands = try Session.open(pipeline) { try engine.foreignCode(graph) }
    for (stage, code, sources) in commands {
      record.commands[stage.name] = Commands.line(code)
      record.digests.append(
        try Trust.digest(code, sources, root: pipeline.root))
    }
    if !commands.isEmpty { try Session.open(pipeline) { try trust.remember(record) } }
    if pipeline.json {
      Terminal.out(
        JSONValue.object([
          "trusted": .object(record.commands.mapValues { .string($0) })
        ]).pretty + "\n")
      return
    }
    if commands.isEmpty {
      Terminal.error("\(pipeline.path) has no commands: there is nothing to trust\n")
      return
    }
    Terminal.error("trusted, until one of these or a file it declares changes:\n")
    for (stage, code, _) in commands {
      Terminal.error("  \(stage.name): \(Commands.line(code))\(Commands.rights(code))\n")
    }
  }
}

/// Foreign programs, as people see them.
enum Commands {
  /// The command the way a shell would take it.
  static func line(_ code: ForeignCode) -> String {
    code.arguments.map { word in
      let isPlain =
        !word.isEmpty
        && word.allSatisfy {
          $0.isASCII && ($0.isLetter || $0.isNumber || "-_./=:,+@{}%".contains($0))
        }
      return isPlain ? word : "'\(word.replacing("'", with: "'\\''"))'"
    }.joined(separator: " ").replacing("\n", with: "\\n")
  }

  /// What it is given beside its files.
  static func rights(_ code: ForeignCode) -> String {
    var rights: [String] = []
    if code.usesNetwork { rights.append("the network") }
    rights += code.environment.map { "$\($0)" } + code.runtime
    return rights.isEmpty ? "" : " (with \(rights.joined(separator: ", ")))"
  }

  /// Why a stage's program may not run: nobody trusted it, or it is not what was trusted.
  static func objection(
    _ pipeline: PipelineArguments, _ environment: [String: String], allowsAll: Bool
  ) -> @Sendable (Graph.Stage, ForeignCode, [[SourceFile]]) -> Diagnostic? {
    if allowsAll { return { _, _, _ in nil } }
    let (path, root) = (pipeline.path, pipeline.root)
    let trust = Trust.folder(environment: environment).map(Trust.init)
    return { stage, code, sources in
      let digest = try? Trust.digest(code, sources, root: root)
      if let digest, trust?.allows(digest, in: path) == true { return nil }
      if let plugin = code.plugin {
        if let digest, trust?.allowsPlugin(digest) == true { return nil }
        return .error(
          "AX0883", at: code.span,
          "the plugin '\(plugin.plugin)' of stage '\(stage.name)' is not trusted",
          cause:
            "it is somebody's program, in '\(plugin.folder)', and would run: \(line(code))\(rights(code))",
          hint:
            "admix plugin trust \(plugin.folder), when you have read it; or --allow-commands for this run"
        )
      }
      let wasTrusted = trust?.record(of: path)?.commands[stage.name] != nil
      return .error(
        "AX0860", at: code.span,
        wasTrusted
          ? "the command of stage '\(stage.name)' is not what you trusted"
          : "the command of stage '\(stage.name)' is not trusted",
        cause: (wasTrusted
          ? "it or a file it declares has changed; it" : "a pipeline file is data, and it")
          + " would run: \(line(code))\(rights(code))",
        hint: "admix trust \(path), when you have read it; or --allow-commands for this run")
    }
  }
}
