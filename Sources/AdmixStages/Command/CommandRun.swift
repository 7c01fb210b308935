import AdmixData
import AdmixEngine
import AdmixModel
import AdmixProcess
import Foundation

/// One run of a program: folders, inputs as files, the process, and what came of it.
struct CommandRun {
  private let kind: Command
  private let task: any TaskContext

  init(_ kind: Command, _ task: any TaskContext) {
    self.kind = kind
    self.task = task
  }

  func outputs() throws -> TaskOutputs {
    let parameters = try task.request.parameters.decoded(CommandParameters.self)
    let given = try folder()
    let work = try folder()
    defer {
      // What is left of a large attempt is not wanted until the end of the run.
      for folder in [given, work] { try? FileManager.default.removeItem(atPath: folder) }
    }
    for name in ["outputs", "home", "tmp"] { try make("\(work)/\(name)") }
    var inputs: [String: String] = [:]
    for (name, form) in parameters.inputs.sorted(by: { $0.key < $1.key }) {
      inputs[name] = try input(name, form, parameters.origins.contains(name), in: given)
    }
    let targets = parameters.outputs.mapValues { "\(work)/outputs/\($0)" }
    let request = try request(parameters, inputs: inputs, outputs: targets, given, work)

    let log: ProgramLog
    do {
      // What a program tells of its environment is not to be read in a file later.
      log = try ProgramLog(
        path: task.logFile(),
        secrets: parameters.environment.keys.compactMap { task.foreign.environment[$0] })
    } catch {
      throw TaskFailure(
        .error("AX0873", at: kind.span, "the log of the program cannot be written"),
        reason: .store)
    }
    let setting = task.foreign
    let outcome: ProcessOutcome
    do {
      let host = ProcessHost(
        launcher: setting.launcher, libraryPath: setting.environment["LD_LIBRARY_PATH"])
      defer { log.finish() }
      outcome = try host.start(request).wait(check: task.checkCancellation) { log.append($0) }
    } catch let error as ProcessHostError {
      throw TaskFailure(
        .error(
          "AX0873", at: kind.span, "the program cannot be started",
          cause: "\(error.what): \(error.reason)"))
    }
    let findings = CommandFindings(
      kind: kind, stage: task.stageName, folder: setting.folder, inputs: inputs,
      isSandboxed: setting.isSandboxed, outcome: outcome,
      said: ProgramLog.lastLines(of: log.path))
    try findings.check()
    return TaskOutputs(
      try taken(parameters.outputs, from: "\(work)/outputs"), value: findings.value,
      warnings: findings.warnings)
  }

  // MARK: Before

  private func folder() throws -> String {
    let path = try task.artifacts.newFile()
    try make(path)
    return path
  }

  private func make(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw TaskFailure(
        .error(
          "AX0873", at: kind.span, "a folder for the program cannot be made",
          cause: String(cString: strerror(errno))), reason: .store)
    }
  }

  /// The file that stands for an input; nobody may write to it.
  private func input(_ name: String, _ form: String, _ keepsOrigin: Bool, in folder: String)
    throws -> String
  {
    guard let artifact = task.request.inputs[name]?.first else {
      throw TaskFailure(.error("AX0909", "a command without its input '\(name)'"))
    }
    let path = "\(folder)/\(CommandInput.fileName(name, form))"
    if form == "file" {
      let object = try task.artifacts.file(of: artifact)
      // Where nothing protects the store's own file, the program gets another.
      if task.foreign.isSandboxed, SandboxLevel.landlockVersion > 0 { return object }
      try FileManager.default.copyItem(atPath: object, toPath: path)
    } else {
      try write(artifact, form, keepsOrigin, to: path)
    }
    chmod(path, 0o444)
    return path
  }

  private func write(_ artifact: Artifact, _ form: String, _ keepsOrigin: Bool, to path: String)
    throws
  {
    let manifest = try task.artifacts.dataset(artifact)
    let schema = Schema(
      manifest.schema.columns.filter { keepsOrigin || !Schema.isOrigin($0.name) })
    let output: TableOutput =
      switch form {
      case "parquet": .parquet
      case "arrow": .arrow
      case "json-lines": .jsonLines
      default: .csv(CSVWriting())
      }
    var writer = try createTable(path: path, output: output, schema: schema)
    for partition in manifest.partitions {
      try task.checkCancellation()
      try writer.append(
        task.artifacts.batch(partition, schema: manifest.schema, columns: schema.names))
    }
    try writer.finish()
  }

  private func request(
    _ parameters: CommandParameters, inputs: [String: String], outputs: [String: String],
    _ given: String, _ work: String
  ) throws -> ProcessRequest {
    let setting = task.foreign
    guard let program = task.request.files.first else {
      throw TaskFailure(.error("AX0909", "a command without a program"))
    }
    var arguments = parameters.arguments.map { text in
      CommandWords.filled(text) { $0.isInput ? inputs[$0.name] : outputs[$0.name] }
    }
    if !arguments.isEmpty, !arguments[0].contains("/") { arguments[0] = program.path }
    // The same everywhere: language and time zone of the machine must not show in what comes out.
    var environment = [
      "PATH": setting.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
      "HOME": "\(work)/home", "TMPDIR": "\(work)/tmp", "LANG": "C.UTF-8", "TZ": "UTC",
      "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0",
      "ADMIX_SEED": "\(parameters.seed)",
    ]
    for (name, path) in inputs { environment["ADMIX_INPUT_\(CommandWords.variable(name))"] = path }
    for (name, path) in outputs {
      environment["ADMIX_OUTPUT_\(CommandWords.variable(name))"] = path
    }
    for name in parameters.environment.keys { environment[name] = setting.environment[name] }
    var request = ProcessRequest(
      program: program.path, arguments: arguments, environment: environment,
      folder: setting.folder)
    let programs = task.request.files.prefix(parameters.programs)
    let home = setting.environment["HOME"]
    request.readable =
      kind.runtime.map { $0.hasPrefix("~/") ? (home ?? "") + $0.dropFirst() : $0 }
      + ProgramRuntime.readable(allowsNetwork: parameters.network)
      + programs.flatMap { file in
        // A script of the project belongs to no installation.
        file.path.hasPrefix(setting.folder + "/") && !file.path.contains("/bin/")
          ? [file.path] : ProgramRuntime.readable(of: file.path, home: home)
      }
      + task.request.files.dropFirst(parameters.programs).map(\.path) + inputs.values.sorted()
      + [given]
    // Interpreters find the neighbours of a script by listing its folder.
    request.listable = Set(
      task.request.files.map(\.path).filter { $0.hasPrefix(setting.folder + "/") }
        .map { ($0 as NSString).deletingLastPathComponent }
    ).sorted()
    request.writable = ProgramRuntime.writable + [work]
    request.allowsNetwork = parameters.network
    request.isSandboxed = setting.isSandboxed
    request.limits = kind.limits.ofProcesses
    return request
  }

  // MARK: After

  /// What the program wrote, all of it declared; everything it started is gone by now.
  private func taken(_ declared: [String: String], from folder: String) throws -> [String:
    [Artifact]]
  {
    let written = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    var problems = Diagnostics()
    for result in kind.results where !written.contains(result.fileName) {
      problems.append(
        .error(
          "AX0864", at: result.span,
          "stage '\(task.stageName)' did not write its output '\(result.name)'",
          cause: "the program ended well, and there is no file at '{outputs.\(result.name)}'",
          hint: "write to the path that '{outputs.\(result.name)}' stands for"))
    }
    let known = Set(declared.values)
    for name in written {
      guard known.contains(name) else {
        problems.append(
          .error(
            "AX0866", at: kind.span,
            "stage '\(task.stageName)' wrote '\(name)' beside its outputs",
            cause: "nothing would notice if it were lost or stale",
            hint: "declare it under 'outputs', or write it to $TMPDIR"))
        continue
      }
      var info = stat()
      // A link could lead to a file that the program itself may not read.
      if lstat("\(folder)/\(name)", &info) != 0 || info.st_mode & S_IFMT != S_IFREG {
        problems.append(
          .error(
            "AX0866", at: kind.span, "the output '\(name)' of stage '\(task.stageName)' is no file",
            cause: "a folder, a link or a device cannot be kept by its content"))
      }
    }
    if !problems.isEmpty { throw TaskFailure(problems) }
    var artifacts: [String: [Artifact]] = [:]
    for (name, file) in declared.sorted(by: { $0.key < $1.key }) {
      try task.checkCancellation()
      chmod("\(folder)/\(file)", 0o644)
      artifacts[name] = [
        try task.artifacts.publish(file: "\(folder)/\(file)", kind: .file, rows: nil)
      ]
    }
    return artifacts
  }
}
