import AdmixEngine
import AdmixModel
import AdmixReport
import Foundation
import Synchronization

/// Shows events as they come: a line for each stage that ends, and on a terminal, below them, a line for
/// each stage that is under way.
final class ProgressDisplay: Sendable {
  private struct State {
    var board = ProgressBoard()
    var lastDrawn: ContinuousClock.Instant?
    var linesOnScreen = 0
    /// Why stages ran with less of a sandbox than they should, as said so far.
    var toldOfSandbox: Set<String> = []
  }

  enum Manner { case live, lines, problems }

  private let manner: Manner
  private let root: URL
  private let state = Mutex(State())
  // Set up in `init` and cancelled once; dispatch objects may be used from any thread.
  private nonisolated(unsafe) let timer: (any DispatchSourceTimer)?

  /// - Parameter root: the folder that relative paths in warnings start from.
  init(_ manner: Manner, root: URL) {
    self.manner = manner
    self.root = root
    guard manner == .live else {
      timer = nil
      return
    }
    timer = DispatchSource.makeTimerSource(queue: .global())
    // A stage that says nothing for a while is seen to be at work all the same.
    timer?.setEventHandler { [weak self] in self?.tick() }
    timer?.schedule(deadline: .now() + .milliseconds(500), repeating: .milliseconds(500))
    timer?.resume()
  }

  private var isLive: Bool { manner == .live }

  func take(_ event: Event) {
    state.withLock { state in
      let now = ContinuousClock.now
      switch event {
      case .runStarted(_, let stages): state.board.total = stages.count
      case .stageStarted(let name, let kind, let why):
        state.board.start(name, now)
        if !isLive {
          line(
            "\(name): \(kind) starts\(why.isEmpty ? "" : ", " + why.sentences())",
            &state)
        }
      case .tasksPlanned(let name, let tasks, let reused, let rows):
        state.board.plan(name, tasks: tasks, reused: reused, rows: rows)
      case .taskFinished(let name): state.board.finishTask(of: name)
      case .progress(let name, let rows): state.board.advance(name, rows: rows)
      case .working(let name, let phase, let done, let total):
        state.board.work(name, phase, done, of: total)
      case .fetching(let name, _, let received, let total):
        state.board.fetch(name, received: received, of: total)
      case .waiting(let name, let run):
        line("\(name): another run (\(run.prefix(8))) is at work on it; waiting", &state)
      case .retrying(let name, let failure, let pause):
        line("\(name): \(failure.fact); again in \(Numbers.seconds(pause))", &state)
      case .fetched(let name, let tasks):
        if let tasks {
          line("\(name): \(Numbers.count(tasks, "task")) from the shared cache", &state)
        }
      case .sharing(let results):
        line("sending \(Numbers.count(results, "result")) to the shared cache", &state)
      case .warning(_, let item) where item.code == "AX0870":
        // It tells of the machine or of the command line; what is so for one stage is so for all.
        guard state.toldOfSandbox.insert(item.cause ?? "").inserted else { break }
        clear(&state)
        Complaint.print(Diagnostics([item]), root: root)
      case .warning(_, let item), .cacheWarning(let item):
        clear(&state)
        Complaint.print(Diagnostics([item]), root: root)
      case .delivered(let name, let path): line("\(name): wrote \(path)", &state)
      case .stageFinished(let record):
        state.board.end(record.name)
        finished(record, &state)
      case .stageReused, .gate, .runFinished: break
      }
      draw(&state, now)
    }
  }

  private func tick() { state.withLock { draw(&$0, ContinuousClock.now) } }

  private func finished(_ record: StageRecord, _ state: inout State) {
    let rows =
      record.outputs.first.flatMap { record.artifacts[$0]?.rows }.map {
        ", " + Numbers.count($0, "row")
      } ?? ""
    switch record.status {
    case .executed:
      let known = record.tasks.map {
        $0.reused > 0 ? ", \($0.reused) of \($0.reused + $0.done) tasks known" : ""
      }
      line(
        "\(record.name): \(record.kind) done in \(Numbers.seconds(record.seconds))\(rows)\(known ?? "")",
        &state)
    case .cached:
      let cut = (record.cutOff ?? []).map { "'\($0)'" }
      let reason =
        cut.isEmpty
        ? ""
        : ": \(cut.joined(separator: ", ")) gave what \(cut.count == 1 ? "it" : "they") gave before"
      let word = record.fromCache == nil ? "known" : "from the shared cache"
      line("\(record.name): \(word)\(reason)\(rows)", &state)
    case .failed: line("\(record.name): failed after \(Numbers.seconds(record.seconds))", &state)
    case .gated: line("\(record.name): stopped by a gate", &state)
    case .skipped: break
    }
  }

  private func line(_ text: String, _ state: inout State) {
    if manner == .problems { return }
    clear(&state)
    Terminal.error(text + "\n")
  }

  private func clear(_ state: inout State) {
    if state.linesOnScreen > 0 { Terminal.error(Self.up(state.linesOnScreen) + "\u{1B}[J") }
    state.linesOnScreen = 0
    state.lastDrawn = nil
  }

  /// Writes over what stood there, in one go, so that nothing flickers.
  private func draw(_ state: inout State, _ now: ContinuousClock.Instant) {
    guard isLive else { return }
    if let last = state.lastDrawn, now - last < .milliseconds(100) { return }
    let size = Terminal.size
    let lines = state.board.lines(
      now, width: size.width - 1, most: max(1, min(10, size.height / 2)))
    if lines.isEmpty, state.linesOnScreen == 0 { return }
    state.lastDrawn = now
    let text = lines.map { $0 + "\u{1B}[K\n" }.joined()
    Terminal.error(Self.up(state.linesOnScreen) + text + "\u{1B}[J")
    state.linesOnScreen = lines.count
  }

  private static func up(_ lines: Int) -> String { lines > 0 ? "\u{1B}[\(lines)F" : "" }

  func finish() {
    timer?.cancel()
    state.withLock { state in
      state.board = ProgressBoard()
      clear(&state)
    }
  }
}
