package import AdmixModel

/// One column of a batch: typed values, and which of them are missing.
///
/// The value at a missing place is unspecified and is never read.
package struct Column: Sendable {
  package enum Values: Sendable {
    case bool(Bitmap)
    case int(Buffer<Int64>)
    case double(Buffer<Double>)
    case text(TextBuffer)
    /// Codes into the categories; every code of a value that is not missing is a valid index.
    case category(Buffer<Int32>, categories: [String])
    /// Days since 1970-01-01.
    case date(Buffer<Int32>)
    /// Microseconds since 1970-01-01T00:00:00.
    case datetime(Buffer<Int64>)
  }

  package let values: Values
  /// A set bit is a value, a clear one is missing; nil when nothing is missing.
  package let validity: Bitmap?

  package init(_ values: Values, validity: Bitmap? = nil) {
    self.values = values
    self.validity = validity
    precondition(validity == nil || validity?.count == count, "validity of another length")
  }

  package var count: Int {
    switch values {
    case .bool(let bits): bits.count
    case .int(let buffer), .datetime(let buffer): buffer.count
    case .double(let buffer): buffer.count
    case .text(let text): text.count
    case .category(let codes, _): codes.count
    case .date(let buffer): buffer.count
    }
  }

  package var type: ColumnType {
    switch values {
    case .bool: .bool
    case .int: .int
    case .double: .double
    case .text: .text
    case .category: .category
    case .date: .date
    case .datetime: .datetime
    }
  }

  @inlinable
  package func isMissing(_ row: Int) -> Bool {
    if let validity { !validity[row] } else { false }
  }

  package var missingCount: Int { validity.map { $0.count - $0.trueCount } ?? 0 }
}

/// UTF-8 texts one after the other; text `i` covers bytes `offsets[i]..<offsets[i + 1]`.
package struct TextBuffer: Sendable {
  @usableFromInline package let offsets: Buffer<Int32>
  @usableFromInline package let bytes: Buffer<UInt8>

  /// - Parameters:
  ///   - offsets: one more than there are texts, rising, the last at most `bytes.count`.
  package init(offsets: Buffer<Int32>, bytes: Buffer<UInt8>) {
    precondition(offsets.count >= 1, "a text buffer without offsets")
    self.offsets = offsets
    self.bytes = bytes
  }

  package init(_ texts: some Collection<String>) {
    var offsets: [Int32] = [0]
    offsets.reserveCapacity(texts.count + 1)
    var bytes: [UInt8] = []
    for text in texts {
      bytes.append(contentsOf: text.utf8)
      offsets.append(Int32(bytes.count))
    }
    self.init(offsets: Buffer(offsets), bytes: Buffer(bytes))
  }

  @inlinable package var count: Int { offsets.count - 1 }

  /// The bytes of a text, valid while this buffer lives.
  @inlinable
  package func utf8(_ index: Int) -> UnsafeBufferPointer<UInt8> {
    let from = Int(offsets[index])
    let to = Int(offsets[index + 1])
    precondition(from >= 0 && from <= to && to <= bytes.count, "a text outside its buffer")
    return UnsafeBufferPointer(start: bytes.start + from, count: to - from)
  }

  package subscript(index: Int) -> String { String(decoding: utf8(index), as: UTF8.self) }
}

/// Rows of a dataset in memory: as many columns as the schema has, all of one length.
package struct Batch: Sendable {
  package let schema: Schema
  package let columns: [Column]
  package let rows: Int

  /// - Parameter rows: needed where there are no columns.
  package init(schema: Schema, columns: [Column], rows: Int? = nil) {
    let count = rows ?? columns.first?.count ?? 0
    precondition(schema.columns.count == columns.count, "a batch with another number of columns")
    precondition(columns.allSatisfy { $0.count == count }, "columns of different lengths")
    self.schema = schema
    self.columns = columns
    self.rows = count
  }

  package subscript(name: String) -> Column? { schema.index(of: name).map { columns[$0] } }
}
