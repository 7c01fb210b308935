package import AdmixModel
package import AdmixSpec

/// The stage kinds a pipeline may use, by name.
package struct StageRegistry: Sendable {
  /// A kind: what the language says about it, and how a stage of it is made from options.
  package struct Entry: Sendable {
    package var description: KindDescription
    package var make: @Sendable (OptionValues, inout Diagnostics) -> any ConfiguredStage

    package init(
      _ description: KindDescription,
      make: @escaping @Sendable (OptionValues, inout Diagnostics) -> any ConfiguredStage
    ) {
      self.description = description
      self.make = make
    }

    package init(_ kind: any StageKind.Type) {
      self.init(kind.description) { options, report in kind.init(options, report: &report) }
    }
  }

  package private(set) var entries: [Entry]
  private var byName: [String: Int] = [:]

  package init(_ kinds: [any StageKind.Type]) {
    entries = kinds.map { Entry($0) }
    for (index, entry) in entries.enumerated() {
      let name = entry.description.name
      precondition(byName[name] == nil, "two stage kinds call themselves '\(name)'")
      byName[name] = index
    }
  }

  package var descriptions: [KindDescription] { entries.map(\.description) }
  package subscript(name: String) -> Entry? { byName[name].map { entries[$0] } }

  /// The same with another entry for a kind that is there.
  package func replacing(_ entry: Entry) -> StageRegistry {
    var changed = self
    if let index = byName[entry.description.name] { changed.entries[index] = entry }
    return changed
  }
}
