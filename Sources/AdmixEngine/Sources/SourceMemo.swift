import AdmixModel
import AdmixStore
import Synchronization

/// What one locator found out already: a thousand stages may run one program or read one file.
///
/// An entry counts as long as the kernel says the file is what it was, so it is as good as a question to
/// the store.
final class SourceMemo: Sendable {
  private struct State {
    var digests: [FileIdentity: Digest] = [:]
    var programs: [String: [Program]] = [:]
  }

  private struct Program {
    var file: SourceFile
    var identity: FileIdentity
  }

  private let state = Mutex(State())
  /// More files at once are asked for at once, and are hardly asked for again.
  private static let limit = 64

  /// What is known here of each of these files.
  func digests(of files: [FileIdentity]) -> [Digest?] {
    if files.count > Self.limit { return files.map { _ in nil } }
    return state.withLock { state in files.map { state.digests[$0] } }
  }

  func keep(_ digests: [(digest: Digest, file: FileIdentity)]) {
    if digests.isEmpty || digests.count > Self.limit { return }
    state.withLock { state in
      for (digest, file) in digests { state.digests[file] = digest }
    }
  }

  /// The files of a program, where none of them changed.
  func program(_ name: String) -> [SourceFile]? {
    guard let files = state.withLock({ $0.programs[name] }),
      files.allSatisfy({ FileIdentity(path: $0.file.path) == $0.identity })
    else { return nil }
    return files.map(\.file)
  }

  func keep(_ files: [SourceFile], of name: String) {
    let identified = files.compactMap { file in
      FileIdentity(path: file.path).map { Program(file: file, identity: $0) }
    }
    // What could change unnoticed is not kept.
    let isKnown = state.withLock { state in
      identified.allSatisfy { state.digests[$0.identity] == $0.file.digest }
    }
    if isKnown, identified.count == files.count {
      state.withLock { $0.programs[name] = identified }
    }
  }
}
