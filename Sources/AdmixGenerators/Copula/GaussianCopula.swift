package import AdmixData
package import AdmixModel
package import AdmixSpec
import AdmixStatistics
package import Foundation

/// Learns how each column is distributed and a normal dependence between all of them.
///
/// Marginals are empirical, with spikes; levels of nominal columns are put in the order that carries
/// most association; latent correlations are solved for, not taken from the scores. Two passes over
/// the training data. `research/generators.md` §2.1.
package struct GaussianCopula: Generator {
  package static let description = GeneratorDescription(
    name: "gaussian-copula", revision: 2,
    summary:
      "Learns each column's distribution and the correlations between all columns; fast, any table.",
    fields: [
      .optional(
        "text", .choice(TextPolicy.allCases.map(\.rawValue)), default: "learn",
        "What to do with text columns: learn those with at most 1,000 distinct values like categories (more is an error), resample training values, or leave them out."
      )
    ],
    needsLearning: true, conditionsExactly: true,
    cost:
      "Two passes over the training data, O(rows × columns²); sampling O(columns²) per row.",
    limits:
      "Relations that rise and fall again are lost, as are those of three columns that do not show in pairs. Nominal columns keep one order of their levels; beyond 256 levels the rarest are related to other columns as one. Not private: columns with few distinct values keep them, smallest and largest included.",
    sources:
      "Cario and Nelson, Modeling and generating random vectors with arbitrary marginal distributions and correlation matrix (1997); Xiao, Evaluating correlation coefficient for Nataf transformation (2014); Higham, Computing the nearest correlation matrix (2002)."
  )

  let text: TextPolicy

  package init(_ options: Node, report: inout Diagnostics) {
    text = options["text"]?.text.flatMap(TextPolicy.init(rawValue:)) ?? .learn
  }

  package var learningParameters: JSONValue { ["text": .string(text.rawValue)] }

  package func schemas(learned: Schema?, report: inout Diagnostics) -> [String: Schema] {
    guard let learned else { return [:] }
    return ["data": ColumnPlan(learned, text: text).schema]
  }

  package var passes: [String] { ["values", "association"] }

  package func statistics(pass: Int, of batch: Batch, learning: LearningContext) throws -> Data {
    let plan = ColumnPlan(learning.schema, text: text)
    var writer = ByteWriter()
    if pass == 0 {
      writer.write(batch.rows)
      for entry in plan.entries {
        ColumnCounts.of(batch.columns[entry.index], as: entry).write(to: &writer)
      }
      return writer.data
    }
    let model = try CopulaModel(decoding: learning.state ?? Data())
    var association = Association(model.marginals)
    association.count(batch, columns: plan.entries.map(\.index), marginals: model.marginals)
    association.write(to: &writer)
    return writer.data
  }

  package func combine(pass: Int, _ statistics: StatisticsList, learning: LearningContext) throws
    -> LearningOutcome
  {
    if pass == 0 { return try marginals(statistics, learning) }
    var model = try CopulaModel(decoding: learning.state ?? Data())
    var association = Association(model.marginals)
    for part in 0..<statistics.count {
      var reader = ByteReader(try statistics(part))
      var next = Association(model.marginals)
      try next.read(from: &reader)
      try association.merge(next)
    }
    model.correlate(association)
    return LearningOutcome(try model.encoded())
  }

  package func plan(_ request: SamplingRequest) throws -> GenerationPlan {
    let model = try CopulaModel(decoding: request.model ?? Data())
    var report = Diagnostics()
    _ = LatentConditions(model, request.conditions, report: &report)
    try report.check()
    var plan = GenerationPlan(tables: [
      .init(name: "data", schema: model.schema, rows: request.rows ?? model.rows)
    ])
    if let first = request.conditions.first,
      try !CopulaSampler(model, request).conditionsExactly
    {
      plan.warnings.append(
        .warning(
          "AX0616", at: first.span, "hardly any row of the model meets all conditions at once",
          cause:
            "what they ask for is all but excluded by how the columns go together, so rows are drawn by \(RestrictedNormal.sweeps) Gibbs sweeps, which come close to the conditional distribution and are not exact",
          hint: "ask for fewer or wider conditions if the exact distribution matters"))
    }
    return plan
  }

  package func sampler(_ request: SamplingRequest) throws -> any RowSampler {
    try CopulaSampler(CopulaModel(decoding: request.model ?? Data()), request)
  }

  package func explain(model: Data) throws -> CheckReport? {
    try CopulaModel(decoding: model).report
  }
}

extension GaussianCopula {
  private func marginals(_ statistics: StatisticsList, _ learning: LearningContext) throws
    -> LearningOutcome
  {
    let plan = ColumnPlan(learning.schema, text: text)
    var rows = 0
    var merged: [MergedCounts] = plan.entries.map { _ in MergedCounts() }
    for part in 0..<statistics.count {
      var reader = ByteReader(try statistics(part))
      rows += try reader.int()
      for index in merged.indices { try merged[index].add(ColumnCounts(from: &reader)) }
    }
    var report = Diagnostics()
    if rows == 0 {
      report.append(
        .error(
          "AX0605", at: learning.span, "the training data has no rows",
          cause: "there is nothing to learn a distribution from"))
    }
    if plan.entries.isEmpty {
      report.append(
        .error(
          "AX0605", at: learning.span, "the training data has no column to learn",
          cause: plan.leftOut.map { "'\($0.name)': \($0.reason)" }.joined(separator: "; ")))
    }
    var model = CopulaModel(
      rows: rows, marginals: [], leftOut: plan.leftOut.map(\.name))
    for (entry, counts) in zip(plan.entries, merged) {
      model.marginals.append(counts.marginal(entry, learning.span, report: &report))
    }
    try report.check()
    for reason in Set(plan.leftOut.map(\.reason)).sorted() {
      let names = plan.leftOut.filter { $0.reason == reason }.map { "'\($0.name)'" }
      report.append(
        Diagnostic(
          .note, "AX0606", at: learning.span,
          names.count == 1
            ? "column \(names[0]) is not generated" : "\(names.count) columns are not generated",
          cause: names.count == 1
            ? reason
            : reason + ": " + names.prefix(8).joined(separator: ", ")
              + (names.count > 8 ? " and \(names.count - 8) more" : "")))
    }
    Association.assignGroups(&model.marginals)
    return LearningOutcome(try model.encoded(), warnings: report.items)
  }
}

/// The counts of one column, over partitions in order.
private struct MergedCounts {
  private var values = PairwiseMerge()
  private var numeric: NumericCounts?
  private var flags: (counts: [Int64], missing: Int64)?
  private var categories: (counts: [ExactText: Int64], missing: Int64)?
  private var texts: TextCounts?

  mutating func add(_ counts: ColumnCounts) throws {
    switch counts {
    case .none: break
    case .numeric(let next):
      values.add(next.counts)
      if numeric == nil { numeric = next } else { numeric?.join(next) }
    case .flags(let next, let missing):
      let before = flags ?? ([0, 0], 0)
      guard before.counts.count == next.count else { throw DamagedBytes() }
      flags = (zip(before.counts, next).map { $0 + $1 }, before.missing + missing)
    case .categories(let names, let next, let missing):
      var all = categories ?? ([:], 0)
      for (name, count) in zip(names, next) { all.counts[ExactText(name), default: 0] += count }
      all.missing += missing
      categories = all
    case .texts(let next):
      if texts == nil { texts = next } else { texts?.merge(next) }
    }
  }

  func marginal(_ entry: ColumnPlan.Entry, _ span: SourceSpan?, report: inout Diagnostics)
    -> Marginal
  {
    let name = entry.column.name
    if var numeric {
      numeric.counts = values.result
      if numeric.tooLarge > 0 {
        report.append(
          .error(
            "AX0607", at: span,
            "column '\(name)' has whole numbers too large to learn",
            cause:
              "\(numeric.tooLarge) of them are beyond 2^53, where neighbours cannot be told apart",
            hint: "give the column the role id or ignore"))
      }
      if numeric.notFinite > 0 {
        report.append(
          .warning(
            "AX0608", at: span,
            "\(numeric.notFinite) values of column '\(name)' are not finite",
            cause: "they were learned as missing"))
      }
      return .numeric(entry, numeric)
    }
    if let flags { return .coded(entry, counts: flags.counts, missing: flags.missing) }
    if let categories {
      return .coded(
        entry, counts: entry.column.categories.map { categories.counts[ExactText($0)] ?? 0 },
        missing: categories.missing)
    }
    if let texts {
      if entry.treatment == .nominal, texts.texts.count > TextPolicy.learnedLevels {
        report.append(
          .error(
            "AX0609", at: span, "column '\(name)' is free text, which gaussian-copula cannot learn",
            cause: "it has more than \(TextPolicy.learnedLevels) distinct values",
            hint:
              "give the column the role ignore or id where it is read, or say with: {gaussian-copula: {text: resample}}"
          ))
      }
      if !texts.isComplete, entry.treatment == .resampled {
        report.append(
          .warning(
            "AX0610", at: span,
            "column '\(name)' is resampled from some of its values",
            cause: "a model keeps at most \(TextPolicy.resampledLevels) distinct texts"))
      }
      return .texts(entry, texts)
    }
    return Marginal(column: ColumnPlan.output(entry), treatment: entry.treatment)
  }
}
