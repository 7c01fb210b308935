import AdmixData
package import AdmixModel
package import AdmixSpec

extension Condition {
  /// The option `where`: what each named column must be.
  package static let field = Field.optional(
    "where",
    .map(
      .oneOf([
        .scalar, .list(.scalar),
        .object([
          .optional("between", .list(.scalar), "Two bounds, both included."),
          .optional("in", .list(.scalar), "One of these values."),
          .optional("min", .scalar, "The smallest value, included."),
          .optional("max", .scalar, "The largest value, included."),
          .optional("above", .scalar, "A bound that is not included."),
          .optional("below", .scalar, "A bound that is not included."),
          .optional("missing", .bool, "Whether the value is missing."),
        ]),
      ])),
    "What every row must be, by column: a value, null, a list of values, or `{between: [30, 40]}`; met by construction where the generator can."
  )

  /// Reads the option `where`, in the order of the node's keys.
  package static func all(in node: Node?, report: inout Diagnostics) -> [Condition] {
    var conditions: [Condition] = []
    for member in node?.members ?? [] {
      let span = member.value.span
      func add(_ requirement: Requirement, at place: SourceSpan? = nil) {
        conditions.append(
          Condition(
            column: member.key, requirement: requirement, span: place ?? span,
            columnSpan: member.keySpan))
      }
      switch member.value.value {
      case .null: add(.isMissing)
      case .list(let items): values(items, span, &report).map { add(.oneOf($0)) }
      case .map(let members): object(members, span, &report).forEach { add($0) }
      default: values([member.value], span, &report).map { add(.oneOf($0)) }
      }
    }
    return conditions
  }

  private static func object(
    _ members: [Node.Member], _ span: SourceSpan, _ report: inout Diagnostics
  ) -> [Requirement] {
    var out: [Requirement] = []
    for member in members {
      let node = member.value
      switch member.key {
      case "between":
        guard let both = values(node.items, node.span, &report) else { continue }
        guard both.count == 2 else {
          report.append(
            .error(
              "AX0602", at: node.span,
              "'between' has \(both.count == 1 ? "one bound" : "\(both.count) bounds")",
              cause: "it takes the smallest and the largest value", hint: "between: [30, 40]"))
          continue
        }
        out.append(
          .range(
            low: Bound(both[0], isInclusive: true), high: Bound(both[1], isInclusive: true)))
      case "in": if let all = values(node.items, node.span, &report) { out.append(.oneOf(all)) }
      case "missing": out.append(node.bool == true ? .isMissing : .isPresent)
      case "min", "above", "max", "below":
        guard let bound = values([node], node.span, &report)?.first else { continue }
        let isInclusive = member.key == "min" || member.key == "max"
        let made = Bound(bound, isInclusive: isInclusive)
        out.append(
          member.key == "min" || member.key == "above"
            ? .range(low: made, high: nil) : .range(low: nil, high: made))
      default: break  // the language has no other keys here
      }
    }
    if members.isEmpty {
      report.append(
        .error("AX0602", at: span, "an empty condition", hint: "between: [30, 40]"))
    }
    return out
  }

  private static func values(
    _ nodes: [Node], _ span: SourceSpan, _ report: inout Diagnostics
  ) -> [String]? {
    let texts = nodes.compactMap(\.writtenText)
    guard texts.count == nodes.count, !texts.isEmpty else {
      report.append(
        .error(
          "AX0602", at: span,
          nodes.isEmpty ? "an empty list of values" : "a list of values with one that is none",
          cause: "a condition names the values a column may have",
          hint: "for missing values write null in place of the list, or {missing: true}"))
      return nil
    }
    return texts
  }

  /// Without its place: what decides about rows.
  package var withoutSpan: Condition { Condition(column: column, requirement: requirement) }

  /// Finds what is wrong with a condition as far as a schema can tell.
  package func check(_ schema: Schema, report: inout Diagnostics) {
    guard let column = schema[column] else {
      report.append(
        .error(
          "AX0601", at: columnSpan, "unknown column '\(column)'",
          cause: "the generated table has no such column",
          hint: Spelling.closest(to: column, among: schema.names).map { "did you mean '\($0)'?" }))
      return
    }
    guard case .oneOf(let texts) = requirement, column.type == .category,
      !column.categories.isEmpty
    else { return }
    let known = CategoryIndex(column.categories)
    for text in texts where known.code(of: text) == nil {
      report.append(neverSeen(text, amongst: column.categories.count))
    }
  }

  /// Values are the data's own and stay out of messages, so none is proposed.
  func neverSeen(_ text: String, amongst count: Int) -> Diagnostic {
    .error(
      "AX0603", at: span, "column '\(column)' never has the value '\(text)' in the training data",
      cause:
        "it has \(count) other \(count == 1 ? "value" : "values") there, and a generator cannot make rows of a kind it has not seen",
      hint: "`admix show PIPELINE STAGE` shows rows of the stage that was learned from")
  }
}

extension Node {
  /// A scalar as it was written; nil for null, lists and maps.
  var writtenText: String? {
    switch value {
    case .null, .list, .map: nil
    case .text(let text): text
    case .bool(let flag): source ?? String(flag)
    case .int(let number): source ?? String(number)
    case .double(let number): source ?? String(number)
    }
  }
}
