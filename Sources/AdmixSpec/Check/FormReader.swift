package import AdmixModel

/// Reads a YAML file that is no pipeline and has a form of its own, by the same rules: every problem at
/// once, each with its place, unknown names with the nearest that is known.
package enum FormReader {
  /// - Parameters:
  ///   - file: how messages call it.
  ///   - name: what the form is called, such as `plugin`.
  package static func read(
    _ content: [UInt8], file: String, fields: [Field], name: String
  ) throws(Diagnostics) -> OptionValues {
    let source = try SourceText(content, file: file)
    return try check(YAMLReader.document(source), fields: fields, name: name)
  }

  /// Holds values against a form; defaults are filled in.
  package static func check(_ node: Node, fields: [Field], name: String) throws(Diagnostics)
    -> OptionValues
  {
    var checker = OptionChecker()
    var owner = node.span
    owner.length = 1
    let checked = checker.object(
      node, fields, .init(path: "", name: name), owner: owner, type: .object(fields))
    try checker.report.check()
    guard let checked else { throw checker.report }
    return OptionValues(checked)
  }
}
