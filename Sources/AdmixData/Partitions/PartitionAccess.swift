package import AdmixModel
package import Foundation

/// Where a task reads artifacts from and writes them to; stages and generators see nothing of the
/// store but this.
///
/// Every method may be called from any thread.
package protocol ArtifactAccess: Sendable {
  /// The whole content of a small artifact.
  func read(_ artifact: Artifact) throws -> Data
  /// A readable file with the content of an artifact; it never changes.
  func file(of artifact: Artifact) throws -> String
  /// A path in the task's own folder for a new file; unique per call.
  func newFile() throws -> String
  /// Takes a finished file from `newFile()` as an artifact: digested, made durable, read-only.
  func publish(file: String, kind: Artifact.Kind, rows: Int?) throws -> Artifact
  /// The same for content in memory.
  func publish(_ content: Data, kind: Artifact.Kind, rows: Int?) throws -> Artifact
}

extension ArtifactAccess {
  package func publish(_ value: some Encodable, kind: Artifact.Kind, rows: Int? = nil) throws
    -> Artifact
  {
    try publish(CanonicalJSON.encode(value), kind: kind, rows: rows)
  }

  package func decode<Value: Decodable>(_ type: Value.Type, from artifact: Artifact) throws -> Value
  {
    try CanonicalJSON.decode(type, from: read(artifact))
  }

  package func dataset(_ artifact: Artifact) throws -> DatasetManifest {
    try decode(DatasetManifest.self, from: artifact)
  }
}
