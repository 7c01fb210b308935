import AdmixModel
package import AdmixSpec

/// An option of a plugin, in the words of JSON Schema.
package struct PluginParameter: Sendable {
  /// Which of its verbs is told of an option: a change to one that only sampling reads needs no new fit.
  package enum Phase: String, Sendable, CaseIterable { case fit, sample, both }

  package var name: String
  package var field: Field
  package var phase: Phase

  static let fields: [Field] = [
    .required(
      "type", .choice(["integer", "number", "string", "boolean", "column", "array"]),
      "What its value is; `column` is the name of a column."),
    .required("description", .text, "What it does, in a sentence."),
    .optional("minimum", .number(-1e300...1e300), "The smallest number."),
    .optional("maximum", .number(-1e300...1e300), "The largest number."),
    .optional("enum", .list(.text), "The words that a string may be."),
    .optional(
      "items", .choice(["integer", "number", "string", "column"]),
      "What the elements of an array are; one element may stand without the list."),
    .optional("default", .any, "What it is unless given."),
    .optional("required", .bool, default: false, "Whether it has to be given."),
    .optional(
      "phase", .choice(Phase.allCases.map(\.rawValue)), default: "both",
      "Which verb reads it: a change to what `sample` alone reads needs no new fit."),
  ]

  init(_ member: Node.Member, _ report: inout Diagnostics) {
    name = member.key
    let node = member.value
    phase = node["phase"]?.text.flatMap(Phase.init) ?? .both
    let type = Self.type(node["type"]?.text ?? "", node)
    field = Field(
      name, type, isRequired: node["required"]?.bool ?? false,
      defaultValue: node["default"]?.json, node["description"]?.text ?? "")
    func wrong(_ at: Node?, _ fact: String) {
      report.append(.error("AX0880", at: at?.span ?? member.keySpan, fact))
    }
    if !PipelineFields.isName(name) { wrong(nil, "'\(name)' cannot name a parameter") }
    if let low = node["minimum"]?.double, let high = node["maximum"]?.double, low > high {
      wrong(node["minimum"], "the minimum of '\(name)' is above its maximum")
    }
    if let value = node["default"] {
      do {
        _ = try FormReader.check(
          Node(.map([.init(key: name, keySpan: value.span, value: value)]), at: value.span),
          fields: [Field(name, type, isRequired: false, "")], name: "default")
      } catch let problems {
        for problem in problems.items { report.append(problem) }
      }
    }
  }

  private static func type(_ name: String, _ node: Node) -> FieldType {
    switch name {
    case "integer":
      let low = node["minimum"]?.double.flatMap { Int64(exactly: $0.rounded(.up)) } ?? .min
      let high = node["maximum"]?.double.flatMap { Int64(exactly: $0.rounded(.down)) } ?? .max
      return .int(low...max(low, high))
    case "number":
      let low = node["minimum"]?.double ?? -Double.greatestFiniteMagnitude
      return .number(low...max(low, node["maximum"]?.double ?? .greatestFiniteMagnitude))
    case "boolean": return .bool
    case "column": return .column
    case "array":
      return .listOrOne(type(node["items"]?.text ?? "string", Node(.null, at: node.span)))
    default:
      let words = (node["enum"]?.items ?? []).compactMap(\.text)
      return words.isEmpty ? .text : .choice(words)
    }
  }
}
