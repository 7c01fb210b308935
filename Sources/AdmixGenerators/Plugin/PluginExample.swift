package import AdmixModel
import AdmixSpec

/// What a transform can be run with by who knows nothing else of it.
package struct PluginExample: Hashable, Sendable {
  /// The names of its inputs, each of which it needs.
  package var inputs: [String]
  package var options: JSONValue

  static let fields: [Field] = [
    .optional(
      "inputs", .listOrOne(.text), default: ["input"],
      "The names of its inputs; it needs them all. Each is a small table with a column for each type that it takes, `a int` for one."
    ),
    .optional("options", .map(.any), default: [:], "Its options."),
  ]

  init(_ node: Node?) {
    inputs = node?["inputs"]?.items.compactMap(\.text) ?? ["input"]
    options = node?["options"]?.json ?? [:]
  }
}
