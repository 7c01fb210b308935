import Foundation

/// What a program wrote, in a file of bounded size: the beginning, and the end where it was much.
package final class ProgramLog {
  /// Bytes at the beginning and at the end that are kept.
  private static let head = 4 << 20
  private static let tail = 1 << 20

  package let path: String
  private let file: FileHandle
  private var written = 0
  private var skipped = 0
  private var rest = Data()
  /// Longest first, so that one within another leaves nothing of it.
  private let secrets: [[UInt8]]
  /// What may be the beginning of a secret.
  private var held: [UInt8] = []

  /// Begins the file anew.
  ///
  /// - Parameter secrets: texts that `***` stands for in the file. Those of fewer than four bytes are
  ///   left: they would be found everywhere.
  package init(path: String, secrets: [String] = []) throws {
    self.path = path
    self.secrets = secrets.map { Array($0.utf8) }.filter { $0.count >= 4 }
      .sorted { $0.count > $1.count }
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    // What a program says may be data: for the user's eyes.
    guard
      FileManager.default.createFile(
        atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
      let file = FileHandle(forWritingAtPath: path)
    else { throw CocoaError(.fileWriteUnknown) }
    self.file = file
  }

  package func append(_ bytes: UnsafeRawBufferPointer) {
    if secrets.isEmpty {
      keep(bytes)
    } else {
      held.append(contentsOf: bytes)
      mask(isLast: false)
    }
  }

  private func mask(isLast: Bool) {
    let longest = secrets.first?.count ?? 0
    var out: [UInt8] = []
    out.reserveCapacity(held.count)
    var place = 0
    while place < held.count, isLast || place + longest <= held.count {
      if let secret = secrets.first(where: { held[place...].starts(with: $0) }) {
        out.append(contentsOf: "***".utf8)
        place += secret.count
      } else {
        out.append(held[place])
        place += 1
      }
    }
    held.removeFirst(place)
    out.withUnsafeBytes(keep)
  }

  private func keep(_ bytes: UnsafeRawBufferPointer) {
    let room = max(0, min(bytes.count, Self.head - written))
    if room > 0 {
      // A full disk loses the log, not the run.
      try? file.write(contentsOf: Data(bytes[..<room]))
      written += room
    }
    guard room < bytes.count else { return }
    rest.append(contentsOf: bytes[room...])
    if rest.count > 2 * Self.tail {
      skipped += rest.count - Self.tail
      rest = Data(rest.suffix(Self.tail))
    }
  }

  package func finish() {
    mask(isLast: true)
    if skipped > 0 || rest.count > Self.tail {
      skipped += max(0, rest.count - Self.tail)
      try? file.write(contentsOf: Data("\n[\(skipped) bytes are left out here]\n".utf8))
    }
    try? file.write(contentsOf: Data(rest.suffix(Self.tail)))
    try? file.close()
  }

  /// The last lines of a log, of at most so many characters each.
  package static func lastLines(of path: String, count: Int = 20) -> [String] {
    guard let file = FileHandle(forReadingAtPath: path) else { return [] }
    defer { try? file.close() }
    let size = (try? file.seekToEnd()) ?? 0
    try? file.seek(toOffset: size > 65_536 ? size - 65_536 : 0)
    let text = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      // No control characters: a log must not be able to steer a terminal.
      let plain = String(
        String.UnicodeScalarView(
          line.unicodeScalars.filter { $0 == "\t" || ($0.value >= 0x20 && $0.value != 0x7f) }))
      return plain.count > 400 ? String(plain.prefix(400)) + "…" : plain
    }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines.suffix(count).map { $0 }
  }
}
