package import AdmixModel

/// Reads YAML 1.2 (core schema) into nodes that know their places.
///
/// libyaml finds the structure; types, anchors, duplicate keys and limits are dealt with here. No input
/// takes more than its length and the limits allow: nesting is bounded before anything recurses, and
/// aliases are counted with everything they stand for. What libyaml reads differently from YAML 1.2
/// is listed in `docs/reference/yaml.md`.
package struct YAMLReader: Sendable {
  package struct Limits: Sendable {
    package var bytes: Int
    package var depth: Int
    /// Scalars, lists and maps together, each alias counted with all it stands for.
    package var nodes: Int

    package init(bytes: Int = 16 << 20, depth: Int = 128, nodes: Int = 1_000_000) {
      self.bytes = bytes
      self.depth = depth
      self.nodes = nodes
    }
  }

  /// Every document of a stream; tags that we do not know are passed over.
  package static func documents(
    _ text: String, file: String = "text", limits: Limits = Limits()
  ) throws(Diagnostics) -> [Node] {
    try documents(Array(text.utf8), file: file, limits: limits)
  }

  package static func documents(
    _ bytes: [UInt8], file: String = "text", limits: Limits = Limits()
  ) throws(Diagnostics) -> [Node] {
    try checkSize(bytes, file, limits)
    var builder = YAMLBuilder(
      source: try SourceText(bytes, file: file), limits: limits, isStrict: false)
    return try builder.build()
  }

  /// The one document of a file written for admix: no foreign tags, no merge keys, nothing after it.
  ///
  /// An empty file gives a null node.
  package static func document(_ source: SourceText, limits: Limits = Limits())
    throws(Diagnostics) -> Node
  {
    try checkSize(source.bytes, source.file, limits)
    var builder = YAMLBuilder(source: source, limits: limits, isStrict: true)
    let documents = try builder.build()
    return documents.first ?? Node(.null, at: source.span(from: 0, to: 1))
  }

  private static func checkSize(_ bytes: [UInt8], _ file: String, _ limits: Limits)
    throws(Diagnostics)
  {
    guard bytes.count > limits.bytes else { return }
    throw Diagnostics([
      .error(
        "AX0102", at: SourceSpan(file: file, line: 0, column: 0),
        "the file is larger than \(limits.bytes >> 20) MiB",
        cause: "a file this large is not a pipeline",
        hint: "put data into a file of its own and name it under 'ingest'")
    ])
  }
}
