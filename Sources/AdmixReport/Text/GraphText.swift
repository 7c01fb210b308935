import AdmixModel

/// The stages of a document as a tree, for Graphviz, and for Mermaid.
package enum GraphText {
  /// What a stage was made from, down to the files, each input indented under its user.
  package static func tree(_ stages: [RunDocument.Stage], of name: String) -> String {
    var out = ""
    var shown: Set<String> = []
    func walk(_ name: String, _ depth: Int, _ role: String?) {
      guard let stage = stages.first(where: { $0.name == name }) else { return }
      let digest = stage.outputs.first.map { "  " + $0.digest.short } ?? ""
      let rows = stage.rows.map { ", \(Numbers.count($0)) rows" } ?? ""
      let again = shown.contains(name) ? " (above)" : ""
      out +=
        String(repeating: "  ", count: depth) + (role.map { "\($0): " } ?? "")
        + "\(stage.name) (\(stage.kind)\(rows))\(digest)\(again)\n"
      guard shown.insert(name).inserted else { return }
      for source in stage.sources {
        out +=
          String(repeating: "  ", count: depth + 1)
          + "file: \(source.name)  \(source.digest.short)\n"
      }
      for input in stage.inputs { walk(input.stage, depth + 1, input.role) }
    }
    walk(name, 0, nil)
    return out
  }

  package static func dot(_ stages: [RunDocument.Stage]) -> String {
    func quoted(_ text: String) -> String {
      "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
    var out = "digraph pipeline {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n"
    for stage in stages {
      let rows = stage.rows.map { "\\n\(Numbers.count($0)) rows" } ?? ""
      out += "  \(quoted(stage.name)) [label=\"\(stage.name)\\n\(stage.kind)\(rows)\"];\n"
      for source in stage.sources {
        out +=
          "  \(quoted(source.name)) [shape=note];\n  \(quoted(source.name)) -> \(quoted(stage.name));\n"
      }
      for input in stage.inputs {
        let style = input.role == "after" ? " [style=dashed]" : ""
        out += "  \(quoted(input.stage)) -> \(quoted(stage.name))\(style);\n"
      }
    }
    return out + "}\n"
  }

  package static func mermaid(_ stages: [RunDocument.Stage]) -> String {
    var out = "flowchart LR\n"
    for (index, stage) in stages.enumerated() {
      out += "  s\(index)[\"\(stage.name)<br/>\(stage.kind)\"]\n"
    }
    for (index, stage) in stages.enumerated() {
      for input in stage.inputs {
        guard let from = stages.firstIndex(where: { $0.name == input.stage }) else { continue }
        out += "  s\(from) \(input.role == "after" ? "-.->" : "-->") s\(index)\n"
      }
    }
    return out
  }
}
