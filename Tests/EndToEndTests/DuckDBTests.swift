import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// The plugin `duckdb`, installed and run for real.
struct DuckDBTests {
  private static let people = """
    name,team,age,pay,since,seen,left,moment
    ana,red,31,1.50,2020-02-29,2020-02-29T10:00:00,true,2020-02-29T10:00:00Z
    bo,blue,,2.25,2021-01-01,2021-01-01T00:00:01,false,2021-01-01T00:00:01Z
    cy,,7,,,,,
    di,red,50,10.00,2019-12-31,2019-12-31T23:59:59,true,2019-12-31T23:59:59Z

    """
  private static let teams = "team,place\nred,north\nblue,\ngreen,south\n"

  /// A project in which each query is a stage of its own, `q0` and so on; nil where DuckDB cannot be fetched.
  private func product(_ queries: [String], more: String = "") throws -> Product? {
    let product = try Product()
    let folder = PluginTests.here.appendingPathComponent("duckdb").path
    guard try PluginTests.install(folder, product) else { return nil }
    try product.write(Self.people, to: "people.csv")
    try product.write(Self.teams, to: "teams.csv")
    var text = """
      admix: 1
      name: queried
      plugins: \(PluginTests.here.path)
      stages:
        people:
          ingest:
            from: people.csv
            columns: [{name: {type: text, role: pii}}, {team: {type: category, role: protected}}]
        teams: {ingest: {from: teams.csv, columns: [{team: category}, {place: text}]}}

      """
    for (index, query) in queries.enumerated() {
      text += """
          q\(index):
            transform:
              inputs: {people: people, teams: teams}
              with:
                duckdb:
                  sql: |
        \(query.split(separator: "\n").map { "            \($0)\n" }.joined())\(more)
          out\(index): {export: {from: q\(index), to: q\(index).csv}}

        """
    }
    try product.write(text, to: "pipeline.yaml")
    return product
  }

  private func run(_ product: Product, _ more: String = "") throws -> Product.Answer {
    try product.shell(
      "admix run --no-report --allow-commands \(more)", environment: PluginTests.shared)
  }

  /// Queries with what they give.
  private static let queries: [(sql: String, gives: String)] = [
    ("SELECT * FROM people", people),
    (
      "SELECT name, place\nFROM people LEFT JOIN teams USING (team)\nORDER BY name",
      "name,place\nana,north\nbo,\ncy,\ndi,north\n"
    ),
    (
      "SELECT team, count(*) AS n, sum(age) AS years, avg(pay) AS mean FROM people GROUP BY ALL ORDER BY ALL",
      "team,n,years,mean\nblue,1,,2.25\nred,2,81,5.75\n,1,7,\n"
    ),
    (
      "SELECT name, row_number() OVER (PARTITION BY team ORDER BY age DESC) AS place FROM people ORDER BY name",
      "name,place\nana,2\nbo,1\ncy,1\ndi,1\n"
    ),
    ("FROM people SELECT name WHERE team = 'nobody'", "name\n"),
    (
      "SELECT coalesce(team, 'none') AS team, upper(name) AS \"the name\" FROM people -- all of them;\n;",
      "team,the name\nred,ANA\nblue,BO\nnone,CY\nred,DI\n"
    ),
    (
      "SELECT 1.5::DECIMAL(4, 2) AS d, 7::UTINYINT AS u, 12345678901234567890123::HUGEINT % 10 AS h, 0.1::FLOAT AS f, 'nan'::DOUBLE AS x, NULL AS z",
      "d,u,h,f,x,z\n1.5,7,3,0.10000000149011612,,\n"
    ),
    (
      "PIVOT people ON team IN ('red', 'blue') USING count(*) GROUP BY name ORDER BY name",
      "name,red,blue\nana,1,0\nbo,0,1\ncy,0,0\ndi,1,0\n"
    ),
    (
      "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r",
      "n\n1\n2\n3\n"
    ),
    (
      "SELECT since + INTERVAL 1 DAY AS next, date_trunc('month', seen) AS month, moment FROM people WHERE people.\"left\"",
      "next,month,moment\n2020-03-01T00:00:00,2020-02-01T00:00:00,2020-02-29T10:00:00Z\n2020-01-01T00:00:00,2019-12-01T00:00:00,2019-12-31T23:59:59Z\n"
    ),
  ]

  @Test func answersQueries() throws {
    guard let product = try product(Self.queries.map(\.sql)) else { return }
    let answer = try run(product)
    #expect(answer.code == 0, "\(answer.err)")
    for (index, query) in Self.queries.enumerated() {
      #expect(try product.read("q\(index).csv") == query.gives, "\(query.sql)")
    }
    // Types, roles and digits come back; how many values a category has is told by who counted them.
    let shown = try ["q0", "people"].map { stage in
      try product.admix("show", "pipeline.yaml", stage, environment: PluginTests.shared).out
        .replacing(/1 +2\n/, with: "1\n")
    }
    #expect(shown[0] == shown[1])
    #expect(try run(product).err.contains("nothing to do"))
  }

  /// Queries that cannot be answered, with what is said of them and at which line of the query.
  private static let faults: [(sql: String, line: Int, says: [String])] = [
    ("SELECT name\nFROM peeple", 2, ["Table with name peeple does not exist", "\"people\""]),
    ("SELECT nam FROM people", 1, ["\"nam\" not found", "\"name\""]),
    ("SELEC 1", 1, ["syntax error at or near \"SELEC\""]),
    ("SELECT 1;\nSELECT 2", 0, ["2 statements"]),
    ("COPY people TO 'people.parquet'", 0, ["it is COPY and no query"]),
    ("INSTALL httpfs", 0, ["no query"]),
    ("SET threads = 8", 0, ["no query"]),
    ("PIVOT people ON team USING count(*)", 0, ["no query", "name the values of PIVOT"]),
    ("SELECT *\nFROM read_csv('people.csv')", 2, ["file system operations are disabled"]),
    ("SELECT * FROM 'people.csv'", 0, ["file system operations are disabled"]),
    ("SELECT name,\nnow() AS t FROM people", 2, ["'now' gives something else each time"]),
    ("SELECT current_date AS t", 1, ["'current_date' gives something else each time"]),
    (
      "SELECT current_setting('threads') AS n", 1,
      ["'current_setting' gives something else each time"]
    ),
    ("SELECT sum(team) FROM people", 1, ["sum(ENUM)"]),
    ("SELECT name,\nCAST(name AS INT) AS n FROM people", 2, ["ConversionException"]),
    ("SELECT age, age FROM people", 0, ["column 'age'", "two columns of this name"]),
    ("SELECT [age] AS ages FROM people", -1, ["column 'ages'", "list"]),
    ("SELECT INTERVAL 1 DAY AS span", -1, ["column 'span'", "interval"]),
    ("SELECT 12345678901234567890123::HUGEINT AS n", -1, ["column 'n'", "beyond 64 bits"]),
    ("SELECT 1e308::DOUBLE * 10 AS n", -1, ["column 'n'", "infinite"]),
    ("SELECT error('ana ' || name) AS n FROM people", 0, ["Exception"]),
  ]

  @Test func tellsFaultsAtTheirLines() throws {
    guard let product = try product(Self.faults.map(\.sql)) else { return }
    let lines = try product.read("pipeline.yaml").split(
      separator: "\n", omittingEmptySubsequences: false)
    let answer = try run(product, "--quiet --json --keep-going")
    #expect(answer.code == 1)
    let stages = try JSONValue(parsing: answer.out)["stages"]?.array ?? []
    for (index, fault) in Self.faults.enumerated() {
      let found = stages.first { $0["name"]?.string == "q\(index)" }?["diagnostics"]?.array?.first
      let text =
        "\(found?["fact"]?.string ?? "") \(found?["cause"]?.string ?? "") \(found?["hint"]?.string ?? "")"
      for part in fault.says { #expect(text.contains(part), "\(fault.sql): \(text)") }
      let start = lines.firstIndex { $0 == "  q\(index):" } ?? 0
      // The options of a stage begin four lines below its name, the query six.
      #expect(found?["line"]?.int == start + (fault.line < 0 ? 5 : 6 + fault.line), "\(fault.sql)")
      for value in ["ana", "red", "blue"] { #expect(!text.contains(value), "\(text)") }
    }
  }

  private func digests(_ product: Product, _ stage: String) throws -> [String] {
    let shown = try product.admix(
      "show", "pipeline.yaml", stage, "--json", "--rows", "0", environment: PluginTests.shared)
    return try JSONValue(parsing: shown.out)["partitions"]?.array?
      .compactMap { $0["digest"]?.string } ?? []
  }

  @Test func givesTheSameBytesAgain() throws {
    let queries = [
      // Neither has an order of its own.
      "SELECT i % 70001 AS k, count(*) AS n, avg(i / 7) AS mean\nFROM range(150000) t(i) GROUP BY ALL",
      "SELECT random() AS r, uuid() AS u FROM range(70000)",
    ]
    guard let product = try product(queries) else { return }
    #expect(try run(product, "--jobs 8").code == 0)
    let first = try [digests(product, "q0"), digests(product, "q1")]
    #expect(first.map(\.count) == [2, 2])
    #expect(try run(product, "--jobs 1 --force q0 --force q1 --check-determinism").code == 0)
    #expect(try [digests(product, "q0"), digests(product, "q1")] == first)
    let pipeline = try product.read("pipeline.yaml")
    try product.write(
      pipeline.replacing("name: queried", with: "name: queried\nseed: 5"), to: "pipeline.yaml")
    #expect(try run(product).code == 0)
    #expect(try digests(product, "q0") == first[0])
    #expect(try digests(product, "q1") != first[1])
  }

  @Test func stopsInTheMiddleOfAQuery() throws {
    guard
      let product = try product([
        "SELECT sum(a.i * b.i) AS s FROM range(3000000) a(i), range(3000000) b(i)"
      ])
    else { return }
    let pipeline = try product.read("pipeline.yaml")
    try product.write(
      pipeline.replacing("  q0:", with: "  q0:\n    timeout: 2s"), to: "pipeline.yaml")
    let answer = try run(product)
    #expect(answer.code == 1)
    #expect(answer.err.contains("AX0915"), "\(answer.err)")
    #expect(try product.shell("find .admix/work -type f 2>/dev/null").out == "")
  }

  @Test func seesNothingOfWhereRowsCameFrom() throws {
    guard let product = try product(["SELECT * FROM people"]) else { return }
    let pipeline = try product.read("pipeline.yaml")
    try product.write(
      pipeline.replacing("inputs: {people: people,", with: "inputs: {people: mixed,")
        .replacing(
          "  q0:",
          with: "  mixed: {mix: {rows: 4, parts: {a: {from: people, share: 1}}}}\n  q0:"),
      to: "pipeline.yaml")
    let answer = try run(product)
    #expect(answer.code == 0, "\(answer.err)")
    #expect(try product.read("q0.csv").hasPrefix("name,team,age,pay,since,seen,left,moment\n"))
  }
}
