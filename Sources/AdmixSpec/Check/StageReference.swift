/// A reference as written: `stage`, `stage.output`, `stage[axis=value].output`.
struct StageReference: Hashable {
  var stage: String
  /// By axis, as written; nothing where there are no brackets.
  var selection: [String: String]
  var output: String?

  /// - Returns: nothing for what is no reference at all.
  init?(_ text: String) {
    selection = [:]
    var rest = text[...]
    let end = rest.firstIndex { $0 == "[" || $0 == "." } ?? rest.endIndex
    stage = String(rest[..<end])
    rest = rest[end...]
    if rest.first == "[" {
      guard let close = rest.firstIndex(of: "]") else { return nil }
      for part in rest[rest.index(after: rest.startIndex)..<close].split(separator: ",") {
        let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard pair.count == 2 else { return nil }
        let axis = Self.trimmed(pair[0])
        guard selection[axis] == nil, !axis.isEmpty else { return nil }
        selection[axis] = Self.trimmed(pair[1])
      }
      guard !selection.isEmpty else { return nil }
      rest = rest[rest.index(after: close)...]
    }
    if rest.first == "." {
      output = String(rest.dropFirst())
      guard output?.isEmpty == false else { return nil }
    } else if !rest.isEmpty {
      return nil
    }
    guard !stage.isEmpty else { return nil }
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text
    while text.first == " " { text = text.dropFirst() }
    while text.last == " " { text = text.dropLast() }
    return String(text)
  }
}
