import AdmixModel
import Foundation

extension TaskOutputs {
  /// What is written into the store, as `CanonicalJSON` would write it.
  func recorded() throws -> Data {
    let members: [String: EncodedJSON] = [
      "artifacts": .object(
        artifacts.mapValues { list in .array(list.map(\.json)) }),
      "value": value,
      "warnings": try warnings.isEmpty ? EncodedJSON(.array([])) : EncodedJSON(encoding: warnings),
    ]
    return Data(EncodedJSON(members: members).text.utf8)
  }

  /// Reads it back but for the value, which is read by whoever needs it: there may be a hundred thousand
  /// results and one question.
  init(recorded body: Data) throws {
    guard let members = EncodedJSON.members(of: String(decoding: body, as: UTF8.self)),
      let value = members["value"], let lists = members["artifacts"]?.json.object,
      let warnings = members["warnings"]
    else { throw DamagedBytes() }
    let artifacts = try lists.mapValues { list in
      guard let items = list.array else { throw DamagedBytes() }
      return try items.map { item in
        guard let artifact = Artifact(json: item) else { throw DamagedBytes() }
        return artifact
      }
    }
    self.init(
      artifacts, value: value,
      warnings: warnings.text == "[]" ? [] : try warnings.decoded([Diagnostic].self))
  }
}
