import AdmixModel

/// CSV as RFC 4180 has it, lines ending in `\n`.
struct CSVWriter: TableWriter {
  private let schema: Schema
  private let delimiter: UInt8
  private let missing: [UInt8]
  private var sink: FileSink

  init(_ path: String, schema: Schema, options: CSVWriting) throws {
    guard let delimiter = options.delimiter.utf8.first, CSVWriting.isDelimiter(options.delimiter)
    else {
      throw Diagnostic.error(
        "AX0851", "'\(options.delimiter)' cannot part the fields of a CSV file",
        cause: "the delimiter is one ASCII character, neither a quote nor a line break")
    }
    self.schema = schema
    self.delimiter = delimiter
    missing = Array(options.missing.utf8)
    sink = try FileSink(path)
    guard options.header else { return }
    for (index, column) in schema.columns.enumerated() {
      if index > 0 { sink.bytes.append(delimiter) }
      Array(column.name.utf8).withUnsafeBufferPointer { append($0) }
    }
    sink.bytes.append(0x0a)
  }

  mutating func append(_ batch: Batch) throws {
    let categories = batch.columns.map { column -> [[UInt8]] in
      guard case .category(_, let categories) = column.values else { return [] }
      return categories.map { Array($0.utf8) }
    }
    for row in 0..<batch.rows {
      for index in batch.columns.indices {
        if index > 0 { sink.bytes.append(delimiter) }
        append(batch.columns[index], row, schema.columns[index], categories[index])
      }
      sink.bytes.append(0x0a)
      try sink.flushIfLarge()
    }
  }

  mutating func finish() throws { try sink.flush() }

  private mutating func append(
    _ column: Column, _ row: Int, _ schema: ColumnSchema, _ categories: [[UInt8]]
  ) {
    if column.isMissing(row) {
      // A line with nothing on it would not be seen as a row.
      if missing.isEmpty, self.schema.columns.count == 1 {
        sink.bytes.append(contentsOf: "\"\"".utf8)
      } else {
        sink.bytes.append(contentsOf: missing)
      }
      return
    }
    switch column.values {
    case .bool(let bits): sink.bytes.append(contentsOf: (bits[row] ? "true" : "false").utf8)
    case .int(let values): TextRendering.append(values[row], to: &sink.bytes)
    case .double(let values):
      TextRendering.append(values[row], decimals: schema.decimals, to: &sink.bytes)
    case .text(let texts): append(texts.utf8(row))
    case .category(let codes, _):
      categories[Int(codes[row])].withUnsafeBufferPointer { append($0) }
    case .date(let values): TextRendering.append(days: Int64(values[row]), to: &sink.bytes)
    case .datetime(let values):
      TextRendering.append(microseconds: values[row], isUTC: schema.isUTC, to: &sink.bytes)
    }
  }

  private mutating func append(_ text: UnsafeBufferPointer<UInt8>) {
    let needsQuotes =
      text.elementsEqual(missing)
      || text.contains {
        $0 == delimiter || $0 == UInt8(ascii: "\"") || $0 == 0x0a || $0 == 0x0d
      } || text.first == 0x20 || text.last == 0x20 || text.starts(with: [0xef, 0xbb, 0xbf])
    guard needsQuotes else {
      sink.bytes.append(contentsOf: text)
      return
    }
    sink.bytes.append(UInt8(ascii: "\""))
    for byte in text {
      if byte == UInt8(ascii: "\"") { sink.bytes.append(byte) }
      sink.bytes.append(byte)
    }
    sink.bytes.append(UInt8(ascii: "\""))
  }
}
