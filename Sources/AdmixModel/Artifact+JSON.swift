extension Artifact {
  /// What its `Codable` form comes to, without the cost of a general encoder.
  package var json: JSONValue {
    var members: [String: JSONValue] = [
      "kind": .string(kind.rawValue), "digest": .string(digest.hex), "bytes": .int(Int64(bytes)),
    ]
    members["rows"] = rows.map { .int(Int64($0)) }
    return .object(members)
  }

  package init?(json: JSONValue) {
    guard let kind = json["kind"]?.string.flatMap(Kind.init),
      let digest = json["digest"]?.string.flatMap({ Digest(hex: $0) }),
      let bytes = json["bytes"]?.int
    else { return nil }
    self.init(kind: kind, digest: digest, bytes: bytes, rows: json["rows"]?.int)
  }
}
