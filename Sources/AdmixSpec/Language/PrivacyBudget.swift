package import AdmixModel

/// How much all stages of a pipeline together may tell about any one row of a source.
package struct PrivacyBudget: Hashable, Sendable {
  package var epsilon: Double
  package var delta: Double
  package var span: SourceSpan

  package init(epsilon: Double, delta: Double, span: SourceSpan) {
    self.epsilon = epsilon
    self.delta = delta
    self.span = span
  }

  static let fields: [Field] = [
    .required("epsilon", .number(0.001...100), "The ε of the whole; 1 is strong, 10 is weak."),
    .required(
      "delta", .number(1e-15...0.01), "The δ of the whole; well below one over the number of rows."),
  ]

  init?(_ node: Node?) {
    guard let node, let epsilon = node["epsilon"]?.double, let delta = node["delta"]?.double else {
      return nil
    }
    self.init(epsilon: epsilon, delta: delta, span: node.span)
  }
}
