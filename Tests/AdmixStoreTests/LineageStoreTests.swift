import AdmixModel
import AdmixStore
import AdmixTestSupport
import Foundation
import Testing

/// The store asked from the other end: who made a digest, who used it.
struct LineageStoreTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func artifact(_ text: String) -> (Artifact, Data) {
    let data = Data(text.utf8)
    return (Artifact(kind: .report, digest: Digest(of: text), bytes: data.count, rows: 2), data)
  }

  @discardableResult
  private func commit(
    _ store: Store, _ scope: Scope, _ gives: String, from inputs: [String], files: [String] = [],
    run: String = "r1"
  ) throws -> StoredResult {
    let (artifact, data) = artifact(gives)
    let key = Fingerprint(
      [.init(.implementation, "toy", "1"), .init(.parameter, "scope", scope.rawValue)]
        + inputs.enumerated().map { .init(.input, "in\($0.offset)", Digest(of: $0.element).hex) }
        + files.enumerated().map { .init(.file, "0.\($0.offset)", Digest(of: $0.element).hex) })
    return try store.commit(
      Finding(
        key, scope: scope, kind: "toy", outputs: ["out": [artifact]],
        contents: [artifact.digest: data], body: Data("{}".utf8), run: run))
  }

  @Test func remembersWhatWasDoneTwice() throws {
    let store = try Store(root: folder.path + "/store")
    let (one, two, stage) = (Digest(of: "1"), Digest(of: "2"), Digest(of: "stage"))
    try store.recordDeterminism(of: stage, tasks: [one, two], run: "r1")
    #expect(try store.determinism(of: [one, stage]).isEmpty)
    try store.recordRepetitions([one: true], run: "r1")
    try store.recordDeterminism(of: stage, tasks: [one, two], run: "r1")
    #expect(
      try store.determinism(of: [stage])[stage] == Determinism(tasks: 2, same: 1, different: 0))
    // A proof stays one, whatever is seen later.
    for isSame in [false, true] { try store.recordRepetitions([two: isSame], run: "r2") }
    try store.recordDeterminism(of: stage, tasks: [one, two], run: "r2")
    let known = try store.determinism(of: [stage])[stage]
    #expect(known == Determinism(tasks: 2, same: 1, different: 1) && known?.isRefuted == true)
  }

  @Test func tellsWhoMadeAndWhoUsed() throws {
    let store = try Store(root: folder.path + "/store")
    try store.beginRun(uuid: "r1", pipeline: "p", body: Data("{}".utf8))
    let first = try commit(store, .stage, "a", from: [], files: ["source"])
    let second = try commit(store, .stage, "b", from: ["a"])
    try commit(store, .task, "b", from: ["a"])
    try commit(store, .task, "t", from: ["a", "a"])
    // The same bytes once more, from something else: the newest comes first.
    let third = try commit(store, .stage, "b", from: ["c"], run: "r2")
    try store.endRun(
      uuid: "r1", status: "succeeded",
      stages: [
        ("one", "toy", "executed", first.id, Data("1".utf8)),
        ("two", "toy", "executed", second.id, Data("2".utf8)),
      ])

    let makings = try store.makings(of: Digest(of: "b"))
    #expect(makings.map(\.action.result) == [third.id, second.id])
    #expect(makings.allSatisfy { $0.action.scope == .stage && $0.port == "out" })
    #expect(try store.makings(of: Digest(of: "t")).map(\.action.scope) == [.task])
    #expect(try store.makings(of: Digest(of: "source")).isEmpty)

    let uses = try store.uses(of: Digest(of: "a"))
    #expect(uses.map(\.action.result) == [second.id] && uses.map(\.name) == ["in0"])
    #expect(try store.taskUses(of: Digest(of: "a")) == ["toy": 2])
    #expect(try store.uses(of: Digest(of: "source")).map(\.kind) == [.file])

    #expect(try store.stages(of: second.action).map(\.name) == ["two"])
    #expect(try store.stages(of: third.action).isEmpty)
    #expect(try store.actions(ofRun: "r1")["one"]?.result == first.id)
    #expect(try store.outputs(ofResult: first.id)["out"]?.first?.digest == Digest(of: "a"))
    #expect(try store.stageBodies(ofRun: "r1") == [Data("1".utf8), Data("2".utf8)])
  }

  /// Whole digests, odd numbers of digits, the first and the last of all; sources as well as artifacts.
  @Test func findsDigestsByHowTheyBegin() throws {
    let store = try Store(root: folder.path + "/store")
    let names = (0..<60).map { "artifact \($0)" }
    for name in names { try commit(store, .task, name, from: [name + " in"]) }
    let all = names.flatMap { [Digest(of: $0), Digest(of: $0 + " in")] }.sorted()
    for digest in all {
      for length in [1, 2, 3, 7, 12, 63, 64] {
        let prefix = String(digest.hex.prefix(length))
        let expected = all.filter { $0.hex.hasPrefix(prefix) }
        let found = try store.digests(beginningWith: prefix, limit: 200)
        #expect(found == expected, "\(prefix)")
      }
    }
    #expect(try store.digests(beginningWith: "", limit: 500).count == 120)
    #expect(try store.digests(beginningWith: "xyz", limit: 5).isEmpty)
    #expect(try store.digests(beginningWith: "", limit: 7).count == 7)
  }

}
