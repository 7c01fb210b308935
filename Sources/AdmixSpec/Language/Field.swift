package import AdmixModel

/// One option of the language, described once.
///
/// The parser, the JSON Schema, completion, the reference page and the fingerprint are all made from
/// lists of these, so they cannot drift apart.
package struct Field: Sendable {
  package var name: String
  package var type: FieldType
  package var isRequired: Bool
  /// Filled in when the option is absent; shown in the reference.
  package var defaultValue: JSONValue?
  /// One sentence for people.
  package var summary: String
  /// False for what can never change an output, such as a description: it stays out of fingerprints.
  package var affectsOutput: Bool

  package init(
    _ name: String, _ type: FieldType, isRequired: Bool, defaultValue: JSONValue? = nil,
    _ summary: String, affectsOutput: Bool = true
  ) {
    self.name = name
    self.type = type
    self.isRequired = isRequired
    self.defaultValue = defaultValue
    self.summary = summary
    self.affectsOutput = affectsOutput
  }

  package static func required(_ name: String, _ type: FieldType, _ summary: String) -> Field {
    Field(name, type, isRequired: true, summary)
  }

  package static func optional(
    _ name: String, _ type: FieldType, default defaultValue: JSONValue? = nil, _ summary: String,
    affectsOutput: Bool = true
  ) -> Field {
    Field(
      name, type, isRequired: false, defaultValue: defaultValue, summary,
      affectsOutput: affectsOutput)
  }
}

/// What may stand as the value of an option.
package indirect enum FieldType: Sendable {
  case bool
  /// A whole number within the range.
  case int(ClosedRange<Int64>)
  /// A finite number within the range.
  case number(ClosedRange<Double>)
  /// Any scalar, kept as text the way it was written.
  case text
  /// One of these words.
  case choice([String])
  /// A path, relative to the folder of the pipeline file, or a URL.
  case path
  /// 64 hexadecimal digits.
  case digest
  /// A duration or a size, with its unit; becomes a number of seconds or bytes.
  case quantity(Quantity)
  /// The name of a column.
  case column
  /// An expression over columns or metrics; kept as text, its span is the text's.
  case expression
  /// `stage` or `stage.output`.
  case edge(EdgeKind)
  case list(FieldType)
  /// Exactly as written or, as a shorthand, one element without the list.
  case listOrOne(FieldType)
  /// Free keys, each with a value of this type.
  case map(FieldType)
  /// A list of one-key maps, keeping their order: `[{age: int}, {sex: category}]`; a map is taken too.
  case orderedMap(FieldType)
  /// These keys and no others.
  case object([Field])
  /// One key out of these names, whose value has that name's fields; a bare name where none is
  /// required. `{gaussian-copula: {tails: pareto}}` or `gaussian-copula`.
  case variant([Variant])
  /// The first that fits; for error messages the one whose shape fits.
  case oneOf([FieldType])
  /// A scalar, kept with the type YAML gave it.
  case scalar
  /// Anything; the stage looks at it by itself.
  case any

  package static var count: FieldType { .int(0...Int64.max) }
  package static var share: FieldType { .number(0...1) }
}

/// A named alternative of `FieldType.variant`.
package struct Variant: Sendable {
  package var name: String
  package var summary: String
  package var type: FieldType
  /// What a name that is none of the alternatives is called, with the code that says so.
  ///
  /// An unknown generator, for example. Alternatives of one field have the same.
  package var unknown: (noun: String, code: String)?

  package init(
    _ name: String, _ type: FieldType, _ summary: String,
    unknown: (noun: String, code: String)? = nil
  ) {
    self.name = name
    self.type = type
    self.summary = summary
    self.unknown = unknown
  }
}

/// What an edge of the graph carries.
package enum EdgeKind: String, Sendable {
  case dataset, model
  /// Nothing but order: the other stage must have finished and its gates must have passed.
  case order
}

/// A part of a stage that is cached by itself.
///
/// That it is redone for these options and no others is held against what stages do, for every option,
/// by a test.
package struct TaskDescription: Sendable {
  /// The step's name; empty for what is put together in the end, which is redone whenever the stage runs.
  package var step: String
  /// What one task of it does.
  package var summary: String
  /// The stage's options that it is redone for, directly or since something before it was.
  package var options: [String]

  package init(_ step: String, _ summary: String, _ options: [String]) {
    self.step = step
    self.summary = summary
    self.options = options
  }
}

/// A stage kind as the language sees it.
package struct KindDescription: Sendable {
  package var name: String
  /// Raised when the output for the same input changes; part of every fingerprint.
  package var revision: Int
  package var summary: String
  package var fields: [Field]
  /// Output names, the primary one first; nil where the options decide (`split`).
  package var outputs: [String]?
  /// Whether `seed` and `salt` mean something here.
  package var usesRandomness: Bool
  /// Whether it tells about the pipeline as a whole (a card), so that those facts are an input too.
  package var usesPipelineFacts: Bool
  /// What the stage is done in, and which options each part is redone for.
  package var tasks: [TaskDescription]
  /// A few lines of YAML for the reference page, the options of one stage.
  package var example: String

  package init(
    name: String, revision: Int, summary: String, fields: [Field], outputs: [String]?,
    usesRandomness: Bool = false, usesPipelineFacts: Bool = false,
    tasks: [TaskDescription] = [], example: String
  ) {
    self.name = name
    self.revision = revision
    self.summary = summary
    self.fields = fields
    self.outputs = outputs
    self.usesRandomness = usesRandomness
    self.usesPipelineFacts = usesPipelineFacts
    self.tasks = tasks
    self.example = example
  }

  /// What every stage may have beside its own options; nothing of it can change what comes out.
  package static let commonFields: [Field] = [
    .optional("description", .text, "What the stage is for, for people.", affectsOutput: false),
    .optional(
      "after", .listOrOne(.edge(.order)),
      "Stages that must have finished, with their gates passed, before this one starts.",
      affectsOutput: false),
    .optional(
      "when", .bool,
      "Whether the stage takes part, such as `${params.rows > 1000}`; where it is false, neither the stage nor what reads from it runs.",
      affectsOutput: false),
    .optional(
      "timeout", .quantity(.duration), "How long the stage may take before it has failed.",
      affectsOutput: false),
    .optional("retry", .object(retryFields), "Tries again after a failure.", affectsOutput: false),
    .optional(
      "share", .bool,
      "Whether results of the stage may come from the shared cache and go there; they may unless this is false.",
      affectsOutput: false),
    .optional(
      "resources", .map(.any),
      "What each task of the stage takes of the machine while it is at work: `cpu` cores, `memory` such as `4 GiB`, and tokens by any other name, such as `gpu: 1`. Tasks wait for each other where it does not suffice.",
      affectsOutput: false),
  ]

  private static let retryFields: [Field] = [
    .optional("times", .int(0...100), default: 1, "How many more times.", affectsOutput: false),
    .optional(
      "backoff", .quantity(.duration), default: "1s",
      "How long to wait before the first further try; doubled for each after it.",
      affectsOutput: false),
    .optional(
      "on", .listOrOne(.choice(["failed", "input", "timeout"])),
      "After which failures: of the stage itself, of a source that is missing or moved, of time that ran out; all of them unless given.",
      affectsOutput: false),
  ]

  /// What a stage that draws random numbers may have beside these.
  package static let randomnessFields: [Field] = [
    .optional(
      "seed", .int(0...Int64.max), "Replaces the pipeline's seed for this stage.",
      affectsOutput: false),
    .optional(
      "salt", .text,
      "Tells the random numbers of stages apart; the stage's name unless given. Set it to rename a stage without changing its bytes.",
      affectsOutput: false),
  ]
}
