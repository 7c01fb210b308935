/// Everything that can change what a task gives, as named components, and the digest over them.
///
/// Each component is stored as its own row, so that "why did it run" is a comparison of two lists.
package struct Fingerprint: Hashable, Sendable, Codable {
  /// What a component is; also the `cause` that `admix why` prints when it differs.
  package enum Class: String, Sendable, Codable, CaseIterable {
    /// The stage kind or step and its behaviour revision.
    case implementation
    /// A resolved parameter that matters: path and canonical JSON.
    case parameter
    /// The digest of what another stage gave, by role.
    case input
    /// The digest of a source file, by position.
    case file
    case plugin
    case environment
    case seed
  }

  package struct Component: Hashable, Sendable, Codable {
    package var kind: Class
    package var name: String
    package var value: String

    package init(_ kind: Class, _ name: String, _ value: String) {
      self.kind = kind
      self.name = name
      self.value = value
    }
  }

  /// In canonical order: by class, then by name.
  package let components: [Component]
  package let digest: Digest

  package init(_ components: [Component]) {
    let sorted = components.sorted {
      ($0.kind.rawValue, $0.name, $0.value) < ($1.kind.rawValue, $1.name, $1.value)
    }
    var encoded = Array("admix-fingerprint-1\n".utf8)
    for component in sorted {
      for text in [component.kind.rawValue, component.name, component.value] {
        // Length first, so that no two lists of texts encode alike.
        withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { encoded.append(contentsOf: $0) }
        encoded.append(contentsOf: text.utf8)
      }
    }
    self.components = sorted
    self.digest = Digest(of: encoded)
  }
}

/// One difference between what a stage was built from and what it would be built from now.
package struct Change: Hashable, Sendable, Codable {
  package enum Cause: String, Sendable, Codable {
    case parameter, input, file, plugin, implementation, environment, seed, forced, new
    /// Something that was made is gone, from the store or from beside the project.
    case missing
    /// It is there and is not what was made.
    case damaged
  }

  package var cause: Cause
  package var name: String
  package var old: String?
  package var new: String?

  package init(_ cause: Cause, name: String, old: String? = nil, new: String? = nil) {
    self.cause = cause
    self.name = name
    self.old = old
    self.new = new
  }
}

extension Fingerprint {
  /// What differs from an earlier fingerprint, in canonical order.
  package func changes(since earlier: Fingerprint) -> [Change] {
    func table(_ list: [Component]) -> [String: Component] {
      Dictionary(list.map { ("\($0.kind.rawValue)\u{1F}\($0.name)", $0) }) { first, _ in first }
    }
    let before = table(earlier.components)
    let after = table(components)
    return Set(before.keys).union(after.keys).sorted().compactMap { key in
      let old = before[key]
      let new = after[key]
      guard old?.value != new?.value, let some = new ?? old else { return nil }
      return Change(
        Change.Cause(rawValue: some.kind.rawValue) ?? .parameter, name: some.name,
        old: old?.value, new: new?.value)
    }
  }
}
