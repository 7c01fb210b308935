import AdmixModel
package import AdmixStore
import Foundation

/// Puts files beside the project: whole or not at all, and never over what somebody else wrote.
package struct Deliveries: Sendable {
  /// The pipeline's folder; nothing is written outside.
  let root: String
  let store: Store

  package init(root: String, store: Store) {
    self.root = root
    self.store = store
  }

  private func path(_ delivery: Delivery) throws -> String {
    let parts = delivery.path.split(separator: "/")
    guard !delivery.path.hasPrefix("/"), !parts.contains(".."), !parts.isEmpty else {
      throw TaskFailure(
        .error(
          "AX0801", at: delivery.span, "'\(delivery.path)' leaves the project's folder",
          hint: "name a path below the folder of the pipeline file"))
    }
    return "\(root)/\(delivery.path)"
  }

  /// Whether the file is there with the right bytes.
  func isCurrent(_ delivery: Delivery) throws -> Bool {
    guard let identity = FileIdentity(path: try path(delivery)) else { return false }
    if let known = try store.digest(of: identity) { return known == delivery.artifact.digest }
    return SourceLocator.digest(identity.path) == delivery.artifact.digest
  }

  /// Whether anything is there at all.
  func isThere(_ delivery: Delivery) -> Bool {
    (try? path(delivery)).map { FileManager.default.fileExists(atPath: $0) } ?? false
  }

  /// Puts the file there; gives a warning when something of somebody else's had to make way.
  func deliver(_ delivery: Delivery) throws -> Diagnostic? {
    let target = try path(delivery)
    let folder = (target as NSString).deletingLastPathComponent
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw TaskFailure(
        .error(
          "AX0802", at: delivery.span, "'\(delivery.path)' cannot be written",
          cause: String(cString: strerror(errno))))
    }
    let real = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
    let realRoot = URL(fileURLWithPath: root).resolvingSymlinksInPath().path
    guard real == realRoot || real.hasPrefix(realRoot + "/") else {
      throw TaskFailure(
        .error(
          "AX0801", at: delivery.span, "'\(delivery.path)' leaves the project's folder",
          cause: "a folder on the way is a link to elsewhere"))
    }
    let copied = try copied(delivery, beside: folder)
    defer { unlink(copied) }
    CrashPoint.deliveryWritten.pass()
    let warning = try rescue(target, delivery)
    guard rename(copied, target) == 0 else {
      throw TaskFailure(
        .error(
          "AX0802", at: delivery.span, "'\(delivery.path)' cannot be written",
          cause: String(cString: strerror(errno))))
    }
    CrashPoint.deliveryRenamed.pass()
    try store.recordDelivery(delivery.artifact.digest, at: target)
    CrashPoint.deliveryRecorded.pass()
    if let identity = FileIdentity(path: target) {
      // We made it a moment ago and hold the only name; the memo may trust it at once.
      try store.remember(delivery.artifact.digest, of: identity)
    }
    return warning
  }

  /// Moves a file that is not ours aside.
  private func rescue(_ target: String, _ delivery: Delivery) throws -> Diagnostic? {
    guard FileManager.default.fileExists(atPath: target) else { return nil }
    let now = SourceLocator.digest(target)
    if now == delivery.artifact.digest { return nil }
    if let now, now == (try store.delivered(at: target)) { return nil }
    guard let aside = store.setAside(target, as: (target as NSString).lastPathComponent) else {
      throw TaskFailure(
        .error(
          "AX0802", at: delivery.span, "'\(delivery.path)' cannot be replaced",
          cause: String(cString: strerror(errno))))
    }
    CrashPoint.deliveryRescued.pass()
    return .warning(
      "AX0803", at: delivery.span,
      "'\(delivery.path)' held something that admix did not write; it was moved aside",
      hint: "it is \(aside)")
  }

  /// The whole file under a name of its own, one rename away from where it goes.
  ///
  /// In the run's own folder, which is swept when the run is dead, so that one that is killed leaves
  /// nothing beside the project; beside the target only where that is another file system.
  private func copied(_ delivery: Delivery, beside folder: String) throws -> String {
    let source = store.objects.path(of: delivery.artifact.digest)
    let base = (delivery.path as NSString).lastPathComponent
    let name = "\(base)-\(Digest(of: delivery.path + delivery.artifact.digest.hex).short)"
    let place = FileManager.default
    if let run = store.objects.holds.run {
      let own = store.attempts(of: run)
      var here = stat()
      var there = stat()
      try? place.createDirectory(atPath: own, withIntermediateDirectories: true)
      if stat(own, &here) == 0, stat(folder, &there) == 0, here.st_dev == there.st_dev {
        unlink("\(own)/\(name)")
        try copy(source, to: "\(own)/\(name)", delivery)
        return "\(own)/\(name)"
      }
    }
    // What one that was killed left here; a living one's copy is locked.
    let prefix = ".admix-\(name)-"
    for left in (try? place.contentsOfDirectory(atPath: folder)) ?? [] where left.hasPrefix(prefix)
    {
      Self.removeUnlessLocked("\(folder)/\(left)")
    }
    let path = "\(folder)/\(prefix)\(getpid())"
    try copy(source, to: path, delivery)
    return path
  }

  private static func removeUnlessLocked(_ path: String) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
  }

  private func copy(_ source: String, to target: String, _ delivery: Delivery) throws {
    let failed = { (verb: String) -> any Error in
      let number = errno
      unlink(target)
      return ObjectFolder.failure(verb, delivery.path, number: number)
    }
    let input = open(source, O_RDONLY | O_CLOEXEC)
    guard input >= 0 else { throw failed("read") }
    defer { close(input) }
    let output = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard output >= 0 else { throw failed("write") }
    defer { close(output) }
    flock(output, LOCK_SH | LOCK_NB)
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { block.deallocate() }
    while true {
      let count = read(input, block.baseAddress, block.count)
      if count < 0 { throw failed("read") }
      if count == 0 { break }
      var written = 0
      while written < count {
        let step = write(output, block.baseAddress?.advanced(by: written), count - written)
        if step < 0 { throw failed("write") }
        written += step
      }
    }
    guard fsync(output) == 0 else { throw failed("write") }
  }
}
