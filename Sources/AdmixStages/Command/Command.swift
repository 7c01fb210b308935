import AdmixData
package import AdmixEngine
package import AdmixModel
package import AdmixSpec
import Foundation

/// Runs a program of the user's own: inputs as files in, declared files out.
package struct Command: StageKind {
  package static let description = KindDescription(
    name: "command", revision: 1,
    summary:
      "Runs a program for what admix does not do itself, in a sandbox, on files made of its inputs; what it writes is read back and checked.",
    fields: [
      .required(
        "run", .list(.text),
        "The program and its arguments, as they are: no shell sees them unless it is the program, as in `[sh, -c, \"…\"]`. `{inputs.NAME}` and `{outputs.NAME}` stand for the paths of files, which are in the environment too, as `ADMIX_INPUT_name` and `ADMIX_OUTPUT_name`, in the letters of the name. It starts in the folder of the pipeline file."
      ),
      .optional("inputs", .map(CommandInput.field), "What it reads of other stages, by name."),
      .optional(
        "files", .listOrOne(.path),
        "Scripts and data it reads, below the pipeline's folder: paths, globs or folders. A change to one is a reason to run."
      ),
      .optional(
        "runtime", .listOrOne(.path),
        "Folders elsewhere that belong to the program's installation and are neither part of the system nor beside the program: absolute, or from the home folder as `~/…`. They may be read and executed; what is in them is no reason to run.",
        affectsOutput: false),
      .required(
        "outputs", .orderedMap(CommandOutput.field),
        "The files it writes, by name, each with its format; they and nothing else. The first is meant where a stage is named without an output."
      ),
      .optional(
        "environment", .listOrOne(.text),
        "Variables of the caller's environment that it is given. Their values are neither stored nor printed; a changed value is a reason to run."
      ),
      .optional("network", .bool, default: false, "Whether it may use the network."),
      .optional(
        "limits",
        .object([
          .optional(
            "memory", .quantity(.size),
            "Of all its processes together, such as `4 GiB`.", affectsOutput: false),
          .optional(
            "processes", .int(1...32_000), default: 512, "Threads are not counted.",
            affectsOutput: false),
          .optional(
            "file", .quantity(.size), "Of one file that it writes, such as `10 GiB`.",
            affectsOutput: false),
        ]), "What it may use; a program that wants more is ended.", affectsOutput: false),
    ],
    outputs: nil, usesRandomness: true,
    tasks: [
      .init(
        "run", "Runs the program.",
        ["run", "inputs", "files", "outputs", "environment", "network"]),
      .init("scan", "Looks at a CSV or TSV file it wrote.", ["outputs"]),
    ],
    example: """
      run: [python3, scripts/score.py, "{inputs.rows}", "{outputs.scored}"]
      inputs: {rows: {from: census, as: csv}}
      files: [scripts/score.py]
      outputs: {scored: csv}
      limits: {memory: 2 GiB}
      """)

  let arguments: [Node]
  let inputs: [CommandInput]
  let results: [CommandOutput]
  let runtime: [String]
  let environment: [String]
  let usesNetwork: Bool
  let limits: CommandLimits
  let span: SourceSpan
  package let sources: [SourceRequest]

  package init(_ options: OptionValues, report: inout Diagnostics) {
    let run = options["run"]
    arguments = run?.items ?? []
    span = run?.span ?? options.span
    inputs = (options["inputs"]?.members ?? []).map { CommandInput($0, report: &report) }
    results = (options["outputs"]?.items ?? []).flatMap(\.members).map {
      CommandOutput($0, report: &report)
    }
    usesNetwork = options["network"]?.bool ?? false
    limits = CommandLimits(options["limits"])
    runtime = (options["runtime"]?.items ?? []).compactMap(\.text)
    var names: [String] = []
    for node in options["environment"]?.items ?? [] {
      let name = node.text ?? ""
      if !CommandWords.isVariable(name) {
        report.append(
          .error(
            "AX0861", at: node.span, "'\(name)' cannot name a variable of the environment",
            cause: "names are letters, digits and '_'",
            hint: name.contains("=") ? "name it alone: its value is taken from the caller" : nil))
      }
      names.append(name)
    }
    environment = Array(Set(names)).sorted()
    var sources = [
      SourceRequest(
        location: arguments.first?.text ?? "", digest: nil, span: arguments.first?.span ?? span,
        isProgram: true)
    ]
    for node in options["files"]?.items ?? [] {
      let path = node.text ?? ""
      let parts = path.split(separator: "/")
      if path.hasPrefix("/") || parts.contains("..") || path.contains("://") {
        report.append(
          .error(
            "AX0862", at: node.span, "'\(path)' is not below the pipeline's folder",
            cause: "a program is shown files of the project and nothing of its user's",
            hint: "put it below the folder of the pipeline file, or ingest it"))
      }
      sources.append(SourceRequest(location: path, digest: nil, span: node.span))
    }
    self.sources = sources
    for node in options["runtime"]?.items ?? [] {
      let path = node.text ?? ""
      guard !path.hasPrefix("/"), !path.hasPrefix("~/") else { continue }
      report.append(
        .error(
          "AX0862", at: node.span, "'\(path)' is no place outside the project",
          cause: "'runtime' names where a program is installed: absolute, or below the home folder",
          hint: "what is below the pipeline's folder is declared under 'files'"))
    }
    check(&report)
  }

  private func check(_ report: inout Diagnostics) {
    if arguments.first?.text?.isEmpty != false {
      report.append(
        .error(
          "AX0861", at: arguments.first?.span ?? span, "'run' names no program",
          hint: "such as run: [python3, script.py]"))
    }
    for (noun, names) in [
      ("input", inputs.map { ($0.name, $0.span) }), ("output", results.map { ($0.name, $0.span) }),
    ] {
      var variables: [String: String] = [:]
      for (name, span) in names {
        if !PipelineFields.isName(name) || !name.contains(where: \.isLetter) {
          report.append(
            .error(
              "AX0861", at: span, "'\(name)' cannot name an \(noun)",
              cause:
                "names are letters, digits, '_' and '-', with a letter among them, at most 64"))
        }
        if let other = variables.updateValue(name, forKey: CommandWords.variable(name)) {
          report.append(
            .error(
              "AX0861", at: span, "the \(noun)s '\(other)' and '\(name)' are one to the program",
              cause: "both would be ADMIX_\(noun.uppercased())_\(CommandWords.variable(name))"))
        }
      }
    }
    if results.isEmpty {
      report.append(
        .error(
          "AX0861", at: span, "the command has no outputs",
          cause: "what it does would be lost: it may write nothing but its outputs"))
    }
    for node in arguments where node.isSecret {
      report.append(
        .error(
          "AX0861", at: node.span, "a word of the command has the value of an environment variable",
          cause: "everyone on the machine can read the words of a command while it runs",
          hint: "name the variable under 'environment': the program finds it in its own"))
    }
    for node in arguments {
      for place in CommandWords.placeholders(node.text ?? "") {
        let known = place.isInput ? inputs.map(\.name) : results.map(\.name)
        guard !known.contains(place.name) else { continue }
        let kind = place.isInput ? "inputs" : "outputs"
        report.append(
          .error(
            "AX0861", at: node.span, "there is no '\(place.name)' among the \(kind)",
            cause: "'{\(kind).\(place.name)}' stands for the path of one of them",
            hint: Spelling.closest(to: place.name, among: known).map {
              "did you mean '{\(kind).\($0)}'?"
            }))
      }
    }
  }

  package var outputs: [String] { results.map(\.name) }

  package var foreignCode: ForeignCode? {
    ForeignCode(
      arguments: arguments.map { $0.text ?? "" }, environment: environment, runtime: runtime,
      usesNetwork: usesNetwork, span: span)
  }

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    var given: [String: [Artifact]] = [:]
    for input in inputs {
      guard let artifact = input.artifact(of: stage) else {
        throw TaskFailure(.error("AX0909", "a command without its input '\(input.name)'"))
      }
      try input.check(artifact)
      given[input.name] = [artifact]
    }
    let parameters = CommandParameters(
      arguments: arguments.map { $0.text ?? "" },
      inputs: Dictionary(uniqueKeysWithValues: inputs.map { ($0.name, $0.form) }),
      origins: inputs.filter(\.keepsOrigin).map(\.name),
      outputs: Dictionary(
        results.map { ($0.name, $0.fileName) }, uniquingKeysWith: { first, _ in first }),
      environment: Dictionary(
        uniqueKeysWithValues: environment.map { ($0, stage.foreign.digest(of: $0)) }),
      network: usesNetwork, seed: CommandWords.seed(stage.seed, stage.salt),
      programs: stage.sources.first?.count ?? 0)
    let done = try await stage.run([
      TaskRequest(
        step: "run", parameters: try .init(encoding: parameters), inputs: given,
        files: Array(stage.sources.joined()))
    ])
    guard let written = done.first else {
      throw TaskFailure(.error("AX0909", "a command gave nothing"))
    }
    var outputs = StageOutputs(warnings: written.warnings)
    for result in results {
      guard let file = written.artifacts[result.name]?.first else {
        throw TaskFailure(.error("AX0909", "a command gave no '\(result.name)'"))
      }
      let read = try await result.taken(file, stage)
      outputs.artifacts[result.name] = read.artifact
      outputs.warnings += read.warnings
    }
    return outputs
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    switch task.request.step {
    case "run": try CommandRun(self, task).outputs()
    // Its outputs are read the way files are taken in.
    case "scan": try SeparatedSteps.scan(task)
    case "read": try SeparatedSteps.read(task)
    case "survey": try TableSteps.survey(task)
    case "table": try TableSteps.table(task)
    default:
      throw TaskFailure(.error("AX0901", "stage kind 'command' has no step '\(task.request.step)'"))
    }
  }
}

/// What the run of a program depends on beside its inputs and files.
struct CommandParameters: Codable {
  var arguments: [String]
  /// Forms by name.
  var inputs: [String: String]
  /// Inputs that keep the columns that say where a row came from.
  var origins: [String]
  /// File names by name.
  var outputs: [String: String]
  /// Digests of values by variable.
  var environment: [String: String]
  var network: Bool
  var seed: UInt32
  /// How many of the files are the program; the others are what it reads.
  var programs: Int
}
