import AdmixData
package import AdmixEngine
package import AdmixModel
package import AdmixSpec
import AdmixStatistics

/// Makes a dataset fairer to learn from, and says what that took.
package struct Mitigate: StageKind {
  package static let description = KindDescription(
    name: "mitigate", revision: 1,
    summary:
      "Weighs rows so that no group's outcomes are better than another's, and says what that costs.",
    fields: [
      .required("from", .edge(.dataset), "The dataset."),
      .required(
        "label",
        .object([
          .required("column", .column, "The outcome."),
          .required(
            "positive", .listOrOne(.scalar), "The value, or values, that are good for people."),
        ]), "The outcome whose rates become equal."),
      .required(
        "protected", .listOrOne(.column), "The columns whose combinations are the groups."),
      .optional(
        "method",
        .variant([
          Variant(
            "reweighing",
            .object([
              .optional(
                "weight", .text, default: "weight",
                "The column that is added: how much each row counts when something is learned.")
            ]),
            "Rows of a group that has too few good outcomes count for more where they have one (Kamiran and Calders, 2012). Rows stay as they are."
          )
        ]), default: "reweighing", "What is done."),
      .optional(
        "min_support", .count, default: 30,
        "Figures of groups with fewer rows are shown, and marked as not to be relied on."),
      Gates.field,
    ],
    outputs: ["data", "report"],
    tasks: [
      .init("count", "Counts outcomes by group in one partition.", ["from", "label", "protected"]),
      .init(
        "apply", "Weighs the rows of one partition.", ["from", "label", "protected", "method"]),
      .init("", "Weights, figures and gates.", ["label", "method", "min_support", "gates"]),
    ],
    example: """
      mitigate:
        from: blend
        label: {column: income, positive: ">50K"}
        protected: [sex, race]
      """)

  let figures: FairnessStageOptions
  let names: [String]
  let weight: String
  let weightSpan: SourceSpan
  let gates: Gates

  package init(_ options: OptionValues, report: inout Diagnostics) {
    figures = FairnessStageOptions(options, report: &report)
    names = figures.views.map(\.names).flatMap { $0 }
    let node = options["method"]?["reweighing"]?["weight"]
    weight = node?.text ?? "weight"
    weightSpan = node?.span ?? options["method"]?.span ?? options.span
    gates = Gates(options["gates"], report: &report)
    report.append(contentsOf: gates.unknown(in: metricNames))
  }

  private static let measured = ["demographic_parity_difference", "disparate_impact"]

  private var metricNames: [String] {
    Self.measured.flatMap { metric in
      ["before", "after"].map { FairnessStageOptions.name(metric, names, prefix: $0) }
    } + ["effective_rows"]
  }

  package func schemas(of inputs: [String: Schema], report: inout Diagnostics) -> [String: Schema] {
    guard let schema = inputs["from"] else { return [:] }
    check(schema, &report)
    return ["data": weighed(schema)]
  }

  private func check(_ schema: Schema, _ report: inout Diagnostics) {
    figures.check(schema, role: "from", report: &report)
    if schema[weight] != nil {
      report.append(
        .error(
          "AX0795", at: weightSpan, "the dataset has a column '\(weight)' already",
          hint: "method: {reweighing: {weight: fair_weight}}"))
    }
  }

  private func weighed(_ schema: Schema) -> Schema {
    Schema(schema.columns + [ColumnSchema(weight, .double)])
  }

  package var rowRelations: [String: RowRelation] { ["data": .same(as: "from")] }

  package func lineage(of inputs: [String: Schema], outputs: [String: Schema]) -> ColumnLineage? {
    guard let schema = inputs["from"] else { return nil }
    var table = ColumnTrace(schema, from: .input("from")).table
    let used = [figures.label.name] + names
    table.columns[weight] = used.map { .init(.input("from"), $0, .aggregation, "reweighing") }
    return ColumnLineage([
      "data": table,
      "report": .init(whole: used.map { .init(.input("from"), $0, .aggregation, "reweighing") }),
    ])
  }

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    guard let input = stage.inputs["from"] else {
      throw TaskFailure(.error("AX0909", "a mitigation without a dataset"))
    }
    let manifest = try stage.artifacts.dataset(input)
    var problems = Diagnostics()
    check(manifest.schema, &problems)
    if problems.hasErrors { throw TaskFailure(problems) }
    let used = Set(names + [figures.label.name])
    let shape = try ValidateFrame.json(
      Schema(manifest.schema.columns.filter { used.contains($0.name) }).shape)
    let columns: JSONValue = .array((names + [figures.label.name]).map { .string($0) })
    let counted = try await stage.run(
      manifest.partitions.map {
        TaskRequest(
          step: "count", parameters: ["schema": shape, "columns": columns],
          inputs: ["partition": [$0]], expectedRows: $0.rows)
      })
    var sum: CountTable?
    for output in counted {
      guard let artifact = output.artifacts["counts"]?.first else { continue }
      let table = try stage.artifacts.decode(CountTable.self, from: artifact)
      sum = sum?.adding(table) ?? table
    }
    guard let sum, sum.total > 0,
      let groups = GroupTable(
        sum, attributes: names, label: figures.label.name, positive: figures.everyPositive)
    else {
      throw TaskFailure(
        .error("AX0784", at: figures.label.span, "the dataset has no rows"))
    }
    let found = Reweighing(groups)
    try check(found, groups)
    let cells = try stage.artifacts.publish(found.cells, kind: .statistics)
    let applied = try await stage.run(
      manifest.partitions.map {
        TaskRequest(
          step: "apply",
          parameters: [
            "schema": try ValidateFrame.json(manifest.schema.shapeWithRoles), "columns": columns,
            "positive": .array(figures.everyPositive.map { .string($0) }),
            "weight": .string(weight),
          ], inputs: ["partition": [$0], "cells": [cells]], expectedRows: $0.rows)
      })
    let data = DatasetManifest(
      schema: weighed(manifest.schema), partitions: applied.flatMap { $0.artifacts["rows"] ?? [] })
    let report = MitigationReport(
      groups, found, figures, names: names, title: stage.stageName, weight: weight
    ).report()
    return StageOutputs(
      [
        "data": try stage.artifacts.publish(data, kind: .dataset, rows: data.rows),
        "report": try stage.artifacts.publish(report, kind: .report),
      ], gates: gates.evaluate(report.metrics))
  }

  private func check(_ found: Reweighing, _ groups: GroupTable) throws {
    if let first = figures.positive.first, groups.compared.allSatisfy({ $0.positives == 0 }) {
      throw TaskFailure(
        .error(
          "AX0785", at: first.span,
          "'\(first.spellings.last ?? "")' never occurs in '\(figures.label.name)'",
          cause: "every rate would be zero"))
    }
    guard found.cells.count >= 2 else {
      throw TaskFailure(
        .error(
          "AX0794", at: figures.views.first?.columns.first?.span ?? figures.label.span,
          "fewer than two groups have rows with a label", cause: "nothing is to be made equal"))
    }
    if !found.oneSided.isEmpty {
      let count = found.oneSided.count
      throw TaskFailure(
        .error(
          "AX0794", at: figures.views.first?.columns.first?.span ?? figures.label.span,
          "\(count) of \(found.cells.count) groups \(count == 1 ? "has" : "have") rows of one outcome only",
          cause: "no weight makes an outcome that a group does not have",
          hint: "name fewer columns, or generate such rows with 'where' and mix them in"))
    }
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    guard let partition = task.request.inputs["partition"]?.first else {
      throw TaskFailure(.error("AX0909", "a mitigation was asked for without its rows"))
    }
    let schema = try task.parameter(Schema.self, "schema")
    let columns = (task.request.parameters["columns"]?.array ?? []).compactMap(\.string)
    let batch = try task.artifacts.batch(partition, shape: schema)
    let kept = zip(batch.schema.columns, batch.columns).filter { columns.contains($0.0.name) }
    let coded = try FairnessCounting.coded(
      Batch(schema: Schema(kept.map(\.0)), columns: kept.map(\.1), rows: batch.rows), figures)
    try task.checkCancellation()
    switch task.request.step {
    case "count":
      let table = try FairnessCounting.counted(columns, coded, figures)
      task.progress(rows: batch.rows)
      return TaskOutputs(["counts": [try task.artifacts.publish(table, kind: .statistics)]])
    case "apply":
      guard let artifact = task.request.inputs["cells"]?.first,
        let name = task.request.parameters["weight"]?.string
      else { break }
      let cells = try task.artifacts.decode([Reweighing.Cell].self, from: artifact)
      let good = (task.request.parameters["positive"]?.array ?? []).compactMap(\.string)
      let weights = Self.weights(cells, columns.compactMap { coded[$0] }, good, rows: batch.rows)
      var builder = ColumnBuilder(ColumnSchema(name, .double), capacity: batch.rows)
      for weight in weights { builder.append(double: weight) }
      let out = Batch(
        schema: Schema(batch.schema.columns + [ColumnSchema(name, .double)]),
        columns: batch.columns + [builder.finish()], rows: batch.rows)
      task.progress(rows: batch.rows)
      return TaskOutputs(["rows": [try task.artifacts.publish(out)]])
    default: break
    }
    throw TaskFailure(
      .error("AX0901", "stage kind 'mitigate' has no step '\(task.request.step)'"))
  }

  /// By row; a row whose group or label is not known counts as it is.
  ///
  /// - Parameter columns: the groups' columns, and the label's last.
  private static func weights(
    _ cells: [Reweighing.Cell], _ columns: [CodedColumn], _ good: [String], rows: Int
  ) -> [Double] {
    guard let label = columns.last else { return [Double](repeating: 1, count: rows) }
    let groups = columns.dropLast()
    let wanted = Set(good.map(ExactText.init))
    let isGood = label.values.map { wanted.contains(ExactText($0)) }
    var known: [[ExactText]: Reweighing.Cell] = [:]
    for cell in cells { known[cell.values.map { ExactText($0 ?? "") }] = cell }
    var byCodes: [[Int32]: (good: Double, bad: Double)] = [:]
    return (0..<rows).map { row in
      let code = Int(label.codes[row])
      guard code < label.values.count else { return 1 }
      let codes = groups.map { $0.codes[row] }
      let weights: (good: Double, bad: Double)
      if let found = byCodes[codes] {
        weights = found
      } else {
        let values = zip(codes, groups).map { code, column in
          Int(code) < column.values.count ? ExactText(column.values[Int(code)]) : nil
        }
        let cell = values.contains(nil) ? nil : known[values.compactMap { $0 }]
        weights = (cell?.good ?? 1, cell?.bad ?? 1)
        byCodes[codes] = weights
      }
      return isGood[code] ? weights.good : weights.bad
    }
  }
}
