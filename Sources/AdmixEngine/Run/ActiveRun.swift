import AdmixModel
import AdmixStore
import Foundation
import Synchronization

/// What the stages of a run share.
final class ActiveRun: Sendable {
  let uuid: String
  let store: Store
  let locator: SourceLocator
  let executor: any Executor
  let control: RunControl
  let send: EventSink
  private let forced: Set<String>
  private let state = Mutex<(attempts: Int, contents: [Digest: Data])>((0, [:]))

  init(
    uuid: String, store: Store, locator: SourceLocator, executor: any Executor,
    control: RunControl, forced: Set<String>, send: @escaping EventSink
  ) {
    self.uuid = uuid
    self.store = store
    self.locator = locator
    self.executor = executor
    self.control = control
    self.forced = forced
    self.send = send
  }

  func isForced(_ stage: String) -> Bool { forced.contains(stage) || forced.contains("") }

  /// Small contents of this run, so that a task can read what was not committed yet.
  func keep(_ contents: [Digest: Data]) {
    if contents.isEmpty { return }
    state.withLock { $0.contents.merge(contents) { first, _ in first } }
  }

  func content(_ artifact: Artifact) throws -> Data {
    if let own = state.withLock({ $0.contents[artifact.digest] }) { return own }
    return try store.content(of: artifact)
  }

  /// The small contents among these artifacts that this run has made.
  func contents(of artifacts: some Sequence<Artifact>) -> [Digest: Data] {
    state.withLock { state in
      var found: [Digest: Data] = [:]
      for artifact in artifacts { found[artifact.digest] = state.contents[artifact.digest] }
      return found
    }
  }

  func newArtifacts() -> WorkerArtifacts {
    let number = state.withLock { state in
      state.attempts += 1
      return state.attempts
    }
    return WorkerArtifacts(
      objects: store.objects, folder: "\(store.root)/work/\(uuid)/\(number)",
      small: { try self.content($0) })
  }

  /// The partitions behind datasets: a result that names a dataset vouches for them too.
  func nested(_ artifacts: some Sequence<Artifact>) throws -> [Artifact] {
    try artifacts.filter { $0.kind == .dataset }.flatMap { artifact in
      let data =
        Store.isInline(artifact.kind, bytes: artifact.bytes)
        ? try content(artifact) : try store.content(of: artifact)
      return try CanonicalJSON.decode(DatasetManifest.self, from: data).partitions
    }
  }

  func cleanUp() { try? FileManager.default.removeItem(atPath: "\(store.root)/work/\(uuid)") }
}
