package import AdmixCache
package import AdmixModel
import AdmixSpec
import AdmixStore
import Foundation
import Synchronization

/// What of a stage came from the shared cache.
package struct FromCache: Hashable, Sendable, Codable {
  /// All of it, so that nothing was run.
  package var isWhole: Bool
  /// Tasks of it; 0 where all of it came.
  package var tasks: Int
  /// The run that made it, where all of it came.
  package var maker: String?
}

/// What a run had to do with the shared cache.
package struct CacheUse: Hashable, Sendable, Codable {
  package var location: String
  package var mode: String
  package var tally: SharedCache.Tally
  package var warnings: [Diagnostic]
}

/// The shared cache as one run uses it: which stages take part, and what came of it.
final class SharedResults: Sendable {
  private let cache: SharedCache
  private let store: Store
  private let run: String
  private let stages: Set<String>
  private let place: SharedCache.Place
  private let warnings: @Sendable () -> [Diagnostic]
  private let tasks = Mutex<[String: Int]>([:])

  init(
    _ cache: SharedCache, _ graph: Graph, store: Store, run: String, control: RunControl,
    send: @escaping EventSink
  ) {
    self.cache = cache
    self.store = store
    self.run = run
    stages = graph.shareable
    let list = WarningList()
    warnings = { list.items.withLock { $0 } }
    place = SharedCache.Place(
      objects: store.objects, folder: "\(store.attempts(of: run))/cache",
      wantsToStop: { control.wantsToStop },
      warn: { item in
        list.items.withLock { $0.append(item) }
        send(.cacheWarning(item))
      })
  }

  private final class WarningList: Sendable {
    let items = Mutex<[Diagnostic]>([])
  }

  /// A stage's result, where the cache has it: committed, as if it had been made here.
  func result(of stage: Graph.Stage, _ key: Digest, pipeline: String) async throws -> (
    result: StoredResult, outputs: StageOutputs, maker: String
  )? {
    guard stages.contains(stage.name) else { return nil }
    let names = Set(stage.kind.outputs)
    let kind = stage.description.name
    let found = await cache.results(for: [key], .stage, at: place) { finding in
      let all = Set(finding.outputs.values.joined())
      guard finding.kind == kind, let outputs = try? StageOutputs(recorded: finding.body) else {
        return false
      }
      return names.isSuperset(of: outputs.artifacts.keys)
        && all.isSuperset(of: outputs.artifacts.values)
        && all.isSuperset(of: outputs.deliveries.map(\.artifact))
    }
    guard var finding = found.first, let outputs = try? StageOutputs(recorded: finding.body) else {
      return nil
    }
    let maker = finding.run
    finding.run = run
    return (
      try store.commit(finding, isLastSuccess: (pipeline, stage.name)), outputs, maker
    )
  }

  /// The results of tasks that the cache has, by key: committed too.
  func results(of stage: Graph.Stage, _ keys: [Digest]) async throws -> [Digest: TaskOutputs] {
    guard stages.contains(stage.name), !keys.isEmpty else { return [:] }
    var all: [Digest: TaskOutputs] = [:]
    let kind = stage.description.name
    let distinct = Array(Set(keys))
    // In portions, so that no more entries than these are in memory.
    for start in stride(from: 0, to: distinct.count, by: 256) {
      let some = Array(distinct[start..<min(start + 256, distinct.count)])
      var findings = await cache.results(for: some, .task, at: place) { finding in
        let all = Set(finding.outputs.values.joined())
        guard finding.kind == kind,
          let outputs = try? TaskOutputs(recorded: finding.body)
        else { return false }
        return all.isSuperset(of: outputs.artifacts.values.joined())
      }
      for index in findings.indices { findings[index].run = run }
      try store.commit(findings)
      for finding in findings {
        all[finding.fingerprint.digest] = try? TaskOutputs(recorded: finding.body)
      }
    }
    if !all.isEmpty { tasks.withLock { $0[stage.name, default: 0] += all.count } }
    return all
  }

  func tasks(of stage: String) -> Int { tasks.withLock { $0[stage] ?? 0 } }

  /// Lets the others have what was committed for these fingerprints.
  func share(_ keys: [Digest], of stage: String) {
    guard cache.writes, stages.contains(stage), !keys.isEmpty else { return }
    let store = store
    cache.send(keys, at: place) { try store.finding(for: $0) }
  }

  /// Waits for what is still to be sent.
  func finish(_ slow: @escaping @Sendable (Int) -> Void) async -> CacheUse {
    let tally = await cache.finish(at: place, slow)
    return CacheUse(
      location: cache.settings.shown, mode: cache.settings.mode.rawValue, tally: tally,
      warnings: warnings())
  }
}

extension Graph {
  /// The stages whose results others may have: not those that say no, and not those that rest on a
  /// value from the environment, which is nobody else's business, nor what is made of them.
  var shareable: Set<String> {
    var secret: Set<String> = []
    var names: Set<String> = []
    for stage in stages {
      let parents = stage.inputs.map(\.stage)
      if parents.contains(where: secret.contains)
        || stage.spec.fingerprintParameters(kind: stage.description).contains(where: \.isSecret)
        || stage.kind.foreignCode?.environment.isEmpty == false
      {
        secret.insert(stage.name)
      } else if stage.policy.isShared {
        names.insert(stage.name)
      }
    }
    return names
  }
}
