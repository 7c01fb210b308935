import AdmixModel
import AdmixSpec
import AdmixStore
import Foundation
import Synchronization

/// Carries a plan out: every stage as soon as its inputs are there, several at once.
struct Runner: Sendable {
  let graph: Graph
  let plan: Plan
  let run: ActiveRun
  let planner: Planner
  let keepsGoing: Bool
  /// How long to wait for another run that is at work on the same stage; nil waits without end.
  let waitLimit: Duration?

  /// A stage that has ended, as those after it need to know it.
  struct Ended: Sendable {
    var record: StageRecord
    var planned: Plan.Stage?
    var resultID: Int64?

    var isDone: Bool { record.status == .executed || record.status == .cached }
  }

  func stages() async -> [Ended] {
    var tasks: [String: Task<Ended, Never>] = [:]
    let stop = StopFlag()
    for stage in graph.stages {
      let parents = (stage.inputs.map(\.stage) + stage.after).compactMap { tasks[$0] }
      let ancestors = graph.ancestors(of: stage.name)
      let known = tasks.filter { ancestors.contains($0.key) }
      tasks[stage.name] = Task {
        for parent in parents { _ = await parent.value }
        var done: [String: Ended] = [:]
        for (name, task) in known { done[name] = await task.value }
        let ended = await end(stage, done, stop)
        if ended.record.status == .failed, !keepsGoing { stop.raise() }
        run.send(.stageFinished(ended.record))
        return ended
      }
    }
    var all: [Ended] = []
    for stage in graph.stages {
      if let ended = await tasks[stage.name]?.value { all.append(ended) }
    }
    return all
  }

  private func record(_ stage: Graph.Stage) -> StageRecord {
    StageRecord(
      name: stage.name, kind: stage.description.name, status: .skipped, why: [], seconds: 0,
      inputs: stage.inputs, after: stage.after, artifacts: [:], outputs: stage.kind.outputs,
      gates: [], warnings: [], sources: [], files: [], failure: [], failureReason: nil)
  }

  private func end(_ stage: Graph.Stage, _ done: [String: Ended], _ stop: StopFlag) async -> Ended {
    var record = record(stage)
    let parents = Set(stage.inputs.map(\.stage) + stage.after).compactMap { done[$0] }
    if parents.contains(where: { $0.record.status == .gated })
      || stage.after.contains(where: { name in
        done[name]?.record.gates.contains { $0.action == .fail && !$0.passed } == true
      })
    {
      record.status = .gated
      return Ended(record: record)
    }
    guard parents.allSatisfy(\.isDone), !stop.isRaised, !run.control.wantsToStop else {
      return Ended(record: record)
    }
    let begin = ContinuousClock.now
    var ended: Ended
    do {
      ended = try await carryOut(stage, done, record)
    } catch {
      let failure = TaskFailure(wrapping: error)
      record.status = failure.reason == .cancelled ? .skipped : .failed
      record.failure = failure.diagnostics.items
      record.failureReason = failure.reason
      ended = Ended(record: record)
    }
    ended.record.seconds = (ContinuousClock.now - begin).seconds
    return ended
  }

  private func carryOut(_ stage: Graph.Stage, _ done: [String: Ended], _ start: StageRecord)
    async throws -> Ended
  {
    var record = start
    // Everything before this stage has ended, so what it rests on is known by now.
    var partial = Plan(graph.stages.compactMap { done[$0.name]?.planned })
    var planned = try planner.planned(stage, partial, store: run.store)
    record.sources = Array(planned.sources.joined())
    record.why = planned.why
    guard let fingerprint = planned.fingerprint else {
      throw TaskFailure(.error("AX0909", "stage '\(stage.name)' was started too early"))
    }
    if planned.action == .run || planned.action == .depends {
      if let (result, outputs) = try await lease(fingerprint.digest, stage) {
        planned.result = result
        planned.outputs = outputs
        planned.action = .hit
        planned.why = []
        record.why = []
      }
    }
    if planned.action == .run || planned.action == .depends {
      do {
        // What is executed may have been edited since the run began.
        if let code = stage.kind.foreignCode,
          let objection = run.objection(stage, code, planned.sources)
        {
          throw TaskFailure(objection, reason: .sandbox)
        }
        run.send(.stageStarted(stage: stage.name, kind: record.kind, why: planned.why))
        planned.sources = try await obtained(stage, planned.sources)
        record.sources = Array(planned.sources.joined())
        let stored = try await drive(stage, planned, &partial)
        planned.outputs = stored.outputs
        planned.result = stored.result
      } catch {
        try? run.store.dropLease(fingerprint.digest, run: run.uuid)
        throw error
      }
      record.status = .executed
    } else {
      record.status = .cached
      if planned.isNewlyCurrent {
        try run.store.recordSuccess(
          pipeline: graph.spec.name, stage: stage.name, of: fingerprint.digest)
      }
      run.send(.stageReused(stage: stage.name))
    }
    let outputs = planned.outputs ?? StageOutputs()
    record.artifacts = outputs.artifacts
    record.gates = outputs.gates
    record.warnings = outputs.warnings
    for gate in outputs.gates { run.send(.gate(stage: stage.name, gate)) }
    for item in outputs.warnings { run.send(.warning(stage: stage.name, item)) }
    for delivery in outputs.deliveries {
      record.files.append(delivery.path)
      if try !planner.deliveries.isCurrent(delivery) {
        if let warning = try planner.deliveries.deliver(delivery) {
          record.warnings.append(warning)
          run.send(.warning(stage: stage.name, warning))
        }
        run.send(.delivered(stage: stage.name, path: delivery.path))
      }
    }
    return Ended(record: record, planned: planned, resultID: planned.result?.id)
  }

  /// Takes the work, or waits for the run that has it and takes what it made.
  private func lease(_ key: Digest, _ stage: Graph.Stage) async throws -> (
    StoredResult, StageOutputs
  )? {
    var hasSaid = false
    let begin = ContinuousClock.now
    while true {
      try run.control.check()
      guard let owner = try run.store.takeLease(key, run: run.uuid) else {
        // It may have been finished between our look and the lease.
        guard !run.isForced(stage.name), let result = try run.store.stageResult(for: key) else {
          return nil
        }
        try run.store.dropLease(key, run: run.uuid)
        return result
      }
      if !hasSaid {
        hasSaid = true
        run.send(.waiting(stage: stage.name, run: owner))
      }
      if let limit = waitLimit, ContinuousClock.now - begin > limit {
        throw TaskFailure(
          .error(
            "AX0911", at: stage.spec.nameSpan,
            "stage '\(stage.name)' waited too long for another run",
            cause: "run \(owner.prefix(8)) has been at work on it for more than \(limit)",
            hint: "let it finish, or wait longer with --wait"), reason: .waited)
      }
      try await Task.sleep(for: .milliseconds(50))
      if !run.isForced(stage.name), let result = try run.store.stageResult(for: key) {
        return result
      }
    }
  }

  /// The stage's files, those from elsewhere fetched.
  private func obtained(_ stage: Graph.Stage, _ sources: [[SourceFile]]) async throws
    -> [[SourceFile]]
  {
    var all: [[SourceFile]] = []
    for (request, files) in zip(stage.kind.sources, sources) {
      var here: [SourceFile] = []
      for file in files {
        let result: Result<SourceFile, any Error> = await withCheckedContinuation { done in
          // A transfer blocks its thread, which the cooperative pool cannot spare.
          DispatchQueue.global().async {
            done.resume(
              returning: Result {
                try run.locator.obtain(file, for: request) { received, total in
                  try run.control.check()
                  run.send(
                    .fetching(
                      stage: stage.name, name: file.name, received: received, total: total))
                }
              })
          }
        }
        here.append(try result.get())
      }
      all.append(here)
    }
    return all
  }

  private func drive(_ stage: Graph.Stage, _ planned: Plan.Stage, _ partial: inout Plan)
    async throws
    -> (outputs: StageOutputs, result: StoredResult)
  {
    guard let fingerprint = planned.fingerprint else {
      throw TaskFailure(.error("AX0909", "stage '\(stage.name)' was started too early"))
    }
    var inputs: [String: Artifact] = [:]
    var names: [String: String] = [:]
    for input in stage.inputs {
      inputs[input.role] = partial[input.stage]?.outputs?.artifacts[input.output]
      let primary = graph[input.stage]?.kind.outputs.first
      names[input.role] = input.output == primary ? input.stage : "\(input.stage).\(input.output)"
    }
    let contents = StageContents(run.store)
    let own = run.newArtifacts(contents)
    let driver = StageDriver(
      stageName: stage.name, inputs: inputs, inputNames: names, sources: planned.sources,
      seed: Planner.seed(stage, graph.spec), salt: Planner.salt(stage),
      pipeline: Planner.facts(graph, stage, partial), stage: stage, run: run, own: own,
      contents: contents)
    let outputs = try await stage.kind.drive(driver)
    for name in outputs.artifacts.keys where !stage.kind.outputs.contains(name) {
      throw TaskFailure(
        .error(
          "AX0909", "stage kind '\(stage.description.name)' gave an undeclared output '\(name)'"))
    }
    contents.keep(own.takeContents())
    var ports = outputs.artifacts.mapValues { [$0] }
    ports["\u{1}partitions"] = try contents.partitions(of: outputs.artifacts.values)
    ports["\u{1}deliveries"] = outputs.deliveries.map(\.artifact)
    let result = try run.store.commit(
      fingerprint, scope: .stage, kind: stage.description.name,
      outputs: ports.filter { !$0.value.isEmpty }, contents: contents.all,
      body: CanonicalJSON.encode(outputs), run: run.uuid,
      isLastSuccess: (graph.spec.name, stage.name))
    return (outputs, result)
  }
}

/// Raised once, seen by all.
private final class StopFlag: Sendable {
  private let flag = Atomic(false)
  func raise() { flag.store(true, ordering: .relaxed) }
  var isRaised: Bool { flag.load(ordering: .relaxed) }
}

extension Duration {
  package var seconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
