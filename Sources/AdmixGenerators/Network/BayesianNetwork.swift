package import AdmixData
package import AdmixModel
package import AdmixSpec
package import Foundation

/// Learns which columns depend on which, and how often each value comes with each combination of the
/// values it depends on.
///
/// Numbers become levels at round edges; a tree of most mutual information is found and given more
/// parents where they tell more than they cost. Everything learned is counts, which add over partitions.
package struct BayesianNetwork: Generator {
  package static let description = GeneratorDescription(
    name: "bayesian-network", revision: 1,
    summary:
      "Learns which columns depend on which, and their tables; close to the data in any relation of a few columns.",
    fields: [
      .optional(
        "parents", .int(0...6), default: 4,
        "How many other columns a column can depend on: 1 gives a tree, 0 independent columns."),
      .optional(
        "levels", .int(2...128), default: 24,
        "Into how many equally frequent levels a number, date or time is cut; values that are frequent by themselves are levels too."
      ),
      .optional(
        "text", .choice(TextPolicy.allCases.map(\.rawValue)), default: "learn",
        "What to do with text columns: learn those with at most 1,000 distinct values like categories (more is an error), resample training values, or leave them out."
      ),
      PrivacyOptions.field,
    ],
    needsLearning: true, conditionsExactly: true,
    cost:
      "Three passes over the training data and one more for every parent beyond the first, O(rows × columns²) each; sampling O(columns) per row.",
    limits:
      "Within a level a number is drawn without regard to other columns, so relations finer than the levels are lost. Beyond 256 values of a nominal column the rarest share a level. A table of a column given its parents has at most a million cells, which bounds how many columns with many levels can act together. Not private unless `privacy` is given: the smallest and the largest values are kept, and all of a column with few. With `privacy` the model is a tree joined to the target, `parents` and `levels` are chosen by the budget, and every refit spends it anew; what protects and what does not is in docs/privacy-accounting.md.",
    sources:
      "Chow and Liu, Approximating discrete probability distributions with dependence trees (1968); Miller, Note on the bias of information estimates (1955); Akaike, A new look at the statistical model identification (1974); Koller and Friedman, Probabilistic graphical models (2009), for elimination; Zhang et al., PrivBayes (2017), McKenna, Miklau and Sheldon, Winning the NIST contest (2021), Canonne, Kamath and Steinke, The discrete Gaussian for differential privacy (2020), and Bun and Steinke, Concentrated differential privacy (2016), for `privacy`."
  )

  let parents: Int
  let levels: Int
  let text: TextPolicy
  /// Nil where the model may hold whatever the data holds.
  let privacy: PrivacyOptions?

  package init(_ options: Node, report: inout Diagnostics) {
    parents = options["parents"]?.int ?? 4
    levels = options["levels"]?.int ?? 24
    text = options["text"]?.text.flatMap(TextPolicy.init(rawValue:)) ?? .learn
    privacy = PrivacyOptions(options["privacy"])
    if let privacy, text == .resample {
      report.append(
        .error(
          "AX0691", at: options["text"]?.span ?? privacy.span,
          "texts cannot be resampled and learned privately",
          cause: "each of them would be a text of the training data",
          hint: "declare the values of text columns, or say text: leave-out"))
    }
  }

  package var learningParameters: JSONValue {
    [
      "parents": JSONValue(parents), "levels": JSONValue(levels), "text": .string(text.rawValue),
      "privacy": privacy?.parameters ?? .null,
    ]
  }

  package var privacyBound: PrivacyBound? {
    privacy.map { PrivacyBound(epsilon: $0.epsilon, delta: $0.delta, span: $0.span) }
  }

  package var learnsRepeatably: Bool { privacy.map { $0.testSeed != nil } ?? true }

  package func schemas(learned: Schema?, report: inout Diagnostics) -> [String: Schema] {
    guard let learned else { return [:] }
    if let privacy { return ["data": privateSchema(privacy, learned, report: &report)] }
    return ["data": ColumnPlan(learned, text: text).schema]
  }

  package var passes: [String] {
    if privacy != nil { return Self.privatePasses }
    let more = parents > 1 ? (2...parents).map { "parent \($0)" } : []
    return ["levels"] + (parents > 0 ? ["pairs"] : []) + more + ["tables"]
  }

  package func statistics(pass: Int, of batch: Batch, learning: LearningContext) throws -> Data {
    if let privacy { return try privateStatistics(privacy, pass: pass, batch, learning) }
    var writer = ByteWriter()
    if pass == 0 {
      try writeCounts(batch, learning.schema, to: &writer)
      return writer.data
    }
    let draft = try NetworkDraft(decoding: learning.state)
    let rows = try LevelRows(batch, draft.codings)
    let isLast = pass == passes.count - 1
    if isLast { try writeCounts(batch, learning.schema, to: &writer) }
    ContingencyTables.count(
      isLast ? draft.families : draft.scopes, rows, levels: draft.levels, to: &writer)
    return writer.data
  }

  package func combine(pass: Int, _ statistics: StatisticsList, learning: LearningContext) throws
    -> LearningOutcome
  {
    if let privacy { return try privateCombine(privacy, pass: pass, statistics, learning) }
    if pass == 0 { return try levels(statistics, learning) }
    var draft = try NetworkDraft(decoding: learning.state)
    if pass == passes.count - 1 { return try model(draft, statistics, learning) }
    var tables = ContingencyTables(draft.scopes, levels: draft.levels)
    for part in 0..<statistics.count {
      var reader = ByteReader(try statistics(part))
      try tables.add(&reader)
    }
    if pass == 1 {
      ParentSearch.plantTree(&draft, tables, parents: parents)
    } else {
      ParentSearch.addParents(&draft, tables, parents: parents)
    }
    return LearningOutcome(try draft.encoded())
  }

  package func plan(_ request: SamplingRequest) throws -> GenerationPlan {
    let model = try NetworkModel(decoding: request.model ?? Data())
    var plan = GenerationPlan(tables: [
      .init(name: "data", schema: model.schema, rows: request.rows ?? model.rows)
    ])
    guard let first = request.conditions.first else { return plan }
    let looked = 256
    if let refused = try NetworkSampler(model, request).refusals(ofRows: looked), refused > 0 {
      plan.warnings.append(
        .warning(
          "AX0616", at: first.span, "hardly any row of the model meets all conditions at once",
          cause:
            "\(refused) of \(looked) rows were refused \(Proposal.tries) times and chosen by weight among as many, which comes close to the conditional distribution and is not exact",
          hint: "ask for fewer or wider conditions if the exact distribution matters"))
    }
    return plan
  }

  package func sampler(_ request: SamplingRequest) throws -> any RowSampler {
    try NetworkSampler(NetworkModel(decoding: request.model ?? Data()), request)
  }

  package func explain(model: Data) throws -> CheckReport? {
    try NetworkModel(decoding: model).report
  }
}
