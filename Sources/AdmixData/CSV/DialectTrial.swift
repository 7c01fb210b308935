import AdmixModel

/// How the beginning of a file reads with one dialect, as figures to compare dialects by.
///
/// The measure is that of van den Burg, Nazábal and Sutton, "Wrangling messy CSV files by detecting row
/// and type patterns" (2019): dialects are good that cut many records into the same number of fields,
/// more than one, and whose fields look like values.
struct DialectTrial {
  let dialect: CSVDialect
  /// How many records there are of each number of fields.
  private(set) var shapes: [Int: Int] = [:]
  private(set) var records = 0
  private(set) var firstFields = 0
  private var cells = 0
  private var likelyCells = 0
  /// Quoted fields that a delimiter or line end follows, as it should.
  private(set) var soundQuotes = 0
  /// Quoted fields that something else follows.
  private(set) var oddQuotes = 0
  /// The sample ends within quotes.
  private(set) var isOpen = false
  /// The sample ends within quotes of its first record, and the file goes on.
  private(set) var isCut = false
  /// Every field after the first of a record begins with a space, and there is one.
  private(set) var isSpaced = true
  private var laterFields = 0
  private var numbers: [Int: Int] = [:]

  /// - Parameters:
  ///   - sample: whole lines.
  ///   - isAll: the file ends with it.
  init(_ sample: [UInt8], _ dialect: CSVDialect, isAll: Bool, limit: Int) {
    self.dialect = dialect
    let delimiter = dialect.delimiter
    let quote = dialect.quote.map(Int.init) ?? -1
    let escape = dialect.escape.map(Int.init) ?? -1
    let comment = dialect.comment.map(Int.init) ?? -1
    sample.withUnsafeBufferPointer { text in
      let count = text.count
      var at = 0
      while at < count, records < limit {
        if text[at] == 0x0a || text[at] == 0x0d {
          at += 1
          continue
        }
        if Int(text[at]) == comment {
          while at < count, text[at] != 0x0a, text[at] != 0x0d { at += 1 }
          continue
        }
        var fields = 0
        var isRowOpen = true
        while isRowOpen {
          let start = at
          var isQuoted = false
          var from = at
          while from < count, text[from] == 0x20, delimiter != 0x20 { from += 1 }
          if fields > 0 {
            laterFields += 1
            if from == start { isSpaced = false }
          }
          if from < count, Int(text[from]) == quote, from == start || dialect.trimsSpaces {
            isQuoted = true
            at = from + 1
            while at < count {
              if Int(text[at]) == escape, escape != quote {
                at += 2
                continue
              }
              if Int(text[at]) == quote {
                if at + 1 < count, Int(text[at + 1]) == quote { at += 1 } else { break }
              }
              at += 1
            }
            if at >= count {
              isOpen = isAll
              isCut = !isAll && records == 0
              return
            }
            at += 1
            let close = at
            while at < count, text[at] != delimiter, text[at] != 0x0a, text[at] != 0x0d { at += 1 }
            if (close..<at).allSatisfy({ text[$0] == 0x20 }) {
              soundQuotes += 1
            } else {
              oddQuotes += 1
              isQuoted = false
            }
          } else {
            while at < count, text[at] != delimiter, text[at] != 0x0a, text[at] != 0x0d { at += 1 }
          }
          let cell = UnsafeBufferPointer(rebasing: text[start..<min(at, count)])
          cells += 1
          if isQuoted || Self.isLikely(cell) { likelyCells += 1 }
          if Self.isNumeric(cell) { numbers[fields, default: 0] += 1 }
          fields += 1
          if at < count, text[at] == delimiter {
            at += 1
            continue
          }
          at += 1
          isRowOpen = false
        }
        shapes[fields, default: 0] += 1
        if records == 0 { firstFields = fields }
        records += 1
      }
    }
    if laterFields == 0 { isSpaced = false }
  }

  /// The most frequent number of fields; the larger of two.
  var width: Int {
    shapes.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? 0
  }

  /// A column is a number or a time in nearly every record.
  var hasNumbers: Bool { numbers.values.contains { $0 * 10 >= records * 9 } }

  /// Higher is likelier; 0 where it cannot be.
  var score: Double {
    guard records > 0, cells > 0, !isOpen else { return 0 }
    var consistency = 0.0
    for (fields, count) in shapes {
      consistency += Double(count) * max(0.001, Double(fields - 1)) / Double(fields)
    }
    // By record, so that quoted line ends, which make fewer records, do not count against quotes.
    consistency /= Double(shapes.count) * Double(records)
    if firstFields != width { consistency *= 0.6 }
    let likely = max(1e-10, Double(likelyCells) / Double(cells))
    let sound = Double(soundQuotes + 1) / Double(soundQuotes + oddQuotes + 1)
    return consistency * likely * sound
  }

  /// What a field by itself tends to be: a number, a date, a word or a few of them.
  private static func isLikely(_ cell: UnsafeBufferPointer<UInt8>) -> Bool {
    if isNumeric(cell) { return true }
    for byte in cell {
      switch byte {
      case 0x22, UInt8(ascii: ";"), UInt8(ascii: "|"), UInt8(ascii: ","), 0x00...0x1f, 0x7f:
        return false
      default: continue
      }
    }
    return true
  }

  /// Digits with whatever stands in numbers, amounts, dates and times; nothing counts too.
  private static func isNumeric(_ cell: UnsafeBufferPointer<UInt8>) -> Bool {
    var hasDigit = false
    for byte in cell {
      switch byte {
      case 0x30...0x39: hasDigit = true
      case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: ","),
        UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "%"), UInt8(ascii: "$"),
        UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "T"), UInt8(ascii: "Z"), 0x20,
        0x80...0xff:
        continue
      default: return false
      }
    }
    return hasDigit || cell.isEmpty
  }
}
