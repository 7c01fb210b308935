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

/// What is known about a file before it is looked at; nil is found out.
package struct CSVKnowledge: Hashable, Sendable, Codable {
  /// A quote character, or that there is none.
  package enum Quote: Hashable, Sendable, Codable {
    case none
    case character(UInt8)

    package var mark: UInt8? { if case .character(let mark) = self { mark } else { nil } }
  }

  package var delimiter: UInt8?
  package var quote: Quote?
  package var trimsSpaces: Bool?
  package var header: Bool?
  package var skippedLines = 0

  package init(
    delimiter: UInt8? = nil, quote: Quote? = nil, trimsSpaces: Bool? = nil, header: Bool? = nil,
    skippedLines: Int = 0
  ) {
    self.delimiter = delimiter
    self.quote = quote
    self.trimsSpaces = trimsSpaces
    self.header = header
    self.skippedLines = skippedLines
  }
}

/// Looks at the beginning of a file to find out how it is written.
package struct CSVSniffer: Sendable {
  /// So many records decide about the dialect.
  private static let trialRecords = 500
  /// A first record longer than this is no record.
  private static let longestRecord = 256 << 20

  private let dialect: CSVDialect
  private let known: CSVKnowledge

  /// - Parameter dialect: what is not found out: comments, marks, missing words, ragged rows.
  package init(_ dialect: CSVDialect, _ known: CSVKnowledge = CSVKnowledge()) {
    self.dialect = dialect
    self.known = known
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
      guard length < Self.longestRecord else {
        throw Diagnostic.error(
          "AX0414", at: SourceSpan(file: name, line: known.skippedLines + 1, column: 1),
          "the first record is longer than \(Self.longestRecord >> 20) MiB",
          hint: "is it a text file with lines?")
      }
      length = min(length * 8, Self.longestRecord)
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
    for _ in 0..<known.skippedLines {
      guard let end = all[start...].firstIndex(where: { $0 == 0x0a || $0 == 0x0d }) else { break }
      start = end + 1
      if all[end] == 0x0d, start < all.count, all[start] == 0x0a { start += 1 }
      line += 1
    }
    let empty = Diagnostic.error(
      "AX0410", at: SourceSpan(file: name, line: 0, column: 0), "'\(name)' is empty",
      cause: "there is not even a header")
    guard start < all.count else {
      if isAll { throw empty }
      return nil
    }
    // Only whole lines: the last one may be cut in the middle, also between a return and its newline.
    var end = all.count
    if !isAll {
      let ends = all.dropLast(all.last == 0x0d ? 1 : 0)
      guard let last = ends.lastIndex(where: { $0 == 0x0a || $0 == 0x0d }), last > start else {
        return nil
      }
      end = last + 1
    }
    let sample = Array(all[start..<end])
    try CSVReader.checkText(sample, name: name, firstLine: line)
    guard let trial = try bestTrial(sample, isAll: isAll, firstLine: line, name) else { return nil }
    let dialect = trial.dialect
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
    let hasHeader = known.header ?? looksLikeHeader(first, rows, parser)
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
    // What follows the header is data, also where it does not look like the header's rows.
    if hasHeader { dataStart = rows.firstRowEnd }
    // With one column a blank line above a value is a row.
    if !hasHeader, rows.fields == 1 { dataStart = 0 }
    let dataLine = line + Self.lineEnds(sample[..<dataStart])
    return CSVSketch(
      dialect: dialect, hasHeader: hasHeader, names: names, start: start + dataStart,
      line: dataLine, types: types)
  }

  private static func lineEnds(_ bytes: ArraySlice<UInt8>) -> Int {
    var ends = 0
    var wasReturn = false
    for byte in bytes {
      if byte == 0x0d || byte == 0x0a && !wasReturn { ends += 1 }
      wasReturn = byte == 0x0d
    }
    return ends
  }

  /// The dialect that reads the sample best, among those that what is known allows; nil where the
  /// sample is likely to end within the first record.
  private func bestTrial(_ sample: [UInt8], isAll: Bool, firstLine: Int, _ name: String) throws
    -> DialectTrial?
  {
    var present = [Bool](repeating: false, count: 256)
    for byte in sample { present[Int(byte)] = true }
    let taken = [known.quote?.mark, dialect.escape, dialect.comment]
    let delimiters =
      known.delimiter.map { [$0] } ?? Array(",\t;|: ".utf8).filter { !taken.contains($0) }
    var best: (trial: DialectTrial, score: Double)?
    var isCut = false
    for delimiter in delimiters
    where delimiter == delimiters.first || present[Int(delimiter)] {
      var areQuotesOrdinary = delimiter == 0x22
      var soundQuotes = 0
      for (quote, escape) in quotings(sample, present)
      where known.quote != nil || quote != delimiter {
        var candidate = dialect
        candidate.delimiter = delimiter
        candidate.quote = quote
        candidate.escape = escape
        candidate.trimsSpaces = known.trimsSpaces ?? false
        var trial = DialectTrial(sample, candidate, isAll: isAll, limit: Self.trialRecords)
        if known.trimsSpaces == nil, trial.isSpaced, delimiter != 0x20, delimiter != 0x09 {
          // `a, b, "c, d"`: the spaces belong to the delimiters.
          candidate.trimsSpaces = true
          trial = DialectTrial(sample, candidate, isAll: isAll, limit: Self.trialRecords)
        }
        let isUsual = known.delimiter != nil || delimiter != UInt8(ascii: ":") && delimiter != 0x20
        if trial.isCut, isUsual, known.quote != nil || quote == 0x22 { isCut = true }
        var score = trial.score
        // Both stand inside times, names and sentences too often to part columns by themselves.
        if known.delimiter == nil, delimiter == UInt8(ascii: ":") || delimiter == 0x20 {
          score *= trial.shapes.count == 1 && trial.records > 1 && trial.hasNumbers ? 0.7 : 0
        }
        if known.quote == nil, quote == 0x22, trial.oddQuotes > trial.soundQuotes || trial.isOpen {
          areQuotesOrdinary = true
        }
        if known.quote == nil, quote == nil, !areQuotesOrdinary { continue }
        // Apostrophes are quotes only where nothing speaks against it.
        if known.quote == nil, quote == UInt8(ascii: "'") {
          let isSound = trial.soundQuotes > 0 && trial.oddQuotes == 0
          score *= isSound && soundQuotes == 0 ? 1.01 : 0
        }
        if quote == 0x22 { soundQuotes += trial.soundQuotes }
        if best == nil || score > (best?.score ?? 0) * (1 + 1e-9) { best = (trial, score) }
      }
    }
    guard let best else { preconditionFailure("the first delimiter is always tried") }
    let trial = best.trial
    // Lines within a long quoted field are cut into something too, and even all alike: look further,
    // unless another delimiter makes sense of the quotes.
    if isCut, trial.width < 2 || trial.soundQuotes == 0 || trial.oddQuotes > 0 {
      if sample.count < Self.longestRecord / 2 || trial.width < 2 || trial.shapes.count > 1 {
        return nil
      }
    }
    // Titles and remarks above the table would be taken for it.
    if trial.records >= 4, trial.width > 1, trial.firstFields != trial.width,
      (trial.shapes[trial.firstFields] ?? 0) * 4 <= (trial.shapes[trial.width] ?? 0)
    {
      let isNameless = trial.firstFields == trial.width - 1
      throw Diagnostic.error(
        "AX0415", at: SourceSpan(file: name, line: firstLine, column: 1),
        "the first row has \(trial.firstFields) field\(trial.firstFields == 1 ? "" : "s") and most others \(trial.width)",
        cause: isNameless
          ? "one column has no name, as where R writes row names"
          : "it seems to stand above the table",
        hint: isNameless
          ? "put a name for the first column into the file, or leave the line out with skip: 1, header: false and name all 'columns'"
          : "format: {csv: {skip: 1}} leaves so many lines out; 'delimiter' says what parts fields")
    }
    return trial
  }

  /// The ways of quoting that are worth a trial, the usual one first.
  private func quotings(_ sample: [UInt8], _ present: [Bool]) -> [(
    quote: UInt8?, escape: UInt8?
  )] {
    switch known.quote {
    case .some(.none): return [(nil, dialect.escape)]
    case .character(let quote): return escapes(quote, present).map { (quote, $0) }
    case nil:
      var ways: [(quote: UInt8?, escape: UInt8?)] = escapes(0x22, present).map { (0x22, $0) }
      if present[0x22] { ways.append((nil, dialect.escape)) }
      if present[0x27], dialect.comment != 0x27 { ways.append((0x27, dialect.escape)) }
      return ways
    }
  }

  /// A backslash before a quote may or may not be meant to hide it.
  private func escapes(_ quote: UInt8, _ present: [Bool]) -> [UInt8?] {
    guard dialect.escape == nil, present[0x5c], present[Int(quote)] else { return [dialect.escape] }
    return [nil, 0x5c]
  }

  private func looksLikeHeader(_ first: [String], _ rows: CSVTokens, _ parser: CellParser) -> Bool {
    func isWord(_ text: String) -> Bool {
      var text = text
      // Digits are no name, also where there are too many of them for a number.
      return text.withUTF8 { CellType.of($0, parser) == .text && parser.double($0) == nil }
    }
    let isNamed = first.allSatisfy { isWord($0) || $0.isEmpty }
    guard isNamed, first.count(where: { $0.isEmpty }) <= 1 else { return false }
    if rows.rows == 1 { return true }
    // A column of numbers under a word speaks for a header; failing that, names that do not repeat
    // below.
    for field in 0..<rows.fields {
      let text = rows.text(row: 1, field: field)
      if !isWord(text), !text.isEmpty { return true }
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
