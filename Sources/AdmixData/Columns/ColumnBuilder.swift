package import AdmixModel

/// Makes a column value by value.
///
/// Which `append` fits follows from the schema's type; another one is a mistake in our code and
/// stops the program.
package struct ColumnBuilder {
  package let schema: ColumnSchema
  package private(set) var count = 0
  /// More than 2 GiB of text was appended; the texts that found no place are missing.
  ///
  /// Who appends texts of unknown size looks at this and reports it.
  package private(set) var hasTooMuchText = false

  private var longs: [Int64] = []
  private var doubles: [Double] = []
  private var shorts: [Int32] = []
  private var bits: [UInt8] = []
  private var offsets: [Int32] = [0]
  private var bytes: [UInt8] = []
  /// Empty until something is missing.
  private var valid: [UInt8] = []
  private var missing = 0

  package init(_ schema: ColumnSchema, capacity: Int = 0) {
    self.schema = schema
    switch schema.type {
    case .bool: bits.reserveCapacity((capacity + 7) / 8)
    case .int, .datetime: longs.reserveCapacity(capacity)
    case .double: doubles.reserveCapacity(capacity)
    case .text: offsets.reserveCapacity(capacity + 1)
    case .category, .date: shorts.reserveCapacity(capacity)
    }
  }

  package mutating func append(int value: Int64) {
    precondition(schema.type == .int, "an int for a column of another type")
    longs.append(value)
    advance()
  }
  package mutating func append(int value: Int) { append(int: Int64(value)) }

  package mutating func append(double value: Double) {
    precondition(schema.type == .double, "a double for a column of another type")
    doubles.append(value)
    advance()
  }

  package mutating func append(bool value: Bool) {
    precondition(schema.type == .bool, "a bool for a column of another type")
    append(bit: value)
    advance()
  }

  /// - Parameter value: an index into the schema's categories.
  package mutating func append(code value: Int32) {
    precondition(schema.type == .category, "a code for a column of another type")
    precondition(value >= 0 && value < schema.categories.count, "a code without a category")
    shorts.append(value)
    advance()
  }
  package mutating func append(code value: Int) { append(code: Int32(value)) }

  /// - Parameter value: days since 1970-01-01.
  package mutating func append(days value: Int32) {
    precondition(schema.type == .date, "a date for a column of another type")
    shorts.append(value)
    advance()
  }
  package mutating func append(days value: Int) { append(days: Int32(value)) }

  /// - Parameter value: microseconds since 1970-01-01T00:00:00.
  package mutating func append(microseconds value: Int64) {
    precondition(schema.type == .datetime, "a time for a column of another type")
    longs.append(value)
    advance()
  }
  package mutating func append(microseconds value: Int) { append(microseconds: Int64(value)) }

  package mutating func append(text value: String) {
    var value = value
    value.withUTF8 { append(utf8: $0) }
  }

  /// - Parameter value: UTF-8; whoever appends foreign bytes has checked that.
  package mutating func append(utf8 value: UnsafeBufferPointer<UInt8>) {
    precondition(schema.type == .text, "a text for a column of another type")
    guard bytes.count + value.count <= Int(Int32.max) else {
      hasTooMuchText = true
      return appendMissing()
    }
    bytes.append(contentsOf: value)
    offsets.append(Int32(bytes.count))
    advance()
  }

  package mutating func appendMissing() {
    switch schema.type {
    case .bool: append(bit: false)
    case .int, .datetime: longs.append(0)
    case .double: doubles.append(0)
    case .text: offsets.append(Int32(bytes.count))
    case .category, .date: shorts.append(0)
    }
    if missing == 0 { beginValidity() }
    missing += 1
    if count & 7 == 0, valid.count == count >> 3 { valid.append(0) }
    count += 1
  }

  package consuming func finish() -> Column {
    let values: Column.Values =
      switch schema.type {
      case .bool: .bool(Bitmap(bytes: Buffer(bits), count: count))
      case .int: .int(Buffer(longs))
      case .double: .double(Buffer(doubles))
      case .text: .text(TextBuffer(offsets: Buffer(offsets), bytes: Buffer(bytes)))
      case .category: .category(Buffer(shorts), categories: schema.categories)
      case .date: .date(Buffer(shorts))
      case .datetime: .datetime(Buffer(longs))
      }
    return Column(values, validity: missing == 0 ? nil : Bitmap(bytes: Buffer(valid), count: count))
  }

  private mutating func append(bit: Bool) {
    if count & 7 == 0 { bits.append(0) }
    if bit { bits[count >> 3] |= 1 << UInt8(count & 7) }
  }

  private mutating func advance() {
    if missing > 0 {
      if count & 7 == 0 { valid.append(0) }
      valid[count >> 3] |= 1 << UInt8(count & 7)
    }
    count += 1
  }

  /// Marks everything so far as present.
  private mutating func beginValidity() {
    valid = [UInt8](repeating: 0xff, count: count >> 3)
    if count & 7 > 0 { valid.append(UInt8(1 << (count & 7)) - 1) }
  }
}
