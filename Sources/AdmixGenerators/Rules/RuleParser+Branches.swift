import AdmixData
import AdmixModel
import AdmixSpec

extension RuleParser {
  func when(_ node: Node, name: String, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    var branches: [(ColumnExpression?, RuleColumn.Source, ColumnSchema)] = []
    for item in node.items {
      var condition: ColumnExpression?
      if let test = item["if"] {
        guard
          let parsed = ColumnExpression(
            test.text ?? "", at: test.span, schema: schema, report: &report)
        else { return nil }
        guard parsed.type == .bool else {
          report.append(
            .error("AX0648", at: test.span, "'if' needs a condition that is true or false"))
          return nil
        }
        condition = parsed
      }
      guard let body = item["if"] == nil ? item["else"] : item["then"] else {
        report.append(
          .error(
            "AX0648", at: item.span, "a branch is {if: …, then: …}, and the last one {else: …}"))
        return nil
      }
      guard let (source, shape) = source(body, name: name, report: &report) else { return nil }
      branches.append((condition, source, shape))
    }
    guard let last = branches.last, last.0 == nil,
      branches.dropLast().allSatisfy({ $0.0 != nil })
    else {
      report.append(
        .error(
          "AX0648", at: node.items.last?.span ?? node.span, "'when' ends with one 'else'",
          hint: "else: null leaves the other rows missing"))
      return nil
    }
    guard let shape = union(branches.map { ($0.1, $0.2) }, name, node, report: &report) else {
      return nil
    }
    return (.when(branches.map { ($0.0, $0.1) }), shape)
  }

  /// How many sources a mixture may have.
  static let mostSources = 64

  func mixture(_ node: Node, name: String, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    var sources: [(RuleColumn.Source, ColumnSchema)] = []
    var weights: [Double] = []
    for item in node.items {
      guard let body = item["of"],
        let found = source(body, name: name, report: &report)
      else { return nil }
      sources.append(found)
      weights.append(item["weight"]?.double ?? 1)
    }
    let total = weights.reduce(0, +)
    guard (1...Self.mostSources).contains(sources.count), total > 0, total.isFinite else {
      report.append(
        .error(
          "AX0648", at: node.span,
          "a mixture has from 1 to \(Self.mostSources) sources, one of them with a weight",
          hint: "mixture: [{weight: 9, of: {normal: {mean: 20}}}, {of: {normal: {mean: 90}}}]"))
      return nil
    }
    guard let shape = union(sources, name, node, report: &report) else { return nil }
    var sum = 0.0
    var cumulative = weights.map { weight in
      sum += weight / total
      return sum
    }
    // What comes after the last weight that counts is never drawn.
    let last = weights.lastIndex { $0 > 0 } ?? 0
    for index in last..<cumulative.count { cumulative[index] = 1 }
    return (.mixture(sources: sources.map(\.0), cumulative: cumulative), shape)
  }

  /// `given: {column: segment, retail: …, business: …, else: …}` is `when` over its values.
  func given(_ node: Node, name: String, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    guard let key = node["column"]?.text, let base = schema[key] else {
      report.append(
        .error(
          "AX0649", at: node["column"]?.span ?? node.span,
          "'given' needs a column",
          cause: node["column"]?.text.map { "there is no column '\($0)'" },
          hint: Spelling.closest(to: node["column"]?.text ?? "", among: schema.names).map {
            "did you mean '\($0)'?"
          }))
      return nil
    }
    var items: [Node] = []
    for member in node.members where member.key != "column" {
      if member.key == "else" { continue }
      if base.type == .category, !base.categories.contains(member.key) {
        report.append(
          .error(
            "AX0649", at: member.keySpan, "'\(key)' is never '\(member.key)'",
            // Where, not which: they may be people's.
            hint: columns.first { $0.schema.name == key }.map {
              "its values are listed in line \($0.span.line)"
            }))
        return nil
      }
      let literal =
        base.type == .category || base.type == .text
        ? "'" + member.key.replacing("'", with: "\\'") + "'" : member.key
      let test = Node(.text("`\(key)` == \(literal)"), at: member.keySpan)
      items.append(
        Node(
          .map([
            .init(key: "if", keySpan: member.keySpan, value: test),
            .init(key: "then", keySpan: member.keySpan, value: member.value),
          ]), at: member.value.span))
    }
    let otherwise = node["else"] ?? Node(.null, at: node.span)
    items.append(
      Node(
        .map([.init(key: "else", keySpan: otherwise.span, value: otherwise)]), at: otherwise.span))
    return when(Node(.list(items), at: node.span), name: name, report: &report)
  }

  func union(
    _ branches: [(RuleColumn.Source, ColumnSchema)], _ name: String, _ node: Node,
    report: inout Diagnostics
  ) -> ColumnSchema? {
    if let shape = Self.union(branches) { return shape }
    report.append(
      .error(
        "AX0648", at: node.span, "the branches of '\(name)' give values of different types",
        cause: "in order, "
          + branches.map { source, shape in
            if case .constant(.null) = source { "missing" } else { shape.type.rawValue }
          }.joined(separator: ", ")))
    return nil
  }

  static func union(_ branches: [(RuleColumn.Source, ColumnSchema)]) -> ColumnSchema? {
    let shapes = branches.filter {
      if case .constant(.null) = $0.0 { false } else { true }
    }.map(\.1)
    guard let first = shapes.first else { return branches.first?.1 }
    let types = Set(shapes.map(\.type))
    if types == [.int, .double] { return ColumnSchema("", .double) }
    guard types.count == 1 else { return nil }
    let all = Set(shapes.flatMap(\.categories)).sorted {
      $0.utf8.lexicographicallyPrecedes($1.utf8)
    }
    return ColumnSchema("", first.type, categories: all)
  }
}
