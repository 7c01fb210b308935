import AdmixEngine
import AdmixModel
import Foundation
import Synchronization
import Testing

/// What a stage may say about the way it is carried out.
struct PolicyTests {
  private let laboratory: Laboratory
  /// Tells this test's stages from those of others.
  private let salt = UUID().uuidString

  init() throws { laboratory = try Laboratory() }

  private var watch: Work.Watch? { Work.watch.withLock { $0[salt] } }

  struct Sharing: Sendable, CustomTestStringConvertible {
    var what: String
    var resources: String
    var tokens: [String: Int] = [:]
    var memory: Int?
    var most: Int
    var testDescription: String { what }
  }

  @Test(
    "no more is in use at once than there is",
    arguments: [
      Sharing(what: "nothing said", resources: "{}", most: 4),
      Sharing(what: "two cores each", resources: "{cpu: 2}", most: 2),
      Sharing(what: "more cores than there are", resources: "{cpu: 64}", most: 1),
      Sharing(what: "memory", resources: "{memory: 3 GiB}", memory: 10 << 30, most: 3),
      Sharing(what: "more memory than there is", resources: "{memory: 99 GiB}", memory: 1, most: 1),
      Sharing(what: "a token", resources: "{gpu: 1}", most: 1),
      Sharing(what: "tokens", resources: "{gpu: 1}", tokens: ["gpu": 3], most: 3),
    ])
  func sharing(_ one: Sharing) async throws {
    let outcome = try await laboratory.run(
      "a: {work: {tasks: 12, milliseconds: 150, salt: \(salt), resources: \(one.resources)}}",
      .init(jobs: 4, tokens: one.tokens, memory: one.memory))
    #expect(outcome.record.status == .succeeded)
    #expect((watch?.most ?? 0) <= one.most && (watch?.most ?? 0) >= min(one.most, 2))
  }

  @Test func whatMostRestsOnIsBegunFirst() async throws {
    let work = "{work: {milliseconds: 40, salt: \(salt)"
    let single = (1...4).map { "s\($0): \(work)}, seed: \($0)}" }
    // Listed last, and three others wait for the first of them.
    let row =
      ["r1: \(work)}}"] + (2...4).map { "r\($0): \(work)}, after: r\($0 - 1), seed: \($0)}" }
    let outcome = try await laboratory.run((single + row).joined(separator: "\n"), .init(jobs: 1))
    let ended = outcome.events.compactMap { event in
      if case .stageFinished(let record) = event { record.name } else { nil }
    }
    #expect(outcome.record.status == .succeeded && ended.count == 8)
    // One was begun before anybody had to wait.
    let before = ended.firstIndex(of: "r1").map { ended[..<$0] } ?? []
    #expect(before.count <= 1, "\(ended)")
  }

  @Test func whatIsNotThereIsAnError() async throws {
    await #expect(throws: TaskFailure.self) {
      _ = try await laboratory.run(
        "a: {work: {resources: {gpu: 2}}}", .init(jobs: 2, tokens: ["gpu": 1]))
    }
    do {
      _ = try laboratory.plan("a: {work: {resources: {cpu: 0, memory: much, gpu: x}}}")
      Issue.record("that is no amount")
    } catch let problems as Diagnostics {
      #expect(problems.items.map(\.code) == ["AX0318", "AX0318", "AX0318"])
    }
  }

  @Test func timeRunsOut() async throws {
    let late = try await laboratory.run(
      "a: {work: {tasks: 2000, milliseconds: 20, salt: \(salt)}, timeout: 1s}")
    #expect(late["a"]?.failureReason == .timeout && late["a"]?.failure.first?.code == "AX0915")
    let again = try await laboratory.run(
      "a: {work: {tasks: 5, milliseconds: 1, salt: \(salt)}, timeout: 10 min}")
    #expect(again["a"]?.status == .executed)
  }

  struct Trying: Sendable {
    var retry: String
    var fails: Int
    var tries: Int
    var succeeds: Bool
  }

  @Test(
    "a failure is tried again as often as the stage says",
    arguments: [
      Trying(retry: "{}", fails: 1, tries: 2, succeeds: true),
      Trying(retry: "{times: 0}", fails: 1, tries: 1, succeeds: false),
      Trying(retry: "{times: 3, backoff: 1ms}", fails: 3, tries: 4, succeeds: true),
      Trying(retry: "{times: 2, backoff: 1ms}", fails: 3, tries: 3, succeeds: false),
      Trying(retry: "{times: 2, on: input}", fails: 1, tries: 1, succeeds: false),
      Trying(
        retry: "{times: 2, backoff: 1ms, on: [timeout, failed]}", fails: 1, tries: 2,
        succeeds: true),
    ])
  func retry(_ one: Trying) async throws {
    let outcome = try await laboratory.run(
      "a: {work: {fails: \(one.fails), salt: \(salt), retry: \(one.retry)}}")
    #expect(outcome["a"]?.status == (one.succeeds ? .executed : .failed))
    #expect(watch?.failures == one.tries)
    let said = outcome.events.count { if case .retrying = $0 { true } else { false } }
    #expect(said == one.tries - 1)
  }

  private let chain = """
    a: {numbers: {count: 3}}
    b: {scale: {from: a, by: 2}}
    c: {scale: {from: b, by: 2}}
    x: {numbers: {count: 4}}
    y: {scale: {from: x, by: 2}}
    """

  struct Choice: Sendable {
    var only: [String] = []
    var downstream: [String] = []
    var runs: String
  }

  @Test(
    "only what was asked for runs, with what it rests on",
    arguments: [
      Choice(only: ["b"], runs: "a b"), Choice(only: ["y", "a"], runs: "a x y"),
      Choice(downstream: ["b"], runs: "a b c"), Choice(downstream: ["x"], runs: "x y"),
      Choice(only: ["x"], downstream: ["c"], runs: "a b c x"),
    ])
  func selection(_ choice: Choice) async throws {
    var options = Engine.Options(jobs: 2)
    options.selected = try laboratory.graph(chain).selection(
      only: choice.only, downstream: choice.downstream)
    let outcome = try await laboratory.run(chain, options)
    #expect(outcome.names(.executed) == choice.runs && outcome.record.status == .succeeded)
    // With nothing left to do for it, nothing is written.
    let before = try laboratory.storeState()
    #expect(try await laboratory.run(chain, options).record.didNothing)
    #expect(try laboratory.storeState() == before)
    // The rest is still to be done.
    #expect(try laboratory.plan(chain).isStale == (choice.runs.split(separator: " ").count < 5))
  }

  @Test func whatIsSwitchedOffTakesNoPart() async throws {
    let off = chain.replacing("by: 2}}\nc", with: "by: 2}, when: false}\nc")
    let outcome = try await laboratory.run(off)
    #expect(outcome.names(.executed) == "a x y" && outcome.names(.skipped) == "b c")
    #expect(outcome.record.status == .succeeded)
    #expect(try laboratory.plan(off)["c"]?.offBecause == "'b' takes no part")
    #expect(try await laboratory.run(off).record.didNothing)
    #expect(try await laboratory.run(chain).names(.executed) == "b c")
  }
}
