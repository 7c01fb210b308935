package import AdmixModel
import CArrow

/// A file of rows in the making, batch by batch.
package protocol TableWriter {
  /// - Parameter batch: of the schema the writer was made with, categories included.
  mutating func append(_ batch: Batch) throws
  /// Completes the file; without it the file is not whole.
  mutating func finish() throws
}

/// How a CSV file is written.
package struct CSVWriting: Hashable, Sendable, Codable {
  /// One ASCII character.
  package var delimiter: String
  package var header: Bool
  /// What stands for a missing value; a text that reads the same is put in quotes.
  package var missing: String

  package init(delimiter: String = ",", header: Bool = true, missing: String = "") {
    self.delimiter = delimiter
    self.header = header
    self.missing = missing
  }
}

extension CSVWriting {
  /// Whether a text can stand between fields: one ASCII character, neither a quote nor a line break.
  package static func isDelimiter(_ text: String) -> Bool {
    guard let byte = text.utf8.first, text.utf8.count == 1 else { return false }
    return byte < 0x80 && ![0x0a, 0x0d, UInt8(ascii: "\"")].contains(byte)
  }
}

/// The formats that tables are written in.
package enum TableOutput: Hashable, Sendable, Codable {
  /// Each batch a row group, pages in zstd.
  case parquet
  /// An IPC file, each batch a record batch, buffers in zstd.
  case arrow
  case csv(CSVWriting)
  case jsonLines
}

/// Begins a file.
package func createTable(path: String, output: TableOutput, schema: Schema) throws
  -> any TableWriter
{
  switch output {
  case .parquet: try ArrowTableWriter(path, format: ADMIX_ARROW_PARQUET, schema: schema)
  case .arrow: try ArrowTableWriter(path, format: ADMIX_ARROW_IPC, schema: schema)
  case .csv(let options): try CSVWriter(path, schema: schema, options: options)
  case .jsonLines: try JSONLinesWriter(path, schema: schema)
  }
}

/// Parquet and Arrow IPC files.
private struct ArrowTableWriter: TableWriter {
  private let writer: ArrowWriter

  init(_ path: String, format: AdmixArrowFormat, schema: Schema) throws {
    writer = try Self.located {
      try ArrowWriter(path, format: format, compression: ADMIX_ARROW_ZSTD, schema: schema)
    }
  }

  mutating func append(_ batch: Batch) throws { try Self.located { try writer.append(batch) } }
  mutating func finish() throws { try Self.located { try writer.finish() } }

  private static func located<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let failure as ArrowFailure {
      throw Diagnostic.error("AX0850", "the file cannot be written", cause: failure.text)
    }
  }
}
