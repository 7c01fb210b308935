import AdmixData
import AdmixModel
import AdmixSpec
import AdmixStore
import Foundation
import Synchronization

/// One stage under way: finds tasks in the store, has the others done, and commits what they gave.
struct StageDriver: StageContext {
  let stageName: String
  let inputs: [String: Artifact]
  let inputNames: [String: String]
  let sources: [[SourceFile]]
  let seed: UInt64
  let salt: String
  let pipeline: PipelineFacts

  let stage: Graph.Stage
  /// The stage's fingerprint.
  let key: Digest
  /// Where its tasks stand in the queue for resources.
  let rank: Int
  let run: ActiveRun
  let own: WorkerArtifacts
  let contents: StageContents
  /// Says when to stop, which for a stage with a limit of time is sooner than for the run.
  let control: RunControl
  let tally = Tally()

  var artifacts: any ArtifactAccess { own }
  var foreign: ForeignSetting { run.foreign }

  func run(_ requests: [TaskRequest]) async throws -> [TaskOutputs] {
    let keys = requests.map(fingerprint)
    contents.note(tasks: keys.map(\.digest))
    var known = try found(keys)
    try await takeShared(keys, into: &known)
    let open = known.indices.filter { known[$0] == nil }
    let rows = open.compactMap { requests[$0].expectedRows }
    run.send(
      .tasksPlanned(
        stage: stageName, tasks: requests.count, reused: requests.count - open.count,
        rows: rows.isEmpty ? nil : rows.reduce(0, +)))
    tally.counts.withLock { counts in
      counts.done += open.count
      counts.reused += requests.count - open.count
    }
    // Tasks may be told of what the driver published.
    contents.keep(own.takeContents())
    // Equal requests of one array are one task.
    var first: [Digest: Int] = [:]
    let distinct = open.filter { index in
      if first[keys[index].digest] != nil { return false }
      first[keys[index].digest] = index
      return true
    }
    try self.control.check()
    var failure: TaskFailure?
    let control = RunControl(under: self.control)
    let ended = run(distinct.map { task(requests[$0], keys[$0].digest, control) })
    // What ended while the last ones were committed is committed together.
    while let some = await ended.next() {
      do {
        let done = some.compactMap { item in
          (try? item.result.get()).map { (index: distinct[item.position], delivery: $0) }
        }
        if run.checksDeterminism {
          let sample = done.filter {
            requests[$0.index].isRepeatable
              && ($0.index == distinct.first || keys[$0.index].digest.bytes[0] % 8 == 0)
          }
          try await repeated(sample, requests, keys)
        }
        try commit(done, requests, keys)
        for (index, delivery) in done {
          known[index] = delivery.outputs
          run.send(.taskFinished(stage: stageName))
        }
        for item in some { _ = try item.result.get() }
      } catch {
        failure = failure ?? TaskFailure(wrapping: error)
        control.stop()
      }
    }
    if run.checksDeterminism {
      try run.store.recordDeterminism(of: key, tasks: contents.allTasks, run: run.uuid)
    }
    if let failure { throw failure }
    return try requests.indices.map { index in
      guard let outputs = known[index] ?? first[keys[index].digest].flatMap({ known[$0] }) else {
        throw TaskFailure(.error("AX0909", "a task gave nothing"))
      }
      return outputs
    }
  }

  private struct EndedTask: Sendable {
    var position: Int
    var result: Result<TaskDelivery, TaskFailure>
  }

  /// Has tasks done; gives them in portions as they end.
  private func run(_ tasks: [ExecutableTask]) -> Portions<EndedTask> {
    let ended = Portions<EndedTask>()
    Task {
      await run.executor.run(tasks) { ended.put(EndedTask(position: $0, result: $1)) }
      ended.close()
    }
    return ended
  }

  private func task(
    _ request: TaskRequest, _ key: Digest, _ control: RunControl, isSilent: Bool = false
  ) -> ExecutableTask {
    ExecutableTask(
      stageName: stageName, kind: stage.kind, request: request,
      artifacts: run.newArtifacts(contents), resources: stage.policy.resources, rank: rank,
      progress: { if !isSilent { run.send(.progress(stage: stageName, rows: $0)) } },
      phase: {
        if !isSilent {
          run.send(.working(stage: stageName, phase: $0, done: $1, total: $2))
        }
      },
      control: control, foreign: run.foreign,
      logs: RunLogs.folder(of: run.uuid, store: run.store.root),
      checkpoint: run.store.checkpoint(of: key))
  }

  /// Does a sample of tasks once more, and compares what they give.
  private func repeated(
    _ sample: [(index: Int, delivery: TaskDelivery)], _ requests: [TaskRequest],
    _ keys: [Fingerprint]
  ) async throws {
    var isSame: [Digest: Bool] = [:]
    let again = run(
      sample.map {
        task(requests[$0.index], keys[$0.index].digest, control, isSilent: true)
      })
    var failure: TaskFailure?
    while let some = await again.next() {
      for item in some {
        let (index, delivery) = sample[item.position]
        if case .success(let other) = item.result {
          isSame[keys[index].digest] = other.outputs == delivery.outputs
        }
        switch item.result {
        case .failure(let one): failure = failure ?? one
        case .success(let other) where other.outputs != delivery.outputs:
          failure = TaskFailure(
            .error(
              "AX0912", at: stage.spec.nameSpan,
              "stage '\(stageName)' is not deterministic: step '\(requests[index].step)' gave something else the second time",
              cause: "what it gives depends on more than its inputs and parameters",
              hint: "give randomness its seed, and take times and host names out"),
            reason: .notDeterministic)
        case .success: break
        }
      }
    }
    try run.store.recordRepetitions(isSame, run: run.uuid)
    if let failure { throw failure }
  }

  private func fingerprint(_ request: TaskRequest) -> Fingerprint {
    var parts: [Fingerprint.Component] = [
      .init(.implementation, stage.description.name, "\(stage.description.revision)"),
      .init(.parameter, "step", request.step),
      .init(.parameter, "parameters", request.parameters.text),
    ]
    for (name, artifacts) in request.inputs {
      for (ordinal, artifact) in artifacts.enumerated() {
        parts.append(.init(.input, "\(name).\(ordinal)", artifact.digest.hex))
      }
    }
    for (ordinal, file) in request.files.enumerated() {
      parts.append(.init(.file, "\(ordinal)", file.digest.hex))
    }
    return Fingerprint(parts)
  }

  private func found(_ keys: [Fingerprint]) throws -> [TaskOutputs?] {
    if run.isForced(stageName) { return keys.map { _ in nil } }
    let results = try run.store.results(for: keys.map(\.digest))
    return keys.map { key in
      results[key.digest].flatMap { try? TaskOutputs(recorded: $0.body) }
    }
  }

  /// Fills in what others have done.
  private func takeShared(_ keys: [Fingerprint], into known: inout [TaskOutputs?]) async throws {
    guard let shared = run.shared, !run.isForced(stageName) else { return }
    let open = known.indices.filter { known[$0] == nil }
    let found = try await shared.results(of: stage, open.map { keys[$0].digest })
    if found.isEmpty { return }
    for index in open { known[index] = found[keys[index].digest] }
    run.send(.fetched(stage: stageName, tasks: found.count))
  }

  private func commit(
    _ done: [(index: Int, delivery: TaskDelivery)], _ requests: [TaskRequest], _ keys: [Fingerprint]
  ) throws {
    var findings: [Finding] = []
    var moved: TaskFailure?
    for (index, delivery) in done {
      // Bytes that moved while they were read make a result that nobody can make again.
      if let file = requests[index].files.first(where: { !run.locator.isUnchanged($0) }) {
        moved = TaskFailure(
          .error(
            "AX0409", "'\(file.name)' changed while it was read",
            hint: "run again when nobody is writing to it"), reason: .input)
        continue
      }
      var outputs = delivery.outputs.artifacts
      outputs["partitions", default: []] += try contents.partitions(
        of: delivery.outputs.artifacts.values.joined(), made: delivery.contents)
      findings.append(
        Finding(
          keys[index], scope: .task, kind: stage.description.name,
          outputs: outputs.filter { !$0.value.isEmpty }, contents: delivery.contents,
          body: try delivery.outputs.recorded(), run: run.uuid))
    }
    try run.store.commit(findings)
    run.store.dropCheckpoints(of: findings.map(\.fingerprint.digest))
    run.shared?.share(findings.map(\.fingerprint.digest), of: stageName)
    if let moved { throw moved }
  }
}

/// How many tasks a stage asked for.
final class Tally: Sendable {
  let counts = Mutex(TaskCounts())
}
