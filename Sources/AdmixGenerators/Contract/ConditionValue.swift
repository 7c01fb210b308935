import AdmixData
package import AdmixModel

/// Reads the values that conditions are written with, as the numbers that columns hold.
package enum ConditionValue {
  /// Nil where the text is no value of the column's type.
  package static func number(_ text: String, _ type: ColumnType) -> Double? {
    switch type {
    case .int, .double: Double(text).flatMap { $0.isFinite ? $0 : nil }
    case .date: CivilDate.days(text).map { Double($0) }
    case .datetime: CivilDate.microseconds(text).map { Double($0) }
    case .bool: text == "true" ? 1 : text == "false" ? 0 : nil
    case .text, .category: nil
    }
  }
}
