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
  /// How many stages are in the longest row that begins with each.
  let ranks: [String: Int]
  /// How long to wait for another run that is at work on the same stage; nil waits without end.
  let waitLimit: Duration?

  /// A stage that has ended, as those after it need to know it.
  struct Ended: Sendable {
    var record: StageRecord
    var planned: Plan.Stage?
    var resultID: Int64?
    /// The record as it is written down, where that was done while others were at work.
    var encoded: Data?

    var isDone: Bool { record.status == .executed || record.status == .cached }
  }

  func stages() async -> [Ended] {
    var tasks: [String: Task<Void, Never>] = [:]
    var settled: [String: StageRecord] = [:]
    let board = Board()
    let halt = RunControl()
    for stage in graph.stages {
      let before = Set(stage.inputs.map(\.stage) + stage.after)
      let parents = before.compactMap { tasks[$0] }
      // Most stages of a long pipeline rest on nothing that runs: to start a task for each of them, which
      // waits for those of all others, would take longer than all the rest.
      if parents.isEmpty, let ended = known(stage, before, board) {
        board.post(ended)
        run.send(.stageFinished(ended.record))
        settled[stage.name] = ended.record
        continue
      }
      tasks[stage.name] = Task {
        for parent in parents { await parent.value }
        let ended = await end(stage, board, halt)
        if ended.record.status == .failed {
          if !keepsGoing { halt.stop() }
          // The run's end records it again; if the run does not come so far, this is what is known.
          if let row = try? recorded(ended.record) { try? run.store.record(row) }
        }
        board.post(ended)
        run.send(.stageFinished(ended.record))
      }
    }
    // Nothing else is to do here until the others have ended.
    let encoded = tasks.isEmpty ? [:] : settled.compactMapValues { try? $0.encoded() }
    for task in tasks.values { await task.value }
    return graph.stages.compactMap { stage in
      var ended = board[stage.name]
      ended?.encoded = encoded[stage.name]
      return ended
    }
  }

  private func record(_ stage: Graph.Stage) -> StageRecord {
    StageRecord(
      name: stage.name, kind: stage.description.name, status: .skipped, why: [], seconds: 0,
      inputs: stage.inputs, after: stage.after, artifacts: [:], outputs: stage.kind.outputs,
      gates: [], warnings: [], sources: [], files: [], failure: [], failureReason: nil)
  }

  /// A stage for which the plan has the last word; nil for one that has to be looked at again.
  private func known(_ stage: Graph.Stage, _ parents: Set<String>, _ board: Board) -> Ended? {
    guard let planned = plan[stage.name], planned.action == .hit, !planned.isNewlyCurrent,
      let outputs = planned.outputs, outputs.deliveries.isEmpty, !run.control.wantsToStop,
      parents.allSatisfy({ board[$0]?.record.status == .cached })
    else { return nil }
    var record = record(stage)
    record.started = Date().timeIntervalSince1970
    record.status = .cached
    record.sources = Array(planned.sources.joined())
    run.send(.stageReused(stage: stage.name))
    tell(outputs, of: stage, in: &record)
    return Ended(record: record, planned: planned, resultID: planned.result?.id)
  }

  /// Puts on record what a stage gave, and says what people should know of it.
  private func tell(_ outputs: StageOutputs, of stage: Graph.Stage, in record: inout StageRecord) {
    record.artifacts = outputs.artifacts
    record.gates = outputs.gates
    record.warnings = outputs.warnings
    for gate in outputs.gates { run.send(.gate(stage: stage.name, gate)) }
    for item in outputs.warnings { run.send(.warning(stage: stage.name, item)) }
  }

  private func end(_ stage: Graph.Stage, _ board: Board, _ halt: RunControl) async -> Ended {
    var record = record(stage)
    let begin = ContinuousClock.now
    if plan[stage.name]?.action == .off {
      record.off = plan[stage.name]?.offBecause
      return Ended(record: record, planned: plan[stage.name])
    }
    let parents = Set(stage.inputs.map(\.stage) + stage.after).compactMap { board[$0] }
    if parents.contains(where: { $0.record.status == .gated })
      || stage.after.contains(where: { name in
        board[name]?.record.gates.contains { $0.action == .fail && !$0.passed } == true
      })
    {
      record.status = .gated
      return Ended(record: record)
    }
    record.started = Date().timeIntervalSince1970
    var attempt = 1
    while true {
      guard parents.allSatisfy(\.isDone), !halt.wantsToStop, !run.control.wantsToStop else {
        return Ended(record: record)
      }
      do {
        var ended = try await carryOut(stage, board, &record, isFirst: attempt == 1)
        ended.record.seconds = (ContinuousClock.now - begin).seconds
        return ended
      } catch {
        let failure = TaskFailure(wrapping: error)
        // Why it ran is kept; what it would have given is not.
        (record.artifacts, record.gates, record.warnings, record.files) = ([:], [], [], [])
        (record.status, record.cutOff) = (.skipped, nil)
        if let pause = stage.policy.retry?.pause(after: attempt, failure.reason) {
          attempt += 1
          if let fact = failure.diagnostics.items.first {
            run.send(.retrying(stage: stage.name, failure: fact, pause: pause))
          }
          do { try await run.control.sleep(seconds: pause) } catch { return Ended(record: record) }
          continue
        }
        record.status = failure.reason == .cancelled ? .skipped : .failed
        record.failure = failure.diagnostics.items
        record.failureReason = failure.reason
        record.seconds = (ContinuousClock.now - begin).seconds
        return Ended(record: record)
      }
    }
  }

  /// - Parameter record: takes what is known by then also where the stage fails.
  private func carryOut(
    _ stage: Graph.Stage, _ board: Board, _ record: inout StageRecord, isFirst: Bool
  ) async throws -> Ended {
    // Everything before this stage has ended, so what it rests on is known by now.
    var planned = try plannedNow(stage, board, isFirst: isFirst)
    record.sources = Array(planned.sources.joined())
    record.why = planned.why
    guard let fingerprint = planned.fingerprint else {
      throw TaskFailure(.error("AX0909", "stage '\(stage.name)' was started too early"))
    }
    record.tried = fingerprint.components.filter { $0.kind != .file }
    if planned.action == .run || planned.action == .depends {
      if let (result, outputs) = try await lease(fingerprint.digest, stage) {
        planned.result = result
        planned.outputs = outputs
        planned.action = .hit
        planned.why = []
        record.why = []
      }
    }
    if planned.action == .run || planned.action == .depends,
      let shared = try await shared(fingerprint.digest, stage)
    {
      planned.result = shared.result
      planned.outputs = shared.outputs
      planned.action = .hit
      record.fromCache = FromCache(isWhole: true, tasks: 0, maker: shared.maker)
      run.send(.fetched(stage: stage.name, tasks: nil))
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
        let stored = try await drive(stage, planned, record, board)
        planned.outputs = stored.outputs
        planned.result = stored.result
        record.tasks = stored.tasks
        record.determinism = try determinism(fingerprint.digest)
      } catch {
        record.determinism = try? determinism(fingerprint.digest)
        try? run.store.dropLease(fingerprint.digest, run: run.uuid)
        throw error
      }
      record.status = .executed
      if let tasks = run.shared?.tasks(of: stage.name), tasks > 0 {
        record.fromCache = FromCache(isWhole: false, tasks: tasks)
      }
    } else {
      record.status = .cached
      record.cutOff = cutOff(stage, planned, board)
      if planned.isNewlyCurrent {
        try run.store.recordSuccess(
          pipeline: graph.spec.name, stage: stage.name, of: fingerprint.digest)
      }
      run.send(.stageReused(stage: stage.name))
    }
    let outputs = planned.outputs ?? StageOutputs()
    tell(outputs, of: stage, in: &record)
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
    record.tried = nil
    return Ended(record: record, planned: planned, resultID: planned.result?.id)
  }

  /// What doing tasks twice has shown by now, where that is what this run does.
  private func determinism(_ key: Digest) throws -> Determinism? {
    run.checksDeterminism ? try run.store.determinism(of: [key])[key] : nil
  }

  /// The stages before this one that ran and gave what they gave before.
  private func cutOff(_ stage: Graph.Stage, _ planned: Plan.Stage, _ board: Board) -> [String]? {
    if planned.isNewlyCurrent { return nil }
    let ran = Set(stage.inputs.map(\.stage)).filter { board[$0]?.record.status == .executed }
    return ran.isEmpty ? nil : ran.sorted()
  }

  /// What the plan said, if all that the stage rests on went as planned; else what is to be said now.
  private func plannedNow(_ stage: Graph.Stage, _ board: Board, isFirst: Bool) throws -> Plan.Stage
  {
    // One that waited for nobody was looked at a moment ago, and may have a hundred thousand files.
    if isFirst, let entry = plan[stage.name], entry.action == .run, entry.fingerprint != nil,
      stage.inputs.isEmpty, stage.after.isEmpty
    {
      return entry
    }
    if let entry = plan[stage.name], entry.action == .hit,
      stage.inputs.allSatisfy({ input in
        board[input.stage]?.planned?.outputs?.artifacts[input.output]
          == plan[input.stage]?.outputs?.artifacts[input.output]
      }), !stage.kind.usesPipelineFacts
    {
      return entry
    }
    return try planner.planned(stage) { board[$0]?.planned }
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

  /// What the team's cache has for a stage that we hold the lease of.
  private func shared(_ key: Digest, _ stage: Graph.Stage) async throws -> (
    result: StoredResult, outputs: StageOutputs, maker: String
  )? {
    guard let shared = run.shared, !run.isForced(stage.name) else { return nil }
    do {
      return try await shared.result(of: stage, key, pipeline: graph.spec.name)
    } catch {
      try? run.store.dropLease(key, run: run.uuid)
      throw error
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

  /// A stage as this run is to remember it.
  private func recorded(_ record: StageRecord) throws -> RunStage {
    RunStage(
      run: run.uuid, ordinal: graph.stages.firstIndex { $0.name == record.name } ?? 0,
      row: RunStageRow(
        name: record.name, kind: record.kind, status: record.status.rawValue,
        body: try record.encoded()))
  }

  /// - Parameter record: what is known of the stage so far; with what it gives, the run's word of it if
  ///   the run is killed before its end.
  private func drive(
    _ stage: Graph.Stage, _ planned: Plan.Stage, _ record: StageRecord, _ board: Board
  ) async throws -> (outputs: StageOutputs, result: StoredResult, tasks: TaskCounts) {
    guard let fingerprint = planned.fingerprint else {
      throw TaskFailure(.error("AX0909", "stage '\(stage.name)' was started too early"))
    }
    var inputs: [String: Artifact] = [:]
    var names: [String: String] = [:]
    for input in stage.inputs {
      inputs[input.role] = board[input.stage]?.planned?.outputs?.artifacts[input.output]
      let primary = graph[input.stage]?.kind.outputs.first
      names[input.role] = input.output == primary ? input.stage : "\(input.stage).\(input.output)"
    }
    let contents = StageContents(run.store)
    let own = run.newArtifacts(contents)
    let driver = StageDriver(
      stageName: stage.name, inputs: inputs, inputNames: names, sources: planned.sources,
      seed: Planner.seed(stage, graph.spec), salt: Planner.salt(stage),
      pipeline: Planner.facts(graph, stage) { board[$0]?.planned }, stage: stage,
      key: fingerprint.digest, rank: ranks[stage.name] ?? 1, run: run,
      own: own, contents: contents, control: control(of: stage))
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
    if let rows = outputs.rows {
      ports["\u{1}rows"] =
        [rows] + (try CanonicalJSON.decode(RowLineage.self, from: contents.content(rows))).maps
    }
    var record = record
    record.status = .executed
    (record.artifacts, record.gates) = (outputs.artifacts, outputs.gates)
    record.warnings = outputs.warnings
    record.seconds = record.started.map { Date().timeIntervalSince1970 - $0 } ?? 0
    record.tasks = driver.tally.counts.withLock { $0 }
    record.tried = nil
    let result = try run.store.commit(
      Finding(
        fingerprint, scope: .stage, kind: stage.description.name,
        outputs: ports.filter { !$0.value.isEmpty }, contents: contents.all,
        body: CanonicalJSON.encode(outputs), run: run.uuid, tasks: contents.allTasks,
        names: Planner.names(stage, planned.sources)),
      isLastSuccess: (graph.spec.name, stage.name), stage: try recorded(record))
    run.shared?.share([fingerprint.digest], of: stage.name)
    return (outputs, result, driver.tally.counts.withLock { $0 })
  }

  /// Stops with the run, and when the stage has had its time.
  private func control(of stage: Graph.Stage) -> RunControl {
    guard let seconds = stage.policy.timeout else { return run.control }
    return RunControl(
      run.control, deadline: .now + .seconds(seconds),
      failure: TaskFailure(
        .error(
          "AX0915", at: stage.spec.options["timeout"]?.span ?? stage.spec.nameSpan,
          "stage '\(stage.name)' took longer than it may",
          cause: "its 'timeout' is \(stage.spec.options["timeout"]?.source ?? "\(seconds) s")",
          hint: "give it more time; what is finished of it is kept"), reason: .timeout))
  }
}

/// The stages that have ended so far.
private final class Board: Sendable {
  private let ended = Mutex<[String: Runner.Ended]>([:])

  subscript(name: String) -> Runner.Ended? { ended.withLock { $0[name] } }
  func post(_ stage: Runner.Ended) { ended.withLock { $0[stage.record.name] = stage } }
}

extension Duration {
  package var seconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
