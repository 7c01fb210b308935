import AdmixModel

/// How a file of separated values is written.
package struct CSVDialect: Hashable, Sendable, Codable {
  /// What to do with a row that has another number of fields than the first.
  package enum Ragged: String, Hashable, Sendable, Codable { case error, reject, pad }

  package var delimiter: UInt8
  /// Nil where quotes are ordinary characters.
  package var quote: UInt8?
  /// Stands before a quote inside a quoted field; beside it a doubled quote always works.
  package var escape: UInt8?
  /// Lines that begin with it are left out.
  package var comment: UInt8?
  package var trimsSpaces: Bool
  package var decimalMark: UInt8
  package var thousandsMark: UInt8?
  /// Fields that stand for a missing value.
  package var missing: [String]
  package var ragged: Ragged
  /// Rows with a value that does not fit its declared type are left out and counted.
  package var rejectsMisfits: Bool

  package init(
    delimiter: UInt8 = UInt8(ascii: ","), quote: UInt8? = UInt8(ascii: "\""), escape: UInt8? = nil,
    comment: UInt8? = nil, trimsSpaces: Bool = false, decimalMark: UInt8 = UInt8(ascii: "."),
    thousandsMark: UInt8? = nil, missing: [String] = [""], ragged: Ragged = .error,
    rejectsMisfits: Bool = false
  ) {
    self.delimiter = delimiter
    self.quote = quote
    self.escape = escape
    self.comment = comment
    self.trimsSpaces = trimsSpaces
    self.decimalMark = decimalMark
    self.thousandsMark = thousandsMark
    self.missing = missing
    self.ragged = ragged
    self.rejectsMisfits = rejectsMisfits
  }
}

/// A piece of a file that begins and ends between records.
package struct CSVRange: Hashable, Sendable, Codable {
  package var start: Int
  package var end: Int
  /// The physical line it begins on, counted from 1.
  package var line: Int
  /// How many records it holds, rejected ones included.
  package var records: Int
}
