import AdmixModel
import Foundation

/// Finds where records end, without looking into fields: quotes count at the start of a field only.
///
/// Reads with `pread`, so that a file cut short meanwhile gives an error and not a signal.
package struct CSVScanner {
  private let dialect: CSVDialect
  /// With one column, blank lines above another record are records too.
  private let countsBlanks: Bool

  /// - Parameter fields: how many each record has.
  package init(_ dialect: CSVDialect, fields: Int) {
    self.dialect = dialect
    countsBlanks = fields == 1
  }

  /// Cuts the part of a file from `start` into pieces of so many records.
  package func ranges(
    path: String, name: String, from start: Int, line: Int, recordsEach: Int
  ) throws -> [CSVRange] {
    let file = try CSVFile(path: path, name: name)
    var ranges: [CSVRange] = []
    var piece = CSVRange(start: start, end: start, line: line, records: 0)
    var scan = State(dialect, line: line)
    var blanks = 0
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { block.deallocate() }
    var position = start
    func ended(_ kind: LineKind, _ offset: Int, _ line: Int) {
      switch kind {
      case .comment: return
      case .blank:
        blanks += 1
        return
      case .record: piece.records += 1 + (countsBlanks ? blanks : 0)
      }
      blanks = 0
      if piece.records >= recordsEach {
        piece.end = position + offset
        ranges.append(piece)
        piece = CSVRange(start: position + offset, end: position + offset, line: line, records: 0)
      }
    }
    while true {
      let count = try file.read(into: block, at: position)
      if count == 0 { break }
      let bytes = UnsafeBufferPointer(
        start: block.baseAddress?.assumingMemoryBound(to: UInt8.self), count: count)
      scan.feed(bytes, ended)
      position += count
    }
    if scan.isInQuotes {
      throw Diagnostic.error(
        "AX0413", at: SourceSpan(file: name, line: scan.quoteLine, column: 1),
        "a quoted field is not closed", cause: "it begins on this line and the file ends within it",
        hint: "if quotes are ordinary characters here, write format: {csv: {quote: ''}}")
    }
    scan.finish(ended)
    piece.end = position
    if piece.records > 0 || ranges.isEmpty { ranges.append(piece) }
    return ranges
  }

  private enum LineKind { case record, blank, comment }

  /// Where in a record the scan stands, across blocks.
  private struct State {
    private let dialect: CSVDialect
    private(set) var line: Int
    private(set) var isInQuotes = false
    private(set) var quoteLine = 0
    private var hasContent = false
    private var isFieldStart = true
    private var isLineStart = true
    private var isComment = false
    private var isEscaped = false
    /// The byte before closed a quoted part.
    private var wasQuoted = false
    /// The byte before was a carriage return within quotes.
    private var wasReturn = false
    /// A line that ended with a carriage return, after which a newline may come that belongs to it.
    private var pending: LineKind?

    init(_ dialect: CSVDialect, line: Int) {
      self.dialect = dialect
      self.line = line
    }

    /// - Parameter ended: called after each line outside quotes: what it was, the offset after it and
    ///   the number of the next line.
    mutating func feed(
      _ bytes: UnsafeBufferPointer<UInt8>, _ ended: (LineKind, Int, Int) -> Void
    ) {
      let delimiter = dialect.delimiter
      let quote = dialect.quote.map(Int.init) ?? -1
      let escape = dialect.escape.map(Int.init).flatMap { $0 == quote ? nil : $0 } ?? -1
      let comment = dialect.comment.map(Int.init) ?? -1
      let trims = dialect.trimsSpaces
      var next = 0
      // Where the next newline is; looked for once, however many lines end with a return before it.
      var newline = -1
      while next < bytes.count {
        if let (kind, end) = plainLine(bytes, from: next, &newline) {
          line += 1
          next = end
          ended(kind, end, line)
          continue
        }
        let index = next
        let byte = bytes[index]
        next += 1
        if let kind = pending {
          pending = nil
          ended(kind, byte == 0x0a ? index + 1 : index, line)
          if byte == 0x0a { continue }
        }
        if isInQuotes {
          if isEscaped {
            isEscaped = false
          } else if Int(byte) == escape {
            isEscaped = true
          } else if Int(byte) == quote {
            // A doubled quote closes here and opens again at the next byte, which comes to the same.
            isInQuotes = false
            wasQuoted = true
          }
          if byte == 0x0d || byte == 0x0a && !wasReturn { line += 1 }
          wasReturn = byte == 0x0d
          continue
        }
        switch byte {
        case 0x0a, 0x0d:
          line += 1
          let kind: LineKind = isComment ? .comment : hasContent ? .record : .blank
          hasContent = false
          isComment = false
          isFieldStart = true
          isLineStart = true
          if byte == 0x0d {
            pending = kind
          } else {
            ended(kind, index + 1, line)
          }
        case delimiter:
          isFieldStart = true
          isLineStart = false
          hasContent = true
        default:
          if isLineStart, Int(byte) == comment { isComment = true }
          if Int(byte) == quote, isFieldStart || wasQuoted, !isComment {
            isInQuotes = true
            wasReturn = false
            quoteLine = line
            hasContent = true
            isFieldStart = false
            wasQuoted = false
            isLineStart = false
            continue
          }
          hasContent = true
          isLineStart = false
          if !(trims && (byte == 0x20 || byte == 0x09) && isFieldStart) { isFieldStart = false }
        }
        wasQuoted = false
      }
    }

    /// A whole line without quotes, taken at once: libc finds bytes many times faster than a loop that
    /// keeps a state, and most lines are such.
    ///
    /// - Returns: what it is, and the offset after it; nil where the line has to be read byte by byte.
    private func plainLine(
      _ bytes: UnsafeBufferPointer<UInt8>, from start: Int, _ newline: inout Int
    ) -> (LineKind, Int)? {
      guard isLineStart, isFieldStart, !hasContent, !isInQuotes, !isComment, !wasQuoted,
        pending == nil, dialect.comment == nil, let base = bytes.baseAddress
      else { return nil }
      func place(_ byte: UInt8, before end: Int) -> Int? {
        memchr(base + start, Int32(byte), end - start).map {
          UnsafeRawPointer($0) - UnsafeRawPointer(base)
        }
      }
      if newline < start { newline = place(0x0a, before: bytes.count) ?? bytes.count }
      guard newline < bytes.count else { return nil }
      let length = newline - start
      var content = length
      if let back = place(0x0d, before: newline) {
        // One that does not stand before the newline ends a line of its own.
        guard back == newline - 1 else { return nil }
        content -= 1
      }
      if let quote = dialect.quote, place(quote, before: newline) != nil { return nil }
      return (content > 0 ? .record : .blank, start + length + 1)
    }

    /// The end of the file ends a line too.
    mutating func finish(_ ended: (LineKind, Int, Int) -> Void) {
      if let kind = pending {
        pending = nil
        ended(kind, 0, line)
      } else if hasContent {
        ended(isComment ? .comment : .record, 0, line)
      }
    }
  }
}

/// A file that is read by position.
package final class CSVFile {
  private let descriptor: Int32
  private let name: String
  package let size: Int

  package init(path: String, name: String) throws {
    self.name = name
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
      throw Diagnostic.error(
        "AX0404", at: SourceSpan(file: name, line: 0, column: 0), "'\(name)' cannot be read",
        cause: String(cString: strerror(errno)))
    }
    size = Int(status.st_size)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Fills the buffer as far as the file goes.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
    var filled = 0
    while filled < buffer.count {
      let count = pread(
        descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled,
        off_t(offset + filled))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw Diagnostic.error(
          "AX0404", at: SourceSpan(file: name, line: 0, column: 0), "'\(name)' cannot be read",
          cause: String(cString: strerror(errno)))
      }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  /// The bytes of a range; fewer where the file ends before.
  package func bytes(_ range: Range<Int>) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
      count = try read(into: UnsafeMutableRawBufferPointer(buffer), at: range.lowerBound)
    }
  }
}
