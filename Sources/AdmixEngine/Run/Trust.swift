package import AdmixModel
import Foundation

/// What a user has allowed to be executed, by pipeline file; kept in the user's folder, for a project
/// that vouched for itself would vouch for nothing.
package struct Trust: Sendable {
  /// What was allowed for one pipeline file.
  package struct Record: Sendable, Codable {
    /// The file, absolute and without links.
    package var path: String
    /// Seconds since 1970.
    package var time: Double
    /// What each stage's program was, by stage, for people; `digests` are what counts.
    package var commands: [String: String]
    package var digests: [Digest]

    package init(
      path: String, time: Double, commands: [String: String] = [:], digests: [Digest] = []
    ) {
      self.path = path
      self.time = time
      self.commands = commands
      self.digests = digests
    }
  }

  private let folder: String

  package init(folder: String) { self.folder = folder }

  /// Where the trust of a user is kept (XDG Base Directory Specification).
  package static func folder(environment: [String: String]) -> String? {
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") {
      return state + "/admix/trust"
    }
    guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
    return home + "/.local/state/admix/trust"
  }

  /// Everything that decides what a stage executes: the words of its command, the program's place, the
  /// bytes of its files, what it is told of the environment, what else of the machine it reads, and
  /// whether it has the network.
  ///
  /// A program of the system is named by its place alone: its updates are the user's own.
  ///
  /// - Parameter root: the pipeline's folder.
  package static func digest(_ code: ForeignCode, _ sources: [[SourceFile]], root: String) throws
    -> Digest
  {
    // A plugin is what its folder holds, wherever that lies.
    if let part = code.plugin {
      return part.digest(of: sources.joined().filter { $0.name.hasPrefix(part.folder + "/") })
    }
    let programs = (sources.first ?? []).map { file -> JSONValue in
      .array([
        .string(file.path), .string(file.path.hasPrefix(root + "/") ? file.digest.hex : ""),
      ])
    }
    let files = sources.dropFirst().joined().map { file -> JSONValue in
      .array([.string(file.name), .string(file.digest.hex)])
    }
    return Digest(
      of: JSONValue.object([
        "arguments": .array(code.arguments.map { .string($0) }), "programs": .array(programs),
        "files": .array(files), "environment": .array(code.environment.map { .string($0) }),
        "runtime": .array(code.runtime.map { .string($0) }),
        "network": .bool(code.usesNetwork),
      ]).text)
  }

  private func file(of path: String) -> String { "\(folder)/\(Digest(of: path).hex).json" }

  /// The way a file is called here: links and `..` must not make two of it.
  package static func name(of path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path
  }

  package func record(of path: String) -> Record? {
    guard let data = FileManager.default.contents(atPath: file(of: Self.name(of: path))) else {
      return nil
    }
    return try? CanonicalJSON.decode(Record.self, from: data)
  }

  package func allows(_ digest: Digest, in path: String) -> Bool {
    record(of: path)?.digests.contains(digest) == true
  }

  /// Whether the user has trusted a plugin with this content, in whatever folder and for every pipeline.
  package func allowsPlugin(_ digest: Digest) -> Bool {
    all().contains { $0.path.hasSuffix("/plugin.yaml") && $0.digests.contains(digest) }
  }

  /// Adds to what was allowed for the file: what was reviewed once stays so, as it is known by its
  /// content.
  package func remember(_ record: Record) throws {
    var record = record
    record.path = Self.name(of: record.path)
    let before = self.record(of: record.path)
    record.commands.merge(before?.commands ?? [:]) { new, _ in new }
    record.digests += (before?.digests ?? []).filter { !record.digests.contains($0) }
    record.digests = Array(record.digests.prefix(1000))
    let content = try CanonicalJSON.encode(record)
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      try content.write(to: URL(fileURLWithPath: file(of: record.path)), options: .atomic)
    } catch {
      throw Diagnostic.error(
        "AX0874", "what you trust cannot be remembered",
        cause: "'\(folder)' cannot be written", hint: "XDG_STATE_HOME names another folder for it")
    }
  }

  /// - Returns: whether there was anything to forget.
  package func revoke(_ path: String) throws -> Bool {
    let file = file(of: Self.name(of: path))
    guard FileManager.default.fileExists(atPath: file) else { return false }
    guard unlink(file) == 0 else {
      throw Diagnostic.error(
        "AX0874", "what you trust cannot be forgotten",
        cause: "'\(file)': \(String(cString: strerror(errno)))")
    }
    return true
  }

  /// All that is allowed, by path.
  package func all() -> [Record] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(".json") }.compactMap { name in
      FileManager.default.contents(atPath: "\(folder)/\(name)").flatMap {
        try? CanonicalJSON.decode(Record.self, from: $0)
      }
    }.sorted { $0.path < $1.path }
  }
}
