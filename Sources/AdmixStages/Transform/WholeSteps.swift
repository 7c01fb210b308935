import AdmixData
import AdmixEngine
import AdmixModel
import Foundation

/// Steps that look at a dataset as a whole.
enum WholeSteps {
  static func perform(
    _ operation: Operation, _ manifest: DatasetManifest, _ task: any TaskContext,
    at span: SourceSpan
  ) throws -> TaskOutputs {
    var partitions: [Artifact] = []
    var schema = manifest.schema
    switch operation {
    case .dedupe(let names):
      // One entry for each different row stays in memory: a 128-bit digest of its values.
      var seen: Set<RowKeyDigest> = []
      for partition in manifest.partitions {
        try task.checkCancellation()
        let batch = try task.artifacts.batch(partition, schema: manifest.schema)
        let compared = batch.selecting(names ?? batch.schema.names) ?? batch
        let kept = (0..<batch.rows).filter { seen.insert(RowKeyDigest(compared, $0)).inserted }
        partitions += try Transform.publish(batch.taking(kept), task)
        task.progress(rows: batch.rows)
      }
    case .sort(let columns):
      let batches = try manifest.partitions.map {
        try task.artifacts.batch($0, schema: manifest.schema)
      }
      let all = Batch.concatenating(batches, schema: manifest.schema)
      var order = Array(0..<all.rows)
      let keys = columns.compactMap { column in
        all[column.column].map { (SortKey($0), column.isDescending) }
      }
      order.sort { a, b in
        for (key, isDescending) in keys {
          switch key.compare(a, b, isDescending) {
          case .orderedAscending: return true
          case .orderedDescending: return false
          case .orderedSame: continue
          }
        }
        return a < b
      }
      partitions = try Partitioning.ranges(rows: order.count).filter { !$0.isEmpty }.map { range in
        try task.artifacts.publish(all.taking(Array(order[range])))
      }
      task.progress(rows: all.rows)
    case .fill(let fills):
      var resolved: [(column: String, value: JSONValue)] = []
      for fill in fills {
        guard Operation.isStatistic(fill.value) else {
          resolved.append(fill)
          continue
        }
        guard let value = try statistic(fill.value.string ?? "", fill.column, manifest, task) else {
          throw TaskFailure(
            .error(
              "AX0529", at: span,
              "'\(fill.column)' has no values to take the \(fill.value.string ?? "") of"))
        }
        resolved.append((fill.column, value))
      }
      var report = Diagnostics()
      let filled = Operation.fill(resolved)
      schema = filled.schema(after: schema, at: span, report: &report) ?? schema
      for partition in manifest.partitions {
        try task.checkCancellation()
        let batch = try task.artifacts.batch(partition, schema: manifest.schema)
        partitions += try Transform.publish(filled.apply(to: batch, at: span) { _ in nil }, task)
        task.progress(rows: batch.rows)
      }
    default: partitions = manifest.partitions
    }
    return TaskOutputs(["partition": partitions], value: try .init(encoding: schema))
  }

  /// Mean (compensated sum), median (of two middle values the lower), or mode (of equals the first in
  /// order) of the values that are there.
  private static func statistic(
    _ name: String, _ column: String, _ manifest: DatasetManifest, _ task: any TaskContext
  ) throws -> JSONValue? {
    var counts: [Double: Int] = [:]
    var texts: [String: Int] = [:]
    var (sum, correction, count) = (0.0, 0.0, 0)
    var isWhole = false
    for partition in manifest.partitions {
      let batch = try task.artifacts.batch(partition, schema: manifest.schema, columns: [column])
      guard let values = batch[column] else { return nil }
      isWhole = values.type == .int
      for row in 0..<batch.rows {
        if let number = values.number(row), values.type != .bool {
          count += 1
          // Neumaier's summation.
          let next = sum + number
          correction += abs(sum) >= abs(number) ? (sum - next) + number : (number - next) + sum
          sum = next
          if name != "mean" { counts[number, default: 0] += 1 }
        } else if let text = values.plainText(row) {
          texts[text, default: 0] += 1
        }
      }
    }
    func json(_ value: Double) -> JSONValue {
      isWhole ? JSONValue(Int(value.rounded())) : .double(value)
    }
    switch name {
    case "mean": return count == 0 ? nil : json((sum + correction) / Double(count))
    case "median":
      var rest = (count + 1) / 2
      for (value, times) in counts.sorted(by: { $0.key < $1.key }) {
        rest -= times
        if rest <= 0 { return json(value) }
      }
      return nil
    default:
      if let best = counts.min(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
        return json(best.key)
      }
      let best = texts.min { a, b in
        a.value != b.value ? a.value > b.value : CategoryIndex.precedes(a.key, b.key)
      }
      guard let best else { return nil }
      return manifest.schema[column]?.type == .bool ? .bool(best.key == "true") : .string(best.key)
    }
  }
}

/// 128 bits of the SHA-256 of a row's values: equal only for equal rows, for all practical purposes.
private struct RowKeyDigest: Hashable {
  private let high: UInt64
  private let low: UInt64

  init(_ batch: Batch, _ row: Int) {
    var hasher = DigestHasher()
    for column in batch.columns {
      let text = column.plainText(row)
      withUnsafeBytes(of: Int64(text?.utf8.count ?? -1)) { hasher.update($0) }
      if let text { hasher.update(Array(text.utf8)) }
    }
    let bytes = hasher.finish().bytes
    high = bytes[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
    low = bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// A column as something to sort by.
private enum SortKey {
  case numbers([Double?])
  case wholes([Int64?])
  case texts([String?])

  init(_ column: Column) {
    let rows = 0..<column.count
    switch column.values {
    case .int(let values), .datetime(let values):
      self = .wholes(rows.map { column.isMissing($0) ? nil : values[$0] })
    case .date(let values):
      self = .wholes(rows.map { column.isMissing($0) ? nil : Int64(values[$0]) })
    // Categories of a schema are sorted, so their codes are in order.
    case .category(let codes, _):
      self = .wholes(rows.map { column.isMissing($0) ? nil : Int64(codes[$0]) })
    case .bool(let bits): self = .wholes(rows.map { column.isMissing($0) ? nil : bits[$0] ? 1 : 0 })
    case .double(let values): self = .numbers(rows.map { column.isMissing($0) ? nil : values[$0] })
    case .text: self = .texts(rows.map { column.plainText($0) })
    }
  }

  func compare(_ a: Int, _ b: Int, _ isDescending: Bool) -> ComparisonResult {
    switch self {
    case .numbers(let values): Self.order(values[a], values[b], isDescending) { $0 < $1 }
    case .wholes(let values): Self.order(values[a], values[b], isDescending) { $0 < $1 }
    case .texts(let values): Self.order(values[a], values[b], isDescending, CategoryIndex.precedes)
    }
  }

  /// Missing values come last whichever way the others go.
  private static func order<Value>(
    _ a: Value?, _ b: Value?, _ isDescending: Bool, _ precedes: (Value, Value) -> Bool
  ) -> ComparisonResult {
    switch (a, b) {
    case (nil, nil): return .orderedSame
    case (nil, _): return .orderedDescending
    case (_, nil): return .orderedAscending
    case (let a?, let b?):
      if precedes(a, b) { return isDescending ? .orderedDescending : .orderedAscending }
      if precedes(b, a) { return isDescending ? .orderedAscending : .orderedDescending }
      return .orderedSame
    }
  }
}
