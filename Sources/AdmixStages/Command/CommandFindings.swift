import AdmixEngine
import AdmixModel
import AdmixProcess
import AdmixSpec
import Foundation

/// What the way a program ended means, in words.
struct CommandFindings {
  let kind: Command
  let stage: String
  /// The pipeline's.
  let folder: String
  /// Paths by name.
  let inputs: [String: String]
  let isSandboxed: Bool
  let outcome: ProcessOutcome
  /// The last lines of its log.
  let said: [String]

  /// Throws what was wrong: what it did that it may not before how it ended.
  func check() throws {
    let refused = refusals
    if !refused.isEmpty { throw TaskFailure(refused, reason: .sandbox) }
    guard let failure else { return }
    // Where the kernel does not tell what it refused, the program may.
    if protected, !outcome.sandbox.isWatched,
      said.contains(where: { $0.contains("ermission denied") })
    {
      throw TaskFailure(
        .error(
          "AX0867", at: kind.span, "stage '\(stage)' was refused a file that it does not declare",
          cause:
            "its last words have 'Permission denied', and \(failure.fact); this kernel does not tell of what",
          hint: "its log may name the file: declare it under 'files', or write to '{outputs.NAME}'"),
        reason: .sandbox)
    }
    throw TaskFailure(failure)
  }

  /// Kept with the task: how far it was confined.
  var value: JSONValue {
    let level = outcome.sandbox
    let network =
      switch level.network {
      case .open: "open"
      case .closedToTCP: "closed to TCP"
      case .closed: "closed"
      }
    return .object([
      "sandbox": .object([
        "asked": .bool(isSandboxed), "landlock": .int(Int64(level.landlock)),
        "watched": .bool(level.isWatched),
        "network": .string(network),
      ])
    ])
  }

  var warnings: [Diagnostic] {
    let level = outcome.sandbox
    if !isSandboxed {
      return [
        .warning(
          "AX0870", at: kind.span, "stage '\(stage)' ran without a sandbox",
          cause: "--no-sandbox asked for it: what it read and wrote beside its files is not known")
      ]
    }
    if level.landlock == 0 {
      return [
        .warning(
          "AX0870", at: kind.span, "stage '\(stage)' ran without a sandbox",
          cause: level.isWatched
            ? "this kernel has no Landlock: files it may not use are noticed, not refused"
            : "this kernel has no Landlock, and what a program opens cannot be watched either")
      ]
    }
    if !kind.usesNetwork, level.network != .closed {
      return [
        .warning(
          "AX0870", at: kind.span, "stage '\(stage)' ran with the network open",
          cause: level.network == .closedToTCP
            ? "this kernel could close it to TCP alone" : "this kernel cannot close it")
      ]
    }
    return []
  }

  // MARK: What it may not

  /// What the program tried.
  ///
  /// It counts although the program went on: what it gave may hang on what it found closed. The
  /// network counts only where the program failed, and a folder only where it failed and spoke of it:
  /// interpreters look around, and take no for an answer.
  private var refusals: Diagnostics {
    var found = Diagnostics()
    for denial in outcome.denials {
      let isWorse = failure != nil
      switch denial.kind {
      case .read, .execute:
        if denial.path.contains("/__pycache__/") { continue }
        found.append(read(denial))
      case .write: found.append(wrote(denial.path))
      case .other:
        let name = (denial.path as NSString).lastPathComponent
        guard isWorse, !denial.path.hasPrefix("/dev/"), said.contains(where: { $0.contains(name) })
        else { continue }
        found.append(read(denial))
      case .network:
        guard isWorse else { continue }
        found.append(
          .error(
            "AX0869", at: kind.span, "stage '\(stage)' tried to use the network",
            cause: how("it has none"), hint: "if it should, say so: network: true"))
      }
    }
    return found
  }

  /// How the program took it.
  private func how(_ why: String) -> String {
    failure.map { "\(why), and \($0.fact)" } ?? "\(why); the program went on without"
  }

  private func name(_ path: String) -> String {
    let root = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
    return path.hasPrefix(root + "/") ? String(path.dropFirst(root.count + 1)) : path
  }

  private var protected: Bool { outcome.sandbox.landlock > 0 }

  private func read(_ denial: ProcessOutcome.Denial) -> Diagnostic {
    let name = name(denial.path)
    let verb = denial.kind == .execute ? "execute" : "read"
    let past = denial.kind == .execute ? "executed" : "read"
    return .error(
      "AX0867", at: kind.span,
      protected
        ? "stage '\(stage)' tried to \(verb) '\(name)', which it does not declare"
        : "stage '\(stage)' \(past) '\(name)', which it does not declare",
      cause: protected
        ? how("the sandbox refused it")
        : "its result would not be made anew when that file changes",
      hint: name.hasPrefix("/")
        ? "data belongs below the pipeline's folder and under 'files'; of an installation, name the folder under 'runtime'"
        : "declare it: files: [\(name)]")
  }

  private func wrote(_ path: String) -> Diagnostic {
    let input = inputs.first { path == $0.value || name(path) == name($0.value) }
    return .error(
      "AX0868", at: kind.span,
      input.map { "stage '\(stage)' tried to change its input '\($0.key)'" }
        ?? "stage '\(stage)' tried to write '\(name(path))'",
      cause: protected ? how("the sandbox refused it") : "it may write its outputs alone",
      hint: input != nil
        ? "copy it to $TMPDIR first, or write the outputs"
        : "write to '{outputs.NAME}', or to $TMPDIR what is not to be kept")
  }

  // MARK: How it ended

  private var failure: Diagnostic? {
    let words = kind.arguments.map { $0.text ?? "" }
    let program = words.first ?? ""
    switch outcome.ending {
    case .exited(0): return nil
    case .exited(let status):
      let cause: String? =
        switch status {
        case 126: "126 is what shells say when a program cannot be executed"
        case 127: "127 is what shells say when there is no such program"
        default: nil
        }
      return .error(
        "AX0865", at: kind.span, "'\(program)' ended with exit status \(status)", cause: cause)
    case .signalled(let number):
      return .error(
        "AX0865", at: kind.span, "'\(program)' was ended by \(SignalName.of(number))",
        cause: number == Int(SIGKILL)
          ? "somebody killed it; the kernel does where memory runs out" : nil)
    case .outOfMemory:
      return .error(
        "AX0865", at: kind.span, "'\(program)' was ended: it used more memory than its limit",
        cause: "limits.memory is \(kind.limits.memoryText), for all its processes together",
        hint: "raise limits.memory, or have it work in pieces")
    case .tooManyProcesses:
      return .error(
        "AX0865", at: kind.span, "'\(program)' was ended: it started too many processes",
        cause: kind.limits.processes.map { "limits.processes is \($0)" },
        hint: "raise limits.processes if it is meant to")
    case .notStarted(let what, let reason):
      return .error(
        "AX0873", at: kind.span, "'\(program)' cannot be started",
        cause: what == "execve" ? "the kernel says: \(reason)" : "\(what): \(reason)",
        hint: what == "execve" && reason == String(cString: strerror(ENOEXEC))
          ? "a script begins with '#!' and its interpreter, such as #!/bin/sh" : nil)
    case .lost:
      return .error(
        "AX0865", at: kind.span, "'\(program)' was lost: its launcher was ended from outside")
    }
  }
}
