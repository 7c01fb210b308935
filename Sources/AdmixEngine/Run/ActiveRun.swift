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
  /// Whether a sample of the tasks is done twice and compared.
  let checksDeterminism: Bool
  let foreign: ForeignSetting
  let objection: @Sendable (Graph.Stage, ForeignCode, [[SourceFile]]) -> Diagnostic?
  /// The team's cache; nil where there is none.
  let shared: SharedResults?
  private let forced: Set<String>
  private let attempts = Atomic(0)

  init(
    uuid: String, store: Store, locator: SourceLocator, executor: any Executor,
    control: RunControl, forced: Set<String>, checksDeterminism: Bool,
    foreign: ForeignSetting,
    objection: @escaping @Sendable (Graph.Stage, ForeignCode, [[SourceFile]]) -> Diagnostic?,
    shared: SharedResults? = nil, send: @escaping EventSink
  ) throws {
    self.uuid = uuid
    self.store = store
    self.locator = locator
    self.executor = executor
    self.control = control
    self.forced = forced
    self.send = send
    self.checksDeterminism = checksDeterminism
    self.foreign = foreign
    self.objection = objection
    self.shared = shared
    try ObjectFolder.makeFolder(store.attempts(of: uuid))
  }

  func isForced(_ stage: String) -> Bool { forced.contains(stage) || forced.contains("") }

  /// Names of its own for an attempt, and a way to the small contents that a stage knows.
  func newArtifacts(_ known: StageContents) -> WorkerArtifacts {
    let number = attempts.add(1, ordering: .relaxed).newValue
    return WorkerArtifacts(
      objects: store.objects, folder: store.attempts(of: uuid), name: "\(number)",
      small: { try known.content($0) })
  }

  func cleanUp() { try? FileManager.default.removeItem(atPath: store.attempts(of: uuid)) }
}

/// The small contents that a stage has made and not committed yet; after that the store has them.
final class StageContents: Sendable {
  private let store: Store
  private let contents = Mutex<[Digest: Data]>([:])
  private let tasks = Mutex<Set<Digest>>([])

  init(_ store: Store) { self.store = store }

  func keep(_ more: [Digest: Data]) {
    if more.isEmpty { return }
    contents.withLock { $0.merge(more) { first, _ in first } }
  }

  func content(_ artifact: Artifact) throws -> Data {
    if let own = contents.withLock({ $0[artifact.digest] }) { return own }
    return try store.content(of: artifact)
  }

  /// Notes the tasks that the stage consists of, whether they are found or done.
  func note(tasks more: [Digest]) { tasks.withLock { $0.formUnion(more) } }
  var allTasks: Set<Digest> { tasks.withLock { $0 } }

  var all: [Digest: Data] { contents.withLock { $0 } }

  /// The partitions behind datasets: a result that names a dataset vouches for them too.
  ///
  /// - Parameter made: contents that nobody else knows yet.
  func partitions(of artifacts: some Sequence<Artifact>, made: [Digest: Data] = [:]) throws
    -> [Artifact]
  {
    try artifacts.filter { $0.kind == .dataset }.flatMap { artifact in
      let data = try made[artifact.digest] ?? content(artifact)
      return try CanonicalJSON.decode(DatasetManifest.self, from: data).partitions
    }
  }
}
