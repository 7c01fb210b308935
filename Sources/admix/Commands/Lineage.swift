import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixSpec
import AdmixStore
import ArgumentParser
import Foundation

struct Lineage: AsyncParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, dot, mermaid, openlineage, prov
  }

  static let configuration = CommandConfiguration(
    commandName: "lineage",
    abstract: "Say what came from what: stages, columns, files and digests.",
    discussion:
      "What is looked for is a stage, 'stage.output', 'stage.column' or 'stage.output.column', the first digits of a digest, or the path of a source or an exported file. See docs/lineage.md."
  )

  @OptionGroup var pipeline: PipelineArguments
  @Argument(help: "What to start from; every last stage unless given.") var what: String?
  @Flag(help: "Says what it was made from; so it is unless --down is given.") var up = false
  @Flag(help: "Says what was made from it; with --up, both.") var down = false
  @Flag(help: "Of columns: follows those that only decide, such as filters, as well.")
  var indirect = false
  @Option(
    help: .init(
      "The run to tell of, by the first characters of its name; the present plan unless given, and for 'openlineage' and 'prov' the newest.",
      valueName: "name"))
  var run: String?
  @OptionGroup var store: StoreArguments
  @Option(
    help:
      "How to draw; 'openlineage' prints the run's events, one to a line, 'prov' W3C PROV-JSON.")
  var format = Format.text

  func validate() throws {
    if what != nil, format == .openlineage || format == .prov {
      throw ValidationError("--format \(format.rawValue) tells of whole runs.")
    }
  }

  private var directions: [LineageAnswer.Direction] {
    down ? (up ? [.up, .down] : [.down]) : [.up]
  }

  func run() async throws {
    let graph = try pipeline.graph()
    let engine = try store.engine(pipeline, onlyAsks: true)
    defer { engine.store.close() }
    let map = try Session.open(pipeline) { try whole(graph, engine) }
    switch format {
    case .openlineage:
      Terminal.out(OpenLineage(map, version: version).events.map { $0.text + "\n" }.joined())
      return
    case .prov:
      Terminal.out(ProvenanceDocument(map, version: version).json.pretty + "\n")
      return
    case .text, .dot, .mermaid: break
    }
    guard let what else {
      whole(map)
      return
    }
    try Session.open(pipeline) { () throws -> Void in
      let target: LineageTarget
      do {
        target = try LineageTarget(
          what, in: map, root: pipeline.root, folder: FileManager.default.currentDirectoryPath)
      } catch let problem as Diagnostic {
        throw pipeline.fail(Diagnostics([problem]), .usage)
      }
      switch target {
      case .stage(let stage, let output): self.stage(stage, output, map)
      case .column(let stage, let output, let column):
        let answers = directions.map {
          map.columns($0, of: stage, output: output, column: column, followsIndirect: indirect)
        }
        show(
          answers,
          [
            "type": "column", "stage": .string(stage), "output": .string(output),
            "column": .string(column),
          ])
      case .digest(let digest): try artifact(digest, nil, map)
      case .delivery(_, let path, let digest): try artifact(digest, path, map)
      case .file(let name, let digest): try artifact(digest, name, map)
      }
    }
  }

  private func whole(_ graph: Graph, _ engine: Engine) throws -> LineageMap {
    let wantsRun = format == .openlineage || format == .prov
    guard wantsRun || run != nil else { return try engine.lineage(graph) }
    let record = try Session.run(run, of: graph, engine, pipeline)
    return try engine.lineage(of: record, graph)
  }

  // MARK: Stages

  private func whole(_ map: LineageMap) {
    let stages = document(map)
    if pipeline.json || format != .text {
      draw(stages, ["type": "pipeline", "pipeline": .string(map.record.pipeline)])
      return
    }
    for direction in directions {
      let used = Set(stages.flatMap { $0.inputs.map(\.stage) })
      for stage in stages {
        let isEnd = direction == .up ? !used.contains(stage.name) : stage.inputs.isEmpty
        guard isEnd, let answer = map.stages(direction, of: stage.name) else { continue }
        Terminal.out(LineageText.tree(answer))
      }
    }
  }

  private func stage(_ name: String, _ output: String?, _ map: LineageMap) {
    let answers = directions.compactMap { map.stages($0, of: name, output: output) }
    if pipeline.json || format != .text {
      let names = Set(
        answers.flatMap(\.nodes).compactMap { node in
          if case .stage(let stage) = node { stage.name } else { nil }
        })
      draw(
        document(map).filter { names.contains($0.name) },
        ["type": "stage", "stage": .string(name), "output": JSONValue(output)])
    } else {
      Terminal.out(answers.map(LineageText.tree).joined())
    }
  }

  private func document(_ map: LineageMap) -> [RunDocument.Stage] {
    RunDocument(map.record, version: version) { _ in nil }.stages
  }

  private func draw(_ stages: [RunDocument.Stage], _ what: JSONValue) {
    if pipeline.json {
      Terminal.out(
        JSONValue.object([
          "what": what, "directions": .array(directions.map { .string($0.rawValue) }),
          "stages": .array(stages.map(json)),
        ]).pretty + "\n")
    } else {
      Terminal.out(format == .dot ? GraphText.dot(stages) : GraphText.mermaid(stages))
    }
  }

  private func json(_ stage: RunDocument.Stage) -> JSONValue {
    .object([
      "name": .string(stage.name), "kind": .string(stage.kind),
      "inputs": GraphText.json(stage.inputs),
      "outputs": .array(
        stage.outputs.map {
          .object([
            "name": .string($0.name), "kind": .string($0.kind.rawValue),
            "digest": .string($0.digest.hex), "rows": $0.rows.map { JSONValue($0) } ?? .null,
          ])
        }),
      "sources": .array(
        stage.sources.map { .object(["name": .string($0.name), "digest": .string($0.digest.hex)]) }
      ),
      "files": .array(stage.files.map { .string($0) }),
      "determinism": DeterminismText.json(stage.determinism),
    ])
  }

  // MARK: Artifacts and files

  private func artifact(_ digest: Digest, _ name: String?, _ map: LineageMap) throws {
    let lineage = ArtifactLineage(store: map.store)
    var answers: [LineageAnswer] = []
    for direction in directions {
      // A source that no stage has read yet is known to the plan alone.
      if let answer = try lineage.answer(direction, of: digest) {
        answers.append(answer)
      } else {
        answers.append(map.readers(of: digest, name, direction))
      }
    }
    let makings = try lineage.makings(of: digest)
    let present = Set(map.record.stages.flatMap { $0.artifacts.values.map(\.digest) })
      .union(map.deliveries.values.joined().map(\.artifact.digest))
    let isPlain = !pipeline.json && format == .text
    if isPlain {
      if let name { Terminal.out("\(name) is \(digest.short)\n") }
      for making in makings.prefix(3) {
        let isPart = making.isTask || making.output == "partition"
        Terminal.out(
          LineageText.making(making, isPresent: isPart || present.contains(digest)))
      }
      if makings.count > 3 { Terminal.out("and by \(makings.count - 3) more results\n") }
    }
    show(
      answers,
      [
        "type": makings.isEmpty ? "file" : "artifact", "digest": .string(digest.hex),
        "name": JSONValue(name), "makings": .array(makings.map(LineageText.json)),
      ])
  }

  private func show(_ answers: [LineageAnswer], _ what: JSONValue) {
    if pipeline.json {
      Terminal.out(
        JSONValue.object([
          "what": what, "answers": .array(answers.map { .object(LineageText.json($0)) }),
        ]).pretty + "\n")
      return
    }
    for answer in answers {
      switch format {
      case .dot: Terminal.out(LineageText.dot(answer))
      case .mermaid: Terminal.out(LineageText.mermaid(answer))
      default: Terminal.out(LineageText.tree(answer))
      }
    }
  }
}
