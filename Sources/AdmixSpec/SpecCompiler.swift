package import AdmixModel

/// Turns a pipeline file into a checked pipeline, or into everything that is wrong with it.
///
/// It reads the file with what it includes, puts in params, resolves `${…}`, runs stages out over their
/// matrix, holds every option against its description, and finds what the references mean. It runs
/// nothing, and reads no data.
package struct SpecCompiler: Sendable {
  package struct Options: Sendable {
    /// `key=value`, in the order given; later ones win over earlier ones and over files.
    package var set: [String]
    /// Files of params, in the order given.
    package var paramsFiles: [String]
    package var environment: [String: String]

    package init(
      set: [String] = [], paramsFiles: [String] = [], environment: [String: String] = [:]
    ) {
      self.set = set
      self.paramsFiles = paramsFiles
      self.environment = environment
    }
  }

  private let kinds: [KindDescription]

  package init(kinds: [KindDescription]) {
    let names = kinds.map(\.name)
    precondition(Set(names).count == names.count, "two stage kinds have the same name")
    self.kinds = kinds
  }

  /// Compiles a file; it, what it includes and the files of params are read from `files`.
  package func compile(
    file: String, options: Options = Options(), files: SpecFiles = .disk
  ) throws(Diagnostics) -> PipelineSpec {
    var compilation = Compilation(kinds: kinds, files: files)
    return try compilation.run(file, options)
  }

  /// The same over a text; what it includes is looked up among `files`.
  package func compile(
    text: String, as file: String = "pipeline.yaml", including files: [String: String] = [:],
    options: Options = Options()
  ) throws(Diagnostics) -> PipelineSpec {
    var table = files
    table[file] = text
    return try compile(file: file, options: options, files: .memory(table))
  }
}
