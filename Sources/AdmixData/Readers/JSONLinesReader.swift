import AdmixModel

/// JSON lines: an object on each line, its members the columns.
///
/// The file is read twice. The first time decides the types, so that they hold for all of it; the
/// second time gives the rows. Columns come in the order of their first appearance; a member that a
/// line does not have is missing there, as is `null`.
struct JSONLinesReader: TableReader {
  let schema: Schema
  let categoryCandidates: Set<String> = []
  let warnings: [Diagnostic]
  private(set) var rejects: [RejectedRow] = []
  private var batchLines: [Int] = []
  var lines: [Int]? { batchLines }

  private let name: String
  private let options: TableOptions
  private var reader: LineReader
  /// The column of a key; nil for one that is not wanted.
  private let places: [String: Int?]

  init(path: String, name: String, options: TableOptions) throws {
    var survey = JSONLinesSurvey(name: name, options: options)
    var lines = try LineReader(path, name: name)
    while try lines.next({ try survey.see($0) }) {}
    (schema, warnings) = try survey.finish()
    var places: [String: Int?] = [:]
    for key in survey.keys { places[key] = .some(schema.index(of: key)) }
    self.places = places
    self.name = name
    self.options = options
    reader = try LineReader(path, name: name)
  }

  mutating func next(maxRows: Int) throws -> Batch? {
    precondition(maxRows > 0, "no rows are asked for")
    var builders = schema.columns.map { ColumnBuilder($0, capacity: min(maxRows, 65_536)) }
    var rows = 0
    batchLines = []
    var row = Row(schema: schema, places: places, nested: options.nested)
    while rows < maxRows {
      let number = reader.line + 1
      var rejected: RejectedRow?
      var isRow = false
      let (rejects, file) = (options.badLines == .reject, name)
      let hasLine = try reader.next { line in
        var scanner = JSONObjectScanner(line)
        if scanner.isBlank { return }
        do {
          try row.read(&scanner)
          isRow = true
        } catch let problem as LineProblem {
          guard rejects else { throw badLine(problem, line: number, file: file) }
          rejected = RejectedRow(line: number, reason: problem.fact)
        } catch is Row.Changed {
          throw Diagnostic.error(
            "AX0464", at: SourceSpan(file: file, line: number, column: 1),
            "'\(file)' changed while it was read")
        }
      }
      guard hasLine else { break }
      if let rejected { self.rejects.append(rejected) }
      if isRow {
        try row.append(to: &builders)
        batchLines.append(number)
        rows += 1
      }
    }
    if let full = builders.first(where: { $0.hasTooMuchText }) {
      throw Diagnostic.error(
        "AX0453",
        "column '\(full.schema.name)' of '\(name)' has more than 2 GiB of text in one partition"
      )
    }
    guard rows > 0 else { return nil }
    return Batch(schema: schema, columns: builders.map { $0.finish() }, rows: rows)
  }
}

/// The values of one line, gathered before any of them is appended, as a line is taken whole or not
/// at all.
private struct Row {
  enum Cell {
    case missing
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case text(String)
  }

  /// The second reading found what the first did not.
  struct Changed: Error {}

  let schema: Schema
  let places: [String: Int?]
  let nested: TableOptions.NestedValues
  private var cells: [Cell]
  private var isFilled: [Bool]

  init(schema: Schema, places: [String: Int?], nested: TableOptions.NestedValues) {
    self.schema = schema
    self.places = places
    self.nested = nested
    cells = Array(repeating: .missing, count: schema.columns.count)
    isFilled = Array(repeating: false, count: schema.columns.count)
  }

  mutating func read(_ scanner: inout JSONObjectScanner) throws {
    for index in cells.indices {
      cells[index] = .missing
      isFilled[index] = false
    }
    try scanner.scan { key, hasEscapes, value in
      let name = try JSONObjectScanner.text(key, hasEscapes: hasEscapes)
      guard let known = places[name] else { throw Changed() }
      guard let place = known else { return }
      if isFilled[place] { throw LineProblem.at(0, "a key stands twice in one object") }
      isFilled[place] = true
      cells[place] = try cell(value, schema.columns[place].type)
    }
  }

  private func cell(_ value: JSONObjectScanner.Value, _ type: ColumnType) throws -> Cell {
    switch (value, type) {
    case (.null, _): return .missing
    case (.bool(let flag), .bool): return .bool(flag)
    case (.bool(let flag), .text): return .text(flag ? "true" : "false")
    case (.number(let text, isWhole: true), .int):
      guard let number = JSONObjectScanner.int(text) else { throw Changed() }
      return .int(number)
    case (.number(let text, _), .double):
      guard let number = JSONObjectScanner.double(text) else { throw Changed() }
      return .double(number)
    case (.number(let text, _), .text): return .text(String(decoding: text, as: UTF8.self))
    case (.string(let raw, let hasEscapes), .text):
      return .text(try JSONObjectScanner.text(raw, hasEscapes: hasEscapes))
    case (.nested(let json), .text) where nested == .text: return .text(json.text)
    default: throw Changed()
    }
  }

  func append(to builders: inout [ColumnBuilder]) throws {
    for index in cells.indices {
      switch cells[index] {
      case .missing: builders[index].appendMissing()
      case .bool(let value): builders[index].append(bool: value)
      case .int(let value): builders[index].append(int: value)
      case .double(let value): builders[index].append(double: value)
      case .text(let value): builders[index].append(text: value)
      }
    }
  }
}

func badLine(_ problem: LineProblem, line: Int, file: String) -> Diagnostic {
  .error(
    "AX0456", at: SourceSpan(file: file, line: line, column: problem.offset + 1),
    "the line cannot be read: \(problem.fact)",
    cause: "JSON lines has one JSON object on each line",
    hint: "'on-error: reject' leaves such lines out and counts them")
}
