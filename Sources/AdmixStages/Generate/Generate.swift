package import AdmixEngine
import AdmixExpression
import AdmixGenerators
package import AdmixModel
package import AdmixSpec

/// Makes synthetic rows: learned from a dataset, or from rules.
package struct Generate: StageKind {
  package static let description = KindDescription(
    name: "generate", revision: 1,
    summary:
      "Makes synthetic rows with a generator, learned from a dataset, from rules or by a simulation.",
    fields: [
      .optional("learn", .edge(.dataset), "The dataset whose rows the generator learns from."),
      .optional(
        "with", .variant(BuiltinGenerators.variants), default: "gaussian-copula",
        "Which generator, with its options."),
      .optional(
        "rows", .count, "How many rows to make; a simulation has as many as its clock gives."),
      Condition.field,
      .optional(
        "keep", .listOrOne(.expression),
        "Rules that every row satisfies: bounds on one column by construction, others by drawing again; refused where hardly any row would."
      ),
    ],
    // The generator decides: its tables, and the model where it learns one.
    outputs: nil,
    usesRandomness: true,
    tasks: [
      .init(
        "fit", "Notes what a partition of the rows to learn from holds, once for each pass.",
        ["learn", "with"]),
      .init("combine", "Adds that up, to the model in the end.", ["learn", "with"]),
      .init(
        "plan", "Holds what is asked for against the model.",
        ["learn", "with", "rows", "where", "keep"]),
      .init(
        "sample", "Makes one partition of rows.", ["learn", "with", "rows", "where", "keep"]),
      .init(
        "simulate", "Runs replications of a simulation, which give rows of all its tables.",
        ["with"]),
    ],
    example: """
      learn: parts.train
      with: gaussian-copula
      rows: 10000
      where: {sex: Female, age: {between: [30, 40]}}
      keep: ["hours-per-week <= 99"]
      """)

  let generator: any Generator
  let generatorName: String
  let rows: Int?
  let conditions: [Condition]
  let keep: [KeepText]
  let learnSpan: SourceSpan
  let span: SourceSpan
  let prepared = PreparedSamplers()

  package init(_ options: OptionValues, report: inout Diagnostics) {
    span = options.span
    learnSpan = options["learn"]?.span ?? options.span
    let chosen = options["with"]
    let member = chosen?.members.first
    let name = member?.key ?? chosen?.text ?? "gaussian-copula"
    let type: any Generator.Type = BuiltinGenerators.named(name) ?? GaussianCopula.self
    generatorName = type.description.name
    if BuiltinGenerators.named(name) == nil {
      report.append(
        .error(
          "AX0304", at: member?.keySpan ?? chosen?.span ?? options.span,
          "unknown generator '\(name)'", cause: "no built-in generator has this name",
          hint: Spelling.closest(
            to: name, among: BuiltinGenerators.all.map { $0.description.name }
          ).map { "did you mean '\($0)'?" }))
    }
    generator = type.init(
      member?.value ?? Node(.map([]), at: chosen?.span ?? options.span), report: &report)
    rows = options["rows"]?.int
    conditions = Condition.all(in: options["where"], report: &report)
    keep = KeepText.all(in: options["keep"], report: &report)
    if type.description.needsLearning {
      if options["learn"] == nil {
        report.append(
          .error(
            "AX0612", at: options.span, "'learn' is missing",
            cause: "\(type.description.name) learns from a dataset",
            hint: "learn: the name of a stage"))
      }
    } else if options["learn"] != nil {
      report.append(
        .error(
          "AX0615", at: learnSpan, "'\(type.description.name)' does not learn from a dataset",
          cause: "its rows would be the same without 'learn'",
          hint: "remove 'learn', or choose a generator that learns"))
    }
    refuseWhatSaysNothing(options, report: &report)
    if generator is any Simulation {
      refuseRows(options, report: &report)
    } else if rows == nil, generator.needsRows {
      report.append(
        .error(
          "AX0612", at: options.span, "'rows' is missing",
          cause: "\(type.description.name) makes as many rows as it is asked for",
          hint: "rows: 10000"))
    }
  }

  /// Rows of a simulation follow from those before them: none can be asked for, nor drawn again.
  private func refuseRows(_ options: OptionValues, report: inout Diagnostics) {
    for name in ["rows", "where", "keep"] {
      guard let node = options[name] else { continue }
      report.append(
        .error(
          "AX0675", at: node.span, "'\(name)' says nothing to a simulation",
          cause: name == "rows"
            ? "its clock and its agents decide how many rows its tables have"
            : "a row follows from those before it, so none can be drawn again",
          hint: name == "rows"
            ? "a transform with the step sample takes so many of them"
            : "a transform with the step filter keeps some of them"))
    }
  }

  /// What a generator of series cannot take: rows beside a number of series, and rules over single rows.
  private func refuseWhatSaysNothing(_ options: OptionValues, report: inout Diagnostics) {
    if let node = options["rows"], !generator.needsRows, !(generator is any Simulation) {
      report.append(
        .error(
          "AX0675", at: node.span, "'rows' says nothing beside 'entities'",
          cause:
            "series are as long as those learned from, so their number decides how many rows there are",
          hint: "remove one of the two"))
    }
    if generator.drawsRowsAgain { return }
    if !Swift.type(of: generator).description.conditionsExactly {
      for node in [options["where"], options["keep"]].compactMap({ $0 }) {
        report.append(
          .error(
            "AX0682", at: node.span, "rows of several tables are not drawn again",
            cause: "a row of one stands in rows of the others",
            hint: "say it in the columns, with 'bounds', 'when' or an expression"))
      }
      return
    }
    for rule in keep where rule.conditions == nil {
      report.append(
        .error(
          "AX0675", at: rule.span, "\(generatorName) cannot keep the rule '\(rule.text)'",
          cause: "a row follows from those before it, so none can be drawn again",
          hint: "a transform with the step filter keeps some of the rows"))
    }
  }

  package var outputs: [String] {
    generator.tables + (Swift.type(of: generator).description.needsLearning ? ["model"] : [])
  }

  package var rowRelations: [String: RowRelation] {
    let relation: RowRelation =
      Swift.type(of: generator).description.needsLearning ? .learned(from: "learn") : .made
    return Dictionary(outputs.map { ($0, relation) }) { first, _ in first }
  }

  package func privacyUse(of budget: PrivacyBudget) -> PrivacyUse? {
    guard Swift.type(of: generator).description.needsLearning else { return nil }
    guard let bound = generator.privacyBound else {
      return PrivacyUse(role: "learn", share: nil, span: learnSpan)
    }
    let all = PrivacyAccounting.rho(epsilon: budget.epsilon, delta: budget.delta)
    let mine = PrivacyAccounting.rho(epsilon: bound.epsilon, delta: bound.delta)
    return PrivacyUse(role: "learn", share: mine / all, span: bound.span)
  }

  package var implementations: [String: Int] {
    [generatorName: Swift.type(of: generator).description.revision]
  }

  package func schemas(of inputs: [String: Schema], report: inout Diagnostics) -> [String: Schema] {
    let learned = inputs["learn"]
    if Swift.type(of: generator).description.needsLearning, learned == nil { return [:] }
    let schemas = generator.schemas(learned: learned, report: &report)
    if let first = generator.tables.first, let schema = schemas[first] {
      for condition in conditions { condition.check(schema, report: &report) }
      for rule in keep { _ = rule.compiled(schema, report: &report) }
    }
    return schemas
  }
}
