import AdmixModel

/// What can be wrong with training data, said in one way by the generators that learn.
enum LearningProblem {
  static func noRows(_ span: SourceSpan?) -> Diagnostic {
    .error(
      "AX0605", at: span, "the training data has no rows",
      cause: "there is nothing to learn a distribution from")
  }

  static func noColumns(_ leftOut: [(name: String, reason: String)], _ span: SourceSpan?)
    -> Diagnostic
  {
    .error(
      "AX0605", at: span, "the training data has no column to learn",
      cause: leftOut.map { "'\($0.name)': \($0.reason)" }.joined(separator: "; "))
  }

  /// One note per reason.
  static func notGenerated(_ leftOut: [(name: String, reason: String)], _ span: SourceSpan?)
    -> [Diagnostic]
  {
    Set(leftOut.map(\.reason)).sorted().map { reason in
      let names = leftOut.filter { $0.reason == reason }.map { "'\($0.name)'" }
      return Diagnostic(
        .note, "AX0606", at: span,
        names.count == 1
          ? "column \(names[0]) is not generated" : "\(names.count) columns are not generated",
        cause: names.count == 1
          ? reason
          : reason + ": " + names.prefix(8).joined(separator: ", ")
            + (names.count > 8 ? " and \(names.count - 8) more" : ""))
    }
  }

  static func tooLarge(_ column: String, _ count: Int64, _ span: SourceSpan?) -> Diagnostic {
    .error(
      "AX0607", at: span, "column '\(column)' has whole numbers too large to learn",
      cause: "\(count) of them are beyond 2^53, where neighbours cannot be told apart",
      hint: "give the column the role id or ignore")
  }

  static func notFinite(_ column: String, _ count: Int64, _ span: SourceSpan?) -> Diagnostic {
    .warning(
      "AX0608", at: span, "\(count) values of column '\(column)' are not finite",
      cause: "they were learned as missing")
  }

  static func freeText(_ column: String, _ generator: String, _ span: SourceSpan?) -> Diagnostic {
    .error(
      "AX0609", at: span, "column '\(column)' is free text, which \(generator) cannot learn",
      cause: "it has more than \(TextPolicy.learnedLevels) distinct values",
      hint:
        "give the column the role ignore or id where it is read, or say with: {\(generator): {text: resample}}"
    )
  }

  static func someTexts(_ column: String, _ span: SourceSpan?) -> Diagnostic {
    .warning(
      "AX0610", at: span, "column '\(column)' is resampled from some of its values",
      cause: "a model keeps at most \(TextPolicy.resampledLevels) distinct texts")
  }
}
