import AdmixData
import AdmixModel
import Foundation

extension BayesianNetwork {
  /// Nominal columns have at most this many levels of their own.
  static let nominalLevels = 256

  /// The counts of every column, by name, so that what is read does not depend on what a task was told
  /// about the columns' roles.
  func writeCounts(_ batch: Batch, _ schema: Schema, to writer: inout ByteWriter) throws {
    let entries = ColumnPlan(schema, text: text).entries.filter { $0.treatment != .key }
    writer.write(batch.rows)
    writer.write(entries.count)
    for entry in entries {
      guard let column = batch[entry.column.name] else { throw DamagedBytes() }
      writer.write(entry.column.name)
      let limit =
        entry.treatment == .resampled ? TextPolicy.resampledLevels : TextPolicy.learnedLevels + 1
      LevelCounts(column, textLimit: limit).write(to: &writer)
    }
  }

  /// Adds what `writeCounts` wrote.
  private func readCounts(
    _ reader: inout ByteReader, rows: inout Int, into counts: inout [String: MergedLevelCounts]
  ) throws {
    rows += try reader.int()
    for _ in 0..<(try reader.int()) {
      let name = try reader.text()
      let next = try LevelCounts(from: &reader)
      counts[name, default: MergedLevelCounts()].add(next)
    }
  }

  /// Ends the first pass: what the levels of each column are.
  func levels(_ statistics: StatisticsList, _ learning: LearningContext) throws -> LearningOutcome {
    let plan = ColumnPlan(learning.schema, text: text)
    var rows = 0
    var merged: [String: MergedLevelCounts] = [:]
    for part in 0..<statistics.count {
      var reader = ByteReader(try statistics(part))
      try readCounts(&reader, rows: &rows, into: &merged)
    }
    var report = Diagnostics()
    if rows == 0 { report.append(LearningProblem.noRows(learning.span)) }
    if plan.entries.isEmpty {
      report.append(LearningProblem.noColumns(plan.leftOut, learning.span))
    }
    var counted: [(entry: ColumnPlan.Entry, counts: LevelCounts)] = []
    for entry in plan.entries where entry.treatment != .key {
      guard let counts = merged[entry.column.name]?.result else { continue }
      Self.check(counts, entry, learning.span, report: &report)
      counted.append((entry, counts))
    }
    try report.check()
    report.append(
      contentsOf: Diagnostics(LearningProblem.notGenerated(plan.leftOut, learning.span)))
    return LearningOutcome(
      try NetworkDraft(Self.codings(counted, levels)).encoded(), warnings: report.items)
  }

  private static func check(
    _ counts: LevelCounts, _ entry: ColumnPlan.Entry, _ span: SourceSpan?,
    report: inout Diagnostics
  ) {
    let name = entry.column.name
    switch counts {
    case .numeric(let counts):
      if counts.tooLarge > 0 {
        report.append(LearningProblem.tooLarge(name, counts.tooLarge, span))
      }
      if counts.notFinite > 0 {
        report.append(LearningProblem.notFinite(name, counts.notFinite, span))
      }
    case .texts(let counts) where entry.column.type == .text:
      if entry.treatment == .nominal, counts.texts.count > TextPolicy.learnedLevels {
        report.append(LearningProblem.freeText(name, description.name, span))
      }
      if entry.treatment == .resampled, !counts.isComplete {
        report.append(LearningProblem.someTexts(name, span))
      }
    case .texts: break
    }
  }

  /// The levels of all columns, fewer where the tables of all pairs would be too large.
  private static func codings(
    _ counted: [(entry: ColumnPlan.Entry, counts: LevelCounts)], _ levels: Int
  ) -> [LevelCoding] {
    var numeric = levels
    var nominal = nominalLevels
    while true {
      let codings = counted.map { coding($0.entry, $0.counts, numeric: numeric, nominal: nominal) }
      let sizes = codings.filter(\.isRelated).map(\.count)
      let sum = sizes.reduce(0, +)
      let squares = sizes.reduce(0) { $0 + $1 * $1 }
      if (sum * sum - squares) / 2 <= ParentSearch.passCells || numeric <= 2 && nominal <= 8 {
        return codings
      }
      if nominal > 8 { nominal /= 2 }
      if nominal < 64 && numeric > 2 { numeric = max(2, numeric * 3 / 4) }
    }
  }

  private static func coding(
    _ entry: ColumnPlan.Entry, _ counts: LevelCounts, numeric: Int, nominal: Int
  ) -> LevelCoding {
    var coding = LevelCoding(entry.column)
    switch counts {
    case .numeric(let counts):
      coding.edges = LevelCoding.edges(counts, type: entry.column.type, levels: numeric)
      coding.group(counts)
      coding.hasMissing = counts.missing + counts.notFinite > 0
    case .texts(let counts):
      coding.hasMissing = counts.missing > 0
      if entry.treatment == .resampled {
        coding.isRelated = false
        coding.hasRest = !counts.texts.isEmpty
      } else if counts.texts.count <= nominal {
        coding.levels = counts.texts
      } else {
        let ranked = counts.texts.indices.sorted {
          (counts.counts[$1], $0) < (counts.counts[$0], $1)
        }
        coding.levels = ranked.prefix(nominal - 1).sorted().map { counts.texts[$0] }
        coding.hasRest = true
      }
    }
    return coding
  }

  /// Ends the last pass: the model.
  func model(_ draft: NetworkDraft, _ statistics: StatisticsList, _ learning: LearningContext)
    throws -> LearningOutcome
  {
    let plan = ColumnPlan(learning.schema, text: text)
    var rows = 0
    var merged: [String: MergedLevelCounts] = [:]
    var tables = ContingencyTables(draft.families, levels: draft.levels)
    for part in 0..<statistics.count {
      var reader = ByteReader(try statistics(part))
      try readCounts(&reader, rows: &rows, into: &merged)
      try tables.add(&reader)
    }
    var codings = draft.codings[...]
    let columns = try plan.entries.map { entry -> NetworkColumn in
      if entry.treatment == .key {
        return NetworkColumn(ColumnPlan.output(entry), .key)
      }
      guard let coding = codings.popFirst(), coding.name == entry.column.name,
        let counts = merged[entry.column.name]?.result
      else { throw DamagedBytes() }
      switch counts {
      case .numeric(let counts): return .numeric(entry, coding, counts)
      case .texts(let counts):
        let categories = CategoryIndex.distinct(entry.column.categories + counts.texts)
        return .nominal(entry, coding, counts, categories: categories)
      }
    }
    let model = NetworkModel(
      rows: rows, columns: columns, leftOut: plan.leftOut.map(\.name), order: draft.order,
      parents: draft.parents, tables: tables.cells)
    return LearningOutcome(try model.encoded())
  }
}
