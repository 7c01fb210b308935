/// Turns diagnostics into the text people read.
package struct DiagnosticRenderer: Sendable {
  /// At most this many are printed in full; the rest are counted.
  package var limit: Int
  package var colour: Bool
  private let sourceLine: @Sendable (_ file: String, _ line: Int) -> String?

  /// - Parameter sourceLine: gives a line of a file, counted from 1, without its line end.
  package init(
    limit: Int = 50, colour: Bool = false,
    sourceLine: @escaping @Sendable (_ file: String, _ line: Int) -> String? = { _, _ in nil }
  ) {
    self.limit = limit
    self.colour = colour
    self.sourceLine = sourceLine
  }

  package func render(_ diagnostics: Diagnostics) -> String {
    let ordered = diagnostics.inFileOrder
    var text = ordered.prefix(limit).map(render).joined()
    if ordered.count > limit { text += "… and \(ordered.count - limit) more\n" }
    return text
  }

  package func render(_ item: Diagnostic) -> String {
    var text = ""
    if let span = item.span {
      text += span.line > 0 ? "\(span.file):\(span.line):\(span.column): " : "\(span.file): "
    }
    text += styled(item.severity.rawValue, item.severity) + ": \(item.fact) [\(item.code)]\n"
    if let span = item.span, span.line > 0, let line = sourceLine(span.file, span.line) {
      text += excerpt(line, span, item.severity)
    }
    if let cause = item.cause { text += "  cause: \(cause)\n" }
    if let hint = item.hint { text += "  hint: \(hint)\n" }
    return text
  }

  private func excerpt(_ line: String, _ span: SourceSpan, _ severity: Diagnostic.Severity)
    -> String
  {
    let scalars = Array(line.unicodeScalars)
    let column = min(max(span.column, 1), scalars.count + 1)
    // A line may be a megabyte; show the neighbourhood of the place.
    let start = column > 80 ? column - 60 : 1
    let end = min(scalars.count, start + 99)
    var shown = ""
    if start <= end {
      for scalar in scalars[(start - 1)..<end] {
        shown.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7f ? " " : scalar)
      }
    }
    let number = String(span.line)
    let width = max(1, min(span.length, max(1, end - column + 1)))
    let gutter = String(repeating: " ", count: number.count + 2)
    let caret = "^" + String(repeating: "~", count: width - 1)
    return "  \(number) | \(shown)\n\(gutter) | "
      + String(repeating: " ", count: column - start) + styled(caret, severity) + "\n"
  }

  private func styled(_ text: String, _ severity: Diagnostic.Severity) -> String {
    guard colour else { return text }
    let code =
      switch severity {
      case .error: "31"
      case .warning: "33"
      case .note: "36"
      }
    return "\u{1B}[1;\(code)m\(text)\u{1B}[0m"
  }
}
