import AdmixModel
import AdmixStore
import AdmixTestSupport
import Foundation
import Testing

/// What `gc` keeps and what it gives away.
struct CleanupTests {
  /// A store with a made-up history: runs of stages, each of two tasks, all with bytes of their own.
  private final class History {
    let folder: TemporaryFolder
    let store: Store
    /// Runs in order: pipeline, name, the keys of its stages.
    var runs: [(pipeline: String, uuid: String, keys: [String])] = []

    init() throws {
      folder = try TemporaryFolder()
      store = try Store(root: folder.path + "/store")
    }

    static func fingerprint(_ name: String) -> Fingerprint {
      Fingerprint([.init(.implementation, "toy", "1"), .init(.parameter, "x", name)])
    }

    private func publish(_ text: String) throws -> Artifact {
      let path = folder.path + "/" + UUID().uuidString
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      let (digest, bytes) = try store.objects.publish(file: path)
      return Artifact(kind: .partition, digest: digest, bytes: bytes)
    }

    /// Runs stages named by their keys: those that are known are hits, as in a real run.
    func run(_ pipeline: String, _ keys: [String], exports: Bool = false) throws {
      let uuid = "\(String(format: "%08d", runs.count))-\(pipeline)"
      try store.beginRun(uuid: uuid, pipeline: pipeline, body: Data("{}".utf8))
      var stages: [(name: String, kind: String, status: String, result: Int64?, body: Data)] = []
      for (number, key) in keys.enumerated() {
        let result: Int64
        let print = Self.fingerprint(key)
        if let known = try store.result(for: print.digest) {
          result = known.id
          try store.recordSuccess(pipeline: pipeline, stage: "s\(number)", of: print.digest)
        } else {
          let tasks = ["\(key).0", "\(key).1"].map(Self.fingerprint)
          for task in tasks where try store.result(for: task.digest) == nil {
            try store.commit(
              Finding(
                task, scope: .task, kind: "toy",
                outputs: ["rows": [publish("task \(task.digest.hex)")]], contents: [:],
                body: Data("{}".utf8), run: uuid))
          }
          let report = Data("report \(key)".utf8)
          var outputs: [String: [Artifact]] = [
            "rows": [try publish("stage \(key) " + String(repeating: "x", count: 1000))],
            "report": [Artifact(kind: .report, digest: Digest(of: report), bytes: report.count)],
            "same": [try publish("the same for all")],
          ]
          if exports { outputs["\u{1}deliveries"] = outputs["rows"] }
          result = try store.commit(
            Finding(
              print, scope: .stage, kind: "toy", outputs: outputs,
              contents: [Digest(of: report): report], body: Data("{}".utf8), run: uuid,
              tasks: Set(tasks.map(\.digest))),
            isLastSuccess: (pipeline, "s\(number)")
          ).id
        }
        stages.append(("s\(number)", "toy", "executed", result, Data("{}".utf8)))
      }
      try store.endRun(uuid: uuid, status: "succeeded", stages: stages)
      runs.append((pipeline, uuid, keys))
    }

    func isKnown(_ key: String) throws -> Bool {
      try store.result(for: Self.fingerprint(key).digest) != nil
    }

    /// A stage with all that it takes to redo a part of it.
    func isWhole(_ key: String) throws -> Bool {
      try isKnown(key) && isKnown("\(key).0") && isKnown("\(key).1")
    }

    var files: Int {
      let all = FileManager.default.enumerator(atPath: store.root + "/objects")
      var count = 0
      while let name = all?.nextObject() as? String { if name.utf8.count > 3 { count += 1 } }
      return count
    }
  }

  @Test(
    "keeps the runs that the policy says, and what is always kept",
    arguments: [
      (KeepPolicy(runs: 2), [3, 4]), (KeepPolicy(runs: 0), []), (KeepPolicy(), [0, 1, 2, 3, 4]),
      (KeepPolicy(age: 3600), [0, 1, 2, 3, 4]), (KeepPolicy(age: 0), []),
      (KeepPolicy(runs: 1, age: 0), [4]), (KeepPolicy(bytes: 0), []),
      (KeepPolicy(bytes: 1 << 30), [0, 1, 2, 3, 4]), (KeepPolicy(bytes: 3000), [3, 4]),
      (KeepPolicy(runs: 3, bytes: 3000), [3, 4]), (.usual, [0, 1, 2, 3, 4]),
    ] as [(KeepPolicy, [Int])])
  func policies(policy: KeepPolicy, kept: [Int]) throws {
    let history = try History()
    for number in 0..<5 { try history.run("p", ["k\(number)"]) }
    _ = try history.store.cleanUp(policy)
    for number in 0..<5 {
      // The last one is the present state.
      #expect(
        try history.isWhole("k\(number)") == (kept.contains(number) || number == 4), "\(number)")
    }
    #expect(try Set(history.store.runs(pipeline: "p").map(\.uuid)).count == kept.count)
  }

  @Test func tagsPinsAndExportsStay() throws {
    let history = try History()
    for number in 0..<6 { try history.run("p", ["k\(number)"], exports: number == 1) }
    try history.store.tag(run: history.runs[0].uuid, as: "first")
    try history.store.pin(run: history.runs[2].uuid)
    let cleanup = try history.store.cleanUp(KeepPolicy(runs: 1))
    let known = try (0..<6).filter { try history.isWhole("k\($0)") }
    #expect(known == [0, 2, 5])
    #expect(cleanup.kept[.tagged]?.count ?? 0 > 0 && cleanup.kept[.pinned]?.count ?? 0 > 0)
    // The run that exported tells what it did, and has no bytes.
    let record = history.runs[1].uuid
    #expect(cleanup.gone.filter(\.isRecord).map(\.uuid) == [record])
    let left = Set(try history.store.runs(pipeline: "p").map(\.uuid))
    #expect(left == Set([0, 1, 2, 5].map { history.runs[$0].uuid }))
    #expect(try history.store.marks(pipeline: "p").records == [record])
    #expect(try history.store.stages(ofRun: record).count == 1)
    let check = try history.store.verify()
    #expect(check.isSound && check.freed == 2, "\(check)")
    // Made again, it is as it was; and its name can be taken away.
    try history.run("p", ["k1"])
    #expect(try history.isWhole("k1") && history.store.verify().freed == 0)
    #expect(try history.store.untag("first") && !history.store.untag("first"))
    try history.store.pin(run: history.runs[2].uuid, false)
    _ = try history.store.cleanUp(KeepPolicy(runs: 1))
    #expect(try !history.isKnown("k0") && !history.isKnown("k2") && history.isWhole("k1"))
  }

  /// A stage that is no longer in the file has no present state.
  @Test func stagesThatAreGoneFromTheFileAreNotKept() throws {
    let history = try History()
    try history.run("p", ["a", "b"])
    try history.run("q", ["c"])
    _ = try history.store.cleanUp(KeepPolicy(runs: 0), present: ("p", ["s0"]))
    #expect(try history.isWhole("a") && !history.isKnown("b") && history.isWhole("c"))
  }

  @Test func straysGoAndForeignFilesStay() throws {
    let history = try History()
    try history.run("p", ["a"])
    let before = history.files
    let root = history.folder.path + "/store"
    for (place, text) in [
      ("objects/ab/" + String(repeating: "0", count: 62), "stray"), ("objects/ab/readme", "mine"),
      ("trash/x", "old"), ("work/dead/1", "half"), ("reports/99999999.html", "gone"),
      ("reports/mine.txt", "mine"), ("reports/00000000.html", "of the run"),
      ("reports/00000000.html.77.new", "half"),
      ("downloads/" + String(repeating: "a", count: 64), "nobody's"), ("downloads/notes", "mine"),
      ("rescued/1-by-hand.csv", "mine"),
      ("logs/99999999/a.log", "gone"), ("logs/00000000/a.log", "of the run"),
    ] { try history.folder.write(text, to: "store/" + place) }
    let lock = try RunLock(store: history.store, uuid: "alive")
    let attempts = history.store.attempts(of: "alive")
    try FileManager.default.createDirectory(atPath: attempts, withIntermediateDirectories: true)
    try Data("half".utf8).write(to: URL(fileURLWithPath: attempts + "/1"))
    let trial = try history.store.cleanUp(.usual, isTrial: true)
    let cleanup = try history.store.cleanUp(.usual)
    #expect(trial == cleanup)
    #expect(
      cleanup.freed.mapValues(\.count)
        == [.orphans: 1, .trash: 1, .attempts: 1, .reports: 2, .downloads: 1, .logs: 1])
    #expect(history.files == before + 1)
    for place in [
      "objects/ab/readme", "reports/mine.txt", "reports/00000000.html", "downloads/notes",
      "rescued/1-by-hand.csv", "work/alive/1", "logs/00000000/a.log",
    ] { #expect(history.folder.exists("store/" + place), "\(place)") }
    _ = try history.store.cleanUp(KeepPolicy(rescuedAge: -1))
    #expect(!history.folder.exists("store/rescued/1-by-hand.csv"), "\(root)")
    withExtendedLifetime(lock) {}
  }

  /// Beside a run of a version that keeps no list, objects stay.
  @Test func nothingGoesBesideARunThatDoesNotSayWhatItNeeds() throws {
    let history = try History()
    for number in 0..<3 { try history.run("p", ["k\(number)"]) }
    let path = history.folder.path + "/store/run/old.lock"
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    #expect(flock(descriptor, LOCK_EX) == 0)
    #expect(try history.store.cleanUp(KeepPolicy(runs: 0)).silentRuns == ["old"])
    #expect(try history.isWhole("k0"))
    close(descriptor)
    #expect(try history.store.cleanUp(KeepPolicy(runs: 0)).silentRuns == [])
    #expect(try !history.isKnown("k0"))
  }

  /// Any history and any policy: what must stay is whole, what is said is what is done, and the second
  /// time there is nothing to do.
  @Test func keepsWhatItMustWhateverCame() throws {
    try forEverySeed(12) { random in
      let history = try History()
      let store = history.store
      var marked: Set<Int> = []
      for number in 0..<Int.random(in: 1...9, using: &random) {
        try history.run(
          ["p", "q"].randomElement(using: &random) ?? "p",
          (0..<2).map { _ in "k\(Int.random(in: 0..<7, using: &random))" },
          exports: Bool.random(using: &random))
        if Int.random(in: 0..<4, using: &random) == 0 {
          marked.insert(number)
          try store.tag(run: history.runs[number].uuid, as: "t\(number)")
        }
        if Int.random(in: 0..<6, using: &random) == 0 {
          marked.insert(number)
          try store.pin(run: history.runs[number].uuid)
        }
      }
      var policy = KeepPolicy(runs: Int.random(in: 0...3, using: &random))
      if Bool.random(using: &random) { policy.bytes = Int.random(in: 0...9000, using: &random) }
      let trial = try store.cleanUp(policy, isTrial: true)
      let cleanup = try store.cleanUp(policy)
      var holds = trial.freed == cleanup.freed && trial.kept == cleanup.kept
      holds = holds && trial.gone == cleanup.gone && trial.rows == cleanup.rows
      let check = try store.verify()
      holds = holds && check.isSound
      for pipeline in ["p", "q"] {
        let own = history.runs.indices.filter { history.runs[$0].pipeline == pipeline }
        var stays = Set(own.suffix(1)).union(marked.intersection(own))
        if policy.bytes == nil { stays.formUnion(own.suffix(policy.runs ?? 0)) }
        for run in stays {
          for key in history.runs[run].keys { holds = try holds && history.isWhole(key) }
        }
      }
      let again = try store.cleanUp(policy)
      holds = holds && again.freed.isEmpty && again.gone.isEmpty && again.kept == cleanup.kept
      store.close()
      return holds
    }
  }

  @Test(
    "knows remote file systems, and those whose locks mean nothing",
    arguments: [
      ("ext4", "rw", false, true), ("nfs4", "rw,local_lock=none", true, true),
      ("nfs", "rw,nolock", true, false), ("nfs", "rw,local_lock=all", true, false),
      ("cifs", "rw,nobrl", true, false), ("fuse.sshfs", "rw", true, false),
      ("fuse", "rw", true, true),
      ("fuse.rclone", "rw", true, false), ("fuse.ceph-fuse", "rw", true, true),
      ("fuseblk", "rw", false, true), ("overlay", "rw,nolock", false, true),
    ])
  func fileSystems(type: String, options: String, isRemote: Bool, hasLocks: Bool) throws {
    let mounts = """
      21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
      30 21 0:40 / /home/my\\040data rw,relatime - tmpfs tmpfs rw
      31 30 0:41 / /home/my\\040data/far rw,relatime shared:9 - \(type) server:/x \(options)
      """
    let place = try #require(
      FileSystem(of: "/home/my data/far/census/.admix", mounts: mounts))
    #expect(place.type == type && place.isRemote == isRemote)
    #expect((place.mutedLocks == nil) == hasLocks)
    #expect(FileSystem(of: "/home/my data/farther", mounts: mounts)?.type == "tmpfs")
    #expect(FileSystem(of: "/elsewhere", mounts: mounts)?.type == "ext4")
  }

  @Test func locksOnThisDiskWork() throws {
    let folder = try TemporaryFolder()
    #expect(FileSystem.brokenLocks(in: folder.path) == nil)
  }
}
