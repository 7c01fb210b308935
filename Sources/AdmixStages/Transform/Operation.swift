import AdmixData
import AdmixModel
import AdmixSpec
import Foundation

/// One step of a transform.
///
/// Most look at a row by itself and run one after the other in one task per partition; `dedupe` and
/// `sort`, and fills with a statistic, have to see the whole dataset first.
enum Operation: Sendable {
  case select([String])
  case drop([String])
  case rename([(from: String, to: String)])
  case cast([(column: String, type: ColumnType, format: String?)], misfitsBecomeMissing: Bool)
  case derive([(name: String, text: String)])
  case filter(String)
  case fill([(column: String, value: JSONValue)])
  case dropMissing([String]?)
  case clip([(column: String, low: Double?, high: Double?)])
  case bin([(column: String, edges: [Double], labels: [String])])
  case pseudonymise([String], keyDigest: String)
  case uncount(String)
  case dedupe([String]?)
  case sort([(column: String, isDescending: Bool)])

  static let field: FieldType = {
    let names: FieldType = .listOrOne(.column)
    return .list(
      .variant([
        Variant("select", names, "Only these columns, in this order."),
        Variant("drop", names, "Without these columns."),
        Variant("rename", .map(.text), "Old name to new name."),
        Variant(
          "cast",
          .map(
            .oneOf([
              .choice(ColumnType.allCases.map(\.rawValue)),
              .object([
                .required("type", .choice(ColumnType.allCases.map(\.rawValue)), "The new type."),
                .optional("format", .text, "Of dates in texts, in the letters of strptime."),
                .optional(
                  "on-error", .choice(["stop", "missing"]), default: "stop",
                  "A value that does not fit: an error, or missing."),
              ]),
            ])), "Columns to other types."),
        Variant("derive", .orderedMap(.expression), "New or replaced columns from expressions."),
        Variant("filter", .expression, "Only rows for which it holds."),
        Variant(
          "fill", .map(.scalar),
          "Missing values become this: a value, or `mean`, `median`, `mode` of the column."),
        Variant(
          "drop-missing", .oneOf([.list(.column), .bool]),
          "Without rows that miss a value in one of these columns; `true` means any."),
        Variant("clip", .map(.list(.scalar)), "Numbers into a range `[low, high]`; null is open."),
        Variant(
          "bin",
          .map(
            .object([
              .required("edges", .list(.number(-1e308...1e308)), "Rising; bins are [a, b)."),
              .optional("labels", .list(.text), "One more than there are edges."),
            ])), "Numbers into categories."),
        Variant(
          "pseudonymise",
          .object([
            .required("columns", names, "The columns."),
            .required("key", .text, "The secret, such as ${env.KEY}; at least 16 characters."),
          ]),
          "Texts by HMAC-SHA256 under a key: equal texts stay equal, nobody can go back without it."
        ),
        Variant(
          "uncount", .column, "A row for each unit of a whole-number column, which is dropped."),
        Variant(
          "dedupe", .oneOf([.list(.column), .bool]),
          "The first row of each; `true` compares all columns."),
        Variant(
          "sort", .listOrOne(.text),
          "By these columns; `-name` falls. Stable, missing values last. Holds the dataset in memory."
        ),
      ]))
  }()

  /// Whether a row decides by itself.
  var isLocal: Bool {
    switch self {
    case .dedupe, .sort: false
    case .fill(let fills): fills.allSatisfy { !Self.isStatistic($0.value) }
    default: true
    }
  }

  static func isStatistic(_ value: JSONValue) -> Bool {
    ["mean", "median", "mode"].contains(value.string ?? "")
  }

  init?(_ node: Node, keys: inout [String: String], report: inout Diagnostics) {
    guard let member = node.members.first else { return nil }
    let value = member.value
    func names(_ node: Node) -> [String] { node.items.compactMap(\.text) }
    switch member.key {
    case "select": self = .select(names(value))
    case "drop": self = .drop(names(value))
    case "rename":
      self = .rename(value.members.map { ($0.key, $0.value.text ?? $0.value.source ?? "") })
    case "cast":
      var isLenient = false
      self = .cast(
        value.members.compactMap { item in
          let name = item.value.text ?? item.value["type"]?.text ?? ""
          if item.value["on-error"]?.text == "missing" { isLenient = true }
          return ColumnType(rawValue: name).map { (item.key, $0, item.value["format"]?.text) }
        }, misfitsBecomeMissing: isLenient)
    case "derive":
      self = .derive(
        value.items.flatMap(\.members).map { ($0.key, $0.value.text ?? $0.value.source ?? "") })
    case "filter": self = .filter(value.text ?? value.source ?? "")
    case "fill": self = .fill(value.members.map { ($0.key, $0.value.json) })
    case "drop-missing": self = .dropMissing(value.bool == nil ? names(value) : nil)
    case "dedupe": self = .dedupe(value.bool == nil ? names(value) : nil)
    case "clip":
      self = .clip(
        value.members.map { item in
          let ends = item.value.items
          if ends.count != 2 {
            report.append(.error("AX0520", at: item.value.span, "a range is [low, high]"))
          }
          return (item.key, ends.first?.double, ends.last?.double)
        })
    case "bin":
      self = .bin(
        value.members.map { item in
          let edges = item.value["edges"]?.items.compactMap(\.double) ?? []
          var labels = item.value["labels"]?.items.compactMap { $0.text ?? $0.source } ?? []
          if edges.isEmpty || zip(edges, edges.dropFirst()).contains(where: { $0 >= $1 }) {
            report.append(.error("AX0520", at: item.value.span, "the edges of '\(item.key)' rise"))
          }
          if labels.isEmpty { labels = Self.labels(edges) }
          if labels.count != edges.count + 1 || Set(labels).count != labels.count {
            report.append(
              .error(
                "AX0520", at: item.value.span,
                "'\(item.key)' needs \(edges.count + 1) different labels, one more than edges"))
          }
          return (item.key, edges, labels)
        })
    case "pseudonymise":
      let key = value["key"]?.text ?? value["key"]?.source ?? ""
      if key.utf8.count < 16, Digest(hex: key) == nil {
        report.append(
          .error(
            "AX0521", at: value["key"]?.span ?? value.span, "the key has fewer than 16 characters",
            hint: "make one with: openssl rand -hex 32"))
      }
      let digest = Digest(of: "admix-key\u{0}" + key).hex
      keys[digest] = key
      self = .pseudonymise(names(value["columns"] ?? value), keyDigest: digest)
    case "uncount": self = .uncount(value.text ?? "")
    case "sort":
      self = .sort(
        names(value).map { $0.hasPrefix("-") ? (String($0.dropFirst()), true) : ($0, false) })
    default: return nil
    }
  }

  private static func labels(_ edges: [Double]) -> [String] {
    guard let first = edges.first, let last = edges.last else { return ["all"] }
    func text(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
    return ["< \(text(first))"] + zip(edges, edges.dropFirst()).map { "\(text($0)) to \(text($1))" }
      + ["≥ \(text(last))"]
  }

  /// What tasks are told: everything but the key.
  static func parameters(_ node: Node, keyDigest: String?) -> JSONValue {
    guard let keyDigest, let member = node.members.first, member.key == "pseudonymise" else {
      return node.json
    }
    return .object([
      "pseudonymise": .object([
        "columns": member.value["columns"]?.json ?? .null, "keyDigest": .string(keyDigest),
      ])
    ])
  }
}

extension Operation {
  /// The columns after this step; everything that does not fit is reported.
  func schema(after schema: Schema, at span: SourceSpan, report: inout Diagnostics) -> Schema? {
    func find(_ name: String, _ report: inout Diagnostics) -> ColumnSchema? {
      if let column = schema[name] { return column }
      report.append(
        .error(
          "AX0522", at: span, "there is no column '\(name)' at this step",
          hint: Spelling.closest(to: name, among: schema.names).map { "did you mean '\($0)'?" }))
      return nil
    }
    func number(_ name: String, _ report: inout Diagnostics) {
      guard let column = find(name, &report) else { return }
      if column.type != .int, column.type != .double {
        report.append(
          .error(
            "AX0523", at: span, "'\(name)' is no number", cause: "it is \(column.type.rawValue)"))
      }
    }
    var result = schema
    switch self {
    case .select(let names):
      result = Schema(names.compactMap { find($0, &report) })
    case .drop(let names):
      for name in names { _ = find(name, &report) }
      result.columns.removeAll { names.contains($0.name) }
    case .rename(let pairs):
      for (from, to) in pairs {
        _ = find(from, &report)
        if let index = schema.index(of: from) { result.columns[index].name = to }
      }
      for (index, name) in result.names.enumerated()
      where result.names.firstIndex(of: name) != index {
        report.append(
          .error("AX0524", at: span, "two columns are called '\(name)' after this step"))
      }
    case .cast(let casts, _):
      for (name, type, _) in casts {
        guard find(name, &report) != nil, let index = schema.index(of: name) else { continue }
        result.columns[index] = ColumnSchema(name, type, roles: schema.columns[index].roles)
      }
    case .derive(let columns):
      for (name, text) in columns {
        guard let expression = ColumnExpression(text, at: span, schema: result, report: &report)
        else { return nil }
        let column = ColumnSchema(name, expression.type)
        if let index = result.index(of: name) {
          result.columns[index] = column
        } else {
          result.columns.append(column)
        }
      }
    case .filter(let text):
      guard let expression = ColumnExpression(text, at: span, schema: schema, report: &report)
      else { return nil }
      if expression.type != .bool {
        report.append(.error("AX0525", at: span, "a filter is true or false for a row"))
      }
    case .fill(let fills):
      for (name, value) in fills {
        if ["mean", "median"].contains(value.string ?? "") {
          number(name, &report)
        } else {
          _ = find(name, &report)
        }
        if let index = schema.index(of: name), schema.columns[index].type == .category,
          let text = value.string,
          !Self.isStatistic(value), !schema.columns[index].categories.contains(text)
        {
          result.columns[index].categories = (schema.columns[index].categories + [text]).sorted(
            by: CategoryIndex.precedes)
        }
      }
    case .dropMissing(let names), .dedupe(let names):
      for name in names ?? [] { _ = find(name, &report) }
    case .clip(let clips): for clip in clips { number(clip.column, &report) }
    case .bin(let bins):
      for (name, _, labels) in bins {
        number(name, &report)
        guard let index = schema.index(of: name) else { continue }
        result.columns[index] = ColumnSchema(
          name, .category, roles: schema.columns[index].roles,
          categories: labels.sorted(by: CategoryIndex.precedes))
      }
    case .pseudonymise(let names, _):
      for name in names {
        guard find(name, &report) != nil, let index = schema.index(of: name) else { continue }
        result.columns[index] = ColumnSchema(
          name, .text, roles: schema.columns[index].roles.filter { $0 != .pii })
      }
    case .uncount(let name):
      if let column = find(name, &report), column.type != .int {
        report.append(
          .error(
            "AX0523", at: span, "'\(name)' is no whole number",
            cause: "it is \(column.type.rawValue)"))
      }
      result.columns.removeAll { $0.name == name }
    case .sort(let columns): for column in columns { _ = find(column.column, &report) }
    }
    return result
  }
}
