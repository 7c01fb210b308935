import AdmixCache
import AdmixModel
import AdmixStore
import AdmixTestSupport
import Foundation
import Synchronization
import Testing

/// What a shared cache promises, over every kind of place that it can be in.
struct SharedCacheTests {
  @Test("gives back what was put there, whole", arguments: Backend.all)
  func roundTrip(backend: Backend) async throws {
    let team = try Team(backend)
    let maker = try team.member()
    #expect(try await maker.take(0..<3).isEmpty)
    try await maker.make(0..<3)
    try await maker.make(3..<4, size: 5_000_000)
    let tally = await maker.finish()
    #expect(tally.sent == 4 && tally.unsent == 0 && tally.refused == 0, "\(tally)")
    let reader = try team.member(.readOnly)
    #expect(try await reader.take([0, 1, 2, 4]) == [0, 1, 2])
    #expect(try await reader.take(3..<4, size: 5_000_000) == [3])
    // What is here is not fetched a second time.
    let before = reader.cache.tally.received
    #expect(try await reader.take(0..<1) == [0])
    #expect(reader.cache.tally.received - before < 10_000)
    // One that may only read gives nothing away.
    try await reader.make(7..<9)
    #expect(await reader.finish().sent == 0)
    #expect(try await team.member().take(7..<9).isEmpty)
    #expect(maker.warnings + reader.warnings == [])
  }

  struct Damage: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var isRefused = true
    /// Changes what the cache holds for a result.
    var harm: @Sendable (Team, Finding) throws -> Void
  }

  private static func object(_ finding: Finding, _ port: String = "file") throws -> String {
    try CacheEntry.name(ofObject: #require(finding.outputs[port]?.first).digest)
  }

  /// An entry whose own digest is right, and whose text somebody has changed.
  private static func forge(_ team: Team, _ finding: Finding, _ change: (inout String) -> Void)
    throws
  {
    let name = CacheEntry.name(finding.fingerprint.digest)
    let data = try #require(try team.get(name))
    let end = try #require(data.firstIndex(of: 10))
    var text = String(decoding: data[data.index(after: end)...], as: UTF8.self)
    change(&text)
    let forged = "admix-cache 1 \(Digest(of: text).hex)\n\(text)"
    try team.put(Data(forged.utf8), as: name)
  }

  private static func edit(
    _ text: String, isRefused: Bool = true, _ change: @escaping @Sendable (inout Finding) -> Void
  ) -> Damage {
    Damage(testDescription: text, isRefused: isRefused) { team, finding in
      var other = finding
      change(&other)
      try team.put(
        try CacheEntry.encode(other), as: CacheEntry.name(finding.fingerprint.digest))
    }
  }

  static let damages: [Damage] = [
    .init(testDescription: "an object is cut short") { team, finding in
      let name = try object(finding)
      try team.put(try #require(try team.get(name)).dropLast(1), as: name)
    },
    .init(testDescription: "an object is too long") { team, finding in
      let name = try object(finding)
      try team.put(try #require(try team.get(name)) + Data([0]), as: name)
    },
    .init(testDescription: "a bit of an object flipped") { team, finding in
      let name = try object(finding, "partitions")
      var data = try #require(try team.get(name))
      data[data.startIndex + 70_000] ^= 4
      try team.put(data, as: name)
    },
    .init(testDescription: "an object is empty") { team, finding in
      try team.put(Data(), as: try object(finding))
    },
    .init(testDescription: "an object was evicted", isRefused: false) { team, finding in
      try team.evict(try object(finding, "partitions"))
    },
    .init(testDescription: "the entry was evicted", isRefused: false) { team, finding in
      try team.evict(CacheEntry.name(finding.fingerprint.digest))
    },
    .init(testDescription: "the entry is cut short") { team, finding in
      let name = CacheEntry.name(finding.fingerprint.digest)
      try team.put(try #require(try team.get(name)).dropLast(9), as: name)
    },
    .init(testDescription: "a bit of the entry flipped") { team, finding in
      let name = CacheEntry.name(finding.fingerprint.digest)
      var data = try #require(try team.get(name))
      data[data.endIndex - 20] ^= 1
      try team.put(data, as: name)
    },
    .init(testDescription: "the entry is empty") { team, finding in
      try team.put(Data(), as: CacheEntry.name(finding.fingerprint.digest))
    },
    .init(testDescription: "the entry is other JSON") { team, finding in
      try forge(team, finding) { $0 = "{\"outputs\":[]}" }
    },
    .init(testDescription: "the entry is nested without end") { team, finding in
      try forge(team, finding) { $0 = String(repeating: "[", count: 100_000) }
    },
    .init(testDescription: "the entry is of another version") { team, finding in
      let name = CacheEntry.name(finding.fingerprint.digest)
      let text = String(decoding: try #require(try team.get(name)), as: UTF8.self)
      try team.put(Data(text.replacing("admix-cache 1", with: "admix-cache 2").utf8), as: name)
    },
    .init(testDescription: "the entry is another result's") { team, finding in
      try team.put(
        try #require(try team.get(CacheEntry.name(Member.fingerprint(0).digest))),
        as: CacheEntry.name(finding.fingerprint.digest))
    },
    edit("the entry is a stage's") { $0.scope = .stage },
    .init(testDescription: "a digest is a path") { team, finding in
      let digest = try #require(finding.outputs["file"]?.first).digest.hex
      try forge(team, finding) { $0.replace(digest, with: "../../../../etc/passwd") }
    },
    edit("a size is enormous") { $0.outputs["file"]?[0].bytes = Int.max },
    edit("a size is more than there is room for") { $0.outputs["file"]?[0].bytes = 1 << 42 },
    edit("a size is negative") { $0.outputs["file"]?[0].bytes = -1 },
    edit("a number of rows is enormous") { $0.outputs["rows"]?[0].rows = Int.max },
    edit("a small content lacks") { $0.contents = [:] },
    edit("a small content is another") { finding in
      for digest in finding.contents.keys { finding.contents[digest] = Data("other".utf8) }
    },
    edit("a dataset is no list of partitions") { finding in
      let other = Data("{}".utf8)
      finding.contents[Digest(of: other)] = other
      finding.outputs["rows"] = [
        Artifact(kind: .dataset, digest: Digest(of: other), bytes: other.count)
      ]
    },
    edit("a partition is not vouched for") { $0.outputs["partitions"]?.removeLast() },
  ]

  @Test("what is damaged or a lie is no hit, and is mended", arguments: Backend.all)
  func damage(backend: Backend) async throws {
    let team = try Team(backend)
    let maker = try team.member()
    // A result for each of them, and 0, which nothing happens to.
    let seeds = 0...Self.damages.count
    try await maker.make(seeds, size: 80_000)
    #expect(await maker.finish().sent == seeds.count)
    for (seed, damage) in zip(1..., Self.damages) {
      try damage.harm(team, try maker.finding(seed, size: 80_000))
    }
    let reader = try team.member()
    let taken = try await reader.take(seeds, size: 80_000)
    for (seed, damage) in zip(1..., Self.damages) where taken.contains(seed) {
      Issue.record("a hit although \(damage.testDescription)")
    }
    #expect(taken == [0])
    #expect(reader.cache.tally.refused == Self.damages.count { $0.isRefused })
    let stray = try FileManager.default.subpathsOfDirectory(atPath: reader.store.root)
    #expect(!stray.contains { $0.hasPrefix("work/run/cache/") })
    #expect(try reader.store.verify().isSound)
    // Who made them instead puts it right for everybody.
    try await reader.make(seeds.dropFirst(), size: 80_000)
    let tally = await reader.finish()
    #expect(tally.sent == Self.damages.count && tally.unsent == 0, "\(tally)")
    #expect(reader.warnings == ["AX0924"])
    #expect(try await team.member(.readOnly).take(seeds, size: 80_000) == Set(seeds))
  }

  @Test("writers race and readers see whole results", arguments: Backend.all)
  func race(backend: Backend) async throws {
    let team = try Team(backend)
    let seeds = 0..<12
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          let member = try team.member()
          try await member.make(seeds.shuffled())
          let tally = await member.finish()
          if tally.sent != seeds.count { throw Member.Wrong(seed: tally.sent) }
        }
        group.addTask {
          let member = try team.member(.readOnly)
          for _ in 0..<5 { _ = try await member.take(seeds.shuffled()) }
          if member.cache.tally.refused > 0 { throw Member.Wrong(seed: -1) }
        }
      }
      try await group.waitForAll()
    }
    #expect(try await team.member(.readOnly).take(seeds) == Set(seeds))
  }

  @Test("half an upload is none", arguments: Backend.all)
  func halfUploads(backend: Backend) async throws {
    // A result takes seven calls: a look and a write for each of three objects, and the entry.
    let team = try Team(backend)
    let makers = try team.member()
    let readers = try team.member()
    let third = try team.member()
    for end in 1...8 {
      let troubled = Troubled(team.transport) { number, _ throws(CacheFailure) in
        if number >= end { throw .unreachable("it broke off") }
      }
      let maker = try team.member(.readWrite, troubled, store: makers.store)
      try await maker.make([end])
      let tally = await maker.finish()
      #expect(tally.sent == (end == 8 ? 1 : 0), "\(end): \(tally)")
      #expect(maker.warnings == (end == 8 ? [] : ["AX0921"]), "\(end)")
      // The entry is the last thing to come.
      let entry = try team.get(CacheEntry.name(Member.fingerprint(end).digest))
      #expect((entry != nil) == (end == 8), "\(end)")
      let reader = try team.member(store: readers.store)
      #expect(try await reader.take([end]) == (end == 8 ? [end] : []), "\(end)")
      #expect(reader.cache.tally.refused == 0, "\(end)")
      try await reader.make([end])
      _ = await reader.finish()
      #expect(try await third.take([end]) == [end], "\(end)")
    }
  }

  @Test func aDeadCacheIsToldOfOnceAndLeftAlone() async throws {
    let team = try Team(.folder)
    let failures: [(CacheFailure, String)] = [
      (.unreachable("gone"), "AX0921"), (.denied("no"), "AX0922"), (.local("disk"), "AX0926"),
    ]
    for (failure, code) in failures {
      let troubled = Troubled(team.transport) { _, _ throws(CacheFailure) in throw failure }
      let member = try team.member(.readWrite, troubled)
      #expect(try await member.take(0..<200).isEmpty)
      #expect(try await member.take(0..<200).isEmpty)
      try await member.make([1])
      _ = await member.finish()
      #expect(troubled.calls.load(ordering: .relaxed) <= 12)
      #expect(member.warnings == [code])
    }
  }

  @Test func aCacheThatHangsIsGivenUp() async throws {
    let team = try Team(.folder)
    let gate = DispatchSemaphore(value: 0)
    let troubled = Troubled(team.transport) { _, _ throws(CacheFailure) in gate.wait() }
    let member = try team.member(.readWrite, troubled, patience: 0.1)
    #expect(try await member.take([1]).isEmpty)
    try await member.make([1])
    _ = await member.finish()
    #expect(member.warnings == ["AX0921"])
    for _ in 0..<100 { gate.signal() }
  }

  @Test("what is not sent in time is counted", arguments: [false, true])
  func unsent(isInterrupted: Bool) async throws {
    let team = try Team(.folder)
    let troubled = Troubled(team.transport) { _, pulse throws(CacheFailure) in
      while pulse.beat() { usleep(5_000) }
      throw .stopped
    }
    let member = try team.member(.readWrite, troubled, drain: isInterrupted ? 1_000 : 0.1)
    try await member.make(0..<20)
    if isInterrupted { member.interrupt() }
    let tally = await member.finish()
    #expect(tally.sent == 0 && tally.unsent == 20, "\(tally)")
    #expect(member.warnings == ["AX0925"])
    #expect(member.causes.allSatisfy { $0.contains("interrupted") == isInterrupted })
    #expect(try await team.member(.readOnly).take(0..<20).isEmpty)
  }

  /// What a hostile or careless hand can put where a file should be.
  @Test func aFolderHoldsOnlyFiles() async throws {
    for trick in ["mkfifo", "mkdir", "ln -s /dev/zero", "ln -s /nowhere"] {
      let team = try Team(.folder)
      let maker = try team.member()
      try await maker.make([1, 2])
      _ = await maker.finish()
      let path =
        team.folder.path + "/cache/" + CacheEntry.name(Member.fingerprint(1).digest)
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      process.arguments = ["-c", "rm \"$0\" && \(trick) \"$0\"", path]
      try process.run()
      process.waitUntilExit()
      let reader = try team.member(.readOnly)
      #expect(try await reader.take([1, 2]) == [2], "\(trick)")
    }
  }

  /// Any byte of an entry may be another: then there is no hit, and nothing worse.
  @Test func noDamagedEntryIsBelieved() throws {
    let team = try Team(.folder)
    let member = try team.member()
    let finding = try member.finding(1)
    let entry = try CacheEntry.encode(finding)
    let key = finding.fingerprint.digest
    #expect(throws: Never.self) { try CacheEntry.decode(entry, for: key, .task) }
    forEverySeed { random in
      var data = entry
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let index = Int.random(in: 0..<data.count, using: &random)
        data[data.startIndex + index] = UInt8.random(in: 0...255, using: &random)
      }
      if data == entry { return true }
      // The digest in its first line may be written in either case.
      guard let read = try? CacheEntry.decode(data, for: key, .task) else { return true }
      return read.outputs == finding.outputs && read.body == finding.body
    }
  }
}
