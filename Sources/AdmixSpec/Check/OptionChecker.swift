internal import AdmixModel

/// Holds options against their description: reports what does not fit, and gives the values their
/// described types, with defaults filled in.
struct OptionChecker {
  var report = Diagnostics()
  /// References as written, with the paths of their options.
  var references: [Reference] = []
  /// Paths of options that can never change an output.
  var inertPaths: Set<String> = []
  /// Places where an interpolation failed and nothing more is to be said.
  let failedPlaces: Set<SourceSpan>

  struct Reference {
    var role: String
    var kind: EdgeKind
    var node: Node
  }

  /// Where in the options we are, for paths and for messages.
  struct Place {
    var path: String
    /// The name that messages use: an option, or the kind.
    var name: String

    func option(_ key: String) -> Place {
      Place(path: OptionPath.join(path, key), name: key)
    }
    func item(_ index: Int) -> Place { Place(path: OptionPath.join(path, index), name: name) }
  }

  init(failedPlaces: Set<SourceSpan> = []) { self.failedPlaces = failedPlaces }

  /// - Returns: nothing where there was a problem, which has been reported.
  mutating func check(_ node: Node, _ type: FieldType, _ place: Place) -> Node? {
    if node.value == .null, failedPlaces.contains(node.span) { return nil }
    switch type {
    case .any: return node
    case .scalar: return scalar(node, type, place)
    case .bool: return bool(node, place)
    case .int(let range): return int(node, range, type, place)
    case .number(let range): return number(node, range, type, place)
    case .text, .path, .column, .expression, .digest, .choice, .edge:
      return text(node, type, place)
    case .quantity(let quantity): return self.quantity(node, quantity, type, place)
    case .list(let element): return list(node, element, type, place)
    case .listOrOne(let element):
      if case .list = node.value { return list(node, element, type, place) }
      guard let item = check(node, element, place.item(0)) else { return nil }
      return Node(.list([item]), at: node.span)
    case .map(let element): return map(node, element, type, place)
    case .orderedMap(let element): return orderedMap(node, element, type, place)
    case .object(let fields):
      return object(node, fields, place, owner: node.span, type: type)
    case .variant(let variants): return variant(node, variants, type, place)
    case .oneOf(let types): return oneOf(node, types, type, place)
    }
  }

  // MARK: Scalars

  private mutating func wrong(
    _ node: Node, _ type: FieldType, _ place: Place, hint: String? = nil
  ) -> Node? {
    let value = Words.shape(node)
    let quoted = Words.quoted(node)
    report.note(
      .error(
        "AX0212", at: node.span,
        node.value == .null
          ? "'\(place.name)' has no value"
          : "'\(place.name)' is \(value == quoted ? value : "\(quoted), \(value)")",
        cause: "it should be \(type.expected)", hint: hint))
    return nil
  }

  private mutating func scalar(_ node: Node, _ type: FieldType, _ place: Place) -> Node? {
    switch node.value {
    case .list, .map: wrong(node, type, place)
    default: node
    }
  }

  private mutating func bool(_ node: Node, _ place: Place) -> Node? {
    if case .bool = node.value { return node }
    switch node.text?.lowercased() {
    case "yes", "on", "y", "true": return wrong(node, .bool, place, hint: "write 'true'")
    case "no", "off", "n", "false": return wrong(node, .bool, place, hint: "write 'false'")
    default: return wrong(node, .bool, place)
    }
  }

  private mutating func int(
    _ node: Node, _ range: ClosedRange<Int64>, _ type: FieldType, _ place: Place
  ) -> Node? {
    let value: Int64
    switch node.value {
    case .int(let number): value = number
    case .double(let number):
      // `${params.rows * 0.29}` may miss a whole number by the last bits of binary fractions.
      let nearest = number.rounded()
      guard abs(number - nearest) <= 1e-12 * max(1, abs(nearest)) else {
        report.note(
          .error(
            "AX0215", at: node.span, "'\(place.name)' is \(Words.quoted(node)), not a whole number",
            cause: "it should be \(type.expected)",
            hint: node.isSecret
              ? nil : "in '${…}', 'round(…)', 'floor(…)' and 'ceil(…)' make whole numbers"))
        return nil
      }
      guard let exact = Int64(exactly: nearest) else { return outside(node, type, place) }
      value = exact
    default: return wrong(node, type, place, hint: numberHint(node))
    }
    guard range.contains(value) else { return outside(node, type, place) }
    return Node(.int(value), at: node.span, source: node.source, isSecret: node.isSecret)
  }

  private mutating func number(
    _ node: Node, _ range: ClosedRange<Double>, _ type: FieldType, _ place: Place
  ) -> Node? {
    guard let value = node.double else { return wrong(node, type, place, hint: numberHint(node)) }
    guard value.isFinite, range.contains(value) else { return outside(node, type, place) }
    // Without a negative zero, which would be another fingerprint for the same number.
    return Node(
      .double(value == 0 ? 0 : value), at: node.span, source: node.source, isSecret: node.isSecret)
  }

  private func numberHint(_ node: Node) -> String? {
    guard let text = node.text, !node.isSecret else { return nil }
    if CoreSchema.number(text) != nil { return "remove the quotes" }
    let plain = text.filter { $0 != "_" && $0 != "," && $0 != "'" && $0 != " " }
    return CoreSchema.number(plain) == nil ? nil : "write '\(plain)'"
  }

  private mutating func outside(_ node: Node, _ type: FieldType, _ place: Place) -> Node? {
    report.note(
      .error(
        "AX0213", at: node.span, "'\(place.name)' is \(Words.quoted(node)), which is out of range",
        cause: "it should be \(type.expected)"))
    return nil
  }

  private mutating func text(_ node: Node, _ type: FieldType, _ place: Place) -> Node? {
    let text: String
    switch node.value {
    case .null, .list, .map: return wrong(node, type, place)
    default: text = node.text ?? node.source ?? node.json.text
    }
    var result = Node(.text(text), at: node.span, source: node.source, isSecret: node.isSecret)
    switch type {
    case .digest:
      guard let digest = Digest(hex: text) else {
        report.note(
          .error(
            "AX0216", at: node.span, "'\(place.name)' is no SHA-256 digest",
            cause: "it should be 64 hexadecimal digits; these are \(text.count) characters",
            hint: "'sha256sum FILE' prints it"))
        return nil
      }
      result.value = .text(digest.hex)
    case .choice(let words):
      guard words.contains(text) else {
        report.note(
          .error(
            "AX0214", at: node.span, "'\(place.name)' cannot be \(Words.quoted(node))",
            cause: "it is one of \(Words.list(words))",
            hint: node.isSecret ? nil : didYouMean(text, words)))
        return nil
      }
    case .path, .column, .expression, .edge:
      guard !text.isEmpty, !text.utf8.contains(0) else { return wrong(node, type, place) }
    default: break
    }
    if case .edge(let kind) = type {
      references.append(Reference(role: place.path, kind: kind, node: result))
    }
    return result
  }

  private mutating func quantity(
    _ node: Node, _ quantity: Quantity, _ type: FieldType, _ place: Place
  ) -> Node? {
    let value: Double?
    switch node.value {
    case .int(let number): value = Double(number)
    case .double(let number): value = number
    case .text(let text): value = quantity.value(text)
    default: value = nil
    }
    guard let value else { return wrong(node, type, place) }
    guard value >= 0, value <= 9e15 else { return outside(node, type, place) }
    return Node(.double(value), at: node.span, source: node.source, isSecret: node.isSecret)
  }

  private func didYouMean(_ word: String, _ known: [String]) -> String? {
    Words.closest(to: word, among: known).map { "did you mean '\($0)'?" }
  }

  // MARK: Lists and maps

  private mutating func list(
    _ node: Node, _ element: FieldType, _ type: FieldType, _ place: Place
  ) -> Node? {
    guard case .list(let items) = node.value else {
      return wrong(
        node, type, place,
        hint: element.hasShape(of: node) && node.source != nil && !node.isSecret
          ? "write it in brackets: [\(Words.short(node.source ?? ""))]" : nil)
    }
    var out: [Node] = []
    for (index, item) in items.enumerated() {
      if let value = check(item, element, place.item(index)) { out.append(value) }
    }
    return out.count == items.count ? Node(.list(out), at: node.span) : nil
  }

  private mutating func map(
    _ node: Node, _ element: FieldType, _ type: FieldType, _ place: Place
  ) -> Node? {
    if node.value == .null { return Node(.map([]), at: node.span) }
    guard case .map(let members) = node.value else { return wrong(node, type, place) }
    var out: [Node.Member] = []
    for member in members {
      guard let value = check(member.value, element, place.option(member.key)) else { continue }
      out.append(Node.Member(key: member.key, keySpan: member.keySpan, value: value))
    }
    guard out.count == members.count else { return nil }
    out.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    return Node(.map(out), at: node.span)
  }

  private mutating func orderedMap(
    _ node: Node, _ element: FieldType, _ type: FieldType, _ place: Place
  ) -> Node? {
    let entries: [Node]
    switch node.value {
    case .list(let items): entries = items
    case .map(let members): entries = members.map { Node(.map([$0]), at: $0.keySpan) }
    default: return wrong(node, type, place)
    }
    var out: [Node] = []
    for (index, entry) in entries.enumerated() {
      guard entry.members.count == 1, let member = entry.members.first else {
        report.note(
          .error(
            "AX0218", at: entry.span, "an entry of '\(place.name)' is \(entryShape(entry))",
            cause: "each entry is one name with its value, and the order counts",
            hint: "write '- name: value', a '-' for each"))
        continue
      }
      let inner = place.item(index).option(member.key)
      guard let value = check(member.value, element, inner) else { continue }
      out.append(
        Node(
          .map([Node.Member(key: member.key, keySpan: member.keySpan, value: value)]),
          at: entry.span))
    }
    return out.count == entries.count ? Node(.list(out), at: node.span) : nil
  }

  private func entryShape(_ node: Node) -> String {
    if case .map(let members) = node.value { return "a map of \(members.count)" }
    let shape = Words.shape(node)
    let quoted = Words.quoted(node)
    return shape == quoted ? shape : "\(quoted), \(shape)"
  }

  /// Missing options are reported at `owner`, the name that the options stand under.
  mutating func object(
    _ node: Node, _ fields: [Field], _ place: Place, owner: SourceSpan, type: FieldType
  ) -> Node? {
    let members: [Node.Member]
    switch node.value {
    case .map(let list): members = list
    case .null: members = []
    default: return wrong(node, type, place)
    }
    var isWhole = true
    for member in members where !fields.contains(where: { $0.name == member.key }) {
      unknown(member, fields, place)
      isWhole = false
    }
    var out: [Node.Member] = []
    for field in fields {
      let inner = place.option(field.name)
      if let member = members.first(where: { $0.key == field.name }) {
        if !field.affectsOutput { inertPaths.insert(inner.path) }
        guard let value = check(member.value, field.type, inner) else {
          isWhole = false
          continue
        }
        out.append(Node.Member(key: member.key, keySpan: member.keySpan, value: value))
      } else if let value = field.defaultValue {
        if !field.affectsOutput { inertPaths.insert(inner.path) }
        let node = Node(value, at: node.span)
        out.append(
          Node.Member(
            key: field.name, keySpan: node.span, value: check(node, field.type, inner) ?? node))
      } else if field.isRequired {
        report.note(
          .error(
            "AX0211", at: owner, "'\(place.name)' needs '\(field.name)'", cause: field.summary,
            hint: "add '\(field.name):' with \(field.type.expected)"))
        isWhole = false
      }
    }
    return isWhole ? Node(.map(out), at: node.span) : nil
  }

  private mutating func unknown(_ member: Node.Member, _ fields: [Field], _ place: Place) {
    if report.isFull { return }
    let names = fields.map(\.name)
    var hint = didYouMean(member.key, names)
    if member.key == "matrix" { hint = "'matrix:' stands beside the stage's kind, not under it" }
    report.note(
      .error(
        "AX0210", at: member.keySpan, "'\(place.name)' has no option '\(member.key)'",
        cause: names.isEmpty ? "it has no options" : "it has \(Words.list(names))", hint: hint))
  }

  // MARK: Alternatives

  private mutating func variant(
    _ node: Node, _ variants: [Variant], _ type: FieldType, _ place: Place
  ) -> Node? {
    let member: Node.Member
    switch node.value {
    case .text(let name):
      member = Node.Member(key: name, keySpan: node.span, value: Node(.null, at: node.span))
    case .map(let members) where members.count == 1: member = members[0]
    case .map(let members) where !members.isEmpty:
      report.note(
        .error(
          "AX0217", at: members[1].keySpan,
          "'\(place.name)' takes one of these, not '\(members[0].key)' and '\(members[1].key)'",
          cause: "it is one of \(Words.list(variants.map(\.name)))",
          hint: "indent what belongs under '\(members[0].key)', and remove the rest"))
      return nil
    default: return wrong(node, type, place)
    }
    guard let variant = variants.first(where: { $0.name == member.key }) else {
      let names = variants.map(\.name)
      let unknown = variants.first?.unknown
      let shown = node.isSecret ? Words.quoted(node) : "'\(Words.short(member.key))'"
      report.note(
        .error(
          unknown?.code ?? "AX0219", at: member.keySpan,
          unknown.map { "unknown \($0.noun) \(shown)" } ?? "'\(place.name)' cannot be \(shown)",
          cause: "it is one of \(Words.list(names))",
          hint: node.isSecret ? nil : didYouMean(member.key, names)))
      return nil
    }
    let inner = place.option(variant.name)
    guard
      let value =
        if case .object(let fields) = variant.type {
          object(member.value, fields, inner, owner: member.keySpan, type: variant.type)
        } else {
          check(member.value, variant.type, inner)
        }
    else { return nil }
    return Node(
      .map([Node.Member(key: variant.name, keySpan: member.keySpan, value: value)]), at: node.span)
  }

  private mutating func oneOf(
    _ node: Node, _ types: [FieldType], _ type: FieldType, _ place: Place
  ) -> Node? {
    var best: OptionChecker?
    for candidate in types {
      var trial = OptionChecker(failedPlaces: failedPlaces)
      if let value = trial.check(node, candidate, place) {
        references += trial.references
        inertPaths.formUnion(trial.inertPaths)
        return value
      }
      guard candidate.hasShape(of: node) else { continue }
      if trial.report.items.count < best?.report.items.count ?? .max { best = trial }
    }
    // A map or a list has its problems inside. Of a scalar, all that can be said is what it may be,
    // unless one alternative takes it but for its value.
    let telling: Set = ["AX0213", "AX0215", "AX0219"]
    if let best, node.source == nil || best.report.items.allSatisfy({ telling.contains($0.code) }) {
      report.note(contentsOf: best.report)
      return nil
    }
    return wrong(node, type, place, hint: best?.report.items.first?.hint)
  }
}
