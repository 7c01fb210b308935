package import AdmixModel

/// A check report as plain text for the terminal and as Markdown for cards.
package enum CheckText {
  package static func plain(_ report: CheckReport) -> String {
    var out = report.title + "\n"
    if !report.summary.isEmpty { out += report.summary + "\n" }
    for section in report.sections {
      out += "\n" + section.title + "\n"
      for line in section.text.split(separator: "\n") { out += "  " + line + "\n" }
      for table in section.tables {
        out += "\n"
        if !table.title.isEmpty { out += "  " + table.title + "\n" }
        out += TextTable.render(
          columns: table.columns, rows: table.rows.map { $0.map(cell) }, indent: 2)
      }
    }
    return out
  }

  package static func markdown(_ report: CheckReport) -> String {
    var out = "## \(report.title)\n\n"
    if !report.summary.isEmpty { out += report.summary + "\n\n" }
    for section in report.sections {
      out += "### \(section.title)\n\n"
      out += text(section.text)
      for table in section.tables {
        if !table.title.isEmpty { out += "**\(table.title)**\n\n" }
        out += row(table.columns) + row(table.columns.map { _ in "---" })
        for cells in table.rows { out += row(cells.map(cell)) }
        out += "\n"
      }
    }
    return out
  }

  /// One paragraph, or where there are several lines a list of them.
  private static func text(_ text: String) -> String {
    let lines = text.split(separator: "\n")
    if lines.count <= 1 { return text.isEmpty ? "" : text + "\n\n" }
    return lines.map { "- \($0)\n" }.joined() + "\n"
  }

  private static func row(_ cells: [String]) -> String {
    "| "
      + cells.map { $0.replacing("|", with: "\\|").replacing("\n", with: " ") }
      .joined(separator: " | ") + " |\n"
  }

  package static func cell(_ cell: CheckReport.Cell) -> String {
    switch cell {
    case .text(let text): text
    case .count(let count): Numbers.count(count)
    case .measurement(let value): Numbers.measurement(value)
    case .share(let value): Numbers.measurement(value, isShare: true)
    case .flag(let holds): holds ? "yes" : "no"
    }
  }
}

/// Columns of text lined up for a terminal.
package enum TextTable {
  package static func render(
    columns: [String]? = nil, rows: [[String]], indent: Int = 0
  ) -> String {
    let all = (columns.map { [$0] } ?? []) + rows
    let widths = (0..<(all.first?.count ?? 0)).map { index in
      all.map { index < $0.count ? $0[index].count : 0 }.max() ?? 0
    }
    let margin = String(repeating: " ", count: indent)
    return all.map { row in
      let line = zip(widths, row).map { width, text in
        text + String(repeating: " ", count: max(0, width - text.count))
      }.joined(separator: "  ")
      return margin + trimmed(line) + "\n"
    }.joined()
  }

  private static func trimmed(_ line: String) -> Substring {
    var end = line.endIndex
    while end > line.startIndex, line[line.index(before: end)] == " " {
      end = line.index(before: end)
    }
    return line[..<end]
  }
}
