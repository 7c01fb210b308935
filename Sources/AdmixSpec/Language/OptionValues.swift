package import AdmixModel

/// The options of one stage after checking, every value of its described type.
///
/// Defaults are filled in, `listOrOne` is a list, a bare variant name is a one-key map, an ordered map a
/// list of one-key maps. The keys of a `map` are sorted, so that nothing can come to depend on their
/// order.
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
  /// The paths of options that can never change an output; with all that is under them they stay out
  /// of the fingerprint.
  package var inertPaths: Set<String>
  /// The name as written: without the `[ratio=0.1]` of one combination of a matrix.
  package var baseName: String
  /// What this stage has of each axis of a matrix, by axis; empty where there is none.
  package var matrix: [String: JSONValue]

  package init(
    name: String, nameSpan: SourceSpan, kind: String, options: OptionValues, edges: [Edge],
    inertPaths: Set<String> = [], baseName: String? = nil, matrix: [String: JSONValue] = [:]
  ) {
    self.name = name
    self.nameSpan = nameSpan
    self.kind = kind
    self.options = options
    self.edges = edges
    self.inertPaths = inertPaths
    self.baseName = baseName ?? name
    self.matrix = matrix
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
  /// After `--params`, `--set` and interpolation; those made with environment variables are left out.
  package var params: [String: JSONValue]
  /// The names of the environment variables that were read, sorted; never their values.
  package var environment: [String]
  /// In the order of the file; references point to stages that exist, and there is no cycle.
  package var stages: [StageSpec]
  /// The file as given, every included file, and the files given with `--params`.
  package var files: [String]
  /// The options below `cache`; nothing of it is in a fingerprint.
  package var cache: OptionValues?
  package var privacyBudget: PrivacyBudget?

  package init(
    name: String, description: String?, seed: UInt64, params: [String: JSONValue],
    stages: [StageSpec], files: [String], environment: [String] = [], cache: OptionValues? = nil,
    privacyBudget: PrivacyBudget? = nil
  ) {
    self.name = name
    self.description = description
    self.seed = seed
    self.params = params
    self.stages = stages
    self.files = files
    self.environment = environment
    self.cache = cache
    self.privacyBudget = privacyBudget
  }
}
