import AdmixModel
import AdmixSpec

/// Rare patterns that are put into rows on purpose, with a column that says where.
///
/// A table with them is written as one without: a column that draws the pattern of each row, and in the
/// place of each column that a pattern sets, a condition on it. Rows without a pattern stay as they are.
enum RulePlant {
  static var fields: [Field] {
    [
      .required("label", .text, "The column that is true where a row has a pattern."),
      .optional("kind", .text, "A column that names the pattern; missing in all other rows."),
      .required(
        "patterns",
        .map(
          .object([
            .required("share", .share, "The share of rows that have it."),
            .required(
              "set", .map(.any),
              "By column, the source of values that replaces its own; `round` and `bounds` stay."),
          ])), "By name."),
    ]
  }

  /// What stands beside a source of values and belongs to the column.
  static let modifiers: Set<String> = ["round", "bounds", "missing", "role"]

  /// The columns with what is planted, and which of them are not shown.
  static func columns(
    _ columns: [Node.Member], _ plant: Node?, report: inout Diagnostics
  ) -> (columns: [Node.Member], hidden: Set<String>) {
    guard let plant else { return (columns, []) }
    let label = plant["label"]?.text ?? "label"
    let patterns = plant["patterns"]?.members ?? []
    let kind = plant["kind"]?.text ?? "kind of " + label
    func node(_ value: Node.Value, _ span: SourceSpan) -> Node { Node(value, at: span) }
    func map(_ members: [(String, Node)], _ span: SourceSpan) -> Node {
      node(.map(members.map { .init(key: $0.0, keySpan: span, value: $0.1) }), span)
    }
    var share = 0.0
    var kinds: [(String, Node)] = []
    var sets: [String: [(pattern: String, source: Node)]] = [:]
    let known = Set(columns.map(\.key))
    for pattern in patterns {
      share += pattern.value["share"]?.double ?? 0
      let text = node(.text(pattern.key), pattern.keySpan)
      kinds.append(
        (
          "weighed",
          map(
            [
              ("weight", node(.double(pattern.value["share"]?.double ?? 0), pattern.keySpan)),
              ("of", map([("constant", text)], pattern.keySpan)),
            ], pattern.keySpan)
        ))
      for member in pattern.value["set"]?.members ?? [] {
        guard known.contains(member.key) else {
          report.append(
            .error(
              "AX0683", at: member.keySpan, "there is no column '\(member.key)' to set",
              hint: Spelling.closest(to: member.key, among: known).map { "did you mean '\($0)'?" }))
          continue
        }
        sets[member.key, default: []].append((pattern.key, member.value))
      }
    }
    guard !patterns.isEmpty, share > 0, share <= 1 else {
      report.append(
        .error(
          "AX0683", at: plant["patterns"]?.span ?? plant.span,
          "the shares of the patterns are more than 0 and at most 1 together",
          hint:
            "patterns: {card-testing: {share: 0.002, set: {amount: {uniform: {low: 0.5, high: 2}}}}}"
        ))
      return (columns, [])
    }
    for name in [label, kind] where known.contains(name) {
      report.append(
        .error(
          "AX0683", at: plant["label"]?.span ?? plant.span, "column '\(name)' is declared too",
          cause: "what is planted makes it"))
      return (columns, [])
    }
    let span = plant["label"]?.span ?? plant.span
    let none = map(
      [
        ("weight", node(.double(1 - share), span)),
        ("of", map([("constant", node(.null, span))], span)),
      ],
      span)
    var out: [Node.Member] = []
    for column in columns {
      guard let planted = sets[column.key] else {
        out.append(column)
        continue
      }
      // The own source comes first, so that its random numbers are those it would have alone.
      let own = column.value
      let source = own.members.filter { !modifiers.contains($0.key) }
      let bare = own.members.isEmpty ? own : node(.map(source), own.span)
      var branches = [
        map([("if", node(.text("`\(kind)` is null"), span)), ("then", bare)], own.span)
      ]
      for (index, item) in planted.enumerated() {
        let isLast = index == planted.count - 1 && planted.count == patterns.count
        branches.append(
          isLast
            ? map([("else", item.source)], item.source.span)
            : map(
              [
                ("if", node(.text("`\(kind)` == '\(quoted(item.pattern))'"), span)),
                ("then", item.source),
              ], item.source.span))
      }
      if planted.count < patterns.count { branches.append(map([("else", bare)], own.span)) }
      let rest = own.members.filter { modifiers.contains($0.key) }
      let when = Node.Member(key: "when", keySpan: own.span, value: node(.list(branches), own.span))
      out.append(
        .init(key: column.key, keySpan: column.keySpan, value: node(.map([when] + rest), own.span)))
    }
    out += [
      .init(
        key: kind, keySpan: plant["kind"]?.span ?? span,
        value: map([("mixture", node(.list([none] + kinds.map(\.1)), span))], span)),
      .init(
        key: label, keySpan: span,
        value: map([("expression", node(.text("`\(kind)` is not null"), span))], span)),
    ]
    return (out, plant["kind"] == nil ? [kind] : [])
  }

  private static func quoted(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
  }
}
