import AdmixData
package import AdmixModel
package import Foundation

/// Artifacts in a fresh folder that goes away with the object.
package final class FolderArtifacts: ArtifactAccess {
  package let folder: URL

  package init() throws {
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("admix-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  package func read(_ artifact: Artifact) throws -> Data {
    try Data(contentsOf: folder.appendingPathComponent(artifact.digest.hex))
  }

  package func file(of artifact: Artifact) throws -> String {
    folder.appendingPathComponent(artifact.digest.hex).path
  }

  package func newFile() throws -> String {
    folder.appendingPathComponent("new-\(UUID().uuidString)").path
  }

  package func publish(file: String, kind: Artifact.Kind, rows: Int?) throws -> Artifact {
    let content = try Data(contentsOf: URL(fileURLWithPath: file))
    try FileManager.default.removeItem(atPath: file)
    return try publish(content, kind: kind, rows: rows)
  }

  package func publish(_ content: Data, kind: Artifact.Kind, rows: Int?) throws -> Artifact {
    let digest = Digest(of: content)
    try content.write(to: folder.appendingPathComponent(digest.hex))
    return Artifact(kind: kind, digest: digest, bytes: content.count, rows: rows)
  }
}
