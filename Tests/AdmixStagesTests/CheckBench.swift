import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixTestSupport
import Foundation
import Testing

/// Runs a stage that measures over tables that lie in a folder.
enum CheckBench {
  struct Outcome {
    var report: CheckReport
    var gates: [GateResult]
    var warnings: [Diagnostic]

    func value(_ metric: String) -> Double? { report.metrics[metric]?.value }
  }

  /// - Parameters:
  ///   - tables: by edge role; each is cut into partitions of this many rows.
  ///   - names: how the datasets are called, where that matters.
  static func run<Kind: StageKind>(
    _ kind: Kind.Type, _ options: [String: JSONValue], _ tables: [String: ColumnTable],
    names: [String: String] = [:], partition: Int = 1_000_000
  ) async throws -> Outcome {
    let artifacts = try FolderArtifacts()
    var all = options
    var inputs: [String: Artifact] = [:]
    for (role, table) in tables {
      if !role.contains(".") { all[role] = .string(names[role] ?? role) }
      let batch = table.batch
      let cuts = Array(stride(from: 0, to: batch.rows, by: partition))
      let partitions = try cuts.map {
        try artifacts.publish(batch.slice($0..<min(batch.rows, $0 + partition)))
      }
      inputs[role] = try artifacts.publish(
        DatasetManifest(schema: batch.schema, partitions: partitions), kind: .dataset,
        rows: batch.rows)
    }
    var report = Diagnostics()
    let place = SourceSpan(file: "pipeline.yaml", line: 3, column: 5)
    let stage = kind.init(OptionValues(Node(.object(all), at: place)), report: &report)
    try report.check()
    let roles = tables.keys.map { ($0, names[$0] ?? $0) }
    let bench = StageBench(
      stage, name: "check", artifacts, inputs: inputs,
      names: Dictionary(uniqueKeysWithValues: roles), seed: 7)
    let outputs = try await stage.drive(bench)
    return Outcome(
      report: try artifacts.decode(
        CheckReport.self, from: try #require(outputs.artifacts["report"])),
      gates: outputs.gates, warnings: outputs.warnings)
  }

  /// The codes of what a run throws.
  static func codes<Kind: StageKind>(
    _ kind: Kind.Type, _ options: [String: JSONValue], _ tables: [String: ColumnTable]
  ) async -> [String] {
    do {
      _ = try await run(kind, options, tables)
      return []
    } catch let failure as TaskFailure {
      return failure.diagnostics.items.map(\.code)
    } catch let report as Diagnostics {
      return report.items.map(\.code)
    } catch {
      return ["\(error)"]
    }
  }
}

/// A small table, column by column.
struct ColumnTable {
  enum Values {
    case categories([String?])
    case ints([Int?])
    case doubles([Double?])
    case bools([Bool?])
    case texts([String?])
    case dates([Int?])

    var count: Int {
      switch self {
      case .categories(let v), .texts(let v): v.count
      case .ints(let v), .dates(let v): v.count
      case .doubles(let v): v.count
      case .bools(let v): v.count
      }
    }
  }

  var columns: [(name: String, values: Values)]

  init(_ columns: (String, Values)...) { self.columns = columns.map { ($0.0, $0.1) } }

  /// The rows in another order, or some of them.
  func taking(_ rows: [Int]) -> ColumnTable {
    var copy = self
    for index in columns.indices {
      copy.columns[index].values =
        switch columns[index].values {
        case .categories(let v): .categories(rows.map { v[$0] })
        case .ints(let v): .ints(rows.map { v[$0] })
        case .doubles(let v): .doubles(rows.map { v[$0] })
        case .bools(let v): .bools(rows.map { v[$0] })
        case .texts(let v): .texts(rows.map { v[$0] })
        case .dates(let v): .dates(rows.map { v[$0] })
        }
    }
    return copy
  }

  subscript(name: String) -> Values? {
    get { columns.first { $0.name == name }?.values }
    set {
      guard let newValue, let index = columns.firstIndex(where: { $0.name == name }) else { return }
      columns[index].values = newValue
    }
  }

  var batch: Batch {
    var schema: [ColumnSchema] = []
    var built: [Column] = []
    for (name, values) in columns {
      func finish(_ column: ColumnSchema, _ fill: (inout ColumnBuilder) -> Void) {
        var builder = ColumnBuilder(column, capacity: values.count)
        fill(&builder)
        schema.append(column)
        built.append(builder.finish())
      }
      switch values {
      case .categories(let v):
        let names = CategoryIndex.distinct(v.compactMap { $0 })
        let codes = CategoryIndex(names)
        finish(
          ColumnSchema(
            name, .category, roles: Schema.isOrigin(name) ? [.ignore] : [], categories: names)
        ) { builder in
          for text in v {
            if let text, let code = codes.code(of: text) {
              builder.append(code: Int(code))
            } else {
              builder.appendMissing()
            }
          }
        }
      case .ints(let v):
        finish(ColumnSchema(name, .int)) { builder in
          for value in v {
            if let value { builder.append(int: value) } else { builder.appendMissing() }
          }
        }
      case .dates(let v):
        finish(ColumnSchema(name, .date)) { builder in
          for value in v {
            if let value { builder.append(days: value) } else { builder.appendMissing() }
          }
        }
      case .doubles(let v):
        finish(ColumnSchema(name, .double)) { builder in
          for value in v {
            if let value { builder.append(double: value) } else { builder.appendMissing() }
          }
        }
      case .bools(let v):
        finish(ColumnSchema(name, .bool)) { builder in
          for value in v {
            if let value { builder.append(bool: value) } else { builder.appendMissing() }
          }
        }
      case .texts(let v):
        finish(ColumnSchema(name, .text)) { builder in
          for value in v {
            if let value { builder.append(text: value) } else { builder.appendMissing() }
          }
        }
      }
    }
    return Batch(schema: Schema(schema), columns: built, rows: columns.first?.values.count ?? 0)
  }
}
