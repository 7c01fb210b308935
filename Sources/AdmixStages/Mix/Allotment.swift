import AdmixEngine
import AdmixModel
import AdmixSpec

/// How many rows each part gives, by cell.
struct Allotment {
  /// By part, then by cell of its counts.
  private(set) var taken: [[Int]] = []
  private(set) var warnings: [Diagnostic] = []

  private let options: MixOptions
  private let counts: [CellCounts]

  init(_ options: MixOptions, counts: [CellCounts]) throws {
    self.options = options
    self.counts = counts
    let available = counts.map { $0.totals.reduce(0, +) }
    let asked = totals(options.rows ?? 0, available: nil)
    if let balance = options.balance {
      try balanced(balance, asked: asked, available: available)
    } else {
      taken = try shrunk(asked, available: available).map { [$0] }
    }
  }

  /// What each part gives in a blend of this many rows.
  ///
  /// - Parameter available: where given, parts with rows of their own that may shrink, do.
  private func totals(_ rows: Int, available: [Int]?) -> [Int] {
    var shares: [Double] = []
    var fixed: [Int] = []
    var asked = 0
    for (index, part) in options.parts.enumerated() {
      switch part.amount {
      case .share(let share):
        shares.append(share)
        fixed.append(0)
      case .rows(let count):
        shares.append(0)
        asked += count
        let most = part.whenShort == .shrink ? available?[index] ?? count : count
        fixed.append(min(count, most))
      }
    }
    let shared = Apportionment.largestRemainder(max(0, rows - asked), weights: shares)
    return zip(fixed, shared).map { $0 + $1 }
  }

  private func isShared(_ index: Int) -> Bool {
    if case .share = options.parts[index].amount { true } else { false }
  }

  /// The totals, after those that may shrink have, and an error where one may not.
  private mutating func shrunk(_ asked: [Int], available: [Int]) throws -> [Int] {
    for (index, part) in options.parts.enumerated() where asked[index] > available[index] {
      if part.whenShort == .error || part.whenShort == .repeat && available[index] == 0 {
        throw short(part, asked: asked[index], has: available[index])
      }
    }
    let result = largest { rows in
      let totals = totals(rows, available: available)
      let fits = totals.indices.allSatisfy { index in
        options.parts[index].whenShort != .shrink || !isShared(index)
          || totals[index] <= available[index]
      }
      return fits ? totals : nil
    }
    noteShrinking(asked, result)
    return result
  }

  /// The result for as many rows as were asked for or, by bisection, for the most that have one.
  private func largest<Result>(_ attempt: (Int) -> Result?) -> Result
  where Result: ExpressibleByArrayLiteral {
    let rows = options.rows ?? 0
    if let whole = attempt(rows) { return whole }
    var low = options.parts.reduce(0) { sum, part in
      if case .rows(let count) = part.amount { sum + count } else { sum }
    }
    var high = rows
    var best = attempt(low)
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if let result = attempt(middle) {
        best = result
        low = middle
      } else {
        high = middle
      }
    }
    return best ?? []
  }

  private mutating func noteShrinking(_ asked: [Int], _ got: [Int]) {
    let (before, after) = (asked.reduce(0, +), got.reduce(0, +))
    guard after < before else { return }
    let part = options.parts.first { $0.whenShort == .shrink }
    warnings.append(
      .warning(
        "AX0628", at: part?.span, "the blend has \(after) rows instead of \(before)",
        cause: "a part has fewer rows than its share, and 'when-short' is 'shrink'"))
  }

  private func short(_ part: MixOptions.Part, asked: Int, has: Int) -> TaskFailure {
    TaskFailure(
      .error(
        "AX0620", at: part.span,
        "the part '\(part.name)' has \(has) rows, and \(asked) are asked of it",
        hint: has == 0
          ? "an empty part cannot give any; remove it or give it rows"
          : "add 'when-short: repeat' or 'when-short: shrink' to the part, or ask for fewer rows"))
  }

  // MARK: Balance

  private mutating func balanced(
    _ balance: MixOptions.Balance, asked: [Int], available: [Int]
  ) throws {
    let keys = Set(counts.flatMap(\.keys)).sorted()
    let weights = try self.weights(balance, keys)
    let index = Dictionary(keys.enumerated().map { ($1, $0) }) { first, _ in first }
    // By part: the rows it has of each cell of all, and how many it may give.
    let limits = zip(options.parts, counts).map { part, counts in
      var row = [Int](repeating: 0, count: keys.count)
      for (key, total) in zip(counts.keys, counts.totals) {
        guard let at = index[key] else { continue }
        row[at] = part.whenShort == .repeat && total > 0 ? Mix.mostRows : total
      }
      return row
    }
    func plan(_ totals: [Int]) -> BalancedCells {
      BalancedCells(
        parts: totals,
        cells: Apportionment.largestRemainder(totals.reduce(0, +), weights: weights),
        limits: limits)
    }
    guard weights.contains(where: { $0 > 0 }) || asked.reduce(0, +) == 0 else {
      throw TaskFailure(
        .error("AX0627", at: balance.span, "there are no rows to balance"))
    }
    let canShrink = options.parts.contains { $0.whenShort == .shrink }
    let whole = plan(asked)
    var rows = whole.rows
    var got = asked
    if !whole.fits {
      guard canShrink else { throw unbalanced(balance, whole, keys, asked) }
      let result: [[Int]] = largest { rows in
        let plan = plan(totals(rows, available: available))
        return plan.fits ? plan.rows : nil
      }
      guard result.count == options.parts.count else {
        throw unbalanced(balance, whole, keys, asked)
      }
      rows = result
      got = result.map { $0.reduce(0, +) }
    }
    noteShrinking(asked, got)
    taken = zip(rows, counts).map { row, counts in
      counts.keys.map { key in index[key].map { row[$0] } ?? 0 }
    }
  }

  private func unbalanced(
    _ balance: MixOptions.Balance, _ plan: BalancedCells, _ keys: [CellKey], _ asked: [Int]
  ) -> TaskFailure {
    let missing = plan.shortfall.reduce(0, +)
    let cells = plan.shortfall.count { $0 > 0 }
    // Values are the data's own and stay out of messages, but for those the target itself names.
    var named = ""
    if case .shares(let shares) = balance.target {
      let short = zip(keys, plan.shortfall).filter { $0.1 > 0 }.map { Self.name($0.0) }
      let known = shares.map(\.key).filter { key in
        short.contains { $0.utf8.elementsEqual(key.utf8) }
      }
      named = known.isEmpty ? "" : ": " + known.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
    }
    let columns = balance.columns.map { "'\($0.name)'" }.joined(separator: ", ")
    return TaskFailure(
      .error(
        "AX0627", at: balance.span,
        "\(asked.reduce(0, +)) rows cannot be balanced by \(columns): \(missing) rows are missing",
        cause:
          "\(cells) of \(plan.shortfall.count) combinations of values have fewer rows than the target asks for\(named)",
        hint:
          "generate rows of the rare combinations, add 'when-short: repeat' to a part, or ask for fewer rows"
      ))
  }

  /// A cell as a target names it.
  private static func name(_ key: CellKey) -> String {
    key.values.map { $0 ?? "(missing)" }.joined(separator: ", ")
  }

  private func weights(_ balance: MixOptions.Balance, _ keys: [CellKey]) throws -> [Double] {
    switch balance.target {
    case .equal: return keys.map { _ in 1 }
    case .shares(let shares):
      var weights = [Double](repeating: 0, count: keys.count)
      let names = keys.map(Self.name)
      for entry in shares {
        guard let at = names.firstIndex(where: { $0.utf8.elementsEqual(entry.key.utf8) }) else {
          if entry.share == 0 { continue }
          throw TaskFailure(
            .error(
              "AX0629", at: entry.span, "no row of any part has '\(entry.key)'",
              cause:
                "it is to be balanced by \(balance.columns.map { "'\($0.name)'" }.joined(separator: ", "))"
            ))
        }
        weights[at] += entry.share
      }
      return weights
    }
  }
}
