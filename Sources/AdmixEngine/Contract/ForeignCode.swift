import AdmixData
package import AdmixModel

/// A program of somebody else's that a stage runs: what a person has to know before they allow it.
package struct ForeignCode: Hashable, Sendable {
  /// As written in the spec; the first source request of the stage is the program.
  package var arguments: [String]
  /// Names of the variables of the caller's environment that it is given.
  package var environment: [String]
  /// Places outside the project that it may read.
  package var runtime: [String]
  package var usesNetwork: Bool
  package var span: SourceSpan
  /// The plugin that the program is of, which is trusted as a whole; nil for a command of the pipeline.
  package var plugin: PluginPart?

  package init(
    arguments: [String], environment: [String], runtime: [String] = [], usesNetwork: Bool,
    span: SourceSpan, plugin: PluginPart? = nil
  ) {
    self.arguments = arguments
    self.environment = environment
    self.runtime = runtime
    self.usesNetwork = usesNetwork
    self.span = span
    self.plugin = plugin
  }
}

/// What foreign programs are started with; the same for all stages of a run.
package struct ForeignSetting: Sendable {
  /// The pipeline's folder, where they start.
  package var folder: String
  /// The caller's environment; a program is given what its stage declares and nothing else.
  package var environment: [String: String]
  /// The executable whose hidden mode starts them.
  package var launcher: String
  package var isSandboxed: Bool

  package init(
    folder: String = "/", environment: [String: String] = [:], launcher: String = "",
    isSandboxed: Bool = true
  ) {
    self.folder = folder
    self.environment = environment
    self.launcher = launcher
    self.isSandboxed = isSandboxed
  }

  /// What a fingerprint has of a variable: whether its value is the same, and not the value.
  package func digest(of name: String) -> String {
    environment[name].map { Digest(of: $0).hex } ?? "not set"
  }
}

extension StageContext {
  package var foreign: ForeignSetting { ForeignSetting() }
}

extension TaskContext {
  package var foreign: ForeignSetting { ForeignSetting() }
  package var stageName: String { "" }
  package func progress(phase: String, done: Double, total: Double?) {}
  package func logFile() throws -> String { try artifacts.newFile() }
  package func checkpointFolder() throws -> String { try artifacts.newFile() }
}
