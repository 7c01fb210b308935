package import AdmixModel

/// What doing tasks twice has shown, in words and as JSON.
package enum DeterminismText {
  package static func words(_ found: Determinism) -> String {
    if found.isRefuted { return "not deterministic: outputs differ" }
    let all = found.same == found.tasks
    return "checked deterministic ("
      + (all ? "" : "\(Numbers.count(found.same)) of ")
      + "\(Numbers.count(found.tasks, "task")) done twice)"
  }

  /// A line about a stage; nothing where nobody checked.
  package static func line(_ stage: String, _ found: Determinism?) -> String {
    found.map { "\(stage): \(words($0))\n" } ?? ""
  }

  package static func json(_ found: Determinism?) -> JSONValue {
    guard let found else { return .null }
    return .object([
      "deterministic": .bool(!found.isRefuted), "tasks": JSONValue(found.tasks),
      "same": JSONValue(found.same), "different": JSONValue(found.different),
    ])
  }
}
