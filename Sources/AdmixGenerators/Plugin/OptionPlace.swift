package import AdmixModel
package import AdmixSpec

extension Node {
  /// Where a line of a text stands, counted from 1 within it; the whole of it where that is not known.
  package func place(line: Int?) -> SourceSpan {
    // Of a block scalar, the mark is known, and the text begins on the line below.
    guard let line, line >= 1, let text, text.contains("\n"), span.length <= 3,
      line <= text.split(separator: "\n", omittingEmptySubsequences: false).count
    else { return span }
    return SourceSpan(file: span.file, line: span.line + line, column: 1)
  }
}
