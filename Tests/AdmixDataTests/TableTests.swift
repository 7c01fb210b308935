import AdmixData
import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

@Suite struct TableTests {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("admix-tables-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  private func write(_ text: String, _ name: String = "file.jsonl") throws -> String {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
    return path(name)
  }

  private func readAll(_ reader: any TableReader, maxRows: Int) throws -> [Batch] {
    var reader = reader
    var batches: [Batch] = []
    while let batch = try reader.next(maxRows: maxRows) { batches.append(batch) }
    return batches
  }

  /// What a category column is to a reader.
  private func asText(_ batch: Batch) -> Batch {
    var schema = batch.schema
    let columns = batch.columns.enumerated().map { index, column in
      guard case .category(let codes, let categories) = column.values else { return column }
      schema.columns[index] = ColumnSchema(schema.columns[index].name, .text)
      var builder = ColumnBuilder(schema.columns[index])
      for row in 0..<column.count {
        if column.isMissing(row) {
          builder.appendMissing()
        } else {
          builder.append(text: categories[Int(codes[row])])
        }
      }
      return builder.finish()
    }
    return Batch(schema: schema, columns: columns, rows: batch.rows)
  }

  @Test(arguments: [(TableOutput.parquet, TableFormat.parquet), (.arrow, .arrow)])
  func writesWhatItReads(output: TableOutput, format: TableFormat) throws {
    try forEverySeed(40) { random in
      let rows = Int.random(in: 0...50, using: &random)
      let batch = RandomBatches.make(&random, rows: rows)
      let file = path("table")
      var writer = try createTable(path: file, output: output, schema: batch.schema)
      let cut = Int.random(in: 0...rows, using: &random)
      try writer.append(batch.slice(0..<cut))
      try writer.append(batch.slice(cut..<rows))
      try writer.finish()

      let reader = try openTable(path: file, format: format)
      let expected = asText(batch)
      let categories = Set(batch.schema.columns.filter { $0.type == .category }.map(\.name))
      let maxRows = Int.random(in: 1...20, using: &random)
      let batches = try readAll(reader, maxRows: maxRows)
      let back = Batch.concatenating(batches, schema: reader.schema)
      let isCutRight = batches.dropLast().allSatisfy { $0.rows == maxRows }
      let names = Array(batch.schema.names.shuffled(using: &random).prefix(2))
      let some = try openTable(path: file, format: format, options: TableOptions(columns: names))
      let part = Batch.concatenating(try readAll(some, maxRows: 9), schema: some.schema)
      return back.difference(from: expected) == nil && isCutRight
        && reader.schema.columns.map(\.isUTC) == batch.schema.columns.map(\.isUTC)
        && reader.categoryCandidates == categories
        && expected.selecting(names)?.difference(from: part) == nil
    }
  }

  @Test func writesJSONLinesThatSayTheSame() throws {
    try forEverySeed(40) { random in
      let batch = RandomBatches.make(
        &random, rows: Int.random(in: 1...40, using: &random),
        types: [.bool, .int, .double, .text, .category])
      let file = path("table.jsonl")
      var writer = try createTable(path: file, output: .jsonLines, schema: batch.schema)
      try writer.append(batch)
      try writer.finish()
      let texts = Set(batch.schema.columns.filter { $0.type == .category }.map(\.name))
      let reader = try openTable(
        path: file, format: .jsonLines, options: TableOptions(textColumns: texts))
      let back = Batch.concatenating(try readAll(reader, maxRows: 7), schema: reader.schema)
      let expected = asText(batch)
      return expected.columns.indices.allSatisfy { index in
        let (a, b) = (expected.columns[index], back.columns[index])
        // A column without any value is read as text.
        return a.missingCount == a.count
          ? b.missingCount == b.count : a.difference(from: b) == nil
      }
    }
  }

  @Test func writesTextFilesAsTheirReadersExpectThem() throws {
    let schema = Schema([
      ColumnSchema("a,b", .text), ColumnSchema("n", .double, decimals: 2), ColumnSchema("d", .date),
      ColumnSchema("t", .datetime, isUTC: true), ColumnSchema("yes", .bool),
      ColumnSchema("c", .category, categories: ["x \"y\""]), ColumnSchema("i", .int),
    ])
    var builders = schema.columns.map { ColumnBuilder($0) }
    builders[0].append(text: "one\ntwo")
    builders[0].append(text: "")
    builders[0].append(text: "NA")
    builders[0].appendMissing()
    for value in [1.5, -0.0, 1.0 / 3, 1e21] { builders[1].append(double: value) }
    for value in [0, -719_528, 2_932_896, 2_932_897] { builders[2].append(days: value) }
    for value in [0, -1, 1_700_000_000_250_000, 86_399_999_999] {
      builders[3].append(microseconds: value)
    }
    for value in [true, false, true, false] { builders[4].append(bool: value) }
    for _ in 0..<3 { builders[5].append(code: 0) }
    builders[5].appendMissing()
    for value in [Int64.min, -1, 0, .max] { builders[6].append(int: value) }
    let batch = Batch(schema: schema, columns: builders.map { $0.finish() })

    func text(_ output: TableOutput) throws -> String {
      var writer = try createTable(path: path("out"), output: output, schema: schema)
      try writer.append(batch)
      try writer.finish()
      return try String(contentsOfFile: path("out"), encoding: .utf8)
    }
    #expect(
      try text(.csv(CSVWriting(missing: "NA"))) == """
        "a,b",n,d,t,yes,c,i
        "one
        two",1.50,1970-01-01,1970-01-01T00:00:00Z,true,"x ""y\""",-9223372036854775808
        ,-0.00,0000-01-01,1969-12-31T23:59:59.999999Z,false,"x ""y\""",-1
        "NA",0.3333333333333333,9999-12-31,2023-11-14T22:13:20.250Z,true,"x ""y\""",0
        NA,1e+21,+10000-01-01,1970-01-01T23:59:59.999999Z,false,NA,9223372036854775807

        """)
    #expect(
      try text(.csv(CSVWriting(delimiter: "\t", header: false))).hasPrefix(
        "\"one\ntwo\"\t1.50\t1970-01-01"))
    #expect(
      try text(.jsonLines).split(separator: "\n")[3] == """
        {"a,b":null,"n":1e+21,"d":"+10000-01-01","t":"1970-01-01T23:59:59.999999Z","yes":false,"c":null,"i":9223372036854775807}
        """)
    #expect(throws: Diagnostic.self) { try text(.csv(CSVWriting(delimiter: ";;"))) }

    // A line with nothing on it would not be a row.
    let single = Batch(
      schema: Schema([ColumnSchema("x", .int)]),
      columns: [Column(.int(Buffer([1])), validity: Bitmap(repeating: false, count: 1))])
    var writer = try createTable(
      path: path("one"), output: .csv(CSVWriting()), schema: single.schema)
    try writer.append(single)
    try writer.finish()
    #expect(try String(contentsOfFile: path("one"), encoding: .utf8) == "x\n\"\"\n")

    let infinite = Batch(
      schema: Schema([ColumnSchema("x", .double)]), columns: [Column(.double(Buffer([.infinity])))])
    var json = try createTable(path: path("inf"), output: .jsonLines, schema: infinite.schema)
    #expect(throws: Diagnostic.self) { try json.append(infinite) }
  }

  @Test(arguments: [
    // content, expected columns, or the code of the problem and what its text names
    ("{\"a\":1}\n\n{\"b\":\"x\",\"a\":2.5}\n", "a:double b:text", ""),
    ("\u{FEFF}{\"a\":true}\r\n{\"a\":null}\r\n", "a:bool", ""),
    ("{\"z\":1,\"a\":-9223372036854775808}", "z:int a:int", ""),
    ("{\"a\":null}", "a:text", ""),
    ("{\"a\\u0062\":\"\\ud83d\\ude00\"}", "ab:text", ""),
    ("", "AX0463", "no rows"),
    ("\n\n", "AX0463", "no rows"),
    ("[1]\n", "AX0456", "not a JSON object"),
    ("{\"a\":1}\n{\"a\":1", "AX0456", "',' or '}' is expected"),
    ("{\"a\":1} {\"a\":2}", "AX0456", "something follows"),
    ("{\"a\":1,\"a\":2}", "AX0456", "twice"),
    ("{\"a\":\"\u{1}\"}", "AX0456", "control character"),
    ("{\"a\":\"\\ud800\"}", "AX0456", "surrogate"),
    ("{\"a\":01}", "AX0456", "not a JSON value"),
    ("{\"a\":1e999}", "AX0456", "out of range"),
    ("{\"a\":1}\n{\"a\":\"x\"}", "AX0457", "a number on line 1 and a text on line 2"),
    ("{\"a\":1}\n{\"a\":{\"b\":[]}}", "AX0458", "line 2"),
    ("{\"a\":9223372036854775808}", "AX0453", "beyond 64 bits on line 1"),
  ])
  func infersJSONTypesFromAllTheData(content: String, expected: String, words: String) throws {
    let file = try write(content)
    do {
      let reader = try openTable(path: file, name: "f.jsonl", format: .jsonLines)
      let batches = try readAll(reader, maxRows: 1)
      let found = reader.schema.columns.map { "\($0.name):\($0.type.rawValue)" }
      #expect(found.joined(separator: " ") == expected)
      #expect(batches.reduce(0) { $0 + $1.rows } > 0)
    } catch let problem as Diagnostic {
      #expect(problem.code == expected)
      #expect(problem.fact.contains(words), "\(problem.fact)")
    } catch let problems as Diagnostics {
      #expect(problems.items.first?.code == expected)
      #expect(problems.items.first?.fact.contains(words) == true)
    }
  }

  @Test func readsJSONLinesAsTold() throws {
    let file = try write(
      """
      {"id": 1, "v": 1.0, "n": {"b": [1, 2], "a": null}}
      {"id": 2, "v": "x", "n": [ ]}
      oops
      {"id": 3, "new": "only here and in a bad line
      {"id": 12345678901234567890, "v": true}
      """)
    let reader = try openTable(
      path: file, format: .jsonLines,
      options: TableOptions(
        columns: ["n", "id", "v"], nested: .text, badLines: .reject, textColumns: ["v", "id"]))
    #expect(reader.schema.names == ["n", "id", "v"])
    var copy: any TableReader = reader
    let batch = try #require(try copy.next(maxRows: 10))
    func texts(_ name: String) -> [String] {
      guard case .text(let texts)? = batch[name]?.values else { return [] }
      return (0..<texts.count).map { texts[$0] }
    }
    #expect(texts("n") == ["{\"a\":null,\"b\":[1,2]}", "[]", ""])
    #expect(texts("id") == ["1", "2", "12345678901234567890"])
    #expect(texts("v") == ["1.0", "x", "true"])
    #expect(copy.rejects.map(\.line) == [3, 4])
    #expect(try copy.next(maxRows: 10) == nil)
    let unknown = #expect(throws: Diagnostic.self) {
      try openTable(
        path: file, format: .jsonLines,
        options: TableOptions(columns: ["idd"], nested: .text, badLines: .reject))
    }
    #expect(unknown?.code == "AX0452" && unknown?.hint == "did you mean 'id'?")
  }

  @Test(
    arguments: [
      (.latin1, [0x63, 0x61, 0x66, 0xe9, 0x0a], "café\n"),
      (.windows1252, [0x80, 0x20, 0x93, 0x78, 0x94], "€ “x”"),
      (.windows1252, [0x41, 0x81], nil),
      (.utf16, [0xff, 0xfe, 0x3d, 0xd8, 0x00, 0xde, 0x41, 0x00], "😀A"),
      (.utf16, [0xfe, 0xff, 0x00, 0xe9], "é"),
      (.utf16, [0x41, 0x00], nil),
      (.utf16LittleEndian, [0x41, 0x00], "A"),
      (.utf16LittleEndian, [0xff, 0xfe, 0x41, 0x00], "A"),
      (.utf16BigEndian, [0x00, 0x41, 0xd8, 0x3d], nil),
      (.utf16LittleEndian, [0x41, 0x00, 0x42], nil),
      (.utf16LittleEndian, [0x00, 0xdc], nil),
      (.utf8, [0xef, 0xbb, 0xbf, 0x41, 0xc3, 0xa9], "Aé"),
      (.utf8, [0x41], "A"),
      (.utf8, [0xc3], nil),
      (.utf8, [0x41, 0xff, 0x41], nil),
    ] as [(TextEncoding, [UInt8], String?)])
  func makesUTF8OfOtherEncodings(encoding: TextEncoding, bytes: [UInt8], text: String?) throws {
    let source = path("source")
    // Once as it is, and once so that pieces end within characters.
    let filler = encoding.rawValue.hasPrefix("utf-16") ? 0 : (1 << 18) - 1
    for count in Set([0, filler]) {
      let isMarked = encoding == .utf8 && bytes.starts(with: [0xef])
      let padding = isMarked ? 0 : count
      try Data(repeating: 0x61, count: padding).appending(bytes).write(
        to: URL(fileURLWithPath: source))
      if let text {
        try Transcoding.toUTF8(source, from: encoding, to: path("target"))
        let found = try String(contentsOfFile: path("target"), encoding: .utf8)
        #expect(found.dropFirst(padding) == text)
      } else {
        let problem = #expect(throws: Diagnostic.self) {
          try Transcoding.toUTF8(source, from: encoding, to: path("target"))
        }
        #expect(problem?.code == "AX0459")
      }
    }
  }

  @Test func expandsWhatIsCompressedAndLeavesTheRest() throws {
    let text = String(repeating: "a,b\n1,2\n", count: 200_000)
    let plain = try write(text, "plain.csv")
    #expect(try Decompression.plain(plain, into: folder.path) == plain)
    for (tool, ending) in [("gzip", "gz"), ("zstd", "zst")] {
      guard let packed = try compress(plain, tool, ending) else { continue }
      let expanded = try Decompression.plain(packed, into: folder.path)
      #expect(try String(contentsOfFile: expanded, encoding: .utf8) == text)
      let limited = #expect(throws: Diagnostic.self) {
        try Decompression.plain(packed, into: folder.path, limit: 1000)
      }
      #expect(limited?.fact.contains("more than 1000 bytes") == true)
      let bytes = try Data(contentsOf: URL(fileURLWithPath: packed))
      for cut in [bytes.count / 2, bytes.count - 1, 12] {
        try bytes.prefix(cut).write(to: URL(fileURLWithPath: path("cut")))
        let problem = #expect(throws: Diagnostic.self) {
          try Decompression.plain(path("cut"), into: folder.path)
        }
        #expect(problem?.code == "AX0460")
      }
      // Two compressed files one after the other are the two texts one after the other.
      try (bytes + bytes).write(to: URL(fileURLWithPath: path("two")))
      let both = try Decompression.plain(path("two"), into: folder.path)
      #expect(try Data(contentsOf: URL(fileURLWithPath: both)).count == 2 * text.utf8.count)
    }
    let zip = try write("PK\u{3}\u{4}....", "x.zip")
    #expect(throws: Diagnostic.self) { try Decompression.plain(zip, into: folder.path) }
    #expect(throws: Diagnostic.self) { try Decompression.plain(path("none"), into: folder.path) }
  }

  private func compress(_ file: String, _ tool: String, _ ending: String) throws -> String? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [tool, "-k", "-f", "-q", file]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      print("NOT RUN: \(tool) is not installed")
      return nil
    }
    return "\(file).\(ending)"
  }
}

extension Data {
  fileprivate func appending(_ bytes: [UInt8]) -> Data { self + Data(bytes) }

  /// Lines without quotes are taken at once; with a comment mark that never occurs none is.
  @Test func plainLinesAreCutLikeAnyOthers() throws {
    let folder = try TemporaryFolder()
    try forEverySeed(300) { random in
      let pieces = [
        "a", "1", ",", ",", "\"", "\n", "\n", "\r\n", "\r", " ", "\"\"", "x\ny", "\\\"",
      ]
      let text = (0..<Int.random(in: 0...60, using: &random)).map { _ in
        pieces[Int.random(in: 0..<pieces.count, using: &random)]
      }.joined()
      let path = folder.path + "/t.csv"
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      let each = Int.random(in: 1...3, using: &random)
      let fields = Int.random(in: 1...2, using: &random)
      var dialect = CSVDialect()
      if Bool.random(using: &random) { dialect.quote = nil }
      if Bool.random(using: &random) { dialect.escape = UInt8(ascii: "\\") }
      dialect.trimsSpaces = Bool.random(using: &random)
      func ranges(_ dialect: CSVDialect) -> [CSVRange]? {
        try? CSVScanner(dialect, fields: fields).ranges(
          path: path, name: "t.csv", from: 0, line: 1, recordsEach: each)
      }
      let fast = ranges(dialect)
      dialect.comment = UInt8(ascii: "#")
      return fast == ranges(dialect)
    }
  }
}
