package import AdmixModel

extension StageSpec {
  /// The options of this stage as components of a fingerprint: every leaf with its path.
  ///
  /// Left out are references to stages (what came along them is a component of its own) and options
  /// that cannot change an output. Secrets are there as digests.
  package func fingerprintParameters(kind: KindDescription) -> [Fingerprint.Component] {
    var inert = inertPaths
    for field in kind.allFields where !field.affectsOutput {
      inert.insert(OptionPath.join("", field.name))
    }
    var components: [Fingerprint.Component] = []
    collect(options.node, "", inert.union(edges.map(\.role)), &components)
    return components
  }

  private func collect(
    _ node: Node, _ path: String, _ leftOut: Set<String>, _ out: inout [Fingerprint.Component]
  ) {
    if leftOut.contains(path) { return }
    switch node.value {
    case .list(let items) where !items.isEmpty:
      for (index, item) in items.enumerated() {
        collect(item, OptionPath.join(path, index), leftOut, &out)
      }
    case .map(let members) where !members.isEmpty:
      for member in members {
        collect(member.value, OptionPath.join(path, member.key), leftOut, &out)
      }
    default:
      if path.isEmpty { return }
      let text = node.json.text
      out.append(
        .init(.parameter, path, node.isSecret ? .secretMark + Digest(of: text).hex : text))
    }
  }
}

extension String {
  /// Where other components have JSON, which does not begin so.
  fileprivate static let secretMark = "secret sha256:"
}

extension Fingerprint.Component {
  /// Whether it stands for a value of the environment.
  package var isSecret: Bool { kind == .parameter && value.hasPrefix(.secretMark) }
}
