package import AdmixEngine
import AdmixModel

/// What differs between two runs, for people, for a pull request, and as JSON.
package enum DiffText {
  package static func text(_ diff: RunDiff) -> String {
    var out = "\(title(diff))\n"
    for section in sections(diff) {
      out += "\n\(section.title)\n"
      for line in section.lines { out += "  \(line)\n" }
      if !section.rows.isEmpty {
        out += TextTable.render(columns: section.columns, rows: section.rows, indent: 2)
      }
    }
    if diff.isEmpty { out += diff.unmade.isEmpty ? "no difference\n" : "\nno other difference\n" }
    return out
  }

  /// A line for each kind of difference.
  package static func stat(_ diff: RunDiff) -> String {
    let parameters = diff.spec.reduce(0) { $0 + $1.changes.count }
    func stages(_ presence: RunDiff.Presence) -> Int {
      diff.spec.count { $0.presence == presence }
    }
    let figures: [(String, [(Int, String, String)])] = [
      (
        "spec",
        [
          (parameters, "change of a stage", "changes of stages"),
          (stages(.added), "stage added", "stages added"),
          (stages(.removed), "stage removed", "stages removed"),
          (diff.seed == nil ? 0 : 1, "other seed", "other seeds"),
        ]
      ),
      ("inputs", [(diff.inputs.count, "file", "files")]),
      ("metrics", [(diff.metrics.count, "figure", "figures")]),
      (
        "gates",
        [
          (diff.gates.count(where: \.isOtherVerdict), "other verdict", "other verdicts"),
          (diff.gates.count { !$0.isOtherVerdict }, "other figure", "other figures"),
        ]
      ),
      (
        "outputs",
        [
          (diff.outputs.count, "output", "outputs"),
          (diff.outputs.reduce(0) { $0 + $1.columns.count }, "column", "columns"),
        ]
      ),
    ]
    let lines = figures.compactMap { name, counts -> String? in
      let parts = counts.filter { $0.0 > 0 }.map { Numbers.count($0.0, $0.1, $0.2) }
      return parts.isEmpty ? nil : "\(name): \(parts.joined(separator: ", "))\n"
    }
    return lines.isEmpty ? "no difference\n" : lines.joined()
  }

  package static func markdown(_ diff: RunDiff) -> String {
    var out = "### \(escaped(title(diff)))\n"
    for section in sections(diff) {
      out += "\n**\(section.title)**\n\n"
      for line in section.lines { out += "- \(escaped(line))\n" }
      if section.rows.isEmpty { continue }
      if !section.lines.isEmpty { out += "\n" }
      out += row(section.columns) + row(section.columns.map { _ in "---" })
      for cells in section.rows { out += row(cells.map(escaped)) }
    }
    if diff.isEmpty { out += "\nNo difference.\n" }
    return out
  }

  private static func row(_ cells: [String]) -> String {
    "| \(cells.joined(separator: " | ")) |\n"
  }

  /// What Markdown would read as marks; a pull request shows names as they are.
  private static func escaped(_ text: String) -> String {
    var out = ""
    for character in text {
      if "\\`*_[]<>|#".contains(character) { out += "\\" }
      out.append(character.isNewline ? " " : character)
    }
    return out
  }

  // MARK: What is said

  private struct Section {
    var title: String
    var lines: [String] = []
    var columns: [String] = []
    var rows: [[String]] = []
  }

  private static func title(_ diff: RunDiff) -> String {
    func name(_ side: RunDiff.Side) -> String {
      side.run.isEmpty
        ? "what the file says now" : "\(side.name) (\(PlanText.time(side.started)), \(side.status))"
    }
    return "\(diff.pipeline): \(name(diff.old)) → \(name(diff.new))"
  }

  private static func sections(_ diff: RunDiff) -> [Section] {
    [spec(diff), inputs(diff), metrics(diff), gates(diff)].filter {
      !$0.lines.isEmpty || !$0.rows.isEmpty
    }
      + outputs(diff)
      + [unmade(diff), durations(diff)].filter { !$0.lines.isEmpty || !$0.rows.isEmpty }
  }

  private static func spec(_ diff: RunDiff) -> Section {
    var section = Section(title: "spec")
    if let seed = diff.seed { section.lines.append("seed: \(seed.old) → \(seed.new)") }
    for stage in diff.spec {
      switch stage.presence {
      case .added: section.lines.append("+ \(stage.stage) (\(stage.kind))")
      case .removed: section.lines.append("- \(stage.stage) (\(stage.kind))")
      case .changed:
        for change in stage.changes {
          section.lines.append("\(stage.stage): \(sentence(change))")
        }
        if let unknown = stage.unknown { section.lines.append("\(stage.stage): \(unknown)") }
      }
    }
    return section
  }

  /// An edge is told by the stages at its ends.
  private static func sentence(_ change: Change) -> String {
    if change.cause == .input {
      let edge =
        change.name.hasPrefix("after ") ? "'after'" : "input '\(change.name)'"
      return "\(edge): \(change.old ?? "none") → \(change.new ?? "none")"
    }
    if change.cause == .implementation, change.name == "kind" {
      return "kind: \(change.old ?? "") → \(change.new ?? "")"
    }
    return change.sentence
  }

  private static func inputs(_ diff: RunDiff) -> Section {
    Section(
      title: "inputs",
      lines: diff.inputs.map { input in
        "\(input.stage): "
          + Change(.file, name: input.name, old: input.old?.hex, new: input.new?.hex).sentence
      })
  }

  private static func metrics(_ diff: RunDiff) -> Section {
    Section(
      title: "metrics", lines: diff.unknown, columns: ["stage", "metric", "was", "is", "change"],
      rows: diff.metrics.map { metric in
        // The interval is shown where it alone differs.
        let isSamePoint = metric.change == 0
        let texts = [metric.old, metric.new].map { measurement in
          measurement.map { isSamePoint ? Numbers.measurement($0) : point($0) } ?? "none"
        }
        return [metric.stage, metric.name] + texts + [
          isSamePoint
            ? "" : metric.change.map { ($0 > 0 ? "+" : "") + Numbers.figure($0) } ?? ""
        ]
      })
  }

  private static func point(_ measurement: Measurement) -> String {
    measurement.value.map(Numbers.figure) ?? measurement.reason ?? "undefined"
  }

  private static func gates(_ diff: RunDiff) -> Section {
    func verdict(_ gate: GateResult?) -> String {
      guard let gate else { return "none" }
      return (gate.passed ? "passed" : gate.action == .fail ? "failed" : "warned")
        + " (\(Numbers.measurement(gate.measurement)))"
    }
    return Section(
      title: "gates", columns: ["stage", "rule", "was", "is"],
      rows: diff.gates.map { [$0.stage, $0.rule, verdict($0.old), verdict($0.new)] })
  }

  private static func outputs(_ diff: RunDiff) -> [Section] {
    let most = 60
    func size(_ artifact: Artifact?) -> String {
      guard let artifact else { return "none" }
      var parts = artifact.rows.map { [Numbers.count($0, "row")] } ?? []
      // The bytes of a dataset are those of its list of partitions.
      if artifact.kind != .dataset { parts.append(Numbers.bytes(artifact.bytes)) }
      return (parts + [artifact.digest.short]).joined(separator: ", ")
    }
    func isDataset(_ output: RunDiff.Output) -> Bool {
      (output.new ?? output.old)?.kind == .dataset
    }
    var others = Section(title: "other outputs")
    for output in diff.outputs where !isDataset(output) {
      others.lines.append(
        "\(output.stage).\(output.name): \(size(output.old)) → \(size(output.new))")
    }
    let datasets = diff.outputs.filter(isDataset).map { output in
      var section = Section(title: "output \(output.stage).\(output.name)")
      section.lines.append("\(size(output.old)) → \(size(output.new))")
      if let unknown = output.unknown { section.lines.append("columns not compared: \(unknown)") }
      if output.columns.isEmpty, output.unknown == nil, output.old?.kind == .dataset,
        output.new?.kind == .dataset
      {
        section.lines.append("the columns and their figures are the same; the rows are others")
      }
      if output.isReordered { section.lines.append("the columns are in another order") }
      for column in output.columns {
        switch (column.old, column.new) {
        case (nil, let new?): section.lines.append("+ column '\(column.name)' (\(type(new)))")
        case (let old?, nil): section.lines.append("- column '\(column.name)' (\(type(old)))")
        case (let old?, let new?) where type(old) != type(new):
          section.lines.append("column '\(column.name)': \(type(old)) → \(type(new))")
        default: break
        }
      }
      section.columns = ["column", "missing", "least", "most", "mean", "distinct"]
      let both = output.columns.filter { $0.old != nil && $0.new != nil }
      section.rows = both.prefix(most).map { column in
        [column.name]
          + [\ColumnFigures.missingText, \.leastText, \.mostText, \.meanText, \.distinctText].map {
            cell(column.old?[keyPath: $0] ?? "", column.new?[keyPath: $0] ?? "")
          }
      }
      if both.count > most {
        section.lines.append("\(Numbers.count(both.count - most)) columns more are in --json")
      }
      return section
    }
    return datasets + (others.lines.isEmpty ? [] : [others])
  }

  private static func cell(_ old: String, _ new: String) -> String {
    old == new ? old : "\(old.isEmpty ? "·" : old) → \(new.isEmpty ? "·" : new)"
  }

  private static func type(_ column: ColumnFigures) -> String {
    ([column.type.rawValue] + column.roles.map(\.rawValue)).joined(separator: " ")
  }

  private static func unmade(_ diff: RunDiff) -> Section {
    Section(
      title: "not made yet",
      lines: diff.unmade.isEmpty ? [] : [diff.unmade.joined(separator: ", ")])
  }

  private static func durations(_ diff: RunDiff) -> Section {
    if diff.old.run.isEmpty || diff.new.run.isEmpty || diff.isEmpty { return Section(title: "") }
    func time(_ seconds: Double?) -> String { seconds.map(Numbers.seconds) ?? "did not run" }
    return Section(
      title: "durations", columns: ["stage", "was", "is"],
      rows: diff.durations.map { [$0.stage, time($0.old), time($0.new)] } + [
        ["the whole run", time(diff.old.seconds), time(diff.new.seconds)]
      ])
  }
}

extension ColumnFigures {
  fileprivate var missingText: String { Numbers.count(missing) }
  fileprivate var leastText: String { shortened(least) }
  fileprivate var mostText: String { shortened(most) }

  /// Sixteen digits are for `--json`.
  private func shortened(_ text: String?) -> String {
    guard let text, type == .double, text.count > 10, let value = Double(text) else {
      return text ?? ""
    }
    return Numbers.figure(value)
  }

  fileprivate var meanText: String {
    guard let mean else { return "" }
    // Days and microseconds since 1970 are nobody's way of reading a mean.
    return [.date, .datetime].contains(type) ? "" : Numbers.figure(mean)
  }
  fileprivate var distinctText: String { distinct.map(Numbers.count) ?? "many" }
}
