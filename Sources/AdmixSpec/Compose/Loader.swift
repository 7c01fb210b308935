internal import AdmixModel

/// Reads a pipeline file with everything it includes and puts them together, before interpolation.
struct Loader {
  /// One pipeline out of all its files.
  struct Document {
    var root: Node
    var params: [Node.Member] = []
    /// By kind, the options as members.
    var defaults: [Node.Member] = []
    var stages: [Node.Member] = []

    init(root: Node) { self.root = root }
  }

  private let files: SpecFiles
  private let limits = YAMLReader.Limits()
  private(set) var sources: [String: SourceText] = [:]
  /// In the order they were read, the main file first.
  private(set) var paths: [String] = []
  var report = Diagnostics()

  private var stack: [String] = []
  private var projectFolder = ""

  init(files: SpecFiles) { self.files = files }

  mutating func load(main path: String) -> Document? {
    projectFolder = Paths.folder(of: Paths.normalised(path))
    guard let root = read(path, from: nil) else { return nil }
    var document = Document(root: root)
    stack = [Paths.normalised(path)]
    checkMain(root)
    merge(root, into: &document)
    return document
  }

  /// A file of params given beside the pipeline.
  mutating func load(params path: String) -> Node? { read(path, from: nil) }

  // MARK: Reading

  private mutating func read(_ path: String, from include: SourceSpan?) -> Node? {
    do throws(SpecFiles.Problem) {
      let bytes = try files.read(path, limit: limits.bytes)
      do throws(Diagnostics) {
        let source = try SourceText(bytes, file: path)
        sources[path] = source
        paths.append(path)
        let node = try YAMLReader.document(source, limits: limits)
        guard case .map = node.value else {
          report.note(notAMap(node))
          return nil
        }
        return node
      } catch {
        report.note(contentsOf: error)
      }
    } catch {
      report.note(
        .error(
          error.code, at: include ?? SourceSpan(file: path, line: 0, column: 0),
          "cannot read \(include == nil ? "the file" : "'\(path)'")", cause: error.cause,
          hint: include == nil ? nil : "paths are relative to the file that includes them"))
    }
    return nil
  }

  private func notAMap(_ node: Node) -> Diagnostic {
    if node.value == .null {
      return .error(
        "AX0115", at: node.span, "the file is empty",
        cause: "a file of admix is a map of keys and values",
        hint: "'admix init' writes a first pipeline")
    }
    return .error(
      "AX0115", at: node.span, "the file holds \(Words.shape(node)) where a map is expected",
      cause: "a file of admix is a map of keys and values", hint: "begin with 'admix: 1'")
  }

  // MARK: Merging

  private mutating func checkMain(_ root: Node) {
    for field in PipelineFields.all where field.isRequired && root[field.name] == nil {
      if field.name == "admix" {
        report.note(
          .error(
            "AX0201", at: start(of: root), "the file does not say which version it is written for",
            cause: "every pipeline begins with it, so that later versions can tell",
            hint: "begin the file with 'admix: \(PipelineFields.version)'"))
      } else {
        report.note(
          .error(
            "AX0204", at: start(of: root), "the pipeline has no '\(field.name)'",
            cause: field.summary, hint: "add '\(field.name): my-dataset'"))
      }
    }
  }

  private func start(of node: Node) -> SourceSpan {
    SourceSpan(file: node.span.file, line: node.span.line, column: node.span.column)
  }

  private mutating func merge(_ root: Node, into document: inout Document) {
    let isMain = stack.count == 1
    checkKeys(root, isMain: isMain)
    checkVersion(root)
    include(root, into: &document)
    add(root, "params", to: &document.params, what: "param")
    mergeDefaults(root, into: &document)
    add(root, "stages", to: &document.stages, what: "stage")
  }

  private mutating func checkKeys(_ root: Node, isMain: Bool) {
    let known = PipelineFields.all.map(\.name)
    for member in root.members where !report.isFull {
      if !known.contains(member.key) {
        let closest = Words.closest(to: member.key, among: known)
        report.note(
          .error(
            "AX0203", at: member.keySpan, "unknown key '\(member.key)'",
            cause: "a pipeline has \(Words.list(known))",
            hint: closest.map { "did you mean '\($0)'?" }
              ?? "stages stand under 'stages:', values of your own under 'params:'"))
      } else if !isMain, PipelineFields.mainOnly.contains(member.key) {
        report.note(
          .error(
            "AX0125", at: member.keySpan, "an included file cannot set '\(member.key)'",
            cause: "it is said once, in the file that is run",
            hint: "move it to \(stack.first ?? "the main file")"))
      }
    }
  }

  private mutating func checkVersion(_ root: Node) {
    guard let node = root["admix"], node.value != .int(PipelineFields.version) else { return }
    report.note(
      .error(
        "AX0202", at: node.span, "version '\(node.source ?? Words.shape(node))' is not known",
        cause: "this admix reads version \(PipelineFields.version) of the language",
        hint: "write 'admix: \(PipelineFields.version)', or use a newer admix"))
  }

  private mutating func include(_ root: Node, into document: inout Document) {
    guard let node = root["include"] else { return }
    let entries: [Node]
    if case .list(let items) = node.value { entries = items } else { entries = [node] }
    for entry in entries {
      guard let text = entry.text, !text.isEmpty, !text.utf8.contains(0), !text.contains("${")
      else {
        report.note(
          .error(
            "AX0124", at: entry.span, "'include' takes paths, as they are",
            cause: entry.text?.contains("${") == true
              ? "params are known only after all files are read" : "this is \(Words.shape(entry))",
            hint: "write a path such as 'include: [stages/fairness.yaml]'"))
        continue
      }
      include(text, at: entry.span, from: root.span.file, into: &document)
    }
  }

  private mutating func include(
    _ text: String, at place: SourceSpan, from file: String, into document: inout Document
  ) {
    let path = Paths.join(Paths.folder(of: Paths.normalised(file)), text)
    let isInside =
      Paths.isInside(path, projectFolder)
      && Paths.isInside(
        files.resolved(path), files.resolved(projectFolder.isEmpty ? "." : projectFolder))
    guard isInside || (files.resolved(path) == path && Paths.isInside(path, projectFolder)) else {
      report.note(
        .error(
          "AX0122", at: place, "'\(text)' lies outside the project",
          cause:
            "the project is the folder of the pipeline file, and what it is made of stays in it",
          hint: "copy the file into the project"))
      return
    }
    if let position = stack.firstIndex(of: path) {
      let circle = (stack[position...] + [path]).joined(separator: " -> ")
      report.note(
        .error(
          "AX0121", at: place, "files include each other: \(circle)", hint: "remove one include")
      )
      return
    }
    // Included twice along two ways is one file, not two.
    if sources[path] != nil { return }
    guard let root = read(path, from: place) else { return }
    stack.append(path)
    merge(root, into: &document)
    stack.removeLast()
  }

  private mutating func section(_ root: Node, _ name: String) -> [Node.Member] {
    guard let node = root[name] else { return [] }
    switch node.value {
    case .map(let members): return members
    case .null: return []
    default:
      report.note(
        .error(
          "AX0212", at: node.span, "'\(name)' is \(Words.shape(node)), but should be a map",
          hint: "write '\(name):' and below it, indented, 'name: value'"))
      return []
    }
  }

  private mutating func add(
    _ root: Node, _ name: String, to members: inout [Node.Member], what: String
  ) {
    // Within one file the reader of YAML has seen to it.
    let earlier = Dictionary(
      members.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    for member in section(root, name) {
      if let first = earlier[member.key] {
        report.note(twice(what, member, first))
      } else {
        members.append(member)
      }
    }
  }

  private func twice(_ what: String, _ member: Node.Member, _ first: Node.Member) -> Diagnostic {
    let place = first.keySpan
    return .error(
      "AX0123", at: member.keySpan, "the \(what) '\(member.key)' is defined a second time",
      cause: "it is defined already at \(place.file):\(place.line):\(place.column)",
      hint: "give one of the two another name")
  }

  private mutating func mergeDefaults(_ root: Node, into document: inout Document) {
    let positions = Dictionary(
      document.defaults.enumerated().map { ($1.key, $0) }, uniquingKeysWith: { first, _ in first })
    for member in section(root, "defaults") {
      guard let index = positions[member.key] else {
        document.defaults.append(member)
        continue
      }
      var merged = document.defaults[index].value.members
      let earlier = Dictionary(
        merged.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
      for option in member.value.members {
        if let first = earlier[option.key] {
          report.note(twice("default of '\(member.key)',", option, first))
        } else {
          merged.append(option)
        }
      }
      document.defaults[index].value.value = .map(merged)
    }
  }
}
