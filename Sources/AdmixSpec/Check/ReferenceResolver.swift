internal import AdmixModel

/// Finds the stages that references mean.
struct ReferenceResolver {
  /// By name as written; nothing for a stage that has problems of its own.
  let stages: [String: RawStage?]
  /// The axes of each stage, its own and those it got from the stages it reads.
  let axes: [String: [Axis]]
  /// All names as written, in file order.
  let names: [String]
  var report = Diagnostics()

  init(stages: [String: RawStage?], axes: [String: [Axis]], names: [String]) {
    self.stages = stages
    self.axes = axes
    self.names = names
  }

  mutating func edges(
    _ reference: OptionChecker.Reference, of stage: RawStage, _ combination: Combination
  ) -> [StageSpec.Edge] {
    let node = reference.node
    guard let text = node.text else { return [] }
    guard let parsed = StageReference(text) else {
      report.note(
        .error(
          "AX0306", at: node.span, "\(Words.quoted(node)) is no reference to a stage",
          cause: "a reference is 'stage', 'stage.output' or 'stage[axis=value].output'"))
      return []
    }
    guard let entry = stages[parsed.stage] else {
      dangling(parsed, node)
      return []
    }
    if parsed.stage == stage.name {
      report.note(
        .error(
          "AX0305", at: node.span, "the stage '\(stage.name)' refers to itself",
          cause: "a stage starts when what it refers to has finished"))
      return []
    }
    guard let target = entry, checkOutput(parsed, of: target, reference) else { return [] }
    return combinations(parsed, target, reference, combination).map { suffix in
      StageSpec.Edge(
        role: reference.role, kind: reference.kind, stage: target.name + suffix,
        output: reference.kind == .order ? nil : parsed.output, span: node.span)
    }
  }

  private mutating func dangling(_ parsed: StageReference, _ node: Node) {
    report.note(
      .error(
        "AX0301", at: node.span,
        node.isSecret
          ? "the value from the environment names no stage"
          : "there is no stage '\(Words.short(parsed.stage))'",
        cause: "the stages are \(Words.list(names))",
        hint: node.isSecret
          ? nil
          : Words.closest(to: parsed.stage, among: names).map { name in
            "did you mean '\(name)\(parsed.output.map { ".\($0)" } ?? "")'?"
          }))
  }

  private mutating func checkOutput(
    _ parsed: StageReference, of target: RawStage, _ reference: OptionChecker.Reference
  ) -> Bool {
    let span = reference.node.span
    if reference.kind == .order {
      guard let output = parsed.output else { return true }
      report.note(
        .error(
          "AX0309", at: span, "'\(Words.short(output))' is an output, where a stage is waited for",
          cause: "'after' waits for a stage as a whole", hint: "write '\(parsed.stage)'"))
      return false
    }
    guard let outputs = target.kind.outputs else { return true }
    if outputs.isEmpty {
      report.note(
        .error(
          "AX0307", at: span, "the stage '\(target.name)' gives nothing to read",
          cause: "it is of kind '\(target.kind.name)'",
          hint: "to start when it has finished, write 'after: \(target.name)'"))
      return false
    }
    guard let output = parsed.output, !outputs.contains(output) else { return true }
    report.note(
      .error(
        "AX0302", at: span, "the stage '\(target.name)' has no output '\(Words.short(output))'",
        cause: "it is of kind '\(target.kind.name)', which gives \(Words.list(outputs))",
        hint: Words.closest(to: output, among: outputs)
          .map { "did you mean '\(target.name).\($0)'?" } ?? "write '\(target.name)'"))
    return false
  }

  /// The suffixes of the expanded stages that are meant.
  private mutating func combinations(
    _ parsed: StageReference, _ target: RawStage, _ reference: OptionChecker.Reference,
    _ combination: Combination
  ) -> [String] {
    let span = reference.node.span
    let axes = axes[target.name] ?? []
    if let unknown = parsed.selection.keys.sorted().first(where: { name in
      !axes.contains { $0.name == name }
    }) {
      report.note(
        .error(
          "AX0308", at: span, "the stage '\(target.name)' has no axis '\(Words.short(unknown))'",
          cause: axes.isEmpty
            ? "it has no matrix" : "its axes are \(Words.list(axes.map(\.name)))"))
      return []
    }
    var found = [Combination(axes: axes, positions: [])]
    for axis in axes {
      let label = parsed.selection[axis.name] ?? combination.label(axis.name)
      if let label {
        guard let position = axis.labels.firstIndex(of: label) else {
          // An axis of the same name with other values, which has been reported.
          if parsed.selection[axis.name] == nil { return [] }
          report.note(
            .error(
              "AX0308", at: span,
              "the axis '\(axis.name)' of '\(target.name)' has no value '\(Words.short(label))'",
              cause: "its values are \(Words.list(axis.labels))"))
          return []
        }
        for index in found.indices { found[index].positions.append(position) }
      } else if reference.kind == .order {
        // Nothing flows along it, so there is nothing to fan out for: it waits for all of them.
        found = found.flatMap { partial in
          axis.values.indices.map { Combination(axes: axes, positions: partial.positions + [$0]) }
        }
      } else {
        report.note(
          .error(
            "AX0308", at: span, "'\(target.name)' stands for \(axis.values.count) stages here",
            cause: "it is run for each '\(axis.name)' of \(Words.list(axis.labels))",
            hint: "say which: '\(target.name)[\(axis.name)=\(axis.labels[0])]'"))
        return []
      }
    }
    return found.map(\.suffix)
  }
}
