import AdmixModel

/// JSON lines: an object on each line with every column, `null` for what is missing.
struct JSONLinesWriter: TableWriter {
  private let schema: Schema
  /// `{"name":` and `,"name":` ready to be put in front of each value.
  private let keys: [[UInt8]]
  private var sink: FileSink

  init(_ path: String, schema: Schema) throws {
    self.schema = schema
    keys = schema.columns.enumerated().map { index, column in
      var key: [UInt8] = [UInt8(ascii: index == 0 ? "{" : ",")]
      Array(column.name.utf8).withUnsafeBufferPointer {
        TextRendering.append(jsonString: $0, to: &key)
      }
      key.append(UInt8(ascii: ":"))
      return key
    }
    sink = try FileSink(path)
  }

  mutating func append(_ batch: Batch) throws {
    let categories = batch.columns.map { column -> [[UInt8]] in
      guard case .category(_, let categories) = column.values else { return [] }
      return categories.map { Self.string(Array($0.utf8)) }
    }
    for row in 0..<batch.rows {
      if keys.isEmpty { sink.bytes.append(UInt8(ascii: "{")) }
      for index in batch.columns.indices {
        sink.bytes.append(contentsOf: keys[index])
        try append(batch.columns[index], row, schema.columns[index], categories[index])
      }
      sink.bytes.append(UInt8(ascii: "}"))
      sink.bytes.append(0x0a)
      try sink.flushIfLarge()
    }
  }

  mutating func finish() throws { try sink.flush() }

  private static func string(_ text: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    text.withUnsafeBufferPointer { TextRendering.append(jsonString: $0, to: &out) }
    return out
  }

  private mutating func append(
    _ column: Column, _ row: Int, _ schema: ColumnSchema, _ categories: [[UInt8]]
  ) throws {
    if column.isMissing(row) {
      sink.bytes.append(contentsOf: "null".utf8)
      return
    }
    switch column.values {
    case .bool(let bits): sink.bytes.append(contentsOf: (bits[row] ? "true" : "false").utf8)
    case .int(let values): TextRendering.append(values[row], to: &sink.bytes)
    case .double(let values):
      guard values[row].isFinite else {
        throw Diagnostic.error(
          "AX0852", "column '\(schema.name)' holds a number that JSON cannot",
          cause: "JSON has no infinity and no 'not a number'",
          hint: "drop such rows, or export to Parquet")
      }
      TextRendering.append(values[row], decimals: schema.decimals, to: &sink.bytes)
    case .text(let texts): TextRendering.append(jsonString: texts.utf8(row), to: &sink.bytes)
    case .category(let codes, _): sink.bytes.append(contentsOf: categories[Int(codes[row])])
    case .date(let values):
      sink.bytes.append(UInt8(ascii: "\""))
      TextRendering.append(days: Int64(values[row]), to: &sink.bytes)
      sink.bytes.append(UInt8(ascii: "\""))
    case .datetime(let values):
      sink.bytes.append(UInt8(ascii: "\""))
      TextRendering.append(microseconds: values[row], isUTC: schema.isUTC, to: &sink.bytes)
      sink.bytes.append(UInt8(ascii: "\""))
    }
  }
}
