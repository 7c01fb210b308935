internal import AdmixModel

/// The reference page of the language, made from the same fields as the checks.
package enum Reference {
  package static func markdown(kinds: [KindDescription]) -> String {
    var text = """
      # The pipeline file

      Made from the description of the language in the program; do not edit.

      ## At the top

      \(table(PipelineFields.all))
      Beside its kind, a stage may have:

      \(table([PipelineFields.matrix]))
      `description` and `after`, and where random numbers are drawn `seed` and `salt`, may stand beside the
      kind or below it.

      Any value may be or hold `${…}`: `params.NAME`, `env.NAME`, `matrix.AXIS`, `pipeline.name` and
      arithmetic with them. A value that is nothing but `${…}` has the type of what it stands for.
      `$${` stands for the characters themselves.

      """
    for kind in kinds { text += "\n" + section(kind) }
    return text
  }

  private static func section(_ kind: KindDescription) -> String {
    let outputs =
      switch kind.outputs {
      case nil: "Its outputs are named by its options."
      case .some(let names) where names.isEmpty: "It gives nothing to other stages."
      case .some(let names):
        "Gives " + names.map { "`\($0)`" }.joined(separator: ", ")
          + (names.count > 1 ? "; the first is meant where none is named." : ".")
      }
    return """
      ## \(kind.name)

      \(kind.summary) \(outputs)

      ```yaml
      \(kind.example)
      ```

      \(table(kind.allFields))
      """
  }

  private static func table(_ fields: [Field]) -> String {
    var text = "| option | what it takes | default | |\n| --- | --- | --- | --- |\n"
    for row in rows(fields, "") {
      text += "| `\(row.path)` | \(cell(row.type)) | \(row.fallback) | \(cell(row.summary)) |\n"
    }
    return text
  }

  private struct Row {
    var path: String
    var type: String
    var fallback: String
    var summary: String
  }

  private static func rows(_ fields: [Field], _ prefix: String) -> [Row] {
    fields.flatMap { field in
      let path = prefix + field.name
      let fallback =
        field.defaultValue.map { "`\(cell($0.text))`" } ?? (field.isRequired ? "required" : "")
      return [
        Row(path: path, type: field.type.expected, fallback: fallback, summary: field.summary)
      ] + inner(field.type, path)
    }
  }

  /// The options that a value has inside it.
  private static func inner(_ type: FieldType, _ path: String) -> [Row] {
    switch type {
    case .object(let fields): rows(fields, path + ".")
    case .list(let element), .listOrOne(let element): inner(element, path + "[]")
    case .map(let element): inner(element, path + ".*")
    case .orderedMap(let element): inner(element, path + "[].*")
    case .oneOf(let types): types.flatMap { inner($0, path) }
    case .variant(let variants):
      variants.flatMap { variant in
        [
          Row(
            path: "\(path): \(variant.name)", type: variant.type.expected, fallback: "",
            summary: variant.summary)
        ] + inner(variant.type, "\(path).\(variant.name)")
      }
    default: []
    }
  }

  private static func cell(_ text: String) -> String { text.replacing("|", with: "\\|") }
}
