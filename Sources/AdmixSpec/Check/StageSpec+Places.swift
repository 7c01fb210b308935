package import AdmixModel

extension StageSpec {
  /// Where in the file an option stands, by its path; of one that is not there, the nearest above it
  /// that is, up to the stage itself.
  package func place(of path: String) -> SourceSpan {
    var node = options.node
    var reached = ""
    var span = nameSpan
    while reached != path {
      let next: (path: String, node: Node, span: SourceSpan)?
      switch node.value {
      case .map(let members):
        next = members.lazy.map {
          (OptionPath.join(reached, $0.key), $0.value, $0.keySpan)
        }.first { Self.leads($0.0, to: path) }
      case .list(let items):
        next = items.enumerated().lazy.map {
          (OptionPath.join(reached, $0.offset), $0.element, $0.element.span)
        }.first { Self.leads($0.0, to: path) }
      default: next = nil
      }
      guard let next else { break }
      (reached, node, span) = next
    }
    return span
  }

  private static func leads(_ part: String, to path: String) -> Bool {
    path == part || path.hasPrefix(part + ".")
  }
}
