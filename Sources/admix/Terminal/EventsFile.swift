import AdmixEngine
import AdmixModel
import AdmixReport
import Foundation
import Synchronization

/// Writes every event of a run as a line of JSON, as it happens.
///
/// What goes wrong with the file is said once and never harms the run: a full disk leaves whole lines
/// only, and a reader of a pipe may go away, or be away for ten seconds.
final class EventsFile: Sendable {
  private struct State {
    var descriptor: Int32
    var number = 0
    /// Bytes of whole lines.
    var length: off_t = 0
  }

  private let path: String
  private let begin = ContinuousClock.now
  private let state: Mutex<State>
  private let isRegular: Bool
  private let patience: Int32 = 10_000

  /// A file is made anew; opening a pipe waits for its reader.
  init(_ path: String) throws(Diagnostic) {
    self.path = path
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
      throw .error("AX0317", "'\(path)' cannot be written", cause: Self.reason(errno))
    }
    isRegular = status.st_mode & S_IFMT == S_IFREG
    if !isRegular { _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) }
    state = Mutex(State(descriptor: descriptor))
  }

  deinit { state.withLock { if $0.descriptor >= 0 { close($0.descriptor) } } }

  /// - Returns: a warning when this line, and all after it, could not be written.
  func take(_ event: Event) -> Diagnostic? {
    state.withLock { state in
      guard state.descriptor >= 0 else { return nil }
      state.number += 1
      let line = EventText.line(
        event, number: state.number,
        time: Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)),
        elapsed: (ContinuousClock.now - begin).seconds)
      let bytes = Array(line.utf8)
      guard let number = write(bytes, state.descriptor) else {
        state.length += off_t(bytes.count)
        return nil
      }
      // Half a line is none.
      if isRegular { _ = ftruncate(state.descriptor, state.length) }
      close(state.descriptor)
      state.descriptor = -1
      return .warning(
        "AX0982", "'\(path)' takes no more events", cause: Self.reason(number),
        hint: "the run goes on; its record is in the store as always")
    }
  }

  /// - Returns: the number of the error that kept the bytes from being written.
  private func write(_ bytes: [UInt8], _ descriptor: Int32) -> Int32? {
    bytes.withUnsafeBytes { buffer in
      var rest = UnsafeRawBufferPointer(buffer)
      while !rest.isEmpty {
        let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
        if count >= 0 {
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
          continue
        }
        let number = errno
        if number == EINTR { continue }
        guard number == EAGAIN else { return number }
        var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        if poll(&wait, 1, patience) == 0 { return ETIMEDOUT }
      }
      return nil
    }
  }

  private static func reason(_ number: Int32) -> String {
    if number == EPIPE { return "its reader has gone away" }
    if number == ETIMEDOUT { return "its reader does not read" }
    let text = String(cString: strerror(number))
    return text.prefix(1).lowercased() + text.dropFirst()
  }
}
