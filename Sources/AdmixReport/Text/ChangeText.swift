package import AdmixModel

extension Change {
  /// The cause in words: what it was and what it is now.
  package var sentence: String {
    let was = old.map(Self.shortened)
    let now = new.map(Self.shortened)
    let change =
      switch (was, now) {
      case (let was?, let now?): ": \(was) → \(now)"
      case (nil, let now?): ": now \(now)"
      case (let was?, nil): ": was \(was), now absent"
      case (nil, nil): ""
      }
    return switch cause {
    case .parameter: "parameter '\(name)'\(change)"
    case .input: "input '\(name)'\(change)"
    case .file: "file '\(name)'\(change)"
    case .plugin: "plugin '\(name)'\(change)"
    case .implementation: "implementation of '\(name)'\(change)"
    case .environment: "environment '\(name)'\(change)"
    case .seed: "\(name)\(change)"
    case .missing: "'\(name)' is missing"
    case .forced: "forced"
    case .new: "never ran before"
    }
  }

  /// A digest is told by its first digits, and a long value by its beginning.
  private static func shortened(_ text: String) -> String {
    if let digest = Digest(hex: text) { return digest.short }
    return text.count > 60 ? text.prefix(57) + "…" : text
  }
}
