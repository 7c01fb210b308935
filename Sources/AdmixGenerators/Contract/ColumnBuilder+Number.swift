import AdmixData
import AdmixModel
import Foundation

extension ColumnBuilder {
  /// A number as the column keeps numbers: whole, as a day or a moment, or with its digits.
  ///
  /// - Parameter number: missing where it is not finite.
  mutating func append(number: Double) {
    guard number.isFinite else { return appendMissing() }
    switch schema.type {
    case .int: append(int: Int64(whole: number))
    case .date: append(days: Int32(clamping: Int64(whole: number)))
    case .datetime: append(microseconds: Int64(whole: number))
    default:
      guard let digits = schema.decimals else { return append(double: number) }
      let scale = pow(10, Double(min(max(digits, 0), 15)))
      append(double: (number * scale).rounded() / scale)
    }
  }
}
