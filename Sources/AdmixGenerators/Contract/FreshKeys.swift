import AdmixData
import AdmixModel

/// Fresh values that name rows or entities: no two alike, in no order, and none from the training data.
struct FreshKeys: Sendable {
  private static let domain = 1_000_000_000_000
  private let permutation: RandomPermutation

  init(_ column: String, _ request: SamplingRequest) {
    permutation = RandomPermutation(
      count: Self.domain, source: request.random("key\u{0}\(column)"))
  }

  /// - Parameter number: of what it names, 0 or more.
  func append(_ number: Int, to builder: inout ColumnBuilder) {
    let made = Self.domain + permutation[max(0, number) % Self.domain]
    switch builder.schema.type {
    case .int: builder.append(int: made)
    case .double: builder.append(double: Double(made))
    default: builder.append(text: "\(made)")
    }
  }
}
