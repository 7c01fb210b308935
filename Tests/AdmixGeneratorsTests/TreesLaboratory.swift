import AdmixData
import AdmixGenerators
import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

extension Laboratory {
  static func trees(_ options: JSONValue = [:]) -> SequentialTrees {
    var report = Diagnostics()
    return SequentialTrees(Node(options, at: span), report: &report)
  }

  /// Learns and draws with any generator.
  static func draw(
    _ model: Data, rows: Int, seed: UInt64 = 7, where conditions: [Condition] = [],
    with generator: any Generator
  ) throws -> Batch {
    let request = request(model, rows: rows, seed: seed, where: conditions)
    _ = try generator.plan(request)
    return try generator.sampler(request).sample(Array(0..<rows), of: "data", attempt: 0)
  }

  /// The codes that an attempt to do something is refused with; empty where it is not.
  static func codes(_ attempt: () throws -> Void) -> [String] {
    do {
      try attempt()
      return []
    } catch let report as Diagnostics {
      return report.items.map(\.code)
    } catch {
      return ["\(error)"]
    }
  }

  /// Columns of numbers; nil is missing, and categories are given by code.
  static func table(_ columns: [(ColumnSchema, [Double?])]) -> Batch {
    let built = columns.map { schema, values in
      var builder = ColumnBuilder(schema, capacity: values.count)
      for value in values {
        guard let value else {
          builder.appendMissing()
          continue
        }
        switch schema.type {
        case .double: builder.append(double: value)
        case .category: builder.append(code: Int(value))
        case .bool: builder.append(bool: value == 1)
        case .date: builder.append(days: Int(value))
        case .datetime: builder.append(microseconds: Int(value))
        default: builder.append(int: Int64(value))
        }
      }
      return builder.finish()
    }
    return Batch(
      schema: Schema(columns.map(\.0)), columns: built, rows: columns.first?.1.count ?? 0)
  }

  /// The rows of a batch as texts that are equal where all values are.
  static func rowTexts(_ batch: Batch) -> [String] {
    (0..<batch.rows).map { row in
      batch.columns.map { $0.isMissing(row) ? "\u{0}" : $0.text(row) }.joined(separator: "\u{1}")
    }
  }

  /// The share of rows that equal a training row in every column.
  static func copies(_ made: Batch, of real: Batch) -> Double {
    let rows = Set(rowTexts(real))
    return Double(rowTexts(made).count { rows.contains($0) }) / Double(max(1, made.rows))
  }
}
