package import AdmixCache
package import AdmixModel
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
    /// What the run is asked, where the answer may be kept for the next one that is asked the same.
    package var question: Standing.Question?
    /// What foreign programs are started with; the folder is the engine's.
    package var foreign = ForeignSetting()
    /// Says why a stage's foreign program may not run; nil lets it.
    ///
    /// Where nobody can be asked, none may.
    package var objection: @Sendable (Graph.Stage, ForeignCode, [[SourceFile]]) -> Diagnostic? = {
      stage, code, _ in
      .error(
        "AX0860", at: code.span, "the command of stage '\(stage.name)' is not trusted",
        hint: "admix trust FILE")
    }
    /// What the team shares; nothing is asked of it before there is something to run.
    package var cache: SharedCache?

    package init(
      jobs: Int = ProcessInfo.processInfo.activeProcessorCount, distdirs: [String] = [],
      allowsNetwork: Bool = true, forced: Set<String> = [], selected: Set<String>? = nil,
      tokens: [String: Int] = [:], memory: Int? = nil, keepsGoing: Bool = false,
      waitLimit: Duration? = nil, checksDeterminism: Bool = false,
      cache: SharedCache? = nil
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
      self.cache = cache
    }
  }

  package let store: Store
  /// The folder of the pipeline file.
  package let root: String
  private(set) var options: Options
  let locator: SourceLocator

  package init(store: Store, root: String, options: Options = Options()) {
    self.store = store
    self.root = root
    self.options = options
    self.options.foreign.folder = root
    locator = SourceLocator(
      root: root, distdirs: options.distdirs, store: store, allowsNetwork: options.allowsNetwork,
      searchPath: options.foreign.environment["PATH"] ?? "")
  }

  private func planner(_ graph: Graph) -> Planner {
    Planner(
      graph: graph, store: store, locator: locator,
      deliveries: Deliveries(root: root, store: store), forced: options.forced,
      selected: options.selected, foreign: options.foreign)
  }

  package func plan(_ graph: Graph, toleratesFailures: Bool = false) throws -> Plan {
    try planner(graph).plan(toleratesFailures: toleratesFailures)
  }

  /// Runs what the plan says; with nothing to do it writes nothing and the record has no run name.
  package func run(
    _ graph: Graph, control: RunControl = RunControl(), events: @escaping EventSink = { _ in }
  ) async throws -> RunRecord {
    let begin = ContinuousClock.now
    let started = Date().timeIntervalSince1970
    let capacity = try capacity(for: graph)
    let planner = planner(graph)
    var plan = try planner.plan(toleratesFailures: options.keepsGoing, explains: false)
    try checkTrust(graph, plan)
    var record = RunRecord(
      run: "", pipeline: graph.spec.name, description: graph.spec.description,
      seed: graph.spec.seed, started: started, seconds: 0, status: .succeeded, stages: [])
    if plan.isClean {
      record.stages = zip(graph.stages, plan.stages).map(Self.unchanged)
      record.status = Self.status(record.stages, control)
      record.seconds = (ContinuousClock.now - begin).seconds
      // Where files had to be identified anew, something was written already.
      if store.hasWritten, let standing = try standing(graph, plan.stages, record) {
        try keep(standing)
      }
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
    try store.objects.holds.follow(lock)
    store.sweepWork()
    // Only from here on is held what the plan found; if any of it went meanwhile, it is made again.
    let found = Set(plan.stages.compactMap { $0.result == nil ? nil : $0.fingerprint?.digest })
    if try store.results(for: Array(found)).count < found.count {
      plan = try planner.plan(toleratesFailures: options.keepsGoing, explains: false)
    }
    record.run = uuid
    try store.beginRun(
      uuid: uuid, pipeline: graph.spec.name, body: CanonicalJSON.encode(record))
    CrashPoint.runBegun.pass()
    let shared = options.cache.map {
      SharedResults($0, graph, store: store, run: uuid, control: control, send: events)
    }
    let active = try ActiveRun(
      uuid: uuid, store: store, locator: locator, executor: LocalExecutor(capacity),
      control: control, forced: options.forced,
      checksDeterminism: options.checksDeterminism, foreign: options.foreign,
      objection: options.objection, shared: shared, send: events)
    defer { active.cleanUp() }
    events(.runStarted(run: uuid, stages: graph.stages.map(\.name)))
    let runner = Runner(
      graph: graph, plan: plan, run: active, planner: planner, keepsGoing: options.keepsGoing,
      ranks: graph.ranks, waitLimit: options.waitLimit)
    let ended = await runner.stages()
    record.stages = ended.map(\.record)
    record.status = Self.status(record.stages, control)
    record.seconds = (ContinuousClock.now - begin).seconds
    CrashPoint.runEnding.pass()
    // Beside the writing: it looks at files, and for the most part not at the database.
    let told = record
    async let standing =
      control.wantsToStop ? nil : try? standing(graph, ended.map(\.planned), told)
    try store.endRun(
      uuid: uuid, status: record.status.rawValue,
      stages: try ended.map { stage in
        (
          stage.record.name, stage.record.kind, stage.record.status.rawValue, stage.resultID,
          try stage.encoded ?? stage.record.encoded()
        )
      })
    // A memo; a run that was done is done without it.
    if let standing = await standing { try? keep(standing) }
    record.tell(try store.determinism(ofRun: uuid))
    CrashPoint.runEnded.pass()
    // Everything is recorded by now, so that an end at any moment of this costs the others something
    // and us nothing.
    record.cache = await shared?.finish { events(.sharing(results: $0)) }
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

  /// The foreign programs of a pipeline, with what their source requests came to.
  package func foreignCode(_ graph: Graph) throws -> [(
    stage: Graph.Stage, code: ForeignCode, sources: [[SourceFile]]
  )] {
    try graph.stages.compactMap { stage in
      guard let code = stage.kind.foreignCode else { return nil }
      return (stage, code, try stage.kind.sources.map(locator.locate))
    }
  }

  /// Refuses at once what would be refused in the middle of the run.
  private func checkTrust(_ graph: Graph, _ plan: Plan) throws {
    var refused = Diagnostics()
    for (stage, planned) in zip(graph.stages, plan.stages) {
      // Where its files were not found, it fails by itself.
      guard let code = stage.kind.foreignCode, [.run, .depends].contains(planned.action),
        !planned.sources.isEmpty,
        let objection = options.objection(stage, code, planned.sources)
      else { continue }
      refused.append(objection)
    }
    if !refused.isEmpty { throw TaskFailure(refused, reason: .sandbox) }
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
    // What cannot be read, damaged or from another time, is left out.
    try store.runs(pipeline: pipeline, limit: limit).compactMap(record)
  }

  /// One run of a pipeline, by its full name; nil where there is none that can be read.
  package func record(of uuid: String, _ pipeline: String) throws -> RunRecord? {
    try store.runs(pipeline: pipeline, named: uuid).first.flatMap(record)
  }

  /// A run with its stages; nil where it cannot be read, damaged or from another time.
  func record(_ row: RunRow) throws -> RunRecord? {
    guard var record = try? CanonicalJSON.decode(RunRecord.self, from: row.body) else {
      return nil
    }
    // A run that was killed never wrote its end: its record says for ever that it is under way.
    let written = RunRecord.Status(rawValue: row.status) ?? .interrupted
    record.status =
      written == .running && !store.isAlive(run: row.uuid) ? .interrupted : written
    record.seconds =
      record.status == .running
      ? Date().timeIntervalSince(row.started)
      : row.ended.map { $0.timeIntervalSince(row.started) } ?? 0
    // The clock may have been set back meanwhile.
    record.seconds = max(0, record.seconds)
    record.stages = try store.stages(ofRun: row.uuid).compactMap {
      try? CanonicalJSON.decode(StageRecord.self, from: $0.body)
    }
    record.tell(try store.determinism(ofRun: row.uuid))
    return record
  }

  /// The name of the newest run of a pipeline.
  package func lastRun(of pipeline: String) throws -> String? {
    try store.runs(pipeline: pipeline, limit: 1).first?.uuid
  }

  /// The files on this machine that the sources of a pipeline are now, or would be, absolute.
  package static func sourceFiles(of graph: Graph, root: String) -> Set<String> {
    Set(graph.stages.flatMap { $0.kind.sources.flatMap { SourceLocator.places($0, root: root) } })
  }

  /// The state as the plan finds it, as the record of a run that did nothing.
  package func present(_ graph: Graph) throws -> RunRecord {
    try present(graph, try plan(graph))
  }

  func present(_ graph: Graph, _ plan: Plan) throws -> RunRecord {
    var record = RunRecord(
      run: "", pipeline: graph.spec.name, description: graph.spec.description,
      seed: graph.spec.seed, started: Date().timeIntervalSince1970, seconds: 0, status: .succeeded,
      stages: zip(graph.stages, plan.stages).map(Self.unchanged))
    let known = try store.determinism(of: plan.stages.compactMap { $0.fingerprint?.digest })
    record.tell(
      Dictionary(
        plan.stages.compactMap { stage in
          stage.fingerprint.flatMap { known[$0.digest] }.map { (stage.name, $0) }
        }
      ) { first, _ in first })
    return record
  }

  /// What doing its tasks twice has shown of a stage as it is planned; nil where nobody checked.
  package func determinism(of stage: Plan.Stage) throws -> Determinism? {
    guard let key = stage.fingerprint?.digest else { return nil }
    return try store.determinism(of: [key])[key]
  }
}
