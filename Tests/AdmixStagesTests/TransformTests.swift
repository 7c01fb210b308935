import AdmixData
import AdmixEngine
import AdmixModel
import AdmixTestSupport
import Testing

@testable import AdmixStages

@Suite struct TransformTests {
  /// Two kinds of missing and of equal: `None` and NaN for pandas are null here.
  private static let table = Table.batch([
    ("k", .category, ["b", "a", nil, "b", "a", "é", "Z"]),
    ("n", .int, [2, nil, 1, 2, -1, 5, 0]),
    ("x", .double, [3.0, nil, 1.0, 2.5, 2.5, -0.0, 10.0]),
    ("s", .text, ["Anna", "Straße", nil, "", "42", "Anna", "x"]),
    ("flag", .bool, [true, nil, false, true, true, false, true]),
    (
      "day", .date,
      ["2024-02-29", nil, "1999-12-31", "2024-02-29", "2000-01-01", "1970-01-01", "1960-05-05"]
    ),
    ("r", .int, [0, 1, 2, 3, 4, 5, 6]),
  ])

  private static let key = "0123456789abcdef"

  private static func stage(_ steps: String) throws -> (Transform, Diagnostics) {
    let options = try StageBench.options(
      Transform.description, "{from: rows, steps: \(steps)}", environment: ["KEY": key])
    var report = Diagnostics()
    return (Transform(options, report: &report), report)
  }

  private static func run(
    _ steps: String, _ table: Batch = table, cuts: [Int] = [3, 3, 5], in artifacts: FolderArtifacts
  ) async throws -> (outputs: StageOutputs, rows: Batch, bench: StageBench) {
    let (stage, report) = try stage(steps)
    try report.check()
    let bench = StageBench(
      stage, artifacts, inputs: ["from": try Table.dataset(table, cuts: cuts, artifacts)])
    let outputs = try await stage.drive(bench)
    return (outputs, try Table.read(try #require(outputs.artifacts["data"]), artifacts), bench)
  }

  /// What is left of the rows, by the number in `r`; the orders are those of pandas 2.3's
  /// `sort_values(kind="stable", na_position="last")`, `drop_duplicates` and `dropna`.
  private static let kept: [(String, [Int])] = [
    ("[filter: n > 0]", [0, 2, 3, 5]), ("[filter: n > 0 and x is not null]", [0, 2, 3, 5]),
    ("[drop-missing: true]", [0, 3, 4, 5, 6]), ("[drop-missing: [n]]", [0, 2, 3, 4, 5, 6]),
    ("[sort: [k, -n]]", [6, 4, 1, 0, 3, 5, 2]), ("[sort: -n]", [5, 0, 3, 2, 6, 4, 1]),
    ("[sort: [x, r]]", [5, 2, 3, 4, 0, 6, 1]), ("[sort: [-day, -r]]", [3, 0, 4, 2, 5, 6, 1]),
    ("[sort: [flag, s]]", [5, 2, 3, 4, 0, 6, 1]), ("[sort: -s]", [6, 1, 0, 5, 4, 3, 2]),
    ("[dedupe: [k]]", [0, 1, 2, 5, 6]), ("[dedupe: [k, n]]", [0, 1, 2, 4, 5, 6]),
    ("[dedupe: true]", [0, 1, 2, 3, 4, 5, 6]),
    ("[drop: [r], {dedupe: [day]}, derive: {r: n}]", [2, 1, -1, 5, 0]),
    ("[{filter: n > 100}, {sort: n}, {dedupe: true}]", []),
    ("[{sample: {rows: 7}}]", [0, 1, 2, 3, 4, 5, 6]), ("[{sample: {share: 0}}]", []),
    ("[{sort: -r}, {dedupe: [flag]}, {sort: r}]", [1, 5, 6]),
  ]

  @Test func keepsTheRowsAndTheirOrder() async throws {
    let artifacts = try FolderArtifacts()
    for (steps, expected) in Self.kept {
      for cuts in [[], [3, 3, 5], [1, 2, 3, 4, 5, 6]] {
        let (_, rows, _) = try await Self.run(steps, cuts: cuts, in: artifacts)
        let numbers = Table.cells(try #require(rows["r"])).compactMap { $0.int }
        #expect(numbers == expected, "\(steps) cut at \(cuts)")
      }
    }
  }

  /// Steps, a column after them, and its values.
  private static let changed: [(String, String, [JSONValue])] = [
    ("[rename: {n: r, r: n}]", "n", [0, 1, 2, 3, 4, 5, 6]),
    ("[derive: [{a: n + 1}, {b: a * 2}]]", "b", [6, nil, 4, 6, 0, 12, 2]),
    ("[derive: {j: k}]", "j", ["b", "a", nil, "b", "a", "é", "Z"]),
    ("[derive: {k: upper(k)}]", "k", ["B", "A", nil, "B", "A", "É", "Z"]),
    ("[fill: {x: mean}]", "x", [3.0, .double(19.0 / 6), 1.0, 2.5, 2.5, -0.0, 10.0]),
    ("[fill: {x: median}]", "x", [3.0, 2.5, 1.0, 2.5, 2.5, -0.0, 10.0]),
    ("[fill: {n: median}]", "n", [2, 2, 1, 2, -1, 5, 0]),
    ("[fill: {n: mean}]", "n", [2, 2, 1, 2, -1, 5, 0]),
    ("[fill: {n: mode}]", "n", [2, 2, 1, 2, -1, 5, 0]),
    ("[fill: {k: mode}]", "k", ["b", "a", "a", "b", "a", "é", "Z"]),
    ("[fill: {flag: mode}]", "flag", [true, true, false, true, true, false, true]),
    (
      "[fill: {day: mode}]", "day",
      [
        "2024-02-29", "2024-02-29", "1999-12-31", "2024-02-29", "2000-01-01", "1970-01-01",
        "1960-05-05",
      ]
    ),
    ("[fill: {k: new, n: 9}]", "k", ["b", "a", "new", "b", "a", "é", "Z"]),
    ("[clip: {n: [0, 2]}]", "n", [2, nil, 1, 2, 0, 2, 0]),
    ("[clip: {n: [0.5, null]}]", "n", [2, nil, 1, 2, 1, 5, 1]),
    ("[clip: {x: [null, 2.75]}]", "x", [2.75, nil, 1.0, 2.5, 2.5, -0.0, 2.75]),
    // pandas.cut(..., [-inf, 0, 2.5, 10, inf], right=False).
    (
      "[bin: {x: {edges: [0, 2.5, 10], labels: [a, b, c, d]}}]", "x",
      ["c", nil, "b", "c", "c", "b", "d"]
    ),
    ("[bin: {n: {edges: [1]}}]", "n", ["≥ 1", nil, "≥ 1", "≥ 1", "< 1", "≥ 1", "< 1"]),
    (
      "[map: {k: {values: {a: one, b: null}}}]", "k", [nil, "one", nil, nil, "one", "é", "Z"]
    ),
    (
      "[map: {n: {values: {2: two}, other: missing}}]", "n",
      ["two", nil, nil, "two", nil, nil, nil]
    ),
    ("[map: {n: {values: {2: two}}}]", "n", ["two", nil, "1", "two", "-1", "5", "0"]),
    ("[map: {s: {values: {Anna: Berta}}}]", "s", ["Berta", "Straße", nil, "", "42", "Berta", "x"]),
    ("[cast: {n: double}]", "n", [2.0, nil, 1.0, 2.0, -1.0, 5.0, 0.0]),
    ("[cast: {n: category}]", "n", ["2", nil, "1", "2", "-1", "5", "0"]),
    ("[cast: {s: {type: int, on-error: missing}}]", "s", [nil, nil, nil, nil, 42, nil, nil]),
    ("[cast: {flag: int}]", "flag", [1, nil, 0, 1, 1, 0, 1]),
    (
      "[cast: {day: datetime}]", "day",
      [
        "2024-02-29T00:00:00", nil, "1999-12-31T00:00:00", "2024-02-29T00:00:00",
        "2000-01-01T00:00:00", "1970-01-01T00:00:00", "1960-05-05T00:00:00",
      ]
    ),
    (
      "[cast: {day: text}, cast: {day: {type: date, format: '%Y-%m-%d'}}]", "day",
      ["2024-02-29", nil, "1999-12-31", "2024-02-29", "2000-01-01", "1970-01-01", "1960-05-05"]
    ),
    // Python's hmac with SHA-256, the first 32 digits.
    (
      "[pseudonymise: {columns: [s], key: '${env.KEY}'}]", "s",
      [
        "851d0a04c935f6bc5acdd824339733ae", "d25850cc297eff5f8c67b7a4d94e8f2a", nil,
        "496dc93fa2d26eae500ec0bc37a12270", "8d24a2a526d5f556469db8b6280e3a7b",
        "851d0a04c935f6bc5acdd824339733ae", .string(pseudonymOfX),
      ]
    ),
  ]
  private static let pseudonymOfX = String(
    HMAC(key: Array(key.utf8)).tag(Array("x".utf8)).hex.prefix(32))

  @Test func changesTheValues() async throws {
    let artifacts = try FolderArtifacts()
    for (steps, name, expected) in Self.changed {
      for cuts in [[], [3, 3, 5]] {
        let (outputs, rows, _) = try await Self.run(steps, cuts: cuts, in: artifacts)
        #expect(Table.cells(try #require(rows[name])) == expected, "\(steps)")
        // What is known before anything runs is what comes out.
        let (stage, _) = try Self.stage(steps)
        var report = Diagnostics()
        let known = stage.schemas(of: ["from": Self.table.schema], report: &report)["data"]
        let schema = try artifacts.dataset(try #require(outputs.artifacts["data"])).schema
        #expect(known == nil || known == schema, "\(steps)")
      }
    }
  }

  private static let spelled: [JSONValue] = ["a", "e\u{301}", "\u{e9}", nil, "z"]
  private static let beyond: JSONValue = 9_007_199_254_740_993

  /// A column `v`, steps, and its values after them, told apart by their bytes; or a code where the
  /// steps fail.
  private static let exact: [(ColumnType, [JSONValue], String, [JSONValue]?)] = [
    // Two spellings of one letter are two values.
    (.text, spelled, "[cast: {v: category}]", spelled),
    (
      .text, spelled,
      "[{map: {v: {values: {e\u{301}: two}}}}, {map: {v: {values: {\u{e9}: one}}}}]",
      ["a", "two", "one", nil, "z"]
    ),
    (.category, spelled, "[map: {v: {values: {a: b}}}]", ["b"] + spelled.dropFirst()),
    (
      .category, spelled, "[map: {v: {values: {e\u{301}: b}, other: keep}}]",
      ["a", "b", "\u{e9}", nil, "z"]
    ),
    // 2^53 + 1 is no double.
    (.int, [beyond, beyond, nil], "[fill: {v: mode}]", [beyond, beyond, beyond]),
    (.int, [beyond, nil, beyond], "[fill: {v: median}]", [beyond, beyond, beyond]),
    (.int, [beyond, nil, beyond], "[fill: {v: mean}]", [beyond, beyond, beyond]),
    (.int, [-1, nil, -2], "[fill: {v: median}]", [-1, -2, -2]),
    (
      .int, [.int(.max), nil, .int(.max)], "[fill: {v: mean}]",
      [.int(.max), .int(.max), .int(.max)]
    ),
    (.int, [beyond, nil, 2], "[cast: {v: {type: double, on-error: missing}}]", [nil, nil, 2.0]),
    (.int, [beyond, nil, 2], "[cast: {v: double}]", nil),
    (.bool, [true, false], "[map: {v: {values: {True: yes, FALSE: no}}}]", ["yes", "no"]),
    (.int, [1, 2, 10], "[map: {v: {values: {1.0: one, 1e1: ten}}}]", ["one", "2", "ten"]),
    // Sums that are beyond all doubles, and means that are not.
    (.double, [1.5e308, nil, 1.5e308], "[fill: {v: mean}]", [1.5e308, 1.5e308, 1.5e308]),
    (.double, [-1.7e308, nil, 1.7e308], "[fill: {v: median}]", [-1.7e308, 0.0, 1.7e308]),
    (.double, [1.5e308, nil, 1.7e308], "[fill: {v: median}]", [1.5e308, 1.6e308, 1.7e308]),
    (.double, [.double(.infinity), nil, 1.0], "[fill: {v: mean}]", nil),
    (.double, [-0.0, nil, 0.0], "[fill: {v: median}]", [-0.0, 0.0, 0.0]),
    // Where no row is left, nothing is missing.
    (.double, [nil, 1.0], "[{filter: v > 1}, {fill: {v: mean}}]", []),
    (.category, ["a", "b"], "[{filter: v == 'c'}, {fill: {v: mode}}]", []),
    (
      .date, ["2024-01-01", nil], "[{derive: {v: v + 3000000}}, {fill: {v: mode}}]",
      ["10237-09-21", "10237-09-21"]
    ),
    (
      .datetime, ["2024-01-01T00:00:00.000001", nil], "[fill: {v: mode}]",
      ["2024-01-01T00:00:00.000001", "2024-01-01T00:00:00.000001"]
    ),
  ]

  @Test func losesNoValueAndInventsNone() async throws {
    let artifacts = try FolderArtifacts()
    for (type, cells, steps, expected) in Self.exact {
      for cuts in [[], [1]] {
        var found: [JSONValue]?
        do {
          let rows = try await Self.run(
            steps, Table.batch([("v", type, cells)]), cuts: cuts, in: artifacts
          ).rows
          found = Table.cells(try #require(rows["v"]))
        } catch is TaskFailure {} catch is Diagnostic {}
        #expect(
          found.map { $0.map { Array($0.text.utf8) } }
            == expected.map { $0.map { Array($0.text.utf8) } }, "\(cells) \(steps): \(found ?? [])")
      }
    }
  }

  /// Rows are repeated a partition at a time, and steps after that get no more than one either.
  @Test func uncountsWithinPartitions() async throws {
    let artifacts = try FolderArtifacts()
    let counts = [70_000, 0, nil, 66_000, 3] as [Int64?]
    let table = Table.batch([
      ("n", .int, counts.map { $0.map { .int($0) } ?? .null }),
      ("r", .int, counts.indices.map { JSONValue($0) }),
    ])
    for (cuts, sizes) in [([], [65_536, 65_536, 4_931]), ([3], [65_536, 4_464, 65_536, 467])] {
      let (outputs, rows, bench) = try await Self.run(
        "[{derive: {r: r + 1}}, {uncount: n}, {derive: {r: r * 2}}]", table, cuts: cuts,
        in: artifacts)
      let times = Dictionary(
        Table.cells(try #require(rows["r"])).compactMap(\.int).map { ($0, 1) },
        uniquingKeysWith: +)
      #expect(times == [2: 70_000, 8: 66_000, 10: 3] && rows.schema.names == ["r"])
      let data = try artifacts.dataset(try #require(outputs.artifacts["data"]))
      #expect(data.partitions.map(\.rows) == sizes)
      #expect(
        bench.requests.compactMap(\.expectedRows).sorted().suffix(sizes.count)
          == sizes.sorted()[...])
    }
  }

  /// Steps, and where what is wrong with them is said: in the line `    from: ...`.
  private static let refused: [(String, [String])] = [
    ("[select: [n, n]]", ["AX0524:49"]), ("[select: [n, m]]", ["AX0522:49"]),
    ("[rename: {n: k}]", ["AX0524:46"]), ("[rename: {q: k}]", ["AX0522:46"]),
    ("[clip: {n: [2, 1]}]", ["AX0520:47"]), ("[clip: {n: [a, 1]}]", ["AX0520:48"]),
    ("[clip: {n: [1]}]", ["AX0520:47"]), ("[clip: {s: [1, 2]}]", ["AX0523:44"]),
    ("[bin: {n: {edges: [1, 1]}}]", ["AX0520:54"]),
    ("[bin: {n: {edges: [1], labels: [a, a]}}]", ["AX0520:67"]),
    ("[fill: {n: a}]", ["AX0527:44"]), ("[fill: {k: 3}]", ["AX0527:44"]),
    ("[fill: {k: mean}]", ["AX0523:44"]), ("[fill: {day: soon}]", ["AX0527:44"]),
    ("[fill: {n: 1.5}]", ["AX0527:44"]), ("[filter: n + 1]", ["AX0525:45"]),
    ("[filter: n > m]", ["AX0512:49"]),
    ("[derive: [{a: m}, {b: s + 1}]]", ["AX0512:50", "AX0510:58"]),
    ("[sort: [-m]]", ["AX0522:44"]), ("[sort: []]", ["AX0520:43"]), ("[uncount: s]", ["AX0523:46"]),
    ("[map: {x: {values: {1: a}}}]", ["AX0523:43"]),
    ("[sample: {rows: 1, share: 0.5}]", ["AX0520:37"]),
    ("[cast: {s: {type: date, format: '%Q'}}]", ["AX0520:68"]),
    ("[cast: {s: {type: int, format: '%Y'}}]", ["AX0520:44"]),
    ("[pseudonymise: {columns: [s], key: 0123456789abcdef}]", ["AX0521:71"]),
    ("[{drop: [n]}, {filter: n > 1}]", ["AX0512:59"]),
    ("[clip: {n: [1.2, 1.8]}]", ["AX0520:44"]), ("[clip: {n: [1.0e+30, null]}]", ["AX0520:44"]),
    ("[clip: {x: [.nan, 5]}]", ["AX0520:48"]), ("[clip: {x: [null, .inf]}]", ["AX0520:54"]),
    ("[rename: {n: _origin}]", ["AX0524:49"]), ("[derive: {_origin_row: n}]", ["AX0524:46"]),
    ("[derive: [{'': n}]]", ["AX0524:47"]), ("[select: []]", ["AX0520:45"]),
    ("[drop: [k, n, x, s, flag, day, r]]", ["AX0520:44"]),
    ("[{select: n}, {uncount: n}]", ["AX0520:60"]),
    ("[map: {n: {values: {one: 1}}}]", ["AX0520:56"]),
    ("[map: {n: {values: {1.5: a, 2: b, 2.0: c}}}]", ["AX0520:56", "AX0520:70"]),
    ("[map: {flag: {values: {yes: a}}}]", ["AX0520:59"]),
    ("[{select: [zz]}, {drop: [yy]}]", ["AX0522:47", "AX0522:61"]),
  ]

  @Test func refusesBeforeAnythingRuns() throws {
    for (steps, expected) in Self.refused {
      let (stage, report) = try Self.stage(steps)
      var problems = report
      if report.isEmpty { _ = stage.schemas(of: ["from": Self.table.schema], report: &problems) }
      #expect(places(problems) == expected, "\(steps): \(problems)")
      let line = "    transform: {from: rows, steps: \(steps)}"
      #expect(problems.items.allSatisfy { ($0.span?.column ?? 0) <= line.count })
    }
  }

  @Test func misfitsStopOrAreCounted() async throws {
    let artifacts = try FolderArtifacts()
    for (steps, code) in [
      ("[cast: {s: int}]", "AX0528"), ("[cast: {x: int}]", "AX0528"),
      ("[map: {k: {values: {a: b}, other: stop}}]", "AX0531"),
      ("[derive: {y: 9223372036854775807 + n}]", "AX0513"), ("[uncount: n]", "AX0526"),
      ("[{filter: n is null}, {fill: {n: mean}}]", "AX0529"),
    ] {
      var found: [String] = []
      do { _ = try await Self.run(steps, in: artifacts) } catch let failure as TaskFailure {
        found = failure.diagnostics.items.map(\.code)
      } catch let problem as Diagnostic { found = [problem.code] }
      #expect(found == [code], "\(steps)")
    }
    // Lenient for its own column only.
    let steps = "[cast: {s: {type: int, on-error: missing}, x: int}]"
    await #expect(throws: Diagnostic.self) { _ = try await Self.run(steps, in: artifacts) }
    let (outputs, _, _) = try await Self.run(
      "[cast: {s: {type: int, on-error: missing}, k: {type: bool, on-error: missing}}]",
      in: artifacts)
    #expect(
      outputs.warnings.map(\.fact) == [
        "6 values of 'k' are not bool and became missing",
        "5 values of 's' are not int and became missing",
      ])
  }

  @Test func replacedColumnsKeepTheirRolesAndNoDecimals() async throws {
    let artifacts = try FolderArtifacts()
    var schema = Self.table.schema
    schema.columns[1].roles = [.label]
    schema.columns[2].decimals = 1
    schema.columns[3].roles = [.pii]
    let table = Batch(schema: schema, columns: Self.table.columns)
    for (steps, name, roles) in [
      ("[derive: {s: upper(s), n: n + 1}]", "s", [.pii]),
      ("[derive: {s: upper(s)}]", "n", [.label]),
      ("[pseudonymise: {columns: [s], key: '${env.KEY}'}]", "s", []),
      ("[cast: {n: text}]", "n", [.label]), ("[map: {s: {values: {}}}]", "s", [.pii]),
      ("[bin: {n: {edges: [1]}}]", "n", [.label]), ("[fill: {x: 1.25}]", "x", []),
      ("[clip: {x: [0.125, 1]}]", "x", []),
    ] as [(String, String, [ColumnRole])] {
      let (_, rows, _) = try await Self.run(steps, table, in: artifacts)
      #expect(
        rows.schema[name]?.roles == roles && rows.schema["x"]?.decimals == (name == "x" ? nil : 1),
        "\(steps)")
    }
  }

  /// The key is not among what tasks are told, and another key is another task.
  @Test func theKeyIsNowhere() async throws {
    let artifacts = try FolderArtifacts()
    let steps = "[pseudonymise: {columns: [k, s], key: '${env.KEY}'}]"
    let (_, _, bench) = try await Self.run(steps, in: artifacts)
    #expect(!bench.told.contains(Self.key) && bench.told.contains("keyDigest"))
    let options = try StageBench.options(
      Transform.description, "{from: rows, steps: \(steps)}", environment: ["KEY": Self.key + "2"])
    var report = Diagnostics()
    let other = StageBench(
      Transform(options, report: &report), artifacts, inputs: bench.inputs)
    _ = try await other.stage.drive(other)
    #expect(other.told != bench.told && report.isEmpty)
    let short = try StageBench.options(
      Transform.description, "{from: rows, steps: \(steps)}", environment: ["KEY": "short"])
    _ = Transform(short, report: &report)
    #expect(places(report).map { $0.prefix(6) } == ["AX0521"])
    #expect(!"\(report)".contains("short'"))
  }

  @Test(
    "RFC 4231's test cases 1 to 3 and 6",
    arguments: [
      (Array(repeating: UInt8(0x0b), count: 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b"),
      (Array("Jefe".utf8), "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c7"),
      (
        Array(repeating: 0xaa, count: 131),
        "Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f"
      ),
    ] as [([UInt8], String, String)])
  func hmac(key: [UInt8], message: String, tag: String) {
    #expect(HMAC(key: key).tag(Array(message.utf8)).hex.hasPrefix(tag))
  }

  private static func random(_ rows: Int, _ random: inout SeededRandom) -> Batch {
    func cell(_ value: JSONValue, _ random: inout SeededRandom) -> JSONValue {
      Int.random(in: 0..<8, using: &random) == 0 ? .null : value
    }
    let texts = ["", "a", "ab", "b", "é", "e\u{301}", "z"]
    return Table.batch([
      (
        "n", .int,
        (0..<rows).map { _ in cell(.int(Int64.random(in: -3...3, using: &random)), &random) }
      ),
      (
        "x", .double,
        (0..<rows).map { _ in
          cell(.double(Double(Int.random(in: -2...2, using: &random)) / 2 * 0.5), &random)
        }
      ),
      (
        "s", .text,
        (0..<rows).map { _ in
          cell(.string(texts[Int.random(in: 0..<texts.count, using: &random)]), &random)
        }
      ),
      ("r", .int, (0..<rows).map { JSONValue($0) }),
    ])
  }

  private static func cuts(_ rows: Int, _ random: inout SeededRandom) -> [Int] {
    (0..<Int.random(in: 0...6, using: &random)).map { _ in Int.random(in: 0...rows, using: &random)
    }
    .sorted()
  }

  /// However the dataset is cut, into partitions and into slices, sorting and deduplicating give what
  /// one look at all rows gives.
  @Test func cutsDoNotMatterToSortAndDedupe() async throws {
    let artifacts = try FolderArtifacts()
    let (stage, _) = try Self.stage("[]")
    for seed in 0..<60 {
      var random = SeededRandom(seed: UInt64(seed))
      let table = Self.random(Int.random(in: 0...400, using: &random), &random)
      let dataset = try Table.dataset(
        table, cuts: Self.cuts(table.rows, &random), artifacts)
      let bench = StageBench(stage, artifacts, inputs: [:])
      let manifest = try artifacts.dataset(dataset)
      let keys: [Sorting.Key] = [
        .init(column: "s", isDescending: seed % 2 == 0),
        .init(column: seed % 3 == 0 ? "x" : "n", isDescending: seed % 5 < 3),
      ]
      let sorted = try await Sorting.drive(bench, manifest, keys, rowsPerSlice: 1 + seed)
      let order = SortOrder(table, keys)
      let expected = (0..<table.rows).sorted { order.precedes($0, $1) }
      #expect(try Self.numbers(sorted.manifest, artifacts) == expected, "sort \(seed)")
      let names = seed % 2 == 0 ? ["n", "s"] : ["x"]
      let kept = try await Dedupe.drive(bench, manifest, names, rowsPerBucket: 1 + seed)
      var seen: Set<[JSONValue]> = []
      let rows = Table.rows(table)
      let first = rows.indices.filter { row in
        let key = seed % 2 == 0 ? [rows[row][0], .string(rows[row][2].text)] : [rows[row][1]]
        // By bytes: `é` has two spellings.
        return seen.insert(key.map { .array(Array($0.text.utf8).map { JSONValue(Int($0)) }) })
          .inserted
      }
      #expect(try Self.numbers(kept.manifest, artifacts) == first, "dedupe \(seed)")
      // A task is told of the row numbers of its own partition alone.
      #expect(
        bench.requests.filter { $0.step == Dedupe.takeStep }.allSatisfy {
          $0.parameters["count"]?.array?.contains(0) == false
        })
    }
  }

  private static func numbers(_ manifest: DatasetManifest, _ artifacts: FolderArtifacts) throws
    -> [Int]
  {
    try manifest.partitions.flatMap {
      Table.cells(try artifacts.batch($0, schema: manifest.schema, columns: ["r"]).columns[0])
        .compactMap(\.int)
    }
  }

  @Test func sortsAsPeopleWouldByHand() {
    let order = SortOrder(Self.table, [.init(column: "x", isDescending: true)])
    #expect((0..<7).sorted { order.precedes($0, $1) } == [6, 0, 3, 4, 2, 5, 1])
    let extremes = Table.batch([("n", .int, [.int(.max), nil, .int(.min), 0, -1])])
    for (isDescending, expected) in [(false, [2, 4, 3, 0, 1]), (true, [0, 3, 4, 2, 1])] {
      let order = SortOrder(extremes, [.init(column: "n", isDescending: isDescending)])
      #expect((0..<5).sorted { order.precedes($0, $1) } == expected)
    }
  }

  /// A sample has its exact size, keeps the order, holds no row twice, and does not depend on the cuts.
  @Test func samplesAreExact() async throws {
    let artifacts = try FolderArtifacts()
    var random = SeededRandom(seed: 0)
    for seed in 0..<20 {
      let table = Self.random(200, &random)
      let count = Int.random(in: 0...200, using: &random)
      let steps = "[sample: {rows: \(count), seed: \(seed)}]"
      let (_, a, _) = try await Self.run(
        steps, table, cuts: Self.cuts(200, &random), in: artifacts)
      let (_, b, _) = try await Self.run(steps, table, cuts: [], in: artifacts)
      #expect(a.rows == count && a.difference(from: b) == nil)
      let numbers = Table.cells(try #require(a["r"])).compactMap(\.int)
      #expect(numbers == Set(numbers).sorted())
    }
    // Another seed, another stage and another step each draw for themselves.
    let table = Self.random(200, &random)
    var samples: Set<[Int]> = []
    for (seed, name, steps) in [
      (1, "a", "[sample: {rows: 50}]"), (2, "a", "[sample: {rows: 50}]"),
      (1, "b", "[sample: {rows: 50}]"), (1, "a", "[sample: {rows: 50, seed: 1}]"),
      (1, "a", "[{filter: r >= 0}, {sample: {rows: 50}}]"),
    ] as [(UInt64, String, String)] {
      let bench = StageBench(
        try Self.stage(steps).0, name: name, artifacts,
        inputs: ["from": try Table.dataset(table, artifacts)], seed: seed)
      let outputs = try await bench.stage.drive(bench)
      let data = try artifacts.dataset(try #require(outputs.artifacts["data"]))
      samples.insert(try Self.numbers(data, artifacts))
    }
    #expect(samples.count == 5 && samples.allSatisfy { $0.count == 50 })
    // Every row is in about half of the samples of half the rows.
    var times = [Int](repeating: 0, count: 7)
    for seed in 0..<200 {
      let (_, rows, _) = try await Self.run("[sample: {share: 0.5, seed: \(seed)}]", in: artifacts)
      for row in Table.cells(try #require(rows["r"])).compactMap(\.int) { times[row] += 1 }
    }
    #expect(times.allSatisfy { (80...150).contains($0) }, "\(times)")
  }
}
