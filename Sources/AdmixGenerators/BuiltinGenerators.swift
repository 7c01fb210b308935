package import AdmixModel
package import AdmixSpec
package import Foundation

/// The one list of generators that come with admix.
package enum BuiltinGenerators {
  package static let all: [any Generator.Type] = [
    GaussianCopula.self,
    BayesianNetwork.self,
    SequentialTrees.self,
    Smote.self,
    Augment.self,
    Bootstrap.self,
    VectorAutoregression.self,
    Rules.self,
    AgentSimulation.self,
  ]

  /// What may stand in `with`.
  package static var variants: [Variant] { all.map { $0.description.variant } }

  package static func named(_ name: String) -> (any Generator.Type)? {
    all.first { $0.description.name == name }
  }

  /// Says in figures what a model holds, whichever generator learned it.
  package static func explain(model: Data) -> CheckReport? {
    let place = SourceSpan(file: "", line: 0, column: 0)
    for type in all where type.description.needsLearning {
      var report = Diagnostics()
      let generator = type.init(Node(.map([]), at: place), report: &report)
      if let explained = try? generator.explain(model: model) { return explained }
    }
    return nil
  }
}
