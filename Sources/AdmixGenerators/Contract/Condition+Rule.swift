import AdmixData
package import AdmixModel

extension Condition {
  /// The condition as a rule, for generators that do not meet conditions by construction.
  ///
  /// Throws located diagnostics where a value does not fit its column.
  package func rule(_ schema: Schema) throws -> KeepRule {
    var report = Diagnostics()
    check(schema, report: &report)
    try report.check()
    guard let index = schema.index(of: column) else { throw report }
    let type = schema.columns[index].type
    let isNumber = type.isContinuous || type == .bool
    func number(_ text: String) throws -> Double {
      if let number = ConditionValue.number(text, type) { return number }
      throw Diagnostics([
        .error(
          "AX0602", at: span, "'\(text)' is no value of column '\(column)'",
          cause: "the column's type is \(type.rawValue)")
      ])
    }
    let text = "where \(column)"
    switch requirement {
    case .isMissing:
      return KeepRule(text: text, span: span) { batch in
        let values = batch.columns[index]
        return Bitmap(count: batch.rows) { values.isMissing($0) }
      }
    case .isPresent:
      return KeepRule(text: text, span: span) { batch in
        let values = batch.columns[index]
        return Bitmap(count: batch.rows) { !values.isMissing($0) }
      }
    case .oneOf(let texts) where !isNumber:
      let wanted = Set(texts)
      return KeepRule(text: text, span: span) { batch in
        let values = batch.columns[index]
        return Bitmap(count: batch.rows) { row in
          guard !values.isMissing(row) else { return false }
          switch values.values {
          case .category(let codes, let categories):
            return wanted.contains(categories[Int(codes[row])])
          case .text(let buffer): return wanted.contains(buffer[row])
          default: return false
          }
        }
      }
    case .oneOf(let texts):
      let wanted = Set(try texts.map(number))
      return KeepRule(text: text, span: span) { batch in
        let values = batch.columns[index]
        return Bitmap(count: batch.rows) { row in values.number(row).map(wanted.contains) ?? false }
      }
    case .range(let low, let high):
      guard type.isContinuous else {
        throw Diagnostics([
          .error(
            "AX0602", at: span, "column '\(column)' has no order to be between bounds",
            cause: "it is a \(type.rawValue) column")
        ])
      }
      let from = try low.map { (try number($0.text), $0.isInclusive) }
      let to = try high.map { (try number($0.text), $0.isInclusive) }
      return KeepRule(text: text, span: span) { batch in
        let values = batch.columns[index]
        return Bitmap(count: batch.rows) { row in
          guard let x = values.number(row) else { return false }
          if let from, from.1 ? x < from.0 : x <= from.0 { return false }
          if let to, to.1 ? x > to.0 : x >= to.0 { return false }
          return true
        }
      }
    }
  }
}

extension Column {
  /// The value as a number, where it is one and there is one.
  fileprivate func number(_ row: Int) -> Double? {
    if isMissing(row) { return nil }
    switch values {
    case .bool(let bits): return bits[row] ? 1 : 0
    case .int(let buffer), .datetime(let buffer): return Double(buffer[row])
    case .double(let buffer): return buffer[row]
    case .date(let buffer): return Double(buffer[row])
    case .text, .category: return nil
    }
  }
}
