package import AdmixModel
package import AdmixStore
import Foundation

/// A statement held against the file beside it and against what the store recorded.
package struct AttestationCheck: Sendable {
  /// What was found to be so.
  package struct Finding: Hashable, Sendable {
    package var subject: String
    package var digest: Digest
    /// Nil where no run that had it ever ended.
    package var pipeline: String?
    package var stage: String?
    package var run: String
    package var dependencies: Int
    /// What doing tasks of the export twice has shown.
    ///
    /// The statement cannot say it: it is the same bytes for the same inputs, checked or not.
    package var determinism: Determinism?
  }

  /// Why it does not hold, with how bad it is.
  package struct Refusal: Error, Sendable {
    package enum Kind: Sendable { case unreadable, missing, mismatch }
    package var kind: Kind
    package var diagnostic: Diagnostic
  }

  private let store: Store

  package init(store: Store) { self.store = store }

  /// - Parameter path: the statement's file; its subject lies in the same folder.
  package func check(_ path: String) throws -> Finding {
    guard let content = FileManager.default.contents(atPath: path) else {
      throw Refusal(
        kind: .unreadable,
        diagnostic: .error("AX0970", "'\(path)' cannot be read", cause: "there is no such file"))
    }
    let statement: Attestation
    do {
      statement = try Attestation(JSONValue(parsing: String(decoding: content, as: UTF8.self)))
    } catch let problem as Diagnostic where problem.code == "AX0970" {
      throw Refusal(
        kind: .unreadable,
        diagnostic: .error(
          "AX0970", "'\(path)' is no attestation of an export", cause: problem.cause,
          hint: problem.hint))
    } catch {
      throw Refusal(
        kind: .unreadable,
        diagnostic: .error(
          "AX0970", "'\(path)' is no attestation of an export", cause: "it is no JSON",
          hint: "name the file '….intoto.json' that an export with 'attestation: true' wrote"))
    }
    try checkSubject(statement, beside: path)
    return try checkRecord(statement, Digest(of: content), path)
  }

  private func checkSubject(_ statement: Attestation, beside path: String) throws {
    let folder = (path as NSString).deletingLastPathComponent
    let file = (folder as NSString).appendingPathComponent(statement.subject)
    guard FileManager.default.fileExists(atPath: file), let found = SourceLocator.digest(file)
    else {
      throw Refusal(
        kind: .missing,
        diagnostic: .error(
          "AX0971", "the file that '\(path)' speaks of is not there",
          cause: "'\(file)' is missing or cannot be read",
          hint: "keep both in one folder; 'admix run' puts back what it wrote"))
    }
    if found == statement.digest { return }
    throw Refusal(
      kind: .mismatch,
      diagnostic: .error(
        "AX0972", "'\(file)' is not the file that was attested",
        cause: "its SHA-256 is \(found.short)…, the statement says \(statement.digest.short)…",
        hint: "somebody changed the file or the statement; 'admix run' puts back what it wrote"))
  }

  private func checkRecord(_ statement: Attestation, _ own: Digest, _ path: String) throws
    -> Finding
  {
    let makings = try store.makings(of: statement.digest, limit: 100).filter {
      $0.action.scope == .stage && $0.action.kind == "export"
    }
    guard !makings.isEmpty else {
      throw Refusal(
        kind: .mismatch,
        diagnostic: .error(
          "AX0973", "no export on record gave what '\(path)' attests",
          cause: "the store has no result with the output \(statement.digest.short)…",
          hint: "name the store that made it with --store"))
    }
    var differences: [String] = []
    for making in makings {
      guard let result = making.action.result, let run = making.action.run else { continue }
      let recorded = try dependencies(of: making.action)
      let difference =
        recorded.map { Self.difference(statement.dependencies, $0.files) } ?? []
      guard difference.isEmpty else {
        if differences.isEmpty { differences = difference }
        continue
      }
      let outputs = try store.outputs(ofResult: result)
      if outputs[Store.deliveriesPort]?.contains(where: { $0.digest == own }) == true {
        return Finding(
          subject: statement.subject, digest: statement.digest, pipeline: recorded?.pipeline,
          stage: recorded?.stage, run: run, dependencies: statement.dependencies.count,
          determinism: try store.determinism(ofAction: making.action.id))
      }
    }
    if !differences.isEmpty {
      throw Refusal(
        kind: .mismatch,
        diagnostic: .error(
          "AX0974", "'\(path)' names other sources than the store recorded",
          cause: differences.joined(separator: "; "),
          hint: "the statement was changed, or belongs to another store"))
    }
    throw Refusal(
      kind: .mismatch,
      diagnostic: .error(
        "AX0975", "'\(path)' is not as admix wrote it",
        cause: "file and sources are as recorded, but no result has a statement with these bytes",
        hint: "its parameters or its layout were changed; 'admix run' puts back what it wrote"))
  }

  /// The source files behind a result, from the record of a run that had it.
  ///
  /// What they were is part of the fingerprint, so every such run says the same. Nil where no such run
  /// ever ended.
  private func dependencies(of action: LineageAction) throws -> (
    files: [Attestation.Dependency], pipeline: String, stage: String
  )? {
    guard let named = try store.stages(of: action.id, limit: 1).first else { return nil }
    let stages = try store.stageBodies(ofRun: named.run).compactMap {
      try? CanonicalJSON.decode(StageRecord.self, from: $0)
    }
    let byName = Dictionary(stages.map { ($0.name, $0) }) { first, _ in first }
    guard byName[named.name] != nil else { return nil }
    var open = [named.name]
    var done: Set<String> = []
    var files: [(name: String, digest: Digest)] = []
    while let name = open.popLast() {
      guard done.insert(name).inserted, let stage = byName[name] else { continue }
      files += stage.sources.map { ($0.name, $0.digest) }
      open += stage.inputs.map(\.stage) + stage.after
    }
    return (Attestation.dependencies(files), named.pipeline, named.name)
  }

  private static func difference(
    _ stated: [Attestation.Dependency], _ recorded: [Attestation.Dependency]
  ) -> [String] {
    let then = Dictionary(grouping: recorded, by: \.name)
    let said = Dictionary(grouping: stated, by: \.name)
    return Set(then.keys).union(said.keys).sorted().compactMap { name in
      let then = Set((then[name] ?? []).map(\.digest))
      let said = Set((said[name] ?? []).map(\.digest))
      if then == said { return nil }
      if said.isEmpty { return "it leaves out '\(name)'" }
      if then.isEmpty { return "'\(name)' was not used" }
      let words = { (set: Set<Digest>) in set.sorted().map(\.short).joined(separator: ", ") }
      return "'\(name)' was \(words(then))…, it says \(words(said))…"
    }
  }
}
