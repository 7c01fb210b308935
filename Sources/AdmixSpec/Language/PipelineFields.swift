internal import AdmixModel

/// What a pipeline file may have at its top, for the reader, the JSON Schema and the reference page.
package enum PipelineFields {
  /// The version of the language that this admix reads.
  package static let version: Int64 = 1

  package static let all: [Field] = [
    .required("admix", .int(version...version), "The version of the language: \(version)."),
    .required("name", .text, "What the pipeline is called, in reports and on cards."),
    .optional("description", .text, "What the dataset is for.", affectsOutput: false),
    .optional(
      "seed", .int(0...Int64.max), default: 0,
      "Where all random numbers come from; the same seed gives the same bytes."),
    .optional("include", .listOrOne(.path), include),
    .optional("params", .map(.any), "Named values for '${params.NAME}'; '--set' replaces them."),
    .optional(
      "defaults", .map(.any),
      "Options by stage kind that its stages have unless they say otherwise."),
    .optional(
      "cache", .object(cache),
      "Where a team shares finished results; never a reason to run anything.", affectsOutput: false),
    .optional(
      "privacy_budget", .object(PrivacyBudget.fields),
      "What all stages that learn privately may tell together about any one row of a source; one that would exceed it, or learns without privacy, is refused.",
      affectsOutput: false),
    .optional(
      "plugins", .listOrOne(.path),
      "Folders with plugins, relative to this file, written out; looked into before `plugins` beside it and the user's.",
      affectsOutput: false),
    .optional("stages", .map(.any), "The stages by name; their order means nothing."),
  ]

  private static let cache: [Field] = [
    .required(
      "url", .text,
      "A folder as a path or `file:///…`, which may lie outside the project, or a bucket as `s3://bucket/prefix`."
    ),
    .optional(
      "mode", .choice(["read-write", "read-only", "off"]), default: "read-only",
      "Whether results are taken from it, and whether they are put there."),
    .optional(
      "endpoint", .text,
      "The address of an S3-compatible server, such as `https://s3.example.org`; that of AWS unless given."
    ),
    .optional("region", .text, "The bucket's region; the one of the AWS profile unless given."),
    .optional(
      "timeout", .quantity(.duration), default: "10s",
      "How long it may keep silent before the run goes on without it."),
    .optional(
      "drain", .quantity(.duration), default: "2min",
      "How long a run waits at its end for results that are still to be put there."),
  ]

  private static let include =
    "Files whose params, defaults and stages are part of this one, relative to it and inside its folder."

  /// What an included file may not say, as it is said once for the whole pipeline.
  package static let mainOnly = [
    "name", "description", "seed", "cache", "privacy_budget", "plugins",
  ]

  /// The axes of a stage that is run once for each combination.
  package static let matrix = Field.optional(
    "matrix", .map(.list(.scalar)),
    "Axes by name, each with its values: the stage is run for each combination, as are the stages that read from it."
  )

  /// Letters, digits, `_` and `-`, at most 64, not beginning with `-`.
  package static func isName(_ text: String) -> Bool {
    guard !text.isEmpty, text.utf8.count <= 64, !text.hasPrefix("-") else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D: true
      default: false
      }
    }
  }
}

extension KindDescription {
  /// Everything that may stand under the kind's name in a stage.
  package var allFields: [Field] { fields + shared }

  /// What may stand beside the kind's name as well.
  package var shared: [Field] {
    Self.commonFields + (usesRandomness ? Self.randomnessFields : [])
  }
}
