import AdmixData
import AdmixModel
import AdmixSpec

extension RuleParser {
  static let units = ["days": 86_400e6, "hours": 3_600e6, "minutes": 60e6, "seconds": 1e6]

  /// Whole numbers, days or moments that rise by the same step from row to row.
  func sequence(_ node: Node, report: inout Diagnostics) -> (
    RuleColumn.Source, ColumnSchema
  )? {
    let step = Int64(node["step"]?.int ?? 1)
    let start = node["start"]
    let unit = node["unit"]
    if let text = start?.source ?? start?.text, start?.int == nil {
      let name = unit?.text ?? "days"
      if let days = CivilDate.days(text), name == "days" {
        return (.sequence(start: Int64(days), step: step), ColumnSchema("", .date))
      }
      if let from = CivilDate.microseconds(text), let length = Self.units[name] {
        let (length, overflow) = step.multipliedReportingOverflow(by: Int64(length))
        if !overflow { return (.sequence(start: from, step: length), ColumnSchema("", .datetime)) }
      }
      report.append(
        .error(
          "AX0646", at: start?.span ?? node.span, "'start' is no number, date or time",
          hint: "sequence: {start: 2024-01-01, step: 7} or {start: '2024-01-01 00:00', unit: hours}"
        ))
      return nil
    }
    if let unit {
      report.append(
        .error(
          "AX0646", at: unit.span, "'unit' is for sequences of dates and times",
          cause: "this one counts whole numbers", hint: "start: 2024-01-01"))
      return nil
    }
    return (.sequence(start: Int64(start?.int ?? 1), step: step), ColumnSchema("", .int))
  }

  func after(_ node: Node, report: inout Diagnostics) -> (RuleColumn.Source, ColumnSchema)? {
    guard
      let step = step(
        from: node["column"], of: node, "after",
        example: "after: {column: placed, gap: {gamma: {shape: 2, scale: 1.5}}, unit: days}",
        report: &report)
    else { return nil }
    return (.after(step), ColumnSchema("", step.type))
  }

  /// Times that follow each other within the rows that belong to one row of another table.
  func arrivals(_ node: Node, report: inout Diagnostics) -> (RuleColumn.Source, ColumnSchema)? {
    guard place?.isChild == true else {
      report.append(needsParent("arrivals", at: node.span))
      return nil
    }
    guard
      let step = step(
        from: node["after"], of: node, "arrivals",
        example: "arrivals: {after: customers.joined, gap: {exponential: {mean: 30}}, unit: days}",
        report: &report)
    else { return nil }
    return (.arrivals(step), ColumnSchema("", step.type))
  }

  /// A date or time that others come after, and by how much.
  private func step(
    from base: Node?, of node: Node, _ kind: String, example: String, report: inout Diagnostics
  ) -> RuleColumn.Step? {
    guard let name = base?.text, let column = schema[name],
      column.type == .date || column.type == .datetime
    else {
      report.append(
        .error(
          "AX0647", at: base?.span ?? node.span,
          "'\(kind)' needs a date or datetime column",
          cause: base?.text.map { name in
            schema[name].map { "'\(name)' is a column of type \($0.type.rawValue)" }
              ?? "there is no column '\(name)'"
          }, hint: example))
      return nil
    }
    let unit = node["unit"]?.text ?? "days"
    guard let microseconds = Self.units[unit], column.type == .datetime || unit == "days" else {
      report.append(
        .error(
          "AX0647", at: node["unit"]?.span ?? node.span, "the unit '\(unit)' does not fit",
          cause: column.type == .date ? "'\(name)' is a date, which has whole days only" : nil,
          hint: "one of " + Self.units.keys.sorted().joined(separator: ", ")))
      return nil
    }
    guard let gap = node["gap"], let (source, shape) = source(gap, name: "gap", report: &report)
    else {
      if node["gap"] == nil {
        report.append(.error("AX0647", at: node.span, "'\(kind)' needs a 'gap'"))
      }
      return nil
    }
    guard shape.type == .double || shape.type == .int else {
      report.append(.error("AX0647", at: gap.span, "'gap' is a number"))
      return nil
    }
    return RuleColumn.Step(
      column: name, type: column.type, microseconds: microseconds, gap: source)
  }
}
