package import AdmixModel
package import AdmixSpec

/// A pipeline as stages that know their inputs, in an order in which every stage follows them.
package struct Graph: Sendable {
  package struct Stage: Sendable {
    package var spec: StageSpec
    package var kind: any StageKind
    package var description: KindDescription
    /// What flows in, by role.
    package var inputs: [Input]
    /// Stages whose gates must have passed.
    package var after: [String]
    /// The schemas of its outputs as far as they are known before anything runs.
    package var schemas: [String: Schema]

    package var name: String { spec.name }
  }

  package struct Input: Hashable, Sendable, Codable {
    package var role: String
    package var stage: String
    package var output: String
  }

  package let spec: PipelineSpec
  package let stages: [Stage]

  package subscript(name: String) -> Stage? { stages.first { $0.name == name } }

  /// Makes stage values and connects them; throws everything that is wrong.
  package init(_ spec: PipelineSpec, registry: StageRegistry) throws(Diagnostics) {
    var report = Diagnostics()
    var stages: [Stage] = []
    for stage in Self.ordered(spec.stages) {
      guard let type = registry[stage.kind] else {
        report.append(
          .error(
            "AX0311", at: stage.nameSpan, "unknown stage kind '\(stage.kind)'",
            hint: Spelling.closest(
              to: stage.kind, among: registry.kinds.map { $0.description.name }
            )
            .map { "did you mean '\($0)'?" }))
        continue
      }
      let kind = type.init(stage.options, report: &report)
      var node = Stage(
        spec: stage, kind: kind, description: type.description, inputs: [], after: [], schemas: [:])
      var known: [String: Schema] = [:]
      for edge in stage.edges {
        if edge.kind == .order {
          node.after.append(edge.stage)
          continue
        }
        guard let source = stages.first(where: { $0.name == edge.stage }) else { continue }
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
      stages.append(node)
    }
    try report.check()
    self.spec = spec
    self.stages = stages
  }

  /// File order, but each stage after its inputs; the language has made sure there is no circle.
  private static func ordered(_ stages: [StageSpec]) -> [StageSpec] {
    var done: Set<String> = []
    var order: [StageSpec] = []
    let names = Set(stages.map(\.name))
    var rest = stages
    while !rest.isEmpty {
      let index = rest.firstIndex { stage in
        stage.edges.allSatisfy { done.contains($0.stage) || !names.contains($0.stage) }
      }
      let stage = rest.remove(at: index ?? 0)
      done.insert(stage.name)
      order.append(stage)
    }
    return order
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
