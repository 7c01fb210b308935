package import AdmixData
import AdmixModel

/// How often each value of one column occurs; parts of a dataset merge.
///
/// Numbers, dates and times are counted as doubles (whole numbers beyond 2⁵³ fall together with their
/// neighbours), everything else by its UTF-8 bytes. NaN counts as missing. Where there are more
/// different numbers than `mostNumbers`, the last binary digits of all are cut off until they fit, so
/// that memory does not grow with rows; how many digits depends on the numbers alone, not on the order
/// in which parts were merged.
package struct ValueCounts: Sendable, Equatable {
  package enum Values: Sendable, Equatable {
    /// Rising, each once.
    case numbers([Double], counts: [Int])
    /// Rising by bytes, each once.
    case texts([String], counts: [Int])
    /// More different texts than are worth comparing.
    case tooMany
  }

  package private(set) var values: Values
  package var missing: Int
  /// How many binary digits were cut off the end of every number.
  package private(set) var cut: Int

  package init(values: Values, missing: Int, cut: Int = 0) {
    self.values = values
    self.missing = missing
    self.cut = cut
  }

  /// More different numbers of a column are not told apart.
  package static let mostNumbers = 1 << 18

  /// Free text beyond this is not compared value by value.
  package static let mostTexts = 1000

  /// Rows that have a value; 0 for `tooMany`.
  package var present: Int {
    switch values {
    case .numbers(_, let counts), .texts(_, let counts): counts.reduce(0, +)
    case .tooMany: 0
    }
  }

  package var rows: Int { present + missing }

  package init(_ column: Column, isText: Bool) {
    var missing = 0
    switch column.values {
    case .int, .double, .date, .datetime:
      var numbers = column.numbers
      let rows = numbers.count
      numbers.removeAll { $0.isNaN }
      missing = rows - numbers.count
      numbers.sort()
      let (values, counts) = Self.runs(numbers)
      self.init(values: .numbers(values, counts: counts), missing: missing)
      shorten()
    case .bool(let bits):
      var counts = [0, 0]
      for row in 0..<bits.count {
        if column.isMissing(row) { missing += 1 } else { counts[bits[row] ? 1 : 0] += 1 }
      }
      self.init(
        values: .texts(
          ["false", "true"].enumerated().filter { counts[$0.offset] > 0 }.map(\.element),
          counts: counts.filter { $0 > 0 }), missing: missing)
    case .category(let codes, let categories):
      var counts = [Int](repeating: 0, count: categories.count)
      for row in 0..<codes.count {
        if column.isMissing(row) { missing += 1 } else { counts[Int(codes[row])] += 1 }
      }
      let used = categories.indices.filter { counts[$0] > 0 }
      if isText || used.count <= Self.mostTexts {
        self.init(
          values: .texts(used.map { categories[$0] }, counts: used.map { counts[$0] }),
          missing: missing)
      } else {
        self.init(values: .tooMany, missing: missing)
      }
    case .text(let texts):
      var rows = (0..<texts.count).filter { !column.isMissing($0) }
      missing = texts.count - rows.count
      rows.sort { texts.utf8($0).lexicographicallyPrecedes(texts.utf8($1)) }
      var values: [String] = []
      var counts: [Int] = []
      var last: Int?
      for row in rows {
        if let last, texts.utf8(last).elementsEqual(texts.utf8(row)) {
          counts[counts.count - 1] += 1
        } else {
          values.append(texts[row])
          counts.append(1)
          last = row
          if values.count > Self.mostTexts { break }
        }
      }
      self.init(
        values: values.count > Self.mostTexts ? .tooMany : .texts(values, counts: counts),
        missing: missing)
    }
  }

  private static func runs(_ sorted: [Double]) -> ([Double], [Int]) {
    var values: [Double] = []
    var counts: [Int] = []
    for value in sorted {
      if let last = values.last, last == value {
        counts[counts.count - 1] += 1
      } else {
        values.append(value)
        counts.append(1)
      }
    }
    return (values, counts)
  }

  package mutating func merge(_ other: ValueCounts) {
    missing += other.missing
    switch (values, other.values) {
    case (.numbers, .numbers):
      let digits = max(cut, other.cut)
      shorten(to: digits)
      guard case .numbers(let a, let ca) = values,
        case .numbers(let b, let cb) = other.shortened(to: digits).values
      else { return }
      let (values, counts) = Self.merged(a, ca, b, cb) { $0 < $1 }
      self.values = .numbers(values, counts: counts)
      shorten()
    case (.texts(let a, let ca), .texts(let b, let cb)):
      let (values, counts) = Self.merged(a, ca, b, cb) {
        $0.utf8.lexicographicallyPrecedes($1.utf8)
      }
      self.values =
        values.count > Self.mostTexts ? .tooMany : .texts(values, counts: counts)
    default: values = .tooMany
    }
  }

  private static func merged<Value>(
    _ a: [Value], _ ca: [Int], _ b: [Value], _ cb: [Int], _ precedes: (Value, Value) -> Bool
  ) -> ([Value], [Int]) {
    if b.isEmpty { return (a, ca) }
    if a.isEmpty { return (b, cb) }
    var values: [Value] = []
    var counts: [Int] = []
    values.reserveCapacity(a.count + b.count)
    counts.reserveCapacity(a.count + b.count)
    var i = 0
    var j = 0
    while i < a.count || j < b.count {
      if j == b.count || i < a.count && precedes(a[i], b[j]) {
        values.append(a[i])
        counts.append(ca[i])
        i += 1
      } else if i == a.count || precedes(b[j], a[i]) {
        values.append(b[j])
        counts.append(cb[j])
        j += 1
      } else {
        values.append(a[i])
        counts.append(ca[i] + cb[j])
        i += 1
        j += 1
      }
    }
    return (values, counts)
  }
}

extension ValueCounts {
  /// With at least this many digits cut off: two columns are compared at one precision.
  package func shortened(to digits: Int) -> ValueCounts {
    var copy = self
    copy.shorten(to: digits)
    return copy
  }

  private mutating func shorten(to digits: Int) {
    guard digits > cut, case .numbers(let numbers, let counts) = values else { return }
    cut = digits
    let mask = ~UInt64(0) << UInt64(digits)
    var kept: [Double] = []
    var sums: [Int] = []
    for (number, count) in zip(numbers, counts) {
      // Towards zero, so the order stays.
      let short = number.isInfinite ? number : Double(bitPattern: number.bitPattern & mask)
      if let last = kept.last, last == short {
        sums[sums.count - 1] += count
      } else {
        kept.append(short)
        sums.append(count)
      }
    }
    values = .numbers(kept, counts: sums)
  }

  private mutating func shorten() {
    while case .numbers(let numbers, _) = values, numbers.count > Self.mostNumbers, cut < 48 {
      shorten(to: cut + 2)
    }
  }

  package func write(to out: inout PackedWriter) {
    out.append(missing)
    switch values {
    case .numbers(let values, let counts):
      out.append(0)
      out.append(cut)
      out.append(values)
      out.append(counts)
    case .texts(let values, let counts):
      out.append(1)
      out.append(values.count)
      for value in values { out.append(value) }
      out.append(counts)
    case .tooMany: out.append(2)
    }
  }

  package init(from reader: inout PackedReader) throws {
    let missing = try reader.int()
    switch try reader.int() {
    case 0:
      let cut = try reader.int()
      let values = try reader.doubles()
      let counts = try reader.ints()
      guard values.count == counts.count, (0...48).contains(cut) else {
        throw PackedReader.damaged
      }
      self.init(values: .numbers(values, counts: counts), missing: missing, cut: cut)
    case 1:
      let count = try reader.count()
      var values: [String] = []
      for _ in 0..<count { values.append(try reader.text()) }
      let counts = try reader.ints()
      guard values.count == counts.count else { throw PackedReader.damaged }
      self.init(values: .texts(values, counts: counts), missing: missing)
    case 2: self.init(values: .tooMany, missing: missing)
    default: throw PackedReader.damaged
    }
  }
}

extension Column {
  /// The values as numbers, NaN where missing; empty for types that have no distance.
  package var numbers: [Double] {
    var out: [Double] = []
    switch values {
    case .int(let buffer), .datetime(let buffer): out = buffer.unsafe.map { Double($0) }
    case .double(let buffer): out = buffer.array
    case .date(let buffer): out = buffer.unsafe.map { Double($0) }
    case .bool, .text, .category: return []
    }
    if validity != nil {
      for row in out.indices where isMissing(row) { out[row] = .nan }
    }
    return out
  }
}
