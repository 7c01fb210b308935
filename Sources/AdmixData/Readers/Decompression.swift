import AdmixModel
import CArrow
import Foundation

/// Compressed files as plain ones.
package enum Decompression {
  /// The path of the same content without compression: the file itself where it is not compressed,
  /// otherwise a new file in the folder.
  ///
  /// What it is follows from its first bytes, not from its name. gzip and zstd are expanded.
  ///
  /// - Parameters:
  ///   - name: how messages call it; the path where nil.
  ///   - limit: how many bytes may come out; by default 200 times what goes in, at least 1 GiB, as
  ///     no honest table is much smaller when compressed.
  package static func plain(
    _ path: String, into folder: String, name: String? = nil, limit: Int? = nil
  ) throws -> String {
    let name = name ?? path
    let start = try firstBytes(path, name: name)
    let codec: AdmixArrowCodec
    if start.starts(with: [0x1f, 0x8b]) {
      codec = ADMIX_ARROW_GZIP
    } else if start.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
      codec = ADMIX_ARROW_ZSTD_FILE
    } else if let other = unsupported.first(where: { start.starts(with: $0.magic) }) {
      throw Diagnostic.error(
        "AX0460", at: SourceSpan(file: name, line: 0, column: 0),
        "'\(name)' is compressed with \(other.name), which admix does not read",
        cause: "gzip and zstd are expanded", hint: "expand it first")
    } else {
      return path
    }
    let target = (folder as NSString).appendingPathComponent("plain-\(UUID().uuidString)")
    let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    let limit = limit ?? max(1 << 30, size.multipliedReportingOverflow(by: 200).partialValue)
    let library = try ArrowLibrary.open()
    do {
      var written: Int64 = 0
      try ArrowFailure.check { error in
        library.functions.expand(
          path, target, Int32(codec.rawValue), Int64(limit), &written, error)
      }
    } catch let failure as ArrowFailure {
      try? FileManager.default.removeItem(atPath: target)
      if failure.kind == ADMIX_ARROW_RANGE {
        throw Diagnostic.error(
          "AX0460", at: SourceSpan(file: name, line: 0, column: 0),
          "'\(name)' expands to more than \(limit) bytes",
          cause: "its \(size) bytes promise more than a table is likely to have",
          hint: "expand it yourself if it is meant so")
      }
      throw Diagnostic.error(
        "AX0460", at: SourceSpan(file: name, line: 0, column: 0), "'\(name)' cannot be expanded",
        cause: failure.text)
    }
    return target
  }

  private static let unsupported: [(name: String, magic: [UInt8])] = [
    ("bzip2", Array("BZh".utf8)), ("xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]),
    ("zip", [0x50, 0x4b, 0x03, 0x04]), ("LZ4", [0x04, 0x22, 0x4d, 0x18]),
  ]

  private static func firstBytes(_ path: String, name: String) throws -> [UInt8] {
    let file = try OwnedDescriptor(reading: path, name: name)
    var bytes = [UInt8](repeating: 0, count: 8)
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0) }
    return Array(bytes.prefix(count))
  }
}
