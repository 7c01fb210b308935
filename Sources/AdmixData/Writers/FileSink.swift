import AdmixModel

/// Bytes on their way to a file, gathered to pieces worth a system call.
struct FileSink {
  private static let pieceBytes = 1 << 20

  private let descriptor: OwnedDescriptor
  var bytes: [UInt8] = []

  init(_ path: String, name: String? = nil) throws {
    descriptor = try OwnedDescriptor(writing: path, name: name ?? path)
    bytes.reserveCapacity(Self.pieceBytes + 4096)
  }

  /// To be called now and then, at least once a row.
  mutating func flushIfLarge() throws { if bytes.count >= Self.pieceBytes { try flush() } }

  mutating func flush() throws {
    try bytes.withUnsafeBytes { try descriptor.write($0) }
    bytes.removeAll(keepingCapacity: true)
  }
}
