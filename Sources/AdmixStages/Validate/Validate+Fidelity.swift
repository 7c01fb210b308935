import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStatistics

extension Validate {
  /// Profiles both tables, bins them by the reference, counts pairs, and scores.
  ///
  /// Where the dataset has origins its synthetic rows are scored by themselves too: a blend is as
  /// faithful as its real rows make it look.
  func measureFidelity(
    _ frame: ValidateFrame, _ report: inout CheckReport, _ said: inout [String]
  ) async throws {
    guard let reference = frame.reference else { return }
    let columns = ComparedColumn.shared(frame.table.schema, reference.schema)
    let origins = frame.origins.flatMap { $0.isEmpty ? nil : $0 }
    let stage = frame.stage
    let names = columns.map(\.name)

    let real = try Side(reference, columns, origins: nil)
    var sides = [try Side(frame.table, columns, origins: nil)]
    if let origins { sides.append(try Side(frame.table, columns, origins: origins)) }

    let requests = ([real] + sides).map { $0.requests("profile") }
    let profiles = try await stage.run(requests.flatMap { $0 })
    var taken = 0
    let profileOf = requests.map { list in
      defer { taken += list.count }
      return profiles[taken..<taken + list.count].flatMap { $0.artifacts["profile"] ?? [] }
    }
    for (index, side) in sides.enumerated() {
      let plan = try await stage.run([
        TaskRequest(
          step: "plan", parameters: .object(["columns": try ValidateFrame.json(columns)]),
          inputs: ["reference": profileOf[0], "table": profileOf[index + 1]])
      ])
      let planned = plan.first?.artifacts["plan"] ?? []
      let realPairs = real.requests("pairs", plan: planned)
      let pairs = try await stage.run(realPairs + side.requests("pairs", plan: planned))
      let tables = pairs.map { $0.artifacts["pairs"] ?? [] }
      let scored = try await stage.run([
        TaskRequest(
          step: "scores",
          parameters: .object(["columns": try ValidateFrame.json(columns)]),
          inputs: [
            "reference": profileOf[0], "table": profileOf[index + 1], "plan": planned,
            "reference-pairs": tables[..<realPairs.count].flatMap { $0 },
            "table-pairs": tables[realPairs.count...].flatMap { $0 },
          ])
      ])
      guard let artifact = scored.first?.artifacts["scores"]?.first else {
        throw PackedReader.damaged
      }
      let result = try stage.artifacts.decode(FidelityResult.self, from: artifact)
      result.tell(synthetic: index > 0 ? frame.synthetic : nil, in: &report)
      let chance = result.scores.expectedOverall.map {
        " (real data \(Self.words(Measurement($0))))"
      }
      said.append(
        (index == 0 ? "fidelity " : "of the synthetic rows alone ")
          + Self.words(result.scores.overall) + (chance ?? ""))
    }
    let left = frame.table.schema.names.filter { !names.contains($0) && !Schema.isOrigin($0) }
    if !left.isEmpty, let last = report.sections.indices.last {
      report.sections[last].text +=
        " Not compared: \(left.joined(separator: ", ")) (absent from the reference, of another kind, an id or ignored)."
    }
  }

  static func words(_ measurement: Measurement) -> String {
    guard let value = measurement.value else { return "unknown" }
    let tenths = Int((value * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10) %"
  }

  /// A table, or the rows of some origins of it.
  private struct Side {
    var manifest: DatasetManifest
    var parameters: JSONValue

    init(_ manifest: DatasetManifest, _ columns: [ComparedColumn], origins: [String]?) throws {
      self.manifest = manifest
      let names = columns.map(\.name) + (origins == nil ? [] : [Schema.originSource])
      parameters = .object([
        "schema": try ValidateFrame.parameter(manifest.schema, names),
        "columns": try ValidateFrame.json(columns),
        "origins": origins.map { .array($0.map { .string($0) }) } ?? .null,
      ])
    }

    func requests(_ step: String, plan: [Artifact] = []) -> [TaskRequest] {
      manifest.partitions.map {
        var inputs = ["partition": [$0]]
        if !plan.isEmpty { inputs["plan"] = plan }
        return TaskRequest(
          step: step, parameters: parameters, inputs: inputs, expectedRows: $0.rows)
      }
    }
  }

  func performProfile(_ task: any TaskContext) throws -> TaskOutputs {
    let batch = try task.rows(task.parameter(Schema.self, "schema"))
    let profile = Profile(batch, columns: try task.parameter([ComparedColumn].self, "columns"))
    var out = PackedWriter()
    profile.write(to: &out)
    task.progress(rows: batch.rows)
    return TaskOutputs([
      "profile": [try task.artifacts.publish(out.data, kind: .statistics, rows: batch.rows)]
    ])
  }

  private func profile(_ task: any TaskContext, _ input: String) throws -> Profile {
    var sum: Profile?
    for part in task.request.inputs[input] ?? [] {
      var reader = PackedReader(try task.artifacts.read(part))
      let next = try Profile(from: &reader)
      if sum == nil { sum = next } else { try sum?.merge(next) }
    }
    return try sum ?? Profile(columns: task.parameter([ComparedColumn].self, "columns"))
  }

  private func tables(_ task: any TaskContext, _ input: String) throws -> PairTables {
    var sum: PairTables?
    for part in task.request.inputs[input] ?? [] {
      var reader = PackedReader(try task.artifacts.read(part))
      let next = try PairTables(from: &reader)
      if sum == nil { sum = next } else { try sum?.merge(next) }
    }
    return try sum ?? PairTables(plan: plan(task))
  }

  private func plan(_ task: any TaskContext) throws -> PairPlan {
    guard let artifact = task.request.inputs["plan"]?.first else { throw PackedReader.damaged }
    return try task.artifacts.decode(PairPlan.self, from: artifact)
  }

  func performPlan(_ task: any TaskContext) throws -> TaskOutputs {
    let plan = PairPlan(
      try task.parameter([ComparedColumn].self, "columns"),
      reference: try profile(task, "reference"), table: try profile(task, "table"))
    return TaskOutputs(["plan": [try task.artifacts.publish(plan, kind: .statistics)]])
  }

  func performPairs(_ task: any TaskContext) throws -> TaskOutputs {
    let batch = try task.rows(task.parameter(Schema.self, "schema"))
    var out = PackedWriter()
    PairTables(batch, plan: try plan(task)).write(to: &out)
    task.progress(rows: batch.rows)
    return TaskOutputs([
      "pairs": [try task.artifacts.publish(out.data, kind: .statistics, rows: batch.rows)]
    ])
  }

  func performScores(_ task: any TaskContext) throws -> TaskOutputs {
    let columns = try task.parameter([ComparedColumn].self, "columns")
    let reference = try profile(task, "reference")
    let table = try profile(task, "table")
    let scores = FidelityScores(
      columns, reference: reference, table: table, plan: try plan(task),
      referenceTables: try tables(task, "reference-pairs"),
      tables: try tables(task, "table-pairs"))
    let curves = columns.indices.compactMap {
      DistributionCurve(columns[$0].name, reference.counts[$0], table.counts[$0])
    }
    let result = FidelityResult(scores: scores, curves: Array(curves.prefix(12)))
    return TaskOutputs(["scores": [try task.artifacts.publish(result, kind: .statistics)]])
  }
}

/// Scores with the curves that are drawn beside them.
struct FidelityResult: Sendable, Codable {
  var scores: FidelityScores
  var curves: [DistributionCurve]

  func tell(synthetic: String?, in report: inout CheckReport) {
    let isSynthetic = synthetic != nil
    let prefix = isSynthetic ? "fidelity.synthetic." : "fidelity."
    report.metrics[prefix + "overall"] = scores.overall
    report.metrics[prefix + "column_shapes"] = scores.columnShapes
    report.metrics[prefix + "pair_trends"] = scores.pairTrends
    func key(_ function: String, _ columns: [String]) -> String {
      Validate.name(prefix + function, columns)
    }
    for column in scores.columns {
      var distance = column.score
      distance.value = column.score.value.map { 1 - $0 }
      report.metrics[key(column.metric, [column.name])] = distance
      report.metrics[key("shape", [column.name])] = column.score
      report.metrics[key("coverage", [column.name])] = column.coverage
      report.metrics[key("adherence", [column.name])] = column.adherence
      report.metrics[key("missing", [column.name])] = column.missingSimilarity
    }
    for pair in scores.pairs {
      report.metrics[key("pair", [pair.first, pair.second])] = pair.score
    }
    report.sections.append(section(synthetic: synthetic))
  }

  private func section(synthetic: String?) -> CheckReport.Section {
    let isSynthetic = synthetic != nil
    func expected(_ value: Double?) -> CheckReport.Cell {
      .share(value.map { Measurement($0) } ?? .undefined("not computed"))
    }
    let overview = CheckReport.Table(
      columns: ["Score", "Value", "By chance"],
      rows: [
        [.text("overall"), .share(scores.overall), expected(scores.expectedOverall)],
        [
          .text("column shapes"), .share(scores.columnShapes),
          expected(Self.mean(scores.columns.map(\.expected))),
        ],
        [
          .text("pair trends"), .share(scores.pairTrends),
          expected(Self.mean(scores.pairs.map(\.expected))),
        ],
      ])
    let columns = CheckReport.Table(
      title: "Columns",
      columns: [
        "Column", "Distance", "Shape", "By chance", "Coverage", "Adherence", "Missing",
      ],
      rows: scores.columns.map {
        [
          .text($0.name), .text($0.metric), .share($0.score), expected($0.expected),
          .share($0.coverage), .share($0.adherence), .share($0.missingSimilarity),
        ]
      })
    let worst = scores.pairs.filter { $0.score.value != nil }
      .sorted {
        ($0.score.value ?? 1, $0.first, $0.second) < ($1.score.value ?? 1, $1.first, $1.second)
      }
    let pairs = CheckReport.Table(
      title: "Pairs furthest from the reference",
      columns: ["First", "Second", "Compared by", "Score", "By chance"],
      rows: worst.prefix(15).map {
        [
          .text($0.first), .text($0.second), .text($0.metric), .share($0.score),
          expected($0.expected),
        ]
      })
    var charts: [CheckReport.Chart] = [
      .bars(
        title: "Column shapes", labels: scores.columns.map(\.name),
        series: [
          CheckReport.Series(name: "score", values: scores.columns.map(\.score)),
          CheckReport.Series(
            name: "by chance",
            values: scores.columns.map {
              $0.expected.map { Measurement($0) } ?? .undefined("not computed")
            }),
        ], isShare: true),
      heatmap,
    ]
    for curve in curves {
      charts.append(
        .lines(
          title: "\(curve.name): share of values up to x", x: curve.x,
          series: [
            CheckReport.Series(name: "reference", values: curve.reference.map { Measurement($0) }),
            CheckReport.Series(
              name: isSynthetic ? "synthetic rows" : "dataset",
              values: curve.table.map { Measurement($0) }),
          ]))
    }
    return CheckReport.Section(
      title: isSynthetic ? "Fidelity of the synthetic rows" : "Fidelity",
      text:
        "Scores go from 0 to 1, and 1 is best. A column's shape is 1 − the Kolmogorov-Smirnov distance (ks: numbers, dates) or 1 − the total variation distance (tv: categories, a missing value being one). A pair's trend is 1 − half the difference of Pearson's correlations (two numbers) or 1 − the total variation distance of the joint table (numbers in the reference's deciles). 'Overall' is the mean of the means of both. 'By chance' is what two samples of real data of these sizes would get on average: a score near it cannot be told from real data, and rows that were asked for on purpose (a condition, a balance) lie below it. Coverage is the part of the real range or of the real categories that occurs; adherence the part of the values inside it; missing is 1 − the difference of the shares of missing values. \(scores.rows) rows against \(scores.referenceRows) of the reference.\(synthetic ?? "")",
      charts: charts, tables: [overview, columns, pairs])
  }

  private var heatmap: CheckReport.Chart {
    let names = scores.columns.map(\.name)
    let places = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
    var values = [[Double?]](
      repeating: [Double?](repeating: nil, count: names.count), count: names.count)
    for pair in scores.pairs {
      guard let a = places[pair.first], let b = places[pair.second] else { continue }
      values[a][b] = pair.score.value
      values[b][a] = pair.score.value
    }
    return .heatmap(
      title: "Pair trends", rows: names, columns: names, values: values, low: 0, high: 1)
  }

  private static func mean(_ values: [Double?]) -> Double? {
    let known = values.compactMap { $0 }
    return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
  }
}
