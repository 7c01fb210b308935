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

  /// A record more in one file moves the rows of all that come after it; their bytes do not tell.
  @Test func aRecordMoreChangesNoOtherPartition() throws {
    let product = try Product()
    try product.write("id,n\n1,5\n2,1\n3,7\n", to: "in/a.csv")
    try product.write("id,n\n4,1\n5,6\n6,8\n", to: "in/b.csv")
    try product.write(
      """
      admix: 1
      name: two
      stages:
        rows: {ingest: {from: in}}
        some: {transform: {from: rows, steps: [{filter: n > 4}]}}
      """, to: "pipeline.yaml")
    func partitions() throws -> [JSONValue] {
      #expect(try product.admix("run", "--quiet").code == 0)
      let answer = try product.admix("show", "pipeline.yaml", "some", "--json")
      return try JSONValue(parsing: Array(answer.out.utf8))["partitions"]?.array ?? []
    }
    let before = try partitions()
    try product.write("id,n\n0,9\n1,5\n2,1\n3,7\n", to: "in/a.csv")
    let after = try partitions()
    #expect(before.count == 2 && after.count == 2)
    #expect(before.first != after.first && before.last == after.last)
    let back = try trace(product, "some", "--where", "id=5")
    #expect(back["back"]?.array?.first?.array?.last?["row"] == 2)
    #expect(back["back"]?.array?.first?.array?.last?["name"] == "in/b.csv")
  }

  /// Whatever object of the store has a person's name in it, of this state of the file or an earlier one, is in
  /// the plan to forget the person, and afterwards nothing that was made anew has it.
  @Test func thePlanToForgetKnowsEveryObject() throws {
    let product = try Product()
    var text = "name,n,k\n"
    for row in 1...40 {
      text += row == 23 ? "zq7person,3,b\n" : "p\(row),\(row % 7),\(["a", "b"][row % 2])\n"
    }
    try product.write(text, to: "people.csv")
    func pipeline(_ least: Int) -> String {
      """
      admix: 1
      name: forget
      stages:
        people: {ingest: {from: people.csv, columns: {name: text}}}
        some:
          transform:
            from: people
            steps: [{filter: n >= \(least)}, {sort: [k, name]}, {dedupe: [name]}, {fill: {k: mode}}]
        parts: {split: {from: some, into: {a: 0.5, b: 0.5}, group: name}}
        out: {export: {from: some, to: out/some.csv, card: true}}
        first: {export: {from: parts.a, to: out/a.parquet}}
        second: {export: {from: parts.b, to: out/b.jsonl}}
      """
    }
    for least in [1, 2] {
      try product.write(pipeline(least), to: "pipeline.yaml")
      #expect(try product.admix("run", "--quiet").code == 0)
      if least == 1 { #expect(try product.admix("tag", "latest", "v1.0").code == 0) }
    }
    func holding() throws -> Set<String> {
      let objects = product.folder.appendingPathComponent(".admix/objects")
      return Set(
        try FileManager.default.subpathsOfDirectory(atPath: objects.path).filter { path in
          let data = try? Data(contentsOf: objects.appendingPathComponent(path))
          return data?.range(of: Data("zq7person".utf8)) != nil
        }.map { $0.replacing("/", with: "") })
    }
    let before = try holding()
    #expect(before.count >= 6)
    for what in ["people.csv", "people"] {
      let answer = try product.admix(
        "forget", "pipeline.yaml", what, "--where", "name=zq7person", "--json")
      #expect(answer.code == 0 && !answer.out.contains("zq7person"), "\(answer.err)")
      let plan = try JSONValue(parsing: Array(answer.out.utf8))
      let known = (plan["objects"]?.array ?? []).compactMap { $0["artifact"]?["digest"]?.string }
      #expect(before.isSubset(of: known), "\(before.subtracting(known))")
      #expect(plan["trace"]?["subject"]?["records"]?.array?.first?["row"] == 23)
      #expect(plan["runs"]?.array?.count == 2)
      #expect(plan["reruns"]?.array?.count == 6)
      // The older of the two, which gave other exports.
      #expect(plan["runs"]?.array?.map { $0["tags"]?.array ?? [] } == [[], ["v1.0"]])
    }
    let words = try product.admix("forget", "pipeline.yaml", "people", "--where", "name=zq7person")
    #expect(words.out.contains("tagged v1.0"), "\(words.out)")
    try product.write(text.replacing("zq7person,3,b\n", with: ""), to: "people.csv")
    #expect(try product.admix("run", "--quiet").code == 0)
    #expect(try holding() == before)
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
