import AdmixData
package import AdmixModel
package import AdmixStore
package import Foundation
import Synchronization

/// Artifacts as one task sees them: objects by digest, new files under names of its own.
package final class WorkerArtifacts: ArtifactAccess {
  private let objects: ObjectFolder
  private let folder: String
  private let name: String
  private let small: @Sendable (Artifact) throws -> Data
  private let state = Mutex<(count: Int, contents: [Digest: Data])>((0, [:]))

  /// - Parameters:
  ///   - folder: where new files come; there already.
  ///   - name: that of the attempt, with which its files begin.
  ///   - small: gives contents that live in the database; the orchestrating process answers.
  package init(
    objects: ObjectFolder, folder: String, name: String,
    small: @escaping @Sendable (Artifact) throws -> Data
  ) {
    self.objects = objects
    self.folder = folder
    self.name = name
    self.small = small
  }

  /// The small contents published so far; they are the caller's from now on.
  package func takeContents() -> [Digest: Data] {
    state.withLock { state in
      defer { state.contents = [:] }
      return state.contents
    }
  }

  package func read(_ artifact: Artifact) throws -> Data {
    if Store.isInline(artifact.kind, bytes: artifact.bytes) {
      if let own = state.withLock({ $0.contents[artifact.digest] }) { return own }
      return try small(artifact)
    }
    let path = objects.path(of: artifact.digest)
    guard let data = FileManager.default.contents(atPath: path), data.count == artifact.bytes else {
      throw missing(artifact)
    }
    return data
  }

  package func file(of artifact: Artifact) throws -> String {
    if Store.isInline(artifact.kind, bytes: artifact.bytes) {
      let path = try newFile()
      try read(artifact).write(to: URL(fileURLWithPath: path))
      return path
    }
    guard objects.holds(artifact) else { throw missing(artifact) }
    return objects.path(of: artifact.digest)
  }

  private func missing(_ artifact: Artifact) -> Diagnostic {
    .error(
      "AX0908", "an artifact is missing or damaged", cause: "object \(artifact.digest.short)",
      hint: "run again: what is missing is made anew")
  }

  package func newFile() throws -> String {
    let number = state.withLock { state in
      state.count += 1
      return state.count
    }
    return "\(folder)/\(name)-\(number)"
  }

  package func publish(file: String, kind: Artifact.Kind, rows: Int?) throws -> Artifact {
    var status = stat()
    if stat(file, &status) == 0, Store.isInline(kind, bytes: Int(status.st_size)),
      let data = FileManager.default.contents(atPath: file)
    {
      unlink(file)
      return try publish(data, kind: kind, rows: rows)
    }
    let (digest, bytes) = try objects.publish(file: file)
    return Artifact(kind: kind, digest: digest, bytes: bytes, rows: rows)
  }

  package func publish(_ content: Data, kind: Artifact.Kind, rows: Int?) throws -> Artifact {
    if Store.isInline(kind, bytes: content.count) {
      let artifact = Artifact(
        kind: kind, digest: Digest(of: content), bytes: content.count, rows: rows)
      state.withLock { $0.contents[artifact.digest] = content }
      return artifact
    }
    let path = try newFile()
    do { try content.write(to: URL(fileURLWithPath: path)) } catch {
      throw ObjectFolder.failure("write", path)
    }
    let (digest, bytes) = try objects.publish(file: path)
    return Artifact(kind: kind, digest: digest, bytes: bytes, rows: rows)
  }
}
