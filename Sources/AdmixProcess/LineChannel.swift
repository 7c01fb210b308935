internal import CSandbox
package import Foundation

/// A conversation with a program in lines of text: what is asked goes to its standard input, what it
/// answers comes by a descriptor of its own, so that whatever its libraries print is no answer.
///
/// One owner, one thread at a time.
package final class LineChannel {
  /// The number of the descriptor that the program answers on.
  package static let programsDescriptor = 5
  /// Bytes of one line, in either direction.
  package static let longestLine = 64 << 10

  /// What is wrong with what came.
  package enum Fault: Error, Hashable { case lineTooLong, notUTF8 }

  /// The ends that the program is given.
  package private(set) var input: Int32
  package private(set) var answer: Int32
  private var requests: Int32
  /// Where answers are read.
  package private(set) var answers: Int32
  private var rest: [UInt8] = []

  package init() throws {
    var first: [Int32] = [-1, -1]
    var second: [Int32] = [-1, -1]
    guard admix_pipe(&first) == 0 else { throw ProcessHostError("pipe", errno) }
    guard admix_pipe(&second) == 0 else {
      let number = errno
      close(first[0])
      close(first[1])
      throw ProcessHostError("pipe", number)
    }
    (input, requests) = (first[0], first[1])
    (answers, answer) = (second[0], second[1])
    // A program that reads nothing must not be able to hold us up.
    _ = fcntl(requests, F_SETFL, fcntl(requests, F_GETFL) | O_NONBLOCK)
  }

  deinit {
    for descriptor in [input, answer, requests, answers] where descriptor >= 0 { close(descriptor) }
  }

  /// The program has its ends; ours of them would keep the channel open after it is gone.
  package func handedOver() {
    close(input)
    close(answer)
    (input, answer) = (-1, -1)
  }

  /// - Returns: whether all of it was taken.
  package func send(_ line: String) -> Bool {
    guard requests >= 0 else { return false }
    var line = line + "\n"
    return line.withUTF8 { text in
      // Shorter than a pipe holds, so it goes as a whole or not at all.
      text.count <= Self.longestLine && write(requests, text.baseAddress, text.count) == text.count
    }
  }

  /// Says that nothing more is asked.
  package func endRequests() {
    if requests >= 0 { close(requests) }
    requests = -1
  }

  /// The whole lines that these bytes complete, without their ends.
  package func lines(taking bytes: UnsafeRawBufferPointer) throws(Fault) -> [String] {
    rest.append(contentsOf: bytes)
    var lines: [String] = []
    var start = 0
    while let end = rest[start...].firstIndex(of: 0x0a) {
      guard end - start <= Self.longestLine else { throw .lineTooLong }
      guard let line = String(validating: rest[start..<end], as: UTF8.self) else { throw .notUTF8 }
      if !line.allSatisfy(\.isWhitespace) { lines.append(line) }
      start = end + 1
    }
    rest.removeFirst(start)
    guard rest.count <= Self.longestLine else { throw .lineTooLong }
    return lines
  }

  /// Whether something came after the last whole line.
  package var holdsHalfALine: Bool { !rest.isEmpty }
}
