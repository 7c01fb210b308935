import AdmixModel
import Foundation

/// The stages as a drawing: layers from left to right, each stage after its inputs.
enum GraphSVG {
  private static let width = 148.0
  private static let height = 46.0
  private static let gapX = 22.0
  private static let gapY = 20.0

  /// With more stages than this, the stages of a matrix are drawn as one.
  private static let mostStages = 24

  static func render(_ all: [RunDocument.Stage]) -> HTML {
    let stages = all.count > mostStages ? gathered(all) : all
    let places = layout(stages)
    let columns = (places.values.map(\.column).max() ?? 0) + 1
    let lines = (places.values.map(\.line).max() ?? 0) + 1
    let w = Double(columns) * (width + gapX) - gapX + 4
    let h = Double(lines) * (height + gapY) + 4
    func x(_ place: Place) -> Double { 2 + Double(place.column) * (width + gapX) }
    func y(_ place: Place) -> Double { 2 + Double(place.line) * (height + gapY) }

    var marks: HTML = ""
    for stage in stages {
      guard let to = places[stage.name] else { continue }
      for name in Set(stage.inputs.map(\.stage)).sorted() {
        guard let from = places[name] else { continue }
        let x1 = x(from) + width
        let y1 = y(from) + height / 2
        let x2 = x(to)
        let y2 = y(to) + height / 2
        let bend = max(14, (x2 - x1) / 2)
        let isOrder = stage.inputs.filter { $0.stage == name }.allSatisfy { $0.role == "after" }
        let path: String
        if to.column - from.column > 1 {
          // Past the stages in between, along the gap under or over them.
          let lane = to.line < from.line ? y(from) - gapY / 2 : y(from) + height + gapY / 2
          path = String(
            format:
              "M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1fL%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f",
            x1, y1, x1 + 14, y1, x1 + 4, lane, x1 + gapX, lane, x2 - gapX, lane, x2 - 4, lane,
            x2 - 14, y2, x2, y2)
        } else {
          path = String(
            format: "M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", x1, y1, x1 + bend, y1, x2 - bend,
            y2,
            x2, y2)
        }
        marks += "<path class=\"edge\(isOrder ? " order" : "")\" d=\"\(HTML(markup: path))\"/>"
      }
    }
    for stage in stages {
      guard let place = places[stage.name] else { continue }
      let gateFailed = stage.gates.contains { !$0.passed && $0.action == .fail }
      let detail = stage.rows.map { "\(stage.kind) · \(Numbers.count($0)) rows" } ?? stage.kind
      marks += """
        <g class="node \(stage.status)\(gateFailed ? " tripped" : "")" transform="translate(\(HTML(markup: String(format: "%.1f %.1f", x(place), y(place)))))">\
        <title>\(stage.name) (\(stage.kind)): \(stage.status)</title>\
        <rect width="\(Int(width))" height="\(Int(height))" rx="6"/>\
        <text class="name" x="10" y="20">\(clipped(stage.name, 17))</text>\
        <text class="detail" x="10" y="36">\(clipped(detail, 22))</text></g>
        """
    }
    return """
      <svg class="graph" role="img" aria-labelledby="graph-title graph-text" viewBox="0 0 \(Int(w)) \(Int(h))" style="--w:\(Int(w))px">\
      <title id="graph-title">The stages and what flows between them</title><desc id="graph-text">\(told(stages))</desc>\(marks)</svg>
      """
  }

  /// One stage in the place of all combinations of a matrix.
  private static func gathered(_ stages: [RunDocument.Stage]) -> [RunDocument.Stage] {
    func base(_ name: String) -> String { String(name.prefix { $0 != "[" }) }
    let sizes = Dictionary(grouping: stages) { base($0.name) }.mapValues(\.count)
    func shown(_ name: String) -> String {
      let count = sizes[base(name)] ?? 1
      return count > 1 ? "\(base(name)) ×\(count)" : name
    }
    let severity = ["cached", "executed", "skipped", "gated", "failed"]
    var order: [String] = []
    var found: [String: RunDocument.Stage] = [:]
    for stage in stages {
      let name = shown(stage.name)
      let inputs = stage.inputs.map {
        RunDocument.Input(role: $0.role, stage: shown($0.stage), output: $0.output)
      }.filter { $0.stage != name }
      guard var group = found[name] else {
        var first = stage
        if name != stage.name { first.outputs = [] }
        first.name = name
        first.inputs = inputs
        found[name] = first
        order.append(name)
        continue
      }
      group.inputs += inputs.filter { !group.inputs.contains($0) }
      group.gates += stage.gates
      if (severity.firstIndex(of: stage.status) ?? 0) > (severity.firstIndex(of: group.status) ?? 0)
      {
        group.status = stage.status
      }
      found[name] = group
    }
    // Stages of one matrix may lie on both sides of another: then there is no order to draw.
    var drawn: Set<String> = []
    var sorted: [RunDocument.Stage] = []
    while sorted.count < order.count {
      let ready = order.filter { name in
        !drawn.contains(name) && found[name]?.inputs.allSatisfy { drawn.contains($0.stage) } == true
      }
      if ready.isEmpty { return stages }
      drawn.formUnion(ready)
      sorted += ready.compactMap { found[$0] }
    }
    return sorted
  }

  /// The drawing in words, for those who do not see it.
  private static func told(_ stages: [RunDocument.Stage]) -> String {
    stages.map { stage in
      let inputs = stage.inputs.reduce(into: [String]()) {
        if !$0.contains($1.stage) { $0.append($1.stage) }
      }
      return "\(stage.name) (\(stage.kind), \(stage.status))"
        + (inputs.isEmpty ? "" : " after " + inputs.joined(separator: ", "))
    }.joined(separator: "; ")
  }

  private struct Place {
    var column: Int
    var line: Int
  }

  /// Column: the longest way from a source.
  ///
  /// Line: near the average of the inputs' lines.
  private static func layout(_ stages: [RunDocument.Stage]) -> [String: Place] {
    var places: [String: Place] = [:]
    var taken: [Int: Set<Int>] = [:]
    for stage in stages {
      let inputs = Set(stage.inputs.map(\.stage)).compactMap { places[$0] }
      let column = (inputs.map(\.column).max() ?? -1) + 1
      let wish =
        inputs.isEmpty
        ? 0 : Int((Double(inputs.map(\.line).reduce(0, +)) / Double(inputs.count)).rounded())
      let line =
        (0...stages.count).lazy.flatMap { [wish + $0, wish - $0] }
        .first { $0 >= 0 && !taken[column, default: []].contains($0) } ?? stages.count
      taken[column, default: []].insert(line)
      places[stage.name] = Place(column: column, line: line)
    }
    return places
  }

  private static func clipped(_ text: String, _ length: Int) -> String {
    text.count > length ? text.prefix(length - 1) + "…" : text
  }
}
