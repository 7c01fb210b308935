package import AdmixModel
package import AdmixSpec

/// A pipeline as stages that know their inputs, in an order in which every stage follows them.
package struct Graph: Sendable {
  package struct Stage: Sendable {
    package var spec: StageSpec
    package var kind: any ConfiguredStage
    package var description: KindDescription
    /// What flows in, by role.
    package var inputs: [Input]
    /// Stages whose gates must have passed.
    package var after: [String]
    /// The schemas of its outputs as far as they are known before anything runs.
    package var schemas: [String: Schema]
    package var policy = StagePolicy()

    package var name: String { spec.name }
  }

  package struct Input: Hashable, Sendable, Codable {
    package var role: String
    package var stage: String
    package var output: String
  }

  package let spec: PipelineSpec
  package let stages: [Stage]

  private let index: [String: Int]

  package subscript(name: String) -> Stage? { index[name].map { stages[$0] } }

  /// Makes stage values and connects them; throws everything that is wrong.
  package init(_ spec: PipelineSpec, registry: StageRegistry) throws(Diagnostics) {
    var report = Diagnostics()
    var stages: [Stage] = []
    var index: [String: Int] = [:]
    for stage in Self.ordered(spec.stages) {
      guard let entry = registry[stage.kind] else {
        report.append(
          .error(
            "AX0311", at: stage.nameSpan, "unknown stage kind '\(stage.kind)'",
            hint: Spelling.closest(
              to: stage.kind, among: registry.descriptions.map(\.name)
            )
            .map { "did you mean '\($0)'?" }))
        continue
      }
      let kind = entry.make(stage.options, &report)
      var node = Stage(
        spec: stage, kind: kind, description: entry.description, inputs: [], after: [],
        schemas: [:],
        policy: StagePolicy(stage.options, report: &report))
      var known: [String: Schema] = [:]
      for edge in stage.edges {
        if edge.kind == .order {
          node.after.append(edge.stage)
          continue
        }
        guard let source = index[edge.stage].map({ stages[$0] }) else { continue }
        let outputs = source.kind.outputs
        guard let output = edge.output ?? outputs.first, outputs.contains(output) else {
          report.append(
            .error(
              "AX0312", at: edge.span,
              "stage '\(edge.stage)' has no output '\(edge.output ?? "")'",
              cause: outputs.isEmpty ? "it gives nothing that others can use" : nil,
              hint: outputs.isEmpty
                ? nil
                : Spelling.closest(to: edge.output ?? "", among: outputs).map {
                  "did you mean '\(edge.stage).\($0)'?"
                } ?? "it has " + outputs.map { "'\($0)'" }.joined(separator: ", ")))
          continue
        }
        node.inputs.append(Input(role: edge.role, stage: edge.stage, output: output))
        known[edge.role] = source.schemas[output]
      }
      node.schemas = kind.schemas(of: known, report: &report)
      index[node.name] = stages.count
      stages.append(node)
    }
    if !report.hasErrors, let budget = spec.privacyBudget {
      PrivacyLedger.check(stages, index, budget, report: &report)
    }
    if !report.hasErrors { ColumnPolicyCheck.check(stages, index, report: &report) }
    try report.check()
    self.spec = spec
    self.stages = stages
    self.index = index
  }

  /// File order, but each stage after its inputs; the language has made sure there is no circle.
  private static func ordered(_ stages: [StageSpec]) -> [StageSpec] {
    let positions = Dictionary(
      stages.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    var waitsFor = [Int](repeating: 0, count: stages.count)
    var followers = [[Int]](repeating: [], count: stages.count)
    for (position, stage) in stages.enumerated() {
      for parent in Set(stage.edges.compactMap { positions[$0.stage] }) where parent != position {
        waitsFor[position] += 1
        followers[parent].append(position)
      }
    }
    // Those that may come next, the first in the file at the end.
    var ready = stages.indices.filter { waitsFor[$0] == 0 }.reversed() as [Int]
    var order: [StageSpec] = []
    while let next = ready.popLast() {
      order.append(stages[next])
      for follower in followers[next] {
        waitsFor[follower] -= 1
        guard waitsFor[follower] == 0 else { continue }
        let place = ready.firstIndex { $0 < follower } ?? ready.endIndex
        ready.insert(follower, at: place)
      }
    }
    return order
  }

  /// Some stages with what they rest on, and with what rests on others.
  ///
  /// - Parameters:
  ///   - only: stages to be made.
  ///   - downstream: stages to be made with all that reads from them or waits for them.
  package func selection(only: [String], downstream: [String]) -> Set<String> {
    var wanted = Set(only + downstream)
    var reached = Set(downstream)
    for stage in stages
    where stage.inputs.contains(where: { reached.contains($0.stage) })
      || stage.after.contains(where: reached.contains)
    {
      reached.insert(stage.name)
      wanted.insert(stage.name)
    }
    return wanted.reduce(into: wanted) { $0.formUnion(ancestors(of: $1)) }
  }

  /// How many stages are in the longest row that begins with each: what is begun first where not all can
  /// be, since a run takes as long as its longest row.
  var ranks: [String: Int] {
    var ranks: [String: Int] = [:]
    for stage in stages.reversed() {
      let own = ranks[stage.name] ?? 1
      ranks[stage.name] = own
      for parent in stage.inputs.map(\.stage) + stage.after {
        ranks[parent] = max(ranks[parent] ?? 1, own + 1)
      }
    }
    return ranks
  }

  /// The stages that this one rests on, itself not included.
  package func ancestors(of name: String) -> Set<String> {
    var found: Set<String> = []
    var open = [name]
    while let next = open.popLast() {
      guard let stage = self[next] else { continue }
      for parent in stage.inputs.map(\.stage) + stage.after where found.insert(parent).inserted {
        open.append(parent)
      }
    }
    return found
  }
}
