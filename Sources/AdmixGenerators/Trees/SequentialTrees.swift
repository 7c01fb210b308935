package import AdmixData
package import AdmixModel
package import AdmixSpec
package import Foundation

/// Draws each column from those before it, by trees whose leaves hold the values of training rows.
///
/// The idea of synthpop (Nowok, Raab and Dibben, 2016; Reiter, 2005). Three things keep it from giving
/// training rows back: leaves of 25 rows, donors interpolated where a column has many values, and rare
/// training rows drawn again when they come out. Two passes over the training data: what values there
/// are, and the rows as codes, from which all trees are grown at once.
package struct SequentialTrees: Generator {
  package static let description = GeneratorDescription(
    name: "sequential-trees", revision: 1,
    summary:
      "Draws each column from those before it by decision trees; the closest fit, with guards against copying.",
    fields: [
      .optional(
        "minimum-leaf", .int(1...1_000_000), default: 25,
        "Training rows that a leaf has at least. Larger leaves remember less of single rows and follow the data less closely."
      ),
      .optional(
        "smooth", .bool, default: true,
        "Whether values of columns with many values are drawn between training values in place of repeating them."
      ),
      .optional(
        "guard", .bool, default: true,
        "Whether a row that equals a rare training row is drawn again from its last columns on. Where the columns before leave no choice it stays."
      ),
      .optional(
        "first", .listOrOne(.column), default: [],
        "Columns to visit first, in this order; the others follow by how many different values they have. Conditions on the first column are met at no cost."
      ),
      .optional(
        "sample", .int(1_000...10_000_000), default: 250_000,
        "About how many training rows the trees are grown from, chosen evenly, where there are more."
      ),
      .optional(
        "text", .choice(TextPolicy.allCases.map(\.rawValue)), default: "learn",
        "What to do with text columns: learn those with at most 1,000 distinct values like categories (more is an error), resample training values, or leave them out."
      ),
    ],
    needsLearning: true, conditionsExactly: true,
    cost:
      "Two passes over the training data; growing O(sampled rows × columns² × depth), sampling O(columns × depth) per row. Conditions are met by drawing again, fewer times than they are rare.",
    limits:
      "Follows the training data closely, noise included; what one row of it says about one person can show. Not private: leaves hold training values, and columns with few distinct values keep them all. A tree asks at most 64 other columns. Text is taken as levels.",
    sources:
      "Reiter, Using CART to generate partially synthetic, public use microdata (2005); Nowok, Raab and Dibben, synthpop: Bespoke creation of synthetic data in R (2016); Breiman, Friedman, Olshen and Stone, Classification and Regression Trees (1984)."
  )

  let minimumLeaf: Int
  let smooth: Bool
  let guardsCopies: Bool
  let first: [String]
  let firstSpans: [SourceSpan]
  let sample: Int
  let text: TextPolicy

  package init(_ options: Node, report: inout Diagnostics) {
    minimumLeaf = options["minimum-leaf"]?.int ?? 25
    smooth = options["smooth"]?.bool ?? true
    guardsCopies = options["guard"]?.bool ?? true
    let named = options["first"].map { $0.text == nil ? $0.items : [$0] } ?? []
    first = named.compactMap(\.text)
    firstSpans = named.filter { $0.text != nil }.map(\.span)
    sample = options["sample"]?.int ?? 250_000
    text = options["text"]?.text.flatMap(TextPolicy.init(rawValue:)) ?? .learn
  }

  package var learningParameters: JSONValue {
    [
      "text": .string(text.rawValue), "minimum-leaf": JSONValue(minimumLeaf),
      "sample": JSONValue(sample), "first": .array(first.map { .string($0) }),
      "guard": .bool(guardsCopies),
    ]
  }
  package var samplingParameters: JSONValue { ["smooth": .bool(smooth)] }

  package func schemas(learned: Schema?, report: inout Diagnostics) -> [String: Schema] {
    guard let learned else { return [:] }
    let plan = ColumnPlan(learned, text: text)
    for (name, span) in zip(first, firstSpans) where !learnedNames(plan).contains(name) {
      report.append(
        .error(
          "AX0601", at: span, "unknown column '\(name)'",
          cause: learned[name] == nil
            ? "the training data has no such column" : "the generator does not learn this column",
          hint: Spelling.closest(to: name, among: learnedNames(plan)).map {
            "did you mean '\($0)'?"
          }))
    }
    return ["data": plan.schema]
  }

  private func learnedNames(_ plan: ColumnPlan) -> [String] {
    plan.entries.filter { $0.treatment == .numeric || $0.treatment == .nominal }.map(\.column.name)
  }

  package var passes: [String] { ["values", "rows"] }

  package func statistics(pass: Int, of batch: Batch, learning: LearningContext) throws -> Data {
    let plan = ColumnPlan(learning.schema, text: text)
    if pass == 0 {
      var writer = ByteWriter()
      writer.write(batch.rows)
      for entry in plan.entries {
        LevelNotes.of(batch.columns[entry.index], as: entry).write(to: &writer)
      }
      return writer.data
    }
    let draft = try TreesModel(decoding: learning.state ?? Data())
    let columns = draft.header.learnedIndices.map { TreeColumn(draft.header.marginals[$0]) }
    let rows = try CodedRows(batch, columns, share: share(of: draft.header.rows))
    return rows.encoded(columns)
  }

  private func share(of rows: Int) -> Double {
    rows <= sample ? 1 : Double(sample) / Double(rows)
  }

  package func combine(pass: Int, _ statistics: StatisticsList, learning: LearningContext) throws
    -> LearningOutcome
  {
    pass == 0 ? try values(statistics, learning) : try trees(statistics, learning)
  }

  package func plan(_ request: SamplingRequest) throws -> GenerationPlan {
    let model = try TreesModel(decoding: request.model ?? Data())
    let sampler = try TreesSampler(model, request, smooth: smooth)
    try sampler.probe(at: request.conditions.first?.span)
    return GenerationPlan(tables: [
      .init(name: "data", schema: model.schema, rows: request.rows ?? model.header.rows)
    ])
  }

  package func sampler(_ request: SamplingRequest) throws -> any RowSampler {
    try TreesSampler(TreesModel(decoding: request.model ?? Data()), request, smooth: smooth)
  }

  package func explain(model: Data) throws -> CheckReport? {
    try TreesModel(decoding: model).report
  }
}
