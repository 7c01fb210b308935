import Foundation

/// The two streams: results on standard output, everything for people on standard error.
enum Terminal {
  static func out(_ text: String) { write(text, to: 1) }
  static func error(_ text: String) { write(text, to: 2) }

  static var errorIsTerminal: Bool { isatty(2) == 1 }
  static var outIsTerminal: Bool { isatty(1) == 1 }

  /// Colour only where it can be seen and nobody asked for none (no-color.org).
  static var errorHasColour: Bool { errorIsTerminal && allowsColour }
  private static var allowsColour: Bool {
    let environment = ProcessInfo.processInfo.environment
    return environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
  }

  static var size: (width: Int, height: Int) {
    var size = winsize()
    guard ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
      return (80, 24)
    }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Whether lines on standard error can be written over.
  static var errorCanRedraw: Bool {
    errorIsTerminal
      && !["dumb", ""].contains(ProcessInfo.processInfo.environment["TERM", default: ""])
  }

  static func out(_ bytes: [UInt8]) { bytes.withUnsafeBytes { write($0, to: 1) } }

  private static func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { write(UnsafeRawBufferPointer($0), to: descriptor) }
  }

  /// Writes all of it; a reader that went away ends the program quietly.
  private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) {
    var rest = bytes
    while !rest.isEmpty {
      let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
      if count < 0 {
        if errno == EINTR { continue }
        if errno == EPIPE { exit(141) }
        return
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }
}
