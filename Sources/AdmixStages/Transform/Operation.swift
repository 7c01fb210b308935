import AdmixData
import AdmixModel
import AdmixSpec
import Foundation

/// One step of a transform.
///
/// Most look at a row by itself and run one after the other in one task per partition; `dedupe`, `sort`
/// and `sample`, and fills with a statistic, have to know of the whole dataset first.
enum Operation: Sendable {
  case select([Named])
  case drop([Named])
  case rename([(from: Named, to: String)])
  case cast([Cast])
  case derive([(name: String, text: Named)])
  case filter(Named)
  case fill([(column: Named, value: JSONValue)])
  case map([(column: Named, values: [Replacement], other: OtherValues)])
  case dropMissing([Named]?)
  case clip([(column: Named, low: Double?, high: Double?)])
  case bin([(column: Named, edges: [Double], labels: [String])])
  case pseudonymise([Named], keyDigest: String)
  case uncount(Named)
  case dedupe([Named]?)
  case sort([(column: Named, isDescending: Bool)])
  case sample(Amount, seed: UInt64)

  /// A column's name, or an expression, where the pipeline file has it.
  struct Named: Hashable, Sendable {
    var text: String
    var span: SourceSpan
  }

  struct Cast: Sendable {
    var column: Named
    var type: ColumnType
    var format: String?
    /// Values that do not fit become missing, and are counted; otherwise they are an error.
    var isLenient: Bool
  }

  /// A value and what it becomes; nil makes it missing.
  struct Replacement: Sendable {
    var old: Named
    var new: String?

    /// How a column of a type has the value as text, however the pipeline file spells it: whole numbers
    /// in their digits, truth values in small letters; nil where no value of the type is meant.
    func key(in type: ColumnType) -> String? {
      switch type {
      case .int:
        (Int64(old.text) ?? DecimalText.number(old.text).flatMap { Int64(exactly: $0) })
          .map { String($0) }
      case .bool:
        // The three spellings of YAML 1.2.
        ["true", "True", "TRUE", "false", "False", "FALSE"].contains(old.text)
          ? old.text.lowercased() : nil
      default: old.text
      }
    }
  }

  enum OtherValues: String, Sendable, CaseIterable { case keep, missing, stop }

  enum Amount: Hashable, Sendable {
    case rows(Int)
    case share(Double)
  }

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
          "Missing values become this: a value, or `mean`, `median`, `mode` of the column; in whole-number columns rounded to the nearest."
        ),
        Variant(
          "map",
          .map(
            .object([
              .required("values", .map(.scalar), "Value to new value; null makes it missing."),
              .optional(
                "other", .choice(OtherValues.allCases.map(\.rawValue)), default: "keep",
                "Values that are not listed: kept, made missing, or an error."),
            ])),
          "Values to other values, such as codes to words; the column is then a category, or text where it was."
        ),
        Variant(
          "drop-missing", .oneOf([.list(.column), .bool]),
          "Without rows that miss a value in one of these columns; `true` means any."),
        Variant("clip", .map(.list(.scalar)), "Numbers into a range `[low, high]`; null is open."),
        Variant(
          "bin",
          .map(
            .object([
              .required(
                "edges", .list(.number(-1e308...1e308)),
                "Rising; a value on an edge belongs to the bin above it."),
              .optional("labels", .list(.text), "From low to high, one more than there are edges."),
            ])), "Numbers into categories."),
        Variant(
          "pseudonymise",
          .object([
            .required("columns", names, "The columns."),
            .required(
              "key", .text,
              "The secret, `${env.NAME}`: at least 16 characters from an environment variable."),
          ]),
          "Texts by HMAC-SHA256 under a key: equal texts stay equal, nobody can go back without it."
        ),
        Variant(
          "uncount", .column, "A row for each unit of a whole-number column, which is dropped."),
        Variant(
          "dedupe", .oneOf([.list(.column), .bool]),
          "The first row of each combination of values; missing equals missing. `true` compares all columns."
        ),
        Variant(
          "sort", .listOrOne(.text),
          "By these columns; `-name` falls. Stable, texts by their bytes, missing values last."),
        Variant(
          "sample",
          .object([
            .optional("rows", .count, "How many rows; all of them where there are fewer."),
            .optional("share", .share, "The part of the rows, from 0 to 1, instead."),
            .optional(
              "seed", .int(0...Int64.max), default: 0,
              "Another number, another sample of the same seed."),
          ]), "Some rows, drawn without replacement; they keep their order."),
      ]))
  }()

  /// Whether a row decides by itself.
  var isLocal: Bool {
    switch self {
    case .dedupe, .sort, .sample: false
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
    func text(_ node: Node) -> String { node.text ?? node.source ?? "" }
    func named(_ node: Node) -> Named { Named(text: text(node), span: node.span) }
    func named(_ member: Node.Member) -> Named { Named(text: member.key, span: member.keySpan) }
    func names(_ node: Node) -> [Named] { node.items.map(named) }
    switch member.key {
    case "select":
      self = .select(names(value))
      Self.refuseRepeats(names(value), &report)
      if names(value).isEmpty {
        report.append(.error("AX0520", at: value.span, "'select' names no column"))
      }
    case "drop": self = .drop(names(value))
    case "rename":
      self = .rename(
        value.members.map { item in
          Self.refuseName(text(item.value), item.value.span, &report)
          return (named(item), text(item.value))
        })
    case "cast":
      self = .cast(
        value.members.compactMap { item in
          let format = item.value["format"]
          if let format, !CSVFormats.isDateFormat(text(format)) {
            report.append(
              .error(
                "AX0520", at: format.span, "'\(text(format))' is no date format",
                hint: "write it in the letters of strptime, such as '%d.%m.%Y'"))
          }
          return ColumnType(rawValue: item.value.text ?? item.value["type"]?.text ?? "").map {
            Cast(
              column: named(item), type: $0, format: format.map(text),
              isLenient: item.value["on-error"]?.text == "missing")
          }
        })
    case "derive":
      let members = value.items.flatMap(\.members)
      for item in members { Self.refuseName(item.key, item.keySpan, &report) }
      self = .derive(members.map { ($0.key, named($0.value)) })
    case "filter": self = .filter(named(value))
    case "fill": self = .fill(value.members.map { (named($0), $0.value.json) })
    case "map":
      self = .map(
        value.members.map { item in
          let values = (item.value["values"]?.members ?? []).map { entry in
            Replacement(
              old: named(entry), new: entry.value.value == .null ? nil : text(entry.value))
          }
          return (
            named(item), values, item.value["other"]?.text.flatMap(OtherValues.init) ?? .keep
          )
        })
    case "drop-missing": self = .dropMissing(value.bool == nil ? names(value) : nil)
    case "dedupe": self = .dedupe(value.bool == nil ? names(value) : nil)
    case "clip":
      self = .clip(value.members.map { Self.range($0, named($0), &report) })
    case "bin":
      self = .bin(value.members.map { Self.bins($0, named($0), &report) })
    case "pseudonymise":
      let node = value["key"] ?? value
      let key = text(node)
      if !node.isSecret {
        report.append(
          .error(
            "AX0521", at: node.span, "the key is written in the pipeline file",
            cause: "whoever reads the file or the store could undo the pseudonyms",
            hint: "put it into an environment variable and write '${env.NAME}'"))
      } else if key.utf8.count < 16 {
        report.append(
          .error(
            "AX0521", at: node.span, "the key has fewer than 16 characters",
            hint: "make one with: openssl rand -hex 32"))
      }
      let digest = Digest(of: "admix-key\u{0}" + key).hex
      keys[digest] = key
      self = .pseudonymise(names(value["columns"] ?? value), keyDigest: digest)
    case "uncount": self = .uncount(named(value))
    case "sort":
      self = .sort(
        names(value).map { name in
          guard name.text.hasPrefix("-") else { return (name, false) }
          return (Named(text: String(name.text.dropFirst()), span: name.span), true)
        })
      if names(value).isEmpty {
        report.append(.error("AX0520", at: value.span, "'sort' names no column"))
      }
    case "sample":
      let seed = UInt64(value["seed"]?.int ?? 0)
      switch (value["rows"]?.int, value["share"]?.double) {
      case (let rows?, nil): self = .sample(.rows(rows), seed: seed)
      case (nil, let share?): self = .sample(.share(share), seed: seed)
      default:
        report.append(
          .error("AX0520", at: member.keySpan, "a sample has either 'rows' or 'share'"))
        return nil
      }
    default: return nil
    }
  }

  /// Refuses a name that a column cannot get.
  private static func refuseName(
    _ name: String, _ span: SourceSpan, _ report: inout Diagnostics
  ) {
    if name.isEmpty {
      report.append(.error("AX0524", at: span, "a column has to have a name"))
    } else if Schema.isOrigin(name) {
      report.append(
        .error(
          "AX0524", at: span, "'\(name)' is the name of a column that says where a row came from",
          cause: "such columns are left out of exports and comparisons",
          hint: "choose another name"))
    }
  }

  private static func refuseRepeats(_ names: [Named], _ report: inout Diagnostics) {
    for (index, name) in names.enumerated()
    where names[..<index].contains(where: { $0.text == name.text }) {
      report.append(.error("AX0524", at: name.span, "the column '\(name.text)' is named twice"))
    }
  }

  private static func range(
    _ item: Node.Member, _ name: Named, _ report: inout Diagnostics
  ) -> (column: Named, low: Double?, high: Double?) {
    let ends = item.value.items
    if ends.count != 2 {
      report.append(.error("AX0520", at: item.value.span, "a range is [low, high]"))
    } else if let odd = ends.first(where: { $0.value != .null && $0.double?.isFinite != true }) {
      report.append(
        .error(
          "AX0520", at: odd.span, "an end of a range is a number",
          hint: "null leaves the range open there"))
    } else if let low = ends[0].double, let high = ends[1].double, low > high {
      report.append(
        .error("AX0520", at: item.value.span, "the range of '\(name.text)' ends before it begins"))
    }
    return (name, ends.first?.double, ends.last?.double)
  }

  private static func bins(
    _ item: Node.Member, _ name: Named, _ report: inout Diagnostics
  ) -> (column: Named, edges: [Double], labels: [String]) {
    let edges = item.value["edges"]?.items.compactMap(\.double) ?? []
    var labels = item.value["labels"]?.items.compactMap { $0.text ?? $0.source } ?? []
    if edges.isEmpty || zip(edges, edges.dropFirst()).contains(where: { $0 >= $1 }) {
      report.append(
        .error(
          "AX0520", at: item.value["edges"]?.span ?? item.value.span,
          "the edges of '\(name.text)' do not rise"))
      return (name, [], ["all"])
    }
    if labels.isEmpty { labels = Self.labels(edges) }
    if labels.count != edges.count + 1 || CategoryIndex.distinct(labels).count != labels.count {
      report.append(
        .error(
          "AX0520", at: item.value["labels"]?.span ?? item.value.span,
          "'\(name.text)' needs \(edges.count + 1) different labels, one more than edges"))
    }
    return (name, edges, labels)
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
