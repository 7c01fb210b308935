import AdmixModel
import AdmixSpec
package import AdmixStore
import Foundation

/// The front door: plans and runs pipelines against a store, and tells what was done.
package struct Engine: Sendable {
  package struct Options: Sendable {
    package var jobs: Int
    package var distdirs: [String]
    package var allowsNetwork: Bool
    /// Stages to run whatever is known; an empty name means all.
    package var forced: Set<String>
    /// The stages that take part; all where nil.
    package var selected: Set<String>?
    /// How many there are of each token that stages take; one of those not named.
    package var tokens: [String: Int]
    /// Bytes that all tasks together may say they take.
    package var memory: Int
    package var keepsGoing: Bool
    package var waitLimit: Duration?
    /// Whether a sample of the tasks that are done is done twice and compared.
    package var checksDeterminism: Bool

    package init(
      jobs: Int = ProcessInfo.processInfo.activeProcessorCount, distdirs: [String] = [],
      allowsNetwork: Bool = true, forced: Set<String> = [], selected: Set<String>? = nil,
      tokens: [String: Int] = [:], memory: Int? = nil, keepsGoing: Bool = false,
      waitLimit: Duration? = nil, checksDeterminism: Bool = false
    ) {
      self.jobs = jobs
      self.distdirs = distdirs
      self.allowsNetwork = allowsNetwork
      self.forced = forced
      self.selected = selected
      self.tokens = tokens
      self.memory = memory ?? Int(clamping: ProcessInfo.processInfo.physicalMemory)
      self.keepsGoing = keepsGoing
      self.waitLimit = waitLimit
      self.checksDeterminism = checksDeterminism
    }
  }

  package let store: Store
  /// The folder of the pipeline file.
  package let root: String
  private let options: Options

  package init(store: Store, root: String, options: Options = Options()) {
    self.store = store
    self.root = root
    self.options = options
  }

  private var locator: SourceLocator {
    SourceLocator(
      root: root, distdirs: options.distdirs, store: store, allowsNetwork: options.allowsNetwork)
  }

  private func planner(_ graph: Graph) -> Planner {
    Planner(
      graph: graph, store: store, locator: locator,
      deliveries: Deliveries(root: root, store: store), forced: options.forced,
      selected: options.selected)
  }

  package func plan(_ graph: Graph) throws -> Plan { try planner(graph).plan() }

  /// Runs what the plan says; with nothing to do it writes nothing and the record has no run name.
  package func run(
    _ graph: Graph, control: RunControl = RunControl(), events: @escaping EventSink = { _ in }
  ) async throws -> RunRecord {
    let begin = ContinuousClock.now
    let started = Date().timeIntervalSince1970
    let capacity = try capacity(for: graph)
    let planner = planner(graph)
    let plan = try planner.plan(toleratesFailures: options.keepsGoing, explains: false)
    var record = RunRecord(
      run: "", pipeline: graph.spec.name, description: graph.spec.description,
      seed: graph.spec.seed, started: started, seconds: 0, status: .succeeded, stages: [])
    if plan.isClean {
      record.stages = zip(graph.stages, plan.stages).map(Self.unchanged)
      record.status = Self.status(record.stages, control)
      record.seconds = (ContinuousClock.now - begin).seconds
      for stage in record.stages {
        for gate in stage.gates { events(.gate(stage: stage.name, gate)) }
        for item in stage.warnings { events(.warning(stage: stage.name, item)) }
      }
      events(.runFinished(record))
      return record
    }

    let uuid = UUID().uuidString.lowercased()
    let lock = try RunLock(store: store, uuid: uuid)
    defer { withExtendedLifetime(lock) {} }
    store.sweepWork()
    record.run = uuid
    try store.beginRun(
      uuid: uuid, pipeline: graph.spec.name, body: CanonicalJSON.encode(record))
    let active = ActiveRun(
      uuid: uuid, store: store, locator: locator, executor: LocalExecutor(capacity),
      control: control, forced: options.forced,
      checksDeterminism: options.checksDeterminism, send: events)
    defer { active.cleanUp() }
    events(.runStarted(run: uuid, stages: graph.stages.map(\.name)))
    let runner = Runner(
      graph: graph, plan: plan, run: active, planner: planner, keepsGoing: options.keepsGoing,
      waitLimit: options.waitLimit)
    let ended = await runner.stages()
    record.stages = ended.map(\.record)
    record.status = Self.status(record.stages, control)
    record.seconds = (ContinuousClock.now - begin).seconds
    try store.endRun(
      uuid: uuid, status: record.status.rawValue,
      stages: try ended.map { stage in
        (
          stage.record.name, stage.record.kind, stage.record.status.rawValue, stage.resultID,
          try CanonicalJSON.encode(stage.record)
        )
      })
    events(.runFinished(record))
    return record
  }

  /// What this machine has for the stages; one that could never run is an error.
  private func capacity(for graph: Graph) throws -> Resources {
    var capacity = Resources(cpu: max(1, options.jobs), memory: options.memory)
    var problems = Diagnostics()
    for stage in graph.stages {
      for (token, count) in stage.policy.resources.tokens.sorted(by: { $0.key < $1.key }) {
        let all = options.tokens[token] ?? 1
        capacity.tokens[token] = all
        if count <= all { continue }
        problems.append(
          .error(
            "AX0319", at: stage.spec.options["resources"]?[token]?.span ?? stage.spec.nameSpan,
            "stage '\(stage.name)' takes \(count) of '\(token)', and there is \(all)",
            cause: options.tokens[token] == nil ? "what is not counted is there once" : nil,
            hint: "--resource \(token)=\(count) says there are so many"))
      }
    }
    if problems.hasErrors { throw TaskFailure(problems) }
    return capacity
  }

  private static func unchanged(_ stage: Graph.Stage, _ planned: Plan.Stage) -> StageRecord {
    let outputs = planned.outputs ?? StageOutputs()
    return StageRecord(
      name: stage.name, kind: stage.description.name,
      status: planned.action == .gated ? .gated : planned.action == .off ? .skipped : .cached,
      why: [], seconds: 0,
      inputs: stage.inputs, after: stage.after, artifacts: outputs.artifacts,
      outputs: stage.kind.outputs, gates: outputs.gates, warnings: outputs.warnings,
      sources: Array(planned.sources.joined()), files: outputs.deliveries.map(\.path), failure: [],
      failureReason: nil, off: planned.offBecause)
  }

  private static func status(_ stages: [StageRecord], _ control: RunControl) -> RunRecord.Status {
    if stages.contains(where: { $0.status == .failed }) { return .failed }
    if control.wantsToStop, stages.contains(where: { $0.status == .skipped }) {
      return .interrupted
    }
    if stages.contains(where: {
      $0.status == .gated || $0.gates.contains { $0.action == .fail && !$0.passed }
    }) {
      return .gated
    }
    return .succeeded
  }

  /// The runs of a pipeline, newest first, with their stages.
  package func history(_ pipeline: String, limit: Int = 100) throws -> [RunRecord] {
    try store.runs(pipeline: pipeline, limit: limit).compactMap(record)
  }

  /// A run with its stages; nil where it cannot be read, damaged or from another time.
  func record(_ row: RunRow) throws -> RunRecord? {
    guard var record = try? CanonicalJSON.decode(RunRecord.self, from: row.body) else { return nil }
    // A run that was killed never wrote its end: its record says for ever that it is under way.
    let written = RunRecord.Status(rawValue: row.status) ?? .interrupted
    record.status =
      written == .running && !store.isAlive(run: row.uuid) ? .interrupted : written
    record.seconds =
      record.status == .running
      ? Date().timeIntervalSince(row.started)
      : row.ended.map { $0.timeIntervalSince(row.started) } ?? 0
    record.stages = try store.stages(ofRun: row.uuid).compactMap {
      try? CanonicalJSON.decode(StageRecord.self, from: $0.body)
    }
    return record
  }

  /// The files on this machine that the sources of a pipeline are now, or would be, absolute.
  package static func sourceFiles(of graph: Graph, root: String) -> Set<String> {
    Set(graph.stages.flatMap { $0.kind.sources.flatMap { SourceLocator.places($0, root: root) } })
  }

  /// The state as the plan finds it, as the record of a run that did nothing.
  package func present(_ graph: Graph) throws -> RunRecord {
    present(graph, try plan(graph))
  }

  func present(_ graph: Graph, _ plan: Plan) -> RunRecord {
    RunRecord(
      run: "", pipeline: graph.spec.name, description: graph.spec.description,
      seed: graph.spec.seed, started: Date().timeIntervalSince1970, seconds: 0, status: .succeeded,
      stages: zip(graph.stages, plan.stages).map(Self.unchanged))
  }
}
