package import AdmixData
package import AdmixModel
package import AdmixSpec
package import Foundation

/// A stage kind: what the language says about it, and how it is carried out.
///
/// Two halves. `drive` runs in the orchestrating process, decides what work there is and combines
/// small results; it is quick and reads no rows. `perform` does the work: one task, on any worker,
/// from nothing but the request, so that a task can be cached, repeated, and sent to another machine.
package protocol StageKind: ConfiguredStage {
  /// Options already have their described types; problems that only this kind can see are reported.
  init(_ options: OptionValues, report: inout Diagnostics)
}

/// A stage as its options made it; the two halves are its own.
///
/// Most are a `StageKind` that was given options. One that needs more to be made, such as a plugin that
/// was found beside the pipeline, is made by its entry in the registry.
package protocol ConfiguredStage: Sendable {
  static var description: KindDescription { get }

  /// Output names, the primary one first.
  var outputs: [String] { get }

  /// Files that are read from outside the store.
  var sources: [SourceRequest] { get }

  /// What does the work beside the kind itself, such as a generator, with its behaviour revision; a
  /// new revision of one is a reason to run.
  var implementations: [String: Int] { get }

  /// Whether the seed is a reason to run: that of a kind which may draw random numbers, where these
  /// options do not make it draw any, is not.
  var drawsRandomNumbers: Bool { get }

  /// Whether facts about the whole pipeline are a reason to run: those of a kind which may tell of it,
  /// where these options do not make it, are not.
  var usesPipelineFacts: Bool { get }

  /// Whether it tells of the options behind its inputs, so that they are an input of their own; only of
  /// a kind that uses pipeline facts.
  var tellsParameters: Bool { get }

  /// The program of somebody else's that this stage runs; nil where it runs none.
  var foreignCode: ForeignCode? { get }

  /// What this stage tells about single rows of what it learns from; nil where it does not learn.
  func privacyUse(of budget: PrivacyBudget) -> PrivacyUse?

  /// Which columns an output may not carry; nil where it may carry all.
  var columnPolicy: ColumnPolicy? { get }

  /// Columns of outputs that the options declare, where there may be more.
  var declaredSchemas: [String: Schema] { get }

  /// The schemas of dataset outputs as far as they are known before anything runs, by output name.
  ///
  /// - Parameter inputs: the known schemas by edge role; a role is absent where nothing is known.
  func schemas(of inputs: [String: Schema], report: inout Diagnostics) -> [String: Schema]

  /// How outputs relate to inputs, row by row, where that follows from the options; what it depends on the
  /// data for is told in `StageOutputs.rows`, and of other outputs nothing is known.
  var rowRelations: [String: RowRelation] { get }

  /// Carries the stage out: asks for tasks, combines their results.
  func drive(_ stage: any StageContext) async throws -> StageOutputs

  /// Carries one task out, synchronously, on one core.
  func perform(_ task: any TaskContext) throws -> TaskOutputs

  /// Which columns each output is made from and how; nil where the kind does not say.
  ///
  /// - Parameters:
  ///   - inputs: schemas by edge role; a role is absent where nothing is known.
  ///   - outputs: schemas by output name, of those that are tables.
  func lineage(of inputs: [String: Schema], outputs: [String: Schema]) -> ColumnLineage?

  /// Says in figures what a model that this stage made holds; nil where it makes none.
  func explain(_ model: Data) throws -> CheckReport?
}

extension ConfiguredStage {
  package var outputs: [String] { Self.description.outputs ?? [] }
  package var sources: [SourceRequest] { [] }
  package var implementations: [String: Int] { [:] }
  package var drawsRandomNumbers: Bool { Self.description.usesRandomness }
  package var usesPipelineFacts: Bool { Self.description.usesPipelineFacts }
  package var tellsParameters: Bool { false }
  package var foreignCode: ForeignCode? { nil }
  package var rowRelations: [String: RowRelation] { [:] }
  package func privacyUse(of budget: PrivacyBudget) -> PrivacyUse? { nil }
  package var columnPolicy: ColumnPolicy? { nil }
  package var declaredSchemas: [String: Schema] { [:] }
  package func schemas(of inputs: [String: Schema], report: inout Diagnostics) -> [String: Schema] {
    [:]
  }
  package func explain(_ model: Data) throws -> CheckReport? { nil }
  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    throw TaskFailure(
      .error("AX0901", "stage kind '\(Self.description.name)' has no step '\(task.request.step)'"))
  }
}

/// Where rows come from outside: a path, a glob, a folder, or a URL with its digest.
package struct SourceRequest: Hashable, Sendable {
  /// As written in the spec, interpolated.
  package var location: String
  /// Required for a URL; checked for a file where given.
  package var digest: Digest?
  package var span: SourceSpan
  /// File name endings that a folder is searched for, such as `csv`; empty takes all files.
  package var endings: [String]
  /// A program, looked for in the folders of `PATH` where it is a bare name; what it needs to start
  /// (the interpreter of a script, the settings of a virtual environment) are files of it too.
  package var isProgram: Bool
  /// What of a plugin the files are; nil for files that are no part of one.
  package var part: PluginPart?

  package init(
    location: String, digest: Digest?, span: SourceSpan, endings: [String] = [],
    isProgram: Bool = false, part: PluginPart? = nil
  ) {
    self.location = location
    self.digest = digest
    self.span = span
    self.endings = endings
    self.isProgram = isProgram
    self.part = part
  }
}

/// A part of a plugin: fingerprints have one digest for each rather than one for each file, and it is
/// the same wherever the plugin lies.
package struct PluginPart: Hashable, Sendable {
  package enum Role: Sendable {
    /// The files that its manifest declares, with the manifest.
    case code
    /// What it runs in: what is installed for it, or the programs it names.
    case environment
  }

  package var plugin: String
  package var role: Role
  /// Its folder, as the locations of its files begin.
  package var folder: String

  package init(_ plugin: String, _ role: Role, folder: String) {
    self.plugin = plugin
    self.role = role
    self.folder = folder
  }

  /// One digest over files: their names below the folder and their contents.
  package func digest(of files: [SourceFile]) -> Digest {
    let entries = Set(
      files.map { file in
        let name =
          file.name.hasPrefix(folder + "/") && role == .code
          ? String(file.name.dropFirst(folder.count + 1))
          : role == .code ? file.name : ""
        return "\(name)\u{0}\(file.digest.hex)"
      })
    return Digest(of: entries.sorted().joined(separator: "\n"))
  }
}

/// A file that a source request came to, with the digest its bytes had when the run began.
package struct SourceFile: Hashable, Sendable, Codable {
  /// Where to read it now.
  package var path: String
  /// How people call it: as in the spec, relative where it was written so.
  package var name: String
  package var digest: Digest
  package var bytes: Int

  package init(path: String, name: String, digest: Digest, bytes: Int) {
    self.path = path
    self.name = name
    self.digest = digest
    self.bytes = bytes
  }
}

/// A task to do: self-contained but for the bytes its digests name.
package struct TaskRequest: Sendable {
  /// Which of the kind's steps.
  package var step: String
  /// What the step is told beside its inputs.
  ///
  /// Stage options that matter to the step go in here; the task's fingerprint sees only this, so a
  /// step is not redone for an option it does not read.
  package var parameters: EncodedJSON
  /// By name, in order.
  package var inputs: [String: [Artifact]]
  /// Source files the step reads, re-identified after it ends.
  package var files: [SourceFile]
  /// For the progress display: how many rows the task is expected to handle.
  package var expectedRows: Int?
  /// Whether doing it again gives the same; noise that protects someone must not, and every draw of it
  /// costs, so such a task is not done twice to compare.
  package var isRepeatable: Bool

  package init(
    step: String, parameters: EncodedJSON = .null, inputs: [String: [Artifact]] = [:],
    files: [SourceFile] = [], expectedRows: Int? = nil, isRepeatable: Bool = true
  ) {
    self.step = step
    self.parameters = parameters
    self.inputs = inputs
    self.files = files
    self.expectedRows = expectedRows
    self.isRepeatable = isRepeatable
  }

  @_disfavoredOverload
  package init(
    step: String, parameters: JSONValue, inputs: [String: [Artifact]] = [:],
    files: [SourceFile] = [], expectedRows: Int? = nil, isRepeatable: Bool = true
  ) {
    self.init(
      step: step, parameters: EncodedJSON(parameters), inputs: inputs, files: files,
      expectedRows: expectedRows, isRepeatable: isRepeatable)
  }
}

/// What a task gave: artifacts by name, in order.
package struct TaskOutputs: Hashable, Sendable, Codable {
  package var artifacts: [String: [Artifact]]
  /// A small result for `drive`, kept with the task; large ones belong in an artifact.
  package var value: EncodedJSON
  /// What people should know, though the task did not fail.
  package var warnings: [Diagnostic]

  package init(
    _ artifacts: [String: [Artifact]] = [:], value: EncodedJSON = .null, warnings: [Diagnostic] = []
  ) {
    self.artifacts = artifacts
    self.value = value
    self.warnings = warnings
  }

  @_disfavoredOverload
  package init(
    _ artifacts: [String: [Artifact]] = [:], value: JSONValue, warnings: [Diagnostic] = []
  ) {
    self.init(artifacts, value: EncodedJSON(value), warnings: warnings)
  }
}

/// What a stage gave.
package struct StageOutputs: Sendable, Codable {
  /// By output name.
  package var artifacts: [String: Artifact]
  package var gates: [GateResult]
  /// Files to be put beside the project; the engine does it, whole or not at all, and puts a missing
  /// one back without running the stage again.
  package var deliveries: [Delivery]
  package var warnings: [Diagnostic]
  /// A `RowLineage`, where the stage tells where its rows came from.
  package var rows: Artifact?

  package init(
    _ artifacts: [String: Artifact] = [:], gates: [GateResult] = [], deliveries: [Delivery] = [],
    warnings: [Diagnostic] = [], rows: Artifact? = nil
  ) {
    self.artifacts = artifacts
    self.gates = gates
    self.deliveries = deliveries
    self.warnings = warnings
    self.rows = rows
  }
}

/// A file to be put at a path relative to the pipeline's folder.
package struct Delivery: Hashable, Sendable, Codable {
  package var artifact: Artifact
  package var path: String
  package var span: SourceSpan?

  package init(artifact: Artifact, path: String, span: SourceSpan? = nil) {
    self.artifact = artifact
    self.path = path
    self.span = span
  }
}

/// Why a stage or a task could not be done.
package struct TaskFailure: Error, Sendable {
  package enum Reason: String, Sendable, Codable {
    case failed
    /// A source is missing, has another digest, or moved while it was read (exit code 7).
    case input
    /// The stage's own limit of time was over.
    case timeout
    /// Another run was at work on the same stage for longer than one cared to wait (exit code 8).
    case waited
    /// The same task gave something else the second time (exit code 10).
    case notDeterministic
    /// The store is damaged or cannot be used (exit code 6).
    case store
    /// A foreign program is not trusted, or did what it may not (exit code 9).
    case sandbox
    case cancelled
  }

  package var reason: Reason
  package var diagnostics: Diagnostics

  package init(_ diagnostic: Diagnostic, reason: Reason = .failed) {
    self.reason = reason
    diagnostics = Diagnostics([diagnostic])
  }

  package init(_ diagnostics: Diagnostics, reason: Reason = .failed) {
    self.reason = reason
    self.diagnostics = diagnostics
  }
}

/// What `drive` is given.
package protocol StageContext: Sendable {
  var stageName: String { get }
  /// What came along each dataset or model edge, by role.
  var inputs: [String: Artifact] { get }
  /// The name of the stage and output behind each edge, by role, for people.
  var inputNames: [String: String] { get }
  /// What each of the kind's source requests came to, in order; sorted by name within one request.
  var sources: [[SourceFile]] { get }
  var seed: UInt64 { get }
  var salt: String { get }
  /// For small artifacts only.
  var artifacts: any ArtifactAccess { get }
  /// Facts about the whole pipeline that a card wants to tell; not for deciding anything.
  var pipeline: PipelineFacts { get }
  /// For stages that run foreign programs.
  var foreign: ForeignSetting { get }

  /// Does tasks, or takes what they gave before; results are in the order of the requests.
  func run(_ requests: [TaskRequest]) async throws -> [TaskOutputs]
}

/// What a task may know about the pipeline it is part of, for cards and reports.
package struct PipelineFacts: Hashable, Sendable, Codable {
  package var name: String
  package var description: String?
  package var seed: UInt64
  /// What the stages before this one are: name, kind, the names of their inputs, gates and reports.
  package var ancestry: [Ancestor]
  /// The stage itself, where it tells of parameters.
  package var own: Ancestor? = nil

  package struct Ancestor: Hashable, Sendable, Codable {
    package var stage: String
    package var kind: String
    package var inputs: [String]
    package var rows: Int?
    package var gates: [GateResult]
    package var report: Artifact?
    /// Names and digests of source files.
    package var sources: [String: Digest]
    /// Options by path, as canonical JSON; without secrets, and without what can change no output.
    ///
    /// Nil where nobody tells of them: then they are no reason to run.
    package var parameters: [String: String]? = nil
    /// Behaviour revisions of the kind and of what works for it; nil with the parameters.
    package var revisions: [String: Int]? = nil

    package init(
      stage: String, kind: String, inputs: [String], rows: Int?, gates: [GateResult],
      report: Artifact?, sources: [String: Digest]
    ) {
      self.stage = stage
      self.kind = kind
      self.inputs = inputs
      self.rows = rows
      self.gates = gates
      self.report = report
      self.sources = sources
    }
  }

  package init(name: String, description: String?, seed: UInt64, ancestry: [Ancestor]) {
    self.name = name
    self.description = description
    self.seed = seed
    self.ancestry = ancestry
  }
}

/// What `perform` is given.
package protocol TaskContext: Sendable {
  var request: TaskRequest { get }
  var artifacts: any ArtifactAccess { get }
  /// Tells how many more rows are done; cheap enough to call per block of rows.
  func progress(rows: Int)
  /// Tells how far something is that is not counted in rows.
  func progress(phase: String, done: Double, total: Double?)
  /// Throws when the run is being interrupted; call it now and then.
  func checkCancellation() throws
  /// For tasks that run foreign programs.
  var foreign: ForeignSetting { get }
  /// For messages; not for deciding anything.
  var stageName: String { get }
  /// A file that is kept with the run, for what a foreign program says.
  func logFile() throws -> String
  /// A folder where the task may leave how far it came. Whoever does the same task again, after this one
  /// was broken off, finds it; when the task is done, it goes.
  func checkpointFolder() throws -> String
}
