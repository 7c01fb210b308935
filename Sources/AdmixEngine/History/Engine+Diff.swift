import AdmixData
import AdmixModel
import AdmixSpec
import AdmixStore
import Foundation

/// A run, or what the file says now, with all that two of them are compared by.
package struct ComparedRun: Sendable {
  var record: RunRecord
  /// What each stage was made from; those of which that is not known are absent.
  var provenance: [String: [Fingerprint.Component]]
  /// Stages whose outputs as they would be now are not made.
  var unmade: Set<String> = []
}

extension Engine {
  /// A run that is over, for a comparison.
  ///
  /// - Throws: `Diagnostic` for one that has recorded nothing to compare.
  package func compared(_ record: RunRecord) throws -> ComparedRun {
    if record.stages.isEmpty {
      throw Diagnostic.error(
        "AX0983", "run '\(record.run.prefix(8))' has recorded no stages",
        cause: record.status == .running
          ? "it is under way: stages are recorded when a run ends"
          : "it was killed: stages are recorded when a run ends",
        hint: record.status == .running
          ? "compare when it has ended" : "compare another one of 'admix runs'")
    }
    var parts = try store.provenance(ofRun: record.run).mapValues { $0.fingerprint.components }
    for stage in record.stages {
      if let tried = stage.tried { parts[stage.name] = tried }
    }
    return ComparedRun(record: record, provenance: parts)
  }

  /// What the file says now and what of it is made, for a comparison.
  package func compared(_ graph: Graph) throws -> ComparedRun {
    let plan = try plan(graph)
    let record = try present(graph, plan)
    var parts: [String: [Fingerprint.Component]] = [:]
    for stage in graph.stages {
      parts[stage.name] = Planner.ownComponents(of: stage, spec: graph.spec)
    }
    return ComparedRun(
      record: record, provenance: parts,
      unmade: Set(plan.stages.filter { $0.action == .run || $0.action == .depends }.map(\.name)))
  }

  /// What differs; reads the rows of those datasets only that differ, a partition at a time.
  package func diff(_ old: ComparedRun, _ new: ComparedRun) throws -> RunDiff {
    func side(_ run: RunRecord) -> RunDiff.Side {
      RunDiff.Side(
        run: run.run, started: run.started, status: run.status.rawValue, seconds: run.seconds)
    }
    var diff = RunDiff(
      pipeline: new.record.pipeline, old: side(old.record), new: side(new.record),
      oldSeed: old.record.seed, newSeed: new.record.seed)
    let before = Self.byName(old.record)
    let after = Self.byName(new.record)
    // The order of the later run, and what it has no more at the end.
    let names =
      new.record.stages.map(\.name)
      + old.record.stages.map(\.name).filter { after[$0] == nil }
    for name in names {
      let (a, b) = (before[name], after[name])
      if let spec = Self.spec(name, a, b, old.provenance[name], new.provenance[name]) {
        diff.spec.append(spec)
      }
      diff.inputs += Self.inputs(name, a, b)
      if old.unmade.contains(name) || new.unmade.contains(name) {
        diff.unmade.append(name)
        continue
      }
      diff.gates += Self.gates(name, a, b)
      tellMetrics(name, a, b, &diff)
      tellOutputs(name, a, b, &diff)
      let times = [a, b].map { $0?.status == .executed ? $0?.seconds : nil }
      if times[0] != nil || times[1] != nil {
        diff.durations.append(RunDiff.Duration(stage: name, old: times[0], new: times[1]))
      }
    }
    return diff
  }

  private static func byName(_ record: RunRecord) -> [String: StageRecord] {
    Dictionary(record.stages.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  private static func spec(
    _ name: String, _ old: StageRecord?, _ new: StageRecord?, _ before: [Fingerprint.Component]?,
    _ after: [Fingerprint.Component]?
  ) -> RunDiff.Spec? {
    guard let some = new ?? old else { return nil }
    guard let old, let new else {
      return RunDiff.Spec(
        stage: name, presence: new == nil ? .removed : .added, kind: some.kind, changes: [])
    }
    var changes: [Change] = []
    var unknown: String?
    if old.kind != new.kind {
      changes.append(Change(.implementation, name: "kind", old: old.kind, new: new.kind))
    }
    if let before, let after {
      func own(_ parts: [Fingerprint.Component]) -> Fingerprint {
        Fingerprint(parts.filter { $0.kind != .input && $0.kind != .file })
      }
      changes += own(after).changes(since: own(before))
    } else {
      let missing = [(before, old), (after, new)].first { $0.0 == nil }?.1
      unknown =
        "what it was made from is not recorded: it "
        + (missing?.status == .gated
          ? "was stopped by a gate"
          : missing?.status == .skipped ? "did not run" : "is gone from the store")
    }
    func edges(_ stage: StageRecord) -> [String: String] {
      var edges = Dictionary(
        stage.inputs.map { ($0.role, "\($0.stage).\($0.output)") },
        uniquingKeysWith: { first, _ in first })
      for parent in stage.after { edges["after \(parent)"] = parent }
      return edges
    }
    let (from, to) = (edges(old), edges(new))
    for role in Set(from.keys).union(to.keys).sorted() where from[role] != to[role] {
      changes.append(Change(.input, name: role, old: from[role], new: to[role]))
    }
    if changes.isEmpty, unknown == nil { return nil }
    return RunDiff.Spec(
      stage: name, presence: .changed, kind: new.kind, changes: changes, unknown: unknown)
  }

  private static func inputs(_ name: String, _ old: StageRecord?, _ new: StageRecord?)
    -> [RunDiff.Input]
  {
    // A stage that did not get so far has located nothing, which is no difference.
    guard let old, let new, old.status != .skipped, old.status != .gated, new.status != .skipped,
      new.status != .gated
    else { return [] }
    func table(_ stage: StageRecord) -> [String: Digest] {
      Dictionary(
        stage.sources.map { ($0.name, $0.digest) }, uniquingKeysWith: { first, _ in first })
    }
    let (before, after) = (table(old), table(new))
    return Set(before.keys).union(after.keys).sorted().compactMap { file in
      before[file] == after[file]
        ? nil
        : RunDiff.Input(stage: name, name: file, old: before[file], new: after[file])
    }
  }

  private static func gates(_ name: String, _ old: StageRecord?, _ new: StageRecord?)
    -> [RunDiff.Gate]
  {
    func table(_ stage: StageRecord?) -> [String: GateResult] {
      Dictionary(
        (stage?.gates ?? []).map { ("\($0.action.rawValue): \($0.rule)", $0) },
        uniquingKeysWith: { first, _ in first })
    }
    let (before, after) = (table(old), table(new))
    return Set(before.keys).union(after.keys).sorted().compactMap { key in
      let (a, b) = (before[key], after[key])
      guard let some = b ?? a else { return nil }
      let isSame =
        a?.passed == b?.passed && !RunDiff.Metric.differs(a?.measurement, b?.measurement)
      return isSame
        ? nil
        : RunDiff.Gate(stage: name, rule: some.rule, action: some.action, old: a, new: b)
    }
  }

  private func tellMetrics(
    _ name: String, _ old: StageRecord?, _ new: StageRecord?, _ diff: inout RunDiff
  ) {
    let (a, b) = (old?.artifacts["report"], new?.artifacts["report"])
    if a?.digest == b?.digest { return }
    func metrics(_ artifact: Artifact?, _ side: RunDiff.Side) -> [String: AdmixModel.Measurement]? {
      guard let artifact else { return [:] }
      guard let data = try? store.content(of: artifact),
        let report = try? CanonicalJSON.decode(CheckReport.self, from: data)
      else {
        diff.unknown.append("the report of '\(name)' in \(side.name) is gone from the store")
        return nil
      }
      return report.metrics
    }
    guard let before = metrics(a, diff.old), let after = metrics(b, diff.new) else { return }
    for metric in Set(before.keys).union(after.keys).sorted()
    where RunDiff.Metric.differs(before[metric], after[metric]) {
      diff.metrics.append(
        RunDiff.Metric(stage: name, name: metric, old: before[metric], new: after[metric]))
    }
  }

  private func tellOutputs(
    _ name: String, _ old: StageRecord?, _ new: StageRecord?, _ diff: inout RunDiff
  ) {
    // What a stage that came to nothing would have given is not known.
    func isDone(_ stage: StageRecord?) -> Bool {
      stage?.status == .executed || stage?.status == .cached
    }
    guard isDone(old) || isDone(new) else { return }
    let outputs =
      (new?.outputs ?? []) + (old?.outputs ?? []).filter { new?.outputs.contains($0) != true }
    for output in outputs {
      let (a, b) = (old?.artifacts[output], new?.artifacts[output])
      if a?.digest == b?.digest { continue }
      var entry = RunDiff.Output(stage: name, name: output, old: a, new: b)
      if let a, let b, a.kind == .dataset, b.kind == .dataset {
        do {
          let before = try figures(a, old?.artifacts["profile"])
          let after = try figures(b, new?.artifacts["profile"])
          Self.compare(before, after, &entry)
        } catch {
          entry.unknown =
            TaskFailure(wrapping: error).diagnostics.items.first?.fact
            ?? "its rows cannot be read"
        }
      }
      diff.outputs.append(entry)
    }
  }

  /// The figures of every column, a partition in memory at a time.
  private func figures(_ artifact: Artifact, _ profile: Artifact?) throws -> [(
    name: String, figures: ColumnFigures
  )] {
    let store = store
    let access = WorkerArtifacts(
      objects: store.objects, folder: NSTemporaryDirectory(), name: "diff-\(getpid())",
      small: { try store.content(of: $0) })
    let manifest = try access.decode(DatasetManifest.self, from: artifact)
    var tally = ColumnTally(manifest.schema)
    for partition in manifest.partitions {
      tally.add(try access.batch(partition, schema: manifest.schema))
    }
    let known = profile.flatMap { try? access.decode(TableProfile.self, from: $0) }
    return Array(zip(manifest.schema.names, tally.figures(known)))
  }

  private static func compare(
    _ old: [(name: String, figures: ColumnFigures)],
    _ new: [(name: String, figures: ColumnFigures)],
    _ entry: inout RunDiff.Output
  ) {
    let before = Dictionary(old.map { ($0.name, $0.figures) }, uniquingKeysWith: { a, _ in a })
    let after = Dictionary(new.map { ($0.name, $0.figures) }, uniquingKeysWith: { a, _ in a })
    let names = new.map(\.name) + old.map(\.name).filter { after[$0] == nil }
    for name in names {
      let (a, b) = (before[name], after[name])
      // How many rows there are is said of the dataset.
      var (x, y) = (a, b)
      x?.rows = 0
      y?.rows = 0
      if x != y { entry.columns.append(RunDiff.Column(name: name, old: a, new: b)) }
    }
    entry.isReordered =
      old.map(\.name).filter { after[$0] != nil } != new.map(\.name).filter { before[$0] != nil }
  }
}

extension RunDiff.Side {
  /// How people call it.
  package var name: String { run.isEmpty ? "the present" : "run \(run.prefix(8))" }
}
