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

    let asked = gates.metrics.filter { $0.contains("pair(") }
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
          parameters: .object([
            "columns": try ValidateFrame.json(columns),
            "asked": .array(asked.map { .string($0) }),
            "prefix": .string(FidelityResult.prefix(isSynthetic: index > 0)),
          ]),
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
        "schema": try ValidateFrame.shape(manifest.schema, names),
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
    var scores = FidelityScores(
      columns, reference: reference, table: table, plan: try plan(task),
      referenceTables: try tables(task, "reference-pairs"),
      tables: try tables(task, "table-pairs"))
    let curves = columns.indices.lazy.compactMap {
      DistributionCurve(columns[$0].name, reference.counts[$0], table.counts[$0])
    }
    let trends = PairTrends(scores)
    let asked = Set(try task.parameter([String].self, "asked"))
    let prefix = try task.parameter(String.self, "prefix")
    scores.keepPairs(most: FidelityResult.mostPairs) { pair in
      !asked.isEmpty && asked.contains(Self.name(prefix + "pair", [pair.first, pair.second]))
    }
    let result = FidelityResult(scores: scores, trends: trends, curves: Array(curves.prefix(12)))
    return TaskOutputs(["scores": [try task.artifacts.publish(result, kind: .statistics)]])
  }
}

/// The scores of pairs as a matrix, of those columns only that lie furthest from the reference where a
/// table has more than one can look at.
struct PairTrends: Sendable, Codable {
  static let mostColumns = 100

  var names: [String]
  var values: [[Double?]]
  /// How many columns there are.
  var columns: Int

  init(_ scores: FidelityScores) {
    let all = scores.columns.map(\.name)
    columns = all.count
    let places = Dictionary(all.enumerated().map { (ExactText($1), $0) }) { first, _ in first }
    let pairs = scores.pairs.compactMap { pair in
      places[ExactText(pair.first)].flatMap { first in
        places[ExactText(pair.second)].map { (first, $0, pair.score.value) }
      }
    }
    var sums = [(score: Double, count: Int)](repeating: (0, 0), count: all.count)
    for (a, b, value) in pairs {
      guard let value else { continue }
      for column in [a, b] { sums[column] = (sums[column].score + value, sums[column].count + 1) }
    }
    let means = sums.map { $0.count > 0 ? $0.score / Double($0.count) : 2 }
    let shown = all.indices.sorted { (means[$0], $0) < (means[$1], $1) }
      .prefix(Self.mostColumns).sorted()
    var rows = [Int?](repeating: nil, count: all.count)
    for (row, column) in shown.enumerated() { rows[column] = row }
    names = shown.map { all[$0] }
    values = [[Double?]](
      repeating: [Double?](repeating: nil, count: shown.count), count: shown.count)
    for (first, second, value) in pairs {
      guard let a = rows[first], let b = rows[second] else { continue }
      values[a][b] = value
      values[b][a] = value
    }
  }

  var chart: CheckReport.Chart {
    .heatmap(
      title: names.count == columns
        ? "Pair trends"
        : "Pair trends of the \(names.count) of \(columns) columns that lie furthest from the reference",
      rows: names, columns: names, values: values, low: 0, high: 1)
  }
}

/// Scores with what is drawn beside them.
struct FidelityResult: Sendable, Codable {
  /// Of more pairs, those closest to the reference have no figure of their own.
  static let mostPairs = 10_000

  var scores: FidelityScores
  var trends: PairTrends
  var curves: [DistributionCurve]

  static func prefix(isSynthetic: Bool) -> String {
    isSynthetic ? "fidelity.synthetic." : "fidelity."
  }

  func tell(synthetic: String?, in report: inout CheckReport) {
    let prefix = Self.prefix(isSynthetic: synthetic != nil)
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
          expected(scores.expectedPairTrends),
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
    let left = scores.pairCount - scores.pairs.count
    let pairs = CheckReport.Table(
      title: "Pairs furthest from the reference",
      columns: ["First", "Second", "Compared by", "Score", "By chance"],
      rows: scores.furthest.prefix(15).map { scores.pairs[$0] }.map {
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
      trends.chart,
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
        "Scores go from 0 to 1, and 1 is best. A column's shape is 1 − the Kolmogorov-Smirnov distance (ks: numbers, dates) or 1 − the total variation distance (tv: categories, a missing value being one). A pair's trend is 1 − half the difference of Pearson's correlations (two numbers) or 1 − the total variation distance of the joint table (numbers in the reference's deciles). 'Overall' is the mean of the means of both. 'By chance' is what two samples of real data of these sizes would get on average: a score near it cannot be told from real data, and rows that were asked for on purpose (a condition, a balance) lie below it. Coverage is the part of the real range or of the real categories that occurs; adherence the part of the values inside it; missing is 1 − the difference of the shares of missing values. \(scores.rows) rows against \(scores.referenceRows) of the reference.\(left > 0 ? " The means are over all \(scores.pairCount) pairs; the \(left) that are closest to the reference or have no score have no figure of their own unless a gate asks for it." : "")\(synthetic ?? "")",
      charts: charts, tables: [overview, columns, pairs])
  }

  private static func mean(_ values: [Double?]) -> Double? {
    let known = values.compactMap { $0 }
    return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
  }
}
