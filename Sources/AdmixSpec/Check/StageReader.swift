internal import AdmixModel

/// A stage as written, with its kind found and the defaults of the kind put in.
struct RawStage {
  var name: String
  var nameSpan: SourceSpan
  var kind: KindDescription
  var kindSpan: SourceSpan
  /// Not yet interpolated.
  var options: Node
  var matrix: Node?
}

/// Takes stages apart: name, kind, options, matrix.
struct StageReader {
  let kinds: [KindDescription]
  let defaults: [Node.Member]
  var report = Diagnostics()

  init(kinds: [KindDescription], defaults: [Node.Member]) {
    self.kinds = kinds
    self.defaults = defaults
  }

  private var names: [String] { kinds.map(\.name) }

  mutating func read(_ member: Node.Member) -> RawStage? {
    checkName(member)
    switch member.value.value {
    case .map: break
    case .null:
      noKind(member)
      return nil
    default:
      report.note(
        .error(
          "AX0207", at: member.value.span,
          "the stage '\(member.key)' is \(Words.shape(member.value)), but should be a map",
          cause: "a stage is its kind with the options of that kind",
          hint: "write '\(names.first ?? "ingest"):' below it, indented"))
      return nil
    }
    let members = member.value.members
    let found = members.filter { names.contains($0.key) }
    let beside = Self.besideKind(kinds.first { $0.name == found.first?.key })
    let others = members.filter { !names.contains($0.key) && !beside.contains($0.key) }
    for other in others where !report.isFull { unknown(other, in: member, kind: found.first?.key) }
    guard let first = found.first, let kind = kinds.first(where: { $0.name == first.key }) else {
      if others.isEmpty { noKind(member) }
      return nil
    }
    if found.count > 1 {
      report.note(
        .error(
          "AX0208", at: found[1].keySpan,
          "the stage '\(member.key)' has two kinds, '\(first.key)' and '\(found[1].key)'",
          cause: "a stage has exactly one", hint: "give '\(found[1].key)' a stage of its own"))
      return nil
    }
    return RawStage(
      name: member.key, nameSpan: member.keySpan, kind: kind, kindSpan: first.keySpan,
      options: withDefaults(withCommon(first.value, kind, members), kind),
      matrix: member.value["matrix"])
  }

  /// What may stand beside the kind of a stage as well as below it, and `matrix`.
  private static func besideKind(_ kind: KindDescription?) -> [String] {
    ["matrix"] + (kind?.shared ?? KindDescription.commonFields).map(\.name)
  }

  /// The options with what stands beside the kind.
  private mutating func withCommon(
    _ options: Node, _ kind: KindDescription, _ members: [Node.Member]
  ) -> Node {
    let names = kind.shared.map(\.name)
    let common = members.filter { names.contains($0.key) }
    if common.isEmpty { return options }
    var merged = options
    switch options.value {
    case .map(var list):
      for member in common {
        guard let first = list.first(where: { $0.key == member.key }) else {
          list.append(member)
          continue
        }
        let (a, b) = (first.keySpan, member.keySpan)
        let (earlier, later) = (a.line, a.column) < (b.line, b.column) ? (a, b) : (b, a)
        report.note(
          .error(
            "AX0221", at: later, "'\(member.key)' stands both beside '\(kind.name)' and below it",
            cause: "it stands already at line \(earlier.line), column \(earlier.column)",
            hint: "remove one of the two"))
      }
      merged.value = .map(list)
    case .null: merged.value = .map(common)
    default: break
    }
    return merged
  }

  private mutating func checkName(_ member: Node.Member) {
    guard !PipelineFields.isName(member.key) else { return }
    report.note(
      .error(
        "AX0206", at: member.keySpan, "'\(Words.short(member.key))' cannot name a stage",
        cause: "names are letters, digits, '_' and '-', at most 64, and do not begin with '-'"))
  }

  private mutating func noKind(_ member: Node.Member) {
    report.note(
      .error(
        "AX0207", at: member.keySpan, "the stage '\(member.key)' has no kind",
        cause: "a stage is one of \(Words.list(names))",
        hint: "write '\(names.first ?? "ingest"):' below it, indented"))
  }

  private mutating func unknown(_ other: Node.Member, in stage: Node.Member, kind: String?) {
    let description = kinds.first { $0.name == kind }
    let beside = Self.besideKind(description)
    var hint = Words.closest(to: other.key, among: kind == nil ? names : beside)
      .map { "did you mean '\($0)'?" }
    if let kind {
      if description?.fields.contains(where: { $0.name == other.key }) == true {
        hint = "options stand under the kind: indent '\(other.key)' below '\(kind):'"
      }
    }
    report.note(
      .error(
        "AX0209", at: other.keySpan,
        kind == nil
          ? "unknown stage kind '\(Words.short(other.key))'"
          : "unknown key '\(Words.short(other.key))' in the stage '\(stage.key)'",
        cause: kind == nil
          ? "a stage is one of \(Words.list(names))"
          : "beside its kind, a stage may have \(Words.list(beside))",
        hint: hint))
  }

  /// Option by option: what the stage says itself stands.
  private func withDefaults(_ options: Node, _ kind: KindDescription) -> Node {
    guard let entry = defaults.first(where: { $0.key == kind.name }) else { return options }
    var members: [Node.Member]
    switch options.value {
    case .map(let list): members = list
    case .null: members = []
    default: return options
    }
    for option in entry.value.members where !members.contains(where: { $0.key == option.key }) {
      members.append(option)
    }
    var merged = options
    merged.value = .map(members)
    return merged
  }

  /// What is wrong with `defaults:` whether or not a stage uses them.
  mutating func checkDefaults(used: Set<String>, scope: Scope) {
    for entry in defaults {
      guard let kind = kinds.first(where: { $0.name == entry.key }) else {
        report.note(
          .error(
            "AX0220", at: entry.keySpan,
            "there are defaults for '\(Words.short(entry.key))', which is no stage kind",
            cause: "stage kinds are \(Words.list(names))",
            hint: Words.closest(to: entry.key, among: names).map { "did you mean '\($0)'?" }))
        continue
      }
      switch entry.value.value {
      case .map, .null: break
      default:
        report.note(
          .error(
            "AX0212", at: entry.value.span,
            "'\(entry.key)' is \(Words.shape(entry.value))", cause: "it should be a map of options")
        )
      }
      // Used ones are checked with the stages that use them.
      guard !used.contains(entry.key) else { continue }
      let optional = kind.allFields.map { field in
        var field = field
        field.isRequired = false
        return field
      }
      let value = scope.resolve(entry.value)
      var checker = OptionChecker(failedPlaces: scope.failedPlaces)
      if case .map = value.value {
        _ = checker.object(
          value, optional, .init(path: "", name: entry.key), owner: entry.keySpan,
          type: .object(optional))
      }
      report.note(contentsOf: checker.report)
    }
  }
}
