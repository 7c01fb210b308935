import AdmixModel
import Foundation

/// One run as one self-contained page: no script, no request to anywhere, readable on paper.
package enum HTMLReport {
  package static func render(_ document: RunDocument) -> String {
    let checks = document.stages.filter { $0.report != nil }
    let links = checks.map { stage -> HTML in "<a href=\"#stage-\(stage.name)\">\(stage.name)</a>" }
    let page: HTML = """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8">\
      <meta name="viewport" content="width=device-width,initial-scale=1">\
      <title>\(document.pipeline): run \(document.run)</title>\
      <style>\(HTML(markup: style))</style></head><body>
      <header><h1>\(document.pipeline)</h1>\
      \(document.description.map { "<p>\($0)</p>" as HTML } ?? "")\
      \(facts(document))\
      <nav><a href="#gates">gates</a><a href="#graph">graph</a><a href="#stages">stages</a>\(links)</nav></header>
      <main>\(gates(document))\(graph(document))\(stages(document))\(checks.map(check))\(files(document))</main>
      <footer>Made by admix \(document.version). Undefined figures say why; they are never 0. \
      Intervals are 95 % unless they say otherwise.</footer>
      </body></html>

      """
    return page.source
  }

  private static func facts(_ document: RunDocument) -> HTML {
    let executed = document.stages.filter { $0.status == "executed" }.count
    let cached = document.stages.filter { $0.status == "cached" }.count
    let facts: [(String, HTML)] = [
      ("status", tag(document.status)), ("run", "<span class=\"mono\">\(document.run)</span>"),
      ("started", "\(document.started)"), ("took", "\(Numbers.seconds(document.seconds))"),
      ("stages", "\(executed) ran, \(cached) reused, \(document.stages.count) in all"),
      ("seed", "\(String(document.seed))"),
    ]
    let items = facts.map { name, value -> HTML in "<div><dt>\(name)</dt><dd>\(value)</dd></div>" }
    return "<dl class=\"facts\">\(items)</dl>"
  }

  static func tag(_ status: String) -> HTML {
    let look =
      switch status {
      case "succeeded", "passed": "good"
      case "failed", "interrupted": "bad"
      case "gated", "warned": "warn"
      default: "quiet"
      }
    return "<span class=\"tag \(look)\">\(status)</span>"
  }

  private static func gates(_ document: RunDocument) -> HTML {
    let rows = document.stages.flatMap { stage in
      stage.gates.map { gate -> HTML in
        let verdict = gate.passed ? "passed" : gate.action == .fail ? "failed" : "warned"
        let figure: HTML
        if gate.measurement.value != nil {
          figure = "\(Numbers.measurement(gate.measurement))"
        } else {
          figure = "<span class=\"undef\">\(gate.measurement.reason ?? "undefined")</span>"
        }
        return """
          <tr><td>\(tag(verdict))</td><td>\(stage.name)</td><td><code>\(gate.rule)</code></td>\
          <td class="num">\(figure)</td><td>\(gate.action == .fail ? "stops what depends on it" : "is reported")</td></tr>
          """
      }
    }
    if rows.isEmpty {
      return
        "<h2 id=\"gates\">Gates</h2><p class=\"none\">No stage of this pipeline declares a gate.</p>"
    }
    return """
      <h2 id="gates">Gates</h2><p class="soft">A gate trips when its rule is true. A figure that could not be computed does not pass.</p>\
      <div class="scroll"><table><thead><tr><th>verdict</th><th>stage</th><th>trips when</th><th>figure</th><th>then</th></tr></thead>\
      <tbody>\(rows)</tbody></table></div>
      """
  }

  private static func graph(_ document: RunDocument) -> HTML {
    "<h2 id=\"graph\">Graph</h2>\(GraphSVG.render(document.stages))"
  }

  private static func stages(_ document: RunDocument) -> HTML {
    let rows = document.stages.map { stage -> HTML in
      let why = stage.why.isEmpty ? (stage.status == "cached" ? "nothing changed" : "") : ""
      let causes = stage.why.map { change -> HTML in "<div>\(change.sentence)</div>" }
      let outputs = stage.outputs.map { output -> HTML in
        let rows = output.rows.map { ", \(Numbers.count($0)) rows" } ?? ""
        return
          "<div>\(output.name)\(rows) <span class=\"mono quiet\">\(output.digest.short)</span></div>"
      }
      let warnings = stage.warnings.map { item -> HTML in
        "<div class=\"warn\">\(item.fact)</div>"
      }
      return """
        <tr><td><b>\(stage.name)</b><div class="soft">\(stage.kind)</div></td><td>\(tag(stage.status))</td>\
        <td>\(why)\(causes)\(warnings)</td><td class="num">\(Numbers.seconds(stage.seconds))</td><td>\(outputs)</td></tr>
        """
    }
    return """
      <h2 id="stages">What ran, and why</h2><div class="scroll"><table><thead><tr><th>stage</th><th>status</th>\
      <th>why</th><th>took</th><th>outputs</th></tr></thead><tbody>\(rows)</tbody></table></div>
      """
  }

  private static func check(_ stage: RunDocument.Stage) -> HTML {
    guard let report = stage.report else { return "" }
    let sections = report.sections.map { section -> HTML in
      let charts = section.charts.map(ChartHTML.render)
      return """
        <h3>\(section.title)</h3>\(section.text.isEmpty ? "" : "<p class=\"soft\">\(section.text)</p>" as HTML)\
        \(charts.isEmpty ? "" : "<div class=\"charts\">\(charts)</div>" as HTML)\(section.tables.map(table))
        """
    }
    return """
      <section id="stage-\(stage.name)"><h2>\(report.title) <span class="soft">· \(stage.name)</span></h2>\
      <p>\(report.summary)</p>\(sections)</section>
      """
  }

  private static func table(_ table: CheckReport.Table) -> HTML {
    let head = table.columns.map { name -> HTML in "<th>\(name)</th>" }
    let rows = table.rows.map { row -> HTML in "<tr>\(row.map(cell))</tr>" }
    return """
      \(table.title.isEmpty ? "" : "<h4>\(table.title)</h4>" as HTML)<div class="scroll"><table><thead><tr>\(head)</tr></thead><tbody>\(rows)</tbody></table></div>
      """
  }

  private static func cell(_ cell: CheckReport.Cell) -> HTML {
    switch cell {
    case .text(let text): "<td>\(text)</td>"
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

  private static func files(_ document: RunDocument) -> HTML {
    let rows = document.stages.flatMap { stage in
      stage.sources.map { source -> HTML in
        "<tr><td>read</td><td>\(stage.name)</td><td>\(source.name)</td><td class=\"mono\">\(source.digest.hex)</td></tr>"
      }
        + stage.files.map { file -> HTML in
          "<tr><td>written</td><td>\(stage.name)</td><td>\(file)</td><td></td></tr>"
        }
    }
    guard !rows.isEmpty else { return "" }
    return """
      <h2 id="files">Files</h2><div class="scroll"><table><thead><tr><th></th><th>stage</th><th>file</th><th>SHA-256</th></tr></thead>\
      <tbody>\(rows)</tbody></table></div>
      """
  }
}
