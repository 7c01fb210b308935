package import AdmixEngine
import AdmixModel

/// Traces and plans to forget, as people read them.
package enum TraceText {
  package static func text(_ trace: Trace) -> String {
    var out = subject(trace.subject)
    out += back(trace)
    out += forwards(trace)
    return out
  }

  private static func subject(_ subject: Trace.Subject) -> String {
    var out = ""
    if subject.rows.count > 0 {
      out += "\(subject.name): \(rows(subject.rows))\n"
      for record in subject.records { out += indent(1) + words(record) + "\n" }
      if !subject.records.isEmpty, subject.records.count < subject.rows.count {
        out += "  … and \(Numbers.count(subject.rows.count - subject.records.count, "more row"))\n"
      }
    }
    if !subject.without.isEmpty {
      let rows = rows(.init(count: subject.without.count, numbers: subject.without))
      out +=
        "\(subject.name): \(rows) \(subject.without.count == 1 ? "is" : "are") in no dataset: left out when the file was read, or beyond its end\n"
    }
    return out
  }

  // MARK: Backwards

  private static func back(_ trace: Trace) -> String {
    if trace.back.isEmpty { return "" }
    var out = "\ncame from\n"
    for places in trace.back {
      for (depth, place) in places.enumerated() {
        out += indent(depth + 1) + words(place) + "\n"
      }
    }
    let shown = trace.back.count
    if shown < trace.subject.rows.count {
      out += "  … and \(Numbers.count(trace.subject.rows.count - shown, "more row"))\n"
    }
    for learning in trace.learning {
      out +=
        "\nthe model of \(learning.stage) learned from \(learning.from), \(Numbers.count(learning.rows, "row")), which come from\n"
      out += list(learning.sources)
    }
    return out
  }

  private static func words(_ place: Trace.Place) -> String {
    let row = place.row.map { " row \($0)" } ?? ""
    return switch place.kind {
    case .export, .dataset: place.name + row
    case .source: place.name + row + (place.line.map { ", line \($0)" } ?? "")
    case .synthetic: "\(place.name)\(row), synthetic: made by a model, not copied from any row"
    case .made: "\(place.name)\(row), made by rules from nothing"
    case .unclear: "no further: \(place.because ?? "")"
    }
  }

  // MARK: Forwards

  private static func forwards(_ trace: Trace) -> String {
    var out = ""
    func section(_ title: String, _ lines: [[String]]) {
      if lines.isEmpty { return }
      out += "\n\(title)\n" + table(lines)
    }
    section(
      trace.subject.rows.count == 1 ? "the row is in" : "the rows are in",
      trace.datasets.filter { $0.share.holds.count > 0 }.map {
        [$0.name, rows($0.share.holds)]
      })
    section(
      "learned by",
      trace.models.filter { !$0.share.isNothing }.map { model in
        [model.name, shares(model.share, of: model.from)]
      })
    section(
      "made by a model that learned from it",
      trace.datasets.filter { $0.share.learned.count > 0 }.map {
        [$0.name, "\(Numbers.count($0.share.learned.count)) of \(Numbers.count($0.of, "row"))"]
      })
    section(
      "made by a step that does not tell rows apart",
      trace.datasets.filter { $0.share.unclear.count > 0 }.map {
        [$0.name, "\(Numbers.count($0.share.unclear.count)) of \(Numbers.count($0.of, "row"))"]
      })
    section(
      "read by",
      trace.checks.map { check in
        [
          "\(check.stage) (\(check.kind))",
          check.inputs.sorted { $0.key < $1.key }.map { shares($0.value, of: $0.key) }.joined(
            separator: "; "),
        ]
      })
    section("exported to", trace.exports.map { [$0.path, words($0)] })
    section("not followed", trace.gaps.map { [$0.stage, $0.because] })
    if trace.datasets.isEmpty, trace.subject.rows.count > 0, trace.back.isEmpty {
      out += "\nno dataset has it\n"
    }
    return out
  }

  private static func shares(_ share: Trace.Share, of name: String) -> String {
    var parts: [String] = []
    if share.holds.count > 0 { parts.append(Numbers.count(share.holds.count, "row")) }
    if share.learned.count > 0 {
      parts.append("\(Numbers.count(share.learned.count)) that learned from it")
    }
    if share.unclear.count > 0 {
      parts.append("\(Numbers.count(share.unclear.count)) that may hold it")
    }
    return parts.joined(separator: " and ") + " of \(name)"
  }

  private static func words(_ export: Trace.Export) -> String {
    var parts: [String] = []
    if export.share.holds.count > 0 { parts.append("holds " + rows(export.share.holds)) }
    if export.share.learned.count > 0 {
      parts.append(
        "\(Numbers.count(export.share.learned.count, "row")) made by a model that learned from it")
    }
    if export.share.unclear.count > 0 {
      parts.append("\(Numbers.count(export.share.unclear.count, "row")) that may hold it")
    }
    if !export.isCurrent { parts.append("the file is gone or not what was exported") }
    return parts.joined(separator: "; ")
  }

  /// `row 5`, or `7 rows: 1, 2, 3, …`.
  private static func rows(_ rows: Trace.Rows) -> String {
    let shown = rows.numbers.map(String.init).joined(separator: ", ")
    if rows.count == 1 { return shown.isEmpty ? "1 row" : "row \(shown)" }
    let more = rows.count > rows.numbers.count ? ", …" : ""
    return "\(Numbers.count(rows.count)) rows" + (shown.isEmpty ? "" : ": \(shown)\(more)")
  }

  // MARK: A plan to forget

  package static func text(_ plan: ForgetPlan, run: String) -> String {
    let trace = plan.trace
    var out = subject(trace.subject)
    if trace.subject.rows.count == 0 { return out + "there is nothing to forget\n" }
    let one = trace.subject.rows.count == 1
    out += "\nto forget \(one ? "it" : "them"); nothing is changed by this command\n"
    let files = Set(trace.subject.records.map(\.name))
    let source = files.count == 1 ? files.first ?? "" : trace.subject.name
    var number = 0
    func step(_ text: String, _ lines: [[String]] = []) {
      number += 1
      out += "\(number). \(text)\n" + table(lines, depth: 2)
    }
    step(
      "remove \(one ? "the row" : "the rows") from \(source), and from wherever that is copied from"
    )
    step(
      "\(run): these stages run again",
      plan.reruns.map { rerun in
        [
          "\(rerun.stage) (\(rerun.kind))",
          trace.models.contains { $0.stage == rerun.stage && !$0.share.isNothing }
            ? "its model is fitted anew"
            : rerun.isTouched ? "" : "has none of it, but what it reads changes",
        ]
      })
    let stale = trace.exports.filter { !$0.share.isNothing }
    if !stale.isEmpty {
      step(
        "replace these exports wherever they were taken to",
        stale.map { [$0.path, words($0), $0.artifact.digest.short] })
    }
    let kept = plan.objects
    if !kept.isEmpty {
      step(
        "take these objects out of the store with admix gc, when no tag and none of these runs is to be kept",
        [
          (ForgetPlan.Object.Relation.holds, "hold \(one ? "it" : "them")"),
          (.learned, "learned from \(one ? "it" : "them")"),
          (.derived, "were made from what holds \(one ? "it" : "them")"),
        ].compactMap { relation, words in
          let count = kept.count { $0.relation == relation }
          return count == 0
            ? nil : [Numbers.count(count, "object"), words, Numbers.bytes(plan.bytes(relation))]
        })
    }
    if !plan.runs.isEmpty {
      // Tagged ones are kept until somebody takes the tag away: none of them is left out.
      let tagged = plan.runs.filter { !$0.tags.isEmpty }
      let runs = tagged + plan.runs.filter(\.tags.isEmpty)
      let shown = max(20, tagged.count)
      out += table(
        runs.prefix(shown).map {
          ["run \($0.run.prefix(8))", $0.pipeline, PlanText.time($0.started)]
            + ($0.tags.isEmpty ? [] : ["tagged " + $0.tags.joined(separator: ", ")])
        }, depth: 2)
      if runs.count > shown {
        out += indent(2) + "… and \(Numbers.count(runs.count - shown, "run")) more\n"
      }
    }
    if !trace.gaps.isEmpty {
      out += "\nnot followed\n" + table(trace.gaps.map { [$0.stage, $0.because] })
    }
    return out
  }

  // MARK: Layout

  private static func indent(_ depth: Int) -> String { String(repeating: "  ", count: depth) }

  private static func list(_ names: [String]) -> String {
    names.prefix(10).map { "  \($0)\n" }.joined()
      + (names.count > 10 ? "  … and \(Numbers.count(names.count - 10, "file")) more\n" : "")
  }

  /// Lines whose columns stand below each other.
  private static func table(_ lines: [[String]], depth: Int = 1) -> String {
    let columns = lines.map(\.count).max() ?? 0
    let widths = (0..<columns).map { at in
      lines.map { $0.indices.contains(at) ? $0[at].count : 0 }.max() ?? 0
    }
    return lines.map { line in
      var text = indent(depth)
      for (at, cell) in line.enumerated() {
        text += cell + String(repeating: " ", count: widths[at] - cell.count + 2)
      }
      while text.last == " " { text.removeLast() }
      return text + "\n"
    }.joined()
  }
}
