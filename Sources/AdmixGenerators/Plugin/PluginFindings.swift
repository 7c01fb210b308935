import AdmixModel
import AdmixProcess
import Foundation

/// What the way a plugin ended means, in words.
struct PluginFindings {
  let plugin: Plugin
  let manifest: PluginManifest
  let place: PluginPlace
  let outcome: ProcessOutcome
  /// Whether it answered all it was asked.
  let isDone: Bool
  let saidHalfALine: Bool

  private var subject: String { "the plugin '\(plugin.name)' of stage '\(place.stage)'" }

  /// What it tried that it may not.
  ///
  /// That counts although it went on, for what it gave may hang on what it
  /// found closed. The network counts only where it then failed.
  var refusal: PluginFailure? {
    for denial in outcome.denials {
      let isProtected = outcome.sandbox.landlock > 0
      switch denial.kind {
      case .read, .execute:
        if denial.path.contains("/__pycache__/") { continue }
        return refused(
          "tried to \(denial.kind == .execute ? "execute" : "read") '\(denial.path)'",
          isProtected
            ? "it may read its own files and what it is given" : "nothing could keep it from that",
          "if it belongs to the plugin, name it under 'files' in its plugin.yaml")
      case .write:
        return refused(
          "tried to write '\(denial.path)'", "it may write its working folder alone",
          "what is not to be kept belongs in $TMPDIR")
      case .network where !isDone:
        return refused(
          "tried to use the network", "it has none",
          "network: true in its plugin.yaml asks for it, and trust in the plugin allows it")
      case .network, .other: continue
      }
    }
    return nil
  }

  private func refused(_ what: String, _ cause: String, _ hint: String) -> PluginFailure {
    PluginFailure(
      .error("AX0888", at: place.span, "\(subject) \(what)", cause: cause, hint: hint),
      isSandbox: true)
  }

  var failure: PluginFailure? {
    var hint: String? = "its log has its last words"
    var cause: String?
    let fact: String
    switch outcome.ending {
    case .exited(let status):
      if isDone { return nil }
      fact =
        status == 0
        ? "ended without an answer" : "ended with exit status \(status) and without an answer"
      cause = saidHalfALine ? "it broke off in the middle of a line" : nil
    case .signalled(let number):
      if isDone { return nil }
      fact = "was ended by \(SignalName.of(number))"
      cause =
        number == Int(SIGKILL) ? "somebody killed it; the kernel does where memory runs out" : nil
    case .outOfMemory:
      fact = "was ended: it used more memory than its limit"
      cause = "limits.memory in its plugin.yaml is \((manifest.limits.memory ?? 0) >> 20) MiB"
      hint = "give it fewer rows or columns, or raise the limit"
    case .tooManyProcesses:
      fact = "was ended: it started too many processes"
      cause = manifest.limits.processes.map { "limits.processes in its plugin.yaml is \($0)" }
    case .notStarted(let what, let reason):
      fact = "cannot be started"
      cause = what == "execve" ? "the kernel says: \(reason)" : "\(what): \(reason)"
      hint =
        manifest.environment == .system
        ? "is what its command names installed?" : "admix plugin install \(plugin.folder)"
    case .lost: fact = "was lost: its launcher was ended from outside"
    }
    return PluginFailure(
      .error("AX0885", at: place.span, "\(subject) \(fact)", cause: cause, hint: hint))
  }
}
