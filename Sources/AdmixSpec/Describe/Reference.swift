internal import AdmixModel

/// The reference pages of the language, made from the same fields as the checks.
package enum Reference {
  package struct Page: Sendable {
    /// The file's name without `.md`.
    package var name: String
    package var text: String

    package init(_ name: String, _ text: String) {
      self.name = name
      self.text = text
    }

    package var title: String {
      String(text.prefix { $0 != "\n" }.drop { $0 == "#" || $0 == " " })
    }
  }

  /// All of the language on one page.
  package static func markdown(kinds: [KindDescription]) -> String {
    ([top(kinds: kinds)] + kinds.map(page)).map(\.text).joined(separator: "\n")
  }

  /// What stands beside the stages and beside a stage's kind.
  package static func top(kinds: [KindDescription]) -> Page {
    var text = """
      # The top of a pipeline file

      \(table(PipelineFields.all))
      A stage has exactly one of these kinds:

      | kind | what it does |
      | --- | --- |

      """
    for kind in kinds { text += row(["[`\(kind.name)`](\(kind.name).md)", kind.summary]) }
    text += """

      Beside its kind, a stage may have:

      \(table([PipelineFields.matrix]))
      `description` and `after`, and where random numbers are drawn `seed` and `salt`, may stand beside the
      kind or below it.

      Any value may be or hold `${…}`: `params.NAME`, `env.NAME`, `matrix.AXIS`, `pipeline.name` and
      arithmetic with them. A value that is nothing but `${…}` has the type of what it stands for.
      `$${` stands for the characters themselves. [How a pipeline file is put together](pipeline.md) has
      more about all of this.

      """
    return Page("top", text)
  }

  package static func page(_ kind: KindDescription) -> Page {
    let outputs =
      switch kind.outputs {
      case nil: "Its outputs are named by its options."
      case .some(let names) where names.isEmpty: "It gives nothing to other stages."
      case .some(let names):
        "Gives " + names.map { "`\($0)`" }.joined(separator: ", ")
          + (names.count > 1 ? "; the first is meant where none is named." : ".")
      }
    return Page(
      kind.name,
      """
      # \(kind.name)

      \(kind.summary) \(outputs)

      ```yaml
      \(example(kind))
      ```

      \(table(kind.allFields))\(tasks(kind))
      """)
  }

  private static func tasks(_ kind: KindDescription) -> String {
    if kind.tasks.isEmpty { return "" }
    var text = """

      What it is done in, and what each part is done again for beside other data:

      | part | what it does | options |
      | --- | --- | --- |

      """
    for task in kind.tasks {
      text += row([
        task.step.isEmpty ? "the end" : "`\(task.step)`", task.summary,
        task.options.map { "`\($0)`" }.joined(separator: ", "),
      ])
    }
    return text
  }

  /// The example as a stage stands in a file: below a name and its kind.
  private static func example(_ kind: KindDescription) -> String {
    var lines = kind.example.split(separator: "\n", omittingEmptySubsequences: false).map(
      String.init)
    if lines.first?.hasPrefix("\(kind.name):") != true {
      lines = ["\(kind.name):"] + lines.map { "  " + $0 }
    }
    return (["name-of-the-stage:"] + lines.map { "  " + $0 })
      .map { $0.allSatisfy { $0 == " " } ? "" : $0 }.joined(separator: "\n")
  }

  package static func table(_ fields: [Field]) -> String {
    var text = "| option | what it takes | default | |\n| --- | --- | --- | --- |\n"
    for line in rows(fields, "") {
      text += row(["`\(line.path)`", line.type, line.fallback, line.summary])
    }
    return text
  }

  /// A row of a Markdown table.
  package static func row(_ cells: [String]) -> String {
    "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
  }

  private struct Row: Equatable {
    var path: String
    var type: String
    var fallback = ""
    var summary = ""
  }

  private static func rows(_ fields: [Field], _ prefix: String) -> [Row] {
    fields.flatMap { field in
      let path = prefix + field.name
      let fallback =
        field.defaultValue.map { "`\($0.text)`" } ?? (field.isRequired ? "required" : "")
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
      variants.indices.flatMap { index in
        let variant = variants[index]
        let title = Row(
          path: "\(path): \(variant.name)", type: variant.type.expected, fallback: "",
          summary: variant.summary)
        // Alternatives with the same options are told once.
        let own = inner(variant.type, "")
        if !own.isEmpty, let like = variants[..<index].first(where: { inner($0.type, "") == own }) {
          return [title, Row(path: "\(path).\(variant.name).…", type: "as `\(path).\(like.name)`")]
        }
        return [title] + inner(variant.type, "\(path).\(variant.name)")
      }
    default: []
    }
  }
}
