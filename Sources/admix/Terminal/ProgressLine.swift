import Synchronization

/// One line on standard error that is written over, for a command with one thing to tell.
final class ProgressLine: Sendable {
  private let isShown: Bool
  private let last = Mutex<ContinuousClock.Instant?>(nil)

  init(isShown: Bool) { self.isShown = isShown }

  /// From any thread; the text is made only when it is shown.
  func show(_ text: @autoclosure () -> String) {
    guard isShown else { return }
    last.withLock { last in
      let now = ContinuousClock.now
      if let last, now - last < .milliseconds(100) { return }
      last = now
      Terminal.error("\r\(text().prefix(Terminal.size.width - 1))\u{1B}[K")
    }
  }

  func clear() {
    last.withLock { last in
      if last != nil { Terminal.error("\r\u{1B}[K") }
      last = nil
    }
  }
}
