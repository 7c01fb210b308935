import AdmixModel
import Foundation

/// Charts that need no script: positions in percent, so that they fit any width.
enum ChartHTML {
  /// More labels than these are there, below a fold.
  private static let mostLabels = 30
  /// A matrix larger than this is a picture without figures.
  private static let mostCells = 30

  static func render(_ chart: CheckReport.Chart) -> HTML {
    switch chart {
    case .intervals(let title, let labels, let series, let reference, let isShare):
      rows(title, labels, series, reference: reference, isShare: isShare, bars: false)
    case .bars(let title, let labels, let series, let isShare):
      rows(title, labels, series, reference: nil, isShare: isShare, bars: true)
    case .lines(let title, let x, let series):
      lines(title, x, series)
    case .heatmap(let title, let rows, let columns, let values, let low, let high):
      heatmap(title, rows, columns, values, low, high)
    }
  }

  // MARK: Dots with whiskers, and bars

  private static func rows(
    _ title: String, _ labels: [String], _ series: [CheckReport.Series], reference: Double?,
    isShare: Bool, bars: Bool
  ) -> HTML {
    let finite =
      series.flatMap(\.values).flatMap { [$0.value, bars ? nil : $0.low, bars ? nil : $0.high] }
      .compactMap { $0 }.filter(\.isFinite) + (reference.map { [$0] } ?? [])
    let axis = Axis(finite, fromZero: bars, isShare: isShare)
    var lines: [HTML] = []
    for (index, label) in labels.enumerated() {
      var marks: HTML = ""
      var figures: [HTML] = []
      for (number, one) in series.enumerated() where index < one.values.count {
        let value = one.values[index]
        let top = (Double(number) + 0.5) / Double(series.count) * 100
        marks += mark(
          value, told: "\(one.name): \(Numbers.measurement(value, isShare: isShare))", top: top,
          series: number, axis: axis, bars: bars)
        figures.append("<span>\(figure(value, isShare))</span>")
      }
      if let reference {
        marks += "<i class=\"ref\" style=\"left:\(axis.percent(reference))\"></i>"
      }
      let height = max(1, series.count)
      lines.append(
        """
        <div class="row"><span class="label">\(label)</span>\
        <div class="track" style="height:\(height * 14 + 8)px">\(marks)</div>\
        <span class="figures">\(figures)</span></div>
        """)
    }
    let ticks = axis.ticks.map { tick -> HTML in
      "<span style=\"left:\(axis.percent(tick))\">\(isShare ? String(format: "%.0f %%", tick * 100) : Numbers.tick(tick))</span>"
    }
    let scale: HTML =
      "<div class=\"row axis\" aria-hidden=\"true\"><span></span><div class=\"ticks\">\(ticks)</div><span></span></div>"
    var body: HTML = "<div class=\"rows\">\(Array(lines.prefix(mostLabels)))\(scale)</div>"
    if lines.count > mostLabels {
      body += HTMLReport.fold(
        "\(lines.count - mostLabels) more",
        "<div class=\"rows\">\(Array(lines.dropFirst(mostLabels)))\(scale)</div>")
    }
    return """
      <figure class="chart"><figcaption>\(title)\(legend(series))</figcaption>\(body)</figure>
      """
  }

  private static func mark(
    _ value: Measurement, told: String, top: Double, series: Int, axis: Axis, bars: Bool
  ) -> HTML {
    guard let point = value.value, point.isFinite else { return "" }
    let y = String(format: "%.1f%%", top)
    var out: HTML = ""
    if bars {
      out +=
        "<i class=\"bar f\(series % 4)\" style=\"top:\(y);left:\(axis.percent(min(0, point)));width:\(axis.width(0, point))\" title=\"\(told)\"></i>"
      return out
    }
    if let low = value.low, let high = value.high, low.isFinite, high.isFinite {
      out +=
        "<i class=\"whisker f\(series % 4)\" style=\"top:\(y);left:\(axis.percent(low));width:\(axis.width(low, high))\"></i>"
    }
    let faint = value.verdict == .ok ? "" : " faint"
    return out
      + "<i class=\"dot f\(series % 4)\(faint)\" style=\"top:\(y);left:\(axis.percent(point))\" title=\"\(told)\"></i>"
  }

  private static func figure(_ value: Measurement, _ isShare: Bool) -> String {
    guard let point = value.value else { return "–" }
    return isShare ? Numbers.percent(point) : Numbers.figure(point)
  }

  private static func legend(_ series: [CheckReport.Series]) -> HTML {
    guard series.count > 1 else { return "" }
    let items = series.enumerated().map { number, one -> HTML in
      "<span><i class=\"key f\(number % 4)\" aria-hidden=\"true\"></i>\(one.name)</span>"
    }
    return "<span class=\"legend\">\(items)</span>"
  }

  // MARK: Curves

  private static func lines(_ title: String, _ x: [Double], _ series: [CheckReport.Series]) -> HTML
  {
    let values = series.flatMap(\.values).compactMap(\.value).filter(\.isFinite)
    let finiteX = x.filter(\.isFinite)
    guard let left = finiteX.min(), let right = finiteX.max(), right > left, !values.isEmpty else {
      return
        "<figure class=\"chart\"><figcaption>\(title)</figcaption><p class=\"none\">Nothing to draw: fewer than two different values.</p></figure>"
    }
    let axis = Axis(values, fromZero: true, isShare: false)
    func px(_ value: Double) -> String {
      String(format: "%.1f", 34 + (value - left) / (right - left) * 276)
    }
    func py(_ value: Double) -> String { String(format: "%.1f", 146 - axis.position(value) * 134) }
    var marks: HTML = ""
    for tick in axis.ticks {
      marks +=
        "<line class=\"grid\" x1=\"34\" x2=\"310\" y1=\"\(py(tick))\" y2=\"\(py(tick))\"/><text class=\"end\" x=\"30\" y=\"\(py(tick))\" dy=\"4\">\(Numbers.tick(tick))</text>"
    }
    for (number, one) in series.enumerated() {
      let points = zip(x, one.values).compactMap { x, y in
        y.value.flatMap { $0.isFinite && x.isFinite ? "\(px(x)),\(py($0))" : nil }
      }.joined(separator: " ")
      marks += "<polyline class=\"l\(number % 4)\" points=\"\(points)\"/>"
    }
    let told =
      series.map(\.name).joined(separator: " and ")
      + " from \(Numbers.tick(left)) to \(Numbers.tick(right))"
    return """
      <figure class="chart curve"><figcaption>\(title)\(legend(series))</figcaption>\
      <svg viewBox="0 0 320 170" role="img" aria-label="\(title); \(told)">\(marks)\
      <text x="34" y="162">\(Numbers.tick(left))</text>\
      <text class="end" x="310" y="162">\(Numbers.tick(right))</text></svg></figure>
      """
  }

  // MARK: Matrices

  private static func heatmap(
    _ title: String, _ rows: [String], _ columns: [String], _ values: [[Double?]], _ low: Double,
    _ high: Double
  ) -> HTML {
    if max(rows.count, columns.count) > mostCells { return raster(title, values) }
    let head = columns.map { name -> HTML in "<th scope=\"col\"><span>\(name)</span></th>" }
    let body = zip(rows, values).map { name, line -> HTML in
      let cells = line.map { value -> HTML in
        guard let value, value.isFinite, high > low else { return "<td class=\"void\">–</td>" }
        let strength = Int((min(1, max(0, (value - low) / (high - low))) * 100).rounded())
        return
          "<td style=\"--v:\(strength)\" class=\"\(strength > 55 ? "strong" : "")\">\(String(format: "%.2f", value))</td>"
      }
      return "<tr><th scope=\"row\">\(name)</th>\(cells)</tr>"
    }
    let table: HTML =
      "<table class=\"heat\"><thead><tr><td></td>\(head)</tr></thead><tbody>\(body)</tbody></table>"
    return """
      <figure class="chart wide"><figcaption>\(title)</figcaption>\(HTMLReport.scroll(title, table))</figure>
      """
  }

  private static func raster(
    _ title: String, _ values: [[Double?]]
  ) -> HTML {
    let finite = values.joined().compactMap { $0 }.filter(\.isFinite)
    guard let low = finite.min(), let high = finite.max() else {
      return
        "<figure class=\"chart\"><figcaption>\(title)</figcaption><p class=\"none\">Nothing to draw: no figures.</p></figure>"
    }
    // From the smallest to the largest there is, or a matrix of 0.9 and more would be one dark square.
    let cells = values.map { line in
      line.map { value in
        value.flatMap { $0.isFinite && high > low ? ($0 - low) / (high - low) : nil }
      }
    }
    let width = cells.map(\.count).max() ?? 0
    let mean = finite.reduce(0, +) / Double(finite.count)
    let note =
      "\(cells.count) × \(width) figures from \(Numbers.figure(low)), light, to \(Numbers.figure(high)), dark; mean \(Numbers.figure(mean))"
    return """
      <figure class="chart wide"><figcaption>\(title)</figcaption>\
      <svg class="raster" viewBox="0 0 \(width) \(cells.count)" role="img" aria-label="\(title): \(note)">\
      <image width="\(width)" height="\(cells.count)" preserveAspectRatio="none" style="image-rendering:pixelated" \
      href="data:image/png;base64,\(HTML(markup: Raster.png(cells)))"/></svg>\
      <p class="soft">\(note). Rows and columns are in the order of the tables.</p></figure>
      """
  }
}

/// The range of an axis in round numbers.
package struct Axis {
  package let low: Double
  package let high: Double
  package let ticks: [Double]

  package init(_ values: [Double], fromZero: Bool, isShare: Bool) {
    var low = values.min() ?? 0
    var high = values.max() ?? 1
    if fromZero {
      low = min(0, low)
      high = max(0, high)
    }
    if high - low < 1e-12 {
      low -= 0.5
      high += 0.5
    }
    let step = Self.roundStep((high - low) / 4)
    low = (low / step).rounded(.down) * step
    high = (high / step).rounded(.up) * step
    if isShare {
      low = max(0, low)
      high = min(1, high)
    }
    self.low = low
    self.high = high
    var ticks: [Double] = []
    var tick = low
    while tick <= high + step * 1e-6, ticks.count < 12 {
      ticks.append(abs(tick) < step * 1e-9 ? 0 : tick)
      tick += step
    }
    self.ticks = ticks
  }

  private static func roundStep(_ raw: Double) -> Double {
    let power = pow(10, log10(raw).rounded(.down))
    let lead = raw / power
    return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10)
  }

  func position(_ value: Double) -> Double { min(1, max(0, (value - low) / (high - low))) }
  func percent(_ value: Double) -> String { String(format: "%.2f%%", position(value) * 100) }
  func width(_ from: Double, _ to: Double) -> String {
    String(format: "%.2f%%", abs(position(to) - position(from)) * 100)
  }
}
