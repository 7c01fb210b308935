import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStages
import AdmixTestSupport
import Foundation
import Testing

@Suite struct IngestTests {
  private static func ingest(
    _ files: [String], _ options: JSONValue, _ artifacts: FolderArtifacts
  ) async throws -> (batch: Batch, profile: TableProfile, outputs: StageOutputs) {
    guard case .object(var members) = options else { preconditionFailure("options are an object") }
    members["from"] = .array(files.map { .string($0) })
    var report = Diagnostics()
    let place = SourceSpan(file: "pipeline.yaml", line: 4, column: 5)
    let stage = Ingest(OptionValues(Node(.object(members), at: place)), report: &report)
    try report.check()
    let sources = files.map { path in
      SourceFile(
        path: path, name: (path as NSString).lastPathComponent, digest: Digest(of: path), bytes: 0)
    }
    let outputs = try await stage.drive(IngestBench(stage, artifacts, sources))
    let manifest = try artifacts.dataset(try #require(outputs.artifacts["data"]))
    let batch = Batch.concatenating(
      try manifest.partitions.map { try artifacts.batch($0, schema: manifest.schema) },
      schema: manifest.schema)
    let profile = try artifacts.decode(
      TableProfile.self, from: try #require(outputs.artifacts["profile"]))
    return (batch, profile, outputs)
  }

  private static func file(_ text: String, _ name: String, _ artifacts: FolderArtifacts) throws
    -> String
  {
    let file = artifacts.folder.appendingPathComponent(name)
    try Data(text.utf8).write(to: file)
    return file.path
  }

  /// A column as its sum where it is numbers.
  private static func sum(_ column: Column) -> Double? {
    let rows = (0..<column.count).filter { !column.isMissing($0) }
    switch column.values {
    case .int(let values): return Double(rows.reduce(Int64(0)) { $0 + values[$1] })
    case .double(let values):
      // Neumaier's sum, as the figures come from an exact one.
      var (sum, rest) = (0.0, 0.0)
      for row in rows {
        let next = sum + values[row]
        rest +=
          sum.magnitude >= values[row].magnitude
          ? (sum - next) + values[row] : (values[row] - next) + sum
        sum = next
      }
      return sum + rest
    default: return nil
    }
  }

  @Test func readsRealFilesAsPandasDoes() async throws {
    guard let data = sharedFolder("data") else { return }
    let artifacts = try FolderArtifacts()
    let lines = try String(
      contentsOf: testsFolder.appendingPathComponent("Golden/ingest/figures.tsv"), encoding: .utf8)
    var compared = 0
    for line in lines.split(separator: "\n") where !line.hasPrefix("#") {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      let options = try JSONValue(parsing: Array(fields[1].utf8))
      let (batch, profile, _) = try await Self.ingest(
        [data.appendingPathComponent(fields[0]).path], options, artifacts)
      var differences: [String] = []
      let missing = batch.columns.reduce(0) { $0 + $1.missingCount }
      for (what, found, expected) in [
        ("rows", batch.rows, fields[2]), ("columns", batch.columns.count, fields[3]),
        ("missing cells", missing, fields[4]),
        ("missing cells in the profile", profile.columns.reduce(0) { $0 + $1.missing }, fields[4]),
      ] where "\(found)" != expected {
        differences.append("\(found) \(what) instead of \(expected)")
      }
      var numeric: Set<Int> = []
      for figure in fields[5].split(separator: " ") {
        let parts = figure.split(separator: ":").compactMap { Double($0) }
        let column = batch.columns[Int(parts[0])]
        numeric.insert(Int(parts[0]))
        guard let sum = Self.sum(column) else {
          differences.append("column \(Int(parts[0])) is \(column.type.rawValue)")
          continue
        }
        if Double(column.missingCount) != parts[1]
          || (sum - parts[2]).magnitude > 1e-12 * max(1, parts[2].magnitude)
        {
          differences.append("column \(Int(parts[0])) has the sum \(sum) instead of \(parts[2])")
        }
      }
      for (index, column) in batch.columns.enumerated()
      where numeric.count < 60 && !numeric.contains(index) && Self.sum(column) != nil {
        differences.append("column \(index) is \(column.type.rawValue)")
      }
      compared += 1
      #expect(differences == [], "\(fields[0])")
    }
    #expect(compared == 44)
  }

  @Test(arguments: [
    // what most values are, what one is that comes late, the type of them all
    ("7", "0.5", ColumnType.double), ("7", "x1", .text), ("0.5", "7", .double), ("", "7", .int),
    ("", "2024-02-29", .date), ("true", "yes", .text), ("True", "FALSE", .bool),
    ("2024-02-29", "2024-02-29T10:00", .datetime), ("2024-02-29", "2024-02-30", .text),
    ("2024-02-29T10:00:00Z", "2024-02-29T10:00:00+02:00", .datetime),
    ("2024-02-29T10:00:00Z", "2024-02-29T10:00:00", .text), ("2024-02-29T10:00", "7", .text),
    ("7", "9223372036854775808", .double), ("007", "7", .text), ("-0", "7", .double),
    ("1e3", "7", .double), ("NaN", "7", .text), ("7", "9223372036854775809", .text),
    ("0.5", "9007199254740993", .text), ("9007199254740993", "0.5", .text),
    ("9007199254740993", "7", .int), ("7", "9007199254740993", .int),
    ("0.5", "9007199254740994", .double),
  ])
  func settlesTypesFromAllTheData(usual: String, late: String, type: ColumnType) async throws {
    let artifacts = try FolderArtifacts()
    // More rows than the beginning that types are guessed from, and a file that has no late value.
    let body = String(repeating: "k,\(usual)\n", count: 2_300)
    let files = try [("1.csv", body + "k,\(late)\n" + body), ("2.csv", body)].map {
      try Self.file("a,v\n" + $1, $0, artifacts)
    }
    for order in [files, files.reversed()] {
      let (batch, profile, _) = try await Self.ingest(
        order, ["format": ["csv": ["header": true]]], artifacts)
      let column = try #require(batch["v"])
      // Few different texts are a category.
      let found: ColumnType = column.type == .category ? .text : column.type
      #expect(found == type, "\(usual) and \(late)")
      #expect(batch.rows == 6_901 && column.missingCount == (usual.isEmpty ? 6_900 : 0))
      #expect(
        profile.columns[1]
          == {
            var own = ColumnProfile(column)
            own.distinct = profile.columns[1].distinct
            return own
          }())
    }
  }

  /// Columns as `name type: value|value`; long texts by their length.
  private static func text(_ batch: Batch) -> String {
    zip(batch.schema.columns, batch.columns).map { schema, column in
      let cells = (0..<column.count).map { row -> String in
        guard !column.isMissing(row) else { return "" }
        switch column.values {
        case .bool(let values): return "\(values[row])"
        case .int(let values): return "\(values[row])"
        case .double(let values): return "\(values[row])"
        case .text(let values):
          return values[row].utf8.count > 99 ? "(\(values[row].utf8.count))" : values[row]
        case .category(let codes, let values):
          let value = values[Int(codes[row])]
          return value.utf8.count > 99 ? "(\(value.utf8.count))" : value
        case .date(let values): return CivilDate.text(days: Int(values[row]))
        case .datetime(let values): return CivilDate.text(microseconds: values[row])
        }
      }
      return "\(schema.name) \(schema.type.rawValue): " + cells.joined(separator: "|")
    }.joined(separator: "; ")
  }

  @Test(
    arguments: [
      // files, options, what is read and the codes of warnings, or of what is wrong
      (
        ["id\n12345678901234567890\n12345678901234567891\n"], [:],
        "id category: 12345678901234567890|12345678901234567891"
      ),
      (
        ["12345678901234567890\n12345678901234567891\n"], [:],
        "column1 category: 12345678901234567890|12345678901234567891"
      ),
      (["v\n9007199254740993\n0.5\n"], [:], "v category: 9007199254740993|0.5"),
      (["v\n-9007199254740993\n0.5\n"], [:], "v category: -9007199254740993|0.5"),
      (["v\n9007199254740992\n0.5\n"], [:], "v double: 9007199254740992.0|0.5"),
      (["v\n100000000000000000000\n1\n"], [:], "v double: 1e+20|1.0"),
      (["v\n9007199254740993\n"], [:], "v int: 9007199254740993"),
      (
        ["v\n9007199254740993\n0.5\n"], ["columns": [["v": "double"]]],
        "v double: 9007199254740992.0|0.5"
      ),
      (
        ["v;w\n9,007,199,254,740,993;1\n0.5;2\n"], ["format": ["csv": ["thousands": ","]]],
        "v category: 9,007,199,254,740,993|0.5; w int: 1|2"
      ),
      // Trimming leaves delimiters alone.
      (
        ["a\tb\tc\n1\t\t3\n4\t5 \t 6\n"], ["format": ["csv": ["trim": true, "ragged": "pad"]]],
        "a int: 1|4; b int: |5; c int: 3|6"
      ),
      (
        ["a b c\n1  3\n4 5 6\n"], ["format": ["csv": ["trim": true, "delimiter": " "]]],
        "a int: 1|4; b int: |5; c int: 3|6"
      ),
      (
        ["a\tb\n \t\"x\"\ny\t \"z\" \n"],
        ["format": ["csv": ["trim": true, "delimiter": "\\t"]]],
        "a category: |y; b category: x|z"
      ),
      // A first record that is longer than what is looked at first.
      (
        ["1,\"" + String(repeating: "words; and: more\n", count: 20_000) + "\",x\n2,\"b\",y\n"],
        ["format": ["csv": ["header": false]]],
        "column1 int: 1|2; column2 category: (340000)|b; column3 category: x|y"
      ),
      (
        ["a,b\n1,\"" + String(repeating: "words; and: more\n", count: 20_000) + "\"\n"], [:],
        "a int: 1; b category: (340000)"
      ),
      // With one column a blank line is a row, also the first.
      (["\n1\n2\n"], ["format": ["csv": ["header": false]]], "column1 int: |1|2"),
      (["#x\n\r\n1\r\n\r\n2\r\n\r\n"], ["format": ["csv": ["comment": "#"]]], "column1 int: |1||2"),
      (["\nn\n\n1\n"], [:], "n int: |1"),
      (["\n1,2\n"], ["format": ["csv": ["header": false]]], "column1 int: 1; column2 int: 2"),
      // Zones are less than a day away.
      (["t\n2020-01-01T00:00:00+23:59\n"], [:], "t datetime: 2019-12-31T00:01:00"),
      (["t\n2020-01-01T00:00:00+24:00\n"], [:], "t category: 2020-01-01T00:00:00+24:00"),
      (["t\n2020-01-01T00:00:00-23:60\n"], [:], "t category: 2020-01-01T00:00:00-23:60"),
      (
        ["t\n2020 +0130\n"], ["columns": [["t": ["type": "datetime", "format": "%Y %z"]]]],
        "t datetime: 2019-12-31T22:30:00"
      ),
      (["t\n2020 +24\n"], ["columns": [["t": ["type": "datetime", "format": "%Y %z"]]]], "AX0416"),
      (
        ["t\n2020 -0160\n"], ["columns": [["t": ["type": "datetime", "format": "%Y %z"]]]], "AX0416"
      ),
      // Whole numbers among fractions of another file.
      (["{\"x\":9007199254740993}", "{\"x\":1.5}"], [:], "AX0416"),
      (["{\"x\":1.5}", "{\"x\":-9007199254740993}"], [:], "AX0416"),
      (
        ["{\"x\":9007199254740993}\n{\"x\":2}", "{\"x\":1.5}"], ["on-error": "reject"],
        "x double: 2.0|1.5 AX0424"
      ),
      (
        ["{\"x\":9007199254740993}", "{\"x\":1.5}"], ["columns": [["x": "double"]]],
        "x double: 9007199254740992.0|1.5"
      ),
      (["{\"x\":9007199254740992}", "{\"x\":1.5}"], [:], "x double: 9007199254740992.0|1.5"),
      // Two ways to write é are two texts.
      (["{\"x\":\"é\"}\n{\"x\":\"e\u{301}\"}"], [:], "x category: é|e\u{301}"),
      (["{\"x\":\"é\"}", "{\"x\":\"e\u{301}\"}"], [:], "x category: é|e\u{301}"),
      (["x\né\n", "x\ne\u{301}\n"], [:], "x category: é|e\u{301}"),
      (
        ["{\"x\":\"é\"}\n{\"x\":\"e\u{301}\"}"], ["missing": ["é"]], "x category: |e\u{301}"
      ),
      // Words for no value say nothing about a type.
      (["{\"x\":1}", "{\"x\":\"NA\"}"], ["missing": ["NA"]], "x int: 1|"),
      (["{\"x\":\"NA\"}", "{\"x\":1.5}"], ["missing": ["NA"]], "x double: |1.5"),
      (["{\"x\":\"NA\"}"], ["missing": ["NA"]], "x text: "),
      (["{\"x\":\"1.5\"}"], ["columns": [["x": "double"]]], "x double: 1.5"),
      (["{\"x\":\"0x10\"}"], ["columns": [["x": "double"]]], "AX0416"),
      (["x\n0x10\nNA\n"], [:], "x category: 0x10|NA"),
      (["x\n16\nNA\n"], [:], "x category: 16|NA AX0430"),
      // Marks that could not be told apart.
      (["a,b\n"], ["format": ["csv": ["delimiter": ";", "quote": ";"]]], "AX0420"),
      (["a,b\n"], ["format": ["tsv": ["quote": "\\t"]]], "AX0420"),
      (["a,b\n"], ["format": ["csv": ["delimiter": "#", "comment": "#"]]], "AX0420"),
      (["a,b\n"], ["format": ["csv": ["comment": "'", "quote": "'"]]], "AX0420"),
      (["a,b\n"], ["format": ["csv": ["comment": "\""]]], "AX0420"),
      (["a,b\n"], ["format": ["csv": ["delimiter": "\\", "escape": "\\"]]], "AX0420"),
      (["a,b\n"], ["format": ["csv": ["thousands": "."]]], "AX0420"),
      (
        ["a\"b\n1\"2\n"], ["format": ["csv": ["delimiter": "\"", "quote": ""]]],
        "a int: 1; b int: 2"
      ),
      (
        ["a'b\n1'2\n"], ["format": ["csv": ["delimiter": "'"]]], "a int: 1; b int: 2"
      ),
      (
        ["a;b\n\"1,5\";\"2\"\n"],
        ["format": ["csv": ["quote": "\"", "escape": "\"", "decimal": ","]]],
        "a double: 1.5; b int: 2"
      ),
    ] as [([String], JSONValue, String)])
  func readsToTheLetter(texts: [String], options: JSONValue, expected: String) async throws {
    let artifacts = try FolderArtifacts()
    let files = try texts.enumerated().map { index, text in
      try Self.file(text, "\(index).\(text.hasPrefix("{") ? "jsonl" : "csv")", artifacts)
    }
    var found: String
    do {
      let (batch, _, outputs) = try await Self.ingest(files, options, artifacts)
      found = ([Self.text(batch)] + outputs.warnings.map(\.code)).joined(separator: " ")
    } catch let problem as Diagnostic {
      found = problem.code
    } catch let problems as Diagnostics {
      found = problems.items.map(\.code).joined(separator: " ")
    } catch let failure as TaskFailure {
      found = failure.diagnostics.items.first?.code ?? ""
    }
    // By bytes: the strings themselves take two spellings of a character for one.
    #expect(Array(found.utf8) == Array(expected.utf8), "\(found)")
  }

  @Test(arguments: [("parquet", TableOutput.parquet), ("arrow", .arrow)])
  func readsWhatOtherProgramsKeep(ending: String, output: TableOutput) async throws {
    let artifacts = try FolderArtifacts()
    let schema = Schema([ColumnSchema("x", .double), ColumnSchema("d", .date)])
    let file = artifacts.folder.appendingPathComponent("other.\(ending)").path
    var writer = try createTable(path: file, output: output, schema: schema)
    let validity = Bitmap(count: 4) { $0 != 1 }
    try writer.append(
      Batch(
        schema: schema,
        columns: [
          Column(.double(Buffer([1.5, 2, .nan, .infinity])), validity: validity),
          Column(.date(Buffer([0, 1, 2, .max]))),
        ]))
    try writer.append(
      Batch(
        schema: schema,
        columns: [Column(.double(Buffer([-.nan]))), Column(.date(Buffer([3])))]))
    try writer.finish()
    let (batch, profile, _) = try await Self.ingest([file], [:], artifacts)
    #expect(Self.text(batch).hasPrefix("x double: 1.5|||inf|; d date: 1970-01-01|"))
    #expect(profile.columns[0].missing == 3 && profile.columns[0].notNumbers == 0)
    // A day some five million years ahead has no moment that 64 bits hold.
    let options: JSONValue = ["columns": [["d": "datetime"]]]
    let problem = await #expect(throws: TaskFailure.self) {
      try await Self.ingest([file], options, artifacts)
    }
    #expect(problem?.diagnostics.items.first?.code == "AX0416")
    let (rest, _, _) = try await Self.ingest(
      [file], ["columns": [["d": "datetime"]], "on-error": "reject"], artifacts)
    #expect(rest.rows == 4)
  }

  @Test(arguments: ["parquet", "arrow"])
  func keepsTheTypesOfATableWithoutRows(ending: String) async throws {
    let artifacts = try FolderArtifacts()
    let schema = Schema([
      ColumnSchema("at", .datetime, isUTC: true), ColumnSchema("local", .datetime),
      ColumnSchema("day", .date), ColumnSchema("n", .int),
    ])
    let file = artifacts.folder.appendingPathComponent("none.\(ending)").path
    var writer = try createTable(
      path: file, output: ending == "arrow" ? .arrow : .parquet, schema: schema)
    try writer.finish()
    let (batch, profile, outputs) = try await Self.ingest([file], [:], artifacts)
    #expect(batch.rows == 0 && batch.schema == schema)
    #expect(profile.columns.allSatisfy { $0.extent == .none })
    #expect(outputs.warnings.map(\.code) == ["AX0425"])
  }

  @Test(arguments: ["csv", "tsv", "jsonl", "parquet", "arrow"])
  func bringsBackWhatWasWritten(ending: String) async throws {
    let artifacts = try FolderArtifacts()
    let output: TableOutput =
      switch ending {
      case "parquet": .parquet
      case "arrow": .arrow
      case "jsonl": .jsonLines
      case "tsv": .csv(CSVWriting(delimiter: "\t"))
      default: .csv(CSVWriting())
      }
    let isText = ending == "csv" || ending == "tsv"
    var failures: [UInt64] = []
    for seed in 0..<UInt64(25) {
      var random = SeededRandom(seed: seed)
      let written = OddTables.make(&random, hasNUL: !isText)
      let file = artifacts.folder.appendingPathComponent("\(seed).\(ending)").path
      var writer = try createTable(path: file, output: output, schema: written.schema)
      let cut = Int.random(in: 0...written.rows, using: &random)
      try writer.append(written.slice(0..<cut))
      try writer.append(written.slice(cut..<written.rows))
      try writer.finish()
      let columns = written.schema.columns.map { column -> JSONValue in
        .object([column.name: .string(column.type.rawValue)])
      }
      var options: JSONValue = ["columns": .array(columns)]
      if isText {
        options = [
          "columns": .array(columns),
          "format": .object([ending: ["trim": false, "header": true, "quote": "\""]]),
        ]
      }
      let (read, _, outputs) = try await Self.ingest([file], options, artifacts)
      // Quoted or not, an empty field is no value.
      let expected = isText ? OddTables.withoutEmptyTexts(written) : written
      if let difference = read.difference(from: expected) {
        failures.append(seed)
        print("seed \(seed) of \(ending): \(difference)")
      }
      for (a, b) in zip(read.schema.columns, written.schema.columns)
      where a.isUTC != b.isUTC && read[a.name]?.missingCount != read.rows {
        failures.append(seed)
        print("seed \(seed) of \(ending): \(a.name) has another zone")
      }
      _ = outputs
    }
    #expect(failures == [])
  }
}

/// Tables of every type with missing values, odd texts and extreme numbers.
private enum OddTables {
  static let words = [
    "", " ", "  two  ", "a", "é", "e\u{301}", "naïve \"quoted\"", "\"", "\"\"", "line\nbreak",
    "\r\n",
    "a\rb", "comma,semi;tab\tpipe|", "日本語", "NA", "null", "true", "007", "1.50", "\u{1F600}", "'",
    "\\",
    "\\\"", "\u{FEFF}bom", "\u{85}", "\u{2028}", "2024-01-01", "#x", "\u{1}", "\u{7f}",
  ]

  static func make(_ random: inout SeededRandom, hasNUL: Bool) -> Batch {
    // At least one row: a table without rows has no types in a text file.
    let rows = [1, 2, 7, 64, 300].randomElement(using: &random) ?? 1
    var schema = Schema()
    var columns: [Column] = []
    let texts = hasNUL ? words + ["\u{0}nul"] : words
    for (index, type) in ColumnType.allCases.shuffled(using: &random).enumerated() {
      let isUTC = Bool.random(using: &random)
      let used = texts.filter { !$0.isEmpty }.shuffled(using: &random).prefix(5)
      var column = ColumnSchema("\(type.rawValue) \"\(index)\",", type, isUTC: false)
      if type == .datetime { column.isUTC = isUTC }
      if type == .category {
        column.categories = used.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      }
      let missing: Double = [0.0, 0.3].randomElement(using: &random) ?? 0
      var builder = ColumnBuilder(column, capacity: rows)
      for row in 0..<rows {
        if row > 0, Double.random(in: 0..<1, using: &random) < missing {
          builder.appendMissing()
          continue
        }
        switch type {
        case .bool: builder.append(bool: Bool.random(using: &random))
        case .int:
          let values: [Int64] = [0, -1, .max, .min, 1 << 53 + 1]
          builder.append(int: values.randomElement(using: &random) ?? 0)
        case .double:
          let values: [Double] = [
            0, -0.0, 0.1, 1 / 3, 1e300, -1e-300, .greatestFiniteMagnitude, .leastNonzeroMagnitude,
            123_456_789.125, 1e21, 5e-7, .pi,
          ]
          builder.append(double: values.randomElement(using: &random) ?? 0)
        case .text: builder.append(text: texts.randomElement(using: &random) ?? "")
        case .category:
          builder.append(code: Int.random(in: 0..<column.categories.count, using: &random))
        case .date:
          let days: [Int32] = [0, -1, -719_528, 2_932_896, 2_932_897, -1_000_000, 5_000_000]
          builder.append(days: days.randomElement(using: &random) ?? 0)
        case .datetime:
          let moments: [Int64] = [
            0, -1, 1_700_000_000_250_000, 253_402_300_800_000_000, -62_167_219_200_000_001,
            1_234_567,
          ]
          builder.append(microseconds: moments.randomElement(using: &random) ?? 0)
        }
      }
      schema.columns.append(column)
      columns.append(builder.finish())
    }
    return Batch(schema: schema, columns: columns, rows: rows)
  }

  static func withoutEmptyTexts(_ batch: Batch) -> Batch {
    Batch(
      schema: batch.schema,
      columns: batch.columns.map { column in
        guard case .text(let texts) = column.values else { return column }
        return Column(
          column.values,
          validity: Bitmap(count: column.count) {
            !column.isMissing($0) && !texts.utf8($0).isEmpty
          })
      }, rows: batch.rows)
  }
}

/// Runs the tasks of an ingest one after the other.
private final class IngestBench: StageContext {
  struct Job: TaskContext {
    var request: TaskRequest
    var artifacts: any ArtifactAccess
    func progress(rows: Int) {}
    func checkCancellation() throws {}
  }

  let stage: Ingest
  let artifacts: any ArtifactAccess
  let sources: [[SourceFile]]

  init(_ stage: Ingest, _ artifacts: any ArtifactAccess, _ files: [SourceFile]) {
    self.stage = stage
    self.artifacts = artifacts
    sources = [files]
  }

  var stageName: String { "people" }
  var inputs: [String: Artifact] { [:] }
  var inputNames: [String: String] { [:] }
  var seed: UInt64 { 0 }
  var salt: String { "people" }
  var pipeline: PipelineFacts {
    PipelineFacts(name: "test", description: nil, seed: 0, ancestry: [])
  }

  func run(_ requests: [TaskRequest]) async throws -> [TaskOutputs] {
    try requests.map { try stage.perform(Job(request: $0, artifacts: artifacts)) }
  }
}
