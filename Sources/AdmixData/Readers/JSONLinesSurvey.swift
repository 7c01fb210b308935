import AdmixModel

/// The first reading of a JSON lines file: which columns there are, and what all their values are.
struct JSONLinesSurvey {
  private enum Kind: Int, CaseIterable {
    case bool, int, double, text, nested

    var word: String {
      switch self {
      case .bool: "a boolean"
      case .int, .double: "a number"
      case .text: "a text"
      case .nested: "a nested value"
      }
    }
  }

  private struct Facts {
    /// Where a value of each kind stands first.
    var firstLine: [Int?] = Array(repeating: nil, count: Kind.allCases.count)
    /// A whole number that 64 bits do not hold.
    var firstHuge: Int?
    /// A whole number that a double does not hold exactly.
    var firstInexact: Int?
    var lastLine = 0
  }

  private let name: String
  private let options: TableOptions
  private var line = 0
  private var rows = 0
  private var indices: [String: Int] = [:]
  private var facts: [Facts] = []
  /// In the order of their first appearance.
  private(set) var keys: [String] = []

  init(name: String, options: TableOptions) {
    self.name = name
    self.options = options
  }

  mutating func see(_ bytes: UnsafeBufferPointer<UInt8>) throws {
    line += 1
    var scanner = JSONObjectScanner(bytes)
    if scanner.isBlank { return }
    // A line that turns out bad in its middle leaves no trace.
    var found: [(index: Int, kind: Kind?, isHuge: Bool, isInexact: Bool)] = []
    let keysBefore = keys.count
    do {
      try scanner.scan { key, hasEscapes, value in
        let key = try JSONObjectScanner.text(key, hasEscapes: hasEscapes)
        let index = self.index(of: key)
        if facts[index].lastLine == line {
          throw LineProblem.at(0, "a key stands twice in one object")
        }
        facts[index].lastLine = line
        found.append(Self.look(value, index))
      }
    } catch let problem as LineProblem {
      for key in keys[keysBefore...] { indices[key] = nil }
      keys.removeLast(keys.count - keysBefore)
      facts.removeLast(facts.count - keysBefore)
      if options.badLines == .error { throw badLine(problem, line: line, file: name) }
      return
    }
    rows += 1
    for item in found {
      if let kind = item.kind, facts[item.index].firstLine[kind.rawValue] == nil {
        facts[item.index].firstLine[kind.rawValue] = line
      }
      if item.isHuge, facts[item.index].firstHuge == nil { facts[item.index].firstHuge = line }
      if item.isInexact, facts[item.index].firstInexact == nil {
        facts[item.index].firstInexact = line
      }
    }
  }

  private mutating func index(of key: String) -> Int {
    if let index = indices[key] { return index }
    indices[key] = keys.count
    keys.append(key)
    facts.append(Facts())
    return keys.count - 1
  }

  private static func look(_ value: JSONObjectScanner.Value, _ index: Int)
    -> (index: Int, kind: Kind?, isHuge: Bool, isInexact: Bool)
  {
    switch value {
    case .null: return (index, nil, false, false)
    case .bool: return (index, .bool, false, false)
    case .string: return (index, .text, false, false)
    case .nested: return (index, .nested, false, false)
    case .number(_, isWhole: false): return (index, .double, false, false)
    case .number(let text, isWhole: true):
      guard let number = JSONObjectScanner.int(text) else { return (index, .int, true, true) }
      return (index, .int, false, number.magnitude > 1 << 53)
    }
  }

  /// The schema, or everything that speaks against one.
  func finish() throws -> (Schema, [Diagnostic]) {
    guard rows > 0 else {
      throw Diagnostic.error(
        "AX0463", at: SourceSpan(file: name, line: 0, column: 0), "'\(name)' has no rows",
        cause: "without an object its columns are not known")
    }
    var report = Diagnostics()
    var columns: [ColumnSchema] = []
    for key in try wantedKeys() {
      guard let index = indices[key] else { continue }
      if let type = type(of: key, facts[index], &report) { columns.append(ColumnSchema(key, type)) }
    }
    try report.check()
    return (Schema(columns), report.items)
  }

  private func wantedKeys() throws -> [String] {
    guard let wanted = options.columns else { return keys }
    for column in wanted where indices[column] == nil {
      throw Diagnostic.error(
        "AX0452", at: SourceSpan(file: name, line: 0, column: 0),
        "column '\(column)' of '\(name)': there is no such column",
        hint: Spelling.closest(to: column, among: keys).map { "did you mean '\($0)'?" })
    }
    return wanted
  }

  private func type(of key: String, _ facts: Facts, _ report: inout Diagnostics) -> ColumnType? {
    func line(_ kind: Kind) -> Int? { facts.firstLine[kind.rawValue] }
    func span(_ line: Int) -> SourceSpan { SourceSpan(file: name, line: line, column: 1) }
    if let nested = line(.nested) {
      if options.nested == .text { return .text }
      report.append(
        .error(
          "AX0458", at: span(nested),
          "column '\(key)' of '\(name)' holds a nested value on line \(nested)",
          cause: "a column is flat: numbers, texts, booleans",
          hint: "keep nested values as JSON text with 'nested: text'"))
      return nil
    }
    if options.textColumns.contains(key) { return .text }
    // One line per kind of value, numbers being one kind.
    var kinds: [(line: Int, word: String)] = []
    for kind in Kind.allCases {
      guard let first = line(kind), !kinds.contains(where: { $0.word == kind.word }) else {
        continue
      }
      kinds.append((first, kind.word))
    }
    kinds.sort { $0.line < $1.line }
    guard let first = kinds.first else {
      report.append(
        .warning(
          "AX0461", at: SourceSpan(file: name, line: 0, column: 0),
          "column '\(key)' of '\(name)' has no value and is read as text"))
      return .text
    }
    if kinds.count > 1 {
      report.append(
        .error(
          "AX0457", at: span(kinds[1].line),
          "column '\(key)' of '\(name)' is \(first.word) on line \(first.line) and \(kinds[1].word) on line \(kinds[1].line)",
          hint: "declare it as text: 'columns: [{\(key): text}]'"))
      return nil
    }
    if let huge = facts.firstHuge {
      report.append(
        .error(
          "AX0453", at: span(huge),
          "column '\(key)' of '\(name)' holds a whole number beyond 64 bits on line \(huge)",
          hint: "declare it as text: 'columns: [{\(key): text}]'"))
      return nil
    }
    if line(.text) != nil { return .text }
    if line(.bool) != nil { return .bool }
    if line(.double) == nil { return .int }
    if let inexact = facts.firstInexact {
      report.append(
        .warning(
          "AX0462", at: span(inexact),
          "column '\(key)' of '\(name)' mixes fractions with whole numbers above 2^53, which lose digits",
          hint: "declare it as text to keep them: 'columns: [{\(key): text}]'"))
    }
    return .double
  }
}
