import AdmixData
import AdmixModel
import AdmixSpec
import AdmixStore
import Foundation

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
  let run: ActiveRun
  let own: WorkerArtifacts
  let contents: StageContents

  var artifacts: any ArtifactAccess { own }
  var foreign: ForeignSetting { run.foreign }

  func run(_ requests: [TaskRequest]) async throws -> [TaskOutputs] {
    let keys = requests.map(fingerprint)
    var known = try keys.map { try found($0) }
    let open = known.indices.filter { known[$0] == nil }
    let rows = open.compactMap { requests[$0].expectedRows }
    run.send(
      .tasksPlanned(
        stage: stageName, tasks: requests.count, reused: requests.count - open.count,
        rows: rows.isEmpty ? nil : rows.reduce(0, +)))
    // Tasks may be told of what the driver published.
    contents.keep(own.takeContents())
    // Equal requests of one array are one task.
    var first: [Digest: Int] = [:]
    let distinct = open.filter { index in
      if first[keys[index].digest] != nil { return false }
      first[keys[index].digest] = index
      return true
    }
    let tasks = distinct.map { task(requests[$0], isSilent: false) }
    // In portions, so that a failure early in a thousand tasks does not wait for the rest.
    let portion = 64
    for start in stride(from: 0, to: tasks.count, by: portion) {
      try run.control.check()
      let range = start..<min(start + portion, tasks.count)
      let results = await run.executor.run(Array(tasks[range]))
      guard results.count == range.count else {
        throw TaskFailure(.error("AX0909", "an executor lost tasks"))
      }
      if run.checksDeterminism {
        try await repeatSome(zip(distinct[range], results), requests, keys)
      }
      var failure: TaskFailure?
      for (index, result) in zip(distinct[range], results) {
        switch result {
        case .success(let delivery):
          try commit(delivery, of: requests[index], keys[index])
          known[index] = delivery.outputs
          run.send(.taskFinished(stage: stageName))
        case .failure(let one): failure = failure ?? one
        }
      }
      if let failure { throw failure }
    }
    return try requests.indices.map { index in
      guard let outputs = known[index] ?? first[keys[index].digest].flatMap({ known[$0] }) else {
        throw TaskFailure(.error("AX0909", "a task gave nothing"))
      }
      return outputs
    }
  }

  private func task(_ request: TaskRequest, isSilent: Bool) -> ExecutableTask {
    ExecutableTask(
      stageName: stageName, kind: stage.kind, request: request,
      artifacts: run.newArtifacts(contents),
      progress: { if !isSilent { run.send(.progress(stage: stageName, rows: $0)) } },
      control: run.control, foreign: run.foreign,
      logs: RunLogs.folder(of: run.uuid, store: run.store.root))
  }

  /// Does a sample of tasks once more, the first and about every eighth, and compares what they give.
  private func repeatSome(
    _ done: Zip2Sequence<ArraySlice<Int>, [Result<TaskDelivery, TaskFailure>]>,
    _ requests: [TaskRequest], _ keys: [Fingerprint]
  ) async throws {
    let sample = done.enumerated().filter { position, task in
      position == 0 || keys[task.0].digest.bytes[0] % 8 == 0
    }.compactMap { _, task in (try? task.1.get()).map { (index: task.0, outputs: $0.outputs) } }
    let again = await run.executor.run(sample.map { task(requests[$0.index], isSilent: true) })
    for ((index, outputs), result) in zip(sample, again) {
      guard try result.get().outputs != outputs else { continue }
      throw TaskFailure(
        .error(
          "AX0912", at: stage.spec.nameSpan,
          "stage '\(stageName)' is not deterministic: step '\(requests[index].step)' gave something else the second time",
          cause: "what it gives depends on more than its inputs and parameters",
          hint: "give randomness its seed, and take times and host names out"),
        reason: .notDeterministic)
    }
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

  private func found(_ key: Fingerprint) throws -> TaskOutputs? {
    guard !run.isForced(stageName), let result = try run.store.result(for: key.digest) else {
      return nil
    }
    return try? CanonicalJSON.decode(TaskOutputs.self, from: result.body)
  }

  private func commit(_ delivery: TaskDelivery, of request: TaskRequest, _ key: Fingerprint) throws
  {
    // Bytes that moved while they were read make a result that nobody can make again.
    for file in request.files where !run.locator.isUnchanged(file) {
      throw TaskFailure(
        .error(
          "AX0409", "'\(file.name)' changed while it was read",
          hint: "run again when nobody is writing to it"), reason: .input)
    }
    var outputs = delivery.outputs.artifacts
    outputs["partitions", default: []] += try contents.partitions(
      of: delivery.outputs.artifacts.values.joined(), made: delivery.contents)
    try run.store.commit(
      key, scope: .task, kind: stage.description.name,
      outputs: outputs.filter { !$0.value.isEmpty },
      contents: delivery.contents, body: CanonicalJSON.encode(delivery.outputs), run: run.uuid)
  }
}
