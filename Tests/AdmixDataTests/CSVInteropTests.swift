import AdmixData
import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// CSV files of the field's own suites against the tables that the suites say they hold.
@Suite struct CSVInteropTests {
  private struct Table: Equatable {
    var names: [String]
    var rows: [[String]]
  }

  /// A file as texts, read the way `ingest` reads it; what is missing is the empty text.
  private static func read(
    _ file: URL, _ dialect: CSVDialect = CSVDialect(), _ known: CSVKnowledge = CSVKnowledge(),
    encoding: TextEncoding = .utf8, recordsEach: Int = 7
  ) throws -> (table: Table, sketch: CSVSketch, rejects: Int) {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("admix-csv-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let name = file.lastPathComponent
    var path = try Decompression.plain(file.path, into: folder.path, name: name)
    if encoding != .utf8 {
      let target = folder.appendingPathComponent("utf8").path
      try Transcoding.toUTF8(path, from: encoding, to: target, name: name)
      path = target
    }
    let sketch = try CSVSniffer(dialect, known).sketch(path: path, name: name)
    let ranges = try CSVScanner(sketch.dialect, fields: sketch.names.count).ranges(
      path: path, name: name, from: sketch.start, line: sketch.line, recordsEach: recordsEach)
    let plans = sketch.names.map { CSVColumnPlan(name: $0, type: .text, declared: .text) }
    let reader = CSVReader(sketch.dialect, columns: plans)
    var table = Table(names: sketch.names, rows: [])
    var rejects = 0
    for range in ranges where range.records > 0 {
      let piece = try reader.read(path: path, name: name, range)
      rejects += piece.rejects.count
      if piece.batch.rows + piece.rejects.count != range.records {
        Issue.record("\(name): \(range.records) records were counted and others read")
      }
      for row in 0..<piece.batch.rows {
        table.rows.append(
          piece.batch.columns.map { column in
            guard !column.isMissing(row), case .text(let texts) = column.values else { return "" }
            return texts[row]
          })
      }
    }
    return (table, sketch, rejects)
  }

  /// RFC 4180 and nothing more, written down a second time.
  private static func plain(_ file: URL) throws -> [[String]] {
    var rows: [[String]] = []
    var row: [String] = []
    var field: [UInt8] = []
    var isQuoted = false
    var bytes = Array(try Data(contentsOf: file))
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { bytes.removeFirst(3) }
    var index = 0
    func next() -> UInt8? { index + 1 < bytes.count ? bytes[index + 1] : nil }
    func endField() {
      row.append(String(decoding: field, as: UTF8.self))
      field = []
    }
    while index < bytes.count {
      let byte = bytes[index]
      if isQuoted {
        if byte != 0x22 {
          field.append(byte)
        } else if next() == 0x22 {
          field.append(0x22)
          index += 1
        } else {
          isQuoted = false
        }
      } else if byte == 0x22 {
        isQuoted = true
      } else if byte == 0x2c {
        endField()
      } else if byte == 0x0a || byte == 0x0d {
        if byte == 0x0d, next() == 0x0a { index += 1 }
        endField()
        if row != [""] { rows.append(row) }
        row = []
      } else {
        field.append(byte)
      }
      index += 1
    }
    if !field.isEmpty || !row.isEmpty {
      endField()
      rows.append(row)
    }
    return rows
  }

  /// Lines that end with a return alone are lines: the beginning is enough, however long the rest.
  @Test(
    "counts lines whatever they end with",
    arguments: ["a\nb\nc", "a\r\nb\r\nc", "a\rb\rc", "a\r\n\r\nc", "a\r\rc", "a\n\nc"])
  func linesOfBadText(text: String) {
    for (bad, code) in [(UInt8(0), "AX0417"), (0xFF, "AX0418")] {
      let problem = #expect(throws: Diagnostic.self) {
        try CSVReader.checkText(Array(text.utf8) + [bad, 0x0d], name: "x.csv", firstLine: 5)
      }
      #expect(problem?.code == code && problem?.span?.line == 7)
    }
  }

  @Test func looksNoFurtherThanItMust() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/old.csv"
    // The byte after what is looked at first is the newline of a CRLF, or no newline.
    for end in ["\r\n", "\r"] {
      let line = String(repeating: "x", count: 58) + ",1\r"
      var text = "name,n\r" + String(repeating: line, count: (256 << 10) / line.utf8.count + 1)
      text = String(text.prefix((256 << 10) - 1)) + end
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      // Nothing is in the rest, which would be no text if it were looked at.
      try #require(truncate(path, 200 << 20) == 0)
      let sketch = try CSVSniffer(CSVDialect()).sketch(path: path, name: "old.csv")
      #expect(sketch.names == ["name", "n"] && sketch.line == 2 && sketch.types == [.text, .int])
    }
  }

  @Test func readsCSVSpectrumToTheLetter() throws {
    guard let folder = sharedFolder("data/interop/csv-spectrum") else { return }
    var (right, seen) = (0, 0)
    for file in try FileManager.default.contentsOfDirectory(
      at: folder.appendingPathComponent("csvs"), includingPropertiesForKeys: nil)
    {
      let name = file.deletingPathExtension().lastPathComponent
      let json = folder.appendingPathComponent("json/\(name).json")
      guard
        let rows = try JSONSerialization.jsonObject(with: Data(contentsOf: json))
          as? [[String: String]]
      else { continue }
      let (table, _, _) = try Self.read(file, CSVDialect(), CSVKnowledge(header: true))
      let found = table.rows.map { Dictionary(uniqueKeysWithValues: zip(table.names, $0)) }
      seen += 1
      if found == rows { right += 1 } else { Issue.record("\(name): other rows") }
    }
    print("csv-spectrum: \(right) of \(seen) as expected")
    #expect(right == 4)
  }

  /// Files whose dialect the suite tells: the table must be the clean one, or the damage be named.
  @Test(arguments: [
    // suite, tables read right when told the dialect, when told nothing, and those read otherwise when
    // told. Among these the suite's authors mended words, encodings and footnotes by hand, and one
    // file lacks a delimiter where a comma in the text makes up for it.
    ("polluted", 8, 6, 1), ("survey", 26, 21, 7),
  ])
  func readsPollockAsItsCleanTables(suite: String, told: Int, found: Int, other: Int) throws {
    guard let folder = sharedFolder("data/interop/pollock/\(suite)") else { return }
    var outcomes: [String: [String]] = [:]
    for file in try FileManager.default.contentsOfDirectory(
      at: folder.appendingPathComponent("csv"), includingPropertiesForKeys: nil
    ).sorted(by: { $0.path < $1.path }) {
      let name = file.lastPathComponent
      let facts = try JSONSerialization.jsonObject(
        with: Data(
          contentsOf: folder.appendingPathComponent("parameters/\(name)_parameters.json")))
      guard let facts = facts as? [String: Any] else { continue }
      func text(_ key: String) -> String { (facts[key] as? String) ?? "" }
      func number(_ key: String) -> Int { (facts[key] as? Int) ?? Int(text(key)) ?? 0 }
      var clean = try Self.plain(folder.appendingPathComponent("clean/\(name)"))
      let headers = number("header_lines")
      // Some clean tables have invented names where the file has none.
      if headers > 0 || clean.first?.first?.hasPrefix("col_") == true { clean.removeFirst() }
      var known = CSVKnowledge(
        delimiter: text("delimiter").utf8.first,
        quote: text("quotechar").utf8.first.map { .character($0) } ?? CSVKnowledge.Quote.none,
        trimsSpaces: false, header: headers > 0)
      known.skippedLines = number("preamble_lines")
      var dialect = CSVDialect()
      dialect.escape = text("escapechar").utf8.first
      let encoding: TextEncoding =
        switch text("encoding").lowercased() {
        case "ascii", "utf-8", "utf_8", "utf8": .utf8
        default: .latin1
        }
      func outcome(_ dialect: CSVDialect, _ known: CSVKnowledge) -> String {
        do {
          let (table, _, _) = try Self.read(file, dialect, known, encoding: encoding)
          // Header lines after the first are rows to us; the suite joins them.
          let rows = table.rows.dropFirst(max(0, headers - 1))
          return Array(rows) == clean ? "same" : "other"
        } catch let problem as Diagnostic {
          return problem.code
        } catch {
          return "\(error)"
        }
      }
      outcomes["told: " + outcome(dialect, known), default: []].append(name)
      outcomes["found: " + outcome(CSVDialect(), CSVKnowledge()), default: []].append(name)
    }
    for (outcome, names) in outcomes.sorted(by: { $0.key < $1.key }) {
      print("pollock/\(suite) \(outcome): \(names.count)")
      if !outcome.hasSuffix("same") { for name in names { print("    \(name)") } }
    }
    #expect(outcomes["told: same"]?.count ?? 0 >= told)
    #expect(outcomes["found: same"]?.count ?? 0 >= found)
    #expect(outcomes["told: other"]?.count ?? 0 <= other)
  }

  @Test(arguments: [
    ("Dialect_annotations.txt", "CSV", 10), ("W3C-CSVW-Dialect_annotations.txt", "W3C-CSVW", 110),
  ])
  func findsTheDialectsThatPeopleFound(list: String, folder name: String, right: Int) throws {
    guard let folder = sharedFolder("data/interop/csvsniffer") else { return }
    let bytes: [String: UInt8] = [
      "comma": 0x2c, "semicolon": 0x3b, "tab": 0x09, "vslash": 0x7c, "space": 0x20, "colon": 0x3a,
      "doublequote": 0x22, "singlequote": 0x27,
    ]
    var (found, seen) = (0, 0)
    let lines = try String(contentsOf: folder.appendingPathComponent(list), encoding: .utf8)
    for line in lines.split(whereSeparator: \.isNewline).dropFirst(2) {
      let fields = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
      let file = folder.appendingPathComponent("\(name)/\(fields[0])")
      guard fields.count > 3, FileManager.default.fileExists(atPath: file.path) else { continue }
      seen += 1
      // The list says UTF-8 of all of them, which two are not.
      let utf8 = FileManager.default.temporaryDirectory.appendingPathComponent(
        "admix-\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: utf8) }
      let isUTF8 = String(validating: try Data(contentsOf: file), as: UTF8.self) != nil
      try Transcoding.toUTF8(file.path, from: isUTF8 ? .utf8 : .latin1, to: utf8.path)
      let sketch = try? CSVSniffer(CSVDialect()).sketch(path: utf8.path, name: fields[0])
      // The annotations name double quotes also where there are none.
      let hasQuotes = try Data(contentsOf: file).contains(0x22)
      if let dialect = sketch?.dialect, dialect.delimiter == bytes[fields[2]],
        dialect.quote == bytes[fields[3]] || !hasQuotes && fields[3] == "doublequote"
      {
        found += 1
      } else {
        print(
          "    \(fields[0]): \(fields[2]) \(fields[3]), found \(sketch.map { "\($0.dialect.delimiter) \($0.dialect.quote ?? 0)" } ?? "none")"
        )
      }
    }
    print("csvsniffer/\(name): \(found) of \(seen) dialects found")
    #expect(found >= right && seen > 0)
  }

  @Test func readsOrRefusesWhatOthersStumbledOver() throws {
    var counts: [String: Int] = [:]
    for suite in ["duckdb-csv", "readr", "arrow-testing/csv"] {
      guard let folder = sharedFolder("data/interop/\(suite)") else { return }
      let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
      while let file = files?.nextObject() as? URL {
        guard (try? file.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) == true else {
          continue
        }
        let began = ContinuousClock.now
        do {
          _ = try Self.read(file, recordsEach: 65_536)
          counts["\(suite) read", default: 0] += 1
        } catch let problem as Diagnostic {
          counts["\(suite) \(problem.code)", default: 0] += 1
          #expect(!problem.fact.isEmpty && !problem.fact.contains("\n"), "\(file.path)")
        }
        if ContinuousClock.now - began > .seconds(20) { Issue.record("\(file.path) takes long") }
      }
    }
    for (outcome, count) in counts.sorted(by: { $0.key < $1.key }) { print("\(outcome): \(count)") }
    #expect(counts.values.reduce(0, +) > 300)
  }
}
