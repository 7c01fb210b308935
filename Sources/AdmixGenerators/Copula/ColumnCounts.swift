import AdmixData
import AdmixModel

/// What the first pass notes about one column.
enum ColumnCounts {
  case numeric(NumericCounts)
  /// Of false and of true.
  case flags(counts: [Int64], missing: Int64)
  /// The categories that occur; their order is the partition's.
  case categories(names: [String], counts: [Int64], missing: Int64)
  case texts(TextCounts)
  /// Keys are made, not learned.
  case none

  static func of(_ column: Column, as entry: ColumnPlan.Entry) -> ColumnCounts {
    if entry.treatment == .key { return .none }
    switch column.values {
    case .int(let buffer), .datetime(let buffer):
      return .numeric(NumericCounts(buffer, column.validity))
    case .date(let buffer): return .numeric(NumericCounts(buffer, column.validity))
    case .double(let buffer): return .numeric(NumericCounts(buffer, column.validity))
    case .category(let codes, let categories):
      var counts = [Int64](repeating: 0, count: categories.count)
      var missing: Int64 = 0
      let values = codes.unsafe
      for row in 0..<values.count {
        if column.isMissing(row) { missing += 1 } else { counts[Int(values[row])] += 1 }
      }
      let present = counts.indices.filter { counts[$0] > 0 }
      return .categories(
        names: present.map { categories[$0] }, counts: present.map { counts[$0] }, missing: missing)
    case .bool(let bits):
      var counts: [Int64] = [0, 0]
      var missing: Int64 = 0
      for row in 0..<bits.count {
        if column.isMissing(row) { missing += 1 } else { counts[bits[row] ? 1 : 0] += 1 }
      }
      return .flags(counts: counts, missing: missing)
    case .text(let texts):
      var counts = TextCounts(
        limit: entry.treatment == .resampled
          ? TextPolicy.resampledLevels : TextPolicy.learnedLevels + 1)
      var byText: [ExactText: Int64] = [:]
      for row in 0..<texts.count {
        if column.isMissing(row) {
          counts.missing += 1
        } else {
          byText[ExactText(texts[row]), default: 0] += 1
        }
      }
      counts.add(byText)
      return .texts(counts)
    }
  }

  func write(to writer: inout ByteWriter) {
    switch self {
    case .none: writer.write(0)
    case .numeric(let counts):
      writer.write(1)
      counts.write(to: &writer)
    case .flags(let counts, let missing):
      writer.write(2)
      writer.write(counts)
      writer.write(missing)
    case .categories(let names, let counts, let missing):
      writer.write(4)
      writer.write(counts)
      for name in names { writer.write(name) }
      writer.write(missing)
    case .texts(let counts):
      writer.write(3)
      counts.write(to: &writer)
    }
  }

  init(from reader: inout ByteReader) throws {
    switch try reader.int() {
    case 0: self = .none
    case 1: self = .numeric(try NumericCounts(from: &reader))
    case 2: self = .flags(counts: try reader.int64s(), missing: try reader.int64())
    case 4:
      let counts = try reader.int64s()
      self = .categories(
        names: try counts.map { _ in try reader.text() }, counts: counts,
        missing: try reader.int64())
    case 3: self = .texts(try TextCounts(from: &reader))
    default: throw DamagedBytes()
    }
  }
}

/// Counts of numbers, with what is needed to restore how they were written.
struct NumericCounts {
  var counts: ValueCounts
  var missing: Int64 = 0
  /// Values that are not finite; learned as missing.
  var notFinite: Int64 = 0
  /// Whole numbers that a double cannot hold exactly.
  var tooLarge: Int64 = 0
  /// Digits after the point that are enough for every value; nil where more than nine.
  var decimals: Int? = 0
  /// The greatest common divisor of the differences of whole numbers; 0 where there are none.
  var step: Int64 = 0

  init(counts: ValueCounts) { self.counts = counts }

  init(_ buffer: Buffer<Int64>, _ validity: Bitmap?) {
    self.init(whole: buffer.count, validity) { buffer.unsafe[$0] }
  }

  init(_ buffer: Buffer<Int32>, _ validity: Bitmap?) {
    self.init(whole: buffer.count, validity) { Int64(buffer.unsafe[$0]) }
  }

  private init(whole count: Int, _ validity: Bitmap?, _ value: (Int) -> Int64) {
    self.init(counts: ValueCounts())
    var low = Int64.max
    var high = Int64.min
    for row in 0..<count {
      if let validity, !validity[row] { continue }
      let x = value(row)
      low = min(low, x)
      high = max(high, x)
    }
    guard low <= high else {
      missing = Int64(count)
      return
    }
    // Beyond 2^53 a double still holds some whole numbers, such as times in whole seconds up to the
    // year 9999.
    let bound: Int64 = 1 << 53
    if low < -bound || high > bound {
      for row in 0..<count where validity.map({ $0[row] }) ?? true {
        let x = value(row)
        if Int64(exactly: Double(x)) != x || x.magnitude >= 1 << 60 { tooLarge += 1 }
      }
      if tooLarge > 0 { return }
    }
    var values: [Double] = []
    var occurrences: [Int64] = []
    if high - low < 1 << 20 {
      // Few possible values: count them in place of sorting.
      var table = [Int64](repeating: 0, count: Int(high - low) + 1)
      table.withUnsafeMutableBufferPointer { table in
        for row in 0..<count {
          if let validity, !validity[row] { continue }
          table[Int(value(row) - low)] += 1
        }
      }
      for (offset, n) in table.enumerated() where n > 0 {
        values.append(Double(low + Int64(offset)))
        occurrences.append(n)
      }
    } else {
      var sorted: [Int64] = []
      sorted.reserveCapacity(count)
      for row in 0..<count where validity.map({ $0[row] }) ?? true { sorted.append(value(row)) }
      sorted.sort()
      for x in sorted {
        if let last = values.last, last == Double(x) {
          occurrences[occurrences.count - 1] += 1
        } else {
          values.append(Double(x))
          occurrences.append(1)
        }
      }
    }
    if let first = values.first {
      for x in values { step = Self.divisor(step, Int64(x - first)) }
    }
    missing = Int64(count) - occurrences.reduce(0, +)
    counts = ValueCounts(values: values, counts: occurrences)
  }

  init(_ buffer: Buffer<Double>, _ validity: Bitmap?) {
    self.init(counts: ValueCounts())
    var sorted: [Double] = []
    sorted.reserveCapacity(buffer.count)
    for (row, x) in buffer.unsafe.enumerated() {
      if let validity, !validity[row] {
        missing += 1
      } else if x.isFinite {
        sorted.append(x + 0)  // −0 becomes 0
      } else {
        notFinite += 1
      }
    }
    sorted.sort()
    // The digits are looked at while every value is at hand, before any are counted together.
    var previous = Double.nan
    for x in sorted where x != previous {
      decimals = Self.decimals(of: x, atLeast: decimals)
      if decimals == nil { break }
      previous = x
    }
    counts = ValueCounts(sorted: sorted)
  }

  /// Adds what a later partition noted, but for the values, which are merged by themselves.
  mutating func join(_ other: NumericCounts) {
    // A part without values says nothing about digits and steps.
    if counts.values.isEmpty {
      let gaps = self
      self = other
      missing += gaps.missing
      notFinite += gaps.notFinite
      tooLarge += gaps.tooLarge
      return
    }
    missing += other.missing
    notFinite += other.notFinite
    tooLarge += other.tooLarge
    decimals = decimals.flatMap { mine in other.decimals.map { max(mine, $0) } }
    step = Self.divisor(step, other.step)
    if let a = counts.values.first, let b = other.counts.values.first,
      let difference = Int64(exactly: (a - b).rounded())
    {
      step = Self.divisor(step, difference)
    }
  }

  static func decimals(of x: Double, atLeast start: Int?) -> Int? {
    guard var digits = start else { return nil }
    while digits <= 9 {
      let scale = powersOfTen[digits]
      let scaled = (x * scale).rounded()
      if scaled.magnitude > 9e15 { return nil }
      if scaled / scale == x { return digits }
      digits += 1
    }
    return nil
  }

  static let powersOfTen: [Double] = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]

  private static func divisor(_ a: Int64, _ b: Int64) -> Int64 {
    var x = a.magnitude
    var y = b.magnitude
    while y != 0 { (x, y) = (y, x % y) }
    return Int64(clamping: x)
  }

  func write(to writer: inout ByteWriter) {
    counts.write(to: &writer)
    for value in [missing, notFinite, tooLarge, Int64(decimals ?? -1), step] { writer.write(value) }
  }

  init(from reader: inout ByteReader) throws {
    counts = try ValueCounts(from: &reader)
    missing = try reader.int64()
    notFinite = try reader.int64()
    tooLarge = try reader.int64()
    let digits = try reader.int()
    decimals = (0...9).contains(digits) ? digits : nil
    step = try reader.int64()
  }
}

/// Counts of texts: all of them up to a limit, then those whose digests are smallest, which is a
/// uniform choice among the distinct values whatever the order they came in.
struct TextCounts {
  var limit: Int
  /// Sorted by UTF-8 bytes.
  private(set) var texts: [String] = []
  private(set) var counts: [Int64] = []
  var missing: Int64 = 0
  private(set) var isComplete = true

  init(limit: Int) { self.limit = limit }

  mutating func add(_ more: [ExactText: Int64]) {
    var all = more
    for (text, count) in zip(texts, counts) { all[ExactText(text), default: 0] += count }
    var keys = all.keys.map(\.text)
    if keys.count > limit {
      isComplete = false
      keys = keys.map { (Digest(of: $0), $0) }.sorted { $0.0 < $1.0 }.prefix(limit).map(\.1)
    }
    texts = keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    counts = texts.map { all[ExactText($0)] ?? 0 }
  }

  mutating func merge(_ other: TextCounts) {
    missing += other.missing
    let wasComplete = isComplete && other.isComplete
    add(Dictionary(zip(other.texts.map(ExactText.init), other.counts)) { first, _ in first })
    isComplete = isComplete && wasComplete
  }

  func write(to writer: inout ByteWriter) {
    writer.write(limit)
    writer.write(texts.count)
    for text in texts { writer.write(text) }
    writer.write(counts)
    writer.write(missing)
    writer.write(isComplete ? 1 : 0)
  }

  init(from reader: inout ByteReader) throws {
    limit = try reader.int()
    let count = try reader.count()
    texts = try (0..<count).map { _ in try reader.text() }
    counts = try reader.int64s()
    missing = try reader.int64()
    isComplete = try reader.int() == 1
    guard counts.count == texts.count else { throw DamagedBytes() }
  }
}
