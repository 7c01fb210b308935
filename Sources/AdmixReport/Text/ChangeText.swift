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
    switch cause {
    case .parameter:
      return isSecret ? "secret parameter '\(name)' changed" : "parameter '\(name)'\(change)"
    case .input where name == "pipeline facts":
      return "what is told of the stages before it\(change)"
    case .input: return old == nil && new == nil ? "\(name) may change" : "input '\(name)'\(change)"
    case .file:
      return switch (was, now) {
      case (nil, let now?): "file '\(name)' is new (\(now))"
      case (let was?, nil): "file '\(name)' is gone (was \(was))"
      default: "file '\(name)'\(change)"
      }
    case .implementation:
      return switch (old, new) {
      case (let old?, let new?): "\(name) revision \(old) → \(new)"
      case (nil, let new?): "now made by \(name) revision \(new)"
      case (let old?, nil): "no longer made by \(name) revision \(old)"
      case (nil, nil): "\(name) has another revision"
      }
    case .plugin: return "plugin '\(name)'\(change)"
    case .environment: return "environment '\(name)'\(change)"
    case .seed: return "\(name)\(change)"
    case .missing:
      return old == nil
        ? "'\(name)' is missing" : "artifact '\(name)' is missing from the store (\(was ?? ""))"
    case .damaged:
      return old == nil
        ? "'\(name)' is not what was written"
        : "artifact '\(name)' in the store is damaged: \(new ?? "") (\(was ?? ""))"
    case .forced: return "forced"
    case .new: return "never ran before"
    }
  }

  /// Values of the environment are recorded as digests only.
  private var isSecret: Bool { [old, new].contains { $0?.hasPrefix("secret sha256:") == true } }

  /// A digest is told by its first digits, and a long value by its beginning.
  private static func shortened(_ text: String) -> String {
    if let digest = Digest(hex: text) { return digest.short }
    return text.count > 60 ? text.prefix(57) + "…" : text
  }
}

extension [Change] {
  /// All of them in one line; of many alike, the first and how many more.
  package func sentences(most: Int = 3) -> String {
    var parts: [String] = []
    var left = 0
    var shown: [Change.Cause: Int] = [:]
    for change in self {
      shown[change.cause, default: 0] += 1
      if shown[change.cause, default: 0] > most {
        left += 1
      } else {
        parts.append(change.sentence)
      }
    }
    if left > 0 { parts.append("and \(Numbers.count(left)) more") }
    return parts.joined(separator: "; ")
  }
}
