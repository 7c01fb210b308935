package import AdmixSpec

/// The one list of generators that come with admix.
package enum BuiltinGenerators {
  package static let all: [any Generator.Type] = [
    GaussianCopula.self
  ]

  /// What may stand in `with`.
  package static var variants: [Variant] { all.map { $0.description.variant } }

  package static func named(_ name: String) -> (any Generator.Type)? {
    all.first { $0.description.name == name }
  }
}
