#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Where the text of a pipeline comes from: the disk, or a table for tests.
package struct SpecFiles: Sendable {
  /// Why a file could not be read.
  struct Problem: Error {
    var cause: String
    var code = "AX0101"
  }

  private let table: [String: [UInt8]]?

  /// The files of this machine.
  package static let disk = SpecFiles(table: nil)

  /// Files that exist only here, by path.
  package static func memory(_ table: [String: String]) -> SpecFiles {
    SpecFiles(table: table.mapValues { Array($0.utf8) })
  }

  package static func memory(_ table: [String: [UInt8]]) -> SpecFiles { SpecFiles(table: table) }

  /// A line of a file, counted from 1, for showing where a problem is; damaged text is shown as it can
  /// be.
  package func line(_ path: String, _ number: Int) -> String? {
    guard number > 0, let bytes = try? read(path, limit: 64 << 20) else { return nil }
    var start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    var current = 1
    for index in start...bytes.count {
      let isEnd = index == bytes.count
      let byte = isEnd ? 0x0A : bytes[index]
      let isPair = byte == 0x0D && index + 1 < bytes.count && bytes[index + 1] == 0x0A
      guard byte == 0x0A || (byte == 0x0D && !isPair) else { continue }
      if current == number {
        var end = index
        if byte == 0x0A, end > start, bytes[end - 1] == 0x0D { end -= 1 }
        return String(decoding: bytes[start..<end], as: UTF8.self)
      }
      current += 1
      start = index + 1
    }
    return nil
  }

  func read(_ path: String, limit: Int) throws(Problem) -> [UInt8] {
    if let table {
      guard let text = table[path] else { throw Problem(cause: "there is no such file") }
      return text
    }
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { throw Problem(cause: Self.reason(errno)) }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw Problem(cause: Self.reason(errno)) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      // A pipe or a device could keep us waiting, or never end.
      throw Problem(
        cause: status.st_mode & S_IFMT == S_IFDIR ? "it is a folder" : "it is no regular file")
    }
    // One byte more than allowed is enough to see that it is too large.
    var bytes = [UInt8](repeating: 0, count: min(Int(status.st_size), limit) + 1)
    var filled = 0
    while true {
      if filled == bytes.count {
        if filled > limit { break }
        bytes.append(contentsOf: repeatElement(0, count: min(bytes.count, limit + 1 - filled)))
      }
      let count = bytes.withUnsafeMutableBytes { buffer in
        // In range: `filled` is less than the count here.
        Self.readSome(file, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw Problem(cause: Self.reason(errno))
      }
      if count == 0 { break }
      filled += count
    }
    return Array(bytes.prefix(filled))
  }

  /// The same place with symbolic links followed; the path itself where that cannot be told.
  func resolved(_ path: String) -> String {
    guard table == nil, let pointer = realpath(path, nil) else { return path }
    defer { free(pointer) }
    return String(cString: pointer)
  }

  private static func readSome(_ file: Int32, _ into: UnsafeMutableRawPointer?, _ count: Int) -> Int
  {
    #if canImport(Glibc)
    Glibc.read(file, into, count)
    #elseif canImport(Musl)
    Musl.read(file, into, count)
    #else
    Darwin.read(file, into, count)
    #endif
  }

  private static func reason(_ code: Int32) -> String {
    switch code {
    case ENOENT, ENOTDIR: "there is no such file"
    case EACCES, EPERM: "you may not read it"
    case ELOOP: "its symbolic links go round in a circle"
    case ENAMETOOLONG: "the name is too long"
    default: "the system says: \(String(cString: strerror(code)))"
    }
  }
}

/// Paths as text, with no look at the disk.
enum Paths {
  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  static func join(_ folder: String, _ path: String) -> String {
    if path.hasPrefix("/") || folder.isEmpty { return normalised(path) }
    return normalised(folder + "/" + path)
  }

  /// Without `.` and without `a/..`; leading `..` stay.
  static func normalised(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." {
        parts.removeLast()
      } else if part != ".." || !path.hasPrefix("/") {
        parts.append(part)
      }
    }
    let joined = parts.joined(separator: "/")
    return path.hasPrefix("/") ? "/" + joined : joined
  }

  /// Whether a path is the folder or lies under it; both normalised.
  static func isInside(_ path: String, _ folder: String) -> Bool {
    if folder.isEmpty { return !path.hasPrefix("/") && path != ".." && !path.hasPrefix("../") }
    if path == folder { return true }
    let prefix = folder.hasSuffix("/") ? folder : folder + "/"
    guard path.hasPrefix(prefix) else { return false }
    let rest = path.dropFirst(prefix.count)
    return rest != ".." && !rest.hasPrefix("../")
  }
}
