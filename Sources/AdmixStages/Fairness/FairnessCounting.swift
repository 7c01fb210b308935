import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStatistics
import Foundation

/// The counts of one dataset: a task per partition, added up in their order.
struct FairnessCounting: Sendable {
  static let step = "count"

  let role: String
  let name: String
  let manifest: DatasetManifest
  /// The columns of each table, the origin's first where there is one, so that every figure of the
  /// whole can be had for its parts as well.
  let tables: [[String]]
  let hasOrigin: Bool

  init(role: String, name: String, manifest: DatasetManifest, options: FairnessStageOptions) {
    self.role = role
    self.name = name
    self.manifest = manifest
    hasOrigin = role == "of" && manifest.schema[Schema.originSource] != nil
    let origin = hasOrigin ? [Schema.originSource] : []
    let conditions: [[String]] = [[]] + options.conditional.map { [$0.name] }
    tables = options.views.flatMap { view in
      conditions.map { origin + view.names + $0 + [options.label.name] }
    }
  }

  func requests() throws -> [TaskRequest] {
    let used = Set(tables.joined())
    // The columns that are counted, and no others: a change of another column recounts nothing.
    let schema = Schema(manifest.schema.columns.filter { used.contains($0.name) }).shape
    let parameters: JSONValue = [
      "schema": try CanonicalJSON.decode(
        JSONValue.self, from: CanonicalJSON.encode(schema)),
      "tables": .array(tables.map { .array($0.map { .string($0) }) }),
    ]
    return manifest.partitions.map {
      TaskRequest(
        step: Self.step, parameters: parameters, inputs: ["partition": [$0]],
        expectedRows: $0.rows)
    }
  }

  static func perform(_ task: any TaskContext, _ options: FairnessStageOptions) throws
    -> TaskOutputs
  {
    let parameters = task.request.parameters
    guard let partition = task.request.inputs["partition"]?.first, let value = parameters["schema"],
      let tables = parameters["tables"]?.array?.map({ ($0.array ?? []).compactMap(\.string) })
    else { throw TaskFailure(.error("AX0901", "a count was asked for without its partition")) }
    let schema = try CanonicalJSON.decode(Schema.self, from: CanonicalJSON.encode(value))
    let batch = try task.artifacts.batch(partition, shape: schema)
    try task.checkCancellation()
    let coded = try Self.coded(batch, options)
    let counted = try tables.map { try Self.counted($0, coded, options) }
    task.progress(rows: batch.rows)
    return TaskOutputs(["counts": [try task.artifacts.publish(counted, kind: .statistics)]])
  }

  /// All columns of a batch as codes.
  static func coded(_ batch: Batch, _ options: FairnessStageOptions) throws -> [String: CodedColumn]
  {
    var coded: [String: CodedColumn] = [:]
    for (column, values) in zip(batch.schema.columns, batch.columns) {
      do throws(CodedColumn.Refusal) {
        coded[column.name] = try CodedColumn(values)
      } catch {
        switch error {
        case .tooManyValues: throw TaskFailure(tooMany([column.name], options))
        case .notGroups(let type):
          throw TaskFailure(
            .error(
              "AX0782", at: options.span(of: column.name),
              "'\(column.name)' is of type \(type.rawValue), which has no groups"))
        }
      }
    }
    return coded
  }

  static func counted(
    _ names: [String], _ coded: [String: CodedColumn], _ options: FairnessStageOptions
  ) throws -> CountTable {
    guard let table = GroupCounter.count(names, coded) else {
      throw TaskFailure(tooMany(names.filter { !Schema.isOrigin($0) }, options))
    }
    return table
  }

  private static func tooMany(_ columns: [String], _ options: FairnessStageOptions) -> Diagnostic {
    let names = columns.map { "'\($0)'" }.joined(separator: ", ")
    return .error(
      "AX0783", at: options.span(of: columns.first ?? ""),
      columns.count == 1
        ? "\(names) has more than \(CodedColumn.mostValues) different values, too many to be groups"
        : "\(names) have more than 4 million combinations, too many to be counted",
      hint: columns.count == 1
        ? "make bands of it first, with a 'transform' stage and its step 'bin'"
        : "leave a column out of the intersection, or make bands of it with 'transform' and 'bin'")
  }

  /// The dataset, followed by its parts by origin.
  func merged(
    _ outputs: [TaskOutputs], _ artifacts: any ArtifactAccess, _ options: FairnessStageOptions
  ) throws -> [FairnessDataset] {
    var sums: [CountTable] = []
    for output in outputs {
      guard let artifact = output.artifacts["counts"]?.first else { continue }
      let counted = try artifacts.decode([CountTable].self, from: artifact)
      sums = sums.isEmpty ? counted : zip(sums, counted).map { $0.adding($1) }
    }
    guard sums.count == tables.count, (sums.first?.total ?? 0) > 0 else {
      throw TaskFailure(
        .error(
          "AX0784", at: options.label.span, "the dataset '\(name)' has no rows",
          cause: "rates of nothing cannot be compared"))
    }
    guard hasOrigin else { return [FairnessDataset(role: role, name: name, tables: sums)] }
    let origin = sums.first?.axes.first?.values ?? []
    let whole = sums.map { table in
      table.marginal(table.axes.dropFirst().map(\.column)) ?? table
    }
    var all = [FairnessDataset(role: role, name: name, tables: whole)]
    for (code, part) in origin.enumerated() {
      let parts = sums.compactMap { $0.slice(Schema.originSource, code: code) }
      if (parts.first?.total ?? 0) > 0 {
        all.append(FairnessDataset(role: "part", name: part, tables: parts))
      }
    }
    return all
  }
}

/// A dataset, or a part of one, as counts.
struct FairnessDataset: Hashable, Sendable {
  /// `of`, `against` or `part`.
  var role: String
  var name: String
  var tables: [CountTable]

  /// The counts over these columns, as they were asked for.
  func table(_ columns: [String]) -> CountTable? {
    tables.first { $0.axes.map(\.column) == columns }
  }

  var rows: Int { tables.first?.total ?? 0 }
}
