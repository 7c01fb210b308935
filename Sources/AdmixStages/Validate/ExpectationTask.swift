import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStatistics

/// Reads one partition and counts, for every expectation, the rows that fail it.
struct ExpectationTask {
  let expectations: [Expectation]
  let schema: Schema

  /// What the tallies cannot hold: the keys or values an expectation collects over all rows.
  struct Collected {
    var index: Int
    var bytes: PackedWriter
  }

  func run(_ batch: Batch) throws -> ([ExpectationTally], [Collected]) {
    var tallies: [ExpectationTally] = []
    var collected: [Collected] = []
    for expectation in expectations {
      let scope = try mask(expectation, batch)
      var tally = ExpectationTally()
      for row in 0..<batch.rows where scope?[row] != false { tally.rows += 1 }
      try count(expectation, batch, scope, &tally, &collected)
      tallies.append(tally)
    }
    return (tallies, collected)
  }

  private func mask(_ expectation: Expectation, _ batch: Batch) throws -> Bitmap? {
    guard let scope = expectation.scope else { return nil }
    var report = Diagnostics()
    let condition = expectation.condition(
      scope.text ?? "", at: scope.span, schema, report: &report)
    try report.check()
    return try condition?.mask(batch)
  }

  private func count(
    _ expectation: Expectation, _ batch: Batch, _ scope: Bitmap?,
    _ tally: inout ExpectationTally, _ collected: inout [Collected]
  ) throws {
    let columns = expectation.columns.compactMap { batch[$0] }
    switch expectation.check {
    case .rows:
      var report = Diagnostics()
      let expression = expectation.rowExpression(schema, report: &report)
      try report.check()
      guard let verdict = try expression?.evaluate(batch), case .bool(let bits) = verdict.values
      else { return }
      for row in 0..<batch.rows where scope?[row] != false {
        if verdict.isMissing(row) {
          tally.missing += 1
        } else {
          tally.checked += 1
          if !bits[row] { tally.fail(row) }
        }
      }
    case .unique, .references:
      var out = PackedWriter()
      let keys = RowHash.keys(columns, rows: batch.rows)
      var kept: [(RowKey, Int)] = []
      for row in 0..<batch.rows where scope?[row] != false {
        // A combination counts unless all of it is missing.
        if columns.allSatisfy({ $0.isMissing(row) }) {
          tally.missing += 1
        } else {
          kept.append((keys[row], row))
        }
      }
      kept.sort { $0.0 != $1.0 ? $0.0 < $1.0 : $0.1 < $1.1 }
      tally.checked = kept.count
      KeyFile.write(kept.map(\.0), rows: kept.map(\.1), to: &out)
      collected.append(Collected(index: expectation.index, bytes: out))
    case .increasing(let strictly):
      guard let numbers = columns.first?.numbers else { return }
      for row in numbers.indices where scope?[row] != false {
        let value = numbers[row]
        if value.isNaN {
          tally.missing += 1
          continue
        }
        tally.checked += 1
        if let last = tally.closing {
          if strictly ? value <= last : value < last { tally.fail(row) }
        } else {
          tally.opening = value
          tally.openingRow = row
        }
        tally.closing = value
      }
    case .figure(let figure, _):
      guard let column = columns.first else { return }
      var out = PackedWriter()
      switch figure {
      case .distinct:
        let keys = RowHash.keys([column], rows: batch.rows)
        var seen: Set<RowKey> = []
        for row in 0..<batch.rows where scope?[row] != false {
          if column.isMissing(row) {
            tally.missing += 1
          } else {
            tally.checked += 1
            seen.insert(keys[row])
          }
        }
        KeyFile.write(seen.sorted(), to: &out)
        collected.append(Collected(index: expectation.index, bytes: out))
      case .median:
        var values: [Double] = []
        for (row, value) in column.numbers.enumerated() where scope?[row] != false {
          if value.isNaN { tally.missing += 1 } else { values.append(value) }
        }
        tally.checked = values.count
        NumberFile.write(values.sorted(), to: &out)
        collected.append(Collected(index: expectation.index, bytes: out))
      case .nullShare:
        for row in 0..<batch.rows where scope?[row] != false {
          tally.checked += 1
          if column.isMissing(row) { tally.missing += 1 }
        }
      default:
        // Blocks merge like partitions do, so that the sums do not depend on where those begin.
        let numbers = column.numbers
        for start in stride(from: 0, to: numbers.count, by: 4096) {
          var block = ExpectationTally()
          for row in start..<min(numbers.count, start + 4096) where scope?[row] != false {
            if numbers[row].isNaN { block.missing += 1 } else { block.add(numbers[row]) }
          }
          tally.merge(block, offset: 0)
        }
      }
    case .type: break
    }
  }

  /// The columns that the expectations read, in the schema's order.
  static func columns(_ expectations: [Expectation], _ schema: Schema) throws -> [String] {
    var names: Set<String> = []
    for expectation in expectations {
      names.formUnion(expectation.columns)
      var report = Diagnostics()
      if let scope = expectation.scope {
        names.formUnion(
          expectation.condition(scope.text ?? "", at: scope.span, schema, report: &report)?.columns
            ?? [])
      }
      names.formUnion(expectation.rowExpression(schema, report: &report)?.columns ?? [])
      try report.check()
    }
    // A partition is read by columns: one is needed to see its rows.
    return names.isEmpty ? Array(schema.names.prefix(1)) : schema.names.filter(names.contains)
  }
}
