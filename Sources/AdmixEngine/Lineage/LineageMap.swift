package import AdmixModel
import AdmixSpec
package import AdmixStore

/// A pipeline as it stands, or as one of its runs left it: which stage took what, which columns came from
/// which, and which files were read and written.
///
/// Made from the plan or the recorded run; schemas and column lineage are worked out when asked for.
package final class LineageMap {
  package let record: RunRecord
  package let store: Store
  /// Files put beside the project, by stage.
  package let deliveries: [String: [Delivery]]

  private let graph: Graph
  private let positions: [String: Int]
  private let consumers: [String: [Int]]
  /// Stages whose options are known, so that what their kind says of columns holds.
  private let told: Set<String>
  private var knownSchemas: [String: [String: Schema]] = [:]
  private var knownLineage: [String: ColumnLineage?] = [:]

  init(
    _ record: RunRecord, graph: Graph, store: Store, deliveries: [String: [Delivery]],
    told: Set<String>
  ) {
    self.record = record
    self.graph = graph
    self.store = store
    self.deliveries = deliveries
    self.told = told
    positions = Dictionary(record.stages.enumerated().map { ($1.name, $0) }) { first, _ in first }
    var consumers: [String: [Int]] = [:]
    for (index, stage) in record.stages.enumerated() {
      for parent in Set(stage.inputs.map(\.stage) + stage.after) {
        consumers[parent, default: []].append(index)
      }
    }
    self.consumers = consumers
  }

  package subscript(stage: String) -> StageRecord? { positions[stage].map { record.stages[$0] } }

  /// Whether the stage's options are known to be those of the pipeline file.
  package func isTold(_ stage: String) -> Bool { told.contains(stage) }

  /// The stages that take something from this one, in the order of the graph.
  package func consumers(of stage: String) -> [StageRecord] {
    (consumers[stage] ?? []).map { record.stages[$0] }
  }

  /// What the pipeline file says the stage is for.
  package func description(of stage: String) -> String? {
    graph[stage]?.spec.options["description"]?.text
  }

  /// The schemas of a stage's tables: recorded where it ran, else as far as the plan knows them.
  package func schemas(of name: String) -> [String: Schema] {
    if let known = knownSchemas[name] { return known }
    var schemas = told.contains(name) ? graph[name]?.schemas ?? [:] : [:]
    for (output, artifact) in self[name]?.artifacts ?? [:] where artifact.kind == .dataset {
      guard let data = try? store.content(of: artifact),
        let manifest = try? CanonicalJSON.decode(DatasetManifest.self, from: data)
      else { continue }
      schemas[output] = manifest.schema
    }
    knownSchemas[name] = schemas
    return schemas
  }

  package func inputSchemas(of stage: StageRecord) -> [String: Schema] {
    var inputs: [String: Schema] = [:]
    for input in stage.inputs { inputs[input.role] = schemas(of: input.stage)[input.output] }
    return inputs
  }

  /// What the stage's kind says of columns; nil where it does not say, or nothing is known yet.
  package func columns(of name: String) -> ColumnLineage? {
    if let known = knownLineage[name] { return known }
    var lineage: ColumnLineage?
    if told.contains(name), let stage = self[name], let kind = graph[name]?.kind {
      lineage = kind.lineage(of: inputSchemas(of: stage), outputs: schemas(of: name))
    }
    knownLineage[name] = lineage
    return lineage
  }
}

extension LineageMap {
  /// Why nothing is said of a stage's columns; nil where something is.
  package func silence(of name: String) -> String? {
    if columns(of: name) != nil { return nil }
    guard let stage = self[name], isTold(name) else {
      return "its options were others than they are in the pipeline file now"
    }
    let inputs = inputSchemas(of: stage)
    let isKnown =
      stage.inputs.allSatisfy { inputs[$0.role] != nil }
      && (stage.outputs.isEmpty || stage.artifacts[stage.outputs[0]] != nil)
    return isKnown
      ? "a stage of kind '\(stage.kind)' does not say" : "it is known once the stage has run"
  }
}

extension Engine {
  /// The pipeline as the plan finds it.
  package func lineage(_ graph: Graph) throws -> LineageMap {
    let plan = try plan(graph)
    return LineageMap(
      try present(graph, plan), graph: graph, store: store,
      deliveries: Dictionary(
        plan.stages.map { ($0.name, $0.outputs?.deliveries ?? []) }
      ) { first, _ in first },
      told: Set(graph.stages.map(\.name)))
  }

  /// A recorded run.
  ///
  /// What a kind says of columns holds for a stage whose options were those of today's file.
  package func lineage(of record: RunRecord, _ graph: Graph) throws -> LineageMap {
    var deliveries: [String: [Delivery]] = [:]
    var told: Set<String> = []
    let actions = try store.actions(ofRun: record.run)
    for stage in record.stages {
      guard let known = actions[stage.name] else {
        // A stage that failed has no result; its place in the graph is all there is to compare.
        if let node = graph[stage.name], Set(node.inputs) == Set(stage.inputs) {
          told.insert(stage.name)
        }
        continue
      }
      if let result = known.result, !stage.files.isEmpty,
        let body = try store.body(ofResult: result),
        let outputs = try? CanonicalJSON.decode(StageOutputs.self, from: body)
      {
        deliveries[stage.name] = outputs.deliveries
      }
      guard let node = graph[stage.name], node.description.name == stage.kind,
        Set(node.inputs) == Set(stage.inputs)
      else { continue }
      let then = try store.parts(of: known.action).filter { $0.kind == .parameter }
      if Set(then) == Set(node.spec.fingerprintParameters(kind: node.description)) {
        told.insert(stage.name)
      }
    }
    return LineageMap(
      record, graph: graph, store: store, deliveries: deliveries, told: told)
  }

  /// A run that is under way, from the stages that have ended so far: for one who follows it.
  ///
  /// Of what an export writes only the data file is known before the run is recorded.
  package func lineage(following record: RunRecord, _ graph: Graph) -> LineageMap {
    let written = record.stages.compactMap { stage -> (String, [Delivery])? in
      guard let path = stage.files.first, let artifact = stage.artifacts["file"] else { return nil }
      return (stage.name, [Delivery(artifact: artifact, path: path)])
    }
    return LineageMap(
      record, graph: graph, store: store, deliveries: Dictionary(written) { first, _ in first },
      told: Set(graph.stages.map(\.name)))
  }
}
