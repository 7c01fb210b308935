package import AdmixModel
package import Foundation

/// A cache in a folder, most often on a file system that several machines share.
///
/// What is written has a name of its own in `tmp` first and is renamed when it is whole and durable, so
/// that readers need no locks and two writers of one object do each other no harm.
package struct FolderTransport: CacheTransport {
  private let root: String

  /// - Parameter root: absolute; made by the first write where its parent is there.
  package init(root: String) { self.root = root }

  package func read(_ name: String, limit: Int, _ pulse: Pulse) throws(CacheFailure) -> Data? {
    var data = Data()
    let found = try pieces(of: name, limit: limit, pulse) { piece throws(CacheFailure) in
      data.append(contentsOf: piece)
    }
    return found ? data : nil
  }

  package func read(_ name: String, limit: Int, into path: String, _ pulse: Pulse)
    throws(CacheFailure) -> Bool
  {
    let output = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard output >= 0 else { throw .local(Self.reason()) }
    defer { close(output) }
    return try pieces(of: name, limit: limit, pulse) { piece throws(CacheFailure) in
      guard Self.put(piece, output) else { throw .local(Self.reason()) }
    }
  }

  package func size(of name: String, _ pulse: Pulse) throws(CacheFailure) -> Int? {
    var status = stat()
    if stat("\(root)/\(name)", &status) == 0 {
      return status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    }
    if errno == ENOENT { return nil }
    throw Self.failure()
  }

  package func write(
    _ content: CacheContent, _ digest: Digest, as name: String, _ pulse: Pulse
  ) throws(CacheFailure) {
    let target = "\(root)/\(name)"
    let temporary = "\(root)/tmp/\(UUID().uuidString.lowercased())"
    var output = Self.create(temporary)
    if output < 0, errno == ENOENT {
      try makeFolder(root)
      try makeFolder("\(root)/tmp")
      output = Self.create(temporary)
    }
    guard output >= 0 else { throw Self.failure() }
    var isDone = false
    defer {
      close(output)
      if !isDone { unlink(temporary) }
    }
    switch content {
    case .data(let data):
      guard data.withUnsafeBytes({ Self.put($0, output) }) else { throw Self.failure() }
    case .file(let path, _):
      let input = open(path, O_RDONLY | O_CLOEXEC)
      guard input >= 0 else { throw .local(Self.reason()) }
      defer { close(input) }
      try Self.pieces(input, pulse) { piece throws(CacheFailure) in
        guard Self.put(piece, output) else { throw Self.failure() }
      }
    }
    // A name that outlives its bytes would be a miss for everybody until somebody writes it again.
    guard fchmod(output, 0o600 | mode & 0o044) == 0, fsync(output) == 0 else {
      throw Self.failure()
    }
    if rename(temporary, target) != 0 {
      guard errno == ENOENT else { throw Self.failure() }
      var folder = root
      for part in name.split(separator: "/").dropLast() {
        folder += "/\(part)"
        try makeFolder(folder)
      }
      guard rename(temporary, target) == 0 else { throw Self.failure() }
    }
    isDone = true
  }

  package func prepare(writes: Bool) throws(CacheFailure) {
    var status = stat()
    if stat(root, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFDIR else { throw .unreachable("it is not a folder") }
    } else {
      guard writes, errno == ENOENT else { throw Self.failure() }
      try makeFolder(root)
    }
    if writes { sweep() }
  }

  /// Removes what writers that died left in `tmp`, once it is a day old.
  private func sweep() {
    let folder = "\(root)/tmp"
    let now = Int(Date().timeIntervalSince1970)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      var status = stat()
      let path = "\(folder)/\(name)"
      if stat(path, &status) == 0, now - Int(status.st_mtim.tv_sec) > 86_400 { unlink(path) }
    }
  }

  // MARK: Files

  private static func create(_ path: String) -> Int32 {
    open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
  }

  /// One level only: a mount point that is empty because nothing is mounted has no parent of ours.
  private func makeFolder(_ path: String) throws(CacheFailure) {
    if mkdir(path, 0o777) == 0 {
      // Whoever may write to the cache may write to all of it, whatever the habits of the first.
      if path != root { chmod(path, mode) }
    } else if errno != EEXIST {
      throw Self.failure()
    }
  }

  /// What the cache's own folder lets whom do.
  private var mode: mode_t {
    var status = stat()
    return stat(root, &status) == 0 ? status.st_mode & 0o7777 : 0o755
  }

  private func pieces(
    of name: String, limit: Int, _ pulse: Pulse,
    _ body: (UnsafeRawBufferPointer) throws(CacheFailure) -> Void
  ) throws(CacheFailure) -> Bool {
    // A pipe that somebody put there must not hold us up.
    let input = open("\(root)/\(name)", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    if input < 0 {
      if errno == ENOENT { return false }
      throw Self.failure()
    }
    defer { close(input) }
    var status = stat()
    guard fstat(input, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw .refused("it is not a file")
    }
    guard Int(status.st_size) <= limit else { throw .refused("it is longer than it may be") }
    var left = limit
    try Self.pieces(input, pulse) { piece throws(CacheFailure) in
      left -= piece.count
      if left < 0 { throw .refused("it is longer than it may be") }
      try body(piece)
    }
    return true
  }

  private static func pieces(
    _ input: Int32, _ pulse: Pulse, _ body: (UnsafeRawBufferPointer) throws(CacheFailure) -> Void
  ) throws(CacheFailure) {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { block.deallocate() }
    while true {
      let count = Foundation.read(input, block.baseAddress, block.count)
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw failure() }
      if count == 0 { return }
      try body(UnsafeRawBufferPointer(rebasing: block[..<count]))
      guard pulse.beat() else { throw .stopped }
    }
  }

  private static func put(_ bytes: UnsafeRawBufferPointer, _ output: Int32) -> Bool {
    var done = 0
    while done < bytes.count {
      let step = Foundation.write(output, bytes.baseAddress?.advanced(by: done), bytes.count - done)
      if step < 0, errno == EINTR { continue }
      if step <= 0 { return false }
      done += step
    }
    return true
  }

  private static func reason(_ number: Int32 = errno) -> String {
    String(cString: strerror(number))
  }

  private static func failure(_ number: Int32 = errno) -> CacheFailure {
    switch number {
    case EACCES, EPERM, EROFS, ENOSPC, EDQUOT, ENOTDIR, EISDIR, EFBIG: .denied(reason(number))
    default: .unreachable(reason(number))
    }
  }
}
