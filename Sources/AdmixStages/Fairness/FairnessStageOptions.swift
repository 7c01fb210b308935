import AdmixExpression
import AdmixModel
import AdmixSpec
import AdmixStatistics

/// The options of a fairness stage, read.
struct FairnessStageOptions: Sendable {
  struct Named: Hashable, Sendable {
    var name: String
    var span: SourceSpan
  }

  /// One protected column, or several as an intersection.
  struct View: Hashable, Sendable {
    var columns: [Named]
    var names: [String] { columns.map(\.name) }
  }

  var label: Named
  /// The good outcomes, each in the spellings that a column could hold it in.
  var positive: [(spellings: [String], span: SourceSpan)]
  var views: [View]
  var conditional: [Named]
  var figures: FairnessOptions
  /// The values of `reference`, in the spellings that a column could hold them in.
  var references: [(column: String, spellings: [String], span: SourceSpan)]
  var hasAgainst: Bool
  /// What was decided about people, where the dataset says it.
  var prediction: Prediction?
  /// Models that learn from the datasets, and are tested on the holdout.
  var models: [String]
  var learnRows: Int

  struct Prediction: Sendable {
    var column: Named
    /// The good decisions, each in the spellings that a column could hold it in.
    var positive: [(spellings: [String], span: SourceSpan)]
    var score: Named?
  }

  init(_ options: OptionValues, report: inout Diagnostics) {
    func named(_ node: Node) -> Named {
      Named(name: node.text ?? node.source ?? "", span: node.span)
    }
    let label = options["label"]
    let column = label?["column"] ?? Node(.null, at: options.span)
    self.label = named(column)
    let given = label?["positive"]
    let values = given.map { $0.items.isEmpty ? [$0] : $0.items } ?? []
    positive = values.map { (Self.spellings($0), $0.span) }
    views = (options["protected"]?.items ?? []).map { item in
      View(columns: (item.items.isEmpty ? [item] : item.items).map(named))
    }
    conditional = (options["conditional"]?.items ?? []).map(named)
    references = (options["reference"]?.members ?? []).map {
      ($0.key, Self.spellings($0.value), $0.value.span)
    }
    figures = FairnessOptions(
      minSupport: options["min_support"]?.int ?? 30,
      reference: Dictionary(references.map { ($0.column, $0.spellings.first ?? "") }) { $1 })
    hasAgainst = options["against"] != nil
    models = (options["models"]?.items ?? []).compactMap(\.text)
    learnRows = options["learn_rows"]?.int ?? 50_000
    if let node = options["prediction"] {
      let given = node["positive"].map { $0.items.isEmpty ? [$0] : $0.items }
      prediction = Prediction(
        column: named(node["column"] ?? node),
        positive: given.map { $0.map { (Self.spellings($0), $0.span) } } ?? positive,
        score: node["score"].map(named))
    }
    check(options, &report)
  }

  /// The good outcomes in every spelling.
  var everyPositive: [String] { positive.flatMap(\.spellings) }

  private func check(_ options: OptionValues, _ report: inout Diagnostics) {
    if !models.isEmpty, options["holdout"] == nil {
      report.append(
        .error(
          "AX0790", at: options["models"]?.span ?? options.span, "'models' needs 'holdout:'",
          cause: "a model is judged by people that it has not learned from",
          hint: "split the real data, and name the part that nothing learns from"))
    }
    if let holdout = options["holdout"], models.isEmpty {
      report.append(
        .error(
          "AX0790", at: holdout.span, "'holdout' is for 'models'", hint: "models: logistic"))
    }
    if let prediction {
      for column in [prediction.column, prediction.score].compactMap({ $0 })
      where column.name == label.name || views.contains(where: { $0.names.contains(column.name) }) {
        report.append(
          .error(
            "AX0791", at: column.span,
            "'\(column.name)' is \(column.name == label.name ? "the label" : "protected"), and no decision"
          ))
      }
    }
    if views.isEmpty {
      report.append(
        .error(
          "AX0780", at: options["protected"]?.span ?? options.span, "no protected column is named",
          hint: "write 'protected: [sex]'"))
    }
    var seen: Set<[String]> = []
    for view in views {
      var own: Set<String> = []
      for column in view.columns where !own.insert(column.name).inserted {
        report.append(
          .error("AX0780", at: column.span, "'\(column.name)' stands twice in one intersection"))
      }
      if let first = view.columns.first, !seen.insert(view.names).inserted {
        report.append(
          .error(
            "AX0780", at: first.span, "'\(view.names.joined(separator: ", "))' is protected twice"))
      }
      for column in view.columns where column.name == label.name {
        report.append(
          .error(
            "AX0780", at: column.span, "'\(column.name)' is both protected and the label",
            cause: "a group cannot be compared by what makes it one"))
      }
    }
    let used = Set(views.flatMap(\.names))
    for column in conditional where column.name == label.name || used.contains(column.name) {
      report.append(
        .error(
          "AX0780", at: column.span,
          "'\(column.name)' is conditioned on, but it is \(column.name == label.name ? "the label" : "protected")"
        ))
    }
    for member in options["reference"]?.members ?? [] where !used.contains(member.key) {
      report.append(
        .error(
          "AX0780", at: member.keySpan, "'\(member.key)' is no protected column",
          hint: Spelling.closest(to: member.key, among: used).map { "did you mean '\($0)'?" }))
    }
  }

  /// How a column may hold a value that YAML gave a type: `1` as "1", `true` as "true", as written.
  static func spellings(_ node: Node) -> [String] {
    var texts: [String] = []
    switch node.value {
    case .bool(let flag): texts.append(flag ? "true" : "false")
    case .int(let number): texts.append("\(number)")
    case .double(let number):
      texts.append(Int64(exactly: number).map { "\($0)" } ?? "\(number)")
    case .text(let text): texts.append(text)
    case .null, .list, .map: break
    }
    if let source = node.source, !texts.contains(source) { texts.append(source) }
    return texts
  }

  // MARK: Schemas

  /// Every column there and fit to be a group, as far as the schema says.
  func check(_ schema: Schema, role: String, report: inout Diagnostics) {
    var done: Set<String> = []
    for column in [label] + views.flatMap(\.columns) + conditional
    where done.insert(column.name).inserted {
      guard let found = schema[column.name] else {
        let near = Spelling.closest(to: column.name, among: schema.names)
        report.append(
          .error(
            "AX0781", at: column.span, "the dataset of '\(role)' has no column '\(column.name)'",
            hint: near.map { "did you mean '\($0)'?" }))
        continue
      }
      switch found.type {
      case .bool, .int, .text, .category: break
      case .double, .date, .datetime:
        report.append(
          .error(
            "AX0782", at: column.span,
            "'\(column.name)' holds \(found.type == .double ? "fractions" : "dates"), which are no groups",
            hint: "make bands of it first, with a 'transform' stage and its step 'bin'"))
      }
    }
  }

  /// The column of decisions, as far as the schema says.
  func checkPrediction(_ schema: Schema, report: inout Diagnostics) {
    guard let prediction else { return }
    for column in [prediction.column, prediction.score].compactMap({ $0 })
    where schema[column.name] == nil {
      let near = Spelling.closest(to: column.name, among: schema.names)
      report.append(
        .error(
          "AX0791", at: column.span, "the dataset of 'of' has no column '\(column.name)'",
          hint: near.map { "did you mean '\($0)'?" }))
    }
    if let type = schema[prediction.column.name]?.type,
      type == .double || type == .date || type == .datetime
    {
      report.append(
        .error(
          "AX0791", at: prediction.column.span,
          "'\(prediction.column.name)' is of type \(type.rawValue), which has no decisions",
          cause: "a decision is one of a few values, such as true and false",
          hint: type == .double
            ? "name a score as 'score:', and derive the decision from it with 'transform'" : nil))
    }
    if let score = prediction.score, let type = schema[score.name]?.type, type != .double,
      type != .int
    {
      report.append(
        .error(
          "AX0791", at: score.span, "'\(score.name)' is of type \(type.rawValue), and no score",
          cause: "a score is a number from 0 to 1"))
    }
  }

  /// The names of decisions: `prediction`, and the models'.
  var deciders: [(name: String, metrics: [MetricDescriptor])] {
    let scored = OutcomeMetrics.all + ScoreMetrics.all
    return
      (prediction.map { [("prediction", $0.score == nil ? OutcomeMetrics.all : scored)] } ?? [])
      + models.map { ($0, scored) }
  }

  /// Where a column is named.
  func span(of column: String) -> SourceSpan {
    (views.flatMap(\.columns) + conditional
      + [prediction?.column, prediction?.score].compactMap { $0 })
      .first { $0.name == column }?.span ?? label.span
  }

  // MARK: Names

  /// How gates and reports call a metric of a view; `prefix` is `against`, `change` or a part.
  static func name(
    _ metric: String, _ columns: [String], prefix: String? = nil
  ) -> String {
    let nowhere = SourceSpan(file: "", line: 1, column: 1)
    return Expression.call(
      prefix.map { "\($0).\(metric)" } ?? metric, columns.map { .name($0, nowhere) }, nowhere
    ).canonicalText
  }

  /// The prefix of the figures of one part, as rules spell it.
  static func prefix(part: String) -> String {
    let nowhere = SourceSpan(file: "", line: 1, column: 1)
    return Expression.member(.name("parts", nowhere), part, nowhere).canonicalText
  }

  /// The names that could be measured; those of a mixed dataset's parts, which are not known before it
  /// is there, are taken from what is asked for.
  func everyMetricName(asked: [String]) -> [String] {
    var names: [String] = []
    for metric in FairnessMetrics.all {
      for view in views {
        for list in metric.columns(view.names, within: conditional.map(\.name)) {
          let own = Self.name(metric.name, list)
          names.append(own)
          if hasAgainst {
            names.append(Self.name(metric.name, list, prefix: "against"))
            names.append(Self.name(metric.name, list, prefix: "change"))
          }
          names += asked.filter { $0.hasPrefix("parts.") && $0.hasSuffix(".\(own)") }
        }
      }
    }
    for (decider, metrics) in deciders {
      for metric in metrics {
        for view in views {
          let own = Self.name(metric.name, view.names)
          for prefix in [nil] + (hasAgainst ? ["against", "change"] : []) {
            names.append(
              Self.name(
                metric.name, view.names, prefix: DecisionFindings.prefix(decider, prefix)))
          }
          names += asked.filter { $0.hasPrefix("\(decider).parts.") && $0.hasSuffix(".\(own)") }
        }
      }
    }
    return names
  }
}
