import AdmixModel
import Foundation

/// The stages as a drawing: layers from left to right, each stage after its inputs.
enum GraphSVG {
  private static let width = 150.0
  private static let height = 46.0
  private static let gapX = 54.0
  private static let gapY = 20.0

  static func render(_ stages: [RunDocument.Stage]) -> HTML {
    let places = layout(stages)
    let columns = (places.values.map(\.column).max() ?? 0) + 1
    let lines = (places.values.map(\.line).max() ?? 0) + 1
    let w = Double(columns) * (width + gapX) - gapX + 4
    let h = Double(lines) * (height + gapY) - gapY + 4
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
        let bend = max(24, (x2 - x1) / 2)
        let isOrder = stage.inputs.filter { $0.stage == name }.allSatisfy { $0.role == "after" }
        marks += HTML(
          markup: String(
            format: "<path class=\"edge%@\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\"/>",
            isOrder ? " order" : "", x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2))
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
        <text class="name" x="10" y="20">\(clipped(stage.name, 20))</text>\
        <text class="detail" x="10" y="36">\(clipped(detail, 24))</text></g>
        """
    }
    return """
      <div class="scroll"><svg class="graph" role="img" aria-label="The stages and what flows between them" width="\(Int(w))" height="\(Int(h))" viewBox="0 0 \(Int(w)) \(Int(h))">\(marks)</svg></div>
      """
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
