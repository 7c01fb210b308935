package import AdmixModel
package import AdmixStore
import Foundation

/// What the store remembers of a digest, whatever pipeline or run it belongs to, and whether or not its
/// bytes are still there.
package struct ArtifactLineage {
  let store: Store
  /// So many results that gave the same bytes are told of.
  static let mostMakings = 20

  package init(store: Store) { self.store = store }

  /// Nil where nothing on record gave or used the digest.
  package func answer(_ direction: LineageAnswer.Direction, of digest: Digest) throws
    -> LineageAnswer?
  {
    let memory = Memory(store)
    let root = try node(digest, memory)
    if case .unknown = root, try store.uses(of: digest, limit: 1).isEmpty,
      try store.taskUses(of: digest).isEmpty
    {
      return nil
    }
    var answer = LineageAnswer(direction, from: root)
    let tasks = try store.taskUses(of: digest)
    if !tasks.isEmpty { answer.tasks[0] = tasks }
    var open = [(digest, 0)]
    var done: Set<Digest> = []
    while let (digest, position) = open.popLast() {
      guard done.insert(digest).inserted else { continue }
      switch direction {
      case .up: try lookUp(digest, position, &answer, &open, memory)
      case .down: try lookDown(digest, position, &answer, &open, memory)
      }
    }
    return answer
  }

  /// Every result that gave the digest, newest first.
  package func makings(of digest: Digest) throws -> [LineageAnswer.Maker] {
    var seen: Set<Int64> = []
    return try store.makings(of: digest, limit: Self.mostMakings)
      // What is put beside the project is an output too.
      .filter { seen.insert($0.action.result ?? -$0.action.id).inserted }.map { making in
        var maker = try maker(making)
        maker.runs = try store.runCount(of: making.action.id)
        return maker
      }
  }

  private func lookUp(
    _ digest: Digest, _ position: Int, _ answer: inout LineageAnswer,
    _ open: inout [(Digest, Int)], _ memory: Memory
  ) throws {
    guard let making = try memory.makings(of: digest).first else { return }
    let parts = try store.parts(of: making.action.id)
    try memory.learn(making.action.id)
    for part in parts.filter({ $0.kind == .file }).sorted(by: Self.precedes) {
      guard let digest = Digest(hex: part.value) else { continue }
      let file = answer.add(.file(name: memory.names[digest], digest: digest))
      answer.connect(file.position, position, "file")
    }
    for part in parts.filter({ $0.kind == .input }).sorted(by: Self.precedes) {
      guard let digest = Digest(hex: part.value), part.name != Self.facts else { continue }
      let next = answer.add(try node(digest, memory))
      answer.connect(next.position, position, part.name)
      open.append((digest, next.position))
    }
  }

  /// What a card tells of the pipeline is an input, and no artifact.
  static let facts = "pipeline facts"

  private static func precedes(_ a: Fingerprint.Component, _ b: Fingerprint.Component) -> Bool {
    a.name.compare(b.name, options: .numeric) == .orderedAscending
  }

  private func lookDown(
    _ digest: Digest, _ position: Int, _ answer: inout LineageAnswer,
    _ open: inout [(Digest, Int)], _ memory: Memory
  ) throws {
    // A partition is part of the datasets of the stage that gave it.
    for making in try memory.makings(of: digest)
    where making.port == Store.partitionsPort {
      guard let result = making.action.result else { continue }
      try outputs(result, .init(position, "partition of"), &answer, &open, memory) {
        $0.kind == .dataset
      }
    }
    for use in try store.uses(of: digest) {
      guard let result = use.action.result else { continue }
      try outputs(
        result, .init(position, use.kind == .file ? "file" : use.name), &answer, &open, memory)
    }
  }

  private struct Origin {
    var position: Int
    var role: String
    init(_ position: Int, _ role: String) {
      self.position = position
      self.role = role
    }
  }

  private func outputs(
    _ result: Int64, _ origin: Origin, _ answer: inout LineageAnswer,
    _ open: inout [(Digest, Int)], _ memory: Memory,
    where isWanted: (Artifact) -> Bool = { _ in true }
  ) throws {
    let ports = try store.outputs(ofResult: result)
    for (port, artifacts) in ports.sorted(by: { $0.key < $1.key })
    where port != Store.partitionsPort && port != Store.deliveriesPort {
      for artifact in artifacts where isWanted(artifact) {
        let next = answer.add(try node(artifact.digest, memory))
        answer.connect(origin.position, next.position, origin.role)
        open.append((artifact.digest, next.position))
      }
    }
  }

  private func node(_ digest: Digest, _ memory: Memory) throws -> LineageAnswer.Node {
    if let making = try memory.makings(of: digest).first {
      return .artifact(making.artifact, try maker(making))
    }
    if let use = try store.uses(of: digest, limit: 20).first(where: { $0.kind == .file }) {
      try memory.learn(use.action.id)
      return .file(name: memory.names[digest], digest: digest)
    }
    return .unknown(digest)
  }

  private func maker(_ making: LineageMaking) throws -> LineageAnswer.Maker {
    let stage = try store.stage(of: making.action.id)
    let output =
      switch making.port {
      case Store.partitionsPort: "partition"
      case Store.deliveriesPort: "delivery"
      default: making.port
      }
    return LineageAnswer.Maker(
      pipeline: stage?.pipeline, stage: stage?.name, kind: making.action.kind, output: output,
      isTask: making.action.scope == .task, run: making.action.run ?? "",
      made: making.action.created ?? Date(timeIntervalSince1970: 0),
      determinism: try store.determinism(ofAction: making.action.id))
  }

  /// What was asked once for an answer: an artifact is come upon by every one of its users.
  private final class Memory {
    private let store: Store
    private var makings: [Digest: [LineageMaking]] = [:]
    /// What people called source files, from the records of runs.
    private(set) var names: [Digest: String] = [:]
    private var learned: Set<Int64> = []

    init(_ store: Store) { self.store = store }

    func makings(of digest: Digest) throws -> [LineageMaking] {
      if let known = makings[digest] { return known }
      let found = try store.makings(of: digest, limit: ArtifactLineage.mostMakings)
      makings[digest] = found
      return found
    }

    func learn(_ action: Int64) throws {
      guard learned.insert(action).inserted else { return }
      for stage in try store.stages(of: action, limit: 1) {
        guard let record = try? CanonicalJSON.decode(StageRecord.self, from: stage.body) else {
          continue
        }
        for source in record.sources { names[source.digest] = source.name }
      }
    }
  }
}
