import AdmixData
import AdmixEngine
import AdmixModel
import Foundation

/// The mean, median or mode of columns, to fill their missing values with.
///
/// Values that are missing, and NaN, do not count. The mean is a compensated sum (Neumaier) by
/// partition, in their order; the median of an even number of values is the mean of the two in the
/// middle; the mode is, of equally frequent values, the first in order. In whole-number columns the
/// result is rounded to the nearest, halves away from zero. The mode holds a count for each different
/// value in memory, the others no more than a partition.
enum FillStatistics {
  static let valuesStep = "fill-values"
  static let chooseStep = "fill-choose"

  static func drive(
    _ stage: any StageContext, _ manifest: DatasetManifest,
    _ fills: [(column: Operation.Named, value: JSONValue)]
  ) async throws -> [(column: Operation.Named, value: JSONValue)] {
    var result = fills
    for (index, fill) in fills.enumerated() where Operation.isStatistic(fill.value) {
      guard let column = manifest.schema[fill.column.text] else { continue }
      let schema = try JSONValue(encoding: Schema([column]))
      let values = try await stage.run(
        manifest.partitions.map {
          TaskRequest(
            step: valuesStep, parameters: ["schema": schema, "statistic": fill.value],
            inputs: ["partition": [$0]], expectedRows: $0.rows)
        }
      ).compactMap { $0.artifacts["values"]?.first }
      let chosen = try await stage.run([
        TaskRequest(
          step: chooseStep, parameters: ["schema": schema, "statistic": fill.value],
          inputs: ["values": values])
      ])
      guard let value = chosen.first?.value, value != .null else {
        throw TaskFailure(
          .error(
            "AX0529", at: fill.column.span,
            "'\(fill.column.text)' has no values to take the \(fill.value.string ?? "") of"))
      }
      result[index].value = value
    }
    return result
  }

  private struct Sum: Codable {
    var sum = 0.0
    var correction = 0.0
    var count = 0

    mutating func add(_ number: Double) {
      let next = sum + number
      correction += abs(sum) >= abs(number) ? (sum - next) + number : (number - next) + sum
      sum = next
    }
  }

  /// A value and how often it occurs; numbers of a partition in rising order.
  private struct Counts: Codable {
    var numbers: [Double] = []
    var texts: [String] = []
    var times: [Int] = []
  }

  private static func told(_ task: any TaskContext) throws -> (ColumnSchema, String) {
    guard
      let column = try task.request.parameters["schema"]?.decoded(Schema.self).columns.first,
      let statistic = task.request.parameters["statistic"]?.string
    else { throw missingInput(task.request.step) }
    return (column, statistic)
  }

  /// What a partition has to say: a sum for the mean, its numbers in order for the median, counts for
  /// the mode.
  static func values(_ task: any TaskContext) throws -> TaskOutputs {
    let (schema, statistic) = try told(task)
    guard let partition = task.request.inputs["partition"]?.first else {
      throw missingInput(valuesStep)
    }
    let batch = try task.artifacts.batch(partition, schema: Schema([schema]))
    guard let column = batch.columns.first else { throw missingInput(valuesStep) }
    task.progress(rows: batch.rows)
    let isNumber = schema.type == .int || schema.type == .double
    let numbers =
      isNumber
      ? (0..<batch.rows).compactMap { row in column.number(row).flatMap { $0.isNaN ? nil : $0 } }
      : []
    let artifact: Artifact
    switch statistic {
    case "mean":
      var sum = Sum()
      for number in numbers { sum.add(number) }
      sum.count = numbers.count
      artifact = try task.artifacts.publish(sum, kind: .statistics)
    case "median":
      var data = Data(capacity: 8 * numbers.count)
      for number in numbers.sorted() {
        withUnsafeBytes(of: number.bitPattern.littleEndian) { data.append(contentsOf: $0) }
      }
      artifact = try task.artifacts.publish(data, kind: .statistics, rows: nil)
    default:
      var counts = Counts()
      if isNumber {
        let times = Dictionary(numbers.map { ($0, 1) }, uniquingKeysWith: +)
        counts.numbers = times.keys.sorted()
        counts.times = counts.numbers.map { times[$0] ?? 0 }
      } else {
        let texts = (0..<batch.rows).compactMap { column.plainText($0) }
        let times = Dictionary(texts.map { (CellKey([$0]), 1) }, uniquingKeysWith: +)
        let keys = times.keys.sorted()
        counts.texts = keys.map { $0.values.first.flatMap { $0 } ?? "" }
        counts.times = keys.map { times[$0] ?? 0 }
      }
      artifact = try task.artifacts.publish(counts, kind: .statistics)
    }
    return TaskOutputs(["values": [artifact]])
  }

  /// Puts the partitions together; the task's value is the statistic, null where there is none.
  static func choose(_ task: any TaskContext) throws -> TaskOutputs {
    let (schema, statistic) = try told(task)
    let values = task.request.inputs["values"] ?? []
    func json(_ number: Double) -> JSONValue {
      if schema.type == .int, let whole = Int64(exactly: number.rounded()) { return .int(whole) }
      return .double(number)
    }
    switch statistic {
    case "mean":
      var all = Sum()
      for artifact in values {
        let part = try task.artifacts.decode(Sum.self, from: artifact)
        all.add(part.sum)
        all.add(part.correction)
        all.count += part.count
      }
      let mean = (all.sum + all.correction) / Double(max(1, all.count))
      return TaskOutputs(value: all.count == 0 || !mean.isFinite ? .null : json(mean))
    case "median":
      let lists = try values.map { try SortedNumbers(task.artifacts.file(of: $0)) }
      return TaskOutputs(value: SortedNumbers.median(lists).map(json) ?? .null)
    default:
      var numbers: [Double: Int] = [:]
      var texts: [CellKey: Int] = [:]
      for artifact in values {
        let part = try task.artifacts.decode(Counts.self, from: artifact)
        for (value, count) in zip(part.numbers, part.times) { numbers[value, default: 0] += count }
        for (text, count) in zip(part.texts, part.times) {
          texts[CellKey([text]), default: 0] += count
        }
      }
      if let best = numbers.min(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
        return TaskOutputs(value: json(best.key))
      }
      let best = texts.min { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
      guard let text = best?.key.values.first.flatMap({ $0 }) else { return TaskOutputs() }
      return TaskOutputs(value: schema.type == .bool ? .bool(text == "true") : .string(text))
    }
  }
}

/// Numbers in rising order, in a file that is mapped rather than read.
private struct SortedNumbers {
  private let data: Data
  private var count: Int { data.count / 8 }

  init(_ path: String) throws {
    data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
  }

  private func number(_ index: Int) -> Double {
    data.withUnsafeBytes {
      Double(
        bitPattern: UInt64(
          littleEndian: $0.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)))
    }
  }

  /// How many are at most this.
  private func count(upTo value: Double) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if number(middle) <= value { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Nil where there are no numbers at all.
  static func median(_ lists: [SortedNumbers]) -> Double? {
    let total = lists.reduce(0) { $0 + $1.count }
    guard total > 0 else { return nil }
    let high = ranked(total / 2, lists)
    if total % 2 == 1 { return high }
    let low = ranked(total / 2 - 1, lists)
    return low + (high - low) / 2
  }

  /// The number of a rank, counted from 0, by bisecting the bits of doubles in their order.
  private static func ranked(_ rank: Int, _ lists: [SortedNumbers]) -> Double {
    func value(_ word: UInt64) -> Double {
      Double(bitPattern: word >> 63 == 1 ? word ^ 1 << 63 : ~word)
    }
    func word(_ value: Double) -> UInt64 {
      value.sign == .minus ? ~value.bitPattern : value.bitPattern | 1 << 63
    }
    var low = word(-.infinity)
    var high = word(.infinity)
    while low < high {
      let middle = low + (high - low) / 2
      if lists.reduce(0, { $0 + $1.count(upTo: value(middle)) }) > rank {
        high = middle
      } else {
        low = middle + 1
      }
    }
    return value(low)
  }
}
