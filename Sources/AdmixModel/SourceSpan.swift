/// A place in a text that someone wrote: file, line, column and how many characters it covers.
package struct SourceSpan: Hashable, Sendable, Codable {
  /// The path as the user gave it, relative where they wrote it so.
  package var file: String
  /// Counted from 1.
  package var line: Int
  /// Counted from 1, in Unicode scalars.
  package var column: Int
  /// In Unicode scalars, on the same line; at least 1.
  package var length: Int

  package init(file: String, line: Int, column: Int, length: Int = 1) {
    self.file = file
    self.line = line
    self.column = column
    self.length = max(1, length)
  }

  /// The part of this span that begins `offset` characters in.
  package func slice(offset: Int, length: Int = 1) -> SourceSpan {
    SourceSpan(file: file, line: line, column: column + offset, length: length)
  }
}
