import AdmixModel

/// The fields of some records: where each begins and ends, row by row.
struct CSVTokens {
  /// The text of the records.
  let bytes: [UInt8]
  /// Fields that had to be unescaped, one after the other.
  private(set) var side: [UInt8] = []
  /// For each field, row by row, `fields` to a row: its place in `bytes`, or in `side` where the top
  /// bit is set.
  private(set) var starts: [UInt32] = []
  private(set) var ends: [UInt32] = []
  let fields: Int
  private(set) var rows = 0
  private(set) var rejects: [RejectedRow] = []
  /// Which of all records the rejected ones are, counted from 0.
  private(set) var rejectedRecords: [Int] = []
  /// Where each row begins in `bytes`.
  private(set) var rowStarts: [UInt32] = []
  /// Where the line after the first row begins.
  private(set) var firstRowEnd = 0

  private static let sideBit: UInt32 = 0x8000_0000

  /// Cuts records into fields.
  ///
  /// - Parameters:
  ///   - fields: how many each record must have; nil takes the first record's number.
  ///   - limit: stops after so many records.
  init(
    _ bytes: [UInt8], dialect: CSVDialect, fields expected: Int?, name: String, firstLine: Int,
    limit: Int = .max
  ) throws {
    guard bytes.count < Int(Self.sideBit) else {
      throw Diagnostic.error(
        "AX0414", at: SourceSpan(file: name, line: firstLine, column: 1),
        "a run of records is longer than 2 GiB")
    }
    var starts: [UInt32] = []
    var ends: [UInt32] = []
    var rowStarts: [UInt32] = []
    var side: [UInt8] = []
    var rejects: [RejectedRow] = []
    var rejectedRecords: [Int] = []
    var width = expected ?? -1
    var firstRowEnd = 0
    var counter = LineCounter(line: firstLine)
    starts.reserveCapacity(bytes.count / 6)
    ends.reserveCapacity(bytes.count / 6)
    let delimiter = dialect.delimiter
    let quote = dialect.quote.map(Int.init) ?? -1
    let escape = dialect.escape.map(Int.init) ?? -1
    let comment = dialect.comment.map(Int.init) ?? -1
    let trims = dialect.trimsSpaces
    var rows = 0
    try bytes.withUnsafeBufferPointer { text in
      let count = text.count
      var at = 0
      // Blank lines that are rows if a record follows.
      var blanks: [UInt32] = []
      while at < count, rows + rejects.count < limit {
        let rowStart = at
        // Blank lines and comments are no records.
        let byte = text[at]
        if byte == 0x0a || byte == 0x0d {
          at += byte == 0x0d && at + 1 < count && text[at + 1] == 0x0a ? 2 : 1
          // With one column, a blank line above another row is a row without a value.
          if expected == 1 { blanks.append(UInt32(rowStart)) }
          continue
        }
        if Int(byte) == comment {
          while at < count, text[at] != 0x0a, text[at] != 0x0d { at += 1 }
          // Its line end is its own: left here, it would be a blank line.
          if at < count { at += text[at] == 0x0d && at + 1 < count && text[at + 1] == 0x0a ? 2 : 1 }
          continue
        }
        for blank in blanks {
          starts.append(blank)
          ends.append(blank)
          rowStarts.append(blank)
          rows += 1
        }
        blanks.removeAll(keepingCapacity: true)
        let firstField = starts.count
        let sideMark = side.count
        var isMisquoted = false
        var isRowOpen = true
        while isRowOpen {
          var from = at
          if trims {
            while from < count, text[from] == 0x20 || text[from] == 0x09, text[from] != delimiter {
              from += 1
            }
          }
          if from < count, Int(text[from]) == quote {
            // A quoted field: to the closing quote, and whatever follows it up to the delimiter.
            var index = from + 1
            let plainStart = index
            var isPlain = true
            var copy: [UInt8] = []
            var copied = index
            while index < count {
              let byte = text[index]
              if Int(byte) == escape, escape != quote, index + 1 < count {
                // Before anything but a quote or itself it is a character like others.
                if Int(text[index + 1]) == quote || Int(text[index + 1]) == escape {
                  isPlain = false
                  copy.append(contentsOf: text[copied..<index])
                  copied = index + 1
                }
                index += 2
                continue
              }
              if Int(byte) == quote {
                if index + 1 < count, Int(text[index + 1]) == quote {
                  isPlain = false
                  copy.append(contentsOf: text[copied...index])
                  index += 2
                  copied = index
                  continue
                }
                break
              }
              index += 1
            }
            let close = index
            at = min(count, index + 1)
            let tail = at
            while at < count, text[at] != delimiter, text[at] != 0x0a, text[at] != 0x0d { at += 1 }
            // Spaces after the closing quote mean nothing; anything else means that the quotes are odd.
            if (tail..<at).contains(where: { text[$0] != 0x20 && text[$0] != 0x09 }) {
              isMisquoted = true
            }
            if isPlain {
              starts.append(UInt32(plainStart))
              ends.append(UInt32(close))
            } else {
              copy.append(contentsOf: text[copied..<close])
              starts.append(UInt32(side.count) | Self.sideBit)
              side.append(contentsOf: copy)
              ends.append(UInt32(side.count) | Self.sideBit)
            }
          } else {
            at = from
            while at < count {
              let byte = text[at]
              if byte == delimiter || byte == 0x0a || byte == 0x0d { break }
              at += 1
            }
            var to = at
            if trims { while to > from, text[to - 1] == 0x20 || text[to - 1] == 0x09 { to -= 1 } }
            starts.append(UInt32(from))
            ends.append(UInt32(to))
          }
          if at >= count {
            isRowOpen = false
          } else if text[at] == delimiter {
            at += 1
            if at == count {
              // A delimiter at the very end leaves one more, empty, field.
              starts.append(UInt32(at))
              ends.append(UInt32(at))
              isRowOpen = false
            }
          } else {
            if text[at] == 0x0d, at + 1 < count, text[at + 1] == 0x0a { at += 1 }
            at += 1
            isRowOpen = false
          }
        }
        var found = starts.count - firstField
        if width < 0 { width = found }
        if found < width, dialect.ragged == .pad {
          for _ in found..<width {
            starts.append(UInt32(rowStart))
            ends.append(UInt32(rowStart))
          }
          found = width
        }
        if isMisquoted || found != width {
          let line = counter.line(text, at: rowStart)
          let fact =
            isMisquoted
            ? "a quoted field goes on after its closing quote"
            : "the row has \(found) field\(found == 1 ? "" : "s") where the first has \(width)"
          guard dialect.ragged == .reject else {
            if isMisquoted {
              throw Diagnostic.error(
                "AX0429", at: SourceSpan(file: name, line: line, column: 1), fact,
                hint:
                  "if quotes are ordinary characters here, write format: {csv: {quote: ''}}; 'ragged: reject' leaves such rows out and counts them"
              )
            }
            throw Diagnostic.error(
              "AX0415", at: SourceSpan(file: name, line: line, column: 1), fact,
              cause: dialect.ragged == .pad
                ? "'ragged: pad' fills up short rows; what is too much has no column" : nil,
              hint: "format: {csv: {ragged: reject}} leaves such rows out and counts them")
          }
          rejectedRecords.append(rows + rejects.count)
          rejects.append(RejectedRow(line: line, reason: fact))
          starts.removeSubrange(firstField...)
          ends.removeSubrange(firstField...)
          side.removeSubrange(sideMark...)
          continue
        }
        rowStarts.append(UInt32(rowStart))
        rows += 1
        if rows == 1 { firstRowEnd = at }
      }
    }
    self.firstRowEnd = firstRowEnd
    self.bytes = bytes
    self.side = side
    self.starts = starts
    self.ends = ends
    self.rowStarts = rowStarts
    self.rejects = rejects
    self.rejectedRecords = rejectedRecords
    self.rows = rows
    fields = max(0, width)
  }

  /// The place of a field in the file: its line, and its column in characters of one byte or more.
  func place(row: Int, field: Int, name: String, firstLine: Int) -> SourceSpan {
    let start = Int(starts[row * fields + field])
    let isAside = start & Int(Self.sideBit) != 0
    let at = isAside ? Int(rowStarts[row]) : start
    return bytes.withUnsafeBufferPointer { text in
      var counter = LineCounter(line: firstLine)
      let line = counter.line(text, at: at)
      var lineStart = at
      while lineStart > 0, text[lineStart - 1] != 0x0a, text[lineStart - 1] != 0x0d {
        lineStart -= 1
      }
      let column = text[lineStart..<at].reduce(1) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
      return SourceSpan(file: name, line: line, column: column)
    }
  }

  /// Which of all records the rows are, counted from 0, rejected ones included; nil where none is.
  var records: [Int]? {
    if rejectedRecords.isEmpty { return nil }
    var skipped = 0
    return (0..<rows).map { row in
      while skipped < rejectedRecords.count, rejectedRecords[skipped] <= row + skipped {
        skipped += 1
      }
      return row + skipped
    }
  }

  /// Whether every record, rejected ones included, is one line, and every line one record.
  var isLineEach: Bool {
    bytes.withUnsafeBufferPointer { text in
      var newlines = 0
      var returns = 0
      for byte in text {
        newlines &+= byte == 0x0a ? 1 : 0
        returns &+= byte == 0x0d ? 1 : 0
      }
      if returns > 0 {
        for index in text.indices.dropLast() where text[index] == 0x0d && text[index + 1] == 0x0a {
          returns -= 1
        }
        if returns > 0 { return false }
      }
      if let last = text.last, last != 0x0a { newlines += 1 }
      return newlines == rows + rejectedRecords.count
    }
  }

  /// The lines that some rows begin on.
  ///
  /// - Parameter rows: ascending.
  func lines(of rows: [Int], firstLine: Int) -> [Int] {
    bytes.withUnsafeBufferPointer { text in
      var counter = LineCounter(line: firstLine)
      return rows.map { counter.line(text, at: Int(rowStarts[$0])) }
    }
  }

  /// The line that a byte is in.
  static func line(of offset: Int, in bytes: [UInt8], firstLine: Int) -> Int {
    bytes.withUnsafeBufferPointer { text in
      var counter = LineCounter(line: firstLine)
      return counter.line(text, at: offset)
    }
  }

  /// Calls the body with the bytes of every field of a column, row by row.
  @inline(__always)
  func forEach(_ field: Int, _ body: (Int, UnsafeBufferPointer<UInt8>) -> Bool) {
    bytes.withUnsafeBufferPointer { text in
      side.withUnsafeBufferPointer { other in
        starts.withUnsafeBufferPointer { starts in
          ends.withUnsafeBufferPointer { ends in
            var index = field
            for row in 0..<rows {
              let start = starts[index]
              let end = ends[index]
              let cell: UnsafeBufferPointer<UInt8>
              if start & Self.sideBit == 0 {
                cell = UnsafeBufferPointer(rebasing: text[Int(start)..<Int(end)])
              } else {
                cell = UnsafeBufferPointer(
                  rebasing: other[Int(start & ~Self.sideBit)..<Int(end & ~Self.sideBit)])
              }
              if !body(row, cell) { return }
              index += fields
            }
          }
        }
      }
    }
  }

  func text(row: Int, field: Int) -> String {
    let start = starts[row * fields + field]
    let end = ends[row * fields + field]
    return start & Self.sideBit == 0
      ? String(decoding: bytes[Int(start)..<Int(end)], as: UTF8.self)
      : String(decoding: side[Int(start & ~Self.sideBit)..<Int(end & ~Self.sideBit)], as: UTF8.self)
  }
}

/// Counts line ends (LF, CRLF or CR, each once) up to places that come in ascending order, so that a
/// file full of rejects is walked once.
private struct LineCounter {
  private(set) var line: Int
  private var at = 0

  init(line: Int) { self.line = line }

  mutating func line(_ text: UnsafeBufferPointer<UInt8>, at end: Int) -> Int {
    while at < end {
      if text[at] == 0x0a, at == 0 || text[at - 1] != 0x0d { line += 1 }
      if text[at] == 0x0d { line += 1 }
      at += 1
    }
    return line
  }
}
