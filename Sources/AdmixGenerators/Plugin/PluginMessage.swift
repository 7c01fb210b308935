package import AdmixModel

/// What a plugin says, a line each.
package enum PluginMessage: Hashable, Sendable {
  case progress(phase: String, done: Double, total: Double?)
  case log(String)
  case warning(message: String, columns: [String])
  /// The answer to a request.
  case result(JSONValue)
  case error(code: String, message: String, columns: [String], hint: String?, place: Place?)

  /// Where in an option of its own the fault lies.
  package struct Place: Hashable, Sendable {
    package var option: String
    /// Of a text of several lines, counted from 1.
    package var line: Int?
  }

  /// Reads a line; the text of what is wrong with it otherwise.
  static func read(_ line: String, answering id: Int) -> Result<PluginMessage, Fault> {
    guard let json = try? JSONValue(parsing: line), json.object != nil else {
      return .failure(Fault(fact: "a line that is no JSON object"))
    }
    guard let type = json["type"]?.string else {
      return .failure(Fault(fact: "a message without a type"))
    }
    func words(_ key: String) -> [String] { (json[key]?.array ?? []).compactMap(\.string) }
    switch type {
    case "progress":
      return .success(
        .progress(
          phase: short(json["phase"]?.string ?? ""), done: json["done"]?.double ?? 0,
          total: json["total"]?.double))
    case "log": return .success(.log(json["message"]?.string ?? ""))
    case "warning":
      return .success(
        .warning(message: short(json["message"]?.string ?? ""), columns: words("columns")))
    case "result", "error":
      guard json["id"]?.int == id else {
        return .failure(Fault(fact: "an answer to something that was not asked"))
      }
      if type == "result" { return .success(.result(json)) }
      return .success(
        .error(
          code: short(json["code"]?.string ?? "INTERNAL"),
          message: short(json["message"]?.string ?? ""), columns: words("columns"),
          hint: json["hint"]?.string.map(short),
          place: json["option"]?.string.map { Place(option: $0, line: json["line"]?.int) }))
    // What a later version adds and we do not know means nothing.
    default: return .success(.log(""))
    }
  }

  struct Fault: Error, Hashable { var fact: String }

  /// In one line, without control characters: it is shown on terminals.
  static func short(_ text: String) -> String {
    let plain = String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : $0 }))
    return plain.count > 300 ? plain.prefix(300) + "…" : plain
  }
}
