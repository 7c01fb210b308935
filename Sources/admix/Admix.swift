import AdmixProcess
import AdmixStore
import ArgumentParser
import Foundation

@main
struct Admix: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "admix",
    abstract: "Hybrid datasets from one YAML file: ingest, generate, mix, check, export.",
    discussion: """
      A first pipeline:  admix init demo && admix run demo

      Ends with 0 when done or nothing was to do, 1 when a stage failed, 2 for a wrong command line, 3 for a wrong pipeline file, 4 when a gate failed, 5 when stale (--exit-code), 6 when the store cannot be used, 7 when an input is missing, 8 when it waited too long for another run, 9 when a command is not trusted or did what it may not, 10 when a task is not deterministic, 130 when interrupted.
      """,
    version: version,
    subcommands: [
      Init.self, Check.self, PlanCommand.self, Run.self, Status.self, Why.self, Show.self,
      Lineage.self, TraceCommand.self, Forget.self, Report.self, Runs.self, Diff.self,
      TagCommand.self, GC.self, Verify.self, SchemaCommand.self, GraphCommand.self,
      TrustCommand.self, PluginCommand.self,
      Reference.self,
    ])

  /// ArgumentParser's own exit for usage is 64; ours is 2.
  @MainActor static func main() async {
    // Not for people, so ArgumentParser does not know of it; the thread is the only one by now.
    if CommandLine.arguments.dropFirst().first == ProcessHost.mode {
      let code = ProcessHost.runLauncher()
      if code == 64 {
        Terminal.error(
          "admix starts the programs of command stages this way; it is not for hands\n")
        Foundation.exit(2)
      }
      Foundation.exit(code)
    }
    // A reader that goes away ends a write, not the process.
    signal(SIGPIPE, SIG_IGN)
    CrashPoint.arm(ProcessInfo.processInfo.environment)
    // On this thread: to start others takes longer than to see that nothing is to be done.
    do {
      if let outcome = try plain?.answered() { Foundation.exit(outcome.rawValue) }
    } catch { end(error) }
    await carryOut()
  }

  private static func carryOut() async {
    do {
      if let plain {
        try await plain.run(isAsked: true)
        return
      }
      var command = try parsed()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch { end(error) }
  }

  private static func end(_ error: any Error) -> Never {
    if let code = error as? ExitCode { Foundation.exit(code.rawValue) }
    let code = exitCode(for: error)
    let text = fullMessage(for: error)
    if code == .success { Terminal.out(text + "\n") } else { Terminal.error(text + "\n") }
    Foundation.exit(code == .validationFailure ? 2 : code.rawValue)
  }

  /// A run that is asked for in plain words.
  private static var plain: Run? {
    let words = CommandLine.arguments.dropFirst()
    return words.first == Run.configuration.commandName ? Run.plain(words.dropFirst()) : nil
  }

  /// What the arguments ask for.
  ///
  /// ArgumentParser looks at every command before it looks at the arguments, which takes longer than
  /// finding out that a run has nothing to do. So the one that is named is asked first, and where it
  /// does not understand, all are, for the right words.
  private static func parsed() throws -> any ParsableCommand {
    let words = CommandLine.arguments.dropFirst()
    let named = configuration.subcommands.first { $0.configuration.commandName == words.first }
    if let named, let command = try? named.parseAsRoot(Array(words.dropFirst())) { return command }
    return try parseAsRoot()
  }
}
