package import AdmixModel
import Foundation

/// Files by digest: what workers read and publish.
///
/// Knows nothing of the database.
package struct ObjectFolder: Sendable {
  package let root: String
  /// What the run at work here rests on; a publication is on its list before it is in its place.
  package let holds: Holds

  package init(root: String) {
    self.root = root
    holds = Holds(root: root)
  }

  package func path(of digest: Digest) -> String {
    let hex = digest.hex
    return "\(root)/objects/\(hex.prefix(2))/\(hex.dropFirst(2))"
  }

  /// Whether the bytes are there in full length; `verify` is what rehashes them.
  package func holds(_ artifact: Artifact) -> Bool {
    holds(artifact.digest, bytes: artifact.bytes)
  }

  package func holds(_ digest: Digest, bytes: Int) -> Bool {
    var status = stat()
    return stat(path(of: digest), &status) == 0 && Int(status.st_size) == bytes
  }

  /// Takes a finished file: digested, made durable, read-only, under its digest.
  ///
  /// A crash at any point leaves either a file in the attempt's folder, which is swept, or the whole
  /// object. The file is gone from its place afterwards.
  package func publish(file: String) throws -> (digest: Digest, bytes: Int) {
    let descriptor = open(file, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.failure("read", file) }
    defer { close(descriptor) }
    let (digest, bytes) = try Self.digest(descriptor, file)
    let target = path(of: digest)
    CrashPoint.publishWritten.pass()
    guard fchmod(descriptor, 0o444) == 0, fsync(descriptor) == 0 else {
      throw Self.failure("write", file)
    }
    let folder = (target as NSString).deletingLastPathComponent
    try Self.makeFolder(folder)
    CrashPoint.publishSynced.pass()
    // One that is there and sound stays: somebody may be reading it, and a sandbox may have opened this
    // very file to them. A damaged one makes way.
    let isThere = try measure(digest)?.digest == digest
    try holds.holding([digest]) {
      if isThere, access(target, F_OK) == 0 {
        unlink(file)
      } else if rename(file, target) != 0 {
        throw Self.failure("write", target)
      }
    }
    CrashPoint.publishRenamed.pass()
    try Self.sync(folder: folder)
    CrashPoint.publishDone.pass()
    return (digest, bytes)
  }

  /// The digest and length of an object's bytes as they are; nil where there are none.
  func measure(_ digest: Digest) throws -> (digest: Digest, bytes: Int)? {
    let file = path(of: digest)
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw Self.failure("read", file)
    }
    defer { close(descriptor) }
    return try Self.digest(descriptor, file)
  }

  static func digest(_ descriptor: Int32, _ file: String) throws -> (
    digest: Digest, bytes: Int
  ) {
    var hasher = DigestHasher()
    var bytes = 0
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { block.deallocate() }
    while true {
      let count = read(descriptor, block.baseAddress, block.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("read", file) }
      if count == 0 { return (hasher.finish(), bytes) }
      hasher.update(UnsafeRawBufferPointer(rebasing: block[..<count]))
      bytes += count
    }
  }

  package static func makeFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true)
    } catch {
      throw failure("make", path, number: errno)
    }
  }

  static func sync(folder: String) throws {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("open", folder) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("write", folder) }
  }

  /// A system error in words; a full disk has a code of its own.
  package static func failure(_ verb: String, _ path: String, number: Int32 = errno) -> any Error {
    let reason = String(cString: strerror(number))
    if number == ENOSPC || number == EDQUOT {
      return StoreError(
        "AX0904", "the disk is full", cause: "cannot \(verb) '\(path)': \(reason)",
        hint: "make room and run again: nothing that was finished is lost")
    }
    if number == ENOLCK || verb == "lock" && (number == EOPNOTSUPP || number == ENOSYS) {
      return StoreError.noLocks((path as NSString).deletingLastPathComponent, reason)
    }
    return StoreError("AX0905", "cannot \(verb) '\(path)'", cause: reason)
  }
}
