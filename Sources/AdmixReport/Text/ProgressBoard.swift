import AdmixEngine
import AdmixModel

/// What is under way, as lines for a terminal; it is told what happens and when.
package struct ProgressBoard: Sendable {
  private struct Stage {
    var began: ContinuousClock.Instant
    var tasks = 0
    var done = 0
    var rows = 0
    var expected: Int?
    var received = 0
    var size: Int?
    var phase: String?
  }

  /// How many stages the pipeline has.
  package var total = 0
  private var ended = 0
  private var running: [(name: String, stage: Stage)] = []

  package init() {}

  private mutating func change(_ name: String, _ body: (inout Stage) -> Void) {
    guard let index = running.firstIndex(where: { $0.name == name }) else { return }
    body(&running[index].stage)
  }

  package mutating func start(_ name: String, _ now: ContinuousClock.Instant) {
    running.append((name, Stage(began: now)))
  }

  package mutating func end(_ name: String) {
    running.removeAll { $0.name == name }
    ended += 1
  }

  package mutating func plan(_ name: String, tasks: Int, reused: Int, rows: Int?) {
    change(name) { stage in
      stage.tasks += tasks
      stage.done += reused
      if let rows { stage.expected = stage.rows + rows }
    }
  }

  package mutating func finishTask(of name: String) { change(name) { $0.done += 1 } }
  package mutating func advance(_ name: String, rows: Int) { change(name) { $0.rows += rows } }

  /// Bytes of a source that comes over the network, by now and, where known, in all.
  package mutating func fetch(_ name: String, received: Int, of size: Int?) {
    change(name) { ($0.received, $0.size) = (received, size) }
  }

  /// How far a plugin is with what it does.
  package mutating func work(_ name: String, _ phase: String, _ done: Double, of total: Double?) {
    func number(_ value: Double) -> String { Numbers.count(Int(value.rounded().clamped)) }
    change(name) {
      $0.phase = "\(phase) \(number(done))" + (total.map { " of \(number($0))" } ?? "")
    }
  }

  /// A line for each stage under way, the longest at work first, none wider than `width`.
  ///
  /// - Parameter most: more stages than so many are counted in a last line.
  package func lines(_ now: ContinuousClock.Instant, width: Int, most: Int) -> [String] {
    if running.isEmpty { return [] }
    let isCrowded = running.count > most
    let shown = running.prefix(isCrowded ? max(0, most - 1) : most)
    let widest = min(shown.map(\.name.count).max() ?? 0, max(8, width / 3))
    var lines = shown.map { name, stage in
      Self.fit(Self.line(Self.padded(name, widest), stage, (now - stage.began).seconds), width)
    }
    if isCrowded {
      lines.append(
        Self.fit(
          "… and \(running.count - shown.count) more at work, \(ended) of \(total) stages done",
          width))
    }
    return lines
  }

  private static func line(_ name: String, _ stage: Stage, _ seconds: Double) -> [String] {
    var parts = [name + "  " + Numbers.seconds(seconds)]
    if stage.rows == 0, stage.tasks == 0, stage.received > 0 {
      parts.append(
        "fetched " + Numbers.bytes(stage.received)
          + (stage.size.map { " of " + Numbers.bytes($0) } ?? ""))
    }
    if stage.rows == 0, let phase = stage.phase { parts.append(phase) }
    if stage.rows == 0, stage.tasks > 1 { parts.append("\(stage.done) of \(stage.tasks) tasks") }
    if stage.rows > 0 {
      let expected = stage.expected.flatMap { $0 > stage.rows ? " of " + Numbers.count($0) : nil }
      parts.append(
        expected.map { Numbers.count(stage.rows) + $0 + " rows" }
          ?? Numbers.count(stage.rows, "row"))
      if seconds > 0.2 {
        let speed = Double(stage.rows) / seconds
        parts.append(Numbers.count(Int(speed)) + " rows/s")
        if let expected = stage.expected, expected > stage.rows {
          parts.append("\(Numbers.seconds(Double(expected - stage.rows) / speed)) left")
        }
      }
    }
    return parts
  }

  /// What fits of the parts, whole; the time left stays longest.
  private static func fit(_ parts: [String], _ width: Int) -> String {
    var parts = parts
    while parts.count > 2, parts.joined(separator: ", ").count > width { parts.remove(at: 1) }
    while parts.count > 1, parts.joined(separator: ", ").count > width { parts.removeLast() }
    return fit(parts.joined(separator: ", "), width)
  }

  private static func fit(_ text: String, _ width: Int) -> String {
    text.count > width ? text.prefix(max(0, width - 1)) + "…" : text
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text.count > width
      ? text.prefix(max(0, width - 1)) + "…"
      : text + String(repeating: " ", count: width - text.count)
  }
}

extension Double {
  /// What a whole number can hold; what somebody else counts may be anything.
  fileprivate var clamped: Double { isFinite ? Swift.min(Swift.max(self, -1e15), 1e15) : 0 }
}
