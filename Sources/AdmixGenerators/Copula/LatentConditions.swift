import AdmixData
import AdmixModel
import AdmixStatistics

/// Conditions on columns, translated to where each latent variable may be.
struct LatentConditions {
  var columns: [PreparedColumn]
  /// By position in the model's latent variables; absent where anything goes.
  private(set) var allowed: [Int: LatentIntervals] = [:]

  init(_ model: CopulaModel, _ conditions: [Condition], report: inout Diagnostics) {
    columns = model.marginals.map(PreparedColumn.init)
    let latents = model.latents
    for condition in conditions {
      guard let index = columns.firstIndex(where: { $0.marginal.column.name == condition.column })
      else {
        report.append(Self.unknownColumn(condition, model))
        continue
      }
      let marginal = columns[index].marginal
      guard marginal.treatment == .numeric || marginal.treatment == .nominal else {
        report.append(
          .error(
            "AX0601", at: condition.columnSpan,
            "column '\(condition.column)' cannot have a condition",
            cause: marginal.treatment == .key
              ? "its role is id, so its values are made fresh"
              : "its texts are drawn without regard to other columns"))
        continue
      }
      let presence = latents.firstIndex { $0.marginal == index && $0.role == .presence }
      let value = latents.firstIndex { $0.marginal == index && $0.role == .value }
      guard let wanted = intervals(condition, index, report: &report) else { continue }
      if let numbers = wanted.value {
        if numbers.isEmpty {
          report.append(Self.neverSeen(condition))
          continue
        }
        if let value { narrow(value, to: numbers, condition, report: &report) }
      }
      if let isPresent = wanted.presence {
        if columns[index].presence == (isPresent ? .missing : .present) {
          report.append(Self.contradiction(condition))
        }
        columns[index].presence = isPresent ? .present : .missing
        if let presence {
          let cut = columns[index].presenceThreshold
          narrow(
            presence,
            to: LatentIntervals([
              isPresent ? .init(low: cut, high: .infinity) : .init(low: -.infinity, high: cut)
            ]), condition, report: &report)
        }
      }
    }
    allowed = allowed.filter { !$0.value.isEverywhere }
  }

  private mutating func narrow(
    _ latent: Int, to intervals: LatentIntervals, _ condition: Condition,
    report: inout Diagnostics
  ) {
    let narrowed = (allowed[latent] ?? .everywhere).intersecting(intervals)
    if narrowed.isEmpty {
      report.append(Self.contradiction(condition))
    } else {
      allowed[latent] = narrowed
    }
  }

  /// What a condition says about the value and about whether there is one; nil after a report.
  private mutating func intervals(
    _ condition: Condition, _ index: Int, report: inout Diagnostics
  ) -> (value: LatentIntervals?, presence: Bool?)? {
    let marginal = columns[index].marginal
    let isNominal = marginal.treatment == .nominal
    switch condition.requirement {
    case .isMissing:
      let exists = isNominal ? marginal.lows.contains(-1) : marginal.missing > 0
      guard exists else {
        report.append(Self.neverSeen(condition))
        return nil
      }
      return isNominal
        ? (columns[index].intervals { marginal.lows[$0] == -1 }, nil) : (nil, false)
    case .isPresent:
      guard isNominal ? marginal.lows.contains(where: { $0 >= 0 }) : marginal.present > 0 else {
        report.append(Self.neverSeen(condition))
        return nil
      }
      return isNominal
        ? (columns[index].intervals { marginal.lows[$0] >= 0 }, nil) : (nil, true)
    case .oneOf(let texts):
      if isNominal { return levels(texts, condition, index, report: &report).map { ($0, nil) } }
      guard let numbers = numbers(texts, condition, marginal, report: &report) else { return nil }
      var all: [LatentIntervals.Interval] = []
      for number in numbers.sorted() {
        all += columns[index].intervals(from: number, to: number).intervals
      }
      columns[index].allowed = numbers.filter { number in
        (columns[index].allowed?.contains(number) ?? true) && number >= columns[index].low
          && number <= columns[index].high
          && !columns[index].intervals(from: number, to: number).isEmpty
      }
      if columns[index].allowed?.isEmpty ?? true {
        report.append(all.isEmpty ? Self.neverSeen(condition) : Self.contradiction(condition))
        return nil
      }
      return (LatentIntervals(all), true)
    case .range(let low, let high):
      if isNominal {
        report.append(
          .error(
            "AX0602", at: condition.span,
            "column '\(condition.column)' has no order to be between bounds",
            cause: "it is a \(marginal.column.type.rawValue) column",
            hint: "name the values: \(condition.column): [first, second]"))
        return nil
      }
      guard let bounds = bounds(low, high, condition, columns[index], report: &report) else {
        return nil
      }
      columns[index].low = max(columns[index].low, bounds.low)
      columns[index].high = min(columns[index].high, bounds.high)
      if let allowed = columns[index].allowed {
        columns[index].allowed = allowed.filter { $0 >= bounds.low && $0 <= bounds.high }
        if columns[index].allowed?.isEmpty ?? false {
          report.append(Self.contradiction(condition))
          return nil
        }
      }
      guard bounds.low <= bounds.high else {
        report.append(Self.neverSeen(condition))
        return nil
      }
      guard columns[index].low <= columns[index].high else {
        report.append(Self.contradiction(condition))
        return nil
      }
      return (columns[index].intervals(from: bounds.low, to: bounds.high), true)
    }
  }

  private func levels(
    _ texts: [String], _ condition: Condition, _ index: Int, report: inout Diagnostics
  ) -> LatentIntervals? {
    let marginal = columns[index].marginal
    let names = marginal.lows.map { marginal.name(code: Int($0)).map(ExactText.init) }
    let wanted = Set(texts.map(ExactText.init))
    let known = Set(names.compactMap { $0 })
    if let unknown = texts.first(where: { !known.contains(ExactText($0)) }) {
      report.append(condition.neverSeen(unknown, amongst: known.count))
      return nil
    }
    return columns[index].intervals { names[$0].map(wanted.contains) ?? false }
  }

  private func numbers(
    _ texts: [String], _ condition: Condition, _ marginal: Marginal, report: inout Diagnostics
  ) -> [Double]? {
    var numbers: [Double] = []
    for text in texts {
      guard let number = ConditionValue.number(text, marginal.column.type) else {
        report.append(Self.notAValue(text, condition, marginal))
        return nil
      }
      if !numbers.contains(number) { numbers.append(number) }
    }
    return numbers
  }

  /// The smallest and the largest value that bounds let through, in the column's own steps.
  private func bounds(
    _ low: Condition.Bound?, _ high: Condition.Bound?, _ condition: Condition,
    _ column: PreparedColumn, report: inout Diagnostics
  ) -> (low: Double, high: Double)? {
    var out = (low: -Double.infinity, high: Double.infinity)
    if let low {
      guard let number = ConditionValue.number(low.text, column.marginal.column.type) else {
        report.append(Self.notAValue(low.text, condition, column.marginal))
        return nil
      }
      out.low = column.first(from: number, isInclusive: low.isInclusive)
    }
    if let high {
      guard let number = ConditionValue.number(high.text, column.marginal.column.type) else {
        report.append(Self.notAValue(high.text, condition, column.marginal))
        return nil
      }
      out.high = column.last(to: number, isInclusive: high.isInclusive)
    }
    return out
  }

  private static func notAValue(_ text: String, _ condition: Condition, _ marginal: Marginal)
    -> Diagnostic
  {
    .error(
      "AX0602", at: condition.span,
      "'\(text)' is no value of column '\(condition.column)'",
      cause: "the column's type is \(marginal.column.type.rawValue)")
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

  private static func unknownColumn(_ condition: Condition, _ model: CopulaModel) -> Diagnostic {
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

extension Marginal {
  /// The text of a level; nil for the missing one.
  func name(code: Int) -> String? {
    guard code >= 0 else { return nil }
    switch column.type {
    case .category: return column.categories[code]
    case .bool: return code == 1 ? "true" : "false"
    default: return levels[code]
    }
  }
}

extension PreparedColumn {
  /// The smallest value of the column's steps that is not below (or is above) a bound.
  func first(from bound: Double, isInclusive: Bool) -> Double {
    var x = restored(bound)
    let step = marginal.unit
    if step == 0 { return isInclusive ? bound : bound.nextUp }
    var tries = 0
    while isInclusive ? x < bound : x <= bound {
      x = restored(x + step)
      tries += 1
      if tries > 4 { return isInclusive ? bound : bound.nextUp }
    }
    return x
  }

  /// The largest value of the column's steps that is not above (or is below) a bound.
  func last(to bound: Double, isInclusive: Bool) -> Double {
    var x = restored(bound)
    let step = marginal.unit
    if step == 0 { return isInclusive ? bound : bound.nextDown }
    var tries = 0
    while isInclusive ? x > bound : x >= bound {
      x = restored(x - step)
      tries += 1
      if tries > 4 { return isInclusive ? bound : bound.nextDown }
    }
    return x
  }
}
