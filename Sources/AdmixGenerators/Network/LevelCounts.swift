import AdmixData
import AdmixModel

/// How often each value of a column occurs in one partition, categories by their text.
enum LevelCounts {
  case numeric(NumericCounts)
  case texts(TextCounts)

  init(_ column: Column, textLimit: Int) {
    switch column.values {
    case .int(let buffer), .datetime(let buffer):
      self = .numeric(NumericCounts(buffer, column.validity))
    case .date(let buffer): self = .numeric(NumericCounts(buffer, column.validity))
    case .double(let buffer): self = .numeric(NumericCounts(buffer, column.validity))
    case .category(let codes, let categories):
      var occurrences = [Int64](repeating: 0, count: categories.count)
      var missing: Int64 = 0
      let values = codes.unsafe
      for row in 0..<values.count {
        if column.isMissing(row) { missing += 1 } else { occurrences[Int(values[row])] += 1 }
      }
      let present = zip(categories, occurrences).filter { $0.1 > 0 }
      self = .texts(
        TextCounts(
          Dictionary(present.map { (ExactText($0), $1) }, uniquingKeysWith: +), missing: missing,
          limit: .max))
    case .bool(let bits):
      var occurrences: [ExactText: Int64] = [:]
      var missing: Int64 = 0
      for row in 0..<bits.count {
        if column.isMissing(row) {
          missing += 1
        } else {
          occurrences[bits[row] ? Self.yes : Self.no, default: 0] += 1
        }
      }
      self = .texts(TextCounts(occurrences, missing: missing, limit: .max))
    case .text(let texts):
      var occurrences: [ExactText: Int64] = [:]
      var missing: Int64 = 0
      for row in 0..<texts.count {
        if column.isMissing(row) {
          missing += 1
        } else {
          occurrences[ExactText(texts[row]), default: 0] += 1
        }
      }
      self = .texts(TextCounts(occurrences, missing: missing, limit: textLimit))
    }
  }

  private static let yes = ExactText("true")
  private static let no = ExactText("false")

  func write(to writer: inout ByteWriter) {
    switch self {
    case .numeric(let counts):
      writer.write(1)
      counts.write(to: &writer)
    case .texts(let counts):
      writer.write(2)
      counts.write(to: &writer)
    }
  }

  init(from reader: inout ByteReader) throws {
    switch try reader.int() {
    case 1: self = .numeric(try NumericCounts(from: &reader))
    case 2: self = .texts(try TextCounts(from: &reader))
    default: throw DamagedBytes()
    }
  }
}

extension TextCounts {
  fileprivate init(_ occurrences: [ExactText: Int64], missing: Int64, limit: Int) {
    self.init(limit: limit)
    self.missing = missing
    add(occurrences)
  }
}

/// The counts of one column over partitions, which are added in order.
struct MergedLevelCounts {
  private var values = PairwiseMerge()
  private var joined: NumericCounts?
  /// Partitions with texts, merged pairwise like `values`, so that each text is sorted few times.
  private var texts: [(size: Int, counts: TextCounts)] = []

  mutating func add(_ counts: LevelCounts) {
    switch counts {
    case .numeric(let next):
      values.add(next.counts)
      if joined == nil { joined = next } else { joined?.join(next) }
    case .texts(let next):
      texts.append((1, next))
      while texts.count >= 2, texts[texts.count - 1].size == texts[texts.count - 2].size {
        let last = texts.removeLast()
        texts[texts.count - 1].counts.merge(last.counts)
        texts[texts.count - 1].size += last.size
      }
    }
  }

  /// Nil where nothing was added.
  var result: LevelCounts? {
    if var numeric = joined {
      numeric.counts = values.result
      return .numeric(numeric)
    }
    guard let last = texts.last else { return nil }
    var all = last.counts
    for part in texts.dropLast().reversed() {
      var merged = part.counts
      merged.merge(all)
      all = merged
    }
    return .texts(all)
  }
}
