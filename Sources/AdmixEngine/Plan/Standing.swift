package import AdmixModel
import AdmixSpec
import AdmixStore
import Foundation

/// A memo that a pipeline, asked for in one way, has nothing to do: what that rests on, as cheap to check
/// as the kernel and the database answer, and what to tell people.
///
/// With it a run that does nothing reads no YAML, computes no fingerprint and writes nothing. It is left
/// behind by runs that wrote anyway, and losing it costs time alone.
package struct Standing: Sendable {
  /// Files that must be as they were: those of the pipeline, sources, deliveries.
  private var files: Set<FileIdentity> = []
  /// Objects with their lengths.
  private var objects: [Digest: Int] = [:]
  fileprivate var rest: Rest

  /// What there is little of.
  fileprivate struct Rest: Sendable, Codable {
    /// Sources that more than one file answers to, with a digest of their names.
    var listings: [Listing] = []
    /// Digests of values from the environment.
    var environment: [String: String] = [:]
    /// Digests of what lay in the folders of plugins: one that is added may be the one that is meant.
    var pluginFolders: [String: Digest] = [:]
    /// What the run would say.
    var message: Message
  }

  fileprivate struct Listing: Hashable, Sendable, Codable {
    var location: String
    var endings: [String]
    var isProgram: Bool
    var names: Digest
  }

  package struct Message: Sendable, Codable {
    /// The record without stages that there is nothing to tell about.
    package var record: RunRecord
    package var counts: [String: Int]
  }
}

extension Standing {
  /// The numbers as they are: a thousand stages rest on thousands of them, and as text they would take
  /// longer to read than to check.
  fileprivate func encoded() throws -> Data {
    var bytes = ByteWriter()
    bytes.write(files.count)
    for file in files {
      bytes.write(file.path)
      for number in [file.device, file.inode, file.size, file.modified, file.changed] {
        bytes.write(number)
      }
    }
    bytes.write(objects.count)
    for (digest, size) in objects {
      bytes.write(Data(digest.bytes))
      bytes.write(size)
    }
    bytes.write(try CanonicalJSON.encode(rest))
    return bytes.data
  }

  /// - Returns: nil where a file is no longer what it was, before the rest is read.
  fileprivate init?(encoded: Data) throws {
    var bytes = ByteReader(encoded)
    for _ in 0..<(try bytes.count()) {
      let file = FileIdentity(
        path: try bytes.text(), device: try bytes.int64(), inode: try bytes.int64(),
        size: try bytes.int64(), modified: try bytes.int64(), changed: try bytes.int64())
      if FileIdentity(path: file.path) != file { return nil }
    }
    for _ in 0..<(try bytes.count()) {
      guard let digest = Digest(bytes: try bytes.data()) else { throw DamagedBytes() }
      objects[digest] = try bytes.int()
    }
    rest = try CanonicalJSON.decode(Rest.self, from: bytes.data())
  }
}

extension Standing {
  /// What a run was asked, so that the answer can be kept.
  package struct Question: Sendable {
    /// A digest of everything that can change the answer but the files and the environment.
    package var key: Digest
    /// Nanoseconds since 1970, before the first file of the pipeline was read.
    package var readAt: Int64
    package var environment: [String: String]
    /// The folders in which plugins were looked for, absolute, with digests of which were there.
    package var pluginFolders: [String: Digest] = [:]
    /// The digest of which plugins are in a folder now.
    package var plugins: @Sendable (String) -> Digest

    package init(
      key: Digest, environment: [String: String], plugins: @escaping @Sendable (String) -> Digest
    ) {
      self.key = key
      self.environment = environment
      self.plugins = plugins
      readAt = Int64(Date().timeIntervalSince1970 * 1e9)
    }
  }

  /// - Returns: nil where something it would rest on cannot be relied on, such as a file written a
  ///   moment ago.
  init?(
    _ graph: Graph, _ planned: [Plan.Stage?], _ record: RunRecord, _ question: Question,
    _ store: Store, _ locator: SourceLocator, root: String
  ) throws {
    var told = record
    told.run = ""
    told.seconds = 0
    told.stages = record.stages.filter {
      !$0.gates.isEmpty || !$0.warnings.isEmpty || !$0.files.isEmpty || $0.status == .skipped
    }.map { stage in
      var stage = stage
      stage.artifacts = [:]
      stage.sources = []
      stage.why = []
      if stage.status == .executed { stage.status = .cached }
      return stage
    }
    rest = Rest(
      message: Message(
        record: told,
        counts: Dictionary(grouping: record.stages) { stage in
          (stage.status == .executed ? .cached : stage.status).rawValue
        }.mapValues(\.count)))

    rest.pluginFolders = question.pluginFolders
    for path in graph.spec.files {
      guard let identity = FileIdentity(path: path), identity.isSettled(at: question.readAt) else {
        return nil
      }
      files.insert(identity)
    }
    let declared = graph.stages.flatMap { $0.kind.foreignCode?.environment ?? [] }
    let setting = ForeignSetting(environment: question.environment)
    for name in graph.spec.environment + declared {
      rest.environment[name] = setting.digest(of: name)
    }
    var listed: Set<Listing> = []
    for case (let stage, let entry?) in zip(graph.stages, planned) {
      for (request, found) in zip(stage.kind.sources, entry.sources) {
        if request.location.contains("://") { continue }
        let identities = found.compactMap { FileIdentity(path: $0.path) }
        let digests = try locator.digests(of: identities)
        guard identities.count == found.count,
          zip(digests, found).allSatisfy({ $0 == $1.digest })
        else { return nil }
        files.formUnion(identities)
        if request.isProgram || found.count != 1 || found[0].name != request.location {
          let listing = Listing(
            location: request.location, endings: request.endings, isProgram: request.isProgram,
            names: Self.digest(found.map { request.isProgram ? $0.path : $0.name }))
          // A thousand stages may run one program.
          if listed.insert(listing).inserted { rest.listings.append(listing) }
        }
      }
      for delivery in entry.outputs?.deliveries ?? [] {
        guard let identity = FileIdentity(path: root + "/" + delivery.path),
          try store.digest(of: identity) == delivery.artifact.digest
        else { return nil }
        files.insert(identity)
      }
      guard let result = entry.result else { continue }
      for artifact in result.outputs.values.joined() where !store.isInline(artifact) {
        objects[artifact.digest] = artifact.bytes
      }
    }
  }

  private static func digest(_ names: [String]) -> Digest {
    Digest(of: names.joined(separator: "\u{0}"))
  }

  /// Whether everything outside the database is as it was, but for the files, which `init` has looked at.
  fileprivate func holds(_ locator: SourceLocator, _ store: Store, _ question: Question) -> Bool {
    guard rest.pluginFolders.allSatisfy({ question.plugins($0) == $1 }) else { return false }
    let setting = ForeignSetting(environment: question.environment)
    for (name, digest) in rest.environment where setting.digest(of: name) != digest { return false }
    for listing in rest.listings {
      let request = SourceRequest(
        location: listing.location, digest: nil, span: SourceSpan(file: "", line: 1, column: 1),
        endings: listing.endings, isProgram: listing.isProgram)
      guard let names = try? locator.names(request), Self.digest(names) == listing.names else {
        return false
      }
    }
    return objects.allSatisfy { store.objects.holds($0, bytes: $1) }
  }
}

extension Engine {
  /// A memo as it is kept.
  struct KeptStanding: Sendable {
    fileprivate var key: Digest
    fileprivate var pipeline: String
    fileprivate var results: [Int64]
    fileprivate var body: Data
  }

  /// What was found out, so that the next run with nothing to do can be told at once; nil where it cannot
  /// be relied on.
  func standing(_ graph: Graph, _ planned: [Plan.Stage?], _ record: RunRecord) throws
    -> KeptStanding?
  {
    guard let question = options.question, record.stages.allSatisfy({ $0.status != .failed }),
      let standing = try Standing(graph, planned, record, question, store, locator, root: root)
    else { return nil }
    return KeptStanding(
      key: question.key, pipeline: graph.spec.name, results: planned.compactMap { $0?.result?.id },
      body: try standing.encoded())
  }

  func keep(_ standing: KeptStanding) throws {
    try store.remember(
      standing: standing.key, pipeline: standing.pipeline, results: standing.results,
      successes: standing.results.count, body: standing.body)
  }

  /// What a run would say that has nothing to do, where that is known without a look at the pipeline.
  package func standing(_ question: Standing.Question) throws -> Standing.Message? {
    try store.standing(for: question.key) { body in
      guard let standing = try? Standing(encoded: body),
        standing.holds(locator, store, question)
      else { return nil }
      return standing.rest.message
    }
  }
}
