import AdmixData
import AdmixModel

/// What conditions let through of one column, as shares of its codes.
///
/// A code of an interval may be let through in part.
struct CodeLimits: Sendable {
  /// From 0 to 1, by code.
  private(set) var shares: [Double]
  /// Of numbers; values are kept within.
  private(set) var low = -Double.infinity
  private(set) var high = Double.infinity
  /// Of numbers, where single values were named.
  private(set) var allowed: [Double]?

  private var levels: [Bool]?
  private var isPresent: Bool?
  private var isImpossible = false

  private init(_ column: ValueCodes) { shares = [Double](repeating: 1, count: column.count) }

  /// Translates conditions; columns without any are absent.
  ///
  /// - Parameter columns: by position in the visit order.
  static func all(
    _ conditions: [Condition], _ columns: [ValueCodes], _ model: TreesModel,
    report: inout Diagnostics
  ) -> [Int: CodeLimits] {
    var out: [Int: CodeLimits] = [:]
    for condition in conditions {
      guard
        let position = columns.firstIndex(where: { $0.column.name == condition.column })
      else {
        report.append(unknown(condition, model))
        continue
      }
      let column = columns[position]
      var alone = CodeLimits(column)
      guard alone.narrow(by: condition, column, report: &report) else { continue }
      alone.update(column)
      guard alone.shares.contains(where: { $0 > 0 }) else {
        report.append(
          .error(
            "AX0603", at: condition.span,
            "no training row has a value of '\(condition.column)' that this condition allows",
            cause: "a generator cannot make rows of a kind it has not seen"))
        continue
      }
      var ignored = Diagnostics()
      var both = out[position] ?? CodeLimits(column)
      _ = both.narrow(by: condition, column, report: &ignored)
      both.update(column)
      guard both.shares.contains(where: { $0 > 0 }) else {
        report.append(
          .error(
            "AX0604", at: condition.span,
            "the conditions on column '\(condition.column)' exclude each other",
            cause: "no value satisfies this one and those before it"))
        continue
      }
      out[position] = both
    }
    return out
  }

  private static func unknown(_ condition: Condition, _ model: TreesModel) -> Diagnostic {
    if let marginal = model.header.marginals.first(where: { $0.column.name == condition.column }) {
      return .error(
        "AX0601", at: condition.columnSpan,
        "column '\(condition.column)' cannot have a condition",
        cause: marginal.treatment == .key
          ? "its role is id, so its values are made fresh"
          : "its texts are drawn without regard to other columns")
    }
    return .error(
      "AX0601", at: condition.columnSpan, "unknown column '\(condition.column)'",
      cause: model.header.leftOut.contains(condition.column)
        ? "the generator did not learn this column" : "the training data has no such column",
      hint: Spelling.closest(to: condition.column, among: model.schema.names).map {
        "did you mean '\($0)'?"
      })
  }

  /// - Returns: false after a report.
  private mutating func narrow(
    by condition: Condition, _ codes: ValueCodes, report: inout Diagnostics
  ) -> Bool {
    let marginal = codes.column.marginal
    func number(_ text: String, report: inout Diagnostics) -> Double? {
      if let number = ConditionValue.number(text, marginal.column.type) { return number }
      report.append(
        .error(
          "AX0602", at: condition.span,
          "'\(text)' is no value of column '\(condition.column)'",
          cause: "the column's type is \(marginal.column.type.rawValue)"))
      return nil
    }
    switch condition.requirement {
    case .isMissing, .isPresent:
      let wanted = condition.requirement == .isPresent
      if isPresent == !wanted { isImpossible = true }
      isPresent = wanted
    case .oneOf(let texts) where !codes.column.isNumeric:
      let names = marginal.lows.map { marginal.name(code: Int($0)).map(ExactText.init) }
      let known = Set(names.compactMap { $0 })
      if let unknown = texts.first(where: { !known.contains(ExactText($0)) }) {
        report.append(condition.neverSeen(unknown, amongst: known.count))
        return false
      }
      let wanted = Set(texts.map(ExactText.init))
      let mine = names.map { $0.map(wanted.contains) ?? false }
      levels = levels.map { zip($0, mine).map { $0 && $1 } } ?? mine
    case .oneOf(let texts):
      var numbers: [Double] = []
      for text in texts {
        guard let x = number(text, report: &report) else { return false }
        if !numbers.contains(x) { numbers.append(x) }
      }
      allowed = allowed.map { $0.filter(numbers.contains) } ?? numbers
      if isPresent == false { isImpossible = true }
      isPresent = true
    case .range(let from, let to):
      guard codes.column.isNumeric else {
        report.append(
          .error(
            "AX0602", at: condition.span,
            "column '\(condition.column)' has no order to be between bounds",
            cause: "it is a \(marginal.column.type.rawValue) column",
            hint: "name the values: \(condition.column): [first, second]"))
        return false
      }
      if let from {
        guard let x = number(from.text, report: &report) else { return false }
        low = max(low, codes.prepared.first(from: x, isInclusive: from.isInclusive))
      }
      if let to {
        guard let x = number(to.text, report: &report) else { return false }
        high = min(high, codes.prepared.last(to: x, isInclusive: to.isInclusive))
      }
      if isPresent == false { isImpossible = true }
      isPresent = true
    }
    return true
  }

  private mutating func update(_ codes: ValueCodes) {
    allowed = allowed?.filter { $0 >= low && $0 <= high }
    for code in shares.indices {
      if isImpossible || isPresent == codes.isMissing(code) {
        shares[code] = 0
      } else if codes.column.isNumeric {
        shares[code] = codes.isMissing(code) ? 1 : codes.share(code, within: self)
      } else {
        shares[code] = levels?[code] == false ? 0 : 1
      }
    }
  }
}
