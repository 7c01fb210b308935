import AdmixModel

extension NetworkModel {
  /// The model in figures: what each column depends on, how much that tells, and its table.
  var report: CheckReport {
    var edges: [[CheckReport.Cell]] = []
    let levels = levels
    var links = 0
    for variable in order {
      // Tables of ever fewer parents, so that each parent's own part is seen.
      var table = tables[variable]
      var told: [Double] = []
      for parent in parents[variable].reversed() {
        told.append(Information(table, levels: levels[variable]).information)
        table = Self.summed(table, over: levels[parent], levels: levels[variable])
      }
      told = told.reversed()
      links += told.count
      for (place, parent) in parents[variable].enumerated() {
        let own = told[place] - (place == 0 ? 0 : told[place - 1])
        edges.append([
          .text(name(variable)), .text(name(parent)),
          .measurement(Measurement(own, support: rows)),
        ])
      }
    }
    let columnRows: [[CheckReport.Cell]] = columns.indices.map { index in
      let column = columns[index]
      guard let variable = variables.firstIndex(of: index), let coding = column.coding else {
        return [
          .text(column.schema.name), .text(column.schema.type.rawValue),
          .text("fresh unique keys"), .count(0), .count(0), .measurement(.undefined("not learned")),
        ]
      }
      let table = tables[variable]
      let all = table.reduce(Int64(0)) { $0 + Int64($1) }
      let gaps = coding.missing.map { missing in
        stride(from: missing, to: table.count, by: coding.count).reduce(Int64(0)) {
          $0 + Int64(table[$1])
        }
      }
      return [
        .text(column.schema.name), .text(column.schema.type.rawValue),
        .text(column.story(coding)), .count(table.count),
        .count(table.reduce(0) { $0 + ($1 > 0 ? 1 : 0) }),
        .share(Measurement(Double(gaps ?? 0) / Double(max(1, all)), support: Int(all))),
      ]
    }
    var sections = [
      CheckReport.Section(
        title: "Columns",
        text:
          "What the levels of each column are, and its table given the columns it depends on: cells, those that hold rows, and how often there is no value.",
        tables: [
          .init(
            columns: ["column", "type", "levels", "cells", "occupied", "missing"],
            rows: columnRows)
        ])
    ]
    if !edges.isEmpty {
      sections.append(
        .init(
          title: "Dependences",
          text:
            "In the order of drawing: what each column depends on, and how much that tells about it beyond the line before, as mutual information in nats; 0 is nothing.",
          tables: [.init(columns: ["column", "depends on", "information"], rows: edges)]))
    }
    if let privacy { sections.append(privacy.section) }
    if !leftOut.isEmpty {
      sections.append(.init(title: "Left out", text: leftOut.joined(separator: ", ")))
    }
    return CheckReport(
      title: "Bayesian network",
      summary:
        "learned \(columns.count) columns from \(privacy == nil ? "" : "about ")\(rows) rows, \(links) dependences, \(tables.reduce(0) { $0 + $1.count }) cells",
      sections: sections)
  }

  /// A table without its last but one column.
  private static func summed(_ table: [UInt32], over count: Int, levels: Int) -> [UInt32] {
    var out = [UInt32](repeating: 0, count: table.count / count)
    for (cell, n) in table.enumerated() {
      out[cell / levels / count * levels + cell % levels] += n
    }
    return out
  }
}

extension NetworkColumn {
  fileprivate func story(_ coding: LevelCoding) -> String {
    if !coding.isRelated { return "\(lows.count) training texts, drawn alike" }
    if schema.type.isContinuous {
      let intervals = zip(lows, highs).reduce(0) { $0 + ($1.0 < $1.1 ? 1 : 0) }
      let values = lows.count - intervals
      return intervals == 0
        ? "\(coding.valueLevels) of \(values) values"
        : "\(coding.valueLevels) of \(values) frequent values and \(intervals) intervals"
    }
    return coding.hasRest
      ? "\(coding.levels.count) values, \(lows.count - coding.levels.count) rarer ones together"
      : "\(coding.levels.count) values"
  }
}

extension PrivacySpent {
  fileprivate var section: CheckReport.Section {
    .init(
      title: "Privacy",
      text:
        "(\(epsilon), \(delta))-differentially private for the addition or removal of one row, by ρ-zCDP with ρ = \(rho); costs of models learned from the same rows add up."
        + (isForTests
          ? " The noise was drawn from a seed in the pipeline file, so this model protects nobody."
          : ""),
      tables: [
        .init(
          columns: ["measured", "mechanism", "answers", "noise", "ρ"],
          rows: charges.map {
            [
              .text($0.purpose), .text($0.mechanism), .count($0.answers),
              .measurement(Measurement($0.scale)), .measurement(Measurement($0.rho)),
            ]
          })
      ])
  }
}
