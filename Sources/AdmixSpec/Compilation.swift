internal import AdmixModel

/// One compilation, from reading the files to the checked pipeline.
struct Compilation {
  private let kinds: [KindDescription]
  private var loader: Loader
  private var report = Diagnostics()

  init(kinds: [KindDescription], files: SpecFiles) {
    self.kinds = kinds
    loader = Loader(files: files)
  }

  mutating func run(_ file: String, _ options: SpecCompiler.Options) throws(Diagnostics)
    -> PipelineSpec
  {
    guard var document = loader.load(main: file) else { throw inOrder() }
    applyOverrides(options, to: &document)
    let scope = Scope(environment: options.environment, sources: loader.sources)
    scope.define(document.params, name: document.root["name"])

    let header = header(document.root, scope)
    let raw = readStages(document, scope)
    let axes = self.axes(of: raw.compactMap(\.stage), scope)
    let stages = expand(raw, axes, scope)
    let params = params(scope)
    report.note(contentsOf: scope.report)
    guard !report.hasErrors, !loader.report.hasErrors else { throw inOrder() }
    return PipelineSpec(
      name: header.name, description: header.description, seed: header.seed, params: params,
      stages: stages, files: loader.paths, environment: scope.environmentNames.sorted(),
      cache: header.cache, privacyBudget: header.privacyBudget)
  }

  /// All problems: those of the file that is run first, each file in its order.
  private func inOrder() -> Diagnostics {
    var all = loader.report
    all.append(contentsOf: report)
    let ranks = Dictionary(
      loader.paths.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    let sorted = all.items.enumerated().sorted { a, b in
      let (x, y) = (a.element.span, b.element.span)
      let rankX = x.map { ranks[$0.file] ?? ranks.count } ?? .max
      let rankY = y.map { ranks[$0.file] ?? ranks.count } ?? .max
      if rankX != rankY { return rankX < rankY }
      guard let x, let y, x.file == y.file else { return a.offset < b.offset }
      return (x.line, x.column, a.offset) < (y.line, y.column, b.offset)
    }
    return Diagnostics(sorted.map(\.element))
  }

  private mutating func applyOverrides(
    _ options: SpecCompiler.Options, to document: inout Loader.Document
  ) {
    var overrides = Overrides()
    for path in options.paramsFiles {
      if let root = loader.load(params: path) { overrides.apply(file: root, to: &document.params) }
    }
    for text in options.set { overrides.apply(setting: text, to: &document.params) }
    report.note(contentsOf: overrides.report)
  }

  // MARK: The top of the file

  private struct Header {
    var name = ""
    var description: String?
    var seed: UInt64 = 0
    var cache: OptionValues?
    var privacyBudget: PrivacyBudget?
  }

  private mutating func header(_ root: Node, _ scope: Scope) -> Header {
    var header = Header()
    func value(_ name: String, _ report: inout Diagnostics) -> Node? {
      guard let raw = root[name], let field = PipelineFields.all.first(where: { $0.name == name })
      else { return nil }
      let node = name == "name" ? scope.resolvedName() : scope.resolve(raw)
      guard let node else { return nil }
      if node.holdsSecret {
        report.note(Self.stored(name, raw.span))
        return nil
      }
      var checker = OptionChecker(failedPlaces: scope.failedPlaces)
      let checked = checker.check(node, field.type, .init(path: name, name: name))
      report.note(contentsOf: checker.report)
      return checked
    }
    header.name = value("name", &report)?.text ?? ""
    header.description = value("description", &report)?.text
    header.seed = value("seed", &report)?.int.flatMap { UInt64(exactly: $0) } ?? 0
    header.cache = value("cache", &report).map { OptionValues($0) }
    header.privacyBudget = PrivacyBudget(value("privacy_budget", &report))
    // Who found the plugins has read it already; here it is held against its description.
    _ = value("plugins", &report)
    return header
  }

  private static func stored(_ name: String, _ span: SourceSpan) -> Diagnostic {
    .error(
      "AX0247", at: span, "'\(name)' comes from the environment",
      cause: "it is stored and shown, and values of the environment never are",
      hint: "write it out, or use 'params' and '--set'")
  }

  private func params(_ scope: Scope) -> [String: JSONValue] {
    var params: [String: JSONValue] = [:]
    for (name, node) in scope.resolvedParams() where !node.holdsSecret { params[name] = node.json }
    return params
  }

  // MARK: Stages

  private struct Entry {
    var name: String
    /// Nothing where the stage could not be made out, which has been reported.
    var stage: RawStage?
  }

  private mutating func readStages(_ document: Loader.Document, _ scope: Scope) -> [Entry] {
    // A section that is no map has been reported.
    let section = document.root["stages"] ?? Node(.null, at: document.root.span)
    if document.stages.isEmpty, section.value == .null || section.value == .map([]) {
      var place = section.span
      if document.root["stages"] == nil { place.length = 1 }
      report.note(
        .error(
          "AX0205", at: place, "the pipeline has no stages",
          hint: "add a name and a kind for each stage under 'stages:'"))
    }
    if let extra = document.stages.dropFirst(MatrixReader.stageLimit).first {
      report.note(
        .error(
          "AX0232", at: extra.keySpan, "the pipeline has too many stages",
          cause: "it has \(document.stages.count); a pipeline may have \(MatrixReader.stageLimit)"))
      return []
    }
    var reader = StageReader(kinds: kinds, defaults: document.defaults)
    let entries = document.stages.map { Entry(name: $0.key, stage: reader.read($0)) }
    reader.checkDefaults(used: Set(entries.compactMap { $0.stage?.kind.name }), scope: scope)
    report.note(contentsOf: reader.report)
    return entries
  }

  /// The axes of each stage: its own, and those of the stages it reads from.
  private mutating func axes(of stages: [RawStage], _ scope: Scope) -> [String: [Axis]] {
    guard stages.contains(where: { $0.matrix != nil }) else { return [:] }
    var own: [Axis] = []
    var table: [String: [Axis]] = [:]
    for stage in stages {
      guard let matrix = stage.matrix else { continue }
      var reader = MatrixReader()
      let node = scope.resolve(matrix)
      let axes = reader.axes(node, of: stage, failedPlaces: scope.failedPlaces)
      report.note(contentsOf: reader.report)
      table[stage.name] = axes
      own += axes
    }
    var readers: [String: [Reading]] = [:]
    for stage in stages {
      for (target, reading) in readings(of: stage, scope) {
        readers[target, default: []].append(reading)
      }
    }
    spread(&table, readers)
    // In the order of the file, so that names do not depend on the way axes were found.
    for (name, axes) in table {
      table[name] = axes.sorted { a, b in
        (own.firstIndex(of: a) ?? 0) < (own.firstIndex(of: b) ?? 0)
      }
    }
    return table
  }

  /// A stage that reads from another, but for the axes that its reference names.
  private struct Reading {
    var reader: String
    var selected: Set<String>
  }

  /// What the stage reads from, by the name of the other stage; not what it only waits for.
  private func readings(of stage: RawStage, _ scope: Scope) -> [(String, Reading)] {
    scope.isSearching = true
    let options = scope.resolve(stage.options)
    scope.isSearching = false
    var checker = OptionChecker(failedPlaces: scope.failedPlaces)
    _ = checker.object(
      options, stage.kind.allFields, .init(path: "", name: stage.kind.name), owner: stage.kindSpan,
      type: .object(stage.kind.allFields))
    scope.forget()
    return checker.references.compactMap { reference in
      guard reference.kind != .order, let parsed = reference.node.text.flatMap(StageReference.init),
        parsed.stage != stage.name
      else { return nil }
      return (parsed.stage, Reading(reader: stage.name, selected: Set(parsed.selection.keys)))
    }
  }

  private mutating func spread(_ table: inout [String: [Axis]], _ readers: [String: [Reading]]) {
    var queue = table.keys.sorted()
    while let name = queue.popLast() {
      for reading in readers[name] ?? [] {
        var axes = table[reading.reader] ?? []
        let before = axes.count
        for axis in table[name] ?? [] where !reading.selected.contains(axis.name) {
          guard let same = axes.first(where: { $0.name == axis.name }) else {
            axes.append(axis)
            continue
          }
          if same.labels != axis.labels { clash(same, axis) }
        }
        table[reading.reader] = axes
        if axes.count > before { queue.append(reading.reader) }
      }
    }
  }

  private mutating func clash(_ a: Axis, _ b: Axis) {
    let (first, second) =
      (a.span.line, a.span.column) < (b.span.line, b.span.column) ? (a, b) : (b, a)
    report.note(
      .error(
        "AX0233", at: second.span,
        "the axis '\(second.name)' has other values in '\(second.stage)' than in '\(first.stage)'",
        cause: "both come together in one stage, where an axis has one list of values",
        hint: "give one of the two another name, or both the same values"))
  }

  private mutating func expand(_ entries: [Entry], _ axes: [String: [Axis]], _ scope: Scope)
    -> [StageSpec]
  {
    let table = Dictionary(
      entries.map { ($0.name, $0.stage) }, uniquingKeysWith: { first, _ in first })
    var resolver = ReferenceResolver(stages: table, axes: axes, names: entries.map(\.name))
    var stages: [StageSpec] = []
    var steps: [String: [Circles.Step]] = [:]
    for stage in entries.compactMap(\.stage) {
      let own = axes[stage.name] ?? []
      let count = own.reduce(1) { product, axis in
        product > MatrixReader.limit ? product : product * axis.values.count
      }
      guard count <= MatrixReader.limit, stages.count + count <= MatrixReader.stageLimit else {
        tooMany(stage, own)
        continue
      }
      for combination in Combination.all(own) {
        let spec = expanded(stage, combination, scope, &resolver)
        steps[stage.name, default: []] += spec.edges.map { edge in
          .init(target: String(edge.stage.prefix { $0 != "[" }), span: edge.span)
        }
        stages.append(spec)
      }
    }
    report.note(contentsOf: resolver.report)
    Circles.report(entries.map(\.name), steps, to: &report)
    return stages
  }

  private mutating func tooMany(_ stage: RawStage, _ axes: [Axis]) {
    let product = axes.map { "\($0.values.count)" }.joined(separator: " × ")
    report.note(
      .error(
        "AX0232", at: stage.nameSpan, "the matrix of '\(stage.name)' has too many combinations",
        cause:
          "\(product.isEmpty ? "1" : product) (\(axes.map(\.name).joined(separator: ", "))); a stage may have \(MatrixReader.limit), a pipeline \(MatrixReader.stageLimit)",
        hint: "give its axes fewer values"))
  }

  private mutating func expanded(
    _ stage: RawStage, _ combination: Combination, _ scope: Scope,
    _ resolver: inout ReferenceResolver
  ) -> StageSpec {
    scope.combination = combination.values
    let options = scope.resolve(stage.options)
    scope.combination = []
    let fields = stage.kind.allFields
    var checker = OptionChecker(failedPlaces: scope.failedPlaces)
    let checked = checker.object(
      options, fields, .init(path: "", name: stage.kind.name), owner: stage.kindSpan,
      type: .object(fields))
    report.note(contentsOf: checker.report)
    for name in ["description", "salt", "seed"] {
      if let node = checked?[name], node.isSecret { report.note(Self.stored(name, node.span)) }
    }
    var edges: [StageSpec.Edge] = []
    for reference in checker.references {
      edges += resolver.edges(reference, of: stage, combination)
    }
    return StageSpec(
      name: stage.name + combination.suffix, nameSpan: stage.nameSpan, kind: stage.kind.name,
      options: OptionValues(checked ?? Node(.map([]), at: options.span)), edges: edges,
      inertPaths: checker.inertPaths, baseName: stage.name,
      matrix: Dictionary(
        combination.values.map { ($0.axis, $0.value.json) }, uniquingKeysWith: { first, _ in first }
      )
    )
  }
}
