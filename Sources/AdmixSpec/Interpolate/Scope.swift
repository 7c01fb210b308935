internal import AdmixModel

/// The names that `${…}` can use, and what they stand for.
///
/// Params are resolved when they are first asked for, each once, so that they may refer to each other in
/// any order. It lives within one compilation.
final class Scope {
  private enum Param {
    case raw(Node)
    case busy
    case ready(Node, Size)
    /// A problem in it has been reported; what uses it says no more.
    case failed
  }

  private struct Size {
    var nodes: Int
    var height: Int
  }

  /// What a name came to.
  enum Found {
    case value(Node)
    case failed
  }

  private var params: [String: Param] = [:]
  private var paramOrder: [String] = []
  private var busy: [String] = []
  private let environment: [String: String]
  private(set) var environmentNames: Set<String> = []
  private var places: TemplatePlaces
  private var pipelineName: Param = .failed

  /// The values of the axes while a stage of a matrix is resolved.
  var combination: [(axis: String, value: Node)] = []
  /// While edges are looked for, before axes are known: `matrix.x` fails without a word.
  var isSearching = false
  var report = Diagnostics()
  /// Places where a `${…}` failed, so that nothing more is said about the value there.
  private(set) var failedPlaces: Set<SourceSpan> = []

  init(environment: [String: String], sources: [String: SourceText]) {
    self.environment = environment
    places = TemplatePlaces(sources: sources)
  }

  private var failures = 0

  private static let depthLimit = 256
  private static let nodeLimit = 2_000_000
  private static let textLimit = 64 << 20
  /// How deep we are, params within params included, so that the stack stays small.
  private var level = 0
  /// Where the param that is being resolved began, and how deep its value goes from there.
  private var base = 0
  private var reached = 0
  private var produced = 0
  private var textBytes = 0
  private var isExhausted = false

  func define(_ members: [Node.Member], name: Node?) {
    for member in members {
      params[member.key] = .raw(member.value)
      paramOrder.append(member.key)
    }
    pipelineName = name.map { .raw($0) } ?? .failed
  }

  func forget() { failedPlaces = [] }

  // MARK: Nodes

  /// The node with every `${…}` in it replaced.
  func resolve(_ node: Node) -> Node {
    level += 1
    defer { level -= 1 }
    guard isWithinLimits(node) else { return fail(node) }
    switch node.value {
    case .text(let text) where Template.isTemplate(text):
      return interpolate(text, node) ?? fail(node)
    case .list(let items):
      var copy = node
      copy.value = .list(items.map(resolve))
      return copy
    case .map(let members):
      var copy = node
      copy.value = .map(
        members.map { member in
          checkKey(member)
          return Node.Member(
            key: member.key, keySpan: member.keySpan, value: resolve(member.value))
        })
      return copy
    default: return node
    }
  }

  /// Params that hold params could grow without end, as aliases could, and so are counted as they are.
  private func isWithinLimits(_ node: Node) -> Bool {
    if isExhausted { return false }
    produced += 1
    reached = max(reached, level - base)
    if level > Self.depthLimit {
      tooDeep(node.span)
      return false
    }
    guard produced > Self.nodeLimit || textBytes > Self.textLimit else { return true }
    report.note(
      .error(
        "AX0108", at: node.span,
        produced > Self.nodeLimit
          ? "the pipeline grows to more than \(Self.nodeLimit) values"
          : "the pipeline grows to more than \(Self.textLimit >> 20) MiB of text",
        cause: "'${…}' is counted with everything it stands for"))
    // Once is enough: everything after it would say the same.
    isExhausted = true
    return false
  }

  private func tooDeep(_ span: SourceSpan) {
    report.note(
      .error(
        "AX0107", at: span, "nested more than \(Self.depthLimit) levels deep",
        cause: "params count with what they refer to"))
  }

  private func fail(_ node: Node) -> Node {
    failures += 1
    failedPlaces.insert(node.span)
    return Node(.null, at: node.span)
  }

  private func checkKey(_ member: Node.Member) {
    guard Template.isTemplate(member.key) else { return }
    report.note(
      .error(
        "AX0246", at: member.keySpan, "a key cannot be made with '${…}'",
        cause: "names must be readable without knowing any values",
        hint: "write the key out; for one stage per value there is 'matrix:'"))
  }

  private func interpolate(_ text: String, _ node: Node) -> Node? {
    let parts = Template(text).parts
    if parts.count == 1, case .expression(let inside, let occurrence) = parts[0] {
      guard var value = evaluate(inside, at: place(inside, occurrence, node)) else { return nil }
      value.span = node.span
      return value
    }
    var out = ""
    var isSecret = false
    var isComplete = true
    for part in parts {
      switch part {
      case .literal(let text): out += text
      case .unclosed(let occurrence):
        let start = places.opening(occurrence, in: node.span)
        report.note(
          .error(
            "AX0240", at: start ?? node.span, "'${' is not closed",
            hint: "write '}' at its end, or '$${' for the characters themselves"))
        isComplete = false
      case .expression(let inside, let occurrence):
        let span = place(inside, occurrence, node)
        guard let value = evaluate(inside, at: span) else {
          isComplete = false
          continue
        }
        guard let piece = Self.spliced(value) else {
          report.note(
            .error(
              "AX0244", at: span, "\(Words.shape(value)) cannot become part of a text",
              cause: "'\(Words.short(inside))' is \(Words.shape(value))",
              hint: "a value that is nothing but '${…}' may be of any type"))
          isComplete = false
          continue
        }
        out += piece
        textBytes += piece.utf8.count
        if textBytes > Self.textLimit {
          _ = isWithinLimits(node)
          return nil
        }
        isSecret = isSecret || value.isSecret
      }
    }
    return isComplete ? Node(.text(out), at: node.span, source: out, isSecret: isSecret) : nil
  }

  /// How a value reads within a text; lists and maps do not.
  private static func spliced(_ value: Node) -> String? {
    switch value.value {
    case .list, .map: nil
    case .null: ""
    case .double(let number) where value.source == nil: Words.number(number)
    default: value.source ?? value.json.text
    }
  }

  private func place(_ inside: String, _ occurrence: Int, _ node: Node) -> SourceSpan {
    places.place(of: inside, occurrence: occurrence, in: node.span)
  }

  // MARK: Expressions

  private func evaluate(_ text: String, at span: SourceSpan) -> Node? {
    let scalars = Array(text.unicodeScalars)
    let leading = scalars.prefix { $0 == " " || $0 == "\t" }.count
    let trailing = scalars.reversed().prefix { $0 == " " || $0 == "\t" }.count
    guard leading < scalars.count else {
      report.note(
        .error(
          "AX0241", at: span, "there is no name within '${}'",
          hint: "write a name such as '${params.rows}', or '$${' for the characters themselves"))
      return nil
    }
    let inner = String(
      String.UnicodeScalarView(scalars[leading..<max(leading, scalars.count - trailing)]))
    let isExact = span.length == scalars.count
    let place =
      isExact ? span.slice(offset: leading, length: inner.unicodeScalars.count) : span
    if Self.isPath(inner) {
      // Only a name on its own can stand for a list or a map.
      guard case .value(let node) = find(inner, at: place) else { return nil }
      return node
    }
    return Arithmetic.evaluate(inner, at: place, scope: self)
  }

  /// `params.rows`, with as many members as wanted, or a name alone, which is a mistake.
  private static func isPath(_ text: String) -> Bool {
    if ["true", "false", "null"].contains(text) { return false }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.enumerated().allSatisfy { index, part in
      guard let first = part.utf8.first, let last = part.utf8.last else { return false }
      let isDigit = (0x30...0x39).contains(first)
      return PipelineFields.isName(String(part)) && last != 0x2D && (index > 0 || !isDigit)
    }
  }

  // MARK: Names

  func find(_ path: String, at span: SourceSpan) -> Found {
    let parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard let space = parts.first, parts.count > 1 else { return unknown(path, at: span) }
    switch space {
    case "params": return param(parts, at: span)
    case "env" where parts.count == 2: return environment(parts[1], at: span)
    case "matrix" where parts.count == 2: return matrix(parts[1], at: span)
    case "pipeline" where parts == ["pipeline", "name"]: return name(at: span)
    default: return unknown(path, at: span)
    }
  }

  private func param(_ parts: [String], at span: SourceSpan) -> Found {
    guard case .value(var node) = topParam(parts[1], at: span) else {
      if params[parts[1]] == nil { return unknown(parts.joined(separator: "."), at: span) }
      return .failed
    }
    // A list or a map is counted with all of its param, which is never too little.
    if node.source == nil, case .ready(_, let size) = params[parts[1]] {
      produced += size.nodes
      reached = max(reached, level - base + size.height)
      if reached > Self.depthLimit {
        tooDeep(span)
        return .failed
      }
    }
    for depth in 2..<max(2, parts.count) {
      guard let next = node[parts[depth]] else {
        let known = node.members.map { parts[..<depth].joined(separator: ".") + "." + $0.key }
        return unknown(parts.joined(separator: "."), at: span, known: known)
      }
      node = next
    }
    return .value(node)
  }

  private func topParam(_ name: String, at span: SourceSpan) -> Found {
    switch params[name] {
    case .ready(let node, _): return .value(node)
    case .failed, nil: return .failed
    case .busy:
      circle(name, at: span)
      return .failed
    case .raw(let raw):
      params[name] = .busy
      busy.append(name)
      let before = (failures, produced, base, reached)
      (base, reached) = (level, 0)
      let node = withoutMatrix { resolve(raw) }
      let size = Size(nodes: produced - before.1, height: reached)
      (base, reached) = (before.2, before.3)
      busy.removeLast()
      let isWhole = failures == before.0
      params[name] = isWhole ? .ready(node, size) : .failed
      return isWhole ? .value(node) : .failed
    }
  }

  /// Params and the pipeline's name are the same for every stage.
  private func withoutMatrix(_ body: () -> Node) -> Node {
    let saved = (combination, isSearching)
    combination = []
    isSearching = false
    defer { (combination, isSearching) = saved }
    return body()
  }

  private func circle(_ name: String, at span: SourceSpan) {
    let start = busy.firstIndex(of: name) ?? 0
    let path = (busy[start...] + [name]).map { "'\($0)'" }.joined(separator: " -> ")
    report.note(
      .error(
        "AX0242", at: span, "params refer to each other in a circle: \(path)",
        hint: "give one of them a value of its own"))
  }

  private func environment(_ name: String, at span: SourceSpan) -> Found {
    environmentNames.insert(name)
    guard let value = environment[name] else {
      report.note(
        .error(
          "AX0243", at: span, "the environment variable '\(name)' is not set",
          hint: "set it before the command: \(name)=… admix run"))
      return .failed
    }
    return .value(Node(CoreSchema.resolve(value), at: span, source: value, isSecret: true))
  }

  private func matrix(_ axis: String, at span: SourceSpan) -> Found {
    if let entry = combination.first(where: { $0.axis == axis }) { return .value(entry.value) }
    if isSearching { return .failed }
    guard !combination.isEmpty else {
      report.note(
        .error(
          "AX0241", at: span, "unknown name 'matrix.\(axis)'",
          cause: "neither this stage nor one that it reads from has a 'matrix:'",
          hint: "add 'matrix: {\(axis): […]}' beside the stage's kind, or use 'params.\(axis)'"))
      return .failed
    }
    return unknown("matrix.\(axis)", at: span, known: combination.map { "matrix.\($0.axis)" })
  }

  private func name(at span: SourceSpan) -> Found {
    switch pipelineName {
    case .ready(let node, _): return .value(node)
    case .failed: return .failed
    case .busy:
      report.note(
        .error(
          "AX0242", at: span, "the pipeline's name refers to itself",
          hint: "write the name out"))
      return .failed
    case .raw(let raw):
      pipelineName = .busy
      let before = failures
      let node = withoutMatrix { resolve(raw) }
      let isWhole = failures == before
      pipelineName = isWhole ? .ready(node, Size(nodes: 1, height: 1)) : .failed
      return isWhole ? .value(node) : .failed
    }
  }

  private func unknown(_ path: String, at span: SourceSpan, known: [String]? = nil) -> Found {
    if isSearching || report.isFull { return .failed }
    let names =
      known
      ?? paramOrder.map { "params.\($0)" } + combination.map { "matrix.\($0.axis)" } + [
        "pipeline.name"
      ]
    let space = path.split(separator: ".").first.map(String.init) ?? path
    var hint = Words.closest(to: path, among: names).map { "did you mean '\($0)'?" }
    if params[path] != nil { hint = "did you mean 'params.\(path)'?" }
    if hint == nil, path.contains("-") {
      hint = "a '-' between letters is part of a name; to subtract, put spaces around it"
    }
    if hint == nil, path.hasPrefix("params.") {
      hint = "add it under 'params:'"
    }
    let isSpace = ["params", "env", "matrix", "pipeline"].contains(space)
    report.note(
      .error(
        "AX0241", at: span, "unknown name '\(Words.short(path))'",
        cause: isSpace
          ? "known here: \(Words.list(names, limit: 12))"
          : "names begin with 'params.', 'env.', 'matrix.' or 'pipeline.'",
        hint: hint))
    return .failed
  }

  // MARK: For the compiled pipeline

  /// Every param; those that failed are left out.
  func resolvedParams() -> [(name: String, value: Node)] {
    paramOrder.compactMap { name in
      guard case .raw = params[name] else {
        if case .ready(let node, _) = params[name] { return (name, node) }
        return nil
      }
      guard
        case .value(let node) = topParam(
          name, at: SourceSpan(file: "params", line: 0, column: 0))
      else { return nil }
      return (name, node)
    }
  }

  func resolvedName() -> Node? {
    if case .value(let node) = name(at: SourceSpan(file: "name", line: 0, column: 0)) {
      node
    } else {
      nil
    }
  }
}
