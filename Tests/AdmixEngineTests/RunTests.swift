import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStore
import AdmixTestSupport
import Foundation
import Synchronization
import Testing

struct RunTests {
  private let laboratory: Laboratory

  init() throws { laboratory = try Laboratory() }

  private func chain(count: Int = 3, by: Int = 2, most: Int = 5, modulo: Int = 10) -> String {
    """
    a: {numbers: {count: \(count)}}
    b: {scale: {from: a, by: \(by), modulo: \(modulo)}}
    c: {scale: {from: b.rest, by: 3}}
    gate: {judge: {of: b, most: \(most)}}
    d: {deliver: {from: b, to: out/b.txt}, after: gate}
    """
  }

  @Test func runsWhatIsNewAndThenNothing() async throws {
    let first = try await laboratory.run(chain())
    #expect(first.names(.executed) == "a b c gate d" && first.record.status == .succeeded)
    #expect(try laboratory.content(first["b"]?.artifacts["lines"]) == "2\n4\n6")
    #expect(try laboratory.content(first["c"]?.artifacts["lines"]) == "6")
    #expect(try laboratory.folder.read("out/b.txt") == "2\n4\n6")

    // Nothing to do: nothing is run, and not a byte of the store is written.
    let before = try laboratory.storeState()
    let again = try await laboratory.run(chain())
    #expect(again.names(.cached) == "a b c gate d" && again.record.didNothing)
    #expect(try laboratory.storeState() == before)
    #expect(again["b"]?.artifacts == first["b"]?.artifacts)
  }

  @Test func recordsOfStagesAreReadBackAsTheyWere() async throws {
    _ = try await laboratory.run(chain())
    // Known, cut off, executed, with a gate, with a file, and not asked for.
    for text in [chain(), chain(by: 12), chain(most: 1)] {
      for stage in try await laboratory.run(text).record.stages {
        #expect(try CanonicalJSON.decode(StageRecord.self, from: stage.encoded()) == stage)
      }
    }
  }

  struct Edit: Sendable, CustomTestStringConvertible {
    var what: String
    var stages: String
    var executed: String
    var why: [String: [Change]]
    var testDescription: String { what }
  }

  /// After the chain as it is has run: what runs for each edit, and the reason that is given.
  static let edits: [Edit] = {
    let chain =
      "a: {numbers: {count: 3}}\nb: {scale: {from: a, by: 2, modulo: 10}}\nc: {scale: {from: b.rest, by: 3}}\ngate: {judge: {of: b, most: 5}}\nd: {deliver: {from: b, to: out/b.txt}, after: gate}\n"
    func with(_ old: String, _ new: String) -> String { chain.replacing(old, with: new) }
    return [
      Edit(
        what: "order, quotes and comments",
        stages:
          "d: {after: [gate], deliver: {to: 'out/b.txt', from: b}}  # a comment\ngate: {judge: {most: 5, of: b}}\nc: {scale: {by: 3, from: b.rest}}\nb: {scale: {modulo: 10, by: 2, from: a.lines}}\na: {numbers: {}}",
        executed: "", why: [:]),
      Edit(
        what: "a note that affects nothing", stages: with("by: 3}", "by: 3, note: new}"),
        executed: "", why: [:]),
      Edit(
        what: "a parameter at the end", stages: with("by: 3", "by: 4"), executed: "c",
        why: ["c": [Change(.parameter, name: "by", old: "3", new: "4")]]),
      // The sum of 1, 2 and 3 twice is 12: 2 for both moduli, so what reads it alone stays.
      Edit(
        what: "early cutoff", stages: with("modulo: 10", "modulo: 5"), executed: "b",
        why: ["b": [Change(.parameter, name: "modulo", old: "10", new: "5")]]),
      Edit(
        what: "a parameter in the middle", stages: with("by: 2", "by: 7"),
        executed: "b gate d",
        why: ["b": [Change(.parameter, name: "by", old: "2", new: "7")]]),
      Edit(
        what: "a gate's threshold", stages: with("most: 5", "most: 6"), executed: "gate",
        why: ["gate": [Change(.parameter, name: "most", old: "5", new: "6")]]),
      Edit(
        what: "a new stage", stages: chain + "e: {numbers: {count: 1}}", executed: "e",
        why: ["e": [Change(.new, name: "e")]]),
      Edit(
        what: "the seed of a stage", stages: with("count: 3}", "count: 3, seed: 9}"), executed: "a",
        why: ["a": [Change(.seed, name: "seed", old: "5", new: "9")]]),
      Edit(
        what: "a renamed stage",
        stages: with("a: {numbers: {count: 3}}", "z: {numbers: {count: 3, salt: a}}").replacing(
          "from: a", with: "from: z"), executed: "", why: [:]),
    ]
  }()

  @Test("runs only what changed, and says why", arguments: edits)
  func onlyWhatChanged(edit: Edit) async throws {
    _ = try await laboratory.run(chain())
    let plan = try laboratory.plan(edit.stages)
    let after = try await laboratory.run(edit.stages)
    #expect(
      Set(after.names(.executed).split(separator: " ")) == Set(edit.executed.split(separator: " ")))
    for (stage, why) in edit.why {
      #expect(after[stage]?.why == why)
      #expect(plan[stage]?.why == why, "the plan said something else")
    }
    // What the plan called a hit was one.
    for stage in plan.stages where stage.action == .hit {
      #expect(after[stage.name]?.status == .cached, "\(stage.name)")
    }
    // The edited pipeline is known now, and the one before it still is.
    #expect(try await laboratory.run(edit.stages).names(.executed) == "")
    #expect(try await laboratory.run(chain()).names(.executed) == "")
    #expect(try laboratory.folder.read("out/b.txt") == "2\n4\n6")
  }

  @Test func tasksDoneBeforeAreReused() async throws {
    _ = try await laboratory.run("a: {numbers: {count: 3}}\nb: {scale: {from: a, by: 2}}")
    let more = try await laboratory.run("a: {numbers: {count: 5}}\nb: {scale: {from: a, by: 2}}")
    #expect(more.tasks("b") == (done: 2, reused: 3))
    // The modulus is no affair of the tasks.
    let other = try await laboratory.run(
      "a: {numbers: {count: 5}}\nb: {scale: {from: a, by: 2, modulo: 3}}")
    #expect(other.tasks("b") == (done: 0, reused: 5))
  }

  @Test func bytesDoNotDependOnTheNumberOfWorkers() async throws {
    var seen: Set<[String: Artifact]> = []
    for jobs in [1, 2, 7] {
      let outcome = try await Laboratory().run(chain(count: 50), .init(jobs: jobs))
      seen.insert(outcome["b"]?.artifacts ?? [:])
    }
    #expect(seen.count == 1)
  }

  @Test func sourceFilesCountByContent() async throws {
    let stages = "a: {numbers: {from: data}}\nb: {scale: {from: a}}"
    try laboratory.folder.write("1\n2", to: "data/1.txt")
    try laboratory.folder.write("3", to: "data/2.txt")
    _ = try await laboratory.run(stages)
    // Touched, and written with the same content: nothing.
    try laboratory.folder.write("3", to: "data/2.txt")
    #expect(try await laboratory.run(stages).names(.executed) == "")
    // One more file: one is read.
    try laboratory.folder.write("4", to: "data/3.txt")
    let more = try await laboratory.run(stages)
    #expect(more.names(.executed) == "a b" && more.tasks("a") == (done: 1, reused: 2))
    let come = try #require(more["a"]?.why.first)
    #expect(come.cause == .file && come.name == "data/3.txt" && come.old == nil && come.new != nil)
    // Taken away again: known.
    try FileManager.default.removeItem(atPath: laboratory.folder.path + "/data/3.txt")
    #expect(try await laboratory.run(stages).names(.executed) == "")
    // Renamed so that the order is another: the file's place has changed, not its content.
    try FileManager.default.moveItem(
      atPath: laboratory.folder.path + "/data/1.txt", toPath: laboratory.folder.path + "/data/9.txt"
    )
    let moved = try await laboratory.run(stages)
    #expect(moved.names(.executed) == "a b" && moved.tasks("a") == (done: 0, reused: 2))
    #expect(moved["a"]?.why.isEmpty == false)
  }

  @Test func anInputThatMovesTaintsWhatWasMadeOfIt() async throws {
    try laboratory.folder.write("1\n2", to: "data.txt")
    let outcome = try await laboratory.run("a: {numbers: {from: data.txt, meddles: true}}")
    #expect(outcome["a"]?.status == .failed && outcome["a"]?.failureReason == .input)
    #expect(outcome["a"]?.failure.first?.code == "AX0409")
    // Nothing was published for the bytes that are there now.
    #expect(
      try laboratory.plan("a: {numbers: {from: data.txt, meddles: true}}")["a"]?.action == .run)
  }

  @Test func aFailureStopsWhatDependsOnItAndKeepsTheRest() async throws {
    let stages = """
      good: {numbers: {}}
      bad: {numbers: {fails: true}}
      below: {scale: {from: bad, by: 2}}
      beside: {scale: {from: good}}
      """
    let stopped = try await laboratory.run(stages)
    #expect(stopped.record.status == .failed && stopped["bad"]?.failure.first?.code == "AX0999")
    #expect(stopped["below"]?.status == .skipped)
    let kept = try await laboratory.run(stages, .init(jobs: 2, keepsGoing: true))
    #expect(kept["beside"]?.status != .skipped && kept["below"]?.status == .skipped)
    // Mended: what was fine is known.
    let mended = try await laboratory.run(stages.replacing("fails: true", with: "fails: false"))
    #expect(mended.record.status == .succeeded && mended["good"]?.status == .cached)
    #expect(mended["beside"]?.status == .cached && mended["below"]?.status == .executed)
  }

  @Test func aMissingSourceFailsItsStageAndNotTheRestWhenAsked() async throws {
    let stages = "a: {numbers: {from: gone.txt}}\nb: {scale: {from: a}}\nc: {numbers: {}}"
    await #expect(throws: TaskFailure.self) { try await laboratory.run(stages) }
    let kept = try await laboratory.run(stages, .init(jobs: 2, keepsGoing: true))
    #expect(
      kept.names(.executed) == "c" && kept.names(.failed) == "a" && kept.names(.skipped) == "b")
    #expect(kept["a"]?.failureReason == .input && kept["a"]?.failure.first?.code == "AX0401")
  }

  @Test func aRunUnderWayIsNotAnInterruptedOne() async throws {
    let laboratory = laboratory
    let statuses = Mutex<[RunRecord.Status]>([])
    let engine = try laboratory.engine(.init(jobs: 1))
    let record = try await engine.run(laboratory.graph("a: {numbers: {}}")) { event in
      guard case .stageStarted = event, let other = try? laboratory.engine() else { return }
      let history = (try? other.history("toy")) ?? []
      statuses.withLock { $0 += history.map(\.status) }
      other.store.close()
    }
    #expect(statuses.withLock { $0 } == [.running])
    // One that was killed has begun as well and holds its lock no more.
    try engine.store.beginRun(
      uuid: "killed", pipeline: "toy", body: CanonicalJSON.encode(record))
    #expect(try engine.history("toy").map(\.status) == [.interrupted, .succeeded])
    engine.store.close()
  }

  @Test func aGateStopsWhatWaitsForIt() async throws {
    let gated = try await laboratory.run(chain(most: 2))
    #expect(gated.record.status == .gated && gated.names(.gated) == "d")
    #expect(!laboratory.folder.exists("out/b.txt"))
    #expect(try await laboratory.run(chain(most: 2)).record.status == .gated)
    #expect(try await laboratory.run(chain(most: 3)).record.status == .succeeded)
    #expect(laboratory.folder.exists("out/b.txt"))
    // A gate that fails later does not take away what was delivered.
    #expect(try await laboratory.run(chain(most: 2)).record.status == .gated)
    #expect(laboratory.folder.exists("out/b.txt"))
  }

  @Test func deliveriesArePutBackAndNeverPutOverSomethingElse() async throws {
    _ = try await laboratory.run(chain())
    let file = laboratory.folder.path + "/out/b.txt"
    try FileManager.default.removeItem(atPath: file)
    #expect(try laboratory.plan(chain())["d"]?.action == .restore)
    let restored = try await laboratory.run(chain())
    #expect(restored.names(.executed) == "" && laboratory.folder.exists("out/b.txt"))
    // Edited by hand: set aside with a word, not lost.
    try laboratory.folder.write("mine", to: "out/b.txt")
    let aside = try await laboratory.run(chain())
    #expect(aside["d"]?.warnings.first?.code == "AX0803")
    #expect(try laboratory.folder.read("out/b.txt") == "2\n4\n6")
    let rescued = try FileManager.default.contentsOfDirectory(
      atPath: laboratory.folder.path + "/.admix/rescued")
    #expect(rescued.count == 1)
    #expect(try laboratory.folder.read(".admix/rescued/\(rescued.first ?? "")") == "mine")
    // A link that leads out of the project is no way out.
    try FileManager.default.removeItem(atPath: laboratory.folder.path + "/out")
    let elsewhere = try Laboratory()
    try FileManager.default.createSymbolicLink(
      atPath: laboratory.folder.path + "/out", withDestinationPath: elsewhere.folder.path)
    let refused = try await laboratory.run(chain())
    #expect(refused["d"]?.failure.first?.code == "AX0801" && !elsewhere.folder.exists("b.txt"))
  }

  /// Bytes that vanish from the store are made again.
  @Test func whatIsMissingFromTheStoreIsMadeAnew() async throws {
    let first = try await laboratory.run(chain())
    let lost = try #require(first["b"]?.artifacts["lines"])
    let path = ObjectFolder(root: laboratory.folder.path + "/.admix").path(of: lost.digest)
    try FileManager.default.removeItem(atPath: path)
    #expect(try laboratory.plan(chain())["b"]?.why.map(\.cause) == [.missing])
    let healed = try await laboratory.run(chain())
    #expect(healed.names(.executed) == "b" && healed["b"]?.artifacts == first["b"]?.artifacts)
    #expect(FileManager.default.fileExists(atPath: path))
  }

  @Test func forcedStagesRunAndAnUnchangedOutputStopsTheWave() async throws {
    _ = try await laboratory.run(chain())
    let forced = try await laboratory.run(chain(), .init(jobs: 2, forced: ["b"]))
    #expect(forced.names(.executed) == "b" && forced["b"]?.why.map(\.cause) == [.forced])
    #expect(forced.tasks("b").reused == 0)
    #expect(try await laboratory.run(chain(), .init(jobs: 2, forced: [""])).names(.cached) == "")
  }

  @Test func aNewRevisionRerunsTheStageAndNotItsNeighbours() async throws {
    let stages = "a: {numbers: {}}\nb: {scale: {from: a}}\nc: {judge: {of: b, most: 9}}"
    _ = try await laboratory.run(stages)
    let cases: [(any StageKind.Type, Change)] = [
      (NewerScale.self, Change(.implementation, name: "scale", old: "1", new: "2")),
      (ScaleByAnother.self, Change(.implementation, name: "multiplier", new: "3")),
    ]
    for (scale, change) in cases {
      let engine = try laboratory.engine()
      let newer = StageRegistry([Numbers.self, scale, Judge.self])
      let record = try await engine.run(laboratory.graph(stages, registry: newer))
      engine.store.close()
      #expect(record.stages.map(\.status) == [.cached, .executed, .cached])
      #expect(record.stages[1].why.contains(change))
    }
  }

  @Test func twoRunsAtOnceShareTheWork() async throws {
    let stages = chain(count: 300, most: 300)
    let laboratory = laboratory
    let records = try await withThrowingTaskGroup(of: RunRecord.self) { group in
      for _ in 0..<4 {
        group.addTask { try await laboratory.run(stages).record }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    for name in ["a", "b", "c", "gate", "d"] {
      let executed = records.count { record in
        record.stages.contains { $0.name == name && $0.status == .executed }
      }
      #expect(executed == 1, "\(name) ran \(executed) times")
    }
    #expect(
      records.allSatisfy { $0.status == .succeeded },
      "\(records.flatMap(\.stages).flatMap(\.failure))")
  }

  @Test func waitsForAnotherRunNoLongerThanAsked() async throws {
    let stages = "a: {numbers: {}}"
    let engine = try laboratory.engine()
    let key = try #require(try engine.plan(laboratory.graph(stages))["a"]?.fingerprint?.digest)
    let other = try RunLock(store: engine.store, uuid: "other")
    #expect(try engine.store.takeLease(key, run: "other") == nil)
    let outcome = try await laboratory.run(stages, .init(jobs: 1, waitLimit: .milliseconds(120)))
    #expect(outcome["a"]?.failureReason == .waited && outcome["a"]?.failure.first?.code == "AX0911")
    withExtendedLifetime(other) {}
    engine.store.close()
  }

  @Test func tasksThatDifferTheSecondTimeAreNoticed() async throws {
    let stages = "a: {numbers: {count: 20}}\nb: {scale: {from: a}}"
    let sound = try await laboratory.run(stages, .init(jobs: 2, checksDeterminism: true))
    #expect(sound.record.status == .succeeded && sound.tasks("b") == (done: 20, reused: 0))
    let engine = Engine(
      store: try Store(root: laboratory.folder.path + "/other"), root: laboratory.folder.path,
      options: .init(jobs: 2, checksDeterminism: true))
    let flaky = StageRegistry([Numbers.self, FlakyScale.self])
    let record = try await engine.run(laboratory.graph(stages, registry: flaky))
    engine.store.close()
    #expect(record.stages.last?.failureReason == .notDeterministic)
    #expect(record.stages.last?.failure.first?.code == "AX0912")
  }

  @Test func anInterruptEndsBetweenTasksAndTheNextRunGoesOn() async throws {
    let control = RunControl()
    let engine = try laboratory.engine(.init(jobs: 1))
    let graph = try laboratory.graph(chain(count: 200, most: 200))
    let record = try await engine.run(graph, control: control) { event in
      if case .taskFinished("b") = event { control.stop() }
    }
    engine.store.close()
    #expect(record.status == .interrupted)
    #expect(record.stages.first { $0.name == "b" }?.status == .skipped)
    let rest = try await laboratory.run(chain(count: 200, most: 200))
    #expect(rest.record.status == .succeeded && rest["a"]?.status == .cached)
    #expect(rest.tasks("b").reused > 0 && rest.tasks("b").done > 0)
  }

  @Test func tellsWhatHappenedInOrder() async throws {
    let outcome = try await laboratory.run("a: {numbers: {}}\nb: {scale: {from: a}}")
    var story: [String] = []
    for event in outcome.events {
      switch event {
      case .runStarted(_, let stages): story.append("run \(stages.joined(separator: " "))")
      case .stageStarted(let stage, let kind, _): story.append("\(stage) \(kind)")
      case .tasksPlanned(let stage, let tasks, _, let rows):
        story.append("\(stage) \(tasks) tasks \(rows ?? 0) rows")
      case .taskFinished(let stage): story.append("\(stage) task")
      case .stageFinished(let record): story.append("\(record.name) \(record.status.rawValue)")
      case .runFinished(let record): story.append(record.status.rawValue)
      default: break
      }
    }
    #expect(
      story == [
        "run a b", "a numbers", "a executed", "b scale", "b 3 tasks 3 rows", "b task", "b task",
        "b task", "b executed", "succeeded",
      ])
    let engine = try laboratory.engine()
    let history = try engine.history("toy")
    engine.store.close()
    #expect(history.count == 1 && history.first?.stages.map(\.status) == [.executed, .executed])
    #expect(history.first?.run == outcome.record.run)
  }
}

/// Scale but for one thing.
private protocol LikeScale: StageKind {
  var scale: Scale { get }
}

extension LikeScale {
  static var description: KindDescription { Scale.description }
  func drive(_ stage: any StageContext) async throws -> StageOutputs {
    try await scale.drive(stage)
  }
  func perform(_ task: any TaskContext) throws -> TaskOutputs { try scale.perform(task) }
}

/// Has another behaviour revision and the same behaviour.
private struct NewerScale: LikeScale {
  static let description: KindDescription = {
    var description = Scale.description
    description.revision = 2
    return description
  }()

  let scale: Scale
  init(_ options: OptionValues, report: inout Diagnostics) {
    scale = Scale(options, report: &report)
  }
}

/// Its work is done by something with a revision of its own.
private struct ScaleByAnother: LikeScale {
  let implementations = ["multiplier": 3]

  let scale: Scale
  init(_ options: OptionValues, report: inout Diagnostics) {
    scale = Scale(options, report: &report)
  }
}

/// Gives something else each time.
private struct FlakyScale: LikeScale {
  private static let calls = Atomic(0)

  let scale: Scale
  init(_ options: OptionValues, report: inout Diagnostics) {
    scale = Scale(options, report: &report)
  }
  func perform(_ task: any TaskContext) throws -> TaskOutputs {
    TaskOutputs(value: .int(Int64(Self.calls.add(1, ordering: .relaxed).newValue)))
  }
}
