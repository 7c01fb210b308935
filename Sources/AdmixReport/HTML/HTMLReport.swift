import AdmixEngine
import AdmixModel
import Foundation

/// One run as one self-contained page: no script, no request to anywhere, readable on paper.
///
/// The markup is well-formed XML as well, so that a test can tell when something is left open.
package enum HTMLReport {
  /// With more checks than this each is folded, those with a tripped gate left open.
  private static let mostOpenChecks = 6
  /// More charts or rows than these are there, below a fold.
  private static let mostCharts = 9
  private static let mostRows = 40

  package static func render(_ document: RunDocument) -> String {
    let checks = document.stages.enumerated().filter { $0.element.report != nil }
    let isFolded = checks.count > mostOpenChecks
    let links = checks.map { index, stage -> HTML in
      "<a href=\"#check-\(index)\">\(stage.name)</a>"
    }
    let page: HTML = """
      <!DOCTYPE html>
      <html lang="en"><head><meta charset="utf-8"/>\
      <meta name="viewport" content="width=device-width,initial-scale=1"/>\
      <title>\(document.pipeline): run \(document.run)</title>\
      <style>\(HTML(markup: style))</style></head><body>
      <header><h1>\(document.pipeline)</h1>\
      \(document.description.map { "<p class=\"about\">\($0)</p>" as HTML } ?? "")\
      \(verdict(document))\(facts(document))\
      <nav aria-label="Sections"><a href="#gates">gates</a><a href="#graph">graph</a><a href="#stages">stages</a>\
      \(isFolded ? "<a href=\"#checks\">\(checks.count) checks</a>" as HTML : HTML(markup: links.map(\.source).joined()))\
      <a href="#files">files</a></nav></header>
      <main>\(gates(document))\(findings(checks))\(graph(document))\(stages(document))\
      <div id="checks">\(checks.map { check($1, $0, isFolded: isFolded) })</div>\(files(document))</main>
      <footer>Made by admix \(document.version). A figure that could not be computed says why; it is never 0. \
      Intervals are 95 % unless they say otherwise.</footer>
      </body></html>

      """
    return page.source
  }

  // MARK: The verdict

  private static func verdict(_ document: RunDocument) -> HTML {
    let gates = document.stages.flatMap(\.gates)
    let failed = gates.filter { !$0.passed && $0.action == .fail }
    let warned = gates.filter { !$0.passed && $0.action == .warn }
    let stopped = document.stages.filter { $0.status == "gated" }.map(\.name)
    let broken = document.stages.filter { $0.status == "failed" }
    var notes: [HTML] = []
    let look: String
    let sign: String
    let headline: String
    if !broken.isEmpty || document.status == "failed" {
      (look, sign) = ("bad", "✗")
      headline = "Failed at " + names(broken.map(\.name))
      notes += broken.flatMap { stage in
        stage.warnings.filter { $0.severity == .error }.map { "\(stage.name): \($0.fact)" }
      }
    } else if document.status == "running" {
      (look, sign, headline) = ("warn", "…", "Still under way")
    } else if document.status == "interrupted" {
      (look, sign, headline) = ("bad", "✗", "Interrupted before it was finished")
    } else if !failed.isEmpty || document.status == "gated" {
      (look, sign) = ("bad", "✗")
      headline = Numbers.count(max(1, failed.count), "gate") + " failed"
      if !stopped.isEmpty { notes.append("Not made because of that: \(names(stopped)).") }
    } else if !warned.isEmpty {
      (look, sign) = ("warn", "!")
      headline =
        "Finished; \(warned.count) of \(Numbers.count(gates.count, "gate")) \(warned.count == 1 ? "warns" : "warn")"
    } else {
      (look, sign) = ("good", "✓")
      headline =
        gates.isEmpty
        ? "Finished; no gates were set"
        : gates.count == 1
          ? "Finished; its gate passed" : "Finished; all \(gates.count) gates passed"
    }
    notes += (failed + warned).prefix(8).map {
      "<code>\($0.rule)</code> is \($0.measurement.value == nil ? "not known" : "true"): \(Numbers.measurement($0.measurement))"
    }
    let left = failed.count + warned.count - 8
    if left > 0 { notes.append("and \(left) more below") }
    let list: HTML =
      notes.isEmpty ? "" : "<ul>\(notes.map { "<li>\($0)</li>" as HTML })</ul>"
    return """
      <div class="verdict \(look)"><p><span class="sign" aria-hidden="true">\(sign)</span>\(headline)</p>\(list)</div>
      """
  }

  private static func names(_ names: [String]) -> String {
    let shown = names.prefix(4).joined(separator: ", ")
    return names.count > 4 ? "\(shown) and \(names.count - 4) more" : shown
  }

  private static func facts(_ document: RunDocument) -> HTML {
    let executed = document.stages.filter { $0.status == "executed" }.count
    let cached = document.stages.filter { $0.status == "cached" }.count
    let facts: [(String, HTML)] = [
      ("status", "\(document.status)"),
      ("run", "<span class=\"mono\">\(document.run)</span>"),
      ("started", "<time datetime=\"\(document.started)\">\(readable(document.started))</time>"),
      ("took", "\(Numbers.seconds(document.seconds))"),
      ("stages", "\(executed) ran, \(cached) reused, \(document.stages.count) in all"),
      ("seed", "\(String(document.seed))"), ("admix", "\(document.version)"),
    ]
    let items = facts.map { name, value -> HTML in "<div><dt>\(name)</dt><dd>\(value)</dd></div>" }
    return "<dl class=\"facts\">\(items)</dl>"
  }

  private static func readable(_ time: String) -> String {
    time.replacing("T", with: " ").replacing("Z", with: " UTC")
  }

  static func tag(_ status: String) -> HTML {
    let (look, sign) =
      switch status {
      case "succeeded", "passed": ("good", "✓ ")
      case "failed", "interrupted": ("bad", "✗ ")
      case "gated", "warned": ("warn", "! ")
      default: ("quiet", "")
      }
    return "<span class=\"tag \(look)\">\(sign)\(status)</span>"
  }

  // MARK: Gates and findings

  private static func gates(_ document: RunDocument) -> HTML {
    let all = document.stages.flatMap { stage in stage.gates.map { (stage.name, $0) } }
    let order = { (gate: GateResult) in gate.passed ? 2 : gate.action == .fail ? 0 : 1 }
    let sorted = all.enumerated().sorted {
      (order($0.element.1), $0.offset) < (order($1.element.1), $1.offset)
    }.map(\.element)
    if sorted.isEmpty {
      return
        "<section><h2 id=\"gates\">Gates</h2><p class=\"none\">No stage of this pipeline declares a gate.</p></section>"
    }
    let rows = sorted.map { stage, gate -> HTML in
      let verdict = gate.passed ? "passed" : gate.action == .fail ? "failed" : "warned"
      let figure: HTML =
        gate.measurement.value != nil
        ? "\(Numbers.measurement(gate.measurement))"
        : "<span class=\"undef\">\(gate.measurement.reason ?? "undefined")</span>"
      return """
        <tr><td>\(tag(verdict))</td><td data-label="stage">\(stage)</td>\
        <td data-label="trips when"><code>\(gate.rule)</code></td>\
        <td data-label="figure" class="num">\(figure)</td>\
        <td data-label="then">\(gate.action == .fail ? "stops what waits for it" : "is reported")</td></tr>
        """
    }
    return """
      <section><h2 id="gates">Gates</h2><p class="soft">A gate trips when its rule is true. A figure that could not be computed does not pass.</p>\
      \(scroll("Gates", "<table class=\"stack\">\(head(["verdict", "stage", "trips when", "figure", "then"]))<tbody>\(rows)</tbody></table>"))</section>
      """
  }

  /// What each check has to say, in a sentence.
  private static func findings(_ checks: [(offset: Int, element: RunDocument.Stage)]) -> HTML {
    let items = checks.compactMap { index, stage -> HTML? in
      guard let report = stage.report, !report.summary.isEmpty else { return nil }
      return "<li><a href=\"#check-\(index)\">\(stage.name)</a>: \(report.summary)</li>"
    }
    if items.isEmpty { return "" }
    let shown: HTML = "<ul class=\"findings\">\(Array(items.prefix(mostOpenChecks)))</ul>"
    let rest: HTML =
      items.count > mostOpenChecks
      ? fold(
        "\(items.count - mostOpenChecks) more",
        "<ul class=\"findings\">\(Array(items.dropFirst(mostOpenChecks)))</ul>") : ""
    return "<section><h2 id=\"findings\">Findings</h2>\(shown)\(rest)</section>"
  }

  // MARK: The stages

  private static func graph(_ document: RunDocument) -> HTML {
    """
    <section><h2 id="graph">Graph</h2>\(scroll("Graph of the stages", GraphSVG.render(document.stages)))\
    <p class="soft legend"><span><i class="edge-key" aria-hidden="true"></i>data</span>\
    <span><i class="edge-key order" aria-hidden="true"></i>waits for its gates</span>\
    <span>blue: ran</span><span>grey: reused</span><span>red: failed, or a gate failed</span></p></section>
    """
  }

  private static func stages(_ document: RunDocument) -> HTML {
    let rows = document.stages.map { stage -> HTML in
      let why: HTML =
        switch stage.status {
        case "cached" where stage.fromCache?.isWhole == true:
          "from the shared cache, where run \(String((stage.fromCache?.maker ?? "").prefix(8))) put it"
        case "cached": "nothing it rests on has changed"
        case "executed" where stage.fromCache != nil:
          "\(Numbers.count(stage.fromCache?.tasks ?? 0, "task")) from the shared cache"
        case "gated": "a gate before it failed"
        case "skipped": "something before it did not finish"
        default: ""
        }
      let checked: HTML =
        stage.determinism.map { "<div>\(DeterminismText.words($0))</div>" } ?? ""
      let causes = stage.why.map { change -> HTML in "<div>\(change.sentence)</div>" }
      let outputs = stage.outputs.map { output -> HTML in
        let rows = output.rows.map { ", " + Numbers.count($0, "row") } ?? ""
        // A dataset's own bytes are those of its list of partitions, which says nothing to people.
        let size = output.kind == .dataset ? "" : ", " + Numbers.bytes(output.bytes)
        return
          "<div>\(output.name)\(rows)\(size) <span class=\"mono quiet\">\(output.digest.short)</span></div>"
      }
      return """
        <tr><td><b>\(stage.name)</b><div class="soft">\(stage.kind)</div></td><td data-label="status">\(tag(stage.status))</td>\
        <td data-label="why" class="why">\(why)\(causes)\(checked)\(stage.warnings.map(problem))</td>\
        <td data-label="took" class="num">\(stage.status == "executed" || stage.status == "failed" ? Numbers.seconds(stage.seconds) : "")</td>\
        <td data-label="outputs">\(outputs)</td></tr>
        """
    }
    return """
      <section><h2 id="stages">What ran, and why</h2>\
      \(scroll("Stages", "<table class=\"stack\">\(head(["stage", "status", "why", "took", "outputs"]))<tbody>\(rows)</tbody></table>"))</section>
      """
  }

  private static func problem(_ item: Diagnostic) -> HTML {
    let look = item.severity == .error ? "bad" : "warn"
    let cause: HTML = item.cause.map { "<div class=\"soft\">\($0)</div>" } ?? ""
    let hint: HTML = item.hint.map { "<div class=\"soft\">hint: \($0)</div>" } ?? ""
    return
      "<div class=\"\(look)\">\(item.severity.rawValue): \(item.fact) <span class=\"mono\">\(item.code)</span></div>\(cause)\(hint)"
  }

  // MARK: Checks

  private static func check(_ stage: RunDocument.Stage, _ index: Int, isFolded: Bool) -> HTML {
    guard let report = stage.report else { return "" }
    let sections = report.sections.map { section -> HTML in
      "<h3>\(section.title)</h3>\(explanation(section.text))\(charts(section.charts))\(section.tables.map(table))"
    }
    // "Fairness: bias" says its stage already.
    let name: HTML =
      report.title == stage.name
      ? " <span class=\"soft\">· \(stage.kind)</span>"
      : report.title.contains(stage.name) ? "" : " <span class=\"soft\">· \(stage.name)</span>"
    if isFolded {
      let isOpen = stage.gates.contains { !$0.passed }
      return """
        <details class="check" id="check-\(index)"\(isOpen ? " open=\"open\"" as HTML : "")><summary>\(report.title)\(name)\
        <span class="soft"> \(report.summary)</span></summary>\(sections)</details>
        """
    }
    return """
      <section id="check-\(index)"><h2>\(report.title)\(name)</h2><p>\(report.summary)</p>\(sections)</section>
      """
  }

  /// One paragraph, or a list of terms below a fold.
  private static func explanation(_ text: String) -> HTML {
    let lines = text.split(separator: "\n").map(String.init)
    if lines.count <= 1 {
      if text.count <= 400 { return text.isEmpty ? "" : "<p class=\"soft\">\(text)</p>" }
      return fold("What the figures mean", "<p class=\"soft\">\(text)</p>")
    }
    let items = lines.map { line -> HTML in
      guard let colon = line.range(of: ": ") else { return "<dd>\(line)</dd>" }
      return
        "<dt>\(String(line[..<colon.lowerBound]))</dt><dd>\(String(line[colon.upperBound...]))</dd>"
    }
    return fold("What the figures mean", "<dl class=\"terms\">\(items)</dl>")
  }

  private static func charts(_ charts: [CheckReport.Chart]) -> HTML {
    if charts.isEmpty { return "" }
    let shown: HTML =
      "<div class=\"charts\">\(charts.prefix(mostCharts).map(ChartHTML.render))</div>"
    let rest = charts.dropFirst(mostCharts)
    if rest.isEmpty { return shown }
    return shown
      + fold(
        "\(rest.count) more charts", "<div class=\"charts\">\(rest.map(ChartHTML.render))</div>")
  }

  private static func table(_ table: CheckReport.Table) -> HTML {
    func block(_ rows: [[CheckReport.Cell]]) -> HTML {
      let lines = rows.map { row -> HTML in
        "<tr>\(row.enumerated().map { cell($1, isFirst: $0 == 0) })</tr>"
      }
      return scroll(
        table.title.isEmpty ? "Table" : table.title,
        "<table>\(head(table.columns))<tbody>\(lines)</tbody></table>")
    }
    let title: HTML = table.title.isEmpty ? "" : "<h4>\(table.title)</h4>"
    // A fold that hides two rows is worse than the rows.
    if table.rows.count <= mostRows + 5 { return title + block(table.rows) }
    return title + block(Array(table.rows.prefix(mostRows)))
      + fold(
        "\(table.rows.count - mostRows) more rows", block(Array(table.rows.dropFirst(mostRows))))
  }

  private static func cell(_ cell: CheckReport.Cell, isFirst: Bool) -> HTML {
    switch cell {
    case .text(let text):
      isFirst ? "<th scope=\"row\">\(text)</th>" : "<td>\(text)</td>"
    case .count(let count): "<td class=\"num\">\(Numbers.count(count))</td>"
    case .flag(let holds): "<td class=\"\(holds ? "good" : "bad")\">\(holds ? "yes" : "no")</td>"
    case .measurement(let value): figure(value, isShare: false)
    case .share(let value): figure(value, isShare: true)
    }
  }

  private static func figure(_ value: Measurement, isShare: Bool) -> HTML {
    guard let point = value.value else {
      return "<td class=\"undef\">\(value.reason ?? "undefined")</td>"
    }
    let format = isShare ? Numbers.percent : Numbers.figure
    var interval: HTML = ""
    if let low = value.low, let high = value.high {
      interval = " <span class=\"ci\">\(format(low)) – \(format(high))</span>"
    }
    let note: HTML = value.reason.map { "<div class=\"ci\">\($0)</div>" } ?? ""
    return "<td class=\"num\">\(format(point))\(interval)\(note)</td>"
  }

  // MARK: Files

  private static func files(_ document: RunDocument) -> HTML {
    let rows = document.stages.flatMap { stage in
      stage.sources.map { source -> HTML in
        """
        <tr><td>read</td><td data-label="stage">\(stage.name)</td><td data-label="file" class="path">\(source.name)</td>\
        <td data-label="SHA-256" class="mono digest">\(source.digest.hex)</td></tr>
        """
      }
        + stage.files.map { file -> HTML in
          """
          <tr><td>\(stage.status == "executed" || stage.status == "cached" ? "written" : "not written")</td>\
          <td data-label="stage">\(stage.name)</td><td data-label="file" class="path">\(file)</td><td></td></tr>
          """
        }
    }
    if rows.isEmpty {
      return
        "<section><h2 id=\"files\">Files</h2><p class=\"none\">No file was read or written.</p></section>"
    }
    return """
      <section><h2 id="files">Files</h2>\
      \(scroll("Files", "<table class=\"stack\">\(head(["", "stage", "file", "SHA-256"]))<tbody>\(rows)</tbody></table>"))</section>
      """
  }

  // MARK: Pieces

  private static func head(_ columns: [String]) -> HTML {
    "<thead><tr>\(columns.map { name -> HTML in name.isEmpty ? "<td></td>" : "<th scope=\"col\">\(name)</th>" })</tr></thead>"
  }

  /// Wide content scrolls by itself, also from the keyboard.
  static func scroll(_ label: String, _ content: HTML) -> HTML {
    "<div class=\"scroll\" role=\"region\" aria-label=\"\(label)\" tabindex=\"0\">\(content)</div>"
  }

  static func fold(_ title: String, _ content: HTML) -> HTML {
    "<details class=\"fold\"><summary>\(title)</summary>\(content)</details>"
  }
}
