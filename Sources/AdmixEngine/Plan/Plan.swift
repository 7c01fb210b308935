package import AdmixModel
package import AdmixSpec
package import AdmixStore
import Foundation

/// What a run would do, and why.
package struct Plan: Sendable {
  package enum Action: String, Sendable, Codable {
    /// Known: nothing is run.
    case hit
    /// Known, and a file beside the project has to be put back.
    case restore
    case run
    /// Runs only if an input that is remade really changes.
    case depends
    /// A gate it waits for has failed.
    case gated
    /// It takes no part: `when` is false, here or for what it reads, or it was not asked for.
    case off
  }

  package struct Stage: Sendable {
    package var name: String
    package var kind: String
    package var action: Action
    /// Why it would run; for a hit, empty.
    package var why: [Change]
    package var fingerprint: Fingerprint?
    package var result: StoredResult?
    package var outputs: StageOutputs?
    package var sources: [[SourceFile]]
    /// For one that takes no part: why not, in words.
    package var offBecause: String?
    /// The last success is not this result: "why" has to compare with another one from now on.
    package var isNewlyCurrent: Bool
  }

  /// In the order of the graph.
  package private(set) var stages: [Stage] = []
  private var index: [String: Int] = [:]

  init(_ stages: some Sequence<Stage> = []) { for stage in stages { append(stage) } }

  mutating func append(_ stage: Stage) {
    index[stage.name] = stages.count
    stages.append(stage)
  }

  package subscript(name: String) -> Stage? { index[name].map { stages[$0] } }

  /// Whether a run would change nothing at all.
  package var isClean: Bool {
    stages.allSatisfy { [.hit, .gated, .off].contains($0.action) && !$0.isNewlyCurrent }
  }

  package var isStale: Bool { stages.contains { $0.action == .run || $0.action == .depends } }
}

/// Finds out what is known: fingerprints, results, and what differs from last time.
package struct Planner: Sendable {
  let graph: Graph
  let store: Store
  let locator: SourceLocator
  let deliveries: Deliveries
  /// Stages to run whatever is known; an empty name means all of them.
  let forced: Set<String>
  /// The stages that take part; all where nil.
  let selected: Set<String>?
  /// What stages that run foreign programs depend on beside what they name.
  let foreign: ForeignSetting

  /// - Parameters:
  ///   - toleratesFailures: whether a stage whose sources cannot be located is planned to run, where it
  ///     will fail by itself, instead of ending the plan.
  ///   - explains: whether it is also said what differs in stages that wait for others; a run finds that
  ///     out when it comes to them.
  package func plan(toleratesFailures: Bool = false, explains: Bool = true) throws -> Plan {
    let lastKeys = try store.lastKeys(pipeline: graph.spec.name)
    // Most stages are what they were last time: those results are fetched together, unless they are few,
    // where each is asked for when it is needed.
    let recent =
      lastKeys.count < Store.fewResults
      ? [:] : try store.stageResults(for: Array(Set(lastKeys.values)))
    var plan = Plan()
    for stage in graph.stages {
      do {
        let entry = try planned(stage, { plan[$0] }, lastKeys[stage.name], explains: explains) {
          key in
          try recent[key] ?? store.stageResult(for: key)
        }
        plan.append(entry)
      } catch is TaskFailure where toleratesFailures {
        plan.append(
          Plan.Stage(
            name: stage.name, kind: stage.description.name, action: .run,
            why: stage.kind.sources.map { Change(.missing, name: $0.location) },
            fingerprint: nil, result: nil, outputs: nil, sources: [], isNewlyCurrent: false))
      }
    }
    return plan
  }

  /// The same for one stage during a run, when everything before it has ended.
  ///
  /// - Parameter plan: the stages before it as they ended.
  func planned(_ stage: Graph.Stage, _ plan: (String) -> Plan.Stage?) throws -> Plan.Stage {
    try planned(
      stage, plan, store.lastKey(pipeline: graph.spec.name, stage: stage.name), explains: true,
      store.stageResult(for:))
  }

  private func planned(
    _ stage: Graph.Stage, _ plan: (String) -> Plan.Stage?, _ last: Digest?, explains: Bool,
    _ found: (Digest) throws -> (result: StoredResult, outputs: StageOutputs)?
  ) throws -> Plan.Stage {
    var entry = Plan.Stage(
      name: stage.name, kind: stage.description.name, action: .run, why: [], fingerprint: nil,
      result: nil, outputs: nil, sources: [], isNewlyCurrent: false)
    let parents = Set(stage.inputs.map(\.stage) + stage.after).compactMap(plan)
    entry.offBecause =
      selected?.contains(stage.name) == false
      ? "not asked for"
      : !stage.policy.isOn
        ? "its 'when' is false"
        : parents.first { $0.action == .off }.map { "'\($0.name)' takes no part" }
    if entry.offBecause != nil {
      entry.action = .off
      return entry
    }
    if parents.contains(where: { $0.action == .gated })
      || stage.after.contains(where: { plan($0).map(Self.hasFailedGate) == true })
    {
      entry.action = .gated
      return entry
    }
    entry.sources = try stage.kind.sources.map(locator.locate)
    let waiting = stage.inputs.filter { plan($0.stage)?.outputs == nil }
    guard waiting.isEmpty else {
      entry.action = .depends
      if explains || last == nil {
        try tellWhatDiffers(&entry, stage, waiting, plan, isNew: last == nil)
      }
      return entry
    }
    var inputs: [String: Artifact] = [:]
    for input in stage.inputs {
      inputs[input.role] = plan(input.stage)?.outputs?.artifacts[input.output]
    }
    let facts = stage.kind.usesPipelineFacts ? Self.facts(graph, stage, plan) : nil
    let fingerprint = try Self.fingerprint(
      stage, spec: graph.spec, inputs: inputs, sources: entry.sources, facts: facts,
      foreign: foreign)
    entry.fingerprint = fingerprint
    let isForced = forced.contains(stage.name) || forced.contains("")
    if !isForced, let (result, outputs) = try found(fingerprint.digest) {
      entry.result = result
      entry.outputs = outputs
      entry.isNewlyCurrent = last != fingerprint.digest
      let missing = try (entry.outputs?.deliveries ?? []).filter { try !deliveries.isCurrent($0) }
      entry.action = missing.isEmpty ? .hit : .restore
      entry.why = missing.map {
        Change(deliveries.isThere($0) ? .damaged : .missing, name: $0.path)
      }
      return entry
    }
    if isForced {
      entry.why = [Change(.forced, name: stage.name)]
    } else if let before = try store.lastProvenance(pipeline: graph.spec.name, stage: stage.name) {
      entry.why = changes(fingerprint, since: before, stage, entry.sources)
      if entry.why.isEmpty { entry.why = try flaws(of: fingerprint.digest, stage.name) }
    } else {
      entry.why = [Change(.new, name: stage.name)]
    }
    return entry
  }

  package static func hasFailedGate(_ stage: Plan.Stage) -> Bool {
    stage.outputs?.hasFailedGate == true
  }

  /// Everything that can change what a stage gives.
  package static func fingerprint(
    _ stage: Graph.Stage, spec: PipelineSpec, inputs: [String: Artifact],
    sources: [[SourceFile]], facts: PipelineFacts?, foreign: ForeignSetting = ForeignSetting()
  ) throws -> Fingerprint {
    var parts = ownComponents(of: stage, spec: spec)
    parts += inputs.map { .init(.input, $0.key, $0.value.digest.hex) }
    var plugins: [Fingerprint.Component] = []
    for (request, files) in sources.enumerated() {
      if stage.kind.sources.indices.contains(request),
        let part = stage.kind.sources[request].part
      {
        plugins += pluginComponents(part, stage, sources).filter { !plugins.contains($0) }
        continue
      }
      for (position, file) in files.enumerated() {
        parts.append(.init(.file, "\(request).\(position)", file.digest.hex))
      }
    }
    parts += plugins
    parts += (stage.kind.foreignCode?.environment ?? []).map {
      .init(.environment, $0, foreign.digest(of: $0))
    }
    if let facts {
      parts.append(
        .init(.input, "pipeline facts", Digest(of: try CanonicalJSON.encode(facts)).hex))
    }
    return Fingerprint(parts)
  }

  /// A plugin by its content: of its own files, and of what it runs in.
  private static func pluginComponents(
    _ part: PluginPart, _ stage: Graph.Stage, _ sources: [[SourceFile]]
  ) -> [Fingerprint.Component] {
    let files = zip(stage.kind.sources, sources).filter { $0.0.part == part }.flatMap(\.1)
    let name = part.role == .code ? part.plugin : "\(part.plugin)'s environment"
    return [.init(.plugin, name, part.digest(of: files).hex)]
  }

  /// Of these, what the file and the program alone decide.
  package static func ownComponents(of stage: Graph.Stage, spec: PipelineSpec)
    -> [Fingerprint.Component]
  {
    var parts: [Fingerprint.Component] = [
      .init(.implementation, stage.description.name, "\(stage.description.revision)")
    ]
    parts += stage.kind.implementations.map { .init(.implementation, $0.key, "\($0.value)") }
    parts += stage.spec.fingerprintParameters(kind: stage.description)
    if stage.kind.drawsRandomNumbers {
      parts.append(.init(.seed, "seed", "\(seed(stage, spec))"))
      parts.append(.init(.seed, "salt", salt(stage)))
    }
    return parts
  }

  static func seed(_ stage: Graph.Stage, _ spec: PipelineSpec) -> UInt64 {
    stage.spec.options["seed"]?.int.map { UInt64(bitPattern: Int64($0)) } ?? spec.seed
  }

  static func salt(_ stage: Graph.Stage) -> String {
    stage.spec.options["salt"]?.text ?? stage.name
  }

  /// What a card may tell about the stages before this one.
  static func facts(_ graph: Graph, _ stage: Graph.Stage, _ plan: (String) -> Plan.Stage?)
    -> PipelineFacts
  {
    let names = graph.ancestors(of: stage.name)
    let tells = stage.kind.tellsParameters
    var facts = PipelineFacts(
      name: graph.spec.name, description: graph.spec.description, seed: graph.spec.seed,
      ancestry: graph.stages.filter { names.contains($0.name) }.map {
        ancestor($0, graph, plan($0.name), tellsParameters: tells)
      })
    if tells { facts.own = ancestor(stage, graph, nil, tellsParameters: true) }
    return facts
  }

  private static func ancestor(
    _ stage: Graph.Stage, _ graph: Graph, _ known: Plan.Stage?, tellsParameters: Bool
  ) -> PipelineFacts.Ancestor {
    var ancestor = PipelineFacts.Ancestor(
      stage: stage.name, kind: stage.description.name,
      inputs: stage.inputs.map { "\($0.stage).\($0.output)" },
      rows: stage.kind.outputs.first.flatMap { known?.outputs?.artifacts[$0]?.rows },
      gates: known?.outputs?.gates ?? [], report: known?.outputs?.artifacts["report"],
      sources: Dictionary(
        (known?.sources ?? []).joined().map { ($0.name, $0.digest) },
        uniquingKeysWith: { first, _ in first }))
    guard tellsParameters else { return ancestor }
    var parameters: [String: String] = [:]
    for part in stage.spec.fingerprintParameters(kind: stage.description)
    // Not even the digest of a secret is for others: one may guess at it.
    where !part.value.hasPrefix("secret ") { parameters[part.name] = part.value }
    // Where somebody's files lie is nobody's business; their digests say what they were.
    let places = Set(stage.kind.sources.map { JSONValue.string($0.location).text })
    for (path, value) in parameters where places.contains(value) {
      guard case .string(let text)? = try? JSONValue(parsing: value) else { continue }
      parameters[path] = JSONValue.string(PublicName.of(text)).text
    }
    if stage.kind.drawsRandomNumbers {
      parameters["seed"] = "\(seed(stage, graph.spec))"
      parameters["salt"] = JSONValue.string(salt(stage)).text
    }
    ancestor.parameters = parameters
    ancestor.revisions = stage.kind.implementations.merging([
      stage.description.name: stage.description.revision
    ]) { $1 }
    return ancestor
  }
}

extension StageOutputs {
  package var hasFailedGate: Bool { gates.contains { $0.action == .fail && !$0.passed } }
}

extension StageOutputs {
  /// Reads what was recorded with a result; most stages give artifacts alone, which a general decoder
  /// would take ten times as long for.
  init(recorded body: Data) throws {
    if let json = try? JSONValue(parsing: [UInt8](body)), let members = json.object,
      let artifacts = members["artifacts"]?.object,
      ["deliveries", "gates", "warnings"].allSatisfy({ members[$0]?.array?.isEmpty == true })
    {
      let plain = artifacts.compactMapValues(Artifact.init(json:))
      let rows = members["rows"].flatMap(Artifact.init(json:))
      if plain.count == artifacts.count, (rows == nil) == (members["rows"] == nil) {
        self.init(plain, rows: rows)
        return
      }
    }
    self = try CanonicalJSON.decode(StageOutputs.self, from: body)
  }
}

extension Store {
  /// What a stage gave; a result that cannot be read, damaged or from another time, is none and will be
  /// made anew.
  func stageResult(for key: Digest) throws -> (result: StoredResult, outputs: StageOutputs)? {
    try stageResults(for: [key])[key]
  }

  /// The same for many stages at once.
  func stageResults(for keys: [Digest]) throws -> [Digest: (
    result: StoredResult, outputs: StageOutputs
  )] {
    try results(for: keys).compactMapValues { result in
      (try? StageOutputs(recorded: result.body)).map { (result, $0) }
    }
  }
}
