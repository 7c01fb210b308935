internal import AdmixModel

/// Puts libyaml's events together to nodes, without recursion.
struct YAMLBuilder {
  private let source: SourceText
  private let limits: YAMLReader.Limits
  private let isStrict: Bool
  private let events: YAMLEvents

  private var report = Diagnostics()
  private var documents: [Node] = []
  private var open: [Frame] = []
  private var root: Built?
  private var anchors: [String: Built?] = [:]
  private var total = 0

  /// A node, with how many it holds and how deep it goes, so that an alias costs what it stands for.
  private struct Built {
    var node: Node
    var count: Int
    var height: Int
    /// The event that made it was a scalar, so it may be a key.
    var isScalar: Bool
    var keyText: String
  }

  private struct Frame {
    var isMap: Bool
    var start: Int
    var tag: String?
    var anchor: String?
    var items: [Node] = []
    var members: [Node.Member] = []
    var key: (text: String, span: SourceSpan)?
    /// Set while the value of a key that cannot be used is read.
    var skipsValue = false
    var places: [String: SourceSpan] = [:]
    var count = 1
    var height = 1
  }

  init(source: SourceText, limits: YAMLReader.Limits, isStrict: Bool) {
    self.source = source
    self.limits = limits
    self.isStrict = isStrict
    events = YAMLEvents(source.bytes)
  }

  mutating func build() throws(Diagnostics) -> [Node] {
    var isDone = false
    while !isDone {
      do throws(YAMLProblem) {
        let event = try events.next()
        isDone = try take(event)
      } catch {
        report.note(diagnostic(error))
        isDone = true
      }
      // One problem of this kind makes a thousand more likely than not.
      if report.items.count >= 100 { isDone = true }
    }
    try report.check()
    return documents
  }

  /// - Returns: whether reading ends here.
  private mutating func take(_ event: YAMLEvent) throws(YAMLProblem) -> Bool {
    switch event.kind {
    case .streamEnd: return true
    case .documentStart:
      if isStrict, !documents.isEmpty {
        report.note(
          .error(
            "AX0112", at: span(event), "a second document begins here",
            cause: "a pipeline is one YAML document; everything after it would be ignored",
            hint: "remove the '---' or put what follows into a file of its own"))
        return true
      }
      anchors = [:]
    case .documentEnd:
      if let root { documents.append(root.node) }
      root = nil
    case .alias(let name): return alias(name, event)
    case .scalar(let text, let isPlain):
      let built = Built(
        node: scalar(text, isPlain: isPlain, event), count: 1, height: 0, isScalar: true,
        keyText: text)
      if let anchor = event.anchor { anchors[anchor] = .some(built) }
      return add(built, event)
    case .listStart, .mapStart:
      if open.count >= limits.depth { return tooDeep(event) }
      if let anchor = event.anchor { anchors[anchor] = .some(nil) }
      var isMap = false
      if case .mapStart = event.kind { isMap = true }
      checkTag(event, isMap: isMap)
      open.append(Frame(isMap: isMap, start: event.start, tag: event.tag, anchor: event.anchor))
    case .listEnd, .mapEnd:
      guard let frame = open.popLast() else { return true }
      let place = source.span(from: frame.start, to: max(event.end, frame.start + 1))
      let built = Built(
        node: Node(frame.isMap ? .map(frame.members) : .list(frame.items), at: place),
        count: frame.count, height: frame.height, isScalar: false, keyText: "")
      if let anchor = frame.anchor { anchors[anchor] = .some(built) }
      return add(built, event)
    }
    return false
  }

  private func span(_ event: YAMLEvent) -> SourceSpan {
    source.span(from: event.start, to: max(event.end, event.start + 1))
  }

  private mutating func tooDeep(_ event: YAMLEvent) -> Bool {
    report.note(
      .error(
        "AX0107", at: source.span(from: event.start, to: event.start + 1),
        "nested more than \(limits.depth) levels deep",
        cause: "no pipeline needs this; the file may be damaged"))
    return true
  }

  // MARK: Aliases

  private mutating func alias(_ name: String, _ event: YAMLEvent) -> Bool {
    let place = span(event)
    guard let entry = anchors[name] else {
      report.note(
        .error(
          "AX0109", at: place, "there is no anchor '&\(name)' before this alias",
          hint: Words.closest(to: name, among: anchors.keys).map { "did you mean '*\($0)'?" }))
      return add(
        Built(node: Node(.null, at: place), count: 1, height: 0, isScalar: true, keyText: name),
        event)
    }
    guard let built = entry else {
      report.note(
        .error(
          "AX0109", at: place, "the alias '*\(name)' stands inside what it names",
          cause: "a value cannot hold itself"))
      return true
    }
    if open.count + built.height > limits.depth { return tooDeep(event) }
    // The value keeps the spelling and the places it has at its anchor: mistakes are mended there.
    return add(built, event)
  }

  // MARK: Putting together

  private mutating func add(_ built: Built, _ event: YAMLEvent) -> Bool {
    total += built.count
    // A frame's own count comes with it when it closes; what it holds has been counted already.
    if case .listEnd = event.kind { total -= built.count - 1 }
    if case .mapEnd = event.kind { total -= built.count - 1 }
    if total > limits.nodes {
      report.note(
        .error(
          "AX0108", at: span(event), "the file holds more than \(limits.nodes) values",
          cause: "aliases are counted with everything they stand for"))
      return true
    }
    guard var frame = open.popLast() else {
      root = built
      return false
    }
    frame.count += built.count
    frame.height = max(frame.height, built.height + 1)
    if !frame.isMap {
      frame.items.append(built.node)
    } else if frame.skipsValue {
      frame.skipsValue = false
    } else if let key = frame.key {
      frame.members.append(Node.Member(key: key.text, keySpan: key.span, value: built.node))
      frame.key = nil
    } else {
      take(key: built, at: built.isScalar ? span(event) : built.node.span, into: &frame)
    }
    open.append(frame)
    return false
  }

  private mutating func take(key built: Built, at place: SourceSpan, into frame: inout Frame) {
    frame.skipsValue = true
    guard built.isScalar else {
      report.note(
        .error(
          "AX0114", at: place, "a list or a map cannot be a key",
          cause: "options are found by name",
          hint: "put text that begins with '{' or '[' in quotes"))
      return
    }
    let text = built.keyText
    if isStrict, text == "<<", built.node.source != nil {
      report.note(
        .error(
          "AX0113", at: place, "merge keys ('<<') are not part of YAML 1.2",
          cause: "readers disagree on what they do",
          hint: "share options with 'defaults:' or 'params:', or repeat them"))
      return
    }
    if let first = frame.places[text] {
      report.note(
        .error(
          "AX0106", at: place, "the key '\(text)' stands here a second time",
          cause: "it stands already at line \(first.line), column \(first.column)",
          hint: "remove one of the two"))
      return
    }
    frame.places[text] = place
    frame.key = (text, place)
    frame.skipsValue = false
  }

  // MARK: Tags and types

  private static let prefix = "tag:yaml.org,2002:"

  private mutating func scalar(_ text: String, isPlain: Bool, _ event: YAMLEvent) -> Node {
    let place = span(event)
    func node(_ value: Node.Value) -> Node { Node(value, at: place, source: text) }
    guard let tag = event.tag else {
      return isPlain ? node(CoreSchema.resolve(text)) : node(.text(text))
    }
    guard tag != "!" else { return node(.text(text)) }
    let value: Node.Value?
    switch tag {
    case Self.prefix + "str": return node(.text(text))
    case Self.prefix + "null": value = CoreSchema.isNull(text) ? .null : nil
    case Self.prefix + "bool": value = CoreSchema.bool(text).map { .bool($0) }
    case Self.prefix + "int": value = CoreSchema.int(text)
    case Self.prefix + "float": value = CoreSchema.float(text).map { .double($0) }
    default:
      unknown(tag, place)
      return node(.text(text))
    }
    if let value { return node(value) }
    let name = tag.dropFirst(Self.prefix.count)
    report.note(
      .error(
        "AX0111", at: place, "'\(text)' is not what its tag '!!\(name)' says",
        hint: "remove the tag, or write '!!str' to keep the text"))
    return node(.text(text))
  }

  private mutating func checkTag(_ event: YAMLEvent, isMap: Bool) {
    guard let tag = event.tag, tag != "!", tag != Self.prefix + (isMap ? "map" : "seq") else {
      return
    }
    let known = ["str", "null", "bool", "int", "float", "seq", "map"].map { Self.prefix + $0 }
    if known.contains(tag) {
      report.note(
        .error(
          "AX0111", at: span(event),
          "\(isMap ? "a map" : "a list") is not what its tag '!!\(tag.dropFirst(Self.prefix.count))' says",
          hint: "remove the tag"))
    } else {
      unknown(tag, source.span(from: event.start, to: event.start + 1))
    }
  }

  private mutating func unknown(_ tag: String, _ place: SourceSpan) {
    guard isStrict else { return }
    let shown = tag.hasPrefix(Self.prefix) ? "!!" + tag.dropFirst(Self.prefix.count) : tag
    report.note(
      .error(
        "AX0110", at: place, "the tag '\(shown)' has no meaning here",
        cause: "a pipeline is data: text, numbers, true, false, null, lists and maps",
        hint: "remove the tag, or put the text in quotes"))
  }

  // MARK: Syntax

  private func diagnostic(_ problem: YAMLProblem) -> Diagnostic {
    let place = source.span(from: problem.place, to: problem.place + 1)
    var cause = problem.context
    if let text = problem.context, let start = problem.contextPlace {
      let began = source.span(from: start, to: start + 1)
      cause = "\(text) that began at line \(began.line), column \(began.column)"
    }
    return .error(
      "AX0105", at: place, "not valid YAML: \(problem.fact)", cause: cause,
      hint: hint(problem, source.text(at: place)))
  }

  private func hint(_ problem: YAMLProblem, _ character: String) -> String? {
    let fact = problem.fact
    if character == "\t" { return "indent with spaces, not tabs" }
    if fact.contains("cannot start any token") {
      return "put text that begins with '\(character)' in quotes"
    }
    if fact.contains("mapping values are not allowed") {
      return "put text that holds ': ' in quotes, or mend the indentation"
    }
    if fact.contains("did not find expected key") || fact.contains("<block end>") {
      return "is this line indented like the ones it belongs to?"
    }
    if fact.contains("',' or") { return "is a ',' or a closing bracket missing before this place?" }
    return nil
  }
}
