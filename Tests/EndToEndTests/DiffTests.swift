import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// `admix diff` on two runs that differ in everything.
struct DiffTests {
  private static let pipeline = """
    admix: 1
    name: sums
    seed: 1
    stages:
      a: {ingest: {from: a.csv}}
      b: {transform: {from: a, steps: [{filter: "x > 0"}]}}
      q: {validate: {of: b, expect: [{row-count: {between: [3, null]}}, {column: x, max: {between: [0, 3]}}], gates: [{warn: expect.failed > 0}]}}
      old: {transform: {from: a, steps: []}}

    """

  private func runs(_ product: Product) throws -> [String] {
    (try JSONValue(parsing: product.admix("runs", "--json").out)["runs"]?.array ?? [])
      .compactMap { $0["run"]?.string }
  }

  private func twoRuns() throws -> (Product, before: String, after: String) {
    let product = try Product()
    try product.write(Self.pipeline, to: "pipeline.yaml")
    try product.write("x,y,g\n0,1.5,u\n1,2.5,u\n2,3.5,v\n3,,v\n", to: "a.csv")
    #expect(try product.admix("run", "--quiet").code == 0)
    try product.write(
      Self.pipeline.replacing("x > 0", with: "x > 1").replacing("old:", with: "new:")
        .replacing("row-count: {between: [3, null]}", with: "row-count: {between: [2, null]}"),
      to: "pipeline.yaml")
    try product.write("x,z,g\n0,1,u\n1,2,u\n2,3,v\n3,4,w\n4,5,w\n", to: "a.csv")
    let second = try product.admix("run", "--quiet")
    // Its greatest value is 4.
    #expect(second.code == 4, "\(second.err)")
    let names = try runs(product)
    return (product, names[1], names[0])
  }

  @Test func tellsWhatDiffers() throws {
    let (product, before, after) = try twoRuns()
    let answer = try product.admix("diff", "pipeline.yaml", String(before.prefix(8)), "--json")
    #expect(answer.code == 0, "\(answer.err)")
    let diff = try JSONValue(parsing: answer.out)
    #expect(diff["old"]?["run"]?.string == before && diff["new"]?["run"]?.string == after)
    #expect(diff["differs"] == true && diff["seed"] == .null)
    let spec = (diff["spec"]?.array ?? []).map {
      "\($0["stage"]?.string ?? "") \($0["presence"]?.string ?? "") \(($0["changes"]?.array ?? []).compactMap { $0["name"]?.string })"
    }
    #expect(
      spec == [
        "b changed [\"steps.0.filter\"]", "q changed [\"expect.0.row-count.between.0\"]",
        "new added []",
        "old removed []",
      ], "\(spec)")
    #expect(diff["inputs"]?.array?.first?["name"] == "a.csv")
    let output = diff["outputs"]?.array?.first { $0["stage"] == "a" && $0["name"] == "data" }
    #expect(output?["old"]?["rows"] == 4 && output?["new"]?["rows"] == 5)
    var columns: [String: JSONValue] = [:]
    for column in output?["columns"]?.array ?? [] { columns[column["name"]?.string ?? ""] = column }
    #expect(Set(columns.keys) == ["x", "y", "z", "g"])
    // Reference: the files above.
    #expect(columns["x"]?["old"]?["mean"] == 1.5 && columns["x"]?["new"]?["mean"] == 2.0)
    #expect(columns["x"]?["old"]?["most"] == "3" && columns["x"]?["new"]?["most"] == "4")
    #expect(columns["y"]?["new"] == .null && columns["y"]?["old"]?["missing"] == 1)
    #expect(columns["y"]?["old"]?["mean"] == 2.5 && columns["y"]?["old"]?["distinct"] == 3)
    #expect(columns["z"]?["old"] == .null && columns["z"]?["new"]?["type"] == "int")
    #expect(columns["g"]?["old"]?["distinct"] == 2 && columns["g"]?["new"]?["distinct"] == 3)
    let metrics = (diff["metrics"]?.array ?? []).map {
      "\($0["name"]?.string ?? "") \($0["change"]?.double ?? .nan)"
    }
    #expect(metrics == ["expect.failed 1.0", "expect.passed -1.0"])
    let gates = (diff["gates"]?.array ?? []).map {
      "\($0["rule"]?.string ?? ""): \($0["old"]?["passed"]?.bool.map(String.init) ?? "none") \($0["new"]?["passed"]?.bool.map(String.init) ?? "none")"
    }
    #expect(gates == ["x: max {between:[0,3]}: none false", "expect.failed > 0: true false"])

    // The other forms, the other way round, and against itself.
    let text = try product.admix("diff", "pipeline.yaml", after, before)
    for line in [
      "  b: parameter 'steps.0.filter': \"x > 1\" → \"x > 0\"", "  - new (transform)",
      "  + old (transform)", "  + column 'y' (double)", "  - column 'z' (int)",
    ] {
      #expect(text.out.contains(line + "\n"), "\(line)\n\(text.out)")
    }
    let stat = try product.admix("diff", "pipeline.yaml", before, "latest", "--stat", "--exit-code")
    #expect(stat.code == 5)
    #expect(
      stat.out.hasPrefix(
        "spec: 2 changes of stages, 1 stage added, 1 stage removed\ninputs: 1 file\n"),
      "\(stat.out)")
    let page = try product.admix("diff", "pipeline.yaml", before, "--markdown")
    #expect(
      page.out.contains("| column | missing | least | most | mean | distinct |\n| --- |"),
      "\(page.out)")
    #expect(page.out.contains("- \\+ new") == false && page.out.contains("- + new (transform)"))
    let same = try product.admix("diff", "pipeline.yaml", "latest", after, "--exit-code")
    #expect(same.code == 0 && same.out.hasSuffix("no difference\n"), "\(same.out)")
  }

  @Test func tellsWhatThePresentWouldBe() throws {
    let (product, before, _) = try twoRuns()
    let still = try product.admix("diff", "pipeline.yaml", "present", "--exit-code")
    #expect(still.out.contains("gated) → what the file says now"), "\(still.out)")
    #expect(still.code == 0)
    let back = try product.admix("diff", "pipeline.yaml", before, "present", "--stat")
    #expect(back.out.hasPrefix("spec: 2 changes"), "\(back.out)")
    let edited = try product.admix(
      "diff", "pipeline.yaml", "latest", "present", "--json", "--set", "none=1")
    #expect(edited.code == 3)
    try product.write("x,z,g\n5,6,u\n", to: "a.csv")
    let stale = try JSONValue(
      parsing: product.admix("diff", "pipeline.yaml", "latest", "present", "--json").out)
    #expect(stale["unmade"] == ["a", "b", "q", "new"] && stale["inputs"]?.array?.count == 1)
    #expect(stale["outputs"] == [] && stale["spec"] == [])
  }

  /// A failed run is compared as far as it came, and bytes that are gone are said to be.
  @Test func comparesWhatIsThere() throws {
    let (product, before, after) = try twoRuns()
    try product.write("x,z,g\n\"1", to: "a.csv")
    #expect(try product.admix("run", "--quiet").code != 0)
    let failed = try product.admix("diff", "pipeline.yaml", after)
    #expect(failed.code == 0 && failed.out.contains("a: file 'a.csv': "), "\(failed.out)")
    #expect(failed.out.contains("b: what it was made from is not recorded: it did not run"))
    #expect(try product.shell("rm -r .admix/objects").code == 0)
    let gone = try product.admix("diff", "pipeline.yaml", before, after)
    #expect(
      gone.code == 0 && gone.out.contains("columns not compared: an artifact is missing"),
      "\(gone.code) \(gone.out) \(gone.err)")
  }
}
