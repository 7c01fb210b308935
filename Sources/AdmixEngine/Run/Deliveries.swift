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
    let warning = try rescue(target, delivery)
    let temporary = "\(folder)/.\((target as NSString).lastPathComponent).admix-\(getpid())"
    unlink(temporary)
    try copy(store.objects.path(of: delivery.artifact.digest), to: temporary, delivery)
    guard rename(temporary, target) == 0 else {
      let reason = String(cString: strerror(errno))
      unlink(temporary)
      throw TaskFailure(
        .error(
          "AX0802", at: delivery.span, "'\(delivery.path)' cannot be written", cause: reason))
    }
    try store.recordDelivery(delivery.artifact.digest, at: target)
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
    let stamp = Int(Date().timeIntervalSince1970 * 1000)
    let aside = "\(store.root)/rescued/\(stamp)-\((target as NSString).lastPathComponent)"
    guard rename(target, aside) == 0 else {
      throw TaskFailure(
        .error(
          "AX0802", at: delivery.span, "'\(delivery.path)' cannot be replaced",
          cause: String(cString: strerror(errno))))
    }
    return .warning(
      "AX0803", at: delivery.span,
      "'\(delivery.path)' held something that admix did not write; it was moved aside",
      hint: "it is \(aside)")
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
