import AdmixModel
import AdmixStore
import AdmixTestSupport
import Foundation
import Testing

struct StoreTests {
  private let folder: TemporaryFolder
  private var root: String { folder.path + "/store" }

  init() throws { folder = try TemporaryFolder() }

  private func fingerprint(_ name: String, _ value: String = "1") -> Fingerprint {
    Fingerprint([
      .init(.implementation, "toy", "1"), .init(.parameter, name, value), .init(.seed, "seed", "7"),
    ])
  }

  /// A result of one small report and one file of its own.
  private func commit(_ store: Store, _ key: Fingerprint, _ text: String) throws -> StoredResult {
    let report = Data("report of \(text)".utf8)
    let path = folder.path + "/" + UUID().uuidString
    try Data("rows of \(text)".utf8).write(to: URL(fileURLWithPath: path))
    let (digest, bytes) = try store.objects.publish(file: path)
    let outputs: [String: [Artifact]] = [
      "report": [Artifact(kind: .report, digest: Digest(of: report), bytes: report.count)],
      "rows": [Artifact(kind: .partition, digest: digest, bytes: bytes, rows: 3)],
    ]
    return try store.commit(
      Finding(
        key, scope: .stage, kind: "toy", outputs: outputs, contents: [Digest(of: report): report],
        body: Data("{\"text\":\"\(text)\"}".utf8), run: "run"),
      isLastSuccess: ("pipeline", text))
  }

  @Test func givesBackWhatWasCommitted() throws {
    let store = try Store(root: root)
    let key = fingerprint("x")
    #expect(try store.result(for: key.digest) == nil)
    let made = try commit(store, key, "first")
    store.close()

    let again = try Store(root: root)
    let found = try #require(try again.result(for: key.digest))
    #expect(found.outputs == made.outputs)
    #expect(String(decoding: found.body, as: UTF8.self) == "{\"text\":\"first\"}")
    let report = try #require(found.outputs["report"]?.first)
    let rows = try #require(found.outputs["rows"]?.first)
    #expect(try again.content(of: report) == Data("report of first".utf8))
    #expect(try again.content(of: rows) == Data("rows of first".utf8))
    #expect(rows.rows == 3)
    // Published bytes are not for writing.
    let mode = try FileManager.default.attributesOfItem(atPath: again.objects.path(of: rows.digest))
    #expect((mode[.posixPermissions] as? NSNumber)?.intValue == 0o444)
    #expect(try again.lastFingerprint(pipeline: "pipeline", stage: "first") == key)
    #expect(try again.lastKeys(pipeline: "pipeline") == ["first": key.digest])
    #expect(try again.lastFingerprint(pipeline: "other", stage: "first") == nil)
  }

  /// Outputs come as a set or not at all.
  @Test("a result with damaged bytes is no result", arguments: ["deleted", "cut short", "longer"])
  func damagedBytes(how: String) throws {
    let store = try Store(root: root)
    let key = fingerprint("x")
    let made = try commit(store, key, "first")
    let rows = try #require(made.outputs["rows"]?.first)
    let path = store.objects.path(of: rows.digest)
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    try FileManager.default.removeItem(atPath: path)
    switch how {
    case "cut short": try whole.dropLast().write(to: URL(fileURLWithPath: path))
    case "longer": try (whole + [0]).write(to: URL(fileURLWithPath: path))
    default: break
    }
    #expect(try store.result(for: key.digest) == nil)
    // Making it again puts the bytes back.
    _ = try commit(store, key, "first")
    #expect(try store.result(for: key.digest) != nil)
    #expect(try store.content(of: rows) == whole)
  }

  @Test func theNewestResultOfAFingerprintCounts() throws {
    let store = try Store(root: root)
    let key = fingerprint("x")
    _ = try commit(store, key, "first")
    let second = try commit(store, key, "second")
    #expect(try store.result(for: key.digest)?.id == second.id)
  }

  @Test func aLeaseLivesAsLongAsItsRun() throws {
    let store = try Store(root: root)
    let key = fingerprint("x").digest
    var first: RunLock? = try RunLock(store: store, uuid: "first")
    let second = try RunLock(store: store, uuid: "second")
    #expect(try store.takeLease(key, run: "first") == nil)
    #expect(try store.takeLease(key, run: "first") == nil)
    #expect(try store.takeLease(key, run: "second") == "first")
    // The kernel lets go of the lock however the run ends.
    withExtendedLifetime(first) {}
    first = nil
    #expect(try store.takeLease(key, run: "second") == nil)
    try store.dropLease(key, run: "first")
    #expect(try store.takeLease(key, run: "third") == "second")
    _ = try commit(store, Fingerprint(fingerprint("x").components), "done")
    #expect(try store.takeLease(key, run: "third") == nil)
    withExtendedLifetime(second) {}
  }

  @Test func sweepsOnlyWhatDeadRunsLeft() throws {
    let store = try Store(root: root)
    let alive = try RunLock(store: store, uuid: "alive")
    for name in ["alive", "dead"] {
      let attempt = URL(fileURLWithPath: store.attempts(of: name))
      try FileManager.default.createDirectory(at: attempt, withIntermediateDirectories: true)
      try Data("half".utf8).write(to: attempt.appendingPathComponent("part"))
    }
    try folder.write("", to: "store/run/dead.lock")
    store.sweepWork()
    let isThere = { FileManager.default.fileExists(atPath: store.attempts(of: $0)) }
    #expect(isThere("alive") && !isThere("dead"))
    #expect(folder.exists("store/run/alive.lock") && !folder.exists("store/run/dead.lock"))
    withExtendedLifetime(alive) {}
  }

  @Test func remembersManyDigestsInAnyOrder() throws {
    let store = try Store(root: root)
    let names = ["b", "a", "a/b", "a.b", "Z", "\u{e9}", "zz", "c"]
    let files = names.map { name in
      FileIdentity(
        path: "/x/" + name, device: 1, inode: 2, size: Int64(name.utf8.count), modified: 3,
        changed: 4)
    }
    // Half are remembered; one of these as it was before.
    let known = Set(["a", "a.b", "Z", "zz"])
    try store.remember(
      files.filter { known.contains(String($0.path.dropFirst(3))) }.map {
        (Digest(of: $0.path), $0)
      })
    var asked = files + [files[1]]
    asked[6].size += 1
    let expected: [Digest?] = asked.enumerated().map { index, file in
      index != 6 && known.contains(String(file.path.dropFirst(3))) ? Digest(of: file.path) : nil
    }
    #expect(try store.digests(of: asked) == expected)
    #expect(try store.digests(of: Array(asked.reversed())) == Array(expected.reversed()))
    #expect(try store.digests(of: Array(asked.prefix(2))) == Array(expected.prefix(2)))
    #expect(try store.digests(of: []) == [])
  }

  @Test func remembersDigestsByIdentity() throws {
    let store = try Store(root: root)
    try folder.write("abc", to: "a")
    let identity = try #require(FileIdentity(path: folder.path + "/a"))
    try store.remember(Digest(of: "abc"), of: identity)
    #expect(try store.digest(of: identity) == Digest(of: "abc"))
    // Each part of the identity tells another file.
    let edits: [(inout FileIdentity) -> Void] = [
      { $0.device += 1 }, { $0.inode += 1 }, { $0.size += 1 }, { $0.modified += 1 },
      { $0.changed += 1 }, { $0.path += "x" },
    ]
    for edit in edits {
      var other = identity
      edit(&other)
      #expect(try store.digest(of: other) == nil)
    }
    // Written with the same size and the old time put back: the change time tells.
    try folder.write("abd", to: "a")
    let old = timespec(
      tv_sec: Int(identity.modified / 1_000_000_000),
      tv_nsec: Int(identity.modified % 1_000_000_000))
    #expect(utimensat(AT_FDCWD, folder.path + "/a", [old, old], 0) == 0)
    let edited = try #require(FileIdentity(path: folder.path + "/a"))
    #expect(edited.modified == identity.modified && edited.size == identity.size)
    #expect(try store.digest(of: edited) == nil)
    // A file just written is not settled, one from a second ago is.
    #expect(
      !edited.isSettled(at: edited.changed) && edited.isSettled(at: edited.changed + 1_000_000_000))
    #expect(
      FileIdentity(path: folder.path) == nil && FileIdentity(path: folder.path + "/no") == nil)
  }

  @Test func manyWritersOnOneStoreLoseNothing() async throws {
    let count = 6
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<count {
        group.addTask {
          // A connection of its own, as another process has it; the first ones race to make the file.
          let store = try Store(root: root)
          for number in 0..<10 {
            _ = try commit(store, fingerprint("w\(writer)", "\(number)"), "w\(writer).\(number)")
            _ = try commit(store, fingerprint("shared", "\(number)"), "shared")
          }
          store.close()
        }
      }
      try await group.waitForAll()
    }
    let store = try Store(root: root)
    for writer in 0..<count {
      for number in 0..<10 {
        #expect(try store.result(for: fingerprint("w\(writer)", "\(number)").digest) != nil)
      }
    }
    #expect(try store.result(for: fingerprint("shared", "9").digest) != nil)
  }

  /// Whatever happened to the file: a store, or a refusal in words; never a trap, never an endless wait.
  @Test func aDamagedDatabaseIsRefusedOrReads() throws {
    let store = try Store(root: root)
    var keys: [Fingerprint] = []
    for number in 0..<40 {
      keys.append(fingerprint("x", "\(number)"))
      _ = try commit(store, keys[number], "t\(number)")
    }
    store.close()
    let file = URL(fileURLWithPath: root + "/store.db")
    let whole = try Data(contentsOf: file)
    var refused = 0
    forEverySeed(60) { random in
      var bytes = whole
      switch Int.random(in: 0..<3, using: &random) {
      case 0: bytes = bytes.prefix(Int.random(in: 0..<bytes.count, using: &random))
      case 1:
        for _ in 0..<20 {
          bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8.random(
            in: 1...255, using: &random)
        }
      default:
        let start = Int.random(in: 0..<(bytes.count - 512), using: &random)
        for index in start..<(start + 512) { bytes[index] = 0 }
      }
      do {
        try bytes.write(to: file)
        for suffix in ["-wal", "-shm"] {
          try? FileManager.default.removeItem(atPath: file.path + suffix)
        }
        let damaged = try Store(root: root)
        defer { damaged.close() }
        for key in keys { _ = try damaged.result(for: key.digest) }
        _ = try damaged.lastFingerprint(pipeline: "pipeline", stage: "t3")
        _ = try damaged.runs(pipeline: "pipeline")
        return true
      } catch let error as StoreError {
        refused += 1
        return error.diagnostic.code.hasPrefix("AX09")
      } catch { return false }
    }
    #expect(refused > 10)
  }
}
