import AdmixData
package import AdmixModel
import AdmixSpec
import AdmixStore
import Foundation

/// What has to be done so that nothing is left of some rows of a source; nothing of it is done.
package struct ForgetPlan: Hashable, Sendable, Codable {
  package struct Rerun: Hashable, Sendable, Codable {
    package var stage: String
    package var kind: String
    /// Has some of the rows, or learned from them; others run because what they read changes.
    package var isTouched: Bool
  }

  package struct Object: Hashable, Sendable, Codable {
    package enum Relation: String, Sendable, Codable {
      case holds, learned
      /// Made from something that holds a row: counts, sorted runs, copies, results of earlier runs.
      case derived
    }

    package var artifact: Artifact
    package var relation: Relation
    /// What it is, for people.
    package var what: String
  }

  package struct Run: Hashable, Sendable, Codable {
    package var run: String
    package var pipeline: String
    package var started: Double
    package var status: String
    /// The names it was given, which keep it from `gc`.
    package var tags: [String]
  }

  package var trace: Trace
  package var reruns: [Rerun]
  package var objects: [Object]
  /// Runs on record whose results are among the objects, newest first.
  package var runs: [Run]

  package func bytes(_ relation: Object.Relation) -> Int {
    objects.filter { $0.relation == relation }.reduce(0) { $0 + $1.artifact.bytes }
  }
}

extension Engine {
  /// The plan to forget some rows of a source file; changes nothing.
  package func forget(_ graph: Graph, _ question: TraceQuestion) throws -> ForgetPlan {
    let tracer = try tracer(graph, question)
    guard let found = try tracer.findSource() else {
      throw Diagnostic.error(
        "AX0832", "'\(question.what)' is no source file",
        cause: "what was made from a source is forgotten by making it again without the row",
        hint: "`admix trace` says which row of which source it came from")
    }
    var trace = Trace(subject: found.subject)
    let marks = try tracer.forward(found.rows, &trace)

    var objects: [ForgetPlan.Object] = []
    var exact: Set<Digest> = []
    func add(_ artifact: Artifact, _ relation: ForgetPlan.Object.Relation, _ what: String) {
      guard exact.insert(artifact.digest).inserted else { return }
      objects.append(.init(artifact: artifact, relation: relation, what: what))
    }
    for dataset in trace.datasets {
      for partition in dataset.partitions { add(partition, .holds, "rows of \(dataset.name)") }
    }
    for export in trace.exports where export.share.holds.count > 0 {
      add(export.artifact, .holds, export.path)
    }
    for model in trace.models where !model.share.isNothing {
      add(model.artifact, .learned, model.name)
    }
    var clean: Set<Digest> = []
    for stage in graph.stages {
      guard let outputs = tracer.plan[stage.name]?.outputs else { continue }
      for output in stage.kind.outputs where outputs.artifacts[output]?.kind == .dataset {
        let place = Tracer.Output(stage: stage.name, output: output)
        guard let manifest = try tracer.manifest(place) else { continue }
        let here = marks[place]
        // What came from none of these rows is clean where somebody keeps books about it.
        let isKnown =
          stage.kind.rowRelations[output] != nil
          || (try? tracer.lineage(stage.name)?.outputs[output]) != nil
        for (index, partition) in manifest.partitions.enumerated() {
          if here?.holds.touches(index) == true { continue }
          if here?.learned.touches(index) == true {
            add(partition, .learned, "rows of \(tracer.name(place))")
          } else if isKnown, here?.unclear.touches(index) != true {
            clean.insert(partition.digest)
          }
        }
      }
    }
    for export in trace.exports where export.share.holds.count == 0 && !export.share.isNothing {
      add(export.artifact, .learned, export.path)
    }
    clean.subtract(exact)
    var files: Set<Digest> = []
    for (output, rows) in found.rows {
      guard case .files(let pieces)? = try tracer.lineage(output.stage)?.outputs[output.output]
      else {
        continue
      }
      let sources = Array((tracer.plan[output.stage]?.sources ?? []).joined())
      for (index, piece) in pieces.enumerated() where rows.touches(index) {
        for file in piece.from ?? [] where sources.indices.contains(file) {
          files.insert(sources[file].digest)
        }
      }
    }
    let partitions = Set(
      objects.filter { $0.relation == .holds }.map(\.artifact.digest))
    for object in try store.objects(madeFrom: files.union(partitions), butFor: clean)
    where !exact.contains(object.artifact.digest) && object.artifact.kind != .dataset {
      add(
        object.artifact, .derived,
        "\(object.artifact.kind.rawValue) of a stage of kind \(object.kind)")
    }

    let roots = Set(found.rows.keys.map(\.stage))
    let touched = Set(
      trace.datasets.map(\.stage) + trace.models.map(\.stage) + trace.checks.map(\.stage)
        + trace.exports.map(\.stage))
    let reruns = graph.stages.filter { stage in
      roots.contains(stage.name) || !graph.ancestors(of: stage.name).isDisjoint(with: roots)
    }.map {
      ForgetPlan.Rerun(
        stage: $0.name, kind: $0.description.name, isTouched: touched.contains($0.name))
    }
    var tags: [String: [String]] = [:]
    let runs = try store.runs(thatGave: Set(objects.map(\.artifact.digest)))
    for pipeline in Set(runs.map(\.pipeline)) {
      for tag in try store.tags(pipeline: pipeline) { tags[tag.run, default: []].append(tag.name) }
    }
    let told = runs.map {
      ForgetPlan.Run(
        run: $0.uuid, pipeline: $0.pipeline, started: $0.started.timeIntervalSince1970,
        status: $0.status, tags: tags[$0.uuid] ?? [])
    }
    return ForgetPlan(trace: trace, reruns: reruns, objects: objects, runs: told)
  }
}
