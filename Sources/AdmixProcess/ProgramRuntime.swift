import Foundation

/// What any program needs of a machine to run: what it may read beside what is declared.
package enum ProgramRuntime {
  private static let folders = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store",
    "/proc", "/sys", "/etc/alternatives", "/var/cache/fontconfig",
  ]

  /// Devices, and memory that the processes of a program share.
  package static let writable = [
    "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/shm",
  ]

  /// Everything that programs read of a system.
  ///
  /// Of `/etc` what everyone may read, so that a run as root shows a program no password hashes.
  package static func readable(allowsNetwork: Bool) -> [String] {
    let settings = (try? FileManager.default.contentsOfDirectory(atPath: "/etc")) ?? []
    return folders
      + settings.sorted().map { "/etc/\($0)" }.filter { path in
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & 0o004 != 0
      } + (allowsNetwork ? ["/run/systemd/resolve", "/run/resolvconf"] : [])
  }

  /// What belongs to a program outside the system's folders: the prefix it is installed in, that of
  /// the file behind a link, and for a virtual environment that of the Python it was made with.
  ///
  /// - Parameter home: the user's folder, which is nobody's prefix.
  package static func readable(of program: String, home: String?) -> [String] {
    let real = URL(fileURLWithPath: program).resolvingSymlinksInPath().path
    var paths = prefixes(of: program, home) + prefixes(of: real, home)
    if let settings = virtualEnvironment(of: program),
      let text = try? String(contentsOfFile: settings, encoding: .utf8)
    {
      for line in text.split(separator: "\n") {
        let parts = line.split(separator: "=", maxSplits: 1).map {
          $0.trimmingCharacters(in: .whitespaces)
        }
        if parts.count == 2, parts[0] == "home" {
          paths += prefixes(of: parts[1] + "/python", home)
        }
      }
    }
    return paths
  }

  /// The settings of the virtual environment that a program is part of.
  package static func virtualEnvironment(of program: String) -> String? {
    let folder = (program as NSString).deletingLastPathComponent
    let path = (folder as NSString).deletingLastPathComponent + "/pyvenv.cfg"
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }

  /// `/opt/r/bin/Rscript` belongs to `/opt/r`; a file in no such folder is alone.
  private static func prefixes(of program: String, _ home: String?) -> [String] {
    let folder = (program as NSString).deletingLastPathComponent
    let above = (folder as NSString).deletingLastPathComponent
    guard ["bin", "sbin", "shims", "libexec"].contains((folder as NSString).lastPathComponent)
    else { return [program] }
    // There lies more than programs.
    if above == home || above == "/" { return [folder] }
    if (above as NSString).lastPathComponent == ".local" { return [folder, above + "/lib"] }
    return [above]
  }
}
