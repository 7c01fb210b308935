package import AdmixModel

/// The functions of the expression language, described once.
package enum FunctionCatalog {
  package struct Function: Sendable {
    package var name: String
    /// How it is written.
    package var signature: String
    package var summary: String
    /// How many arguments it takes.
    package var arguments: ClosedRange<Int>
    /// Whether it works without columns, inside `${…}` and gates.
    package var isScalar: Bool
  }

  private static func f(
    _ signature: String, _ arguments: ClosedRange<Int>, _ summary: String, scalar: Bool = false
  ) -> Function {
    Function(
      name: String(signature.prefix { $0 != "(" }), signature: signature, summary: summary,
      arguments: arguments, isScalar: scalar)
  }

  package static let all: [Function] = [
    f("abs(x)", 1...1, "The size of a number.", scalar: true),
    f("ceil(x)", 1...1, "Up to the next whole number.", scalar: true),
    f("coalesce(a, b, …)", 1...32, "The first that is not missing.", scalar: true),
    f("concat(a, b, …)", 1...32, "Texts one after the other; missing if one is."),
    f("contains(text, part)", 2...2, "Whether the part occurs."),
    f("date(text)", 1...1, "A date from `YYYY-MM-DD`; missing where it is none."),
    f("day(when)", 1...1, "Day of the month, 1 to 31."),
    f("days_between(from, to)", 2...2, "Whole days from one date to another."),
    f("double(x)", 1...1, "As a number with fractions; texts that are no number are missing."),
    f("ends_with(text, part)", 2...2, "Whether the text ends so."),
    f("exp(x)", 1...1, "e to the power x.", scalar: true),
    f("floor(x)", 1...1, "Down to the next whole number.", scalar: true),
    f("hour(when)", 1...1, "Hour of the day, 0 to 23."),
    f(
      "if(condition, a, b)", 3...3,
      "a where the condition holds, else b (also where it is missing).", scalar: true),
    f("int(x)", 1...1, "As a whole number, towards zero; texts that are no number are missing."),
    f("length(text)", 1...1, "How many characters (Unicode scalars).", scalar: true),
    f("log(x)", 1...1, "Natural logarithm; missing for x ≤ 0 in columns.", scalar: true),
    f("lower(text)", 1...1, "In small letters.", scalar: true),
    f("matches(text, pattern)", 2...2, "Whether the whole text fits a regular expression."),
    f("max(a, b, …)", 1...32, "The largest; missing if one is.", scalar: true),
    f("min(a, b, …)", 1...32, "The smallest; missing if one is.", scalar: true),
    f("month(when)", 1...1, "Month, 1 to 12."),
    f("replace(text, part, by)", 3...3, "Every occurrence replaced."),
    f("round(x, digits)", 1...2, "To the nearest, halves away from zero.", scalar: true),
    f("sigmoid(x)", 1...1, "1 / (1 + exp(-x)): a score as a chance."),
    f("sqrt(x)", 1...1, "Square root; missing for x < 0 in columns.", scalar: true),
    f("starts_with(text, part)", 2...2, "Whether the text begins so."),
    f("text(x)", 1...1, "As text."),
    f("trim(text)", 1...1, "Without white space at the ends."),
    f("upper(text)", 1...1, "In capital letters.", scalar: true),
    f("weekday(when)", 1...1, "1 for Monday to 7 for Sunday."),
    f("year(when)", 1...1, "The year."),
  ]

  package static let byName: [String: Function] = Dictionary(
    all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

  package static func unknown(_ name: String, at span: SourceSpan, scalarOnly: Bool = false)
    -> Diagnostic
  {
    if scalarOnly, byName[name] != nil {
      return .error("AX0504", at: span, "'\(name)' works on columns only")
    }
    return .error(
      "AX0504", at: span, "unknown function '\(name)'",
      hint: Spelling.closest(to: name, among: all.map(\.name)).map { "did you mean '\($0)'?" })
  }
}
