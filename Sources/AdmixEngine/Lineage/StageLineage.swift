package import AdmixModel

extension LineageMap {
  /// What a stage was made from, or what was made from it, down to files.
  ///
  /// - Parameter output: only what was made from this output; all of them where nil. Looking up, it
  ///   only says which output is meant.
  package func stages(
    _ direction: LineageAnswer.Direction, of name: String, output: String? = nil
  ) -> LineageAnswer? {
    guard let stage = self[name] else { return nil }
    var answer = LineageAnswer(direction, from: node(stage, output))
    var open = [(stage, 0, output)]
    var done: Set<String> = []
    while let (stage, position, output) = open.popLast() {
      guard done.insert(stage.name).inserted else { continue }
      switch direction {
      case .up:
        for source in stage.sources {
          let file = answer.add(.file(name: source.name, digest: source.digest))
          answer.connect(file.position, position, "file")
        }
        for input in stage.inputs {
          guard let from = self[input.stage] else { continue }
          let next = answer.add(node(from, input.output))
          answer.connect(next.position, position, input.role)
          open.append((from, next.position, nil))
        }
        for before in stage.after {
          guard let from = self[before] else { continue }
          let next = answer.add(node(from, nil))
          answer.connect(next.position, position, "after", isIndirect: true)
          open.append((from, next.position, nil))
        }
      case .down:
        for delivery in deliveries[stage.name] ?? [] where output == nil || output == "file" {
          let file = answer.add(.delivery(path: delivery.path, digest: delivery.artifact.digest))
          answer.connect(position, file.position, "writes")
        }
        for user in consumers(of: stage.name) {
          let inputs = user.inputs.filter {
            $0.stage == stage.name && (output == nil || $0.output == output)
          }
          let isLater = user.after.contains(stage.name)
          guard !inputs.isEmpty || isLater else { continue }
          let next = answer.add(node(user, nil))
          for input in inputs {
            let from = input.output == stage.outputs.first ? "" : input.output + ", "
            answer.connect(position, next.position, from + input.role)
          }
          if isLater { answer.connect(position, next.position, "after", isIndirect: true) }
          open.append((user, next.position, nil))
        }
      }
    }
    return answer
  }

  private func node(_ stage: StageRecord, _ output: String?) -> LineageAnswer.Node {
    .stage(
      .init(
        name: stage.name, kind: stage.kind, output: output,
        artifact: (output ?? stage.outputs.first).flatMap { stage.artifacts[$0] },
        determinism: stage.determinism))
  }
}

extension LineageMap {
  /// A source file, with the stages of the plan that read it.
  package func readers(
    of digest: Digest, _ name: String?, _ direction: LineageAnswer.Direction
  ) -> LineageAnswer {
    var answer = LineageAnswer(direction, from: .file(name: name, digest: digest))
    guard direction == .down else { return answer }
    for stage in record.stages where stage.sources.contains(where: { $0.digest == digest }) {
      guard let below = stages(.down, of: stage.name) else { continue }
      answer.graft(below, "file")
    }
    return answer
  }
}

extension LineageAnswer {
  /// Another answer of the same direction below this one's root.
  mutating func graft(_ other: LineageAnswer, _ role: String) {
    let positions = other.nodes.map { add($0).position }
    guard let first = positions.first else { return }
    if direction == .down { connect(0, first, role) } else { connect(first, 0, role) }
    for edge in other.edges {
      connect(
        positions[edge.from], positions[edge.to], edge.role, use: edge.use,
        isIndirect: edge.isIndirect)
    }
  }
}
