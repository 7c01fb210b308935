import AdmixData
import AdmixModel
package import AdmixStore
import Foundation
import Synchronization

/// Turns what a spec says about its sources into files with digests.
package struct SourceLocator: Sendable {
  /// The folder of the pipeline file: relative paths start here.
  let root: String
  /// Where programs are looked for.
  let searchPath: String
  private let distdirs: [String]
  private let store: Store
  private let allowsNetwork: Bool
  let memo = SourceMemo()

  package init(
    root: String, distdirs: [String], store: Store, allowsNetwork: Bool, searchPath: String = ""
  ) {
    self.root = root
    self.searchPath = searchPath
    self.distdirs = distdirs
    self.store = store
    self.allowsNetwork = allowsNetwork
  }

  /// The files of a request, sorted by name, each with the digest its bytes have now.
  ///
  /// What is behind a URL is known by the digest the spec gives, so nothing is fetched here; the file
  /// named may not be there yet, and `obtain` sees to that before it is read.
  package func locate(_ request: SourceRequest) throws -> [SourceFile] {
    if request.isProgram { return try program(request) }
    if let part = request.part, part.role == .environment { try checkInstalled(request, part) }
    if request.location.contains("://") { return [try remote(request)] }
    let names = try Self.local(request, root)
    let files = try identify(names.map { ($0, absolute($0)) }, at: request.span)
    if let expected = request.digest {
      guard files.count == 1 else {
        throw TaskFailure(
          .error(
            "AX0403", at: request.span, "'sha256' names one file and \(files.count) were found"),
          reason: .input)
      }
      try check(files[0].digest, expected, request)
    }
    return files
  }

  /// Whether a file still has the bytes it was identified by.
  package func isUnchanged(_ file: SourceFile) -> Bool {
    guard let now = try? identify(name: file.name, path: file.path, at: nil) else { return false }
    return now.digest == file.digest
  }

  /// The names that a request comes to now; nothing is read.
  ///
  /// Of a program, where it and what it needs to start lie.
  func names(_ request: SourceRequest) throws -> [String] {
    if request.isProgram { return try program(request).map(\.path) }
    return request.location.contains("://") ? [] : try Self.local(request, root)
  }

  /// Where the files of a request are or would be, absolute; none of what is behind a URL.
  static func places(_ request: SourceRequest, root: String) -> [String] {
    if request.location.contains("://") { return [] }
    return ((try? local(request, root)) ?? [request.location]).map { absolute($0, root) }
  }

  private func absolute(_ path: String) -> String { Self.absolute(path, root) }
  static func absolute(_ path: String, _ root: String) -> String {
    path.hasPrefix("/") ? path : "\(root)/\(path)"
  }

  // MARK: On this machine

  static func local(_ request: SourceRequest, _ root: String) throws -> [String] {
    let location = request.location
    if location.contains(where: { "*?[".contains($0) }),
      !FileManager.default.fileExists(atPath: absolute(location, root))
    {
      let names = Glob.files(location, root: root)
      guard !names.isEmpty else {
        throw TaskFailure(
          .error("AX0402", at: request.span, "no file fits '\(location)'"), reason: .input)
      }
      return names
    }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: absolute(location, root), isDirectory: &isFolder)
    else {
      let folder = (absolute(location, root) as NSString).deletingLastPathComponent
      let name = (location as NSString).lastPathComponent
      let near = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      throw TaskFailure(
        .error(
          "AX0401", at: request.span, "there is no file '\(location)'",
          hint: Spelling.closest(to: name, among: near).map { "did you mean '\($0)'?" }),
        reason: .input)
    }
    guard isFolder.boolValue else { return [location] }
    let prefix = location.hasSuffix("/") ? location : location + "/"
    let names = FolderListing.files(in: absolute(location, root)).filter { name in
      !name.hasPrefix(".")
        && (request.endings.isEmpty || request.endings.contains { name.hasSuffix(".\($0)") })
    }.sorted { $0.precedesInBytes($1) }
    guard !names.isEmpty else {
      throw TaskFailure(
        .error(
          "AX0402", at: request.span, "the folder '\(location)' holds no file to read",
          cause: request.endings.isEmpty
            ? nil
            : "files ending in " + request.endings.map { ".\($0)" }.joined(separator: ", ")
              + " are looked for"), reason: .input)
    }
    return names.map { prefix + $0 }
  }

  func isFile(_ path: String) -> Bool { Self.isFile(path) }
  private static func isFile(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && !isFolder.boolValue
  }

  func identify(name: String, path: String, at span: SourceSpan?) throws -> SourceFile {
    try identify([(name, path)], at: span)[0]
  }

  /// Looks up what is remembered, and hashes the rest on all cores.
  private func identify(_ files: [(name: String, path: String)], at span: SourceSpan?) throws
    -> [SourceFile]
  {
    let identities = try zip(files, FileIdentity.all(files.map(\.path))).map { file, identity in
      guard let identity else {
        throw TaskFailure(
          .error("AX0401", at: span, "there is no file '\(file.name)'"), reason: .input)
      }
      return identity
    }
    let known = try digests(of: identities)
    let unknown = identities.indices.filter { known[$0] == nil }
    let read = Mutex<[Int: Reading]>([:])
    DispatchQueue.concurrentPerform(iterations: unknown.count) { position in
      let reading = Reading(identities[unknown[position]])
      read.withLock { $0[unknown[position]] = reading }
    }
    let readings = read.withLock { $0 }
    let settled: [(digest: Digest, file: FileIdentity)] = unknown.compactMap { index in
      guard let reading = readings[index], reading.isSettled, let digest = reading.digest else {
        return nil
      }
      return (digest, identities[index])
    }
    try store.remember(settled)
    memo.keep(settled)
    return try files.indices.map { index in
      guard let digest = known[index] ?? readings[index]?.digest else {
        let reason = readings[index].map { String(cString: strerror($0.error)) }
        throw TaskFailure(
          .error("AX0404", at: span, "'\(files[index].name)' cannot be read", cause: reason),
          reason: .input)
      }
      return SourceFile(
        path: files[index].path, name: files[index].name, digest: digest,
        bytes: Int(identities[index].size))
    }
  }

  /// The digest of each of these files where it is known without reading it.
  func digests(of files: [FileIdentity]) throws -> [Digest?] {
    var known = memo.digests(of: files)
    let others = files.indices.filter { known[$0] == nil }
    if others.isEmpty { return known }
    let remembered = try store.digests(of: others.map { files[$0] })
    for (index, digest) in zip(others, remembered) { known[index] = digest }
    memo.keep(
      zip(others, remembered).compactMap { index, digest in digest.map { ($0, files[index]) } })
    return known
  }

  /// A file read once to the end.
  private struct Reading {
    var digest: Digest?
    var error: Int32
    /// Whether its identity may stand for its bytes from now on: nobody wrote while it was read, and
    /// the clock is fine enough to notice the next time somebody does.
    var isSettled: Bool

    init(_ identity: FileIdentity) {
      let moment = Int64(Date().timeIntervalSince1970 * 1e9)
      digest = SourceLocator.digest(identity.path)
      error = errno
      isSettled = FileIdentity(path: identity.path) == identity && identity.isSettled(at: moment)
    }
  }

  /// Reads a file in blocks; nil when it cannot be read.
  static func digest(_ path: String) -> Digest? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var hasher = DigestHasher()
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { block.deallocate() }
    while true {
      let count = read(descriptor, block.baseAddress, block.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { return nil }
      if count == 0 { return hasher.finish() }
      hasher.update(UnsafeRawBufferPointer(rebasing: block[..<count]))
    }
  }

  private func check(_ found: Digest, _ expected: Digest, _ request: SourceRequest) throws {
    guard found != expected else { return }
    throw TaskFailure(
      .error(
        "AX0405", at: request.span, "'\(request.location)' has another digest than 'sha256' says",
        cause: "expected \(expected.short)…, found \(found.short)…",
        hint: "if the new content is right, write sha256: \(found.hex)"), reason: .input)
  }

  // MARK: From elsewhere

  private func remote(_ request: SourceRequest) throws -> SourceFile {
    guard let expected = request.digest else {
      throw TaskFailure(
        .error(
          "AX0406", at: request.span, "a URL needs 'sha256'",
          cause: "what is behind an address can change; the digest says what is meant"),
        reason: .input)
    }
    let base = (request.location as NSString).lastPathComponent
    for folder in distdirs {
      // The file of that name first; failing that, any file with the digest.
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      for name in names.sorted(by: { ($0 == base ? 0 : 1, $0) < ($1 == base ? 0 : 1, $1) })
      where Self.isFile("\(folder)/\(name)") {
        if let file = try? identify(
          name: request.location, path: "\(folder)/\(name)", at: request.span),
          file.digest == expected
        {
          return file
        }
      }
    }
    let path = "\(store.root)/downloads/\(expected.hex)"
    if Self.isFile(path) {
      let file = try identify(name: request.location, path: path, at: request.span)
      if file.digest == expected { return file }
    }
    return SourceFile(path: path, name: request.location, digest: expected, bytes: 0)
  }

  /// Fetches a located file that is not on this machine yet; gives any other as it is.
  ///
  /// Blocks until the transfer has ended.
  ///
  /// - Parameter progress: told bytes received and, where known, expected; what it throws ends the
  ///   transfer and is thrown on.
  package func obtain(
    _ file: SourceFile, for request: SourceRequest, progress: (Int, Int?) throws -> Void
  ) throws -> SourceFile {
    guard request.location.contains("://") else { return file }
    try store.objects.holds.hold(file.digest)
    guard try !isAtHand(file) else { return file }
    guard allowsNetwork else {
      throw TaskFailure(
        .error(
          "AX0407", at: request.span, "'\(file.name)' is not at hand and the network is off",
          hint: "name a folder that holds the file with --distdir"), reason: .input)
    }
    // Two runs that want the same file do not write into one part of it.
    let lock = open(file.path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard lock >= 0 else { throw ObjectFolder.failure("lock", file.path) }
    defer { close(lock) }
    while flock(lock, LOCK_EX | LOCK_NB) != 0 {
      try progress(0, nil)
      usleep(50_000)
    }
    if try !isAtHand(file) {
      do {
        try Download.fetch(file.name, to: file.path, expecting: file.digest, progress: progress)
      } catch let stopped as TaskFailure {
        throw stopped
      } catch {
        let reason = error as? Diagnostic
        throw TaskFailure(
          .error(
            "AX0408", at: request.span, "'\(file.name)' cannot be fetched",
            cause: reason.map { $0.cause ?? $0.fact } ?? "\(error)",
            hint: reason?.hint ?? "name a folder that holds the file with --distdir"),
          reason: .input)
      }
    }
    return try identify(name: file.name, path: file.path, at: request.span)
  }

  private func isAtHand(_ file: SourceFile) throws -> Bool {
    try Self.isFile(file.path)
      && identify(name: file.name, path: file.path, at: nil).digest == file.digest
  }
}
