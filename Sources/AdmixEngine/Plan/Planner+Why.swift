import AdmixModel
import AdmixSpec
import AdmixStore

extension Planner {
  /// How people call what is in the fingerprint of a stage by digest.
  static func names(_ stage: Graph.Stage, _ sources: [[SourceFile]]) -> FingerprintNames {
    var names = FingerprintNames()
    for (request, files) in sources.enumerated() {
      for (position, file) in files.enumerated() {
        names.files.append(.init(component: "\(request).\(position)", name: file.name))
      }
    }
    for input in stage.inputs { names.inputs[input.role] = "\(input.stage).\(input.output)" }
    return names
  }

  /// What can be said of a stage some of whose inputs are not known yet.
  ///
  /// A difference of its own makes it run; without one it depends on what its inputs will be.
  func tellWhatDiffers(
    _ entry: inout Plan.Stage, _ stage: Graph.Stage, _ waiting: [Graph.Input],
    _ plan: (String) -> Plan.Stage?, isNew: Bool
  ) throws {
    entry.action = .run
    if isNew {
      entry.why = [Change(.new, name: stage.name)]
      return
    }
    if forced.contains(stage.name) || forced.contains("") {
      entry.why = [Change(.forced, name: stage.name)]
      return
    }
    let unknown = waiting.map { Change(.input, name: "\($0.role) (\($0.stage).\($0.output))") }
    let roles = Set(waiting.map(\.role) + ["pipeline facts"])
    func isSettled(_ component: Fingerprint.Component) -> Bool {
      component.kind != .input || !roles.contains(component.name)
    }
    guard let before = try store.lastProvenance(pipeline: graph.spec.name, stage: stage.name) else {
      entry.action = .depends
      entry.why = unknown
      return
    }
    var inputs: [String: Artifact] = [:]
    for input in stage.inputs where !roles.contains(input.role) {
      inputs[input.role] = plan(input.stage)?.outputs?.artifacts[input.output]
    }
    let known = try Self.fingerprint(
      stage, spec: graph.spec, inputs: inputs, sources: entry.sources, facts: nil)
    let settled = Provenance(
      fingerprint: Fingerprint(before.fingerprint.components.filter(isSettled)),
      names: before.names)
    var own = changes(known, since: settled, stage, entry.sources)
    // Whatever its inputs will be, what it gave last cannot be used.
    if own.isEmpty, try !store.flaws(of: before.fingerprint.digest).isEmpty {
      own = try flaws(of: before.fingerprint.digest, stage.name)
    }
    // An edge that was not there is a difference whatever comes along it.
    let added = waiting.filter { input in
      !before.fingerprint.components.contains { $0.kind == .input && $0.name == input.role }
    }
    entry.action = own.isEmpty && added.isEmpty ? .depends : .run
    entry.why = own + unknown
  }

  /// The differences in words people know: files by name, inputs by the stage behind them.
  func changes(
    _ now: Fingerprint, since before: Provenance, _ stage: Graph.Stage, _ sources: [[SourceFile]]
  ) -> [Change] {
    var changes = now.changes(since: before.fingerprint, leavingOut: .file)
    for (index, change) in changes.enumerated() where change.cause == .input {
      let name =
        stage.inputs.first { $0.role == change.name }.map { "\($0.stage).\($0.output)" }
        ?? before.names.inputs[change.name]
      if let name { changes[index].name = "\(change.name) (\(name))" }
    }
    let present = NamedFile.list(stage, sources)
    let files = NamedFile.changes(present, since: NamedFile.list(before, present: present))
    // In the order of causes that a fingerprint has.
    let place = changes.firstIndex { $0.cause.rawValue > Change.Cause.file.rawValue }
    changes.insert(contentsOf: files, at: place ?? changes.endIndex)
    return changes
  }

  /// What of a result that is known cannot be used, artifact by artifact.
  func flaws(of key: Digest, _ stage: String) throws -> [Change] {
    let flaws = try store.flaws(of: key)
    if flaws.isEmpty { return [Change(.missing, name: stage)] }
    var seen: Set<String> = []
    return flaws.compactMap { flaw in
      // Partitions of a dataset and files of an export have ports of their own.
      let name =
        switch flaw.port {
        case "\u{1}partitions": "\(stage) (a partition)"
        case "\u{1}deliveries": "\(stage) (a file)"
        default: "\(stage).\(flaw.port)"
        }
      guard seen.insert("\(name) \(flaw.digest?.hex ?? "")").inserted else { return nil }
      return Change(
        flaw.found == nil ? .missing : .damaged, name: name, old: flaw.digest?.hex,
        new: flaw.found.map { "\($0) of \(flaw.expected ?? 0) bytes" })
    }
  }
}
