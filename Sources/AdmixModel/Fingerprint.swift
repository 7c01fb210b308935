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
  ///
  /// - Parameter class: components of this class are left out.
  package func changes(since earlier: Fingerprint, leavingOut class: Class? = nil) -> [Change] {
    // Both are in order, so one walk over the two finds what differs.
    var changes: [Change] = []
    var (old, new) = (earlier.components[...], components[...])
    while let order = Self.order(old.first, new.first) {
      let before = order <= 0 ? old.takeFirst() : nil
      let after = order >= 0 ? new.takeFirst() : nil
      guard let some = after ?? before, some.kind != `class`, before?.value != after?.value else {
        continue
      }
      changes.append(
        Change(
          Change.Cause(rawValue: some.kind.rawValue) ?? .parameter, name: some.name,
          old: before?.value, new: after?.value))
    }
    return changes
  }

  /// Below, at or above 0 as the first comes before, with or after the second; nil when there is neither.
  private static func order(_ one: Component?, _ other: Component?) -> Int? {
    guard let one else { return other == nil ? nil : 1 }
    guard let other else { return -1 }
    if one.kind == other.kind, one.name == other.name { return 0 }
    return (one.kind.rawValue, one.name) < (other.kind.rawValue, other.name) ? -1 : 1
  }
}

extension ArraySlice<Fingerprint.Component> {
  /// The first; others of its name, which a list should not have, go with it.
  fileprivate mutating func takeFirst() -> Fingerprint.Component? {
    guard let first = popFirst() else { return nil }
    while let next = self.first, next.kind == first.kind, next.name == first.name { removeFirst() }
    return first
  }
}
