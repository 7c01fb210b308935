import AdmixEngine
import AdmixModel
import AdmixReport
import Foundation
import Synchronization

/// Shows events as they come: a line for each stage that ends, and on a terminal one line below that
/// says what is under way.
final class ProgressDisplay: Sendable {
  private struct Stage {
    var began = ContinuousClock.now
    var tasks = 0
    var done = 0
    var rows = 0
    var expected: Int?
    var received = 0
    var size: Int?
  }

  private struct State {
    var running: [String: Stage] = [:]
    var lastDrawn: ContinuousClock.Instant?
    var hasLine = false
  }

  enum Manner { case live, lines, problems }

  private let manner: Manner
  private let root: URL
  private let state = Mutex(State())

  /// - Parameter root: the folder that relative paths in warnings start from.
  init(_ manner: Manner, root: URL) {
    self.manner = manner
    self.root = root
  }

  private var isLive: Bool { manner == .live }

  func take(_ event: Event) {
    state.withLock { state in
      switch event {
      case .stageStarted(let name, let kind, let why):
        state.running[name] = Stage()
        if !isLive {
          line(
            "\(name): \(kind) starts\(why.isEmpty ? "" : ", " + why.map(\.sentence).joined(separator: "; "))",
            &state)
        }
      case .tasksPlanned(let name, let tasks, let reused, let rows):
        state.running[name]?.tasks += tasks
        state.running[name]?.done += reused
        let done = state.running[name]?.rows ?? 0
        if let rows { state.running[name]?.expected = done + rows }
      case .taskFinished(let name): state.running[name]?.done += 1
      case .progress(let name, let rows): state.running[name]?.rows += rows
      case .fetching(let name, _, let received, let total):
        state.running[name]?.received = received
        state.running[name]?.size = total
      case .waiting(let name, let run):
        line("\(name): another run (\(run.prefix(8))) is at work on it; waiting", &state)
      case .warning(_, let item):
        clear(&state)
        Complaint.print(Diagnostics([item]), root: root)
      case .delivered(let name, let path): line("\(name): wrote \(path)", &state)
      case .stageFinished(let record): finished(record, &state)
      case .runStarted, .stageReused, .gate, .runFinished: break
      }
      draw(&state)
    }
  }

  private func finished(_ record: StageRecord, _ state: inout State) {
    state.running[record.name] = nil
    let rows =
      record.outputs.first.flatMap { record.artifacts[$0]?.rows }.map {
        ", \(Numbers.count($0)) rows"
      } ?? ""
    switch record.status {
    case .executed:
      line(
        "\(record.name): \(record.kind) done in \(Numbers.seconds(record.seconds))\(rows)", &state)
    case .cached: line("\(record.name): known\(rows)", &state)
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
    if state.hasLine { Terminal.error("\r\u{1B}[K") }
    state.hasLine = false
  }

  private func draw(_ state: inout State) {
    guard isLive, !state.running.isEmpty else { return }
    let now = ContinuousClock.now
    if let last = state.lastDrawn, now - last < .milliseconds(100) { return }
    state.lastDrawn = now
    let parts = state.running.sorted { $0.key < $1.key }.map { name, stage -> String in
      var text = name
      if stage.tasks > 1 { text += " \(stage.done)/\(stage.tasks)" }
      let seconds = (now - stage.began).seconds
      if stage.rows == 0, stage.received > 0 {
        text += " fetched " + Numbers.bytes(stage.received)
        if let size = stage.size { text += " of " + Numbers.bytes(size) }
      }
      if stage.rows > 0, seconds > 0.2 {
        let speed = Double(stage.rows) / seconds
        text += " \(Numbers.count(stage.rows)) rows, \(Numbers.count(Int(speed)))/s"
        if let expected = stage.expected, expected > stage.rows {
          text += ", \(Numbers.seconds(Double(expected - stage.rows) / speed)) left"
        }
      }
      return text
    }
    clear(&state)
    Terminal.error(String(parts.joined(separator: " · ").prefix(Terminal.width - 1)))
    state.hasLine = true
  }

  func finish() { state.withLock { clear(&$0) } }
}
