import AdmixData
import AdmixModel
import Foundation

extension BayesianNetwork {
  static let privatePasses = ["cells", "pairs"]

  /// The learned columns with their domains; throws what is wrong with the declarations.
  private func declared(_ privacy: PrivacyOptions, _ schema: Schema) throws
    -> (plan: ColumnPlan, entries: [ColumnPlan.Entry], domains: [DeclaredDomain], target: Int?)
  {
    let plan = ColumnPlan(schema, text: text)
    let entries = plan.entries.filter { $0.treatment != .key }
    var report = Diagnostics()
    let domains = privacy.domains(plan, report: &report)
    try report.check()
    guard domains.count == entries.count else { throw DamagedBytes() }
    let name = privacy.target ?? schema.columns(with: .label).first?.name
    return (plan, entries, domains, entries.firstIndex { $0.column.name == name })
  }

  /// The output's schema, in which nothing comes from the data: categories and digits are the declared.
  func privateSchema(_ privacy: PrivacyOptions, _ learned: Schema, report: inout Diagnostics)
    -> Schema
  {
    let plan = ColumnPlan(learned, text: text)
    let domains = privacy.domains(plan, report: &report)
    var left = domains[...]
    guard domains.count == plan.entries.filter({ $0.treatment != .key }).count else {
      return plan.schema
    }
    return Schema(
      plan.entries.map { entry in
        entry.treatment == .key
          ? ColumnPlan.output(entry) : Self.output(entry, left.popFirst())
      })
  }

  private static func output(_ entry: ColumnPlan.Entry, _ domain: DeclaredDomain?) -> ColumnSchema {
    var column = ColumnPlan.output(entry)
    column.categories = column.type == .category ? domain?.values ?? [] : []
    column.decimals = domain?.decimals
    return column
  }

  /// Exact counts of one partition: as sensitive as the rows, and never in a model.
  func privateStatistics(
    _ privacy: PrivacyOptions, pass: Int, _ batch: Batch, _ learning: LearningContext
  ) throws -> Data {
    // Domains are told by the options; a task need not know roles to find its columns by name.
    let (_, entries, domains, _) = try declared(privacy, learning.schema)
    var writer = ByteWriter()
    var codes: [[UInt16]] = []
    for (entry, domain) in zip(entries, domains) {
      guard let column = batch[entry.column.name] else { throw DamagedBytes() }
      codes.append(domain.code(column))
    }
    if pass == 0 {
      ContingencyTables.count(
        domains.indices.map { [$0] }, LevelRows(rows: batch.rows, columns: codes),
        levels: domains.map(\.count), to: &writer)
      return writer.data
    }
    let marginals = try PrivateMarginals(decoding: learning.state)
    guard marginals.levels.map(\.count) == domains.map(\.count) else { throw DamagedBytes() }
    let levels = zip(codes, marginals.levels).map { codes, levels in
      codes.map { UInt16(levels[Int($0)]) }
    }
    ContingencyTables.count(
      Self.pairs(levels.count), LevelRows(rows: batch.rows, columns: levels),
      levels: marginals.levelCounts, to: &writer)
    return writer.data
  }

  private static func pairs(_ columns: Int) -> [[Int]] {
    (0..<columns).flatMap { b in (0..<b).map { [$0, b] } }
  }

  func privateCombine(
    _ privacy: PrivacyOptions, pass: Int, _ statistics: StatisticsList, _ learning: LearningContext
  ) throws -> LearningOutcome {
    let (plan, entries, domains, wanted) = try declared(privacy, learning.schema)
    guard !domains.isEmpty else {
      throw Diagnostics([LearningProblem.noColumns(plan.leftOut, learning.span)])
    }
    let rho = PrivacyAccounting.rho(epsilon: privacy.epsilon, delta: privacy.delta)
    if pass == 0 {
      var cells = ContingencyTables(
        domains.indices.map { [$0] }, levels: domains.map(\.count))
      try Self.add(statistics, to: &cells)
      let variance = PrivateFit.variance(
        answers: domains.count, rho: rho * PrivateFit.singles)
      let noise = privacy.noise("cells")
      let marginals = PrivateMarginals(
        noisy: cells.cells.map { $0.map { Int64($0) + noise.gaussian(variance: variance) } },
        variance: variance, domains: domains, target: wanted,
        edgeDeviation: { _ in
          let share = PrivateFit.edgeShare(hasTarget: wanted != nil)
          return Double(
            PrivateFit.variance(answers: max(1, domains.count - 1), rho: rho * share)
          ).squareRoot()
        },
        charges: [
          PrivacyCharge(
            purpose: "cells of single columns", mechanism: "discrete Gaussian",
            answers: domains.count, scale: Double(variance).squareRoot(),
            rho: Double(domains.count) / (2 * Double(variance)))
        ])
      return LearningOutcome(
        try marginals.encoded(), warnings: LearningProblem.notGenerated(plan.leftOut, learning.span)
      )
    }
    let marginals = try PrivateMarginals(decoding: learning.state)
    let levels = marginals.levelCounts
    guard levels.count == domains.count else { throw DamagedBytes() }
    var tables = ContingencyTables(Self.pairs(levels.count), levels: levels)
    try Self.add(statistics, to: &tables)
    // A target of many levels would need tables that noise fills.
    let target = wanted.flatMap { (2...16).contains(levels[$0]) ? $0 : nil }
    let fit = PrivateFit(
      marginals, target: target, tables: tables, rho: rho, noise: privacy.noise("pairs"))
    var model = Self.model(fit, plan, entries, domains)
    model.privacy = PrivacySpent(
      epsilon: privacy.epsilon, delta: privacy.delta, charges: marginals.charges + fit.charges,
      isForTests: privacy.testSeed != nil)
    var warnings: [Diagnostic] = []
    if privacy.testSeed != nil {
      warnings.append(
        .warning(
          "AX0693", at: privacy.span, "the noise of this model protects nobody",
          cause:
            "it is drawn from 'test-seed', so that anyone who reads it can take the noise away",
          hint: "remove test-seed for data that needs protection"))
    }
    return LearningOutcome(try model.encoded(), warnings: warnings)
  }

  private static func add(_ statistics: StatisticsList, to tables: inout ContingencyTables) throws {
    for part in 0..<statistics.count {
      var reader = ByteReader(try statistics(part))
      try tables.add(&reader)
    }
  }

  /// Counts of the model stand for shares of this many rows.
  private static let scale = 1e9

  private static func model(
    _ fit: PrivateFit, _ plan: ColumnPlan, _ entries: [ColumnPlan.Entry],
    _ domains: [DeclaredDomain]
  ) -> NetworkModel {
    let tree = fit.tree
    let classes = tree.classes
    func cell(_ share: Double) -> UInt32 { UInt32(min(scale, max(0, (share * scale).rounded()))) }
    var tables = [[UInt32]](repeating: [], count: fit.levels.count)
    var parents = [[Int]](repeating: [], count: fit.levels.count)
    var order: [Int] = []
    if let target = fit.target {
      order.append(target)
      var shares = [Double](repeating: 0, count: classes)
      if let root = tree.order.first {
        for (place, share) in tree.marginals[root].enumerated() { shares[place % classes] += share }
      } else {
        shares = Self.normalised(target, fit.marginals)
      }
      tables[target] = shares.map(cell)
    }
    for v in tree.order {
      let variable = fit.others[v]
      let own = tree.levels[v]
      order.append(variable)
      var table: [UInt32] = []
      if let parent = tree.parent[v] {
        parents[variable] = [fit.others[parent]]
        for a in 0..<tree.levels[parent] {
          for t in 0..<classes {
            for b in 0..<own { table.append(cell(tree.edges[v][(a * own + b) * classes + t])) }
          }
        }
      } else {
        for t in 0..<classes {
          for b in 0..<own { table.append(cell(tree.marginals[v][b * classes + t])) }
        }
      }
      if let target = fit.target { parents[variable].append(target) }
      tables[variable] = table
    }
    var index = -1
    let columns = plan.entries.map { entry -> NetworkColumn in
      if entry.treatment == .key { return NetworkColumn(ColumnPlan.output(entry), .key) }
      index += 1
      return column(index, output(entry, domains[index]), domains[index], fit.marginals)
    }
    return NetworkModel(
      rows: Int(fit.marginals.rows.rounded()), columns: columns,
      leftOut: plan.leftOut.map(\.name), order: order, parents: parents, tables: tables)
  }

  /// The shares of the levels of a column by itself.
  private static func normalised(_ column: Int, _ marginals: PrivateMarginals) -> [Double] {
    var out = [Double](repeating: 0, count: marginals.levelCounts[column])
    let shares = marginals.shares(column)
    let total = shares.reduce(0, +)
    for (cell, level) in marginals.levels[column].enumerated() {
      out[level] += total > 0 ? shares[cell] / total : 1 / Double(shares.count)
    }
    return out
  }

  /// A column's levels and the values they stand for, from its declared domain and the noisy cells.
  private static func column(
    _ index: Int, _ schema: ColumnSchema, _ domain: DeclaredDomain, _ marginals: PrivateMarginals
  ) -> NetworkColumn {
    let isNumeric = domain.values.isEmpty
    var column = NetworkColumn(schema, isNumeric ? .numeric : .nominal)
    var coding = LevelCoding(schema)
    coding.hasMissing = domain.hasMissing
    let levels = marginals.levels[index]
    var shares = marginals.shares(index)
    let cells = isNumeric ? domain.starts.count : domain.values.count
    if isNumeric {
      column.decimals = domain.decimals
      column.step = schema.type == .double ? 0 : 1
      column.origin = domain.low
      for cell in 1..<max(1, cells) where levels[cell] != levels[cell - 1] {
        coding.edges.append(domain.starts[cell])
      }
      // The declared bounds are never given up entirely.
      for cell in [0, cells - 1] { shares[cell] = max(shares[cell], 3) }
    } else {
      let last = levels.prefix(cells).max() ?? 0
      let members = (0...last).map { level in (0..<cells).filter { levels[$0] == level } }
      // The last level is that of values together, unless every value is alone.
      coding.hasRest = marginals.restLevel(index, values: cells) != nil
      coding.levels = (coding.hasRest ? members.dropLast() : members[...]).flatMap {
        $0.map { domain.values[$0] }
      }
      column.texts = schema.type == .text ? domain.values : []
    }
    column.coding = coding
    let unit = domain.unit(schema.type)
    for level in 0..<coding.valueLevels {
      let mine = (0..<cells).filter { levels[$0] == level }
      let isEmpty = mine.allSatisfy { shares[$0] * 1_000 < 0.5 }
      for cell in mine {
        let mass = isEmpty ? 1 : Int64((shares[cell] * 1_000).rounded())
        if mass == 0 { continue }
        if !isNumeric {
          column.append(Double(cell), Double(cell), mass)
          continue
        }
        let start = domain.starts[cell]
        let next = cell + 1 < cells ? domain.starts[cell + 1] : nil
        let end = next.map { unit > 0 ? column.restored($0 - unit) : $0 } ?? domain.high
        if end <= start || next == start.nextUp {
          column.append(start, start, mass)
        } else {
          column.append(start - unit / 2, end + unit / 2, mass)
        }
      }
      column.starts.append(column.lows.count)
    }
    return column
  }
}
