internal import CSandbox
import Foundation

/// A program under way; one owner, one thread at a time.
package final class HostedProcess {
  private let pid: pid_t
  private var control: Int32
  private let status: Int32
  private let output: Int32
  private var news = Data()
  /// What is known so far of how it went.
  package private(set) var outcome = ProcessOutcome()
  private var isReaped = false

  private let grace: Duration

  init(pid: pid_t, control: Int32, status: Int32, output: Int32, grace: Duration) {
    self.pid = pid
    self.grace = grace
    self.control = control
    self.status = status
    self.output = output
  }

  deinit {
    // The end of the pipe is the end of the program.
    if control >= 0 { close(control) }
    if !isReaped { reap() }
    close(status)
    close(output)
  }

  func send(_ data: Data) {
    data.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = write(control, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        // A launcher that is gone is noticed by its status.
        if count <= 0 { return }
        rest = rest.dropFirst(count)
      }
    }
  }

  /// SIGTERM to every process of the program, SIGKILL after its grace.
  package func terminate() { send(Data([ADMIX_LAUNCH_TERMINATE])) }

  /// Waits for the program to end, and for everything it started to be gone.
  ///
  /// - Parameters:
  ///   - check: called about twenty times a second; what it throws ends the program and is thrown on
  ///     once it is gone.
  ///   - answers: a further descriptor to read until its end; -1 for none.
  ///   - answered: given what comes there; what it throws ends the program too.
  ///   - output: given what the program writes to its two streams, as it comes.
  package func wait(
    check: () throws -> Void = {},
    answers: Int32 = -1, answered: (UnsafeRawBufferPointer) throws -> Void = { _ in },
    output take: (UnsafeRawBufferPointer) -> Void
  ) throws -> ProcessOutcome {
    var failure: (any Error)?
    var isOpen = (status: true, output: true, answers: answers >= 0)
    // A launcher that hangs, or whose end leaves streams open, does not hang the run.
    var lastMoment: ContinuousClock.Instant?
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { block.deallocate() }
    func end(because error: any Error) {
      failure = error
      terminate()
      lastMoment = .now + grace + .seconds(20)
    }
    while isOpen.status || isOpen.output || isOpen.answers {
      if let moment = lastMoment, .now > moment {
        kill(pid, SIGKILL)
        break
      }
      var polled = [
        pollfd(fd: isOpen.status ? status : -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: isOpen.output ? output : -1, events: Int16(POLLIN), revents: 0),
        pollfd(
          fd: isOpen.answers ? answers : -1, events: Int16(POLLIN), revents: 0),
      ]
      poll(&polled, 3, 50)
      if failure == nil { do { try check() } catch { end(because: error) } }
      if polled[2].revents != 0 {
        let count = read(answers, block.baseAddress, block.count)
        if count > 0 {
          if failure == nil {
            do {
              try answered(UnsafeRawBufferPointer(rebasing: block[..<count]))
            } catch { end(because: error) }
          }
        } else if count == 0 || errno != EINTR {
          isOpen.answers = false
        }
      }
      if polled[1].revents != 0 {
        let count = read(output, block.baseAddress, block.count)
        if count > 0 {
          take(UnsafeRawBufferPointer(rebasing: block[..<count]))
        } else if count == 0 || errno != EINTR {
          isOpen.output = false
        }
      }
      if polled[0].revents != 0 {
        let count = read(status, block.baseAddress, block.count)
        if count > 0 {
          news.append(contentsOf: UnsafeRawBufferPointer(rebasing: block[..<count]))
          takeNews()
        } else if count == 0 || errno != EINTR {
          isOpen.status = false
          lastMoment = .now + .seconds(2)
        }
      }
    }
    reap()
    if let failure { throw failure }
    return outcome
  }

  private func reap() {
    isReaped = true
    var code: Int32 = 0
    while waitpid(pid, &code, 0) < 0, errno == EINTR {}
  }

  private func takeNews() {
    while news.count >= 8 {
      let bytes = [UInt8](news)
      func number(_ place: Int) -> Int32 {
        guard place + 4 <= bytes.count else { return 0 }
        return bytes[place..<place + 4].withUnsafeBytes { $0.loadUnaligned(as: Int32.self) }
      }
      let end = 8 + Int(number(4))
      guard bytes.count >= end else { return }
      news = Data(bytes[end...])
      switch UInt32(bitPattern: number(0)) {
      case ADMIX_LAUNCH_STARTED.rawValue:
        outcome.sandbox.landlock = Int(number(8))
        outcome.sandbox.isWatched = number(12) != 0
        outcome.sandbox.network = SandboxLevel.Network(rawValue: Int(number(16))) ?? .open
      case ADMIX_LAUNCH_DENIED.rawValue where end > 8:
        let kind: ProcessOutcome.Denial.Kind =
          switch UInt32(bytes[8]) {
          case ADMIX_DENIED_READ.rawValue: .read
          case ADMIX_DENIED_WRITE.rawValue: .write
          case ADMIX_DENIED_EXECUTE.rawValue: .execute
          case ADMIX_DENIED_NETWORK.rawValue: .network
          default: .other
          }
        outcome.denials.append(
          .init(kind: kind, path: String(decoding: bytes[9..<end], as: UTF8.self)))
      case ADMIX_LAUNCH_ENDED.rawValue: outcome.ending = Self.ending(number(8), number(12))
      case ADMIX_LAUNCH_FAILED.rawValue where end >= 12:
        outcome.ending = .notStarted(
          String(decoding: bytes[12..<end], as: UTF8.self),
          reason: String(cString: strerror(number(8))))
      default: break
      }
    }
  }

  private static func ending(_ status: Int32, _ cause: Int32) -> ProcessOutcome.Ending {
    switch UInt32(bitPattern: cause) {
    case ADMIX_ENDED_MEMORY.rawValue: .outOfMemory
    case ADMIX_ENDED_PROCESSES.rawValue: .tooManyProcesses
    default:
      status & 0x7f == 0 ? .exited(Int((status >> 8) & 0xff)) : .signalled(Int(status & 0x7f))
    }
  }
}
