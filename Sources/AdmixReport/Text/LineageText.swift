package import AdmixEngine
package import AdmixModel
import Foundation

/// An answer about lineage as a tree, for Graphviz, for Mermaid, and as JSON.
package enum LineageText {
  /// At most so many lines of one kind under one node; the rest is counted.
  private static let mostFiles = 20

  package static func tree(_ answer: LineageAnswer) -> String {
    let isUp = answer.direction == .up
    // A stage is told once, whichever of its outputs it was come upon by.
    let keys = answer.nodes.map(key)
    var edges: [String: [LineageAnswer.Edge]] = [:]
    for edge in answer.edges { edges[keys[isUp ? edge.to : edge.from], default: []].append(edge) }
    var out = ""
    var shown: Set<String> = []
    // A list of what is left to print instead of recursion: chains may be thousands long.
    var open: [(depth: Int, label: String, node: Int)] = [(0, "", 0)]
    while let (depth, label, position) = open.popLast() {
      let node = answer.nodes[position]
      let below = edges[keys[position]] ?? []
      let hasMore = !below.isEmpty
      let isNew = shown.insert(keys[position]).inserted
      let again = !isNew && hasMore ? " (above)" : ""
      let indent = String(repeating: "  ", count: depth)
      out += indent + label + text(node) + again + "\n"
      guard isNew else { continue }
      var next: [(depth: Int, label: String, node: Int)] = []
      var files = 0
      if let reason = answer.untold[position] {
        out += indent + "  not known: \(reason)\n"
      }
      for (words, group) in deciding(below, answer, isUp) {
        out += indent + "  decided by " + group + " (" + words + ")\n"
      }
      for edge in below where !isNamed(edge, answer, isUp) {
        let other = isUp ? edge.from : edge.to
        if case .file = answer.nodes[other] { files += 1 }
        if files > mostFiles, case .file = answer.nodes[other] { continue }
        next.append((depth + 1, self.label(edge, answer.nodes[other]), other))
      }
      if files > mostFiles {
        out += indent + "  \(files - mostFiles) more files\n"
      }
      if let tasks = answer.tasks[position], !isUp || depth == 0 {
        let words = tasks.sorted { $0.key < $1.key }.map {
          "\(Numbers.count($0.value, "task")) of \($0.key)"
        }
        out += indent + "  read by " + words.joined(separator: ", ") + "\n"
      }
      open += next.reversed()
    }
    return out
  }

  /// Columns that only decide are named in one line for each way they do.
  private static func isNamed(_ edge: LineageAnswer.Edge, _ answer: LineageAnswer, _ isUp: Bool)
    -> Bool
  {
    isUp && edge.isIndirect && edge.use != nil
  }

  private static func deciding(
    _ edges: [LineageAnswer.Edge], _ answer: LineageAnswer, _ isUp: Bool
  ) -> [(String, String)] {
    var order: [String] = []
    var groups: [String: [String]] = [:]
    for edge in edges where isNamed(edge, answer, isUp) {
      guard let use = edge.use else { continue }
      let words = "\(edge.role); \(way(use))"
      if groups[words] == nil { order.append(words) }
      groups[words, default: []].append(use.column)
    }
    return order.map { ($0, (groups[$0] ?? []).joined(separator: ", ")) }
  }

  private static func way(_ use: ColumnLineage.Use) -> String {
    let name = use.how.rawValue.lowercased().replacing("_", with: " ")
    let note = use.note.map { $0 == name ? "" : ", \($0)" } ?? ""
    return name + note + (use.isMasking ? ", masked" : "")
  }

  private static func label(_ edge: LineageAnswer.Edge, _ other: LineageAnswer.Node) -> String {
    if let use = edge.use { return "\(edge.role) (\(way(use))): " }
    return edge.role + ": "
  }

  /// What stands for the same thing again.
  private static func key(of node: LineageAnswer.Node) -> String {
    switch node {
    case .stage(let stage): "stage \(stage.name)"
    case .column(let stage, let output, let name, _):
      "column \(stage)\u{0}\(output)\u{0}\(name)"
    case .whole(let stage, let output, _): "whole \(stage)\u{0}\(output)"
    case .fileColumn(let stage, _, let name): "file column \(stage)\u{0}\(name)"
    case .file(_, let digest), .unknown(let digest): digest.hex
    case .delivery(let path, _): "delivery \(path)"
    case .artifact(let artifact, _): artifact.digest.hex
    }
  }

  /// `data` is what a stage is about, and goes without saying.
  private static func place(_ stage: String, _ output: String?) -> String {
    output.map { $0 == "data" ? stage : "\(stage).\($0)" } ?? stage
  }

  private static func text(_ node: LineageAnswer.Node) -> String {
    switch node {
    case .stage(let stage):
      let rows = stage.artifact?.rows.map { ", " + Numbers.count($0, "row") } ?? ""
      let digest = stage.artifact.map { "  " + $0.digest.short } ?? ""
      return place(stage.name, stage.output) + " (\(stage.kind)\(rows))" + digest
        + (stage.determinism.map { ", " + DeterminismText.words($0) } ?? "")
    case .column(let stage, let output, let name, let type):
      return "\(place(stage, output)).\(name)" + (type.map { "  \($0.rawValue)" } ?? "")
    case .whole(let stage, let output, let isTable):
      return place(stage, output) + (isTable ? " as a whole" : "")
    case .fileColumn(_, let files, let name):
      let first = files.first ?? "a file"
      return "\(first)\(files.count > 1 ? " and \(files.count - 1) more" : ""), column \(name)"
    case .file(let name, let digest): return "\(name ?? "a file")  \(digest.short)"
    case .delivery(let path, let digest): return path + (digest.map { "  " + $0.short } ?? "")
    case .artifact(let artifact, let maker):
      let rows = artifact.rows.map { ", " + Numbers.count($0, "row") } ?? ""
      let name = maker.map { maker in
        let stage = maker.stage ?? "a stage whose run never ended"
        let name =
          ["partition", "delivery"].contains(maker.output)
          ? "\(stage), \(maker.output == "partition" ? "a partition" : "a file written")"
          : place(stage, maker.output)
        return (maker.isTask ? "a task" : name) + " (\(maker.kind)\(rows))"
      }
      return (name ?? "\(artifact.kind.rawValue)\(rows)") + "  \(artifact.digest.short)"
    case .unknown(let digest): return "nothing on record made it  \(digest.short)"
    }
  }

  /// Who made an artifact, for the lines above a tree.
  package static func making(_ maker: LineageAnswer.Maker, isPresent: Bool) -> String {
    let stage =
      maker.isTask
      ? "a task of \(maker.kind)"
      : (maker.stage.map { "\($0).\(maker.output)" } ?? "a stage of kind \(maker.kind)")
    let pipeline = maker.pipeline.map { " of \($0)" } ?? ""
    let times = maker.runs.map { $0 > 1 ? ", in \($0) runs so far" : "" } ?? ""
    let now = isPresent ? "" : "; not part of the present plan"
    let checked = maker.determinism.map { "; " + DeterminismText.words($0) } ?? ""
    return
      "made by \(stage)\(pipeline) in run \(maker.run.prefix(8)), \(PlanText.time(maker.made.timeIntervalSince1970))\(times)\(now)\(checked)\n"
  }

  // MARK: Graphs

  package static func dot(_ answer: LineageAnswer) -> String {
    func escaped(_ text: String) -> String {
      text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: " ")
    }
    var out = "digraph lineage {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n"
    for (position, node) in answer.nodes.enumerated() {
      let shape =
        switch node {
        case .file, .fileColumn, .delivery: "shape=note, "
        case .column, .whole: "shape=plaintext, "
        default: ""
        }
      out += "  n\(position) [\(shape)label=\"\(escaped(text(node)))\"];\n"
    }
    for edge in answer.edges {
      let words = [edge.role, edge.use.map(way)].compactMap { $0 }.joined(separator: ": ")
      out +=
        "  n\(edge.from) -> n\(edge.to) [label=\"\(escaped(words))\", fontsize=10\(edge.isIndirect ? ", style=dashed" : "")];\n"
    }
    return out + "}\n"
  }

  package static func mermaid(_ answer: LineageAnswer) -> String {
    func escaped(_ text: String) -> String {
      text.replacing("&", with: "#amp;").replacing("\"", with: "#quot;").replacing(
        "<", with: "#lt;"
      )
      .replacing(">", with: "#gt;").replacing("\n", with: " ")
    }
    var out = "flowchart LR\n"
    for (position, node) in answer.nodes.enumerated() {
      out += "  n\(position)[\"\(escaped(text(node)))\"]\n"
    }
    for edge in answer.edges {
      let words = [edge.role, edge.use.map(way)].compactMap { $0 }.joined(separator: ": ")
      out +=
        "  n\(edge.from) \(edge.isIndirect ? "-.->" : "-->")|\"\(escaped(words))\"| n\(edge.to)\n"
    }
    return out
  }

  // MARK: JSON

  package static func json(_ answer: LineageAnswer) -> [String: JSONValue] {
    [
      "direction": .string(answer.direction.rawValue),
      "nodes": .array(
        answer.nodes.enumerated().map { position, node in
          var members = json(node)
          members["id"] = JSONValue(position)
          if let tasks = answer.tasks[position] {
            members["tasks"] = .object(tasks.mapValues { JSONValue($0) })
          }
          if let reason = answer.untold[position] { members["notKnown"] = .string(reason) }
          return .object(members)
        }),
      "edges": .array(
        answer.edges.map { edge in
          var members: [String: JSONValue] = [
            "from": JSONValue(edge.from), "to": JSONValue(edge.to), "role": .string(edge.role),
          ]
          if let use = edge.use {
            members["type"] = use.how.isDirect ? "DIRECT" : "INDIRECT"
            members["subtype"] = .string(use.how.rawValue)
            members["description"] = JSONValue(use.note)
            members["masking"] = .bool(use.isMasking)
          }
          return .object(members)
        }),
    ]
  }

  private static func json(_ artifact: Artifact) -> [String: JSONValue] {
    [
      "digest": .string(artifact.digest.hex), "kind": .string(artifact.kind.rawValue),
      "bytes": JSONValue(artifact.bytes), "rows": artifact.rows.map { JSONValue($0) } ?? .null,
    ]
  }

  private static func json(_ node: LineageAnswer.Node) -> [String: JSONValue] {
    switch node {
    case .stage(let stage):
      return [
        "type": "stage", "stage": .string(stage.name), "stageKind": .string(stage.kind),
        "output": JSONValue(stage.output),
        "artifact": stage.artifact.map { .object(json($0)) } ?? .null,
        "determinism": DeterminismText.json(stage.determinism),
      ]
    case .column(let stage, let output, let name, let type):
      return [
        "type": "column", "stage": .string(stage), "output": .string(output),
        "column": .string(name), "columnType": JSONValue(type?.rawValue),
      ]
    case .whole(let stage, let output, let isTable):
      return [
        "type": isTable ? "table" : "output", "stage": .string(stage), "output": .string(output),
      ]
    case .fileColumn(let stage, let files, let name):
      return [
        "type": "fileColumn", "stage": .string(stage), "files": .array(files.map { .string($0) }),
        "column": .string(name),
      ]
    case .file(let name, let digest):
      return ["type": "file", "name": JSONValue(name), "digest": .string(digest.hex)]
    case .delivery(let path, let digest):
      return ["type": "export", "path": .string(path), "digest": JSONValue(digest?.hex)]
    case .artifact(let artifact, let maker):
      var members = json(artifact)
      members["type"] = "artifact"
      members["madeBy"] = maker.map(json) ?? .null
      return members
    case .unknown(let digest):
      return ["type": "unknown", "digest": .string(digest.hex)]
    }
  }

  package static func json(_ maker: LineageAnswer.Maker) -> JSONValue {
    .object([
      "pipeline": JSONValue(maker.pipeline), "stage": JSONValue(maker.stage),
      "kind": .string(maker.kind), "output": .string(maker.output), "isTask": .bool(maker.isTask),
      "run": .string(maker.run), "made": .string(PlanText.time(maker.made.timeIntervalSince1970)),
      "runs": maker.runs.map { JSONValue($0) } ?? .null,
      "determinism": DeterminismText.json(maker.determinism),
    ])
  }
}
