import AdmixModel
package import Foundation

extension StageRecord {
  /// What `CanonicalJSON` makes of it.
  ///
  /// Most stages of a long pipeline are known and have nothing to tell; a general encoder would take ten
  /// times as long for them.
  package func encoded() throws -> Data {
    guard why.isEmpty, gates.isEmpty, warnings.isEmpty, failure.isEmpty, failureReason == nil,
      tasks == nil, fromCache == nil, tried == nil
    else { return try CanonicalJSON.encode(self) }
    var members: [String: JSONValue] = [
      "name": .string(name), "kind": .string(kind), "status": .string(status.rawValue),
      "why": .array([]), "gates": .array([]), "warnings": .array([]), "failure": .array([]),
      "seconds": .double(seconds), "after": .strings(after), "outputs": .strings(outputs),
      "files": .strings(files),
      "artifacts": .object(artifacts.mapValues(\.json)),
      "inputs": .array(
        inputs.map {
          .object([
            "role": .string($0.role), "stage": .string($0.stage), "output": .string($0.output),
          ])
        }),
      "sources": .array(
        sources.map {
          .object([
            "path": .string($0.path), "name": .string($0.name), "digest": .string($0.digest.hex),
            "bytes": .int(Int64($0.bytes)),
          ])
        }),
    ]
    members["started"] = started.map { .double($0) }
    members["cutOff"] = cutOff.map { .strings($0) }
    members["off"] = off.map { .string($0) }
    return Data(JSONValue.object(members).text.utf8)
  }
}

extension JSONValue {
  fileprivate static func strings(_ texts: [String]) -> JSONValue {
    .array(texts.map { .string($0) })
  }
}
