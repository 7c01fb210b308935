import AdmixModel
import AdmixStore
import AdmixTestSupport
import Foundation
import Testing

/// Dies at each named crash point and at random instants; then the store opens, verifies and goes on, and
/// what comes out is what an undisturbed run gives.
struct CrashTests {
  static let project = testsFolder.appendingPathComponent("Golden/stores/v1")

  /// A project of four tiny stages, the last an export; with the store that version 1 made, or none.
  static func project(withStore: Bool = false) throws -> Product {
    let product = try Product()
    for file in ["pipeline.yaml", "people.csv"] {
      try FileManager.default.copyItem(
        at: project.appendingPathComponent(file), to: product.folder.appendingPathComponent(file))
    }
    guard withStore else { return product }
    let store = product.folder.appendingPathComponent(".admix")
    try FileManager.default.createDirectory(at: store, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      at: project.appendingPathComponent("objects"), to: store.appendingPathComponent("objects"))
    let dump = try String(contentsOf: project.appendingPathComponent("store.sql"), encoding: .utf8)
    try product.write(
      dump.replacingOccurrences(of: "FOLDER", with: product.folder.path), to: "store.sql")
    let made = try product.shell(
      "python3 -c \"import sqlite3; c = sqlite3.connect('.admix/store.db'); c.executescript(open('store.sql').read()); c.close()\" && rm store.sql"
    )
    try #require(made.code == 0, "\(made.err)")
    return product
  }

  /// What comes out: every output digest by stage, and the exported file.
  struct Outcome: Equatable {
    var digests: [String: [String]]
    var file: String

    /// Runs to the end and reads what came out.
    init(_ product: Product, rows: Int = 40) throws {
      let answer = try product.admix("run", "--json", "--set", "rows=\(rows)")
      #expect(answer.code == 0, "\(answer.err)")
      digests = [:]
      for stage in try JSONValue(parsing: answer.out)["stages"]?.array ?? [] {
        digests[stage["name"]?.string ?? "", default: []] +=
          (stage["outputs"]?.array ?? []).compactMap { $0["digest"]?.string }
      }
      file = try product.read("out/people.csv")
    }
  }

  static let undisturbed: [Int: Outcome] = {
    guard let product = try? project() else { return [:] }
    var outcomes: [Int: Outcome] = [:]
    for rows in [40, 30, 20] { outcomes[rows] = try? Outcome(product, rows: rows) }
    return outcomes
  }()

  /// Everything in the store and beside the exports that is neither an object, a row nor a report.
  static func leftovers(_ product: Product) throws -> String {
    let found = try product.shell(
      "find .admix/work .admix/run .admix/trash .admix/downloads -mindepth 1 ! -name gate; find .admix/rescued -name '.*'; find .admix/reports -name '*.new'; find out -name '.*'"
    )
    return found.out
  }

  /// What had to be true at any time after whatever happened.
  private func checkAfterwards(
    _ product: Product, _ what: String, findsDamage: Bool = false
  ) throws {
    let verified = try product.admix("verify")
    #expect(
      verified.code == 0 || findsDamage && verified.code == 6 && verified.err.contains("[AX0914]"),
      "\(what): \(verified.code) \(verified.err)")
    #expect(try Outcome(product) == Self.undisturbed[40], "\(what)")
    let gc = try product.admix("gc", "--keep-runs", "1")
    #expect(gc.code == 0, "\(what): \(gc.err)")
    #expect(try Self.leftovers(product) == "", "\(what)")
    let rest = try product.shell(
      "admix verify > /dev/null && admix gc --keep-runs 1 --json | grep '\"what\":'")
    #expect(rest.out == "" && rest.err == "", "\(what): \(rest.out) \(rest.err)")
  }

  struct Scenario {
    /// Lines of shell before, and the one that dies.
    var before = ""
    var dies = "admix run --quiet"
    var passage = 1
    var fromVersion1 = false
    var findsDamage = false
    /// What must be true right after, whatever else.
    var after = "true"

    init(_ point: CrashPoint) {
      switch point {
      case .publishWritten, .publishSynced, .publishRenamed, .publishDone: passage = 2
      case .commitBegin, .commitInside, .commitDone: passage = 3
      case .hitTaken: before = "admix run --quiet && admix run --quiet --set rows=30"
      case .runLocked, .runBegun, .runEnding, .runEnded: break
      case .deliveryWritten, .deliveryRenamed, .deliveryRecorded: break
      case .deliveryRescued:
        before = "admix run --quiet && echo by hand > out/people.csv"
        after = "grep -q 'by hand' .admix/rescued/*"
      case .migrateBegin, .migrateInside, .migrateDone: fromVersion1 = true
      case .gcStray, .gcInside, .gcCommitted, .gcFile, .gcTrashed, .gcCompacting, .gcDone:
        before =
          "admix run --quiet --set rows=30 && admix run --quiet && mkdir -p .admix/objects/ab && echo stray > .admix/objects/ab/$(printf %062d 7)"
        dies = "admix gc --keep-runs 1"
      case .verifyDamaged, .verifyAside:
        before =
          "admix run --quiet && f=$(ls .admix/objects/*/* | head -n 1) && chmod 644 $f && echo x >> $f"
        dies = "admix verify"
        findsDamage = true
      }
    }
  }

  @Test(
    "dies at each crash point and loses nothing",
    arguments: CrashPoint.allCases)
  func diesAt(point: CrashPoint) throws {
    let scenario = Scenario(point)
    let product = try Self.project(withStore: scenario.fromVersion1)
    if !scenario.before.isEmpty {
      let ready = try product.shell(scenario.before)
      try #require(ready.code == 0, "\(point): \(ready.err)")
    }
    let died = try product.shell(
      "exec \(scenario.dies)",
      environment: ["ADMIX_CRASH_AT": "\(point.rawValue):\(scenario.passage)"])
    // A point that is never reached, or a name that nobody gives, ends otherwise.
    #expect(died.code == 137, "\(point) was not reached: \(died.code) \(died.err)")
    #expect(try product.shell(scenario.after).code == 0, "\(point)")
    try checkAfterwards(product, point.rawValue, findsDamage: scenario.findsDamage)
  }

  /// What later versions remember is remembered in a store that version 1 made.
  @Test func remembersChecksInAStoreOfVersion1() throws {
    let product = try Self.project(withStore: true)
    #expect(!(try product.admix("lineage").out.contains("deterministic")))
    let run = try product.admix("run", "--no-report", "--force", "all", "--check-determinism")
    #expect(run.code == 0, "\(run.err)")
    #expect(try product.admix("lineage").out.contains("checked deterministic ("))
  }

  /// A crash in the middle of a migration leaves the old version or the new one.
  @Test(arguments: [CrashPoint.migrateInside, .migrateDone])
  func aMigrationIsWholeOrNot(point: CrashPoint) throws {
    let product = try Self.project(withStore: true)
    let died = try product.admix(
      "status", environment: ["ADMIX_CRASH_AT": point.rawValue])
    #expect(died.code == 137)
    let version = try product.shell(
      "python3 -c \"import sqlite3; c = sqlite3.connect('.admix/store.db'); print(c.execute('PRAGMA user_version').fetchone()[0], c.execute('SELECT count(*) FROM sqlite_schema WHERE name = \\'tag\\'').fetchone()[0])\""
    )
    let isNew = point == .migrateDone
    #expect(version.out.hasPrefix("1 ") != isNew, "\(version.out)")
    #expect(version.out.hasSuffix(isNew ? " 1\n" : " 0\n"), "\(version.out)")
    #expect(try product.admix("status", "--exit-code").code == 5, "the export is not there yet")
  }

  /// Kills at random instants: runs, two at once, gc and verify, on stores that live through all of it.
  @Test(arguments: 0..<4)
  func survivesRandomKills(world: UInt64) throws {
    let product = try Self.project()
    var random = SeededRandom(seed: 1_000 + world)
    let kills = 55
    var script = "killed=0\n"
    script +=
      "hit() { d=$1; shift; timeout -s KILL $d \"$@\" > /dev/null 2>> said; [ $? -eq 137 ] && killed=$((killed + 1)); [ $killed -ge \(kills) ] && { echo $killed; exit; }; }\n"
    for number in 0..<(kills * 4) {
      let delay = String(format: "%.4f", Double.random(in: 0.004...0.11, using: &random))
      let rows = [40, 30, 20].randomElement(using: &random) ?? 40
      switch Int.random(in: 0..<10, using: &random) {
      case 0: script += "hit \(delay) admix gc --keep-runs 1\n"
      case 1: script += "hit \(delay) admix verify\n"
      case 2:
        script +=
          "admix run --quiet --set rows=\(rows) 2>> said & hit \(delay) admix run --quiet; wait\n"
      case 3:
        script +=
          "admix gc --keep-runs 1 > /dev/null 2>> said & hit \(delay) admix run --quiet; wait\n"
      default: script += "hit \(delay) admix run --quiet --set rows=\(rows)\n"
      }
      if number % 20 == 19 {
        script +=
          "admix verify > /dev/null 2> verified || { cat verified; echo damaged; exit 1; }\n"
      }
    }
    script += "echo $killed\n"
    let answer = try product.shell(script)
    let said = try product.read("said")
    #expect(answer.out == "\(kills)\n", "world \(world): \(answer.out) \(said)")
    // Nobody who was not killed had anything to complain of.
    let complaints = said.split(separator: "\n").filter { $0.contains("error") }
    #expect(complaints.isEmpty, "world \(world): \(complaints)")
    for rows in [40, 30, 20] {
      #expect(try Outcome(product, rows: rows) == Self.undisturbed[rows], "world \(world), \(rows)")
    }
    try checkAfterwards(product, "world \(world)")
  }

  /// A run stands still wherever it rests on something that no row speaks of, and gc takes all it can.
  @Test(
    "gc beside a run takes nothing that it needs",
    arguments: [
      (CrashPoint.publishRenamed, 1), (.publishDone, 2), (.commitBegin, 2), (.commitDone, 3),
      (.hitTaken, 3), (.hitTaken, 4), (.deliveryWritten, 1), (.runEnding, 1),
    ])
  func gcBesideARun(point: CrashPoint, passage: Int) throws {
    let product = try Self.project()
    // What is taken as a hit is not the present state, and no policy keeps it; the plan takes the first
    // three times, which does not bind it, and the run the fourth, which does.
    if point == .hitTaken || point == .deliveryWritten {
      #expect(
        try product.shell("admix run --quiet && admix run --quiet --set rows=30").code == 0)
    }
    let running = try product.start(
      "run", "--json", environment: ["ADMIX_STOP_AT": "\(point.rawValue):\(passage)"])
    try #require(try running.waitUntilItStops(), "\(point) was not reached")
    let collecting = try product.start("gc", "--keep-runs", "0", "--json")
    // Another stage of the run may stand still inside the gate; then gc is through after it.
    for _ in 0..<200 where collecting.process.isRunning { usleep(5_000) }
    kill(running.process.processIdentifier, SIGCONT)
    let gc = try collecting.wait()
    #expect(gc.code == 0, "\(gc.err)")
    let answer = try running.wait()
    #expect(answer.code == 0, "\(point): \(answer.err)")
    #expect(try product.admix("verify").code == 0, "\(point)")
    #expect(try Outcome(product) == Self.undisturbed[40], "\(point)")
    // Nothing has to be made again: what the run had is there.
    let again = try product.admix("run")
    #expect(again.err.hasPrefix("nothing to do"), "\(point): \(again.err)")
    try checkAfterwards(product, "\(point)")
  }

  /// Somebody looks into the database for as long as everything else takes.
  @Test func aLongReaderIsInNobodysWay() throws {
    let product = try Self.project()
    #expect(try product.shell("admix run --quiet --set rows=30").code == 0)
    let answer = try product.shell(
      """
      mkfifo go; python3 -c "
      import sqlite3
      c = sqlite3.connect('file:.admix/store.db?mode=ro', uri=True, isolation_level=None)
      c.execute('BEGIN'); n = c.execute('SELECT count(*) FROM result').fetchone()[0]
      print('reads', flush=True); open('go').read()
      print(c.execute('SELECT count(*) FROM result').fetchone()[0] == n)
      " > reader & admix run --quiet && admix gc --keep-runs 1 > /dev/null && admix verify > /dev/null; code=$?
      echo > go; wait; cat reader; exit $code
      """)
    #expect(answer.code == 0 && answer.out == "reads\nTrue\n", "\(answer.out) \(answer.err)")
    try checkAfterwards(product, "a long reader")
  }
}
