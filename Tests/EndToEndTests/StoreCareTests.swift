import AdmixModel
import AdmixTestSupport
import Foundation
import Testing

/// A store over the years: made by older versions, cleaned, tagged, on strange disks and by strange clocks.
struct StoreCareTests {
  /// What each released version made still opens, verifies, and is known.
  @Test func aStoreOfVersion1IsBroughtForward() throws {
    let product = try CrashTests.project(withStore: true)
    let verified = try product.admix("verify", "--json")
    #expect(verified.code == 0, "\(verified.err)")
    #expect(try JSONValue(parsing: verified.out)["sound"]?.int == 16)
    let runs = try JSONValue(parsing: product.admix("runs", "--json").out)["runs"]?.array ?? []
    #expect(runs.count == 3 && runs.allSatisfy { $0["status"]?.string == "succeeded" })
    let answer = try product.admix("run", "--json")
    let stages = try JSONValue(parsing: answer.out)["stages"]?.array ?? []
    #expect(answer.code == 0 && stages.count == 4)
    for stage in stages where stage["status"]?.string != "cached" {
      // A stage kind that was given a new revision since is the one good reason.
      let causes = Set((stage["why"]?.array ?? []).map { $0["cause"]?.string })
      #expect(causes.isSubset(of: ["implementation", "input"]), "\(stage.pretty)")
    }
    #expect(try CrashTests.Outcome(product) == CrashTests.undisturbed[40])
    // The tables that are new since work, and so does cleaning what was noted without them.
    #expect(try product.shell("admix tag 7f235dc7 old && admix gc --keep-runs 1").code == 0)
    #expect(try product.admix("verify").code == 0)
    for rows in ["30", "40", "30"] {
      let back = try product.admix("run", "--set", "rows=\(rows)")
      #expect(back.code == 0, "\(back.err)")
    }
    #expect(try product.admix("run").err.contains("4 known"))
  }

  // MARK: Strange clocks and disks

  /// A library put before the system's: the clock set off or jumping, locks refused.
  private static let shim: String? = {
    let source = """
      #define _GNU_SOURCE
      #include <dlfcn.h>
      #include <errno.h>
      #include <stdlib.h>
      #include <time.h>
      #include <sys/time.h>
      static long shift(void) {
        static long calls;
        const char *by = getenv("CLOCK_SHIFT"), *after = getenv("CLOCK_SHIFT_AFTER");
        if (!by || (after && __sync_add_and_fetch(&calls, 1) < atol(after))) return 0;
        return atol(by);
      }
      int clock_gettime(clockid_t id, struct timespec *t) {
        int (*next)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
        int r = next(id, t);
        if (!r && id == CLOCK_REALTIME) t->tv_sec += shift();
        return r;
      }
      int gettimeofday(struct timeval *restrict t, void *restrict z) {
        int (*next)(struct timeval *, void *) = dlsym(RTLD_NEXT, "gettimeofday");
        int r = next(t, z);
        if (!r && t) t->tv_sec += shift();
        return r;
      }
      int flock(int fd, int how) {
        int (*next)(int, int) = dlsym(RTLD_NEXT, "flock");
        if (getenv("NO_LOCKS")) { errno = ENOLCK; return -1; }
        return next(fd, how);
      }
      """
    let base = FileManager.default.temporaryDirectory
      .appendingPathComponent("admix-shim-\(UUID().uuidString)")
    guard let product = try? Product(), (try? product.write(source, to: "shim.c")) != nil,
      let made = try? product.shell(
        "cc -shared -fPIC -O1 -o \(base.path).so shim.c -ldl || clang -shared -fPIC -O1 -o \(base.path).so shim.c -ldl"
      ), made.code == 0
    else {
      FileHandle.standardError.write(
        Data("NOT RUN: strange clocks and disks without locks (no C compiler)\\n".utf8))
      return nil
    }
    return base.path + ".so"
  }()

  private static let years = 315_360_000

  @Test(
    "a clock that jumps does no harm",
    arguments: [-years, years, -7_200].flatMap { shift in
      [("0", shift), ("40", shift)].map { ($0.0, $0.1) }
    })
  func clocks(after: String, shift: Int) throws {
    guard let shim = Self.shim else { return }
    let strange = [
      "LD_PRELOAD": shim, "CLOCK_SHIFT": "\(shift)", "CLOCK_SHIFT_AFTER": after,
    ]
    let product = try CrashTests.project()
    #expect(try product.admix("run", "--quiet", "--set", "rows=30").code == 0)
    // The clock goes wrong, before the run or in the middle of it.
    let run = try product.admix("run", "--json", environment: strange)
    #expect(run.code == 0, "\(run.err)")
    #expect(try product.read("out/people.csv") == CrashTests.undisturbed[40]?.file)
    let known = try product.admix("run", environment: strange)
    #expect(known.err.hasPrefix("nothing to do"), "\(known.err)")
    // A file edited meanwhile, with its length kept, is another file; put back, it is known.
    let people = try product.read("people.csv")
    try product.write(people.replacingOccurrences(of: "a,30", with: "a,31"), to: "people.csv")
    let edited = try product.admix("run", environment: strange)
    #expect(edited.err.contains("people: ingest done"), "\(edited.err)")
    try product.write(people, to: "people.csv")
    #expect(try product.admix("run", environment: strange).err.contains("4 known"))
    // The newest run is the last one made, whatever the clock said.
    let runs = try JSONValue(parsing: product.admix("runs", "--json").out)["runs"]?.array ?? []
    #expect(runs.count == 4)
    #expect(runs.allSatisfy { ($0["seconds"]?.double ?? -1) >= 0 })
    // Two hand-edited files are set aside one after the other, and both are kept.
    for text in ["first", "second"] {
      try product.write(text, to: "out/people.csv")
      #expect(try product.admix("run", "--quiet", environment: strange).code == 0)
    }
    let rescued = try product.shell("ls .admix/rescued | wc -l; cat .admix/rescued/*").out
    #expect(rescued.hasPrefix("2\n") && rescued.contains("first") && rescued.contains("second"))
    // What is younger than the clock is not old.
    if shift < 0 {
      let gc = try product.admix("gc", "--keep-age", "1h", "--json", environment: strange)
      #expect(try JSONValue(parsing: gc.out)["runs"]?.array?.isEmpty == true, "\(gc.out)")
    }
    #expect(try product.admix("gc", "--keep-runs", "2", environment: strange).code == 0)
    #expect(try product.admix("verify").code == 0)
    #expect(try CrashTests.Outcome(product) == CrashTests.undisturbed[40])
  }

  @Test func aFileSystemWithoutLocksIsRefused() throws {
    guard let shim = Self.shim else { return }
    let product = try CrashTests.project()
    let refused = try product.admix(
      "run", environment: ["LD_PRELOAD": shim, "NO_LOCKS": "1"])
    #expect(refused.code == 6, "\(refused.code)")
    #expect(
      refused.err.contains("lies where locks do not work [AX0936]")
        && refused.err.contains("--store"), "\(refused.err)")
    #expect(!product.exists("out/people.csv"))
    #expect(try CrashTests.Outcome(product) == CrashTests.undisturbed[40])
  }

  /// Cleaning is what one does on a full disk, so it must work there.
  @Test func gcMakesRoomOnAFullDisk() throws {
    let product = try CrashTests.project()
    let mount = try product.shell("mkdir disk && mount -t tmpfs -o size=3m tmpfs disk")
    guard mount.code == 0 else {
      FileHandle.standardError.write(
        Data("NOT RUN: gc on a full disk (mounting is not allowed)\n".utf8))
      return
    }
    defer { _ = try? product.shell("umount -l disk") }
    let filled = try product.shell(
      """
      cp pipeline.yaml people.csv disk && cd disk && admix run --quiet --no-report --set rows=20000 \
      && admix run --quiet --no-report && { cat /dev/zero > filler 2> /dev/null; true; }
      """)
    #expect(filled.code == 0, "\(filled.err)")
    let full = try product.shell("cd disk && admix run --quiet --no-report --set rows=30000")
    #expect(full.code == 6 && full.err.contains("[AX0904]"), "\(full.code) \(full.err)")
    let gc = try product.shell("cd disk && admix gc --keep-runs 1 --json")
    #expect(gc.code == 0, "\(gc.err)")
    #expect(try JSONValue(parsing: gc.out)["bytes"]?.int ?? 0 > 150_000, "\(gc.out)")
    let after = try product.shell(
      "cd disk && admix verify && admix run --quiet --no-report --set rows=30")
    #expect(after.code == 0, "\(after.err)")
    #expect(try product.read("disk/out/people.csv") == CrashTests.undisturbed[30]?.file)
  }
}
