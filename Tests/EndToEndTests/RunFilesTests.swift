import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// What a run writes for programs while it is at work and when it has ended, and runs that go on.
struct RunFilesTests {
  private static let pipeline = """
    admix: 1
    name: sums & more
    stages:
      a: {ingest: {from: data}}
      b: {transform: {from: a, steps: [{filter: "x > 0"}]}}
      q:
        validate:
          of: b
          expect: [{row-count: {between: [2, null]}}, {column: x, unique: true}]
          gates: [{fail: expect.failed > 5}]
      c: {export: {from: b, to: out/b.csv}, after: q}

    """

  private static func project() throws -> Product {
    let product = try Product()
    try product.write(pipeline, to: "pipeline.yaml")
    try product.write("x\n0\n1\n2\n", to: "data/a.csv")
    return product
  }

  private func events(_ text: String) throws -> [JSONValue] {
    try text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
  }

  @Test func everyEventIsALine() throws {
    let product = try Self.project()
    #expect(try product.admix("run", "--quiet", "--events", "events.jsonl").code == 0)
    let lines = try events(product.read("events.jsonl"))
    #expect(lines.map { $0["seq"]?.int } == (1...lines.count).map { $0 })
    #expect(lines.allSatisfy { $0["schema"] == "admix.events/1" })
    let times = lines.compactMap { $0["elapsed"]?.double }
    #expect(times.count == lines.count && times == times.sorted())
    let names = lines.compactMap { $0["event"]?.string }
    #expect(names.first == "run_started" && names.last == "run_finished")
    #expect(names.count { $0 == "stage_finished" } == 4 && names.count { $0 == "gate" } == 1)
    // Each has what the page says, and nothing is missing from the page.
    let page = try product.admix("reference", "events").out
    for line in lines {
      let name = line["event"]?.string ?? ""
      let row = page.split(separator: "\n").first { $0.hasPrefix("| `\(name)` |") } ?? ""
      let own = Set(line.object?.keys ?? [:].keys).subtracting(
        ["schema", "seq", "time", "elapsed", "event"])
      for member in own { #expect(row.contains("`\(member)`"), "\(name) has '\(member)'") }
    }
    // Nothing to do is a run that finished and nothing else but its gates.
    #expect(try product.admix("run", "--quiet", "--events", "events.jsonl").code == 0)
    #expect(
      try events(product.read("events.jsonl")).compactMap { $0["event"]?.string }
        == ["gate", "run_finished"])
  }

  /// What had ended is on record although the run never came to write its end.
  @Test func aKilledRunLeavesWordOfItsStages() throws {
    for (point, known) in [
      ("run.ending", ["a", "b", "q", "c"]), ("delivery.written", ["a", "b", "q", "c"]),
    ] {
      let product = try Self.project()
      let died = try product.admix("run", "--quiet", environment: ["ADMIX_CRASH_AT": point])
      #expect(died.code != 0)
      let told = try JSONValue(parsing: product.admix("report", "--json").out)
      #expect(told["status"] == "interrupted")
      let stages = told["stages"]?.array ?? []
      #expect(stages.compactMap { $0["name"]?.string } == known, "\(point)")
      for stage in stages {
        #expect(stage["status"] == "executed" && stage["seconds"]?.double ?? -1 >= 0)
      }
      #expect(stages.first { $0["name"] == "q" }?["gates"]?.array?.count == 1)
    }
    // One that failed, beside one that never ended.
    let product = try Self.project()
    try product.write(
      Self.pipeline + "  d: {transform: {from: a, steps: [{filter: \"1 / (x - x) > 0\"}]}}\n"
        + "  e: {ingest: {from: none.csv}}\n", to: "pipeline.yaml")
    let died = try product.admix(
      "run", "--quiet", "--keep-going", environment: ["ADMIX_CRASH_AT": "run.ending"])
    #expect(died.code != 0)
    let told = try JSONValue(parsing: product.admix("report", "--json").out)
    let failed = told["stages"]?.array?.filter { $0["status"] == "failed" } ?? []
    #expect(failed.contains { $0["name"] == "e" }, "\(told["stages"] ?? .null)")
  }

  /// What is asked in few words is answered before the words are parsed in full, and no otherwise.
  @Test func plainWordsMeanWhatTheyMean() throws {
    let product = try Self.project()
    #expect(try product.shell("mkdir sub && cp pipeline.yaml sub && cp -r data sub").code == 0)
    for words in [
      "", "pipeline.yaml", "sub", "-q", "--quiet sub", "--no-report --offline",
      "--keep-going --allow-commands", "--no-sandbox", "none.yaml", "--none", "a b", "''", "-",
      "--",
    ] {
      let first = try product.shell("admix run \(words)")
      let plain = try product.shell("admix run \(words)")
      let full = try product.shell("admix run --wait 5 \(words)")
      #expect(plain.code == full.code && plain.code == first.code, "\(words)")
      if plain.code == 0 { #expect(plain.err == full.err && plain.out == full.out, "\(words)") }
    }
  }

  /// A file that takes no more is said once; the run ends as it would have.
  @Test func lostEventsDoNoHarm() throws {
    let product = try Self.project()
    let vanished = try product.shell(
      "mkfifo pipe && (read line < pipe; echo \"$line\" > first) & sleep 0.2; admix run --events pipe --force all; wait"
    )
    #expect(vanished.code == 0, "\(vanished.err)")
    #expect(try JSONValue(parsing: product.read("first"))["event"] == "run_started")
    #expect(vanished.err.components(separatedBy: "[AX0982]").count <= 2)
    let full = try product.admix("run", "--events", "/dev/full", "--force", "all")
    #expect(
      full.code == 0 && full.err.components(separatedBy: "[AX0982]").count == 2, "\(full.err)")
    #expect(try product.admix("run", "--events", "none/events").code == 1)
    // Only whole lines are left where the disk is full.
    let mount = try product.shell("mkdir disk && mount -t tmpfs -o size=4k tmpfs disk")
    guard mount.code == 0 else {
      FileHandle.standardError.write(Data("NOT RUN: a full disk (mounting is not allowed)\n".utf8))
      return
    }
    defer { _ = try? product.shell("umount -l disk") }
    let small = try product.admix("run", "--quiet", "--events", "disk/events", "--force", "all")
    #expect(small.code == 0 && small.err.contains("[AX0982]"), "\(small.err)")
    let left = try product.read("disk/events")
    #expect(left.hasSuffix("}\n"))
    #expect(try !events(left).isEmpty)
  }

  @Test func junitTellsOfStagesGatesAndExpectations() throws {
    let product = try Self.project()
    func told() throws -> (text: String, summary: String) {
      let text = try product.read("junit.xml")
      let line = text.split(separator: "\n").first { $0.hasPrefix("<testsuite") } ?? ""
      // Well-formed, by another's word.
      let check = try product.shell(
        "python3 -c \"import xml.etree.ElementTree as e; r = e.parse('junit.xml').getroot(); print(r.tag, r.get('name'), len(r))\""
      )
      #expect(check.code == 0, "\(check.err)")
      return (
        text,
        String(
          line.replacing(/\ time="[^"]*"/, with: "").replacing(
            /<testsuite name="[^"]*" |>/, with: ""))
      )
    }
    #expect(try product.admix("run", "--quiet", "--junit", "junit.xml").code == 0)
    var (text, summary) = try told()
    #expect(summary == "tests=\"7\" failures=\"0\" errors=\"0\" skipped=\"0\"")
    #expect(text.contains("name=\"sums &amp; more\""))
    #expect(text.contains("<testcase classname=\"sums &amp; more.q\" name=\"expect: x: unique"))
    // A gate that failed, and what it stopped.
    try product.write("x\n0\n1\n1\n", to: "data/a.csv")
    #expect(try product.admix("run", "--quiet", "--junit", "junit.xml").code == 4)
    (text, summary) = try told()
    #expect(summary == "tests=\"7\" failures=\"1\" errors=\"0\" skipped=\"1\"", "\(text)")
    #expect(
      text.contains("type=\"expectation\"")
        && text.contains("<skipped message=\"stopped by a gate\"/>"))
    // A stage that failed.
    try product.write("x\n\"1", to: "data/a.csv")
    #expect(try product.admix("run", "--quiet", "--junit", "junit.xml").code == 1)
    (text, summary) = try told()
    #expect(summary == "tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"2\"", "\(text)")
    // A run that could not begin.
    _ = try product.shell("rm -r data")
    #expect(try product.admix("run", "--quiet", "--junit", "junit.xml").code == 7)
    (text, summary) = try told()
    #expect(summary == "tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\"", "\(text)")
    #expect(text.contains("type=\"AX0401\""))
    try product.write("admix: 1\nstages: 3\n", to: "pipeline.yaml")
    #expect(try product.admix("run", "--quiet", "--junit", "junit.xml").code == 3)
    (_, summary) = try told()
    #expect(summary == "tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\"")
    // Asked for and not there: said, and no success.
    let other = try Self.project()
    #expect(try other.admix("run", "--quiet", "--junit", "none/junit.xml").code == 1)
  }

  @Test func aWatchedPipelineRunsAgainWhenSomethingChanges() throws {
    let product = try Self.project()
    let running = try product.start("run", "--watch")
    func waits(_ times: Int) throws {
      let end = ContinuousClock.now + .seconds(60)
      while running.process.isRunning, ContinuousClock.now < end {
        let text = try String(decoding: Data(contentsOf: running.errFile), as: UTF8.self)
        if text.components(separatedBy: "waiting for a change").count > times { return }
        usleep(10_000)
      }
      Issue.record("it does not wait")
    }
    try waits(1)
    try product.write("x\n5\n", to: "data/b.csv")
    try waits(2)
    #expect(try product.read("out/b.csv").contains("5"))
    // A broken file is said and waited out.
    try product.write("admix: 1\nstages: [\n", to: "pipeline.yaml")
    try waits(3)
    try product.write(
      Self.pipeline.replacing("x > 0", with: "x > 1"), to: "pipeline.yaml")
    try waits(4)
    #expect(try !product.read("out/b.csv").contains("1"))
    // So is a source that is gone.
    _ = try product.shell("mv data elsewhere")
    try waits(5)
    _ = try product.shell("mv elsewhere data")
    try waits(6)
    kill(running.process.processIdentifier, SIGINT)
    let answer = try running.wait()
    #expect(answer.code == 0, "\(answer.code) \(answer.err)")
    for text in ["changed: data/b.csv\n", "changed: pipeline.yaml\n", "[AX0401]"] {
      #expect(answer.err.contains(text), "\(text) \(answer.err)")
    }
    #expect(try product.admix("run", "--watch", "--json").code == 2)
  }

  /// During a run an interrupt is what it always was.
  @Test func anInterruptDuringAWatchedRunEndsIt() throws {
    let product = try Product()
    try product.write(
      "admix: 1\nname: long\nseed: 3\nstages:\n  a: {generate: {rows: 400000, with: {rules: {columns: [{x: {uniform: {low: 0, high: 1}}}]}}}}\n",
      to: "pipeline.yaml")
    let running = try product.start("run", "--watch", "--junit", "junit.xml")
    try running.waitUntilItSays("a: generate starts")
    kill(running.process.processIdentifier, SIGTERM)
    let answer = try running.wait()
    #expect(answer.code == 143, "\(answer.code) \(answer.err)")
    #expect(
      try product.read("junit.xml").contains("<skipped message=\"the run was interrupted\"/>"))
  }

  /// The command can be pasted into a shell.
  @Test func aFailedStageSaysHowToRepeatItAlone() throws {
    let product = try Self.project()
    try product.write("x\n\"1", to: "it's data/a.csv")
    try product.write(
      Self.pipeline.replacing("from: data", with: "from: \"${params.folder}\"").replacing(
        "stages:", with: "params: {folder: data}\nstages:"), to: "my pipeline.yaml")
    let failed = try product.admix(
      "run", "my pipeline.yaml", "--set", "folder=it's data", "--store", "other store")
    #expect(failed.code == 1)
    let line = try #require(
      failed.err.split(separator: "\n").first { $0.contains("to repeat it alone: ") })
    #expect(
      line.hasSuffix(
        "admix run 'my pipeline.yaml' --only b --set 'folder=it'\\''s data' --store 'other store'"),
      "\(line)")
    let again = try product.shell(String(line.split(separator: ": ", maxSplits: 1)[1]))
    #expect(again.code == 1 && again.err.contains("b: failed"), "\(again.err)")
  }
}
