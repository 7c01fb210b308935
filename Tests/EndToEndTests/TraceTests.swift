import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// Rows followed by the built binary, from files as people have them to files that are exported.
struct TraceTests {
  /// A file, how it is read, and for each of its rows' ids the record and the line a person counts.
  private static let files:
    [(name: String, text: String, options: String, places: [Int: (Int, Int?)])] = [
      ("plain.csv", "id,t\n1,a\n2,b\n", "", [1: (1, 2), 2: (2, 3)]),
      ("end.csv", "id,t\r\n1,a\r\n2,b", "", [1: (1, 2), 2: (2, 3)]),
      ("returns.csv", "id,t\r1,a\r2,b\r", "", [1: (1, 2), 2: (2, 3)]),
      (
        "blank.csv", "id,t\n\n1,a\n\n\n2,b\n3,c\n", "format: {csv: {header: true}}",
        [1: (1, 3), 2: (2, 6), 3: (3, 7)]
      ),
      (
        "breaks.csv", "id,t\n1,\"a\nb\"\n2,\"c\r\n\nd\"\n3,e\n", "",
        [1: (1, 2), 2: (2, 4), 3: (3, 7)]
      ),
      (
        "comments.csv", "# head\nid,t\n1,a\n# \"2,b\n3,c\n", "format: {csv: {comment: '#'}}",
        [1: (1, 3), 3: (2, 5)]
      ),
      (
        "bare.csv", "1,a\n2,b\n", "columns: {id: int, t: text}, format: {csv: {header: false}}",
        [1: (1, 1), 2: (2, 2)]
      ),
      (
        "misfits.csv", "id,t\nx,a\n1,b\ny,c\nz,d\n2,e\n", "columns: {id: int}, on-error: reject",
        [1: (2, 3), 2: (5, 6)]
      ),
      (
        "ragged.csv", "id,t\n1,a\n2\n3,c,d\n4,\"e\nf\"\nx,g\n5,h\n",
        "columns: {id: int}, on-error: reject, format: {csv: {ragged: reject}}",
        [1: (1, 2), 4: (4, 5), 5: (6, 8)]
      ),
      (
        "lines.jsonl", "{\"id\": 1}\n\n{\"id\": 2}\n{\"id\": 3}\n", "",
        [1: (1, 1), 2: (2, 3), 3: (3, 4)]
      ),
      (
        "odd.jsonl", "{\"id\": 1}\n{\"id\":\n{\"id\": 1.5}\n{\"id\": 4}\n",
        "columns: {id: int}, on-error: reject", [1: (1, 1), 4: (4, 4)]
      ),
    ]

  @Test func countsRecordsAndLinesAsPeopleDo() throws {
    let product = try Product()
    var text = "admix: 1\nname: files\nstages:\n"
    for (index, file) in Self.files.enumerated() {
      try product.write(file.text, to: file.name)
      let options = file.options.isEmpty ? "" : ", \(file.options)"
      text += "  s\(index): {ingest: {from: \(file.name)\(options)}}\n"
    }
    try product.write(text, to: "pipeline.yaml")
    let answer = try product.admix("run", "--quiet")
    #expect(answer.code == 0, "\(answer.err)")
    for (index, file) in Self.files.enumerated() {
      for (id, (record, line)) in file.places {
        let back = try trace(product, "s\(index)", "--where", "id=\(id)")
        let end = back["back"]?.array?.first?.array?.last
        #expect(end?["name"]?.string == file.name, "\(file.name), \(id)")
        #expect(end?["row"]?.int == record, "record of \(file.name), \(id)")
        #expect(end?["line"]?.int == line, "line of \(file.name), \(id)")
        let row = back["subject"]?["rows"]?["numbers"]
        let forwards = try trace(product, file.name, "--row", "\(record)")
        let here = forwards["datasets"]?.array?.first?["share"]?["holds"]
        #expect(here?["count"]?.int == 1 && here?["numbers"] == row, "\(file.name), \(id)")
      }
    }
    let rejected = try trace(product, "misfits.csv", "--row", "3", "--row", "9")
    #expect(rejected["subject"]?["without"] == [3, 9])
  }

  private func trace(_ product: Product, _ arguments: String...) throws -> JSONValue {
    let answer = try Product.start(
      Product.binary, ["trace", "pipeline.yaml"] + arguments + ["--json"], in: product.folder,
      environment: [:]
    ).wait()
    #expect(answer.code == 0, "\(arguments): \(answer.err)")
    return try JSONValue(parsing: Array(answer.out.utf8))
  }

  /// Several partitions, each step of its own kind; a row is found by its id on every way, and the answers
  /// are the same for any number of workers.
  @Test func followsRowsThroughManyPartitions() throws {
    let product = try Product()
    let pipeline = """
      admix: 1
      name: many
      seed: 5
      stages:
        people:
          generate:
            rows: 70000
            with: {rules: {columns: [{id: {sequence: {start: 1}}}, {n: {integer: {low: 0, high: 9}}}]}}
        sorted:
          transform: {from: people, steps: [{filter: n > 1}, {sort: [-n, id]}]}
        parts: {split: {from: sorted, into: {a: 0.5, b: 0.5}}}
        blend:
          mix: {parts: {x: {from: parts.a, rows: 900}, y: {from: parts.b, rows: 900}}}
        out: {export: {from: blend, to: out/blend.csv}}
      """
    try product.write(pipeline, to: "pipeline.yaml")
    var answers: [JSONValue] = []
    for jobs in ["1", "3"] {
      #expect(
        try product.admix("run", "--quiet", "--jobs", jobs, "--store", "store\(jobs)").code == 0)
      let lines = try product.read("out/blend.csv").split(separator: "\n")
      let id = try #require(lines[17].split(separator: ",").first)
      let back = try trace(product, "out/blend.csv", "--row", "17", "--store", "store\(jobs)")
      let places = try #require(back["back"]?.array?.first?.array)
      // Ids are the numbers of the rows that were made.
      #expect(places.last?["row"]?.int == Int(id) && places.last?["kind"]?.string == "made")
      #expect(places.count == 5)
      let forwards = try trace(product, "people", "--where", "id=\(id)", "--store", "store\(jobs)")
      #expect(
        forwards["exports"]?.array?.first?["share"]?["holds"]?["numbers"]?.array?.contains(17)
          == true)
      answers += [back, forwards]
    }
    #expect(answers[0] == answers[2] && answers[1] == answers[3])
    // Bytes that are gone are said to be gone, and nothing is made up.
    let objects = product.folder.appendingPathComponent("store3/objects")
    let maps = try FileManager.default.subpathsOfDirectory(atPath: objects.path).filter { path in
      let file = objects.appendingPathComponent(path)
      return (try? Data(contentsOf: file).first) == 1
    }
    #expect(!maps.isEmpty)
    for map in maps { try FileManager.default.removeItem(at: objects.appendingPathComponent(map)) }
    let without = try product.admix(
      "trace", "pipeline.yaml", "people", "--row", "1", "--store", "store3")
    #expect(without.out.contains("not followed"), "\(without.out) \(without.err)")
  }
}
