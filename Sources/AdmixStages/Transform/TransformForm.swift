import AdmixEngine
import AdmixModel
import AdmixSpec

/// What a transform stage is told to read and to do, and whether that is one thing.
struct TransformForm {
  struct Input {
    /// As a plugin knows it.
    var name: String
    /// The path of the option.
    var role: String
    var span: SourceSpan
  }

  let inputs: [Input]
  private let options: OptionValues

  init(_ options: OptionValues) {
    self.options = options
    if let members = options["inputs"]?.members {
      inputs = members.map {
        Input(name: $0.key, role: OptionPath.join("inputs", $0.key), span: $0.keySpan)
      }
    } else {
      inputs = options["from"].map { [Input(name: "input", role: "from", span: $0.span)] } ?? []
    }
  }

  /// Where a plugin was chosen.
  static func choice(_ options: OptionValues) -> SourceSpan {
    options["with"]?.members.first?.keySpan ?? options["with"]?.span ?? options.span
  }

  /// Reports what does not go together; of a stage without a plugin that there is, the plugin too.
  func check(_ report: inout Diagnostics, hasPlugin: Bool = false) {
    func wrong(_ span: SourceSpan?, _ fact: String, _ cause: String?, _ hint: String? = nil) {
      report.append(.error("AX0895", at: span ?? options.span, fact, cause: cause, hint: hint))
    }
    let with = options["with"]
    let steps = options["steps"]
    let names = options["inputs"]
    let from = options["from"]
    if let with, steps != nil {
      wrong(
        with.span, "the transform has both 'steps' and 'with'",
        "one says what to do, the other has a plugin do it",
        "make two stages of it, one that reads from the other")
    } else if with == nil, steps == nil {
      wrong(
        nil, "the transform says nothing to do", "it has neither 'steps' nor 'with'",
        "steps: [{filter: age >= 18}]")
    }
    if let names, from != nil {
      wrong(
        names.span, "the transform has both 'from' and 'inputs'", "'from' is short for one input")
    } else if let names, with == nil {
      wrong(
        names.span, "steps read one dataset", "'inputs' names tables for a plugin",
        "from: the name of a stage")
    } else if names.map({ $0.members.isEmpty }) ?? (from == nil) {
      wrong(
        names?.span, "the transform reads nothing", nil,
        with == nil ? "from: the name of a stage" : "inputs: {people: the name of a stage}")
    }
    checkNames(&report)
    if let with, !hasPlugin {
      let name = with.members.first?.key ?? with.text ?? ""
      report.append(
        .error(
          "AX0896", at: Self.choice(options), "unknown transform '\(name)'",
          cause: "no plugin of kind 'transform' has this name",
          hint: "plugins: the folder that it is in, at the top of the file"))
    }
  }

  private func checkNames(_ report: inout Diagnostics) {
    var seen: [String: String] = [:]
    for input in inputs where input.role != "from" {
      if !PipelineFields.isName(input.name) {
        report.append(
          .error(
            "AX0898", at: input.span, "'\(input.name)' cannot name an input",
            cause: "names are letters, digits, '_' and '-', at most 64, and do not begin with '-'"))
      }
      if let other = seen.updateValue(input.name, forKey: input.name.lowercased()) {
        report.append(
          .error(
            "AX0898", at: input.span,
            "the inputs '\(other)' and '\(input.name)' are one to many languages",
            cause: "SQL for one takes no heed of capitals"))
      }
    }
  }
}
