import AdmixEngine
import AdmixGenerators
import AdmixModel
import AdmixProcess
import AdmixReport
import AdmixSpec
import AdmixStore
import ArgumentParser
import Foundation
import Synchronization

struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run what is not known yet, to the end.")

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var store: StoreArguments
  @OptionGroup var selection: SelectionArguments
  @OptionGroup var cache: CacheArguments
  @Option(
    name: .shortAndLong,
    help: .init("Tasks at once; as many as there are cores unless given.", valueName: "count"))
  var jobs: Int?
  @Option(
    help: .init(
      "How many there are of something that stages take: --resource gpu=2. Repeatable.",
      valueName: "name=count"))
  var resource: [String] = []
  @Option(
    help: .init(
      "What all tasks together may say they take of memory, such as 16GB; the machine's unless given.",
      valueName: "size"))
  var memory: String?
  @Flag(help: "Goes on with what does not depend on a failed stage.") var keepGoing = false
  @Option(
    help: .init(
      "Runs this stage although it is known; 'all' for every one. Repeatable.", valueName: "stage"))
  var force: [String] = []
  @Option(
    help: .init(
      "Waits at most so long for another run that is at work on the same stage.",
      valueName: "seconds"))
  var wait: Int?
  @Flag(
    help: "Does a sample of the tasks twice, and ends with 10 where one gives something else.")
  var checkDeterminism = false
  @Flag(help: "Runs the programs of command stages although nobody trusted them.")
  var allowCommands = false
  @Flag(help: "Lets the programs of command stages do all that you may.") var noSandbox = false
  @Flag(help: "Writes no report.") var noReport = false
  @Option(
    help: .init(
      "Writes every event as a line of JSON, as it happens, into a file or a pipe.",
      valueName: "file"), completion: .file())
  var events: String?
  @Option(
    help: .init(
      "Writes stages, gates and expectations as JUnit XML when the run has ended, however it ends.",
      valueName: "file"), completion: .file())
  var junit: String?
  @Flag(
    help: .init(
      "Runs again whenever the pipeline file or a source changes, until interrupted: with 0 while it waits, with 130 (143 by SIGTERM) during a run."
    ))
  var watch = false
  @Flag(name: .shortAndLong, help: "Prints problems and tripped gates only.") var quiet = false

  func validate() throws {
    if watch, pipeline.json {
      throw ValidationError("--json is one document, and --watch has no end; see --events.")
    }
  }

  func run() async throws { try await run(isAsked: false) }

  /// - Parameter isAsked: it is known that something may be to do.
  func run(isAsked: Bool) async throws {
    let machine = try machine()
    var eventsFile: EventsFile?
    do { eventsFile = try events.map(EventsFile.init) } catch {
      throw pipeline.fail(Diagnostics([error]), .stageFailed)
    }
    let control = RunControl()
    let signals = Interrupts(control)
    defer { withExtendedLifetime(signals) {} }
    if watch {
      try await runWheneverSomethingChanges(machine, eventsFile, control, signals)
      return
    }
    if !isAsked, let outcome = try answered() {
      if outcome != .done { throw ExitCode(outcome.rawValue) }
      return
    }
    let outcome = try await runOnce(machine, eventsFile, control)
    if outcome == .interrupted { throw ExitCode(signals.exitCode) }
    if outcome != .done { throw ExitCode(outcome.rawValue) }
  }

  private typealias Machine = (tokens: [String: Int], memory: Int?)

  private func runOnce(_ machine: Machine, _ eventsFile: EventsFile?, _ control: RunControl)
    async throws -> Outcome
  {
    var question = self.question
    let plugins = pipeline.plugins
    question?.pluginFolders = plugins.folders
    let graph: Graph
    do { graph = try pipeline.compiled(plugins: plugins) } catch {
      writeJUnit(error)
      throw pipeline.fail(error, .specInvalid)
    }
    let asked = question
    for name in force where name != "all" { _ = try Session.stage(name, in: graph, pipeline) }
    let selected = try selection.selected(in: graph, pipeline)
    let shared = try cache.cache(graph.spec, pipeline, offline: store.offline)
    let engine = try store.engine(
      pipeline, allowsCommands: allowCommands, isSandboxed: !noSandbox
    ) { options in
      if let jobs { options.jobs = jobs }
      options.tokens = machine.tokens
      options.memory = machine.memory ?? options.memory
      options.selected = selected
      options.forced = Set(force.map { $0 == "all" ? "" : $0 })
      options.keepsGoing = keepGoing
      options.waitLimit = wait.map { .seconds($0) }
      options.checksDeterminism = checkDeterminism
      options.question = asked
      options.cache = shared
    }
    defer { engine.store.close() }
    let progress = ProgressDisplay(
      quiet ? .problems : Terminal.errorCanRedraw && !pipeline.json ? .live : .lines,
      root: URL(fileURLWithPath: pipeline.root))
    let record: RunRecord
    do {
      record = try await engine.run(graph, control: control) { event in
        progress.take(event)
        if let problem = eventsFile?.take(event) { progress.take(.warning(stage: "", problem)) }
      }
    } catch {
      progress.finish()
      writeJUnit(TaskFailure(wrapping: error).diagnostics)
      throw Session.explained(error, pipeline)
    }
    progress.finish()

    var failures = Diagnostics()
    for stage in record.stages { for item in stage.failure { failures.append(item) } }
    if !failures.isEmpty { Complaint.print(failures, root: URL(fileURLWithPath: pipeline.root)) }
    showLogs(record, engine)
    let report = writeReport(record, engine)
    if pipeline.json {
      Terminal.out(PlanText.json(record).pretty + "\n")
    } else if quiet {
      Terminal.error(RunText.gates(record))
    } else {
      Terminal.error(RunText.summary(record, root: displayRoot, report: report))
      let logs = RunLogs.folder(of: record.run, store: engine.store.root)
      for stage in record.stages
      where stage.status == .failed
        && !FileManager.default.fileExists(atPath: RunLogs.path(of: stage.name, in: logs))
      {
        Terminal.error("  to repeat it alone: \(commandAlone(stage.name))\n")
      }
    }
    let isTold = writeJUnit(record, engine)
    let outcome = outcome(record)
    return outcome == .done && !isTold ? .stageFailed : outcome
  }

  /// Runs, waits for a change, and runs again; what is wrong with the file meanwhile is said and waited out.
  private func runWheneverSomethingChanges(
    _ machine: Machine, _ eventsFile: EventsFile?, _ control: RunControl, _ signals: Interrupts
  ) async throws {
    var files = specFiles(nil)
    while true {
      // Before the run: what changes while it is at work is a reason for the next one.
      let graph = try? pipeline.compiled()
      files = graph.map { specFiles($0) } ?? files.union(nearbySpecFiles)
      let known = files
      let root = pipeline.root
      var watch = FileWatch {
        known.union(graph.map { Engine.sourceFiles(of: $0, root: root) } ?? [])
      }
      do {
        let known = try answered()
        let outcome =
          if let known { known } else { try await runOnce(machine, eventsFile, control) }
        if outcome == .interrupted { throw Interrupted() }
      } catch is Interrupted {
        throw ExitCode(signals.exitCode)
      } catch is ExitCode {}
      if control.wantsToStop { throw ExitCode(signals.exitCode) }
      signals.isAtRest = true
      if !quiet {
        Terminal.error(
          "waiting for a change of \(Numbers.count(watch.count, "file")); Ctrl-C ends\n")
      }
      guard let changed = watch.change({ control.wantsToStop }) else { return }
      signals.isAtRest = false
      if !quiet {
        let names = changed.prefix(5).map(displayed).joined(separator: ", ")
        let more = changed.count > 5 ? " and \(changed.count - 5) more" : ""
        Terminal.error("changed: \(names)\(more)\n")
      }
    }
  }

  private struct Interrupted: Error {}

  /// The pipeline's own files, absolute.
  private func specFiles(_ graph: Graph?) -> Set<String> {
    let names = [pipeline.path] + pipeline.params + (graph?.spec.files ?? [])
    return Set(names.map { URL(fileURLWithPath: $0).standardizedFileURL.path })
  }

  /// Of a pipeline that cannot be read one does not know what it is made of: every YAML file beside it.
  private var nearbySpecFiles: Set<String> {
    var found: Set<String> = []
    let root = pipeline.root
    let walk = FileManager.default.enumerator(atPath: root)
    while let path = walk?.nextObject() as? String, found.count < 1_000 {
      if (path as NSString).lastPathComponent.hasPrefix(".") {
        walk?.skipDescendants()
      } else if path.hasSuffix(".yaml") || path.hasSuffix(".yml") {
        found.insert(root + "/" + path)
      }
    }
    return found
  }

  /// A path the way it is written in the pipeline.
  private func displayed(_ path: String) -> String {
    path.hasPrefix(pipeline.root + "/") ? String(path.dropFirst(pipeline.root.count + 1)) : path
  }

  /// The command that does one stage of this run again and nothing else.
  private func commandAlone(_ stage: String) -> String {
    var words = ["admix", "run"]
    if pipeline.file != "pipeline.yaml" { words.append(pipeline.file) }
    words += ["--only", stage]
    for text in pipeline.set { words += ["--set", text] }
    for file in pipeline.params { words += ["--params", file] }
    if let folder = store.store { words += ["--store", folder] }
    for folder in store.distdir { words += ["--distdir", folder] }
    if store.offline { words.append("--offline") }
    for text in resource { words += ["--resource", text] }
    if let memory { words += ["--memory", memory] }
    if checkDeterminism { words.append("--check-determinism") }
    if allowCommands { words.append("--allow-commands") }
    if noSandbox { words.append("--no-sandbox") }
    return ShellWord.line(words)
  }

  private func machine() throws -> (tokens: [String: Int], memory: Int?) {
    if let jobs, jobs < 1 { throw ValidationError("--jobs is at least 1.") }
    var tokens: [String: Int] = [:]
    for text in resource {
      let parts = text.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let count = Int(parts[1]), count >= 0 else {
        throw ValidationError("--resource is name=count, such as gpu=2; '\(text)' is not.")
      }
      tokens[String(parts[0])] = count
    }
    guard let memory else { return (tokens, nil) }
    guard let bytes = Quantity.size.value(memory) else {
      throw ValidationError("--memory should be \(Quantity.size.expected).")
    }
    return (tokens, Int(bytes))
  }

  /// The pipeline's folder the way the person wrote it.
  var displayRoot: String { (pipeline.path as NSString).deletingLastPathComponent }

  /// The last words of programs that failed.
  ///
  /// They may be data, so they are shown and not stored.
  private func showLogs(_ record: RunRecord, _ engine: Engine) {
    let folder = RunLogs.folder(of: record.run, store: engine.store.root)
    for stage in record.stages where stage.status == .failed {
      let log = RunLogs.path(of: stage.name, in: folder)
      guard FileManager.default.fileExists(atPath: log) else { continue }
      let shown =
        (store.store ?? (displayRoot.isEmpty ? ".admix" : displayRoot + "/.admix"))
        + log.dropFirst(engine.store.root.count)
      let lines = ProgramLog.lastLines(of: log)
      Terminal.error(
        lines.isEmpty
          ? "\(stage.name) said nothing\n"
          : "\(stage.name) said last (all of it: \(shown)):\n"
            + lines.map { "  | \($0)\n" }.joined())
      Terminal.error("  to repeat it alone: \(commandAlone(stage.name))\n")
    }
  }

  private func writeReport(_ record: RunRecord, _ engine: Engine) -> String? {
    if record.run.isEmpty { return lastReport(record, engine) }
    if noReport { return nil }
    let name = "\(record.run.prefix(8)).html"
    let page = HTMLReport.render(Session.document(record, engine))
    do {
      try OutputFile.write(page, to: "\(engine.store.root)/reports/\(name)")
      return shown(name)
    } catch {
      var warning = error
      warning.severity = .warning
      Complaint.print(Diagnostics([warning]))
      return nil
    }
  }

  /// The report of the newest run, if there is one.
  func lastReport(_ record: RunRecord, _ engine: Engine) -> String? {
    guard let last = try? engine.lastRun(of: record.pipeline) else { return nil }
    let name = "\(last.prefix(8)).html"
    let path = "\(engine.store.root)/reports/\(name)"
    return FileManager.default.fileExists(atPath: path) ? shown(name) : nil
  }

  /// A report's place the way the person writes places.
  private func shown(_ name: String) -> String {
    let base = store.store ?? (displayRoot.isEmpty ? ".admix" : displayRoot + "/.admix")
    return base + "/reports/" + name
  }

  /// - Returns: whether the file that was asked for is there.
  private func writeJUnit(_ record: RunRecord, _ engine: Engine) -> Bool {
    writeJUnit(
      JUnitText.render(record) { stage in
        stage.artifacts["report"].flatMap { artifact in
          guard let data = try? engine.store.content(of: artifact) else { return nil }
          return try? CanonicalJSON.decode(CheckReport.self, from: data)
        }
      })
  }

  private func writeJUnit(_ problems: Diagnostics) {
    let folder = (pipeline.root as NSString).lastPathComponent
    _ = writeJUnit(JUnitText.render(folder, problems: problems))
  }

  private func writeJUnit(_ text: @autoclosure () -> String) -> Bool {
    guard let junit else { return true }
    do {
      try OutputFile.write(text(), to: junit)
      return true
    } catch {
      Complaint.print(Diagnostics([error]))
      return false
    }
  }

  private func outcome(_ record: RunRecord) -> Outcome {
    switch record.status {
    case .succeeded: .done
    case .gated: .gateFailed
    case .interrupted, .running: .interrupted
    case .failed: failure(record)
    }
  }

  private func failure(_ record: RunRecord) -> Outcome {
    let reasons = Set(record.stages.compactMap(\.failureReason))
    return Outcome.inOrder.first { reasons.contains($0.reason) }?.outcome ?? .stageFailed
  }
}

/// Turns the first interrupt into a wish to stop and the second into an end.
final class Interrupts {
  private let sources: [any DispatchSourceSignal]
  private let first = FirstSignal()

  init(_ control: RunControl) {
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      return DispatchSource.makeSignalSource(signal: number, queue: .global())
    }
    for (number, source) in zip([SIGINT, SIGTERM], sources) {
      source.setEventHandler { [first] in
        if control.wantsToStop { _exit(128 + number) }
        first.number.store(number, ordering: .relaxed)
        if !first.isAtRest.load(ordering: .relaxed) {
          Terminal.error("\nstopping; what is finished is kept (again to stop at once)\n")
        }
        control.stop()
      }
      source.resume()
    }
  }

  /// What a shell is told of a run that was interrupted: 128 and the number of the signal.
  var exitCode: Int32 { 128 + first.number.load(ordering: .relaxed) }

  /// Whether nothing is under way that could be stopped.
  var isAtRest: Bool {
    get { first.isAtRest.load(ordering: .relaxed) }
    set { first.isAtRest.store(newValue, ordering: .relaxed) }
  }

  private final class FirstSignal: Sendable {
    let number = Atomic<Int32>(SIGINT)
    let isAtRest = Atomic(false)
  }
}
