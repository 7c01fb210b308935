import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// Interrupts, kills, full disks and folders that may not be written: nothing is lost, and the next
/// run goes on.
struct SurvivalTests {
  /// Long enough to be met under way.
  private static let long = """
    admix: 1
    name: long
    seed: 3
    stages:
      a: {generate: {rows: 200000, with: {rules: {columns: [{x: {uniform: {low: 0, high: 1}}}]}}}}
      b: {export: {from: a, to: out/a.parquet}}
    """

  private static func digests(_ answer: Product.Answer) throws -> [String] {
    try (JSONValue(parsing: answer.out)["stages"]?.array ?? []).flatMap { stage in
      (stage["outputs"]?.array ?? []).compactMap { $0["digest"]?.string }
    }
  }

  /// What a run gives that nobody disturbed.
  private static let undisturbed: [String] = {
    guard let product = try? Product(), (try? product.write(long, to: "pipeline.yaml")) != nil,
      let answer = try? product.admix("run", "--json")
    else { return [] }
    return (try? digests(answer)) ?? []
  }()

  @Test(
    "a signal ends a run that the next one continues",
    arguments: [(SIGINT, 130), (SIGTERM, 143), (SIGKILL, 137)] as [(Int32, Int32)])
  func signals(number: Int32, code: Int32) throws {
    let product = try Product()
    try product.write(Self.long, to: "pipeline.yaml")
    let running = try product.start("run")
    try running.waitUntilItSays("a: generate starts")
    kill(running.process.processIdentifier, number)
    let answer = try running.wait()
    #expect(answer.code == code, "\(answer.code) \(answer.err)")
    #expect(!product.exists("out/a.parquet"))
    let again = try product.admix("run", "--json")
    #expect(again.code == 0, "\(again.err)")
    #expect(try Self.digests(again) == Self.undisturbed && !Self.undisturbed.isEmpty)
    #expect(product.exists("out/a.parquet"))
    // Nothing of the dead run is left lying about.
    let left = try product.shell("ls .admix/work .admix/run out/.??* 2>/dev/null")
    #expect(!left.out.contains("-") && !left.out.contains("a.parquet.admix"), "\(left.out)")
  }

  @Test func twoProcessesDoTheWorkOnce() throws {
    let product = try Product()
    try product.write(Self.long, to: "pipeline.yaml")
    let answers = try (0..<3).map { _ in try product.start("run", "--json") }.map { try $0.wait() }
    for answer in answers {
      #expect(answer.code == 0, "\(answer.err)")
      #expect(try Self.digests(answer) == Self.undisturbed)
    }
    for stage in ["a", "b"] {
      let executed = try answers.count { answer in
        try (JSONValue(parsing: answer.out)["stages"]?.array ?? []).contains {
          $0["name"]?.string == stage && $0["status"]?.string == "executed"
        }
      }
      #expect(executed == 1, "\(stage) ran \(executed) times")
    }
  }

  @Test func aFullDiskIsSaidAndNothingIsLost() throws {
    let product = try Product()
    let mount = try product.shell("mkdir disk && mount -t tmpfs -o size=1600k tmpfs disk")
    guard mount.code == 0 else {
      FileHandle.standardError.write(Data("NOT RUN: a full disk (mounting is not allowed)\n".utf8))
      return
    }
    defer { _ = try? product.shell("umount -l disk") }
    try product.write(Self.long, to: "disk/pipeline.yaml")
    let full = try product.admix("run", "--quiet", "disk/pipeline.yaml")
    #expect(full.code == 6, "\(full.code)")
    #expect(full.err.contains("the disk is full [AX0904]"), "\(full.err)")
    #expect(!product.exists("disk/out/a.parquet"))
    #expect(try product.shell("mount -o remount,size=64m disk").code == 0)
    let room = try product.admix("run", "--json", "disk/pipeline.yaml")
    #expect(room.code == 0, "\(room.err)")
    #expect(try Self.digests(room) == Self.undisturbed)

    // And then the folder may only be read.
    #expect(try product.shell("rm -r disk/.admix disk/out; mount -o remount,ro disk").code == 0)
    let refused = try product.admix("run", "disk/pipeline.yaml")
    #expect(refused.code == 6 && refused.err.contains("[AX0905]"), "\(refused.err)")
    #expect(try product.admix("plan", "disk/pipeline.yaml").code == 0)
    #expect(try product.admix("run", "disk/pipeline.yaml", "--store", "elsewhere").code == 1)
  }

  private static func edit(_ statement: String) -> String {
    "python3 -c \"import sqlite3; c = sqlite3.connect('.admix/store.db'); c.execute('\(statement.replacing("'", with: "\\\\'"))'); c.commit(); c.close()\""
  }

  struct Damage: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// A line of shell in the project's folder.
    var how: String
    /// Whether `verify` sees it; results that cannot be read are simply made anew.
    var isSeen = true
  }

  static let damages: [Damage] = [
    Damage(
      testDescription: "a byte of an object",
      how:
        "f=$(ls .admix/objects/*/* | head -n 1); chmod 644 $f; printf x | dd of=$f bs=1 seek=9 conv=notrunc"
    ),
    Damage(
      testDescription: "an object cut short",
      how: "f=$(ls .admix/objects/*/* | head -n 1); chmod 644 $f; truncate -s -1 $f"),
    Damage(testDescription: "an object deleted", how: "rm $(ls .admix/objects/*/* | head -n 1)"),
    Damage(
      testDescription: "a small content changed",
      how: edit(
        "UPDATE object SET content = zeroblob(9) WHERE id = (SELECT object FROM result_output JOIN object ON id = object WHERE content IS NOT NULL AND kind = 'dataset')"
      )),
    Damage(testDescription: "small contents gone", how: edit("UPDATE object SET content = NULL")),
    Damage(
      testDescription: "rows of objects gone",
      how: edit("DELETE FROM object WHERE content IS NOT NULL")),
    Damage(testDescription: "lengths changed", how: edit("UPDATE object SET size = size + 1")),
    Damage(
      testDescription: "lengths beyond reason",
      how: edit("UPDATE object SET size = 9223372036854775807")),
    Damage(
      testDescription: "results that say nothing", how: edit("UPDATE result SET body = '{}'"),
      isSeen: false),
    Damage(
      testDescription: "the record of a run",
      how: edit("UPDATE run SET body = '{}'") + "; " + edit("DELETE FROM run_stage"), isSeen: false),
  ]

  /// Whatever happened to the store: noticed, set aside, made anew with the same bytes, and then known.
  @Test("damage is found and healed", arguments: damages)
  func damage(_ damage: Damage) throws {
    let product = try Product()
    try product.write("x\n1\n2\n", to: "a.csv")
    try product.write(
      "admix: 1\nname: d\nstages:\n  a: {ingest: {from: a.csv}}\n  b: {split: {from: a, into: {x: 0.5, y: 0.5}}}\n",
      to: "pipeline.yaml")
    let first = try product.admix("run", "--json")
    #expect(try product.admix("verify").code == 0)
    #expect(try product.shell(damage.how).code == 0)
    let found = try product.admix("verify")
    #expect(found.code == (damage.isSeen ? 6 : 0), "\(found.code) \(found.err)")
    let isSaid = ["[AX0914]", "[AX0934]"].contains { found.err.contains($0) }
    #expect(isSaid == damage.isSeen, "\(found.err)")
    let healed = try product.admix("run", "--json")
    #expect(healed.code == 0, "\(healed.err)")
    #expect(try Self.digests(healed) == Self.digests(first))
    #expect(try product.admix("verify").code == 0)
    #expect(try product.admix("status", "--exit-code").code == 0)
    #expect(try product.admix("runs").code == 0)
    #expect(try product.admix("show", "pipeline.yaml", "b").code == 0)
  }

  /// A database that lost its end is refused whatever is asked of it, and no file of it is changed.
  @Test(arguments: [100, 5000, 40_000])
  func aTruncatedDatabaseIsRefused(length: Int) throws {
    let product = try CrashTests.project()
    #expect(try product.admix("run", "--quiet").code == 0)
    #expect(try product.shell("truncate -s \(length) .admix/store.db").code == 0)
    let before = try product.shell("find .admix -type f ! -path '*/run/*' | sort | xargs sha256sum")
    for command in ["run", "gc", "verify", "plan", "runs", "tag"] {
      let answer = try product.admix(command)
      #expect(answer.code == 6, "\(command): \(answer.code) \(answer.err)")
      #expect(answer.err.contains("[AX0903]"), "\(command): \(answer.err)")
    }
    let after = try product.shell("find .admix -type f ! -path '*/run/*' | sort | xargs sha256sum")
    #expect(before.out == after.out)
    #expect(try product.shell("mv .admix aside").code == 0)
    #expect(try CrashTests.Outcome(product) == CrashTests.undisturbed[40])
  }

  /// Damage that nobody looked for ends with 6, and running by force mends it.
  @Test func damageThatIsRunIntoIsTheStores() throws {
    let product = try Product()
    try product.write("x\n1\n2\n", to: "a.csv")
    try product.write(
      "admix: 1\nname: d\nstages:\n  a: {ingest: {from: a.csv}}\n", to: "pipeline.yaml")
    #expect(try product.admix("run").code == 0)
    let spoil =
      "for f in .admix/objects/*/*; do chmod 644 $f; printf xxxx | dd of=$f bs=1 seek=0 conv=notrunc; done"
    #expect(try product.shell(spoil).code == 0)
    let shown = try product.admix("show", "pipeline.yaml", "a")
    #expect(shown.code == 6 && shown.err.contains("[AX0951]"), "\(shown.code) \(shown.err)")
    #expect(try product.admix("run", "--force", "all").code == 0)
    #expect(try product.admix("show", "pipeline.yaml", "a").code == 0)
    #expect(try product.admix("verify", "nowhere.yaml").code == 3)
  }

  @Test func aFileThatMayNotBeReadIsNamed() throws {
    let product = try Product()
    try product.write("x\n1\n", to: "a.csv")
    try product.write(
      "admix: 1\nname: u\nstages:\n  a: {ingest: {from: a.csv}}\n", to: "pipeline.yaml")
    // The superuser may read anything, so somebody else has to try.
    let asNobody =
      getuid() == 0
      ? "chown -R 65534 . && setpriv --reuid=65534 --regid=65534 --clear-groups" : "env"
    let ready = try product.shell("chmod 000 a.csv; \(asNobody) admix --version")
    guard ready.code == 0 else {
      FileHandle.standardError.write(
        Data("NOT RUN: an unreadable file (nobody cannot start admix here)\n".utf8))
      return
    }
    let answer = try product.shell("\(asNobody) admix run pipeline.yaml")
    #expect(answer.code == 7, "\(answer.code)")
    #expect(
      answer.err.contains("pipeline.yaml:4:22: error: 'a.csv' cannot be read [AX0404]"),
      "\(answer.err)")
    #expect(try product.shell("chmod 644 a.csv; \(asNobody) admix run pipeline.yaml").code == 0)
    // A store that one may only read can be asked everything.
    for command in [
      "plan", "status", "show pipeline.yaml a", "runs", "lineage", "why pipeline.yaml a", "verify",
      "tag", "gc --dry-run --keep-runs 0",
    ] {
      let answer = try product.shell("chmod -R a-w .admix; \(asNobody) admix \(command)")
      #expect(answer.code == 0, "\(command): \(answer.err)")
    }
    #expect(try product.shell("\(asNobody) admix run --force all").code == 6)
  }
}
