import AdmixData
import AdmixModel
import AdmixSpec

/// How privacy is measured.
struct PrivacyOptions: Sendable {
  static let fields: [Field] = [
    .optional(
      "rows", .int(10...1_000_000), default: 3000,
      "At most this many synthetic rows look for their nearest real ones."),
    .optional(
      "compare", .int(10...10_000_000), default: 10_000,
      "At most this many rows of the reference, and as many of the holdout, are looked at."),
  ]

  var rows: Int
  var compare: Int

  init(_ node: Node) {
    rows = node["rows"]?.int ?? 3000
    compare = node["compare"]?.int ?? 10_000
  }
}

/// What is learned, and by which models.
struct UtilityOptions: Sendable {
  static let fields: [Field] = [
    .required("target", .column, "The column that models predict; it has two classes."),
    .optional(
      "positive", .scalar, "The class that counts as positive; the last in order unless given."),
    .optional(
      "models", .listOrOne(.choice(["logistic", "xgboost"])), default: ["logistic"],
      "The models that are trained."),
    .optional(
      "rows", .int(100...10_000_000), default: 50_000, "Models learn from at most this many rows."),
  ]

  var target: String
  var targetSpan: SourceSpan
  var positive: String?
  var positiveSpan: SourceSpan
  var models: [String]
  var rows: Int

  init(_ node: Node, report: inout Diagnostics) {
    target = node["target"]?.text ?? ""
    targetSpan = node["target"]?.span ?? node.span
    let given = node["positive"]
    positive = given.map { $0.text ?? $0.source ?? $0.json.text }
    positiveSpan = given?.span ?? node.span
    models = (node["models"]?.items ?? []).compactMap(\.text)
    rows = node["rows"]?.int ?? 50_000
  }

  func check(against schema: Schema, report: inout Diagnostics) {
    guard let column = schema[target] else {
      report.append(Expectation.unknown(target, schema, at: targetSpan))
      return
    }
    switch column.type {
    case .double, .date, .datetime, .text:
      report.append(
        .error(
          "AX0760", at: targetSpan,
          "'\(target)' is of type \(column.type.rawValue), which has no classes",
          cause: "models here tell two classes apart",
          hint: "derive a true-or-false column with 'transform', and name that"))
    case .category:
      let count = column.categories.count
      if let positive, count > 0, CategoryIndex(column.categories).code(of: positive) == nil {
        // Values are the data's own and stay out of messages, so none is proposed.
        report.append(
          .error(
            "AX0761", at: positiveSpan, "'\(target)' has no value '\(positive)'",
            cause:
              "it has \(count) \(count == 1 ? "value" : "values"), and nothing could be told from the rest",
            hint: "`admix show PIPELINE STAGE --json` lists the categories of a stage's rows"))
      }
    case .bool, .int: break
    }
  }
}
