import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// What goes wrong ends in a message with a place and a code, the right exit code, and no harm done.
struct BadInputTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var files: [String: String]
    var stages: String
    var code: Int32
    /// All of these stand in what is printed for people.
    var says: [String]
    var testDescription: String { name }
  }

  private static let people = "age,sex,income\n30,F,high\n40,M,low\n50,F,low\n60,M,high\n"

  static let cases: [Case] = [
    Case(
      name: "vanished file", files: [:], stages: "  a: {ingest: {from: gone.csv}}", code: 7,
      says: ["pipeline.yaml:4:", "gone.csv", "[AX04"]),
    Case(
      name: "wrong digest", files: ["a.csv": people],
      stages: "  a: {ingest: {from: a.csv, sha256: \(String(repeating: "0", count: 64))}}", code: 7,
      says: ["pipeline.yaml:4:", "a.csv", "[AX04"]),
    Case(
      name: "empty file", files: ["a.csv": ""], stages: "  a: {ingest: {from: a.csv}}", code: 1,
      says: ["a.csv", "[AX04"]),
    Case(
      name: "column named twice", files: ["a.csv": "x,y,x\n1,2,3\n"],
      stages: "  a: {ingest: {from: a.csv}}", code: 1, says: ["a.csv:1:", "'x'", "[AX04"]),
    Case(
      name: "declared column missing", files: ["a.csv": people],
      stages: "  a: {ingest: {from: a.csv, columns: {agee: int}}}", code: 1,
      says: ["'agee'", "'age'", "[AX04"]),
    Case(
      name: "type clash between files", files: ["d/1.csv": "x\n1\n2\n", "d/2.csv": "y\n1\n"],
      stages: "  a: {ingest: {from: d}}", code: 1, says: ["2.csv", "[AX04"]),
    Case(
      name: "value that does not fit its type", files: ["a.csv": "x\n1\ntwo\n"],
      stages: "  a: {ingest: {from: a.csv, columns: {x: int}}}", code: 1,
      says: ["a.csv:3:1", "'x'", "[AX04"]),
    Case(
      name: "ragged row", files: ["a.csv": "x,y\n1,2\n1,2,3\n"],
      stages: "  a: {ingest: {from: a.csv}}", code: 1, says: ["a.csv:3:", "[AX04"]),
    Case(
      name: "category never seen", files: ["a.csv": people],
      stages: """
          a: {ingest: {from: a.csv}}
          b: {generate: {learn: a, rows: 5, where: {sex: X}}}
        """, code: 1, says: ["pipeline.yaml:5:", "'sex'", "[AX06"]),
    Case(
      name: "label with one class", files: ["a.csv": "sex,income\nF,high\nM,high\n"],
      stages: """
          a: {ingest: {from: a.csv, columns: {income: category, sex: category}}}
          b: {fairness: {of: a, label: {column: income, positive: high}, protected: [sex]}}
        """, code: 1, says: ["pipeline.yaml:5:", "'income'", "[AX07"]),
    Case(
      name: "mix share over 1", files: ["a.csv": people],
      stages: """
          a: {ingest: {from: a.csv}}
          b: {mix: {rows: 4, parts: {real: {from: a, share: 1.5}}}}
        """, code: 3, says: ["pipeline.yaml:5:", "1.5", "[AX0"]),
    Case(
      name: "more rows than a part has", files: ["a.csv": people],
      stages: """
          a: {ingest: {from: a.csv}}
          b: {mix: {rows: 40, parts: {real: {from: a, share: 1}}}}
        """, code: 1, says: ["pipeline.yaml:5:", "40", "4", "[AX06"]),
    Case(
      name: "unknown generator", files: ["a.csv": people],
      stages: """
          a: {ingest: {from: a.csv}}
          b: {generate: {learn: a, rows: 5, with: gausian-copula}}
        """, code: 3,
      says: ["pipeline.yaml:5:", "'gausian-copula'", "did you mean 'gaussian-copula'?"]),
    Case(
      name: "several problems at once", files: ["a.csv": people],
      stages: """
          a: {ingest: {form: a.csv}}
          b: {mix: {rows: many, parts: {real: {from: c, share: 1}}}}
        """, code: 3, says: ["'form'", "'from'", "'c'", "pipeline.yaml:4:", "pipeline.yaml:5:"]),
    Case(
      name: "a cycle", files: [:],
      stages: """
          a: {transform: {from: b, steps: []}}
          b: {transform: {from: a, steps: []}}
        """, code: 3, says: ["wait for each other", "[AX03"]),
    Case(
      name: "a delivery outside the project", files: ["a.csv": people],
      stages: """
          a: {ingest: {from: a.csv}}
          b: {export: {from: a, to: ../a.parquet}}
        """, code: 3, says: ["pipeline.yaml:5:", "[AX08"]),
  ]

  @Test("ends with a message", arguments: cases)
  func message(_ item: Case) throws {
    let product = try Product()
    for (path, text) in item.files { try product.write(text, to: path) }
    try product.write("admix: 1\nname: bad\nstages:\n\(item.stages)\n", to: "pipeline.yaml")
    let answer = try product.admix("run", "pipeline.yaml")
    #expect(answer.code == item.code, "\(item.name): \(answer.code)\n\(answer.err)")
    for text in item.says {
      #expect(answer.err.contains(text), "\(item.name) does not say \(text):\n\(answer.err)")
    }
    // The store is whole, and mending the file is all that is needed.
    try product.write(Self.people, to: "good.csv")
    try product.write(
      "admix: 1\nname: good\nstages:\n  a: {ingest: {from: good.csv}}\n", to: "pipeline.yaml")
    let mended = try product.admix("run", "pipeline.yaml")
    #expect(mended.code == 0, "\(item.name): \(mended.err)")
  }

  @Test func headerOnlyIsAnEmptyTable() throws {
    let product = try Product()
    try product.write("x,y\n", to: "a.csv")
    try product.write(
      "admix: 1\nname: h\nstages:\n  a: {ingest: {from: a.csv}}\n  b: {export: {from: a, to: out/a.csv}}\n",
      to: "pipeline.yaml")
    let answer = try product.admix("run", "pipeline.yaml")
    #expect(answer.code == 0, "\(answer.err)")
    #expect(try product.read("out/a.csv") == "x,y\n")
  }

  @Test func storesThatAreNotOursAreRefused() throws {
    let product = try Product()
    try product.write("x\n1\n", to: "a.csv")
    try product.write(
      "admix: 1\nname: s\nstages:\n  a: {ingest: {from: a.csv}}\n", to: "pipeline.yaml")
    #expect(try product.admix("run", "pipeline.yaml").code == 0)
    let store = product.folder.appendingPathComponent(".admix/store.db")
    let whole = try Data(contentsOf: store)

    let edits: [(String, String)] = [
      ("newer", "PRAGMA user_version = 9999"), ("another program's", "PRAGMA application_id = 77"),
    ]
    for (what, statement) in edits {
      let edit = try product.shell(
        "python3 -c \"import sqlite3; c = sqlite3.connect('.admix/store.db'); c.execute('\(statement)'); c.commit(); c.close()\""
      )
      #expect(edit.code == 0, "\(edit.err)")
      let before = try Data(contentsOf: store)
      let answer = try product.admix("run", "pipeline.yaml")
      #expect(answer.code == 6 && answer.err.contains("[AX09"), "\(what): \(answer.err)")
      #expect(try Data(contentsOf: store) == before, "\(what) store was changed")
      for suffix in ["-wal", "-shm"] {
        try? FileManager.default.removeItem(atPath: store.path + suffix)
      }
      try whole.write(to: store)
    }
    try Data("this is not a database, it is a text that someone saved here".utf8).write(to: store)
    let answer = try product.admix("run", "pipeline.yaml")
    #expect(answer.code == 6 && answer.err.contains("[AX09"), "\(answer.err)")
  }

  /// A plan fetches nothing; half a download is said and gone on with; without a network a file at hand
  /// does as well.
  @Test func aSourceFromTheNetworkIsFetchedWhenItIsRead() throws {
    guard let server = try WebServer() else { return }
    let content = "x\n" + (0..<40_000).map { "\($0)\n" }.joined()
    try Data(content.utf8).write(to: server.folder.appendingPathComponent("data.csv"))
    let digest = Digest(of: content).hex
    let product = try Product()
    func write(_ path: String) throws {
      try product.write(
        "admix: 1\nname: n\nstages:\n  a: {ingest: {from: 'http://127.0.0.1:\(server.port)/\(path)', sha256: \(digest), format: csv}}\n",
        to: "pipeline.yaml")
    }
    try write("data.csv/half")
    #expect(try product.admix("plan").code == 0)
    #expect(server.requests.isEmpty && !product.exists(".admix"))
    let half = try product.admix("run", "--quiet")
    #expect(half.code == 7 && half.err.contains("[AX0408]"), "\(half.err)")
    #expect(half.err.contains("hint: run again: it goes on where it broke off"), "\(half.err)")
    let rest = try product.admix("run", "--json")
    #expect(rest.code == 0 && rest.out.contains("\"rows\": 40000"), "\(rest.err)")
    #expect(server.requests.count == 2 && server.requests.last?.contains("bytes=") == true)
    // The address is no part of what the file is.
    try write("data.csv/moved")
    #expect(try product.admix("run", "--quiet").code == 0)
    #expect(server.requests.count == 2)

    let fresh = try Product()
    try fresh.write(try product.read("pipeline.yaml"), to: "pipeline.yaml")
    let off = try fresh.admix("run", "--quiet", "--offline")
    #expect(off.code == 7 && off.err.contains("[AX0407]"), "\(off.err)")
    let atHand = try fresh.admix("run", "--quiet", "--offline", "--distdir", server.folder.path)
    #expect(atHand.code == 0, "\(atHand.err)")
  }
}
