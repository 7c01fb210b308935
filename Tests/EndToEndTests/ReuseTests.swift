import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// One file of many is new or other: what is done again is what reads it, and what adds up.
struct ReuseTests {
  private static let pipeline = """
    admix: 1
    name: folder
    stages:
      all: {ingest: {from: parts}}
      rows:
        transform:
          from: all
          steps:
            - filter: "x > 1"
            - derive: {double: "x * 2", word: "upper(c)"}
            - map: {c: {values: {a: A}}}
            - cast: {word: category}
      unique: {transform: {from: all, steps: [{dedupe: [x, c]}]}}
      sorted: {transform: {from: rows, steps: [{sort: [c]}]}}
      bias: {fairness: {of: rows, label: {column: ok, positive: "true"}, protected: [c]}}
      checks:
        validate:
          of: rows
          expect: [{column: x, between: [0, 1000000]}, {column: c, not-null: true}, {column: x, unique: true}]
      made: {generate: {learn: rows, with: gaussian-copula, rows: 40}}
      out: {export: {from: rows, to: out/rows.csv, card: true}}
    """

  private func tasks(_ answer: Product.Answer) throws -> [String: (done: Int, reused: Int)] {
    var tasks: [String: (done: Int, reused: Int)] = [:]
    for stage in try JSONValue(parsing: answer.out)["stages"]?.array ?? [] {
      guard let name = stage["name"]?.string else { continue }
      tasks[name] = (
        stage["tasks"]?["done"]?.int ?? 0, stage["tasks"]?["reused"]?.int ?? 0
      )
    }
    return tasks
  }

  private func file(_ number: Int, category: String? = nil, decimals: String = ".5") -> String {
    "x,y,c,ok\n"
      + (0..<20).map { row in
        let letter = category ?? String("abc"[String.Index(utf16Offset: row % 3, in: "abc")])
        return "\(number * 100 + row + 2),\(row)\(decimals),\(letter),\(row % 2 == 0)\n"
      }.joined()
  }

  @Test func aFileAmongManyCostsNoMoreThanItself() throws {
    let product = try Product()
    try product.write(Self.pipeline, to: "pipeline.yaml")
    let count = 12
    for number in 0..<count {
      try product.write(file(number), to: "parts/\(100 + number).csv")
    }
    let first = try product.admix("run", "--json", "--no-report")
    #expect(first.code == 0, "\(first.err)")

    // Another category, and numbers with other digits: what the whole dataset knows changes.
    let edits: [(path: String, text: String, partitions: Int)] = [
      ("parts/200.csv", file(99, category: "new", decimals: ".125"), 1),
      ("parts/104.csv", file(4, category: "other"), 1),
      ("parts/100.csv", file(0, category: "b", decimals: ""), 1),
    ]
    for edit in edits {
      try product.write(edit.text, to: edit.path)
      let answer = try product.admix("run", "--json", "--no-report")
      #expect(answer.code == 0, "\(answer.err)")
      let tasks = try tasks(answer)
      // Looking the file over, and reading it.
      #expect(tasks["all"]?.done == 2, "\(edit.path): \(tasks)")
      #expect(tasks["rows"]?.done == 1, "\(edit.path): \(tasks)")
      // Keys of one partition, and the search through all keys.
      #expect(tasks["unique"]?.done == 2, "\(edit.path): \(tasks)")
      #expect(tasks["bias"]?.done == 1, "\(edit.path): \(tasks)")
      // Of the new partition: its own counts, and its keys; of all: the comparison of keys.
      #expect((tasks["checks"]?.done ?? 99) <= 3, "\(edit.path): \(tasks)")
      // Values of one partition are counted; how they go together is counted again with all levels known.
      #expect((tasks["made"]?.reused ?? 0) >= count - 1, "\(edit.path): \(tasks)")
      // The file is written anew, one partition described.
      #expect(tasks["out"]?.done == 2, "\(edit.path): \(tasks)")
      // Sorting merges all there is, but sorts one partition.
      #expect((tasks["sorted"]?.reused ?? 0) >= count - 1, "\(edit.path): \(tasks)")
    }

    // What came of it piece by piece is what comes of it at once.
    let pieces = try product.read("out/rows.csv")
    let fresh = try product.admix("run", "--json", "--no-report", "--store", "other")
    #expect(fresh.code == 0, "\(fresh.err)")
    #expect(try product.read("out/rows.csv") == pieces)
    let digests = { (answer: Product.Answer) in
      try JSONValue(parsing: answer.out)["stages"]?.array?.map { $0["outputs"] ?? .null }
    }
    let before = try digests(product.admix("run", "--json", "--no-report"))
    #expect(try digests(fresh) == before)
  }
}
