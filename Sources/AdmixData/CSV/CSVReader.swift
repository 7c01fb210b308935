package import AdmixModel

/// How one column of a file is to be read.
package struct CSVColumnPlan: Hashable, Sendable, Codable {
  package var name: String
  /// What the data has been found to be, or is guessed to be.
  package var type: CellType
  /// What the spec says it is; values that do not fit are errors or rejects.
  package var declared: ColumnType?
  /// A strptime-like format of dates.
  package var format: String?

  package init(name: String, type: CellType, declared: ColumnType? = nil, format: String? = nil) {
    self.name = name
    self.type = type
    self.declared = declared
    self.format = format
  }
}

/// What a piece of a file says about one of its columns.
package struct CSVColumnSummary: Hashable, Sendable, Codable {
  package var type: CellType
  /// Sorted; nil when there are more than `CSVReader.mostCategories`, or the column is no text.
  package var distinct: [String]?
  package var present: Int
  package var fewestDecimals: Int
  package var mostDecimals: Int
  /// How the values were kept.
  package var kept: ColumnType

  package init(
    type: CellType, distinct: [String]?, present: Int, fewestDecimals: Int, mostDecimals: Int,
    kept: ColumnType
  ) {
    self.type = type
    self.distinct = distinct
    self.present = present
    self.fewestDecimals = fewestDecimals
    self.mostDecimals = mostDecimals
    self.kept = kept
  }

  /// Forgets what only rejected rows had.
  mutating func narrow(to column: Column) {
    present = column.count - column.missingCount
    guard case .category(let codes, let categories) = column.values else { return }
    var occurs = [Bool](repeating: false, count: categories.count)
    for row in 0..<column.count where !column.isMissing(row) { occurs[Int(codes[row])] = true }
    distinct = categories.indices.filter { occurs[$0] }.map { categories[$0] }
  }

  /// The same about two pieces.
  package func merged(_ other: CSVColumnSummary) -> CSVColumnSummary {
    var sum = self
    sum.type = type.joined(other.type)
    sum.present += other.present
    sum.fewestDecimals = min(fewestDecimals, other.fewestDecimals)
    sum.mostDecimals = max(mostDecimals, other.mostDecimals)
    if present == 0 {
      sum.distinct = other.distinct
    } else if other.present > 0 {
      sum.distinct = nil
      if let a = distinct, let b = other.distinct {
        let all = CategoryIndex.distinct(a + b)
        if all.count <= CSVReader.mostCategories { sum.distinct = all }
      }
    }
    return sum
  }
}

/// Reads pieces of a CSV file into batches, and says what the values turned out to be.
package struct CSVReader: Sendable {
  /// A text column with more different values than this is no category.
  package static let mostCategories = 1000

  /// Whether a text column counts as a category, by all its values: at most a thousand different
  /// ones, and at most twenty or one in twenty rows, whichever is more.
  package static func isCategory(distinct: Int, present: Int) -> Bool {
    distinct <= mostCategories && distinct <= max(20, present / 20)
  }

  package struct Piece: Sendable {
    package var batch: Batch
    package var summaries: [CSVColumnSummary]
    package var rejects: [RejectedRow]
    /// Which of the range's records the rows are, counted from 0; nil where they are all of them.
    package var records: [Int]?
    /// By row, how many lines below the range's first one it begins; nil where each record is a line.
    package var lines: [Int]?
  }

  private let dialect: CSVDialect
  private let columns: [CSVColumnPlan]
  private let parser: CellParser
  private let missing: [[UInt8]]

  package init(_ dialect: CSVDialect, columns: [CSVColumnPlan]) {
    self.dialect = dialect
    self.columns = columns
    parser = CellParser(decimalMark: dialect.decimalMark, thousandsMark: dialect.thousandsMark)
    missing = dialect.missing.map { Array($0.utf8) }
  }

  /// - Parameter name: how messages call the file.
  package func read(path: String, name: String, _ range: CSVRange) throws -> Piece {
    let bytes = try CSVFile(path: path, name: name).bytes(range.start..<range.end)
    try Self.checkText(bytes, name: name, firstLine: range.line)
    let tokens = try CSVTokens(
      bytes, dialect: dialect, fields: columns.count, name: name, firstLine: range.line)
    var rejected = [Bool](repeating: false, count: tokens.rows)
    var rejects = tokens.rejects
    var schemas: [ColumnSchema] = []
    var made: [Column] = []
    var summaries: [CSVColumnSummary] = []
    for (field, plan) in columns.enumerated() {
      var work = ColumnWork(
        tokens: tokens, field: field, plan: plan, parser: parser, missing: missing)
      try work.run()
      let fact = "the value of '\(plan.name)' is not \(Self.noun(plan))"
      if let misfit = work.misfits.first, !dialect.rejectsMisfits {
        let place = tokens.place(row: misfit, field: field, name: name, firstLine: range.line)
        throw Diagnostic.error(
          "AX0416", at: place, fact,
          hint:
            "'on-error: reject' leaves such rows out and counts them, 'missing: [...]' names words for no value"
        )
      }
      let fresh = work.misfits.filter { !rejected[$0] }
      for (misfit, line) in zip(fresh, tokens.lines(of: fresh, firstLine: range.line)) {
        rejects.append(RejectedRow(line: line, reason: fact))
        rejected[misfit] = true
      }
      schemas.append(work.schema)
      made.append(work.column)
      summaries.append(work.summary)
    }
    var batch = Batch(schema: Schema(schemas), columns: made, rows: tokens.rows)
    var records = tokens.records
    var lines =
      tokens.isLineEach
      ? nil
      : tokens.lines(of: Array(0..<tokens.rows), firstLine: range.line).map { $0 - range.line }
    if rejected.contains(true) {
      let kept = rejected.indices.filter { !rejected[$0] }
      batch = batch.taking(kept)
      for index in columns.indices { summaries[index].narrow(to: batch.columns[index]) }
      records = records.map { records in kept.map { records[$0] } } ?? kept
      lines = lines.map { lines in kept.map { lines[$0] } }
    }
    rejects.sort { $0.line < $1.line }
    return Piece(
      batch: batch, summaries: summaries, rejects: rejects, records: records, lines: lines)
  }

  private static func noun(_ plan: CSVColumnPlan) -> String {
    if let format = plan.format { return "a date in the format '\(format)'" }
    return noun(plan.declared)
  }

  /// What a value of a type is, in words.
  package static func noun(_ type: ColumnType?) -> String {
    switch type {
    case .int: "a whole number"
    case .double: "a number"
    case .bool: "true or false"
    case .date: "a date (YYYY-MM-DD)"
    case .datetime: "a date with time (ISO 8601)"
    case .text, .category, nil: "of its type"
    }
  }

  /// NUL bytes and bytes that are not UTF-8 are no text; both are found before they get anywhere.
  package static func checkText(_ bytes: [UInt8], name: String, firstLine: Int) throws {
    var hasHigh = false
    var hasZero = false
    for byte in bytes {
      if byte >= 0x80 { hasHigh = true }
      if byte == 0 { hasZero = true }
    }
    func line(_ offset: Int) -> Int { CSVTokens.line(of: offset, in: bytes, firstLine: firstLine) }
    if hasZero, let offset = bytes.firstIndex(of: 0) {
      throw Diagnostic.error(
        "AX0417", at: SourceSpan(file: name, line: line(offset), column: 1),
        "the text holds a NUL byte", hint: "is it UTF-16? then write encoding: utf-16")
    }
    guard hasHigh, String(validating: bytes, as: UTF8.self) == nil else { return }
    // Find the first line that is to blame; no end of a line is within a character.
    var start = 0
    for part in bytes.split(
      omittingEmptySubsequences: false, whereSeparator: { $0 == 0x0a || $0 == 0x0d })
    {
      if String(validating: part, as: UTF8.self) == nil { break }
      start += part.count + 1
    }
    let number = line(min(start, bytes.count))
    throw Diagnostic.error(
      "AX0418", at: SourceSpan(file: name, line: number, column: 1), "the text is not UTF-8",
      hint: "name what it is, such as format: {csv: {encoding: latin-1}}")
  }
}

/// The reading of one column of a piece.
private struct ColumnWork {
  let tokens: CSVTokens
  let field: Int
  let plan: CSVColumnPlan
  let parser: CellParser
  let missing: [[UInt8]]

  private(set) var misfits: [Int] = []
  private(set) var schema: ColumnSchema
  private(set) var column: Column
  private(set) var summary: CSVColumnSummary
  private var valid: [Bool]

  init(
    tokens: CSVTokens, field: Int, plan: CSVColumnPlan, parser: CellParser, missing: [[UInt8]]
  ) {
    self.tokens = tokens
    self.field = field
    self.plan = plan
    self.parser = parser
    self.missing = missing
    schema = ColumnSchema(plan.name, .text)
    column = Column(.text(TextBuffer([])))
    summary = CSVColumnSummary(
      type: .empty, distinct: nil, present: 0, fewestDecimals: .max, mostDecimals: -1, kept: .text)
    valid = Array(repeating: true, count: tokens.rows)
  }

  @inline(__always)
  private func isMissing(_ cell: UnsafeBufferPointer<UInt8>) -> Bool {
    for word in missing where word.count == cell.count {
      var isSame = true
      for index in 0..<word.count where word[index] != cell[index] {
        isSame = false
        break
      }
      if isSame { return true }
    }
    return false
  }

  mutating func run() throws {
    if let format = plan.format.flatMap(DateFormat.init) {
      let type = plan.declared ?? (format.hasTime ? .datetime : .date)
      try moments(type) { format.microseconds($0) }
      return
    }
    switch plan.declared {
    case .text: try texts()
    case .category: try categories(limit: .max)
    case .int: try ints()
    case .double: try doubles()
    case .bool: try bools()
    case .date: try moments(.date) { CellParser.date($0).map { Int64($0) * 86_400_000_000 } }
    case .datetime: try moments(.datetime, instants)
    case nil: try guessed()
    }
  }

  private mutating func guessed() throws {
    switch plan.type {
    case .empty: break
    case .int, .long: try ints()
    case .double: try doubles()
    case .bool: try bools()
    case .date: try moments(.date) { CellParser.date($0).map { Int64($0) * 86_400_000_000 } }
    case .datetime, .instant: try moments(.datetime, instants)
    case .text: try categories(limit: CSVReader.mostCategories)
    }
    if plan.type != .empty, misfits.isEmpty { return }
    // The guess was wrong: find out what the values are; the piece is read again with that.
    misfits = []
    valid = Array(repeating: true, count: tokens.rows)
    var type = plan.type
    var present = 0
    tokens.forEach(field) { row, cell in
      if !isMissing(cell) {
        present += 1
        if type != .text { type = type.joined(CellType.of(cell, parser)) }
      }
      return true
    }
    if type == plan.type || type == .text || type == .empty {
      try categories(limit: CSVReader.mostCategories)
      summary.type = type == .empty ? .empty : .text
    } else {
      schema = ColumnSchema(plan.name, .text)
      column = Column(
        .text(TextBuffer(Array(repeating: "", count: tokens.rows))),
        validity: Bitmap(count: tokens.rows) { _ in false })
      summary.type = type
      summary.present = present
      summary.kept = .text
    }
  }

  /// The moment of an ISO text; a guess of local times holds no instants, and the other way round.
  private func instants(_ cell: UnsafeBufferPointer<UInt8>) -> Int64? {
    if let moment = CellParser.datetime(cell) {
      return plan.declared == nil && moment.isUTC != (plan.type == .instant)
        ? nil : moment.microseconds
    }
    guard plan.type != .instant || plan.declared != nil else { return nil }
    return CellParser.date(cell).map { Int64($0) * 86_400_000_000 }
  }

  private mutating func finish(
    _ values: Column.Values, _ type: ColumnType, _ cell: CellType, present: Int
  ) {
    let valid = valid
    let bitmap = valid.contains(false) ? Bitmap(count: valid.count) { valid[$0] } : nil
    column = Column(values, validity: bitmap)
    schema = ColumnSchema(plan.name, type, isUTC: type == .datetime && plan.type == .instant)
    summary.type = present == 0 ? .empty : cell
    summary.present = present
    summary.kept = type
  }

  private mutating func ints() throws {
    var values = [Int64](repeating: 0, count: tokens.rows)
    var (missed, present) = (misfits, 0)
    var there = valid
    let (isGuess, parser) = (plan.declared == nil, parser)
    tokens.forEach(field) { row, cell in
      if let value = parser.int(cell), missing.count == 1 || !isMissing(cell) {
        values[row] = value
        present += 1
      } else if isMissing(cell) {
        there[row] = false
      } else {
        there[row] = false
        missed.append(row)
        return !isGuess
      }
      return true
    }
    (misfits, valid) = (missed, there)
    let isLong = isGuess && !values.allSatisfy(DecimalText.isExact)
    finish(.int(Buffer(values)), .int, isLong ? .long : .int, present: present)
  }

  private mutating func doubles() throws {
    var values = [Double](repeating: 0, count: tokens.rows)
    var (missed, present) = (misfits, 0)
    var there = valid
    var (fewest, most) = (Int.max, -1)
    let (isGuess, parser) = (plan.declared == nil, parser)
    tokens.forEach(field) { row, cell in
      if let (value, decimals, losesDigits) = parser.double(cell), !(isGuess && losesDigits),
        missing.count == 1 || !isMissing(cell)
      {
        values[row] = value
        present += 1
        if decimals < fewest { fewest = decimals }
        if decimals > most { most = decimals }
      } else if isMissing(cell) {
        there[row] = false
      } else {
        there[row] = false
        missed.append(row)
        return !isGuess
      }
      return true
    }
    (misfits, valid) = (missed, there)
    finish(.double(Buffer(values)), .double, .double, present: present)
    summary.fewestDecimals = fewest
    summary.mostDecimals = most
  }

  private mutating func bools() throws {
    var values = [Bool](repeating: false, count: tokens.rows)
    var (missed, present) = (misfits, 0)
    var there = valid
    tokens.forEach(field) { row, cell in
      if isMissing(cell) {
        there[row] = false
      } else if let value = CellParser.bool(cell) {
        values[row] = value
        present += 1
      } else {
        there[row] = false
        missed.append(row)
      }
      return true
    }
    (misfits, valid) = (missed, there)
    finish(.bool(Bitmap(count: values.count) { values[$0] }), .bool, .bool, present: present)
  }

  private mutating func moments(
    _ type: ColumnType, _ read: (UnsafeBufferPointer<UInt8>) -> Int64?
  ) throws {
    var values = [Int64](repeating: 0, count: tokens.rows)
    var (missed, present) = (misfits, 0)
    var there = valid
    tokens.forEach(field) { row, cell in
      if isMissing(cell) {
        there[row] = false
      } else if let value = read(cell) {
        values[row] = value
        present += 1
      } else {
        there[row] = false
        missed.append(row)
      }
      return true
    }
    (misfits, valid) = (missed, there)
    if type == .date {
      let days = values.map { value -> Int32 in
        let day = value >= 0 ? value / 86_400_000_000 : (value + 1) / 86_400_000_000 - 1
        return Int32(truncatingIfNeeded: day)
      }
      finish(.date(Buffer(days)), .date, .date, present: present)
    } else {
      finish(
        .datetime(Buffer(values)), .datetime, plan.type == .instant ? .instant : .datetime,
        present: present)
    }
  }

  private mutating func texts() throws {
    var offsets: [Int32] = [0]
    offsets.reserveCapacity(tokens.rows + 1)
    var bytes: [UInt8] = []
    var present = 0
    var there = valid
    tokens.forEach(field) { row, cell in
      if isMissing(cell) {
        there[row] = false
      } else {
        bytes.append(contentsOf: cell)
        present += 1
      }
      offsets.append(Int32(truncatingIfNeeded: bytes.count))
      return true
    }
    guard bytes.count <= Int(Int32.max) else {
      throw Diagnostic.error(
        "AX0414", "'\(plan.name)' holds more than 2 GiB of text in one partition")
    }
    valid = there
    finish(
      .text(TextBuffer(offsets: Buffer(offsets), bytes: Buffer(bytes))), .text, .text,
      present: present)
  }

  /// Codes while there are few different values, else texts.
  private mutating func categories(limit: Int) throws {
    var table = ByteTable()
    var codes = [Int32](repeating: 0, count: tokens.rows)
    var present = 0
    var there = valid
    var isMany = false
    tokens.forEach(field) { row, cell in
      if isMissing(cell) {
        there[row] = false
      } else {
        codes[row] = table.code(cell)
        present += 1
        if table.count > limit {
          isMany = true
          return false
        }
      }
      return true
    }
    if isMany {
      try texts()
      return
    }
    valid = there
    let (categories, places) = table.sorted()
    for row in codes.indices where there[row] { codes[row] = places[Int(codes[row])] }
    finish(.category(Buffer(codes), categories: categories), .category, .text, present: present)
    schema.categories = categories
    summary.distinct = categories
  }
}
