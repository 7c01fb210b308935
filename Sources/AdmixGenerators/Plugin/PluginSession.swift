package import AdmixModel
package import AdmixProcess
package import AdmixSpec
import Foundation

/// Why a plugin gave nothing.
package struct PluginFailure: Error, Hashable, Sendable {
  package var diagnostic: Diagnostic
  /// Whether it did what it may not.
  package var isSandbox: Bool

  package init(_ diagnostic: Diagnostic, isSandbox: Bool = false) {
    self.diagnostic = diagnostic
    self.isSandbox = isSandbox
  }
}

/// What one run of a plugin is given of its surroundings.
package struct PluginPlace {
  /// For messages: the stage, and where it chose the plugin.
  package var stage: String
  package var span: SourceSpan?
  /// Its options where the pipeline file has them, by name, for messages.
  package var options: [String: Node] = [:]
  /// Private folders that are there: one to read, one to write.
  package var given: String
  package var work: String
  /// Where a long fit may leave how far it came, and may have done so before; nil where there is none.
  package var checkpoint: String?
  /// Everything else it may read: its files, and models.
  package var readable: [String]
  /// Where its environment was made; nil where it has none.
  package var environment: String?
  package var launcher: String
  /// The caller's, for what a program needs to start: `PATH`, where libraries are.
  package var variables: [String: String]
  package var isSandboxed: Bool
  package var log: ProgramLog
  /// Throws when it is to stop.
  package var check: @Sendable () throws -> Void
  package var progress: @Sendable (_ phase: String, _ done: Double, _ total: Double?) -> Void

  package init(
    stage: String, span: SourceSpan?, given: String, work: String, readable: [String],
    environment: String?, launcher: String, variables: [String: String], isSandboxed: Bool,
    log: ProgramLog, check: @escaping @Sendable () throws -> Void = {},
    progress: @escaping @Sendable (String, Double, Double?) -> Void = { _, _, _ in }
  ) {
    self.stage = stage
    self.span = span
    self.given = given
    self.work = work
    self.readable = readable
    self.environment = environment
    self.launcher = launcher
    self.variables = variables
    self.isSandboxed = isSandboxed
    self.log = log
    self.check = check
    self.progress = progress
  }
}

/// One process of a plugin, from its start to its end: what it is asked, one after the other, and what
/// it answers.
///
/// Nothing of it outlives the call, however it ends: the launcher takes care of every process it started.
package final class PluginSession {
  private let plugin: Plugin
  private let manifest: PluginManifest
  private let place: PluginPlace
  private var channel: LineChannel?
  private var requests = 0
  /// What it was asked last.
  private var verb = ""
  private var lastWord = ContinuousClock.now
  private var lastProgress = ContinuousClock.now - .seconds(1)
  /// Why it is being stopped, and when it is stopped by force.
  private var stop: (error: any Error, at: ContinuousClock.Instant)?
  /// When it should be gone after its last answer.
  private var leaveBy: ContinuousClock.Instant?
  private var isDone = false
  /// Whether it was told to stop and did not.
  package private(set) var wasEndedByForce = false
  package private(set) var warnings: [Diagnostic] = []

  /// Seconds that it has to stop by itself, and to leave after its last answer.
  package static let grace: Duration = .seconds(2)

  /// It was not gone after its last answer; what it answered counts.
  private struct Lingered: Error {}

  package init(_ plugin: Plugin, _ manifest: PluginManifest, _ place: PluginPlace) {
    self.plugin = plugin
    self.manifest = manifest
    self.place = place
  }

  /// Starts the program, asks, and comes back when it is gone.
  ///
  /// - Parameters:
  ///   - first: what is asked first: a type and what belongs to it.
  ///   - next: given an answer; what is asked next, nil for nothing more. What it throws ends the program.
  package func converse(
    first: JSONValue, next: (JSONValue) throws -> JSONValue?
  ) throws -> SandboxLevel {
    let channel: LineChannel
    let process: HostedProcess
    do {
      channel = try LineChannel()
      self.channel = channel
      let host = ProcessHost(
        launcher: place.launcher, libraryPath: place.variables["LD_LIBRARY_PATH"])
      process = try host.start(try request(), input: channel.input, kept: [channel.answer])
      channel.handedOver()
    } catch let error as ProcessHostError {
      throw PluginFailure(
        .error(
          "AX0885", at: place.span, "the plugin '\(plugin.name)' cannot be started",
          cause: "\(error.what): \(error.reason)"))
    }
    lastWord = .now
    try ask(first)
    defer { place.log.finish() }
    let outcome: ProcessOutcome
    do {
      outcome = try process.wait(
        check: check,
        answers: channel.answers, answered: { try self.take($0, next) },
        output: { self.place.log.append($0) })
    } catch is Lingered {
      return process.outcome.sandbox
    } catch let failure as PluginFailure {
      wasEndedByForce = stop != nil
      // What it was refused may be why.
      throw findings(process.outcome).refusal ?? failure
    } catch {
      wasEndedByForce = stop != nil
      throw error
    }
    let findings = findings(outcome)
    if let refusal = findings.refusal { throw refusal }
    if let stop { throw stop.error }
    if let failure = findings.failure { throw failure }
    return outcome.sandbox
  }

  private func findings(_ outcome: ProcessOutcome) -> PluginFindings {
    PluginFindings(
      plugin: plugin, manifest: manifest, place: place, outcome: outcome, isDone: isDone,
      saidHalfALine: channel?.holdsHalfALine == true)
  }

  private func ask(_ what: JSONValue) throws {
    requests += 1
    verb = what["type"]?.string ?? ""
    var members = what.object ?? [:]
    members["protocol"] = JSONValue(PluginManifest.protocolVersion)
    members["id"] = JSONValue(requests)
    members["threads"] = JSONValue(manifest.threads)
    if let memory = manifest.limits.memory { members["memory"] = JSONValue(memory) }
    let line = JSONValue.object(members).text
    guard line.utf8.count < LineChannel.longestLine else {
      throw failure("AX0886", "its options are too long to tell", nil)
    }
    // A program that is gone already says more by how it ended.
    _ = channel?.send(line)
  }

  // MARK: What it says

  private func take(_ bytes: UnsafeRawBufferPointer, _ next: (JSONValue) throws -> JSONValue?)
    throws
  {
    lastWord = .now
    let lines: [String]
    do { lines = try channel?.lines(taking: bytes) ?? [] } catch {
      throw failure(
        "AX0886", "it did not keep to the protocol",
        error == .lineTooLong
          ? "it sent a line of more than \(LineChannel.longestLine >> 10) KiB"
          : "it sent bytes that are no text")
    }
    for line in lines where !isDone {
      switch PluginMessage.read(line, answering: requests) {
      case .failure(let fault):
        throw failure(
          "AX0886", "it did not keep to the protocol", "it sent \(fault.fact)",
          hint: "what it prints goes to the log; answers go to the descriptor in ADMIX_CONTROL_FD")
      case .success(let message): try take(message, next)
      }
    }
  }

  private func take(_ message: PluginMessage, _ next: (JSONValue) throws -> JSONValue?) throws {
    switch message {
    case .progress(let phase, let done, let total):
      // Somebody may count in a tight loop.
      guard ContinuousClock.now - lastProgress > .milliseconds(100) else { return }
      lastProgress = .now
      place.progress(phase, done, total)
    case .log(let text):
      if !text.isEmpty { Data("\(text)\n".utf8).withUnsafeBytes { place.log.append($0) } }
    case .warning(let text, let columns):
      guard warnings.count < 20 else { return }
      warnings.append(
        .warning("AX0894", at: place.span, "\(about(columns)): \(text)", cause: nil, hint: nil))
    case .error(let code, let text, let columns, let hint, let fault):
      // Who was asked to stop and says so did what it should.
      if stop != nil { return }
      let cause = text.isEmpty ? nil : text
      if let fault, let option = place.options[fault.option] {
        throw PluginFailure(
          .error(
            "AX0897", at: option.place(line: fault.line),
            "\(about(columns)): "
              + (code == "PARAMETER"
                ? "the option '\(fault.option)' does not suit it"
                : "\(words(of: code)) as '\(fault.option)' says"),
            cause: cause, hint: hint))
      }
      throw failure("AX0884", words(of: code), cause, columns: columns, hint: hint)
    case .result(let json):
      if let more = try next(json) {
        try ask(more)
      } else {
        isDone = true
        channel?.endRequests()
        leaveBy = .now + Self.grace
      }
    }
  }

  private func about(_ columns: [String]) -> String {
    let named = columns.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
    let which =
      columns.isEmpty ? "" : columns.count == 1 ? ", column \(named)" : ", columns \(named)"
    return "the plugin '\(plugin.name)' of stage '\(place.stage)'\(which)"
  }

  private func failure(
    _ code: String, _ fact: String, _ cause: String?, columns: [String] = [], hint: String? = nil
  ) -> PluginFailure {
    PluginFailure(
      .error(code, at: place.span, "\(about(columns)): \(fact)", cause: cause, hint: hint))
  }

  /// What it gave is not what it was asked for.
  func flawed(_ fact: String) -> PluginFailure { failure("AX0887", fact, nil) }

  func flawed(_ flaw: PluginTable.Flaw) -> PluginFailure {
    failure(
      "AX0887", flaw.fact, "its table is held against what it was asked for, and not taken",
      columns: [flaw.column].compactMap { $0 })
  }

  /// What the codes of the protocol mean.
  private func words(of code: String) -> String {
    switch code {
    case "PROTOCOL": "it does not understand this admix"
    case "UNSUPPORTED": "it cannot do this"
    case "PARAMETER": "an option does not suit it"
    case "SCHEMA": "it cannot take the table"
    case "DATA":
      verb == "transform" ? "it cannot work on the data" : "it cannot learn from the data"
    case "RESOURCES": "it has too little memory, time or space"
    case "NOT_CONVERGED": "it did not converge"
    case "INFEASIBLE": "it cannot meet what is asked"
    case "CANCELLED": "it gave up"
    default: "it failed inside"
    }
  }

  // MARK: Its time

  /// Called about twenty times a second.
  private func check() throws {
    if let leaveBy, leaveBy < .now { throw Lingered() }
    if let stop {
      if stop.at < .now { throw stop.error }
      return
    }
    do {
      try place.check()
      if !isDone, ContinuousClock.now - lastWord > .seconds(manifest.limits.silence) {
        throw failure(
          "AX0885", "it was ended, as it said nothing for too long",
          "limits.silence in its plugin.yaml is \(manifest.limits.silence.formatted()) seconds",
          hint: "a plugin at work tells its progress; its log may say what it waits for")
      }
    } catch {
      // It may stop by itself and leave its things in order; if it does not, it is ended.
      stop = (error, .now + Self.grace)
      _ = channel?.send(
        JSONValue.object(["type": "cancel", "id": JSONValue(requests)]).text)
      channel?.endRequests()
    }
  }

  // MARK: What it may

  private func request() throws -> ProcessRequest {
    let words = manifest.command.map {
      $0.replacing("{environment}", with: place.environment ?? "")
        .replacing("{plugin}", with: plugin.path)
    }
    guard let first = words.first else { throw failure("AX0885", "it has no command", nil) }
    let program: String
    if first.hasPrefix("/") {
      program = first
    } else if first.contains("/") {
      program = "\(plugin.path)/\(first)"
    } else {
      let folders = (place.variables["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(
        separator: ":")
      guard
        let found = folders.map({ (folder) -> String in "\(folder)/\(first)" }).first(where: {
          access($0, X_OK) == 0
        })
      else {
        throw failure(
          "AX0885", "there is no program '\(first)'", "none of the folders of PATH has it")
      }
      program = found
    }
    for name in ["home", "tmp"] {
      try FileManager.default.createDirectory(
        atPath: "\(place.work)/\(name)", withIntermediateDirectories: true)
    }
    // The same everywhere: language, time zone and number of cores must not show in what comes out.
    let threads = "\(manifest.threads)"
    var environment = [
      "PATH": place.variables["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
      "HOME": "\(place.work)/home", "TMPDIR": "\(place.work)/tmp", "LANG": "C.UTF-8", "TZ": "UTC",
      "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1",
      "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "MKL_NUM_THREADS": threads,
      // Sums in one order, wherever their numbers lie in memory and however busy the machine is.
      "OMP_DYNAMIC": "FALSE", "MKL_DYNAMIC": "FALSE", "MKL_CBWR": "AUTO,STRICT",
      "ADMIX_CONTROL_FD": "\(LineChannel.programsDescriptor)",
    ]
    if manifest.usesGPU {
      environment["CUDA_VISIBLE_DEVICES"] = place.variables["CUDA_VISIBLE_DEVICES"]
      // Without it two runs of one sum differ.
      environment["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    }
    var request = ProcessRequest(
      program: program, arguments: [program] + words.dropFirst(), environment: environment,
      folder: plugin.path)
    request.readable =
      ProgramRuntime.readable(allowsNetwork: manifest.usesNetwork)
      + (program.hasPrefix(plugin.path + "/")
        ? [] : ProgramRuntime.readable(of: program, home: place.variables["HOME"]))
      + [place.environment].compactMap { $0 } + place.readable + [place.given]
    // Interpreters find the neighbours of a script by listing its folder.
    request.listable = [plugin.path]
    request.writable =
      ProgramRuntime.writable + [place.work] + [place.checkpoint].compactMap { $0 }
      + (manifest.usesGPU ? Self.cards : [])
    request.allowsNetwork = manifest.usesNetwork
    request.isSandboxed = place.isSandboxed
    request.limits.memory = manifest.limits.memory
    request.limits.processes = manifest.limits.processes
    request.limits.fileBytes = manifest.limits.file
    request.grace = Self.grace
    return request
  }

  /// The devices of graphics cards.
  private static var cards: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev")) ?? []
    return names.filter { $0.hasPrefix("nvidia") || $0 == "kfd" || $0 == "dri" }.map {
      "/dev/\($0)"
    }
  }
}
