import AdmixModel
import AdmixStatistics
import Dispatch
import Foundation
import Synchronization

extension TreesModel.Header {
  /// Positions in `marginals` of the columns that are learned, in the order of the training data.
  var learnedIndices: [Int] {
    marginals.indices.filter {
      marginals[$0].treatment == .numeric || marginals[$0].treatment == .nominal
    }
  }
}

extension SequentialTrees {
  /// After the first pass: how each column is distributed, and so its codes.
  func values(_ statistics: StatisticsList, _ learning: LearningContext) throws -> LearningOutcome {
    let plan = ColumnPlan(learning.schema, text: text)
    var rows = 0
    var merged: [MergedLevels] = plan.entries.map { _ in MergedLevels() }
    for part in 0..<statistics.count {
      var reader = ByteReader(try statistics(part))
      rows += try reader.int()
      for index in merged.indices { merged[index].add(try LevelNotes(from: &reader)) }
    }
    var report = Diagnostics()
    if rows == 0 { report.append(LearningProblem.noRows(learning.span)) }
    if plan.entries.isEmpty {
      report.append(LearningProblem.noColumns(plan.leftOut, learning.span))
    }
    let marginals = zip(plan.entries, merged).map {
      $1.marginal($0, learning.span, report: &report)
    }
    try report.check()
    for note in LearningProblem.notGenerated(plan.leftOut, learning.span) { report.append(note) }
    if rows > sample {
      report.append(
        Diagnostic(
          .note, "AX0619", at: learning.span,
          "the trees are grown from about \(sample) of \(rows) rows",
          cause:
            "'sample' bounds what is held in memory; which values there are is taken from all rows",
          hint: "raise 'sample' for a closer fit of rare cases"))
    }
    let header = TreesModel.Header(
      rows: rows, learned: 0, minimumLeaf: minimumLeaf, marginals: marginals, order: [],
      leftOut: plan.leftOut.map(\.name), common: 0)
    return LearningOutcome(
      try TreesModel(header: header, trees: [], guarded: []).encoded(), warnings: report.items)
  }

  /// After the second: all rows that are learned from, and a tree for each column.
  func trees(_ statistics: StatisticsList, _ learning: LearningContext) throws -> LearningOutcome {
    var model = try TreesModel(decoding: learning.state ?? Data())
    let learned = model.header.learnedIndices
    let columns = learned.map { TreeColumn(model.header.marginals[$0]) }
    var codes = [[Int32]](repeating: [], count: columns.count)
    for part in 0..<statistics.count {
      try CodedRows.append(try statistics(part), columns, to: &codes)
    }
    let rows = codes.first?.count ?? 0
    guard rows > 0 || columns.isEmpty else {
      throw Diagnostics([
        .error(
          "AX0605", at: learning.span, "no training row was chosen to learn from",
          cause: "of \(model.header.rows) rows about \(sample) are wanted, and all are alike",
          hint: "raise 'sample'")
      ])
    }
    model.header.learned = rows
    let order = visitOrder(columns)
    model.header.order = order.map { learned[$0] }
    let visited = order.map { columns[$0] }
    let inOrder = order.map { codes[$0] }
    codes = []
    model.trees = grow(visited, inOrder, rows)
    if guardsCopies {
      (model.guarded, model.header.common) = CopyGuard.rareRows(
        inOrder, rows: rows, leaf: max(2, minimumLeaf))
    }
    return LearningOutcome(try model.encoded())
  }

  /// Named columns first, then the others by how many codes they have: what is coarse decides what is
  /// fine, and a column that nearly identifies a row is asked last.
  private func visitOrder(_ columns: [TreeColumn]) -> [Int] {
    let named = first.compactMap { name in columns.firstIndex { $0.name == name } }
    let rest = columns.indices.filter { !named.contains($0) }
    return named
      + rest.sorted {
        columns[$0].codeCount == columns[$1].codeCount
          ? $0 < $1 : columns[$0].codeCount < columns[$1].codeCount
      }
  }

  /// Trees depend on training rows alone, so all are grown at once.
  private func grow(_ columns: [TreeColumn], _ codes: [[Int32]], _ rows: Int) -> [DonorTree] {
    let logs = TreeGrowth.logs(rows, PortableMath.log)
    let predictors = zip(columns, codes).enumerated().map { position, column in
      TreePredictor(
        feature: Int32(position), bins: column.1.map { column.0.bins[Int($0)] },
        binCount: column.0.binCount, isNominal: !column.0.isNumeric)
    }
    let grown = Mutex<[Int: DonorTree]>([:])
    // The last columns ask the most others and take longest.
    DispatchQueue.concurrentPerform(iterations: columns.count) { turn in
      let position = columns.count - 1 - turn
      let tree = TreeGrowth(
        target: codes[position], codeCount: columns[position].codeCount,
        isOrdered: columns[position].isNumeric, predictors: Array(predictors[..<position]),
        minimumLeaf: minimumLeaf, logs: logs
      ).grow()
      grown.withLock { $0[position] = tree }
    }
    return grown.withLock { trees in columns.indices.compactMap { trees[$0] } }
  }
}
