import AdmixData
import AdmixModel
import AdmixSpec

/// Sources of values that look at rows of other tables.
extension RuleParser {
  /// The number of a row among those of its parent row, from 1.
  func position(_ node: Node, report: inout Diagnostics) -> (RuleColumn.Source, ColumnSchema)? {
    guard place?.isChild == true else {
      report.append(needsParent("position", at: node.span))
      return nil
    }
    return (.position, ColumnSchema("", .int))
  }

  func needsParent(_ source: String, at span: SourceSpan) -> Diagnostic {
    .error(
      "AX0681", at: span, "'\(source)' is for tables with 'per'",
      cause: "it is about the rows that belong to one row of another table",
      hint: source == "position" ? "sequence: {} numbers all rows" : nil)
  }

  /// A figure of the rows that belong to a row: `{of: lines.amount, by: sum}`, or `{of: lines}`.
  func aggregate(_ node: Node, report: inout Diagnostics) -> (RuleColumn.Source, ColumnSchema)? {
    let of = node["of"]
    let name = of?.text ?? ""
    let by = node["by"]?.text ?? ""
    let children = place?.children ?? [:]
    if let child = children[name] {
      guard by.isEmpty || by == "count" else {
        report.append(
          .error(
            "AX0681", at: node["by"]?.span ?? node.span, "'\(by)' is of a column",
            cause: "'\(name)' is a table, whose rows can be counted", hint: "of: \(name).COLUMN"))
        return nil
      }
      return (.aggregate(.init(table: child, column: nil, fold: .count)), ColumnSchema("", .int))
    }
    let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
    guard parts.count == 2, let child = children[parts[0]], let column = place?.parts[name] else {
      let isTable = parts.first.map { children[$0] != nil } ?? false
      let known = children.keys.sorted() + (place?.parts.names ?? [])
      report.append(
        .error(
          "AX0681", at: of?.span ?? node.span,
          isTable
            ? "there is no column '\(name)'" : "'\(name)' is no table of this one's rows",
          cause: isTable
            ? nil
            : children.isEmpty
              ? "no table is 'per' this one"
              : "tables of its rows: " + children.keys.sorted().joined(separator: ", "),
          hint: Spelling.closest(to: name, among: known).map { "did you mean '\($0)'?" }))
      return nil
    }
    guard let fold = RuleColumn.Fold(rawValue: by) else {
      report.append(
        .error(
          "AX0681", at: node["by"]?.span ?? node.span, "'aggregate' of a column needs 'by'",
          hint: "by: sum"))
      return nil
    }
    let type: ColumnType? =
      switch (fold, column.type) {
      case (.count, _): .int
      case (.sum, .int), (.sum, .bool): .int
      case (.sum, .double), (.mean, .int), (.mean, .double), (.mean, .bool): .double
      case (.min, .int), (.min, .double), (.min, .date), (.min, .datetime): column.type
      case (.max, .int), (.max, .double), (.max, .date), (.max, .datetime): column.type
      default: nil
      }
    guard let type else {
      report.append(
        .error(
          "AX0681", at: of?.span ?? node.span, "there is no \(by) of '\(name)'",
          cause: "it is a column of type \(column.type.rawValue)"))
      return nil
    }
    return (
      .aggregate(.init(table: child, column: parts[1], fold: fold)), ColumnSchema("", type)
    )
  }
}
