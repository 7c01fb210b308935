import AdmixModel
import Foundation

/// A file that a command writes for a person: whole or not at all.
enum OutputFile {
  static func write(_ text: String, to path: String) throws(Diagnostic) {
    let temporary = path + ".\(getpid()).new"
    let isWritten = temporary.withCString { name -> Bool in
      guard let file = fopen(name, "wb") else { return false }
      // So that gc can tell it from what a writer that died left.
      flock(fileno(file), LOCK_EX | LOCK_NB)
      let bytes = Array(text.utf8)
      let isWhole = fwrite(bytes, 1, bytes.count, file) == bytes.count
      // A full disk may show only here.
      return fclose(file) == 0 && isWhole
    }
    if isWritten, rename(temporary, path) == 0 { return }
    let reason = String(cString: strerror(errno))
    unlink(temporary)
    throw .error(
      "AX0317", "'\(path)' cannot be written",
      cause: reason.prefix(1).lowercased() + reason.dropFirst())
  }

  static func makeFolder(_ path: String) throws(Diagnostic) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .error(
        "AX0317", "the folder '\(path)' cannot be made",
        cause: "a file is in the way, or its parent may not be written to")
    }
  }
}
