import AdmixData
import AdmixModel
import AdmixSpec

/// The option `privacy`: how much may be learned about any one row, and what is known without looking.
struct PrivacyOptions: Sendable {
  let epsilon: Double
  let delta: Double
  let target: String?
  let testSeed: UInt64?
  let span: SourceSpan
  private let domain: Node?

  static let field = Field.optional(
    "privacy",
    .object([
      .required(
        "epsilon", .number(0.001...100),
        "How much the model may tell about any one row: 1 is strong, 10 is weak."),
      .required(
        "delta", .number(1e-15...0.01),
        "How likely it may be to tell more; well below one over the number of rows."),
      .required(
        "domain", .map(DeclaredDomain.field),
        "What values each column can have, known without looking at the data: bounds of numbers, dates and times, all values of categories and texts."
      ),
      .optional(
        "target", .column,
        "The column whose relation to each other column is always measured; the one with the role label unless named."
      ),
      .optional(
        "test-seed", .count,
        "Only for tests: draws noise that can be repeated, and so taken away. Protects nobody."),
    ]),
    "Learns with differential privacy: rows are learned from with noise, and the model may be shared."
  )

  init?(_ node: Node?) {
    guard let node, let epsilon = node["epsilon"]?.double, let delta = node["delta"]?.double else {
      return nil
    }
    self.epsilon = epsilon
    self.delta = delta
    target = node["target"]?.text
    testSeed = node["test-seed"]?.int.map { UInt64($0) }
    span = node.span
    domain = node["domain"]
  }

  var parameters: JSONValue {
    [
      "epsilon": .double(epsilon), "delta": .double(delta),
      "target": target.map { .string($0) } ?? .null,
      "test": testSeed.map { .string(String($0)) } ?? .null, "domain": domain?.json ?? .null,
    ]
  }

  /// The noise of one pass.
  func noise(_ purpose: String) -> ExactNoise {
    testSeed.map { .forTests(seed: $0, purpose: purpose) } ?? .secret()
  }

  /// The columns that are learned with their domains, in the order of the schema; what is missing or
  /// does not fit is reported.
  func domains(_ plan: ColumnPlan, report: inout Diagnostics) -> [DeclaredDomain] {
    var out: [DeclaredDomain] = []
    var undeclared: [ColumnSchema] = []
    let learned = plan.entries.filter { $0.treatment != .key }
    for entry in learned {
      let node = domain?[entry.column.name]
      if node == nil, entry.column.type != .bool {
        undeclared.append(entry.column)
      } else if let found = DeclaredDomain(node, entry.column, report: &report) {
        out.append(found)
      }
    }
    if !undeclared.isEmpty {
      let names = undeclared.prefix(8).map { "'\($0.name)'" }.joined(separator: ", ")
      let examples = undeclared.prefix(4).map(Self.example).joined(separator: ", ")
      report.append(
        .error(
          "AX0690", at: domain?.span ?? span,
          undeclared.count == 1
            ? "the domain of column \(names) is not declared"
            : "the domains of \(undeclared.count) columns are not declared",
          cause: (undeclared.count == 1
            ? "" : names + (undeclared.count > 8 ? " and more: " : ": "))
            + "a domain that was read from the data would give rows away",
          hint:
            "domain: {\(examples)\(undeclared.count > 4 ? ", …" : "")}, or give a column the role ignore"
        ))
    }
    for member in domain?.members ?? []
    where !learned.contains(where: { $0.column.name == member.key }) {
      report.append(
        .error(
          "AX0691", at: member.keySpan,
          "a domain is declared for '\(member.key)', which is not learned",
          cause: "the training data has no such column, or it is left out",
          hint: Spelling.closest(to: member.key, among: learned.map(\.column.name)).map {
            "did you mean '\($0)'?"
          }))
    }
    if let target, !learned.contains(where: { $0.column.name == target }) {
      report.append(
        .error(
          "AX0691", at: span, "the target '\(target)' is not a column that is learned",
          cause: "the training data has no such column, or it is left out",
          hint: Spelling.closest(to: target, among: learned.map(\.column.name)).map {
            "did you mean '\($0)'?"
          }))
    }
    return out
  }

  private static func example(_ column: ColumnSchema) -> String {
    switch column.type {
    case .int, .double: "\(column.name): {between: [0, 100]}"
    case .date, .datetime: "\(column.name): {between: [2000-01-01, 2029-12-31]}"
    case .bool, .text, .category: "\(column.name): [first, second]"
    }
  }
}
