import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStore
import AdmixTestSupport
import Foundation
import Synchronization

/// A project folder with a store, in which pipelines of toy stages are run.
final class Laboratory: Sendable {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  struct Outcome {
    var record: RunRecord
    var events: [Event]

    subscript(stage: String) -> StageRecord? { record.stages.first { $0.name == stage } }

    /// The stages by what became of them, `a b` for two.
    func names(_ status: StageRecord.Status) -> String {
      record.stages.filter { $0.status == status }.map(\.name).joined(separator: " ")
    }

    /// Tasks of a stage that were done and that were found done.
    func tasks(_ stage: String) -> (done: Int, reused: Int) {
      events.reduce((0, 0)) { sum, event in
        guard case .tasksPlanned(stage, let tasks, let reused, _) = event else { return sum }
        return (sum.0 + tasks - reused, sum.1 + reused)
      }
    }
  }

  func graph(_ stages: String, name: String = "toy", registry: StageRegistry = toys) throws -> Graph
  {
    let text =
      "admix: 1\nname: \(name)\nseed: 5\nstages:\n"
      + stages.split(separator: "\n").map { "  \($0)\n" }.joined()
    let spec = try SpecCompiler(kinds: registry.descriptions).compile(text: text)
    return try Graph(spec, registry: registry)
  }

  func engine(_ options: Engine.Options = .init(jobs: 2)) throws -> Engine {
    Engine(store: try Store(root: folder.path + "/.admix"), root: folder.path, options: options)
  }

  func run(
    _ stages: String, _ options: Engine.Options = .init(jobs: 2), control: RunControl = .init()
  ) async throws -> Outcome {
    let engine = try engine(options)
    defer { engine.store.close() }
    let events = Mutex<[Event]>([])
    let record = try await engine.run(graph(stages), control: control) { event in
      events.withLock { $0.append(event) }
    }
    return Outcome(record: record, events: events.withLock { $0 })
  }

  func plan(_ stages: String, _ options: Engine.Options = .init()) throws -> Plan {
    let engine = try engine(options)
    defer { engine.store.close() }
    return try engine.plan(graph(stages))
  }

  func content(_ artifact: Artifact?) throws -> String {
    let engine = try engine()
    defer { engine.store.close() }
    return try artifact.map { String(decoding: try engine.store.content(of: $0), as: UTF8.self) }
      ?? "(nothing)"
  }

  /// Every file of the store with its bytes and the moment it was last written.
  func storeState() throws -> [String: String] {
    let root = folder.path + "/.admix"
    var state: [String: String] = [:]
    for case let path as String in FileManager.default.enumerator(atPath: root) ?? .init() {
      guard let identity = FileIdentity(path: root + "/" + path) else { continue }
      state[path] = "\(identity.inode) \(identity.size) \(identity.modified)"
    }
    return state
  }
}
