import Foundation

/// A probability distribution by name, as `rules` declares it; parameters as in NumPy's generators
/// unless the summary says otherwise.
///
/// Sampled by inverting the distribution function, so that one uniform makes one value, bounds
/// truncate without rejection, and a row's value depends on its address alone.
struct Distribution: Sendable {
  let name: String
  let parameters: [Parameter]
  let summary: String
  let isWhole: Bool
  private let make: @Sendable ([Double]) -> Shape?

  struct Parameter: Sendable {
    let name: String
    let summary: String
    let fallback: Double?
  }

  /// What each parameter may be, for messages.
  var ranges: String {
    parameters.map { "\($0.name): \($0.summary)" }.joined(separator: "; ")
  }

  /// A distribution with its parameters filled in.
  struct Shape {
    let quantile: (Double) -> Double
    let cdf: (Double) -> Double
  }

  /// - Parameter values: as many as there are parameters; nil comes back when they are out of range.
  func shape(_ values: [Double]) -> Shape? {
    guard values.count == parameters.count, values.allSatisfy(\.isFinite) else { return nil }
    return make(values)
  }

  init(
    _ name: String, _ parameters: [(String, String, Double?)], _ summary: String,
    isWhole: Bool = false, _ make: @escaping @Sendable ([Double]) -> Shape?
  ) {
    self.name = name
    self.parameters = parameters.map { Parameter(name: $0.0, summary: $0.1, fallback: $0.2) }
    self.summary = summary
    self.isWhole = isWhole
    self.make = make
  }

  static let all: [Distribution] = continuous + tests + whole
  static let byName: [String: Distribution] = Dictionary(
    all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
}
