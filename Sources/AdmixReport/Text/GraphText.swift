package import AdmixModel

/// The stages of a document as a tree, for Graphviz, and for Mermaid.
package enum GraphText {
  /// What a stage was made from, down to the files, each input indented under its user.
  package static func tree(_ stages: [RunDocument.Stage], of name: String) -> String {
    var out = ""
    var shown: Set<String> = []
    func walk(_ name: String, _ depth: Int, _ role: String?, _ output: String?) {
      guard let stage = stages.first(where: { $0.name == name }) else { return }
      let used =
        output.flatMap { name in stage.outputs.first { $0.name == name } } ?? stage.outputs.first
      let isNamed = output != nil && output != "data"
      let digest = used.map { "  " + $0.digest.short } ?? ""
      let rows = used?.rows.map { ", " + Numbers.count($0, "row") } ?? ""
      let again = shown.contains(name) ? " (above)" : ""
      out +=
        String(repeating: "  ", count: depth) + (role.map { "\($0): " } ?? "")
        + "\(stage.name)\(isNamed ? "." + (output ?? "") : "") (\(stage.kind)\(rows))\(digest)\(again)\n"
      guard shown.insert(name).inserted else { return }
      for source in stage.sources {
        out +=
          String(repeating: "  ", count: depth + 1)
          + "file: \(source.name)  \(source.digest.short)\n"
      }
      for input in stage.inputs { walk(input.stage, depth + 1, input.role, input.output) }
    }
    walk(name, 0, nil, nil)
    return out
  }

  package static func json(_ inputs: [RunDocument.Input]) -> JSONValue {
    .array(
      inputs.map {
        .object([
          "role": .string($0.role), "stage": .string($0.stage), "output": JSONValue($0.output),
        ])
      })
  }

  package static func dot(_ stages: [RunDocument.Stage]) -> String {
    func escaped(_ text: String) -> String {
      text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: " ")
    }
    func quoted(_ text: String) -> String { "\"\(escaped(text))\"" }
    var out = "digraph pipeline {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n"
    for stage in stages {
      let rows = stage.rows.map { "\\n" + Numbers.count($0, "row") } ?? ""
      out +=
        "  \(quoted(stage.name)) [label=\"\(escaped(stage.name))\\n\(stage.kind)\(rows)\"];\n"
      for source in stage.sources {
        // A file may be called like a stage.
        let node = quoted("file: " + source.name)
        out +=
          "  \(node) [shape=note, label=\"\(escaped(source.name))\\n\(source.digest.short)\"];\n  \(node) -> \(quoted(stage.name));\n"
      }
      for input in stage.inputs {
        let output = input.output.map { $0 == "data" ? "" : "\\n.\(escaped($0))" } ?? ""
        let look =
          input.role == "after"
          ? "style=dashed" : "label=\"\(escaped(input.role))\(output)\", fontsize=10"
        out += "  \(quoted(input.stage)) -> \(quoted(stage.name)) [\(look)];\n"
      }
    }
    return out + "}\n"
  }

  package static func mermaid(_ stages: [RunDocument.Stage]) -> String {
    var out = "flowchart LR\n"
    for (index, stage) in stages.enumerated() {
      let name = stage.name.replacing("\"", with: "#quot;")
      out += "  s\(index)[\"\(name)<br/>\(stage.kind)\"]\n"
    }
    for (index, stage) in stages.enumerated() {
      var drawn: Set<String> = []
      for input in stage.inputs
      where drawn.insert("\(input.stage) \(input.role == "after")").inserted {
        guard let from = stages.firstIndex(where: { $0.name == input.stage }) else { continue }
        out += "  s\(from) \(input.role == "after" ? "-.->" : "-->") s\(index)\n"
      }
    }
    return out
  }
}
