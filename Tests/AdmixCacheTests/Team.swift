import AdmixCache
import AdmixModel
import AdmixStore
import AdmixTestSupport
import Foundation
import Synchronization

/// Where the tests keep their caches; each of them must hold all the same laws.
enum Backend: String, CaseIterable, Sendable {
  case folder, s3

  /// Those that are there.
  static let all: [Backend] = S3Server.shared == nil ? [.folder] : [.folder, .s3]
}

/// People with stores of their own who share one cache.
final class Team: Sendable {
  let backend: Backend
  let folder: TemporaryFolder
  private let prefix = UUID().uuidString.lowercased()
  private let members = Mutex(0)

  init(_ backend: Backend) throws {
    self.backend = backend
    folder = try TemporaryFolder()
  }

  var transport: any CacheTransport {
    if backend == .s3, let server = S3Server.shared,
      let transport = S3Transport(
        endpoint: server.endpoint, bucket: server.bucket, prefix: prefix, region: "us-east-1",
        credentials: server.credentials, patience: 20)
    {
      return transport
    }
    return FolderTransport(root: folder.path + "/cache")
  }

  /// - Parameter store: another one's, for somebody who sits at the same desk.
  func member(
    _ mode: CacheSettings.Mode = .readWrite, _ transport: (any CacheTransport)? = nil,
    store: Store? = nil, patience: Double = 1_000, drain: Double = 1_000
  ) throws -> Member {
    let number = members.withLock { count in
      count += 1
      return count
    }
    return try Member(
      SharedCache(
        CacheSettings(
          location: .folder(folder.path + "/cache"), mode: mode, patience: patience, drain: drain),
        transport: transport ?? self.transport),
      store: store ?? Store(root: folder.path + "/store-\(number)"))
  }

  /// Removes an object from the cache, as somebody does who needs the room.
  func evict(_ name: String) throws {
    if backend == .s3 {
      _ = try S3Server.shared?.remove("\(prefix)/\(name)")
    } else {
      try FileManager.default.removeItem(atPath: folder.path + "/cache/" + name)
    }
  }

  func put(_ data: Data, as name: String) throws {
    try transport.write(.data(data), Digest(of: data), as: name, Pulse())
  }

  func get(_ name: String) throws -> Data? { try transport.read(name, limit: 1 << 30, Pulse()) }
}

final class Member: Sendable {
  let cache: SharedCache
  let store: Store
  let place: SharedCache.Place
  private let heard: Heard
  private let flag: Flag

  private final class Flag: Sendable { let isUp = Atomic(false) }
  private final class Heard: Sendable { let items = Mutex<[Diagnostic]>([]) }

  init(_ cache: SharedCache, store: Store) throws {
    self.cache = cache
    self.store = store
    let heard = Heard()
    self.heard = heard
    let flag = Flag()
    self.flag = flag
    place = SharedCache.Place(
      objects: store.objects, folder: store.attempts(of: "run") + "/cache",
      wantsToStop: { flag.isUp.load(ordering: .relaxed) },
      warn: { item in heard.items.withLock { $0.append(item) } })
  }

  func interrupt() { flag.isUp.store(true, ordering: .relaxed) }
  var causes: [String] { heard.items.withLock { $0.compactMap(\.cause) } }
  var warnings: [String] { heard.items.withLock { $0.map(\.code) } }

  /// A result with a dataset of two partitions, a large file and two small contents, all of them made
  /// from the seed.
  static func fingerprint(_ seed: Int) -> Fingerprint {
    Fingerprint([.init(.implementation, "toy", "1"), .init(.parameter, "seed", "\(seed)")])
  }

  static func bytes(_ seed: Int, _ name: String, _ count: Int) -> Data {
    var data = Data()
    var block = Digest(of: "\(seed) \(name)")
    while data.count < count {
      data.append(contentsOf: block.bytes)
      block = Digest(of: block.bytes)
    }
    return data.prefix(count)
  }

  func finding(_ seed: Int, size: Int = 100_000) throws -> Finding {
    let folder = store.attempts(of: "make-\(UUID().uuidString)")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func object(_ name: String, _ kind: Artifact.Kind, _ count: Int, rows: Int?) throws -> Artifact
    {
      let path = "\(folder)/\(name)"
      try Self.bytes(seed, name, count).write(to: URL(fileURLWithPath: path))
      let (digest, bytes) = try store.objects.publish(file: path)
      return Artifact(kind: kind, digest: digest, bytes: bytes, rows: rows)
    }
    let partitions = try (0..<2).map { try object("part\($0)", .partition, size, rows: 10) }
    let manifest = try CanonicalJSON.encode(
      DatasetManifest(schema: Schema([]), partitions: partitions))
    let dataset = Artifact(
      kind: .dataset, digest: Digest(of: manifest), bytes: manifest.count, rows: 20)
    let note = Self.bytes(seed, "note", 50)
    return Finding(
      Self.fingerprint(seed), scope: .task, kind: "toy",
      outputs: [
        "rows": [dataset], "partitions": partitions,
        "file": [try object("file", .file, size / 2, rows: nil)],
        "note": [Artifact(kind: .statistics, digest: Digest(of: note), bytes: note.count)],
      ], contents: [dataset.digest: manifest, Digest(of: note): note],
      body: Data("{\"seed\":\(seed)}".utf8), run: "maker")
  }

  /// Makes results, and lets the cache have them.
  func make(_ seeds: some Sequence<Int>, size: Int = 100_000) async throws {
    let findings = try seeds.map { try finding($0, size: size) }
    try store.commit(findings)
    let store = store
    cache.send(findings.map(\.fingerprint.digest), at: place) { try store.finding(for: $0) }
  }

  func finish() async -> SharedCache.Tally { await cache.finish(at: place) }

  /// Takes what the cache has, by seed, and looks at every byte of it.
  func take(_ seeds: some Sequence<Int>, size: Int = 100_000) async throws -> Set<Int> {
    let seeds = Array(seeds)
    let found = await cache.results(
      for: seeds.map { Self.fingerprint($0).digest }, .task, at: place)
    try store.commit(found)
    var right: Set<Int> = []
    for seed in seeds {
      let key = Self.fingerprint(seed).digest
      guard found.contains(where: { $0.fingerprint.digest == key }) else { continue }
      guard let own = try store.finding(for: key), own.fingerprint == Self.fingerprint(seed),
        own.body == Data("{\"seed\":\(seed)}".utf8),
        try own.outputs["partitions"].map({ try $0.map(store.content(of:)) })
          == (0..<2).map({ Self.bytes(seed, "part\($0)", size) }),
        try own.outputs["file"].map({ try $0.map(store.content(of:)) })
          == [Self.bytes(seed, "file", size / 2)],
        try own.outputs["note"].map({ try $0.map(store.content(of:)) })
          == [Self.bytes(seed, "note", 50)]
      else { throw Wrong(seed: seed) }
      right.insert(seed)
    }
    return right
  }

  /// A hit that is not what was put there.
  struct Wrong: Error { var seed: Int }
}

/// A transport that counts what it is asked, and goes wrong where it is told to.
final class Troubled: CacheTransport {
  let inner: any CacheTransport
  let calls = Atomic(0)
  private let before: @Sendable (Int, Pulse) throws(CacheFailure) -> Void

  /// - Parameter before: called with the number of each call, from 1.
  init(
    _ inner: any CacheTransport,
    _ before: @escaping @Sendable (Int, Pulse) throws(CacheFailure) -> Void
  ) {
    self.inner = inner
    self.before = before
  }

  private func count(_ pulse: Pulse) throws(CacheFailure) {
    try before(calls.add(1, ordering: .relaxed).newValue, pulse)
  }

  func read(_ name: String, limit: Int, _ pulse: Pulse) throws(CacheFailure) -> Data? {
    try count(pulse)
    return try inner.read(name, limit: limit, pulse)
  }
  func read(_ name: String, limit: Int, into path: String, _ pulse: Pulse) throws(CacheFailure)
    -> Bool
  {
    try count(pulse)
    return try inner.read(name, limit: limit, into: path, pulse)
  }
  func size(of name: String, _ pulse: Pulse) throws(CacheFailure) -> Int? {
    try count(pulse)
    return try inner.size(of: name, pulse)
  }
  func write(_ content: CacheContent, _ digest: Digest, as name: String, _ pulse: Pulse)
    throws(CacheFailure)
  {
    try count(pulse)
    try inner.write(content, digest, as: name, pulse)
  }
}
