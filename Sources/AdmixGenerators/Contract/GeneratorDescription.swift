package import AdmixSpec

/// A generator as the language and the reference page see it.
package struct GeneratorDescription: Sendable {
  package var name: String
  /// Raised when the same model, seed and options give other bytes; part of every fingerprint.
  package var revision: Int
  package var summary: String
  package var fields: [Field]
  /// Whether it learns a model from a dataset; if so, `learn` is required.
  package var needsLearning: Bool
  /// Whether it satisfies conditions on columns by construction; otherwise they are kept by rejection.
  package var conditionsExactly: Bool
  /// What learning and sampling cost, for the reference page.
  package var cost: String
  /// What it cannot do, for the reference page.
  package var limits: String
  /// Where the method is described.
  package var sources: String

  package init(
    name: String, revision: Int, summary: String, fields: [Field], needsLearning: Bool,
    conditionsExactly: Bool, cost: String, limits: String, sources: String
  ) {
    self.name = name
    self.revision = revision
    self.summary = summary
    self.fields = fields
    self.needsLearning = needsLearning
    self.conditionsExactly = conditionsExactly
    self.cost = cost
    self.limits = limits
    self.sources = sources
  }

  /// The alternative of `with` that chooses this generator.
  package var variant: Variant {
    Variant(name, .object(fields), summary, unknown: ("generator", "AX0304"))
  }
}
