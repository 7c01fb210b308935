import AdmixModel
import AdmixSpec

/// Stage kinds for tests: small ones that show one thing each, and a set like the real one.
enum Kinds {
  static func compiler(_ kinds: [KindDescription] = toys) -> SpecCompiler {
    SpecCompiler(kinds: kinds)
  }

  static let toys: [KindDescription] = [
    KindDescription(
      name: "source", revision: 1, summary: "Gives rows.",
      fields: [
        .optional("rows", .count, default: 10, "How many."),
        .optional("label", .text, "A text."),
        .optional(
          "note",
          .object([
            .optional("by", .text, "Who."), .optional("text", .text, "What.", affectsOutput: false),
          ]), "A note."),
      ], outputs: ["rows"], usesRandomness: true, example: "source: {rows: 3}"),
    KindDescription(
      name: "cut", revision: 1, summary: "Gives parts.",
      fields: [
        .required("from", .edge(.dataset), "What to cut."),
        .required("into", .map(.share), "The parts."),
      ], outputs: nil, example: "cut: {from: a, into: {x: 0.5, y: 0.5}}"),
    KindDescription(
      name: "join", revision: 1, summary: "Puts rows together.",
      fields: [
        .required("from", .listOrOne(.edge(.dataset)), "What to join."),
        .optional(
          "named",
          .map(
            .object([
              .required("from", .edge(.dataset), "Which."), .optional("share", .share, "How much."),
            ])), "By name."),
        .optional("how", .choice(["append", "zip"]), default: "append", "In which way."),
      ], outputs: ["rows"], example: "join: {from: [a, b]}"),
    KindDescription(
      name: "types", revision: 1, summary: "Has an option of every type.",
      fields: [
        .optional("bool", .bool, "A truth."),
        .optional("int", .int(-5...5), "A small number."),
        .optional("count", .count, "A count."),
        .optional("number", .number(-1...1), "A number."),
        .optional(
          "any-number", .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude),
          "A number."),
        .optional("text", .text, "A text."),
        .optional("choice", .choice(["red", "green"]), "A colour."),
        .optional("path", .path, "A path."),
        .optional("digest", .digest, "A digest."),
        .optional("column", .column, "A column."),
        .optional("rule", .expression, "A rule."),
        .optional("list", .list(.int(0...9)), "Digits."),
        .optional("one", .listOrOne(.text), "Texts."),
        .optional("map", .map(.number(0...1)), "Shares."),
        .optional("ordered", .orderedMap(.text), "In order."),
        .optional(
          "object",
          .object([
            .required("x", .count, "The x."), .optional("y", .number(0...9), default: 1, "The y."),
          ]), "A pair."),
        .optional(
          "variant",
          .variant([
            Variant(
              "plain", .object([.optional("depth", .count, default: 3, "How deep.")]), "Simple."),
            Variant(
              "strict", .object([.required("level", .int(1...3), "How strict.")]), "Less simple."),
          ]), "A method."),
        .optional(
          "either", .oneOf([.number(0...1), .choice(["equal"]), .map(.number(0...1))]), "A target."),
        .optional("scalar", .scalar, "A value."),
        .optional("any", .any, "Anything."),
      ], outputs: ["rows"], example: "types: {int: 1}"),
    KindDescription(
      name: "sink", revision: 1, summary: "Writes rows.",
      fields: [
        .required("from", .edge(.dataset), "What to write."),
        .optional("to", .path, "Where."),
      ], outputs: [], example: "sink: {from: a}"),
  ]

  private static let gates = Field.optional(
    "gates",
    .list(
      .variant([
        Variant("fail", .expression, "Fails the run unless it is false."),
        Variant("warn", .expression, "Is reported when it is true."),
      ])), "Rules over the metrics.")

  private static let columnType = FieldType.choice([
    "bool", "int", "double", "text", "category", "date", "datetime",
  ])

  /// As DESIGN's example needs them.
  static let real: [KindDescription] = [
    KindDescription(
      name: "ingest", revision: 1, summary: "Reads tables from files.",
      fields: [
        .required("from", .listOrOne(.path), "A path, a glob, a folder or a URL."),
        .optional("sha256", .digest, "The digest of the file."),
        .optional(
          "format",
          .variant([
            Variant(
              "csv",
              .object([
                .optional("header", .bool, default: true, "Whether the first line has the names."),
                .optional("trim", .bool, default: false, "Whether blanks around values go."),
                .optional("delimiter", .text, "What stands between values."),
              ]), "Comma-separated values."),
            Variant("parquet", .object([]), "Apache Parquet."),
          ]), "How the file is written; found out by itself unless given."),
        .optional("missing", .listOrOne(.text), default: [""], "Words that stand for no value."),
        .optional(
          "columns",
          .orderedMap(
            .oneOf([
              columnType,
              .object([
                .optional("type", columnType, "The type."),
                .optional(
                  "role", .choice(["label", "protected", "id", "pii", "time", "ignore"]),
                  "The role."),
              ]),
            ])), "Names, types and roles."),
      ], outputs: ["rows"],
      example: "ingest:\n  from: data/people.csv\n  columns:\n    - age: int"),
    KindDescription(
      name: "split", revision: 1, summary: "Cuts a dataset into parts.",
      fields: [
        .required("from", .edge(.dataset), "The dataset."),
        .required("into", .map(.share), "The parts, with their shares."),
        .optional("stratify", .listOrOne(.column), "Columns whose mix each part keeps."),
      ], outputs: nil, usesRandomness: true,
      example: "split: {from: census, into: {train: 0.8, holdout: 0.2}}"),
    KindDescription(
      name: "generate", revision: 1, summary: "Makes synthetic rows.",
      fields: [
        .optional("learn", .edge(.dataset), "The dataset to learn from."),
        .required(
          "with",
          .variant([
            Variant(
              "gaussian-copula",
              .object([
                .optional(
                  "tails", .choice(["empirical", "pareto"]), default: "empirical",
                  "How tails are drawn.")
              ]), "Marginals and a correlation."),
            Variant(
              "rules", .object([.required("columns", .orderedMap(.any), "The columns.")]),
              "Declared distributions."),
          ]), "The generator."),
        .required("rows", .count, "How many rows."),
        .optional("where", .map(.scalar), "Values that all rows have."),
        .optional("keep", .list(.expression), "What all rows satisfy."),
      ], outputs: ["rows", "model"], usesRandomness: true,
      example: "generate:\n  learn: train\n  with: gaussian-copula\n  rows: 1000"),
    KindDescription(
      name: "mix", revision: 1, summary: "Blends datasets in chosen shares.",
      fields: [
        .required("rows", .count, "How many rows the blend has."),
        .required(
          "parts",
          .map(
            .object([
              .required("from", .edge(.dataset), "The dataset."),
              .required("share", .share, "Its part of the blend."),
            ])), "The parts by name."),
        .optional(
          "balance",
          .object([
            .required("by", .listOrOne(.column), "Columns."),
            .required("to", .oneOf([.choice(["equal"]), .map(.share)]), "The target."),
          ]), "A target distribution."),
      ], outputs: ["rows"], usesRandomness: true,
      example: "mix:\n  rows: 100\n  parts:\n    a: {from: a, share: 1}"),
    KindDescription(
      name: "fairness", revision: 1, summary: "Measures how groups are treated.",
      fields: [
        .required("of", .edge(.dataset), "The dataset."),
        .optional("against", .listOrOne(.edge(.dataset)), "What to show beside it."),
        .required(
          "label",
          .oneOf([
            .column,
            .object([
              .required("column", .column, "The column."),
              .required("positive", .scalar, "The favourable value."),
            ]),
          ]), "The outcome."),
        .required(
          "protected", .list(.oneOf([.column, .list(.column)])),
          "Columns; a list inside is an intersection."),
        gates,
      ], outputs: ["report"],
      example:
        "fairness:\n  of: blend\n  label: {column: income, positive: high}\n  protected: [sex]"),
    KindDescription(
      name: "validate", revision: 1, summary: "Measures fidelity, utility and privacy.",
      fields: [
        .required("of", .edge(.dataset), "The dataset."),
        .optional("reference", .edge(.dataset), "The real rows."),
        .optional("holdout", .edge(.dataset), "Real rows nobody learned from."),
        .optional(
          "expect",
          .list(
            .object([
              .optional("column", .column, "The column."),
              .optional("between", .list(.scalar), "Lowest and highest value."),
              .optional("in", .list(.scalar), "All values."),
            ])), "What must hold."),
        .optional("fidelity", .object([]), "Compares distributions."),
        .optional(
          "utility",
          .object([
            .required("target", .column, "What to predict."),
            .optional("models", .list(.choice(["logistic", "xgboost"])), "The models."),
          ]), "Trains on synthetic, tests on real."),
        .optional("privacy", .object([]), "Looks for copies."),
        gates,
      ], outputs: ["report"], example: "validate: {of: blend, fidelity: {}}"),
    KindDescription(
      name: "export", revision: 1, summary: "Writes a dataset for others.",
      fields: [
        .required("from", .edge(.dataset), "The dataset."),
        .required("to", .path, "Where, relative to the pipeline."),
        .optional("card", .bool, default: false, "Whether a dataset card is written beside it."),
      ], outputs: [], usesPipelineFacts: true,
      example: "export: {from: blend, to: out/blend.parquet}"),
  ]
}
