import AdmixData
import AdmixModel
import AdmixSpec
import AdmixStore
import Foundation

extension Engine {
  /// Says where rows came from and what became of them, from the present results alone: nothing is run
  /// and nothing is written.
  package func trace(_ graph: Graph, _ question: TraceQuestion) throws -> Trace {
    try tracer(graph, question).trace()
  }

  func tracer(_ graph: Graph, _ question: TraceQuestion) throws -> Tracer {
    Tracer(
      graph: graph, plan: try plan(graph, toleratesFailures: true), question: question, root: root,
      artifacts: WorkerArtifacts(
        objects: store.objects, folder: NSTemporaryDirectory(), name: "trace-\(getpid())",
        small: { try store.content(of: $0) }),
      isCurrent: { (try? Deliveries(root: root, store: store).isCurrent($0)) ?? false },
      lastPaths: { stage in
        guard let key = try? store.lastKey(pipeline: graph.spec.name, stage: stage) else {
          return []
        }
        return (try? store.stageResult(for: key))?.outputs.deliveries.map(\.path) ?? []
      })
  }
}

/// Answers one question about rows.
///
/// Goes through the graph once, with sets of rows by output. Memory holds those sets and one map; of the
/// data only the columns of the question are read, a partition at a time.
struct Tracer {
  let graph: Graph
  let plan: Plan
  let question: TraceQuestion
  let root: String
  let artifacts: any ArtifactAccess
  let isCurrent: (Delivery) -> Bool
  /// What a stage wrote when it last succeeded, whether that is what the file says now or not.
  let lastPaths: (String) -> [String]
  private let walk: RowWalk

  init(
    graph: Graph, plan: Plan, question: TraceQuestion, root: String,
    artifacts: any ArtifactAccess, isCurrent: @escaping (Delivery) -> Bool,
    lastPaths: @escaping (String) -> [String]
  ) {
    self.graph = graph
    self.plan = plan
    self.question = question
    self.root = root
    self.artifacts = artifacts
    self.isCurrent = isCurrent
    self.lastPaths = lastPaths
    walk = RowWalk(artifacts)
  }

  struct Output: Hashable {
    var stage: String
    var output: String
  }

  /// The rows of a dataset by what they have to do with those that are traced.
  struct Marks {
    var holds: RowSet
    var learned: RowSet
    var unclear: RowSet

    init(_ sizes: [Int]) {
      holds = RowSet(sizes: sizes)
      learned = holds
      unclear = holds
    }

    init(_ sets: [RowSet]) {
      holds = sets[0]
      learned = sets[1]
      unclear = sets[2]
    }

    var sets: [RowSet] { [holds, learned, unclear] }
    var isNothing: Bool { sets.allSatisfy(\.isEmpty) }

    func share(_ limit: Int) -> Trace.Share {
      func rows(_ set: RowSet) -> Trace.Rows {
        Trace.Rows(count: set.count, numbers: set.numbers(limit: limit).map { $0 + 1 })
      }
      return Trace.Share(holds: rows(holds), learned: rows(learned), unclear: rows(unclear))
    }
  }

  // MARK: The subject

  /// Which dataset rows the question is about, by output; and what the subject is called.
  struct Found {
    var subject: Trace.Subject
    var rows: [Output: RowSet] = [:]
    /// The output that rows are followed back from; nil for a source.
    var start: Output?
  }

  func trace() throws -> Trace {
    let found = try find()
    var trace = Trace(subject: found.subject)
    if let start = found.start, let source = dataset(behind: start), let rows = found.rows[source] {
      back(source, rows, &trace)
    }
    _ = try forward(found.rows, &trace)
    return trace
  }

  /// - Parameter prefersSources: what a name means that a stage and a source have.
  func find(prefersSources: Bool = false) throws -> Found {
    if prefersSources, isSource { return try source() }
    if let export = exported() { return try dataset(export.output, .export, export.path) }
    if let stage = graph[question.what] {
      let output = stage.kind.outputs.first ?? ""
      return try dataset(Output(stage: stage.name, output: output), .dataset, question.what)
    }
    if let mark = question.what.lastIndex(of: "."),
      let stage = graph[String(question.what[..<mark])],
      case let output = String(question.what[question.what.index(after: mark)...]),
      stage.kind.outputs.contains(output)
    {
      return try dataset(Output(stage: stage.name, output: output), .dataset, question.what)
    }
    let stale = graph.stages.first { stage in
      plan[stage.name]?.outputs == nil && lastPaths(stage.name).contains { isAsked($0) }
    }
    if let stale { throw notMade(stale.name, question.what) }
    return try source()
  }

  private func absolute(_ path: String, _ folder: String) -> String {
    URL(fileURLWithPath: path.hasPrefix("/") ? path : "\(folder)/\(path)").standardizedFileURL.path
  }

  private func isAsked(_ path: String) -> Bool {
    path == question.what
      || absolute(path, root) == absolute(question.what, question.folder)
  }

  /// What is behind a URL may be called by the last part of it, which is what its file is called.
  private func isAsked(source name: String) -> Bool {
    isAsked(name)
      || name.contains("://") && (name as NSString).lastPathComponent == question.what
  }

  private func exported() -> (output: Output, path: String)? {
    for stage in graph.stages {
      for (output, relation) in stage.kind.rowRelations {
        guard case .same = relation, let outputs = plan[stage.name]?.outputs,
          let artifact = outputs.artifacts[output], artifact.kind == .file,
          let delivery = outputs.deliveries.first(where: {
            $0.artifact == artifact && isAsked($0.path)
          })
        else { continue }
        return (Output(stage: stage.name, output: output), delivery.path)
      }
    }
    return nil
  }

  func name(_ output: Output) -> String {
    output.output == "data" ? output.stage : "\(output.stage).\(output.output)"
  }

  /// The dataset that an output is, or is a copy of.
  private func dataset(behind output: Output) -> Output? {
    guard let stage = graph[output.stage] else { return nil }
    if case .same(let role)? = stage.kind.rowRelations[output.output] {
      guard let input = stage.inputs.first(where: { $0.role == role }) else { return nil }
      return dataset(behind: Output(stage: input.stage, output: input.output))
    }
    return output
  }

  func manifest(_ output: Output) throws -> DatasetManifest? {
    guard let artifact = plan[output.stage]?.outputs?.artifacts[output.output],
      artifact.kind == .dataset
    else { return nil }
    let manifest = try artifacts.dataset(artifact)
    guard manifest.partitions.allSatisfy({ (0...RowLineage.mostRows).contains($0.rows ?? 0) })
    else {
      throw RowMap.damaged
    }
    return manifest
  }

  private func notMade(_ stage: String, _ what: String) -> Diagnostic {
    let isStale =
      plan[stage]?.action == .depends || !(plan[stage]?.why ?? []).contains { $0.cause == .new }
    return .error(
      "AX0831", "there are no rows of '\(what)' to trace",
      cause: because(stage),
      hint: isStale ? "admix run, or ask with the file as it was" : "admix run")
  }

  private func because(_ stage: String) -> String {
    guard let planned = plan[stage] else { return "there is no such stage" }
    switch planned.action {
    case .off: return "stage '\(stage)' takes no part"
    case .gated: return "a gate that '\(stage)' waits for has failed"
    case .depends: return "a stage before '\(stage)' has changed since it ran"
    case .run where planned.why.contains { $0.cause == .new }:
      return "stage '\(stage)' never ran to its end"
    case .run where planned.why.contains { $0.cause == .missing && $0.name == "artifact" }:
      return "something that '\(stage)' gave is missing from the store"
    case .run, .hit, .restore: return "stage '\(stage)' has changed since it ran"
    }
  }

  private func dataset(_ output: Output, _ kind: Trace.Subject.Kind, _ name: String) throws -> Found
  {
    guard let source = dataset(behind: output) else { throw notMade(output.stage, name) }
    guard plan[output.stage]?.outputs != nil, plan[source.stage]?.outputs != nil else {
      throw notMade(output.stage, name)
    }
    guard let manifest = try manifest(source) else {
      throw Diagnostic.error(
        "AX0825", "'\(name)' has no rows to trace",
        cause: "it is no dataset and no file that was made of one")
    }
    var rows = RowSet(sizes: manifest.partitions.map { $0.rows ?? 0 })
    for row in question.rows {
      guard (1...max(1, manifest.rows)).contains(row), manifest.rows > 0 else {
        throw Diagnostic.error(
          "AX0826", "'\(name)' has no row \(row)",
          cause: "it has \(manifest.rows) rows, counted from 1")
      }
      rows.insert(row - 1)
    }
    try filter(manifest, name, into: &rows)
    guard !rows.isEmpty else { throw noRows(name) }
    return Found(
      subject: Trace.Subject(
        kind: kind, name: name,
        rows: .init(count: rows.count, numbers: rows.numbers(limit: question.limit).map { $0 + 1 }),
        without: []),
      rows: [source: rows], start: output)
  }

  private func noRows(_ name: String) -> Diagnostic {
    .error(
      "AX0830", "no row of '\(name)' is what was asked for",
      cause: "every condition has to hold, and values are compared whole",
      hint: "`admix show` shows how values are written")
  }

  private func filter(_ manifest: DatasetManifest, _ name: String, into rows: inout RowSet) throws {
    if question.conditions.isEmpty { return }
    let filter = try RowFilter(question.conditions, manifest.schema, of: name)
    for (index, partition) in manifest.partitions.enumerated() {
      for row in try filter.rows(of: partition, artifacts) { rows.insert(row, of: index) }
    }
  }

  private var isSource: Bool {
    graph.stages.contains { stage in
      stage.kind.sources.contains { isAsked(source: $0.location) }
        || (plan[stage.name]?.sources ?? []).joined().contains { isAsked(source: $0.name) }
    }
  }

  /// A source file, or all files of a source.
  private func source() throws -> Found {
    struct Use {
      var stage: Graph.Stage
      var files: [Int]
    }
    var uses: [Use] = []
    var names: Set<String> = []
    var missing: String?
    for stage in graph.stages where !stage.kind.sources.isEmpty {
      let located = plan[stage.name]?.sources ?? []
      var files: [Int] = []
      var number = 0
      for (at, request) in stage.kind.sources.enumerated() {
        let some = located.indices.contains(at) ? located[at] : []
        let isAll = isAsked(source: request.location)
        if isAll, some.isEmpty { missing = stage.name }
        for file in some {
          if isAll || isAsked(source: file.name) {
            files.append(number)
            names.insert(file.name)
          }
          number += 1
        }
      }
      if !files.isEmpty { uses.append(Use(stage: stage, files: files)) }
    }
    guard !uses.isEmpty else {
      if let missing { throw notMade(missing, question.what) }
      throw unknown()
    }
    if !question.rows.isEmpty, names.count > 1 {
      let some = names.sorted().prefix(5).map { "'\($0)'" }.joined(separator: ", ")
      throw Diagnostic.error(
        "AX0829", "'\(question.what)' is \(names.count) files, each with a row of that number",
        hint: "name one of them: \(some)\(names.count > 5 ? ", …" : "")")
    }
    var found = Found(
      subject: Trace.Subject(kind: .source, name: question.what, rows: .init(), without: []))
    var without: Set<Int>?
    var unmade: String?
    for use in uses {
      var hasRows = false
      for output in use.stage.kind.outputs {
        let place = Output(stage: use.stage.name, output: output)
        guard let manifest = try manifest(place),
          case .files(let pieces)? = try lineage(use.stage.name)?.outputs[output]
        else { continue }
        hasRows = true
        var rows = RowSet(sizes: pieces.map(\.rows))
        if let file = use.files.first, !question.rows.isEmpty {
          let here = try walk.rows(ofRecords: question.rows, file: file, pieces)
          without = without.map { $0.intersection(here.without) } ?? Set(here.without)
          rows = here.rows
        }
        if !question.conditions.isEmpty {
          let files = Set(use.files)
          let filter = try RowFilter(question.conditions, manifest.schema, of: question.what)
          for (index, piece) in pieces.enumerated()
          where piece.from?.first.map(files.contains) == true {
            for row in try filter.rows(of: manifest.partitions[index], artifacts) {
              rows.insert(row, of: index)
            }
          }
        }
        if rows.isEmpty { continue }
        found.rows[place] = rows
        guard found.subject.records.isEmpty else { continue }
        found.subject.rows.count = rows.count
        found.subject.records = try records(rows, pieces, of: use.stage.name)
      }
      if !hasRows { unmade = use.stage.name }
    }
    // Numbers alone would not say which file they are of.
    if names.count == 1 { found.subject.rows.numbers = found.subject.records.compactMap(\.row) }
    found.subject.without = (without ?? []).sorted()
    if found.rows.isEmpty, found.subject.without.isEmpty {
      if let unmade { throw notMade(unmade, question.what) }
      throw noRows(question.what)
    }
    return found
  }

  /// The first of some rows as records of the files that their stage read.
  private func records(_ rows: RowSet, _ pieces: [RowLineage.Piece], of stage: String) throws
    -> [Trace.Place]
  {
    let files = Array((plan[stage]?.sources ?? []).joined())
    var records: [Trace.Place] = []
    for index in pieces.indices where records.count < question.limit {
      for row in rows.rows(of: index).prefix(question.limit - records.count) {
        let record = try walk.record(of: row, in: pieces[index])
        guard files.indices.contains(record.file) else { throw RowMap.damaged }
        records.append(
          .init(kind: .source, name: files[record.file].name, row: record.row, line: record.line))
      }
    }
    return records
  }

  /// What was found, said of the source where it is what a stage read from one.
  func findSource() throws -> Found? {
    var found = try find(prefersSources: true)
    if found.subject.kind == .source { return found }
    guard found.subject.kind == .dataset, let start = found.start, let rows = found.rows[start],
      case .files(let pieces)? = try lineage(start.stage)?.outputs[start.output]
    else { return nil }
    found.subject.kind = .source
    found.subject.records = try records(rows, pieces, of: start.stage)
    found.subject.rows.numbers = []
    return found
  }

  private func unknown() -> Diagnostic {
    var names = graph.stages.map(\.name)
    for stage in graph.stages {
      names += stage.kind.sources.map(\.location)
      names += (plan[stage.name]?.outputs?.deliveries ?? []).map(\.path)
      if let first = stage.kind.outputs.first {
        names += stage.kind.outputs.filter { $0 != first }.map { "\(stage.name).\($0)" }
      }
    }
    return .error(
      "AX0825", "the pipeline has no source, stage or exported file '\(question.what)'",
      hint: Spelling.closest(to: question.what, among: names).map { "did you mean '\($0)'?" }
        ?? "name a file as the pipeline file does, a stage, or 'stage.output'")
  }

  // MARK: What stages noted

  func lineage(_ stage: String) throws -> RowLineage? {
    guard let artifact = plan[stage]?.outputs?.rows else { return nil }
    let lineage = try artifacts.decode(RowLineage.self, from: artifact)
    guard lineage.isSound else { throw RowMap.damaged }
    return lineage
  }

  private func input(_ stage: Graph.Stage, _ role: String) -> Output? {
    stage.inputs.first { $0.role == role }.map { Output(stage: $0.stage, output: $0.output) }
  }

  private static func words(_ error: any Error) -> String {
    TaskFailure(wrapping: error).diagnostics.items.first.map { item in
      item.fact + (item.cause.map { ": \($0)" } ?? "")
    } ?? "it cannot be read"
  }

  // MARK: Forwards

  /// Goes through the graph with the rows, and says what became of them.
  ///
  /// - Returns: the rows of every dataset that has any.
  func forward(_ start: [Output: RowSet], _ trace: inout Trace) throws -> [Output: Marks] {
    var marks: [Output: Marks] = [:]
    // Datasets of which nothing can be said, because they are not there.
    var lost: Set<String> = []
    for stage in graph.stages {
      let inputs = stage.inputs.compactMap { input in
        marks[Output(stage: input.stage, output: input.output)].map {
          (role: input.role, marks: $0)
        }
      }
      let isStart = start.keys.contains { $0.stage == stage.name }
      guard let outputs = plan[stage.name]?.outputs else {
        if !inputs.isEmpty || stage.inputs.contains(where: { lost.contains($0.stage) }) {
          lost.insert(stage.name)
          trace.gaps.append(.init(stage: stage.name, because: because(stage.name)))
        }
        continue
      }
      if inputs.isEmpty, !isStart { continue }
      var lineage: RowLineage?
      do { lineage = try self.lineage(stage.name) } catch {
        trace.gaps.append(.init(stage: stage.name, because: Self.words(error)))
      }
      for output in stage.kind.outputs {
        guard let artifact = outputs.artifacts[output] else { continue }
        let place = Output(stage: stage.name, output: output)
        switch artifact.kind {
        case .dataset:
          guard let manifest = try manifest(place) else { continue }
          let sizes = manifest.partitions.map { $0.rows ?? 0 }
          var here = Marks(sizes)
          if !inputs.isEmpty {
            do {
              here = try made(stage, output, sizes, inputs, lineage)
            } catch {
              here.unclear = RowSet.all(sizes)
              trace.gaps.append(.init(stage: stage.name, because: Self.words(error)))
            }
          }
          if let rows = start[place] { here.holds = rows }
          if here.isNothing { continue }
          marks[place] = here
          trace.datasets.append(
            .init(
              name: name(place), stage: stage.name, output: output, of: manifest.rows,
              share: here.share(question.limit),
              partitions: manifest.partitions.indices.filter(here.holds.touches).map {
                manifest.partitions[$0]
              }))
        case .model:
          guard case .learned(let role)? = stage.kind.rowRelations[output],
            let input = inputs.first(where: { $0.role == role }), let from = self.input(stage, role)
          else { continue }
          trace.models.append(
            .init(
              name: name(place), stage: stage.name, artifact: artifact, from: name(from),
              share: input.marks.share(question.limit)))
        case .report:
          guard !inputs.isEmpty else { continue }
          trace.checks.append(
            .init(
              stage: stage.name, kind: stage.description.name, artifact: artifact,
              inputs: Dictionary(
                inputs.compactMap { input in
                  self.input(stage, input.role).map {
                    (name($0), input.marks.share(question.limit))
                  }
                }, uniquingKeysWith: { first, _ in first })))
        case .file:
          guard case .same(let role)? = stage.kind.rowRelations[output],
            let input = inputs.first(where: { $0.role == role })
          else { continue }
          let deliveries = outputs.deliveries
          for delivery in deliveries where delivery.artifact == artifact {
            trace.exports.append(
              .init(
                stage: stage.name, path: delivery.path, artifact: artifact,
                of: input.marks.holds.sizes.reduce(0, +),
                share: input.marks.share(question.limit), isCurrent: isCurrent(delivery),
                beside: deliveries.filter { $0.artifact != artifact }.map(\.path)))
          }
        case .partition, .statistics: continue
        }
      }
    }
    return marks
  }

  /// The rows of a dataset by what those of the inputs are.
  private func made(
    _ stage: Graph.Stage, _ output: String, _ sizes: [Int],
    _ inputs: [(role: String, marks: Marks)], _ lineage: RowLineage?
  ) throws -> Marks {
    var here = Marks(sizes)
    func of(_ role: String) -> Marks? { inputs.first { $0.role == role }?.marks }
    switch (lineage?.outputs[output], stage.kind.rowRelations[output]) {
    case (.rows(let roles, let steps)?, _):
      let all = try roles.map { role -> Marks in
        if let known = of(role) { return known }
        let manifest = try input(stage, role).flatMap { try self.manifest($0) }
        return Marks((manifest?.partitions ?? []).map { $0.rows ?? 0 })
      }
      let joined = (0..<3).map { at in RowSet(joining: all.map { $0.sets[at] }) }
      let made = try walk.rows(madeOf: joined, steps)
      guard steps.isEmpty || made[0].sizes == sizes else { throw RowMap.damaged }
      here = Marks(made)
    case (.files?, _), (nil, .made?): break
    case (nil, .same(let role)?): here = of(role) ?? here
    case (nil, .learned(let role)?):
      guard let learned = of(role) else { break }
      if learned.holds.isEmpty, learned.learned.isEmpty {
        here.unclear = RowSet.all(sizes)
      } else {
        here.learned = RowSet.all(sizes)
      }
    case (nil, nil): here.unclear = RowSet.all(sizes)
    }
    return here
  }

  // MARK: Backwards

  private func back(_ source: Output, _ rows: RowSet, _ trace: inout Trace) {
    var generators: [String] = []
    for row in rows.numbers(limit: question.limit) {
      var places: [Trace.Place] = []
      if trace.subject.kind == .export {
        places.append(.init(kind: .export, name: trace.subject.name, row: row + 1))
      }
      follow(source, row, &places, &generators)
      trace.back.append(places)
    }
    for name in generators {
      guard let stage = graph[name],
        let role = stage.kind.rowRelations.values.lazy.compactMap({
          if case .learned(let role) = $0 { role } else { nil }
        }).first, let from = input(stage, role)
      else { continue }
      let ancestors = graph.ancestors(of: name)
      trace.learning.append(
        .init(
          stage: name, from: self.name(from),
          rows: plan[from.stage]?.outputs?.artifacts[from.output]?.rows ?? 0,
          sources: graph.stages.filter { ancestors.contains($0.name) }.flatMap {
            (plan[$0.name]?.sources ?? []).joined().map(\.name)
          }))
    }
  }

  private func follow(
    _ start: Output, _ startRow: Int, _ places: inout [Trace.Place], _ generators: inout [String]
  ) {
    var at = start
    var row = startRow
    func end(_ because: String) -> Trace.Place {
      .init(kind: .unclear, name: name(at), because: because)
    }
    while true {
      guard let stage = graph[at.stage] else { return }
      let kind = stage.kind.rowRelations[at.output]
      if case .learned? = kind {
        places.append(.init(kind: .synthetic, name: name(at), row: row + 1))
        if !generators.contains(at.stage) { generators.append(at.stage) }
        return
      }
      if case .made? = kind {
        places.append(.init(kind: .made, name: name(at), row: row + 1))
        return
      }
      places.append(.init(kind: .dataset, name: name(at), row: row + 1))
      do {
        guard plan[at.stage]?.outputs != nil else {
          places.append(end(because(at.stage)))
          return
        }
        switch try lineage(at.stage)?.outputs[at.output] {
        case nil:
          if case .same(let role)? = kind, let input = input(stage, role) {
            at = input
            continue
          }
          places.append(
            end(
              "a stage of kind '\(stage.description.name)' does not tell where its rows came from"))
          return
        case .files(let pieces)?:
          guard let place = RowSet.place(of: row, pieces.map(\.rows)) else { throw RowMap.damaged }
          let record = try walk.record(of: place.row, in: pieces[place.partition])
          let files = Array((plan[at.stage]?.sources ?? []).joined())
          places.append(
            .init(
              kind: .source,
              name: files.indices.contains(record.file) ? files[record.file].name : "a file",
              row: record.row, line: record.line))
          return
        case .rows(let roles, let steps)?:
          guard let manifest = try manifest(at),
            let place = RowSet.place(of: row, manifest.partitions.map { $0.rows ?? 0 })
          else { throw RowMap.damaged }
          var source = try walk.source(of: place.row, in: place.partition, steps)
          var next: (Output, Int)?
          for role in roles where next == nil {
            guard let input = input(stage, role), let manifest = try self.manifest(input) else {
              throw RowMap.damaged
            }
            if source.partition < manifest.partitions.count {
              next = (input, manifest.offsets[source.partition] + source.row)
            }
            source.partition -= manifest.partitions.count
          }
          guard let next else { throw RowMap.damaged }
          (at, row) = next
        }
      } catch {
        places.append(end(Self.words(error)))
        return
      }
    }
  }
}
