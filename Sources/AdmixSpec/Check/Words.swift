internal import AdmixModel

/// How messages speak of values.
enum Words {
  /// What a node is, without its value.
  static func shape(_ node: Node) -> String {
    switch node.value {
    case .null: "empty"
    case .bool: "true or false"
    case .int: "a whole number"
    case .double: "a number"
    case .text: "text"
    case .list: "a list"
    case .map: "a map"
    }
  }

  /// The value as the user wrote it, cut where it is long; secrets are not shown.
  static func quoted(_ node: Node) -> String {
    if node.isSecret { return "the value from the environment" }
    switch node.value {
    case .null, .list, .map: return shape(node)
    default: return "'\(short(node.source ?? node.json.text))'"
    }
  }

  static func short(_ text: String) -> String {
    let line = text.prefix { !$0.isNewline }
    return line.count > 60 || line.count < text.count ? line.prefix(59) + "…" : text
  }

  /// `'a', 'b' and 'c'`, cut where there are many.
  static func list(_ words: some Collection<String>, limit: Int = 24) -> String {
    var shown = words.prefix(limit).map { "'\($0)'" }
    if words.count > limit {
      return shown.joined(separator: ", ") + " and \(words.count - limit) more"
    }
    guard let last = shown.popLast() else { return "nothing" }
    return shown.isEmpty ? last : shown.joined(separator: ", ") + " and " + last
  }

  /// The nearest of some known words; among very many, none, as that would take long.
  static func closest(to word: String, among words: some Collection<String>) -> String? {
    words.count > 2_000 ? nil : Spelling.closest(to: word, among: words)
  }

  static func number(_ value: Double) -> String {
    if let whole = Int64(exactly: value), abs(whole) < 1 << 53 { return String(whole) }
    return "\(value)"
  }
}
