package import AdmixModel

/// What every sampled row's value in one column must be.
package struct Condition: Hashable, Sendable, Codable {
  package var column: String
  package var requirement: Requirement
  /// Where it was asked for; not part of what makes rows differ.
  package var span: SourceSpan?
  /// Where the column was named.
  package var columnSpan: SourceSpan?

  package init(
    column: String, requirement: Requirement, span: SourceSpan? = nil,
    columnSpan: SourceSpan? = nil
  ) {
    self.column = column
    self.requirement = requirement
    self.span = span
    self.columnSpan = columnSpan ?? span
  }

  package enum Requirement: Hashable, Sendable, Codable {
    case isMissing
    case isPresent
    /// One of these, as they were written: `Female`, `12`, `true`, `2024-05-01`.
    case oneOf([String])
    /// Within bounds; a bound is nil where there is none.
    case range(low: Bound?, high: Bound?)
  }

  package struct Bound: Hashable, Sendable, Codable {
    /// A number, date or time as it was written.
    package var text: String
    package var isInclusive: Bool

    package init(_ text: String, isInclusive: Bool) {
      self.text = text
      self.isInclusive = isInclusive
    }
  }
}
