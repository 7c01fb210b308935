package import AdmixEngine
package import AdmixModel
import AdmixSpec

/// The causes of a stage, each with the chain that leads from where it began.
package enum WhyText {
  /// Why a stage would run now, or why not: a line for each root cause.
  package static func text(_ stage: Plan.Stage, _ plan: Plan, _ graph: Graph) -> String {
    switch stage.action {
    case .hit:
      return "\(stage.name) does not run: nothing it rests on has changed\n"
        + compared(stage, graph)
    case .restore:
      return "\(stage.name) does not run; " + stage.why.sentences(most: 20)
        + " and is put back\n" + compared(stage, graph)
    case .gated:
      let gates = graph.ancestors(of: stage.name).sorted().flatMap { name in
        (plan[name]?.outputs?.gates ?? []).filter { $0.action == .fail && !$0.passed }
          .map { "'\(name)': \($0.rule)" }
      }
      return "\(stage.name) does not run: a gate before it has failed"
        + (gates.isEmpty ? "" : ", \(gates.joined(separator: ", "))") + "\n"
    case .off: return "\(stage.name) does not run: \(stage.offBecause ?? "it takes no part")\n"
    case .run, .depends: break
    }
    let verb = stage.action == .run ? "runs" : "runs if its input changes"
    return "\(stage.name) \(verb)\n" + lines(chains(of: stage.name, plan, graph))
  }

  /// Why a stage was run, or not, in a run that is over.
  package static func text(_ name: String, in run: RunRecord) -> String {
    guard let stage = run.stages.first(where: { $0.name == name }) else {
      return "\(name) was not in run \(run.run.prefix(8))\n"
    }
    let place = "in run \(run.run.prefix(8)), \(PlanText.time(run.started))"
    let why =
      lines(chains(of: name, in: run))
      + (stage.determinism.map { "  \(DeterminismText.words($0))\n" } ?? "")
    switch stage.status {
    case .executed: return "\(name) ran \(place)\n" + why
    case .failed:
      return "\(name) ran and failed \(place)\n" + why
        + stage.failure.map { "  it failed: \($0.fact) [\($0.code)]\n" }.joined()
    case .cached:
      let checked = stage.determinism.map { "  \(DeterminismText.words($0))\n" } ?? ""
      let cut = (stage.cutOff ?? []).map { "'\($0)' ran and gave what it gave before" }
      return "\(name) was known \(place)\n"
        + (cut.isEmpty
          ? "  because nothing it rests on differed from when it was made\n"
          : cut.map { "  because \($0)\n" }.joined())
        + stage.why.map { "  put back, because \($0.sentence)\n" }.joined()
        + checked
    case .gated:
      let parents = run.ancestors(of: name)
      let gates = run.stages.filter { parents.contains($0.name) }.flatMap { parent in
        parent.gates.filter { $0.action == .fail && !$0.passed }
          .map { "  because a gate of '\(parent.name)' failed: \($0.rule)\n" }
      }
      return "\(name) was stopped by a gate \(place)\n" + gates.joined()
    case .skipped:
      if !stage.why.isEmpty { return "\(name) was interrupted \(place)\n" + why }
      if let off = stage.off { return "\(name) took no part \(place)\n  because \(off)\n" }
      let parents = run.ancestors(of: name)
      let failed = run.stages.filter { parents.contains($0.name) && $0.status == .failed }
      return "\(name) was not run \(place)\n"
        + (failed.isEmpty
          ? "  because the run ended before it\n"
          : failed.map { "  because '\($0.name)', which it rests on, failed\n" }.joined())
    }
  }

  /// The newest run in which a stage was at work, and why it was.
  package static func lastStart(of name: String, in runs: [RunRecord]) -> String {
    for run in runs {
      guard
        let stage = run.stages.first(where: {
          $0.name == name && ($0.status == .executed || $0.fromCache?.isWhole == true)
        })
      else { continue }
      if let shared = stage.fromCache, shared.isWhole {
        return "  it came from the shared cache in run \(run.run.prefix(8)), "
          + "\(PlanText.time(run.started)); run \(shared.maker?.prefix(8) ?? "unknown") made it\n"
      }
      return "  it last ran in run \(run.run.prefix(8)), \(PlanText.time(run.started)): "
        + stage.why.sentences() + "\n"
    }
    return ""
  }

  /// For each stage that may run the root causes in a few words, as the rows of a plan have them.
  package static func because(_ plan: Plan, _ graph: Graph) -> [String: String] {
    // The first roots of each stage, in the order of the graph; a stage that differs by itself is one.
    let most = 3
    var roots: [String: [String]] = [:]
    var because: [String: String] = [:]
    for stage in plan.stages {
      let own = stage.why.filter { !$0.isExpectation }
      guard stage.mayRun else {
        because[stage.name] = stage.offBecause ?? own.sentences()
        continue
      }
      var found: [String] = []
      if !own.contains(where: { $0.cause == .new || $0.cause == .forced }) {
        for input in graph[stage.name]?.inputs ?? [] {
          for root in roots[input.stage] ?? [] where !found.contains(root) { found.append(root) }
        }
      }
      var parts = own.isEmpty ? [] : [own.sentences()]
      parts += found.prefix(most).map { root in
        let causes = plan[root]?.why.filter { !$0.isExpectation } ?? []
        return "\(root): \(causes.sentences(most: 1))"
      }
      if found.count > most { parts.append("and more") }
      because[stage.name] = parts.joined(separator: "; ")
      roots[stage.name] = Array(((own.isEmpty ? [] : [stage.name]) + found).prefix(most + 1))
    }
    return because
  }

  // MARK: Chains

  /// A root cause, and the stages on the shortest way to it, the nearest first.
  struct Chain: Hashable {
    var through: [String]
    var causes: [String]
  }

  private static func lines(_ chains: [Chain]) -> String {
    chains.flatMap { chain in
      chain.causes.map { cause in
        "  because " + (chain.through + [cause]).joined(separator: ", because ") + "\n"
      }
    }.joined()
  }

  /// Goes from a stage to what it reads and on, nearest first, each stage once.
  private static func chains(
    from name: String, causes: (String) -> [String],
    parents: (String) -> [(name: String, verb: String)]
  ) -> [Chain] {
    var chains: [Chain] = []
    var seen: Set<String> = [name]
    var open: [(name: String, through: [String])] = [(name, [])]
    var next = 0
    while next < open.count {
      let (name, through) = open[next]
      next += 1
      let own = causes(name)
      if !own.isEmpty { chains.append(Chain(through: through, causes: own)) }
      for parent in parents(name) where seen.insert(parent.name).inserted {
        open.append((parent.name, through + ["\(parent.name) \(parent.verb)"]))
      }
    }
    return chains
  }

  static func chains(of name: String, _ plan: Plan, _ graph: Graph) -> [Chain] {
    chains(from: name) { name in
      guard let stage = plan[name], stage.mayRun else { return [] }
      return words(stage.why.filter { !$0.isExpectation }) { place(of: $0, graph[name]) }
    } parents: { name in
      // What never ran, or was asked to, runs whatever its inputs do.
      if plan[name]?.why.contains(where: { $0.cause == .new || $0.cause == .forced }) == true {
        return []
      }
      return (graph[name]?.inputs ?? []).compactMap { input in
        guard let parent = plan[input.stage], parent.mayRun else { return nil }
        return (parent.name, parent.action == .run ? "runs" : "may change")
      }
    }
  }

  static func chains(of name: String, in run: RunRecord) -> [Chain] {
    let stages = Dictionary(
      run.stages.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    func ran(_ name: String) -> Bool {
      guard let stage = stages[name] else { return false }
      return [.executed, .failed].contains(stage.status)
        || stage.status == .skipped && !stage.why.isEmpty
    }
    /// The stage behind a change of an input, where it ran in the same run.
    func parent(_ change: Change, of stage: StageRecord) -> String? {
      guard change.cause == .input else { return nil }
      return stage.inputs.first { change.name.hasPrefix("\($0.role) (") && ran($0.stage) }?.stage
    }
    return chains(from: name) { name in
      guard let stage = stages[name], ran(name) else { return [] }
      return words(stage.why.filter { parent($0, of: stage) == nil }) { _ in nil }
    } parents: { name in
      guard let stage = stages[name] else { return [] }
      return stage.why.compactMap { parent($0, of: stage) }.map { ($0, "ran") }
    }
  }

  /// Many alike are counted; all of them are in `--json`.
  private static func words(_ changes: [Change], _ place: (Change) -> String?) -> [String] {
    let most = 40
    var words = changes.prefix(most).map { change in
      change.sentence + (place(change).map { "  (\($0))" } ?? "")
    }
    if changes.count > most {
      words.append("\(Numbers.count(changes.count - most)) changes more; --json has them")
    }
    return words
  }

  /// The line of the pipeline file that a parameter stands on.
  private static func place(of change: Change, _ stage: Graph.Stage?) -> String? {
    guard let span = span(of: change, stage), span.line > 0 else { return nil }
    return "\(span.file):\(span.line)"
  }

  package static func span(of change: Change, _ stage: Graph.Stage?) -> SourceSpan? {
    guard change.cause == .parameter else { return nil }
    return stage?.spec.place(of: change.name)
  }

  // MARK: Nothing changed

  /// What a hit rests on: everything that could have been a reason.
  private static func compared(_ stage: Plan.Stage, _ graph: Graph) -> String {
    guard let fingerprint = stage.fingerprint else { return "" }
    var counts: [Fingerprint.Class: Int] = [:]
    for part in fingerprint.components { counts[part.kind, default: 0] += 1 }
    var parts = fingerprint.components.filter { $0.kind == .implementation }
      .map { "\($0.name) revision \($0.value)" }
    let nouns: [(Fingerprint.Class, String)] = [
      (.parameter, "parameter"), (.file, "file"), (.input, "input"), (.plugin, "plugin"),
      (.environment, "environment variable"),
    ]
    for (kind, noun) in nouns {
      if let count = counts[kind] { parts.append(Numbers.count(count, noun)) }
    }
    if counts[.seed] != nil { parts.append("the seed") }
    return "  compared: \(parts.joined(separator: ", ")); fingerprint \(fingerprint.digest.short)\n"
  }
}

extension Plan.Stage {
  /// Whether it runs, or may.
  var mayRun: Bool { action == .run || action == .depends }
}

extension Change {
  /// An input of which nobody knows yet what it will be.
  var isExpectation: Bool { cause == .input && old == nil && new == nil }
}

extension RunRecord {
  /// The stages that one rested on in this run, itself not included.
  package func ancestors(of name: String) -> Set<String> {
    let stages = Dictionary(self.stages.map { ($0.name, $0) }, uniquingKeysWith: { a, _ in a })
    var found: Set<String> = []
    var open = [name]
    while let next = open.popLast() {
      guard let stage = stages[next] else { continue }
      for parent in stage.inputs.map(\.stage) + stage.after where found.insert(parent).inserted {
        open.append(parent)
      }
    }
    return found
  }
}
