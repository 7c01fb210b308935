/// Something a person has to know about their input: place, fact, cause, way out.
///
/// Code that finds a problem makes a value; `DiagnosticRenderer` makes the text.
package struct Diagnostic: Error, Hashable, Sendable, Codable {
  package enum Severity: String, Sendable, Codable, Comparable {
    case note, warning, error

    package static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }
    private var rank: Int {
      switch self {
      case .note: 0
      case .warning: 1
      case .error: 2
      }
    }
  }

  package var severity: Severity
  /// A stable name such as `AX0304`, with a page of its own under `docs/diagnostics`.
  package var code: String
  package var span: SourceSpan?
  /// What is so, in a few words that quote the user's own.
  package var fact: String
  package var cause: String?
  /// Something to type, where there is one.
  package var hint: String?

  package init(
    _ severity: Severity, _ code: String, at span: SourceSpan?, _ fact: String,
    cause: String? = nil, hint: String? = nil
  ) {
    self.severity = severity
    self.code = code
    self.span = span
    self.fact = fact
    self.cause = cause
    self.hint = hint
  }

  package static func error(
    _ code: String, at span: SourceSpan? = nil, _ fact: String, cause: String? = nil,
    hint: String? = nil
  ) -> Diagnostic {
    Diagnostic(.error, code, at: span, fact, cause: cause, hint: hint)
  }

  package static func warning(
    _ code: String, at span: SourceSpan? = nil, _ fact: String, cause: String? = nil,
    hint: String? = nil
  ) -> Diagnostic {
    Diagnostic(.warning, code, at: span, fact, cause: cause, hint: hint)
  }
}

/// All the problems of one input, in the order they were found.
package struct Diagnostics: Error, Hashable, Sendable, Codable {
  package private(set) var items: [Diagnostic] = []

  package init(_ items: [Diagnostic] = []) { self.items = items }

  package var hasErrors: Bool { items.contains { $0.severity == .error } }
  package var isEmpty: Bool { items.isEmpty }

  package mutating func append(_ item: Diagnostic) {
    if !items.contains(item) { items.append(item) }
  }

  package mutating func append(contentsOf other: Diagnostics) {
    for item in other.items { append(item) }
  }

  /// The items in the order of the file, those without a place last.
  package var inFileOrder: [Diagnostic] {
    items.enumerated().sorted { a, b in
      switch (a.element.span, b.element.span) {
      case (let x?, let y?):
        if x.file != y.file { return a.offset < b.offset }
        if x.line != y.line { return x.line < y.line }
        if x.column != y.column { return x.column < y.column }
        return a.offset < b.offset
      case (.some, nil): return true
      case (nil, .some): return false
      case (nil, nil): return a.offset < b.offset
      }
    }.map(\.element)
  }

  /// Throws itself if there is an error among the items.
  package func check() throws(Diagnostics) {
    if hasErrors { throw self }
  }
}
