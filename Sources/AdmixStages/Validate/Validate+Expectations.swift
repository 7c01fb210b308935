import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStatistics

/// What came of one expectation.
struct ExpectationResult: Sendable {
  var expectation: Expectation
  var tally: ExpectationTally
  /// The share of the rows that hold, or the figure.
  var measurement: Measurement
  var passed: Bool

  var gate: GateResult {
    GateResult(
      rule: expectation.rule, action: expectation.action, measurement: measurement, passed: passed,
      span: expectation.span)
  }

  /// - Parameter figure: what was collected over all rows, where the tally alone cannot tell.
  init(
    _ expectation: Expectation, _ tally: ExpectationTally, schema: Schema, rows: Int,
    figure: Double?
  ) {
    self.expectation = expectation
    self.tally = tally
    switch expectation.check {
    case .rows, .unique, .increasing, .references:
      measurement = .share(
        tally.checked - tally.failing, of: tally.checked, none: "no rows to check")
      // Nothing to check is nothing that fails; the table says that nothing was checked.
      passed = measurement.value.map { $0 >= expectation.mostly - 1e-12 } ?? true
    case .type(let type):
      let found = expectation.columns.first.flatMap { schema[$0]?.type }
      passed = found == type
      measurement = Measurement(passed ? 1 : 0)
      if !passed { measurement.reason = "it is \(found?.rawValue ?? "absent")" }
    case .figure(let kind, let bounds):
      measurement = Self.figure(
        kind, tally, rows: expectation.scope == nil ? rows : tally.rows, figure)
      passed = measurement.value.map(bounds.contains) ?? false
    }
  }

  private static func figure(
    _ kind: Expectation.Figure, _ tally: ExpectationTally, rows: Int, _ collected: Double?
  ) -> Measurement {
    if kind == .rowCount { return Measurement(Double(rows), support: rows) }
    if kind == .distinct { return Measurement(collected ?? 0, support: tally.checked) }
    guard tally.checked > 0 else { return .undefined("no values", support: 0) }
    let n = tally.checked
    return switch kind {
    case .min: Measurement(tally.least ?? .nan, support: n)
    case .max: Measurement(tally.greatest ?? .nan, support: n)
    case .mean: Measurement((tally.sum + tally.lost) / Double(n), support: n)
    case .sum: Measurement(tally.sum + tally.lost, support: n)
    case .sd:
      n < 2
        ? .undefined("one value has no deviation", support: n)
        : Measurement((tally.squares / Double(n - 1)).squareRoot(), support: n)
    case .median: Measurement(collected ?? .nan, support: n)
    case .nullShare: .share(tally.missing, of: n)
    case .distinct, .rowCount: .undefined("not a figure of values")
    }
  }

  private var isShare: Bool {
    switch expectation.check {
    case .figure(.nullShare, _): true
    case .figure, .type: false
    default: true
    }
  }

  static func tell(
    _ results: [ExpectationResult], in report: inout CheckReport, _ said: inout [String]
  ) {
    let passed = results.count(where: \.passed)
    report.metrics["expect.passed"] = Measurement(Double(passed), support: results.count)
    report.metrics["expect.failed"] = Measurement(
      Double(results.count { !$0.passed && $0.expectation.action == .fail }), support: results.count
    )
    report.metrics["expect.warned"] = Measurement(
      Double(results.count { !$0.passed && $0.expectation.action == .warn }), support: results.count
    )
    said.append("\(passed) of \(results.count) expectations hold")
    report.sections.append(
      CheckReport.Section(
        title: "Expectations",
        text:
          "Each check counts the rows that have something to check; 'holds' is the share in which it holds, with its 95 % interval, or the figure itself. Rows are counted from 1.",
        tables: [
          CheckReport.Table(
            columns: [
              "expectation", "rows checked", "failing", "holds", "first failing rows", "result",
            ],
            rows: results.map { result in
              [
                .text(result.expectation.rule), .count(result.tally.checked),
                .count(result.tally.failing),
                result.isShare ? .share(result.measurement) : .measurement(result.measurement),
                .text(result.tally.first.map { String($0 + 1) }.joined(separator: ", ")),
                .flag(result.passed),
              ]
            })
        ]))
  }
}

extension Validate {
  func checkExpectations(_ frame: ValidateFrame) async throws -> [ExpectationResult] {
    let stage = frame.stage
    let known = try await keys(frame)
    let columns = try ExpectationTask.columns(expectations, frame.table.schema)
    let parameters: JSONValue = .object([
      "expect": .array(expectations.map(\.source)),
      "schema": try ValidateFrame.parameter(frame.table.schema, columns),
    ])
    let outputs = try await stage.run(
      frame.table.partitions.map { partition in
        TaskRequest(
          step: "expect", parameters: parameters,
          inputs: known.merging(["partition": [partition]]) { $1 }, expectedRows: partition.rows)
      })
    let offsets = frame.table.offsets
    var tallies = [ExpectationTally](repeating: ExpectationTally(), count: expectations.count)
    for (index, output) in outputs.enumerated() {
      let parts = try CanonicalJSON.decode(
        [ExpectationTally].self, from: CanonicalJSON.encode(output.value))
      guard parts.count == tallies.count else { throw PackedReader.damaged }
      for (position, expectation) in expectations.enumerated() {
        var strictly: Bool?
        if case .increasing(let flag) = expectation.check { strictly = flag }
        tallies[position].merge(parts[position], offset: offsets[index], strictly: strictly)
      }
    }
    var figures: [Int: Double] = [:]
    var requests: [(Int, TaskRequest)] = []
    for (position, expectation) in expectations.enumerated() {
      guard let kind = expectation.collects else { continue }
      requests.append(
        (
          position,
          TaskRequest(
            step: "collect",
            parameters: .object([
              "kind": .string(kind), "offsets": .array(offsets.dropLast().map { JSONValue($0) }),
            ]),
            inputs: [
              "parts": outputs.flatMap { $0.artifacts["collected.\(expectation.index)"] ?? [] }
            ])
        ))
    }
    for ((position, _), output) in zip(requests, try await stage.run(requests.map(\.1))) {
      figures[position] = output.value["figure"]?.double
      if case .unique = expectations[position].check {
        tallies[position].failing = output.value["failing"]?.int ?? 0
        tallies[position].first = (output.value["first"]?.array ?? []).compactMap(\.int)
      }
    }
    return expectations.indices.map {
      ExpectationResult(
        expectations[$0], tallies[$0], schema: frame.table.schema, rows: frame.table.rows,
        figure: figures[$0])
    }
  }

  /// The keys that `references` looks up, joined for each expectation.
  private func keys(_ frame: ValidateFrame) async throws -> [String: [Artifact]] {
    var known: [String: [Artifact]] = [:]
    for expectation in expectations {
      guard case .references(let column) = expectation.check,
        let artifact = frame.stage.inputs[expectation.edgeRole]
      else { continue }
      let manifest = try frame.stage.artifacts.dataset(artifact)
      let parameters: JSONValue = .object([
        "schema": try ValidateFrame.parameter(manifest.schema, [column])
      ])
      let parts = try await frame.stage.run(
        manifest.partitions.map {
          TaskRequest(
            step: "keys", parameters: parameters, inputs: ["partition": [$0]],
            expectedRows: $0.rows)
        })
      let joined = try await frame.stage.run([
        TaskRequest(
          step: "join-keys", inputs: ["parts": parts.flatMap { $0.artifacts["keys"] ?? [] }])
      ])
      known["known.\(expectation.index)"] = joined.first?.artifacts["keys"] ?? []
    }
    return known
  }

  func performKeys(_ task: any TaskContext) throws -> TaskOutputs {
    let batch = try task.rows(task.parameter(Schema.self, "schema"))
    guard let column = batch.columns.first else { throw PackedReader.damaged }
    let hashes = RowHash.keys([column], rows: batch.rows)
    let keys = Set((0..<batch.rows).filter { !column.isMissing($0) }.map { hashes[$0] }).sorted()
    return TaskOutputs(["keys": [try publish(keys, task)]])
  }

  func performJoinKeys(_ task: any TaskContext) throws -> TaskOutputs {
    var keys: Set<RowKey> = []
    for part in task.request.inputs["parts"] ?? [] {
      var reader = PackedReader(try task.artifacts.read(part))
      keys.formUnion(try RowKeys.read(from: &reader))
    }
    return TaskOutputs(["keys": [try publish(keys.sorted(), task)]])
  }

  private func publish(_ keys: [RowKey], _ task: any TaskContext) throws -> Artifact {
    var out = PackedWriter()
    RowKeys.write(keys, to: &out)
    return try task.artifacts.publish(out.data, kind: .statistics, rows: nil)
  }

  func performExpect(_ task: any TaskContext) throws -> TaskOutputs {
    let schema = try task.parameter(Schema.self, "schema")
    let batch = try task.rows(schema)
    var known: [Int: [RowKey]] = [:]
    for expectation in expectations {
      guard let artifact = task.request.inputs["known.\(expectation.index)"]?.first else {
        continue
      }
      var reader = PackedReader(try task.artifacts.read(artifact))
      known[expectation.index] = try RowKeys.read(from: &reader)
    }
    let (tallies, collected) = try ExpectationTask(expectations: expectations, schema: schema)
      .run(batch, known: known)
    var artifacts: [String: [Artifact]] = [:]
    for item in collected {
      artifacts["collected.\(item.index)"] = [
        try task.artifacts.publish(item.bytes.data, kind: .statistics, rows: nil)
      ]
    }
    task.progress(rows: batch.rows)
    return TaskOutputs(artifacts, value: try ValidateFrame.json(tallies))
  }

  /// Joins what the partitions collected: 24 bytes for each row that `unique` looks at.
  func performCollect(_ task: any TaskContext) throws -> TaskOutputs {
    let offsets = (task.request.parameters["offsets"]?.array ?? []).compactMap(\.int)
    let parts = task.request.inputs["parts"] ?? []
    switch task.request.parameters["kind"]?.string {
    case "distinct":
      var seen: Set<RowKey> = []
      for part in parts {
        var reader = PackedReader(try task.artifacts.read(part))
        seen.formUnion(try RowKeys.read(from: &reader))
      }
      return TaskOutputs(value: .object(["figure": JSONValue(seen.count)]))
    case "median":
      var values: [Double] = []
      for part in parts {
        var reader = PackedReader(try task.artifacts.read(part))
        values += try reader.doubles()
      }
      values.sort()
      guard !values.isEmpty else { return TaskOutputs(value: .object([:])) }
      let middle = values.count / 2
      let median =
        values.count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2
      return TaskOutputs(value: .object(["figure": .double(median)]))
    default:
      var entries: [(key: RowKey, row: Int)] = []
      for (index, part) in parts.enumerated() {
        var reader = PackedReader(try task.artifacts.read(part))
        let keys = try RowKeys.read(from: &reader)
        let rows = try reader.ints()
        guard keys.count == rows.count, index < offsets.count else { throw PackedReader.damaged }
        for (key, row) in zip(keys, rows) { entries.append((key, row + offsets[index])) }
        try task.checkCancellation()
      }
      entries.sort { $0.key < $1.key }
      var copies: [Int] = []
      for index in entries.indices {
        // Every copy fails, the first one too: none of them is the right one.
        let isCopy =
          index > 0 && entries[index - 1].key == entries[index].key
          || index + 1 < entries.count && entries[index + 1].key == entries[index].key
        if isCopy { copies.append(entries[index].row) }
      }
      copies.sort()
      return TaskOutputs(
        value: .object([
          "failing": JSONValue(copies.count),
          "first": .array(copies.prefix(ExpectationTally.mostRowsShown).map { JSONValue($0) }),
        ]))
    }
  }
}

extension Expectation {
  /// What it collects over all rows beside its tally.
  var collects: String? {
    switch check {
    case .unique: "unique"
    case .figure(.distinct, _): "distinct"
    case .figure(.median, _): "median"
    default: nil
    }
  }
}
