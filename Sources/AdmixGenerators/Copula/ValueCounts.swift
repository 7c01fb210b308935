import AdmixModel
/// How often each number occurs: exact up to a limit of distinct values, then a summary of quantiles.
///
/// Above the limit, neighbouring rare values are counted together under the largest of them, so the
/// distribution function stays exact at every value that is kept; frequent values stay alone. Each
/// compression moves no quantile by more than 1/8192.
struct ValueCounts: Equatable {
  static let limit = 32_768

  /// Rising.
  private(set) var values: [Double] = []
  private(set) var counts: [Int64] = []
  /// Whether every value is still counted alone.
  private(set) var isExact = true

  var total: Int64 { counts.reduce(0, +) }

  init() {}

  /// - Parameter sorted: rising, without values that are not numbers.
  init(sorted: [Double]) {
    for value in sorted {
      if value == values.last {
        counts[counts.count - 1] += 1
      } else {
        values.append(value)
        counts.append(1)
      }
    }
    compress()
  }

  /// - Parameter pairs: rising values with their counts.
  init(values: [Double], counts: [Int64]) {
    self.values = values
    self.counts = counts
    compress()
  }

  mutating func merge(_ other: ValueCounts) {
    var values: [Double] = []
    var counts: [Int64] = []
    values.reserveCapacity(self.values.count + other.values.count)
    counts.reserveCapacity(values.capacity)
    var i = 0
    var j = 0
    while i < self.values.count || j < other.values.count {
      let takesMine =
        j == other.values.count || (i < self.values.count && self.values[i] <= other.values[j])
      if takesMine, j < other.values.count, self.values[i] == other.values[j] {
        values.append(self.values[i])
        counts.append(self.counts[i] + other.counts[j])
        i += 1
        j += 1
      } else if takesMine {
        values.append(self.values[i])
        counts.append(self.counts[i])
        i += 1
      } else {
        values.append(other.values[j])
        counts.append(other.counts[j])
        j += 1
      }
    }
    self.values = values
    self.counts = counts
    isExact = isExact && other.isExact
    compress()
  }

  private mutating func compress() {
    guard values.count > Self.limit else { return }
    let total = total
    let frequent = max(2, total / 4_096)
    let bucket = max(1, total / 8_192)
    var values: [Double] = []
    var counts: [Int64] = []
    var open: Int64 = 0
    for index in self.values.indices {
      let count = self.counts[index]
      // The smallest value stays alone too: it is where the first interval begins.
      if count >= frequent || index == 0 {
        if open > 0 {
          values.append(self.values[index - 1])
          counts.append(open)
          open = 0
        }
        values.append(self.values[index])
        counts.append(count)
        continue
      }
      open += count
      if open >= bucket {
        values.append(self.values[index])
        counts.append(open)
        open = 0
      }
    }
    if open > 0, let last = self.values.last {
      values.append(last)
      counts.append(open)
    }
    self.values = values
    self.counts = counts
    isExact = false
  }

  func write(to writer: inout ByteWriter) {
    writer.write(isExact ? 1 : 0)
    writer.write(values)
    writer.write(counts)
  }

  init(from reader: inout ByteReader) throws {
    isExact = try reader.int() == 1
    values = try reader.doubles()
    counts = try reader.int64s()
    guard values.count == counts.count, counts.allSatisfy({ $0 > 0 }) else {
      throw DamagedBytes()
    }
  }
}

/// Merges a long sequence pairwise, like the digits of a binary counter, so that a value goes through
/// no more compressions than the logarithm of the number of parts.
struct PairwiseMerge {
  private var stack: [(size: Int, counts: ValueCounts)] = []

  mutating func add(_ counts: ValueCounts) {
    stack.append((1, counts))
    while stack.count >= 2, stack[stack.count - 1].size == stack[stack.count - 2].size {
      let last = stack.removeLast()
      stack[stack.count - 1].counts.merge(last.counts)
      stack[stack.count - 1].size += last.size
    }
  }

  var result: ValueCounts {
    var all = ValueCounts()
    for part in stack.reversed() {
      var merged = part.counts
      merged.merge(all)
      all = merged
    }
    return all
  }
}
