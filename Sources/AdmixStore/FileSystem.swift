import Foundation

/// The file system that a folder lies on, as the kernel's table of mounts has it (proc(5), mountinfo).
package struct FileSystem: Hashable {
  package var type: String
  /// Of the mount and of the file system behind it.
  var options: Set<String>

  /// - Parameter mounts: the text of `mountinfo`.
  package init?(of path: String, mounts: String) {
    var length = -1
    var found: (type: String, options: Set<String>)?
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 6, let dash = fields[6...].firstIndex(of: "-"), dash + 1 < fields.count,
        let last = fields.last
      else { continue }
      let point = Self.unescaped(fields[4])
      let holds = point == "/" || path == point || path.hasPrefix(point + "/")
      // The last of two at one place covers the first.
      guard holds, point.utf8.count >= length else { continue }
      length = point.utf8.count
      let options = fields[5].split(separator: ",") + last.split(separator: ",")
      found = (String(fields[dash + 1]), Set(options.map(String.init)))
    }
    guard let found else { return nil }
    type = found.type
    options = found.options
  }

  /// Blanks and the like are written as octal numbers.
  private static func unescaped(_ point: Substring) -> String {
    if !point.utf8.contains(UInt8(ascii: "\\")) { return String(point) }
    return String(point).replacing(/\\([0-7]{3})/) { match in
      UInt8(match.output.1, radix: 8).map { String(UnicodeScalar($0)) } ?? ""
    }
  }

  init?(of path: String) {
    let full = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    guard let mounts = try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8) else {
      return nil
    }
    self.init(of: full, mounts: mounts)
  }

  /// Whether the bytes lie on another machine, or behind a program: no shared memory between its users,
  /// which a write-ahead log needs.
  package var isRemote: Bool {
    let names: Set<String> = [
      "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs",
      "beegfs_nodev", "orangefs", "pvfs2", "ocfs2", "gfs2", "davfs", "ncpfs", "panfs",
    ]
    // fuseblk is a disk; a program may call itself by no more than `fuse`, as bindfs does.
    return names.contains(type) || type == "fuse"
      || type.hasPrefix("fuse.") && type != "fuse.fuse-overlayfs"
  }

  /// Why locks that are granted here mean nothing on another machine; nil where they do.
  ///
  /// See nfs(5), "nolock" and "local_lock", and mount.cifs(8), "nobrl". Programs behind FUSE that have no
  /// locks leave them to the kernel of each machine (libfuse, `flock` in fuse_operations), so that trying
  /// them out here finds nothing wrong.
  package var mutedLocks: String? {
    let lockless: Set<String> = [
      "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.goofys", "fuse.blobfuse2",
      "fuse.mountpoint-s3", "fuse.curlftpfs", "davfs",
    ]
    if lockless.contains(type) { return "its locks hold on this machine alone" }
    let muted = options.first { option in
      option == "nolock" || option == "nobrl"
        || option.hasPrefix("local_lock=") && option != "local_lock=none"
    }
    return isRemote ? muted.map { "it is mounted with '\($0)'" } : nil
  }

  /// Whether one open file keeps another from a lock, as `flock` and as SQLite's locks on bytes.
  ///
  /// - Returns: what is wrong; nil where both work.
  package static func brokenLocks(in folder: String) -> String? {
    let path = "\(folder)/locks-\(getpid())"
    let files = [0, 1].map { _ in open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644) }
    defer {
      unlink(path)
      for file in files where file >= 0 { close(file) }
    }
    // That one cannot write here is somebody else's message.
    guard files[0] >= 0, files[1] >= 0 else { return nil }
    guard flock(files[0], LOCK_EX | LOCK_NB) == 0 else {
      return "flock: \(String(cString: strerror(errno)))"
    }
    if flock(files[1], LOCK_EX | LOCK_NB) == 0 { return "flock: two holders of one lock" }
    var range = Foundation.flock()
    range.l_type = Int16(F_WRLCK)
    range.l_len = 1
    // Locks of an open file, not of a process, or the second would always succeed (fcntl(2)).
    let setOpenFileLock: Int32 = 37
    guard fcntl(files[0], setOpenFileLock, &range) == 0 else {
      return errno == EINVAL ? nil : "fcntl: \(String(cString: strerror(errno)))"
    }
    if fcntl(files[1], setOpenFileLock, &range) == 0 { return "fcntl: two holders of one lock" }
    return nil
  }
}
