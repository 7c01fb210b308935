import Foundation

/// What signals are called in messages.
package enum SignalName {
  package static func of(_ number: Int) -> String {
    let names = [
      SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT",
      SIGILL: "SIGILL (illegal instruction)",
      SIGABRT: "SIGABRT (it gave up)", SIGBUS: "SIGBUS (bad memory access)",
      SIGFPE: "SIGFPE (arithmetic error)", SIGKILL: "SIGKILL",
      SIGSEGV: "SIGSEGV (bad memory access)", SIGPIPE: "SIGPIPE", SIGTERM: "SIGTERM",
      SIGXCPU: "SIGXCPU (processor time)", SIGXFSZ: "SIGXFSZ (it wrote a file beyond limits.file)",
      SIGSYS: "SIGSYS (a forbidden call)",
    ]
    return names[Int32(number)] ?? "signal \(number)"
  }
}
