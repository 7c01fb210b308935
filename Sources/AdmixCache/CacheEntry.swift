package import AdmixModel
package import AdmixStore
package import Foundation

/// A finished result as it stands in a shared cache.
///
/// A line `admix-cache 1 DIGEST`, the SHA-256 of what follows, and canonical JSON. It is read with
/// distrust: what does not hold together by itself is refused.
package enum CacheEntry {
  /// Raised when the form changes; entries of another form are not looked for.
  package static let version = 1

  /// The most bytes that an entry may have.
  package static let limit = 64 << 20

  /// The most that one object may have, and rows that one artifact may: sums of these cannot overflow.
  static let largest = 1 << 42

  private struct Document: Codable {
    var scope: String
    var kind: String
    var components: [Fingerprint.Component]
    var outputs: [String: [Artifact]]
    /// By digest.
    var contents: [String: Data]
    var body: String
    /// The run that made it.
    var run: String
  }

  package static func name(_ key: Digest) -> String {
    let hex = key.hex
    return "admix-\(version)/entries/\(hex.prefix(2))/\(hex.dropFirst(2))"
  }

  package static func name(ofObject digest: Digest) -> String {
    let hex = digest.hex
    return "admix-\(version)/objects/\(hex.prefix(2))/\(hex.dropFirst(2))"
  }

  package static func encode(_ finding: Finding) throws -> Data {
    let document = Document(
      scope: finding.scope.rawValue, kind: finding.kind,
      components: finding.fingerprint.components, outputs: finding.outputs,
      contents: Dictionary(
        finding.contents.map { ($0.key.hex, $0.value) }, uniquingKeysWith: { first, _ in first }),
      body: String(decoding: finding.body, as: UTF8.self), run: finding.run)
    let text = try CanonicalJSON.encode(document)
    return Data("admix-cache \(version) \(Digest(of: text).hex)\n".utf8) + text
  }

  /// - Throws: `CacheFailure.refused` with the reason.
  package static func decode(_ data: Data, for key: Digest, _ scope: Scope) throws(CacheFailure)
    -> Finding
  {
    guard let end = data.prefix(100).firstIndex(of: 0x0A) else { throw .refused("it is no entry") }
    let head = String(decoding: data[..<end], as: UTF8.self).split(separator: " ")
    let text = data[data.index(after: end)...]
    guard head.count == 3, head[0] == "admix-cache", head[1] == "\(version)" else {
      throw .refused("it is no entry")
    }
    guard Digest(hex: head[2]) == Digest(of: text) else {
      throw .refused("its bytes are not what its digest says")
    }
    guard let document = try? CanonicalJSON.decode(Document.self, from: Data(text)) else {
      throw .refused("it is no entry")
    }
    let fingerprint = Fingerprint(document.components)
    guard fingerprint.digest == key, document.scope == scope.rawValue else {
      throw .refused("it belongs to something else")
    }
    var contents: [Digest: Data] = [:]
    for (hex, content) in document.contents {
      guard let digest = Digest(hex: hex), Digest(of: content) == digest else {
        throw .refused("a content in it is not what its digest says")
      }
      contents[digest] = content
    }
    for artifact in document.outputs.values.joined() {
      guard isPlausible(artifact) else { throw .refused("it claims what cannot be") }
      if Store.isInline(artifact.kind, bytes: artifact.bytes),
        contents[artifact.digest]?.count != artifact.bytes
      {
        throw .refused("it lacks a content")
      }
    }
    return Finding(
      fingerprint, scope: scope, kind: document.kind, outputs: document.outputs,
      contents: contents, body: Data(document.body.utf8), run: document.run)
  }

  static func isPlausible(_ artifact: Artifact) -> Bool {
    (0...largest).contains(artifact.bytes) && (0...largest).contains(artifact.rows ?? 0)
  }

  /// What a run could not do with a dataset: partitions that the entry does not vouch for.
  ///
  /// - Parameter read: gives the bytes of an artifact, once they are here.
  static func check(_ finding: Finding, _ read: (Artifact) -> Data?) throws(CacheFailure) {
    let all = Set(finding.outputs.values.joined())
    for dataset in all where dataset.kind == .dataset {
      guard let data = read(dataset),
        let manifest = try? CanonicalJSON.decode(DatasetManifest.self, from: data)
      else { throw .refused("a dataset of it has no list of partitions") }
      guard manifest.partitions.allSatisfy({ all.contains($0) }) else {
        throw .refused("it lacks a partition of its dataset")
      }
    }
  }
}
