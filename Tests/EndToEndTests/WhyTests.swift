import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// `admix why` and `admix plan` after every kind of edit, in the words people read.
struct WhyTests {
  private static let pipeline = """
    admix: 1
    name: table
    seed: 1
    params: {least: 2}
    stages:
      people: {ingest: {from: data}}
      kept:
        transform:
          from: people
          steps:
            - filter: "x > ${params.least}"
      parts: {split: {from: kept, into: {a: 0.5, b: 0.5}}}
      out: {export: {from: parts.a, to: out/a.csv}}

    """

  /// The project after a run.
  private static func project() throws -> Product {
    let product = try Product()
    try product.write(pipeline, to: "pipeline.yaml")
    for (name, rows) in [("a", 1...9), ("b", 10...20)] {
      try product.write(
        "x,y\n" + rows.map { "\($0),\($0 * $0)\n" }.joined(), to: "data/\(name).csv")
    }
    let run = try product.admix("run", "--quiet")
    #expect(run.code == 0, "\(run.err)")
    return product
  }

  struct Edit: Sendable {
    var what: String
    /// Done to the project after it has run.
    var shell: String
    var stage: String
    var arguments = ""
    /// Lines; `…` stands for anything.
    var says: [String]
  }

  static let edits: [Edit] = [
    Edit(
      what: "nothing", shell: "true", stage: "parts",
      says: [
        "parts does not run: nothing it rests on has changed",
        "  compared: split revision …, … parameters, 1 input, the seed; fingerprint …",
        "  it last ran in run …, …: never ran before",
      ]),
    Edit(
      what: "nothing but the look of the file",
      shell: "sed -i 's/seed: 1/seed:   1  # why/' pipeline.yaml",
      stage: "kept",
      says: [
        "kept does not run: nothing it rests on has changed", "  compared: …", "  it last ran in …",
      ]),
    Edit(
      what: "a parameter", shell: "sed -i 's/least: 2/least: 5/' pipeline.yaml", stage: "kept",
      says: [
        "kept runs",
        "  because parameter 'steps.0.filter': \"x > 2\" → \"x > 5\"  (pipeline.yaml:11)",
      ]),
    Edit(
      what: "a parameter of the command line", shell: "true", stage: "kept",
      arguments: "--set least=5",
      says: [
        "kept runs",
        "  because parameter 'steps.0.filter': \"x > 2\" → \"x > 5\"  (pipeline.yaml:11)",
      ]),
    Edit(
      what: "a parameter two stages up", shell: "sed -i 's/least: 2/least: 5/' pipeline.yaml",
      stage: "out",
      says: [
        "out runs if its input changes",
        "  because parts may change, because kept runs, because parameter 'steps.0.filter': \"x > 2\" → \"x > 5\"  (pipeline.yaml:11)",
      ]),
    Edit(
      what: "two root causes",
      shell: "sed -i 's/least: 2/least: 5/; s/a: 0.5/a: 0.6/; s/b: 0.5/b: 0.4/' pipeline.yaml",
      stage: "out",
      says: [
        "out runs if its input changes",
        "  because parts runs, because parameter 'into.0.a': 0.5 → 0.6  (pipeline.yaml:12)",
        "  because parts runs, because parameter 'into.1.b': 0.5 → 0.4  (pipeline.yaml:12)",
        "  because parts runs, because kept runs, because parameter 'steps.0.filter': \"x > 2\" → \"x > 5\"  (pipeline.yaml:11)",
      ]),
    Edit(
      what: "a parameter that is new",
      shell: "sed -i 's/{from: data}/{from: data, missing: [NA]}/' pipeline.yaml",
      stage: "people",
      says: [
        "people runs", "  because parameter 'missing': was [], now absent  (pipeline.yaml:6)",
        "  because parameter 'missing.0': now \"NA\"  (pipeline.yaml:6)",
      ]),
    Edit(
      what: "a parameter that is gone",
      shell: "sed -i '/filter/d; s/steps:/steps: []/' pipeline.yaml", stage: "kept",
      says: [
        "kept runs", "  because parameter 'steps': now []  (pipeline.yaml:10)",
        "  because parameter 'steps.0.filter': was \"x > 2\", now absent  (pipeline.yaml:10)",
      ]),
    Edit(
      what: "the seed", shell: "sed -i 's/seed: 1/seed: 2/' pipeline.yaml", stage: "parts",
      says: ["parts runs", "  because seed: 1 → 2"]),
    Edit(
      what: "a changed file", shell: "echo 21,441 >> data/b.csv", stage: "people",
      says: ["people runs", "  because file 'data/b.csv': … → …"]),
    Edit(
      what: "a new file", shell: "cp data/a.csv data/0.csv", stage: "people",
      says: ["people runs", "  because file 'data/0.csv' is new (…)"]),
    Edit(
      what: "a file that is gone", shell: "rm data/a.csv", stage: "people",
      says: ["people runs", "  because file 'data/a.csv' is gone (was …)"]),
    Edit(
      what: "a renamed file", shell: "mv data/a.csv data/c.csv", stage: "people",
      says: [
        "people runs", "  because file 'data/a.csv' is gone (was …)",
        "  because file 'data/c.csv' is new (…)",
      ]),
    Edit(
      what: "a touched file", shell: "touch data/a.csv", stage: "people",
      says: [
        "people does not run: nothing it rests on has changed",
        "  compared: ingest revision …, … parameters, 2 files; fingerprint …", "  it last ran in …",
      ]),
    Edit(
      what: "another input", shell: "sed -i 's/from: kept/from: people/' pipeline.yaml",
      stage: "parts", says: ["parts runs", "  because input 'from (people.data)': … → …"]),
    Edit(
      what: "another output of the same stage",
      shell: "sed -i 's/from: parts.a/from: parts.b/' pipeline.yaml", stage: "out",
      says: [
        "out runs", "  because input 'from (parts.b)': … → …",
      ]),
    Edit(
      what: "a new stage",
      shell: "echo '  more: {transform: {from: kept, steps: []}}' >> pipeline.yaml",
      stage: "more", says: ["more runs", "  because never ran before"]),
    Edit(
      what: "a stage that takes no part",
      shell: "sed -i 's|to: out/a.csv}|to: out/a.csv}, when: false|' pipeline.yaml", stage: "out",
      says: ["out does not run: its 'when' is false"]),
    Edit(
      what: "an exported file that is gone", shell: "rm out/a.csv", stage: "out",
      says: [
        "out does not run; 'out/a.csv' is missing and is put back", "  compared: …",
        "  it last ran in …",
      ]),
    Edit(
      what: "an exported file edited by hand", shell: "echo mine > out/a.csv", stage: "out",
      says: [
        "out does not run; 'out/a.csv' is not what was written and is put back", "  compared: …",
        "  it last ran in …",
      ]),
    Edit(
      what: "an artifact that is gone", shell: "rm -r .admix/objects", stage: "people",
      says: [
        "people runs", "  because artifact 'people (a partition)' is missing from the store (…)",
        "  because artifact 'people (a partition)' is missing from the store (…)",
        "  because artifact 'people.rejects' is missing from the store (…)",
      ]),
    Edit(
      what: "a damaged artifact",
      shell:
        "find .admix/objects -type f | while read f; do chmod +w $f; truncate -s 10 $f; done",
      stage: "kept",
      says: [
        "kept runs",
        "  because artifact 'kept (a partition)' in the store is damaged: 10 of … bytes (…)",
        "  because artifact 'kept (a partition)' in the store is damaged: 10 of … bytes (…)",
        "  because people runs, because artifact 'people (a partition)' in the store is damaged: 10 of … bytes (…)",
        "  because people runs, because artifact 'people (a partition)' in the store is damaged: 10 of … bytes (…)",
        "  because people runs, because artifact 'people.rejects' in the store is damaged: 10 of … bytes (…)",
      ]),
  ]

  /// Each edit in a copy of one project, as many at once as there are cores.
  @Test func saysWhyInWords() async throws {
    let template = try Self.project()
    let folder = template.folder.path
    try await withThrowingTaskGroup(of: Void.self) { group in
      var rest = Self.edits.makeIterator()
      for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
        guard let edit = rest.next() else { break }
        group.addTask { try Self.check(edit, copyOf: folder) }
      }
      while try await group.next() != nil {
        if let edit = rest.next() { group.addTask { try Self.check(edit, copyOf: folder) } }
      }
    }
    withExtendedLifetime(template) {}
  }

  private static func check(_ edit: Edit, copyOf folder: String) throws {
    let product = try Product()
    #expect(try product.shell("cp -a '\(folder)/.' .").code == 0)
    #expect(try product.shell(edit.shell).code == 0)
    let answer = try product.shell("admix why pipeline.yaml \(edit.stage) \(edit.arguments)")
    #expect(answer.code == 0 && answer.err.isEmpty, "\(answer.err)")
    let lines = answer.out.split(separator: "\n").map(String.init)
    #expect(TranscriptTests.matches(lines, edit.says), "\(edit.what):\n\(answer.out)")
    // What the run then does is what was said.
    let run = try product.shell("admix run --json \(edit.arguments)")
    let stage = try JSONValue(parsing: run.out)["stages"]?.array?.first {
      $0["name"]?.string == edit.stage
    }
    let ran = stage?["status"]?.string == "executed"
    #expect(
      ran == (edit.says[0] == "\(edit.stage) runs" || edit.stage == "out" && ran), "\(edit.what)")
  }

  @Test func aPastRunSaysWhyFromItsRecord() throws {
    let product = try Self.project()
    // Early cutoff: all rows are kept as before.
    let cut = try product.admix("run", "--set", "least=2.5")
    #expect(cut.err.contains("parts: known: 'kept' gave what it gave before"), "\(cut.err)")
    let known = try product.admix("why", "pipeline.yaml", "parts", "--run", "latest")
    #expect(
      known.out.contains("parts was known in run ")
        && known.out.contains("  because 'kept' ran and gave what it gave before\n"),
      "\(known.out)")
    // A chain.
    try product.write("x,y\n21,441\n", to: "data/c.csv")
    #expect(try product.admix("run", "--quiet").code == 0)
    let chain = try product.admix("why", "pipeline.yaml", "out", "--run", "latest")
    #expect(
      chain.out.contains(
        "  because parts ran, because kept ran, because people ran, because file 'data/c.csv' is new ("
      ), "\(chain.out)")
    // One that failed has its reasons too, and what was not reached says so.
    try product.write("x,y\n1,2\n\"3", to: "data/c.csv")
    let failed = try product.admix("run")
    #expect(failed.code != 0)
    #expect(
      failed.err.contains("  to repeat it alone: admix run --only people\n"), "\(failed.err)")
    let why = try product.admix("why", "pipeline.yaml", "people", "--run", "latest")
    #expect(
      why.out.contains("people ran and failed in run ")
        && why.out.contains("  because file 'data/c.csv': ") && why.out.contains("  it failed: "),
      "\(why.out)")
    let below = try product.admix("why", "pipeline.yaml", "out", "--run", "latest")
    #expect(below.out.contains("  because 'people', which it rests on, failed"), "\(below.out)")
    #expect(try product.admix("why", "pipeline.yaml", "none", "--run", "latest").code == 2)
    #expect(try product.admix("why", "pipeline.yaml", "out", "--run", "zzz").code == 2)
  }

  @Test func plansTellTheRootAndWhatIfTellsWhatMore() throws {
    let product = try Self.project()
    let plan = try product.admix("plan", "--set", "least=5")
    #expect(
      plan.out.contains(
        "parts   split      run if its input changes  kept: parameter 'steps.0.filter'"),
      "\(plan.out)")
    let same = try product.admix("plan", "--what-if", "least=2", "--exit-code")
    #expect(same.code == 0 && same.out.contains("with least=2: nothing more would run\n"))
    let other = try product.admix("plan", "--what-if", "least=5", "--exit-code")
    #expect(other.code == 5)
    #expect(
      other.out.hasSuffix("with least=5: 3 stages more would run: kept, parts, out\n"),
      "\(other.out)")
    let json = try JSONValue(
      parsing: product.admix("plan", "--what-if", "least=5", "--json").out)
    #expect(json["what_if"]?["more"] == ["kept", "parts", "out"])
    #expect(json["stages"]?.array?.allSatisfy { $0["action"] == "hit" } == true)
    let wrong = try product.admix("plan", "--what-if", "leest=5")
    #expect(wrong.code == 3 && wrong.err.contains("leest"))
  }
}
