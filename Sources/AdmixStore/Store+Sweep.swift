import AdmixModel
import Foundation
import GRDB

/// Files of the store that no living run and no row speaks of.
extension Store {
  private var trash: String { root + "/trash" }

  private func names(in folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }

  /// Takes a file out of its place; where that fails, it stays, and the next `gc` finds it.
  func discard(_ path: String, _ name: String) {
    if rename(path, "\(trash)/\(name)") == 0 || errno != ENOENT { return }
    if access(path, F_OK) != 0 { return }
    try? ObjectFolder.makeFolder(trash)
    rename(path, "\(trash)/\(name)")
  }

  func emptyTrash() {
    for name in names(in: trash) { unlink("\(trash)/\(name)") }
  }

  func sweepTrash(_ cleanup: inout Cleanup, _ isTrial: Bool) {
    for name in names(in: trash) {
      cleanup.free(.trash, Self.size("\(trash)/\(name)"))
      if !isTrial { unlink("\(trash)/\(name)") }
    }
  }

  func sweepAttempts(_ cleanup: inout Cleanup, _ isTrial: Bool) {
    for name in names(in: root + "/work") where !RunLock.isAlive(root, name) {
      cleanup.free(.attempts, Self.bytes(under: attempts(of: name)))
    }
    if !isTrial { sweepWork() }
  }

  private static func bytes(under folder: String) -> Int {
    var bytes = size(folder)
    let files = FileManager.default.enumerator(atPath: folder)
    while let name = files?.nextObject() as? String { bytes += size("\(folder)/\(name)") }
    return bytes
  }

  /// Objects that no row speaks of, or one that says they were given away: a run died between
  /// publication and commit, or a `gc` between the rows and the files.
  func sweepOrphans(_ living: LivingRuns, _ cleanup: inout Cleanup, _ isTrial: Bool) throws {
    for folder in names(in: root + "/objects") where folder.utf8.count == 2 {
      let place = "\(root)/objects/\(folder)"
      // Files that nobody here wrote stay.
      let found = names(in: place).compactMap { name in Digest(hex: folder + name) }
        .filter { !living.held.contains($0) }
      if found.isEmpty { continue }
      let orphans = try read { db in
        try found.filter { digest in
          try Bool.fetchOne(
            db.cachedStatement(
              sql: "SELECT NOT EXISTS(SELECT 1 FROM object WHERE digest = ? AND freed_ns IS NULL)"),
            arguments: [Data(digest.bytes)]) ?? false
        }
      }
      for digest in orphans {
        let path = objects.path(of: digest)
        cleanup.free(.orphans, Self.size(path))
        if !isTrial { discard(path, digest.hex) }
      }
    }
  }

  /// Downloads that no result was made from; those under way have a living run that holds them.
  func sweepDownloads(
    _ living: LivingRuns, _ named: Set<String>, _ cleanup: inout Cleanup, _ isTrial: Bool
  ) {
    for name in names(in: root + "/downloads") {
      // `…`, its `.lock`, and what a transfer that was cut short left.
      let hex = String(name.prefix(64))
      guard let digest = Digest(hex: hex), !named.contains(hex), !living.held.contains(digest)
      else {
        continue
      }
      cleanup.free(.downloads, Self.size("\(root)/downloads/\(name)"))
      if !isTrial { discard("\(root)/downloads/\(name)", name) }
    }
  }

  /// Reports of runs that are no longer listed, and what a writer that died left of one.
  func sweepReports(_ runs: Set<String>, _ cleanup: inout Cleanup, _ isTrial: Bool) {
    for name in names(in: root + "/reports") {
      let path = "\(root)/reports/\(name)"
      if name.hasSuffix(".new") {
        // A writer holds its lock until the file has its name.
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        defer { Foundation.close(descriptor) }
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { continue }
      } else {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1] == "html", parts[0].utf8.count == 8,
          parts[0].allSatisfy(\.isHexDigit), !runs.contains(String(parts[0]))
        else { continue }
      }
      cleanup.free(.reports, Self.size(path))
      if !isTrial { unlink(path) }
    }
  }

  /// What foreign programs said in runs that are no longer listed: a folder for each.
  func sweepLogs(
    _ living: LivingRuns, _ runs: Set<String>, _ cleanup: inout Cleanup, _ isTrial: Bool
  ) {
    let alive = Set(living.runs.map { String($0.prefix(8)) })
    for name in names(in: root + "/logs")
    where name.utf8.count == 8 && name.allSatisfy(\.isHexDigit) && !runs.contains(name)
      && !alive.contains(name)
    {
      cleanup.free(.logs, Self.bytes(under: "\(root)/logs/\(name)"))
      if !isTrial { try? FileManager.default.removeItem(atPath: "\(root)/logs/\(name)") }
    }
  }

  /// What was set aside long ago, by the clock that stamps the files: it may differ from ours or jump,
  /// and a file from the future is young.
  func sweepRescued(_ policy: KeepPolicy, _ cleanup: inout Cleanup, _ isTrial: Bool) {
    let found = names(in: root + "/rescued")
    guard !found.isEmpty, let now = fileSystemTime(isTrial) else { return }
    for name in found {
      let limit = name.hasPrefix("damaged-") ? KeepPolicy.damagedAge : policy.rescuedAge
      let path = "\(root)/rescued/\(name)"
      var status = stat()
      guard let limit, lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
        Double(now - Int(status.st_ctim.tv_sec)) > limit
      else { continue }
      cleanup.free(.rescued, Int(status.st_size))
      if !isTrial { unlink(path) }
    }
  }

  /// How far tasks came that nobody began again for long.
  func sweepCheckpoints(_ cleanup: inout Cleanup, _ isTrial: Bool) {
    let found = names(in: checkpoints)
    guard !found.isEmpty, let now = fileSystemTime(isTrial) else { return }
    for name in found {
      let path = "\(checkpoints)/\(name)"
      var status = stat()
      // A task that goes on writes into its folder, which stamps it.
      guard lstat(path, &status) == 0,
        Double(now - Int(status.st_mtim.tv_sec)) > KeepPolicy.checkpointAge
      else { continue }
      cleanup.free(.checkpoints, Self.bytes(under: path))
      if !isTrial { try? FileManager.default.removeItem(atPath: path) }
    }
  }

  /// What the file system takes for now, in seconds since 1970.
  private func fileSystemTime(_ isTrial: Bool) -> Int? {
    if isTrial { return Int(Date().timeIntervalSince1970) }
    let path = "\(root)/run/clock"
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return nil }
    defer {
      unlink(path)
      Foundation.close(descriptor)
    }
    var status = stat()
    guard futimens(descriptor, nil) == 0, fstat(descriptor, &status) == 0 else { return nil }
    return Int(status.st_ctim.tv_sec)
  }
}
