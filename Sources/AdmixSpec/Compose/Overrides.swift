internal import AdmixModel

/// Puts the values of `--params` files and `--set` in the place of a pipeline's params.
struct Overrides {
  var report = Diagnostics()

  /// The values of a file: maps are merged, everything else is replaced.
  mutating func apply(file root: Node, to params: inout [Node.Member]) {
    merge(root.members, into: &params, path: "")
  }

  private mutating func merge(
    _ members: [Node.Member], into params: inout [Node.Member], path: String
  ) {
    for member in members {
      guard let index = params.firstIndex(where: { $0.key == member.key }) else {
        unknown(path + member.key, at: member.keySpan, among: params.map { path + $0.key })
        continue
      }
      if case .map = member.value.value, case .map(var inner) = params[index].value.value {
        merge(member.value.members, into: &inner, path: path + member.key + ".")
        params[index].value.value = .map(inner)
      } else {
        params[index].value = member.value
      }
    }
  }

  /// `key=value`, where the key may be dotted and the value is YAML.
  mutating func apply(setting text: String, to params: inout [Node.Member]) {
    let place = SourceSpan(file: "--set \(Words.short(text))", line: 0, column: 0)
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      report.note(
        .error(
          "AX0250", at: place, "'\(Words.short(text))' sets nothing",
          cause: "there is no '=' after a name", hint: "write --set rows=1000"))
      return
    }
    let key = String(text[..<equals])
    let written = String(text[text.index(after: equals)...])
    do throws(Diagnostics) {
      let source = try SourceText(Array(written.utf8), file: "--set \(key)")
      let value = Self.moved(try YAMLReader.document(source), to: place)
      let path = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      set(value, path[...], in: &params, place: place, key: key)
    } catch {
      report.note(
        .error(
          "AX0250", at: place, "the value of '\(key)' cannot be read",
          cause: error.items.first?.fact,
          hint: "it is YAML: put text with special characters in quotes, --set '\(key)=\"…\"'"))
    }
  }

  private mutating func set(
    _ value: Node, _ path: ArraySlice<String>, in params: inout [Node.Member], place: SourceSpan,
    key: String
  ) {
    guard let name = path.first, let index = params.firstIndex(where: { $0.key == name }) else {
      let prefix = key.split(separator: ".").dropLast(path.count).map { $0 + "." }.joined()
      unknown(key, at: place, among: params.map { prefix + $0.key })
      return
    }
    if path.count == 1 {
      params[index].value = value
      return
    }
    guard case .map(var inner) = params[index].value.value else {
      unknown(key, at: place, among: [])
      return
    }
    set(value, path.dropFirst(), in: &inner, place: place, key: key)
    params[index].value.value = .map(inner)
  }

  private static func moved(_ node: Node, to place: SourceSpan) -> Node {
    var copy = node
    copy.span = place
    switch node.value {
    case .list(let items): copy.value = .list(items.map { moved($0, to: place) })
    case .map(let members):
      copy.value = .map(
        members.map {
          Node.Member(key: $0.key, keySpan: place, value: moved($0.value, to: place))
        })
    default: break
    }
    return copy
  }

  private mutating func unknown(_ key: String, at place: SourceSpan, among known: [String]) {
    report.note(
      .error(
        "AX0251", at: place, "the pipeline has no param '\(key)'",
        cause: known.isEmpty ? "there is nothing of that name" : "it has \(Words.list(known))",
        hint: Words.closest(to: key, among: known).map { "did you mean '\($0)'?" }
          ?? "params are declared, with a value, under 'params:' in the pipeline"))
  }
}
