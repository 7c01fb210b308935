import AdmixModel
import AdmixSpec

/// What others may know of a person, and what they must not learn from it.
struct AnonymityOptions: Sendable {
  static let fields: [Field] = [
    .required(
      "quasi_identifiers", .listOrOne(.column),
      "Columns that others may know of a person: rows that agree in all of them are one class."),
    .optional(
      "sensitive", .listOrOne(.column),
      "Columns that nobody should learn from belonging to a class; each gives figures of its own."),
    .optional(
      "of", .choice(["all", "synthetic"]), default: "all",
      "Which rows of the dataset are looked at. The reference is always looked at whole."),
    .optional(
      "l", .int(2...1000), default: 2,
      "The l of recursive (c,l)-diversity, for which `recursive_c` is told."),
  ]

  var quasiIdentifiers: [String]
  var sensitive: [String]
  var onlySynthetic: Bool
  var least: Int
  private var columns: [Node]

  init(_ node: Node, report: inout Diagnostics) {
    let known = node["quasi_identifiers"]?.items ?? []
    let secret = node["sensitive"]?.items ?? []
    quasiIdentifiers = known.compactMap(\.text)
    sensitive = secret.compactMap(\.text)
    onlySynthetic = node["of"]?.text == "synthetic"
    least = node["l"]?.int ?? 2
    columns = known + secret
    if known.isEmpty {
      report.append(
        .error(
          "AX0763", at: node["quasi_identifiers"]?.span ?? node.span,
          "no quasi-identifier is named",
          cause: "without one all rows are one class",
          hint: "name columns that others may know of a person, such as age and region"))
    }
    ColumnList.checkOnce(columns, report: &report)
  }

  func check(against schema: Schema, report: inout Diagnostics) {
    ColumnList.checkKnown(columns, schema, report: &report)
  }
}

/// What lists of columns have to be, whatever they are for.
enum ColumnList {
  static func checkOnce(_ nodes: [Node], report: inout Diagnostics) {
    var seen: Set<String> = []
    for node in nodes {
      guard let name = node.text, !seen.insert(name).inserted else { continue }
      report.append(
        .error(
          "AX0764", at: node.span, "'\(name)' is named twice",
          cause: "a column is either what others know or what they should not learn",
          hint: "remove it from one of the lists"))
    }
  }

  static func checkKnown(_ nodes: [Node], _ schema: Schema, report: inout Diagnostics) {
    for node in nodes {
      if let name = node.text, schema[name] == nil {
        report.append(Expectation.unknown(name, schema, at: node.span))
      }
    }
  }
}
