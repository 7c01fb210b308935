import AdmixModel

/// What the beginning of a file tells about the rest.
package struct CSVSketch: Hashable, Sendable, Codable {
  package var dialect: CSVDialect
  package var hasHeader: Bool
  /// From the header, or `column1`, `column2` and so on.
  package var names: [String]
  /// Where the first record of data begins, and on which line.
  package var start: Int
  package var line: Int
  /// What the columns look like from the first records.
  package var types: [CellType]
}

/// Looks at the beginning of a file to find out how it is written.
package struct CSVSniffer: Sendable {
  /// Nil finds the delimiter out.
  private let delimiter: UInt8?
  private let dialect: CSVDialect
  /// Nil finds out whether there is a header.
  private let header: Bool?
  private let skippedLines: Int

  package init(_ dialect: CSVDialect, delimiter: UInt8?, header: Bool?, skippedLines: Int) {
    self.dialect = dialect
    self.delimiter = delimiter
    self.header = header
    self.skippedLines = skippedLines
  }

  package func sketch(path: String, name: String) throws -> CSVSketch {
    let file = try CSVFile(path: path, name: name)
    var length = 256 << 10
    while true {
      let bytes = try file.bytes(0..<min(length, max(1, file.size)))
      if let sketch = try sketch(bytes, isAll: bytes.count >= file.size, name: name) {
        return sketch
      }
      // Not even one whole record: look further.
      length *= 8
    }
  }

  private func sketch(_ all: [UInt8], isAll: Bool, name: String) throws -> CSVSketch? {
    var start = all.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    if all.starts(with: [0xFF, 0xFE]) || all.starts(with: [0xFE, 0xFF]) {
      throw Diagnostic.error(
        "AX0418", at: SourceSpan(file: name, line: 1, column: 1), "the text is UTF-16",
        hint: "write format: {csv: {encoding: utf-16}}")
    }
    var line = 1
    for _ in 0..<skippedLines {
      guard let end = all[start...].firstIndex(of: 0x0a) else { break }
      start = end + 1
      line += 1
    }
    let empty = Diagnostic.error(
      "AX0410", at: SourceSpan(file: name, line: 0, column: 0), "'\(name)' is empty",
      cause: "there is not even a header")
    guard start < all.count else {
      if isAll { throw empty }
      return nil
    }
    // Only whole lines: the last one may be cut in the middle.
    var end = all.count
    if !isAll {
      guard let last = all.lastIndex(of: 0x0a), last > start else { return nil }
      end = last + 1
    }
    let sample = Array(all[start..<end])
    try CSVReader.checkText(sample, name: name, firstLine: line)
    var dialect = dialect
    dialect.delimiter = delimiter ?? bestDelimiter(sample, name)
    var lenient = dialect
    lenient.ragged = .reject
    let rows = try CSVTokens(
      sample, dialect: lenient, fields: nil, name: name, firstLine: line, limit: 2000)
    guard rows.rows > 0 else {
      if isAll { throw empty }
      return nil
    }
    let parser = CellParser(decimalMark: dialect.decimalMark, thousandsMark: dialect.thousandsMark)
    let first = (0..<rows.fields).map { rows.text(row: 0, field: $0) }
    let hasHeader = header ?? looksLikeHeader(first, rows, parser)
    var types = [CellType](repeating: .empty, count: rows.fields)
    let missing = Set(dialect.missing)
    for field in 0..<rows.fields {
      rows.forEach(field) { row, cell in
        if row == 0, hasHeader { return true }
        if cell.isEmpty || missing.contains(String(decoding: cell, as: UTF8.self)) { return true }
        types[field] = types[field].joined(CellType.of(cell, parser))
        return types[field] != .text
      }
    }
    let names =
      hasHeader
      ? first.enumerated().map { index, text in
        let trimmed = text.trimmingPrefix { $0 == " " || $0 == "\t" }
        return trimmed.isEmpty ? "column\(index + 1)" : String(trimmed)
      } : first.indices.map { "column\($0 + 1)" }
    var dataStart = Int(rows.rowStarts[0])
    if hasHeader {
      dataStart = rows.rows > 1 ? Int(rows.rowStarts[1]) : sample.count
    }
    let dataLine =
      line + sample[..<dataStart].count { $0 == 0x0a }
      + (sample.contains(0x0a) ? 0 : sample[..<dataStart].count { $0 == 0x0d })
    return CSVSketch(
      dialect: dialect, hasHeader: hasHeader, names: names, start: start + dataStart,
      line: dataLine, types: types)
  }

  /// The delimiter that cuts most records into the same number of fields, more than one.
  private func bestDelimiter(_ sample: [UInt8], _ name: String) -> UInt8 {
    var best: (delimiter: UInt8, score: Double) = (UInt8(ascii: ","), 0)
    for candidate in ",;\t|:".utf8 {
      var trial = dialect
      trial.delimiter = candidate
      trial.ragged = .reject
      guard
        let rows = try? CSVTokens(
          sample, dialect: trial, fields: nil, name: name, firstLine: 1, limit: 200),
        rows.fields > 1
      else { continue }
      let share = Double(rows.rows) / Double(rows.rows + rows.rejects.count)
      // Consistency first; more fields break ties, and ':' stands in times too often to win them.
      let score =
        share * share * (1 + Double(min(rows.fields, 50)) / 100)
        * (candidate == UInt8(ascii: ":") ? 0.5 : 1)
      if score > best.score { best = (candidate, score) }
    }
    return best.delimiter
  }

  private func looksLikeHeader(_ first: [String], _ rows: CSVTokens, _ parser: CellParser) -> Bool {
    let isNamed = first.allSatisfy { text in
      var text = text
      return text.withUTF8 { CellType.of($0, parser) } == .text || text.isEmpty
    }
    guard isNamed, first.count(where: { $0.isEmpty }) <= 1 else { return false }
    if rows.rows == 1 { return true }
    // A column of numbers under a word speaks for a header; failing that, names that do not repeat
    // below.
    for field in 0..<rows.fields {
      var text = rows.text(row: 1, field: field)
      if text.withUTF8({ CellType.of($0, parser) }) != .text, !text.isEmpty { return true }
    }
    guard Set(first).count == first.count else { return false }
    for field in 0..<rows.fields {
      var repeats = false
      rows.forEach(field) { row, cell in
        if row > 0, cell.elementsEqual(first[field].utf8) { repeats = true }
        return !repeats
      }
      if repeats { return false }
    }
    return true
  }
}
