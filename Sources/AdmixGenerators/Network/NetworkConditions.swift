import AdmixData
import AdmixModel

/// Conditions on columns, translated to what is left of each level.
struct NetworkConditions {
  /// By variable: the pieces that conditions leave.
  private(set) var pieces: [LevelPieces]
  /// By variable: the part of each level that conditions leave; nil where there are none.
  private(set) var weights: [[Double]?]

  init(_ model: NetworkModel, _ conditions: [Condition], report: inout Diagnostics) {
    pieces = model.variables.map { LevelPieces(model.columns[$0]) }
    weights = model.variables.map { _ in nil }
    for condition in conditions {
      guard let index = model.columns.firstIndex(where: { $0.schema.name == condition.column })
      else {
        report.append(Self.unknownColumn(condition, model))
        continue
      }
      let column = model.columns[index]
      guard column.treatment == .numeric || column.treatment == .nominal,
        let variable = model.variables.firstIndex(of: index), let coding = column.coding
      else {
        report.append(
          .error(
            "AX0601", at: condition.columnSpan,
            "column '\(condition.column)' cannot have a condition",
            cause: column.treatment == .key
              ? "its role is id, so its values are made fresh"
              : "its texts are drawn without regard to other columns"))
        continue
      }
      apply(condition, variable, column, coding, model, report: &report)
    }
  }

  private mutating func apply(
    _ condition: Condition, _ variable: Int, _ column: NetworkColumn, _ coding: LevelCoding,
    _ model: NetworkModel, report: inout Diagnostics
  ) {
    guard let keep = Self.rule(condition, column, report: &report) else { return }
    let original = LevelPieces(column)
    let known = Self.presence(model, variable)
    // By itself the condition has to leave something, else no training row is of its kind.
    let alone = Self.weights(
      original, original.restricted(keep.values), coding, keepsMissing: keep.missing)
    guard zip(alone, known).contains(where: { $0 > 0 && $1 }) else {
      report.append(Self.neverSeen(condition))
      return
    }
    let narrowed = pieces[variable].restricted(keep.values)
    let before = weights[variable] ?? [Double](repeating: 1, count: coding.count)
    var after = Self.weights(original, narrowed, coding, keepsMissing: keep.missing)
    if let missing = coding.missing { after[missing] *= before[missing] }
    guard zip(after, known).contains(where: { $0 > 0 && $1 }) else {
      report.append(Self.contradiction(condition))
      return
    }
    pieces[variable] = narrowed
    weights[variable] = after
  }

  /// Which levels occur at all.
  private static func presence(_ model: NetworkModel, _ variable: Int) -> [Bool] {
    let count = model.coding(variable).count
    var occurs = [Bool](repeating: false, count: count)
    for (cell, n) in model.tables[variable].enumerated() where n > 0 { occurs[cell % count] = true }
    return occurs
  }

  private static func weights(
    _ original: LevelPieces, _ narrowed: LevelPieces, _ coding: LevelCoding, keepsMissing: Bool
  ) -> [Double] {
    var out = (0..<coding.valueLevels).map { level in
      let mass = original.mass(level)
      return mass > 0 ? min(1, narrowed.mass(level) / mass) : 0
    }
    if coding.hasMissing { out.append(keepsMissing ? 1 : 0) }
    return out
  }

  private typealias Rule = (
    values: (Double, Double) -> [(low: Double, high: Double, share: Double)], missing: Bool
  )

  /// What a condition does to a piece and to the missing level; nil after a report.
  private static func rule(
    _ condition: Condition, _ column: NetworkColumn, report: inout Diagnostics
  ) -> Rule? {
    let type = column.schema.type
    switch condition.requirement {
    case .isMissing: return ({ _, _ in [] }, true)
    case .isPresent: return ({ [($0, $1, 1)] }, false)
    case .oneOf(let texts) where !type.isContinuous:
      let names = column.lows.map { column.text(code: Int($0)) }
      let known = Set(names.map { ExactText($0) })
      if let unknown = texts.first(where: { !known.contains(ExactText($0)) }) {
        report.append(condition.neverSeen(unknown, amongst: known.count))
        return nil
      }
      let wanted = Set(texts.map { ExactText($0) })
      return (
        { low, high in
          wanted.contains(ExactText(column.text(code: Int(low)))) ? [(low, high, 1)] : []
        }, false
      )
    case .oneOf(let texts):
      var numbers: [Double] = []
      for text in texts {
        guard let number = number(text, condition, column, report: &report) else { return nil }
        if !numbers.contains(number) { numbers.append(number) }
      }
      numbers = numbers.sorted().filter { column.restored($0) == $0 }
      let unit = column.unit
      // Where values have no unit, one of them has no mass; all wanted ones get the same sliver.
      let sliver = unit > 0 ? unit : column.span * 1e-9
      let wanted = numbers
      return (
        { low, high in
          if low == high { return wanted.contains(low) ? [(low, high, 1)] : [] }
          return wanted.filter { $0 > low && $0 < high || unit == 0 && ($0 == low || $0 == high) }
            .map { ($0, $0, min(1, sliver / (high - low))) }
        }, false
      )
    case .range(let low, let high):
      guard type.isContinuous else {
        report.append(
          .error(
            "AX0602", at: condition.span,
            "column '\(condition.column)' has no order to be between bounds",
            cause: "it is a \(type.rawValue) column",
            hint: "name the values: \(condition.column): [first, second]"))
        return nil
      }
      var from = -Double.infinity
      var to = Double.infinity
      if let low {
        guard let bound = number(low.text, condition, column, report: &report) else { return nil }
        from = column.first(from: bound, isInclusive: low.isInclusive)
      }
      if let high {
        guard let bound = number(high.text, condition, column, report: &report) else { return nil }
        to = column.last(to: bound, isInclusive: high.isInclusive)
      }
      let half = column.unit / 2
      let bounds = (from: from, to: to)
      return (
        { low, high in
          if low == high { return low >= bounds.from && low <= bounds.to ? [(low, high, 1)] : [] }
          let start = max(low, bounds.from - half)
          let end = min(high, bounds.to + half)
          if half > 0 ? start + half > end : start > end { return [] }
          return [(start, end, start == end ? 1e-12 : (end - start) / (high - low))]
        }, false
      )
    }
  }

  private static func number(
    _ text: String, _ condition: Condition, _ column: NetworkColumn, report: inout Diagnostics
  ) -> Double? {
    if let number = ConditionValue.number(text, column.schema.type) { return number }
    report.append(
      .error(
        "AX0602", at: condition.span, "'\(text)' is no value of column '\(condition.column)'",
        cause: "the column's type is \(column.schema.type.rawValue)"))
    return nil
  }

  private static func neverSeen(_ condition: Condition) -> Diagnostic {
    .error(
      "AX0603", at: condition.span,
      "no training row has a value of '\(condition.column)' that this condition allows",
      cause: "a generator cannot make rows of a kind it has not seen")
  }

  private static func contradiction(_ condition: Condition) -> Diagnostic {
    .error(
      "AX0604", at: condition.span,
      "the conditions on column '\(condition.column)' exclude each other",
      cause: "no value satisfies this one and those before it")
  }

  private static func unknownColumn(_ condition: Condition, _ model: NetworkModel) -> Diagnostic {
    .error(
      "AX0601", at: condition.columnSpan, "unknown column '\(condition.column)'",
      cause: model.leftOut.contains(condition.column)
        ? "the generator did not learn this column"
        : "the training data has no such column",
      hint: Spelling.closest(to: condition.column, among: model.schema.names).map {
        "did you mean '\($0)'?"
      })
  }
}

extension NetworkColumn {
  fileprivate var span: Double {
    guard let low = lows.first, let high = highs.last, low < high else { return 1 }
    return high - low
  }

  /// The smallest value of the column's steps that is not below (or is above) a bound.
  fileprivate func first(from bound: Double, isInclusive: Bool) -> Double {
    if unit == 0 { return isInclusive ? bound : bound.nextUp }
    var x = restored(bound)
    for _ in 0..<4 {
      if isInclusive ? x >= bound : x > bound { return x }
      x = restored(x + unit)
    }
    return isInclusive ? bound : bound.nextUp
  }

  /// The largest value of the column's steps that is not above (or is below) a bound.
  fileprivate func last(to bound: Double, isInclusive: Bool) -> Double {
    if unit == 0 { return isInclusive ? bound : bound.nextDown }
    var x = restored(bound)
    for _ in 0..<4 {
      if isInclusive ? x <= bound : x < bound { return x }
      x = restored(x - unit)
    }
    return isInclusive ? bound : bound.nextDown
  }
}
