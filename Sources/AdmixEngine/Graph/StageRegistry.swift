package import AdmixSpec

/// The stage kinds a pipeline may use, by name.
package struct StageRegistry: Sendable {
  package let kinds: [any StageKind.Type]
  private let byName: [String: any StageKind.Type]

  package init(_ kinds: [any StageKind.Type]) {
    self.kinds = kinds
    var byName: [String: any StageKind.Type] = [:]
    for kind in kinds {
      let name = kind.description.name
      precondition(byName[name] == nil, "two stage kinds call themselves '\(name)'")
      byName[name] = kind
    }
    self.byName = byName
  }

  package var descriptions: [KindDescription] { kinds.map { $0.description } }
  package subscript(name: String) -> (any StageKind.Type)? { byName[name] }
}
