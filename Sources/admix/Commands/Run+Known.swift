import AdmixEngine
import AdmixGenerators
import AdmixModel
import AdmixReport
import AdmixStore
import Foundation

/// A run that has nothing to do says so from a memo, before the pipeline is read.
extension Run {
  /// - Returns: how the run ends, where nothing is to do and that has been told; else nil.
  func answered() throws -> Outcome? {
    // A file written within a tick of the clock could change again unseen; a script's is left to age.
    let now = Int64(Date().timeIntervalSince1970 * 1e9)
    if let file = FileIdentity(path: pipeline.path), !file.isSettled(at: now) { usleep(60_000) }
    guard events == nil, junit == nil, !pipeline.json, let question,
      let told = try known(question)
    else { return nil }
    return told.record.status == .gated ? .gateFailed : .done
  }

  /// What this run is asked, if an answer may be kept: all arguments that can change it, and who answers.
  var question: Standing.Question? {
    guard !checkDeterminism, force.isEmpty, let program = FileIdentity(path: "/proc/self/exe")
    else {
      return nil
    }
    let environment = ProcessInfo.processInfo.environment
    let asked = JSONValue.array([
      .string(version), .int(program.inode), .int(program.size), .int(program.modified),
      .string(URL(fileURLWithPath: pipeline.path).standardizedFileURL.path),
      .string(pipeline.path), .string(FileManager.default.currentDirectoryPath),
      .array((pipeline.set + [""] + pipeline.params).map { .string($0) }),
      .array(store.distdirs.map { .string($0) }), .bool(store.offline), .bool(noSandbox),
      .array((selection.only + [""] + selection.downstream).map { .string($0) }),
      .string(PluginCatalog.userFolder(environment) ?? ""),
    ])
    return Standing.Question(
      key: Digest(of: asked.text), environment: environment, plugins: PluginCatalog.digest(of:))
  }

  /// Tells what is known to be the answer, without a look at the pipeline.
  private func known(_ question: Standing.Question) throws -> Standing.Message? {
    let engine = try store.engine(pipeline, onlyAsks: true)
    defer { engine.store.close() }
    guard let told = try? engine.standing(question) else { return nil }
    for stage in told.record.stages where !stage.warnings.isEmpty {
      Complaint.print(Diagnostics(stage.warnings), root: URL(fileURLWithPath: pipeline.root))
    }
    if quiet {
      Terminal.error(RunText.gates(told.record))
    } else {
      let counts = told.counts.compactMap { name, count in
        StageRecord.Status(rawValue: name).map { ($0, count) }
      }
      Terminal.error(
        RunText.summary(
          told.record, root: displayRoot, report: lastReport(told.record, engine),
          counts: Dictionary(counts, uniquingKeysWith: +)))
    }
    return told
  }

  /// The command of plain words: a file at most, and flags.
  ///
  /// To find out from ArgumentParser what they mean takes as long as to find out that nothing is to be
  /// done. What is not plain is left to it, and so is every word of complaint.
  ///
  /// - Parameter words: those after `run`.
  static func plain(_ words: some Sequence<String>) -> Run? {
    let flags: [String: WritableKeyPath<Run, Bool>] = [
      "--quiet": \.quiet, "-q": \.quiet, "--no-report": \.noReport, "--keep-going": \.keepGoing,
      "--allow-commands": \.allowCommands, "--no-sandbox": \.noSandbox,
      "--offline": \.store.offline,
    ]
    var run = Run.asDeclared
    var hasFile = false
    for word in words {
      if let flag = flags[word] {
        run[keyPath: flag] = true
      } else if !hasFile, !word.isEmpty, !word.hasPrefix("-") {
        hasFile = true
        run.pipeline.file = word
      } else {
        return nil
      }
    }
    return run
  }

  /// Everything as it is where nothing is given: what ArgumentParser has not parsed has no value.
  private static var asDeclared: Run {
    var run = Run()
    run.pipeline = PipelineOptions.pipeline(file: "pipeline.yaml", set: [], params: [], json: false)
    var store = StoreArguments()
    (store.store, store.distdir, store.offline) = (nil, [], false)
    run.store = store
    var selection = SelectionArguments()
    (selection.only, selection.downstream) = ([], [])
    run.selection = selection
    var cache = CacheArguments()
    (cache.cache, cache.cacheMode, cache.noCache) = (nil, nil, false)
    run.cache = cache
    (run.jobs, run.resource, run.memory, run.keepGoing) = (nil, [], nil, false)
    (run.force, run.wait, run.checkDeterminism, run.allowCommands) = ([], nil, false, false)
    (run.noSandbox, run.noReport, run.events, run.junit) = (false, false, nil, nil)
    (run.watch, run.quiet) = (false, false)
    return run
  }
}
