import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStatistics
import Foundation

/// The mean, median or mode of columns, to fill their missing values with.
///
/// Values that are missing, and NaN, do not count. The mean is an exact sum of whole numbers, or a
/// compensated one (Neumaier) of others, by partition, in their order; the median of an even number of
/// values is the mean of the two in the middle; the mode is, of equally frequent values, the first in
/// order. In whole-number columns the result is rounded to the nearest, halves away from zero. The mode
/// holds a count for each different value in memory, the others no more than a partition.
enum FillStatistics {
  static let valuesStep = "fill-values"
  static let chooseStep = "fill-choose"

  /// Without rows nothing is missing, and the fills are what they were.
  static func drive(
    _ stage: any StageContext, _ manifest: DatasetManifest,
    _ fills: [(column: Operation.Named, value: JSONValue)]
  ) async throws -> [(column: Operation.Named, value: JSONValue)] {
    var result = fills
    if manifest.rows == 0 { return result }
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
      guard let answer = try chosen.first?.value.decoded(Answer.self) else {
        throw missingInput(chooseStep)
      }
      let statistic = fill.value.string ?? ""
      switch answer {
      case .value(let value): result[index].value = value
      case .nothing:
        throw TaskFailure(
          .error(
            "AX0529", at: fill.column.span,
            "'\(fill.column.text)' has no values to take the \(statistic) of"))
      case .infinite:
        throw TaskFailure(
          .error(
            "AX0529", at: fill.column.span,
            "the \(statistic) of '\(fill.column.text)' is no finite number",
            cause: "the column holds infinite values"))
      }
    }
    return result
  }

  private enum Answer: Codable {
    case value(JSONValue)
    case nothing
    case infinite

    init(_ number: Double?) {
      self = number.map { $0.isFinite ? .value(.double($0)) : .infinite } ?? .nothing
    }

    init(_ whole: Int64?) { self = whole.map { .value(.int($0)) } ?? .nothing }
  }

  private struct Sum {
    var sum = 0.0
    var correction = 0.0
    var total: Double { sum + correction }

    mutating func add(_ number: Double) {
      let next = sum + number
      correction += abs(sum) >= abs(number) ? (sum - next) + number : (number - next) + sum
      sum = next
    }
  }

  /// Adds up numbers, and their 2^64th parts too, for where the numbers' own sum is beyond all doubles.
  private struct Mean {
    private var plain = Sum()
    private var scaled = Sum()
    private var count = 0

    init() {}

    mutating func add(_ number: Double) {
      plain.add(number)
      scaled.add(number * 0x1p-64)
      count += 1
    }

    mutating func merge(_ other: Mean) {
      plain.add(other.plain.sum)
      plain.add(other.plain.correction)
      scaled.add(other.scaled.sum)
      scaled.add(other.scaled.correction)
      count += other.count
    }

    /// Nil of nothing; not finite where a number is not.
    var value: Double? {
      guard count > 0 else { return nil }
      let mean = plain.total / Double(count)
      return mean.isFinite ? mean : scaled.total / Double(count) * 0x1p64
    }

    func write(to out: inout PackedWriter) {
      out.append(count)
      for sum in [plain, scaled] {
        out.append(sum.sum)
        out.append(sum.correction)
      }
    }

    init(from reader: inout PackedReader) throws {
      count = try reader.int()
      plain = Sum(sum: try reader.double(), correction: try reader.double())
      scaled = Sum(sum: try reader.double(), correction: try reader.double())
    }
  }

  private static func told(_ task: any TaskContext) throws -> (ColumnSchema, String) {
    guard
      let column = try task.request.parameters["schema"]?.decoded(Schema.self).columns.first,
      let statistic = task.request.parameters["statistic"]?.string
    else { throw missingInput(task.request.step) }
    return (column, statistic)
  }

  /// What a partition has to say: a sum for the mean, its numbers in order for the median, counts of its
  /// values in order for the mode.
  static func values(_ task: any TaskContext) throws -> TaskOutputs {
    let (schema, statistic) = try told(task)
    guard let partition = task.request.inputs["partition"]?.first else {
      throw missingInput(valuesStep)
    }
    let batch = try task.artifacts.batch(partition, schema: Schema([schema]))
    guard let column = batch.columns.first else { throw missingInput(valuesStep) }
    task.progress(rows: batch.rows)
    let rows = (0..<batch.rows).filter { !column.isMissing($0) }
    var out = PackedWriter()
    switch (column.values, statistic) {
    case (.int(let values), "mean"):
      WholeSum(rows.lazy.map { values[$0] }).write(to: &out)
    case (.int(let values), "median"):
      NumberFile.write(rows.map { values[$0] }.sorted(), to: &out)
    case (.double(let values), "mean"):
      var mean = Mean()
      for row in rows where !values[row].isNaN { mean.add(values[row]) }
      mean.write(to: &out)
    case (.double(let values), "median"):
      NumberFile.write(rows.map { values[$0] }.filter { !$0.isNaN }.sorted(), to: &out)
    case (.int(let values), _), (.datetime(let values), _):
      write(counts(rows.lazy.map { values[$0] }), to: &out)
    case (.date(let days), _): write(counts(rows.lazy.map { Int64(days[$0]) }), to: &out)
    case (.double(let values), _):
      let (numbers, times) = counts(rows.lazy.map { values[$0] }.filter { !$0.isNaN })
      out.append(numbers)
      out.append(times)
    default:
      let (keys, times) = counts(rows.lazy.map { CellKey([column.text($0)]) })
      out.append(keys.count)
      for key in keys { out.append(key.values.first.flatMap { $0 } ?? "") }
      out.append(times)
    }
    return TaskOutputs([
      "values": [try task.artifacts.publish(out.data, kind: .statistics, rows: nil)]
    ])
  }

  private static func counts<Value: Hashable & Comparable>(_ values: some Sequence<Value>)
    -> ([Value], [Int])
  {
    var times: [Value: Int] = [:]
    for value in values { times[value, default: 0] += 1 }
    let order = times.keys.sorted()
    return (order, order.map { times[$0] ?? 0 })
  }

  private static func write(_ counts: ([Int64], [Int]), to out: inout PackedWriter) {
    out.append(counts.0.map { Int($0) })
    out.append(counts.1)
  }

  /// The most frequent value, the first in order of several.
  private static func mode<Value: Hashable & Comparable>(_ parts: [([Value], [Int])]) throws
    -> Value?
  {
    var all: [Value: Int] = [:]
    for (values, times) in parts {
      guard values.count == times.count else { throw PackedReader.damaged }
      for (value, count) in zip(values, times) { all[value, default: 0] += count }
    }
    return all.min { ($1.value, $0.key) < ($0.value, $1.key) }?.key
  }

  /// Puts the partitions together; the task's value is the statistic, or why there is none.
  static func choose(_ task: any TaskContext) throws -> TaskOutputs {
    let (schema, statistic) = try told(task)
    let values = task.request.inputs["values"] ?? []
    func parts<Part>(_ part: (inout PackedReader) throws -> Part) throws -> [Part] {
      try values.map {
        var reader = PackedReader(try task.artifacts.read($0))
        return try part(&reader)
      }
    }
    func files() throws -> [NumberFile] {
      try values.map { try NumberFile(task.artifacts.mapped($0)) }
    }
    func wholeMode() throws -> Int64? {
      try mode(parts { (try $0.ints().map { Int64($0) }, try $0.ints()) })
    }
    let answer: Answer
    switch (schema.type, statistic) {
    case (.int, "mean"):
      var sum = WholeSum()
      for part in try parts({ try WholeSum(from: &$0) }) { sum.merge(part) }
      answer = Answer(sum.mean)
    case (.int, "median"): answer = Answer(NumberFile.wholeMedian(try files()))
    case (.double, "mean"):
      var mean = Mean()
      for part in try parts({ try Mean(from: &$0) }) { mean.merge(part) }
      answer = Answer(mean.value)
    case (.double, "median"): answer = Answer(NumberFile.median(try files()))
    case (.int, _): answer = Answer(try wholeMode())
    case (.double, _): answer = Answer(try mode(parts { (try $0.doubles(), try $0.ints()) }))
    case (.date, _), (.datetime, _):
      let found = try wholeMode()
      answer = found.map { .value(FillValue.counted($0)) } ?? .nothing
    default:
      let found = try mode(
        parts { reader in
          let count = try reader.count(ofAtLeast: 8)
          return (try (0..<count).map { _ in CellKey([try reader.text()]) }, try reader.ints())
        })
      let text = found?.values.first.flatMap { $0 }
      answer =
        text.map { .value(schema.type == .bool ? .bool($0 == "true") : .string($0)) } ?? .nothing
    }
    return TaskOutputs(value: try .init(encoding: answer))
  }
}
