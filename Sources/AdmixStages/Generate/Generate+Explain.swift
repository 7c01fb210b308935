package import AdmixModel
import AdmixGenerators
package import Foundation

extension Generate {
  package func explain(_ model: Data) throws -> CheckReport? {
    BuiltinGenerators.explain(model: model)
  }
}
