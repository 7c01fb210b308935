package import AdmixModel

/// The options of one stage after checking: every value has its described type, defaults are filled
/// in, `listOrOne` is a list, a bare variant name is a one-key map, an ordered map a list of
/// one-key maps.
package struct OptionValues: Sendable {
  /// A map node.
  package let node: Node

  package init(_ node: Node) { self.node = node }

  package subscript(name: String) -> Node? { node[name] }
  package var span: SourceSpan { node.span }
}

/// A stage of a checked pipeline.
package struct StageSpec: Sendable {
  package var name: String
  package var nameSpan: SourceSpan
  package var kind: String
  package var options: OptionValues
  package var edges: [Edge]

  package init(
    name: String, nameSpan: SourceSpan, kind: String, options: OptionValues, edges: [Edge]
  ) {
    self.name = name
    self.nameSpan = nameSpan
    self.kind = kind
    self.options = options
    self.edges = edges
  }

  /// A reference from an option of this stage to another stage.
  package struct Edge: Hashable, Sendable {
    /// The path of the option, such as `from` or `parts.real.from`; list items by position from 0.
    package var role: String
    package var kind: EdgeKind
    package var stage: String
    /// Nil for the primary output.
    package var output: String?
    package var span: SourceSpan

    package init(role: String, kind: EdgeKind, stage: String, output: String?, span: SourceSpan) {
      self.role = role
      self.kind = kind
      self.stage = stage
      self.output = output
      self.span = span
    }
  }
}

/// A checked pipeline: interpolated, expanded, every option of its described type.
package struct PipelineSpec: Sendable {
  package var name: String
  package var description: String?
  package var seed: UInt64
  package var params: [String: JSONValue]
  /// In the order of the file; references point to stages that exist, and there is no cycle.
  package var stages: [StageSpec]
  /// The file as given, and every included file.
  package var files: [String]

  package init(
    name: String, description: String?, seed: UInt64, params: [String: JSONValue],
    stages: [StageSpec], files: [String]
  ) {
    self.name = name
    self.description = description
    self.seed = seed
    self.params = params
    self.stages = stages
    self.files = files
  }
}
