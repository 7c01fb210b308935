package import AdmixEngine
package import AdmixModel

extension DiffText {
  /// The stable form of a difference: every list is there, empty where there is nothing.
  package static func json(_ diff: RunDiff) -> JSONValue {
    .object([
      "pipeline": .string(diff.pipeline), "old": json(diff.old), "new": json(diff.new),
      "differs": .bool(!diff.isEmpty),
      "seed": diff.seed.map { ["old": .string("\($0.old)"), "new": .string("\($0.new)")] } ?? .null,
      "spec": .array(
        diff.spec.map { stage in
          .object([
            "stage": .string(stage.stage), "kind": .string(stage.kind),
            "presence": .string(stage.presence.rawValue), "changes": PlanText.json(stage.changes),
            "unknown": JSONValue(stage.unknown),
          ])
        }),
      "inputs": .array(
        diff.inputs.map { input in
          .object([
            "stage": .string(input.stage), "name": .string(input.name),
            "old": JSONValue(input.old?.hex), "new": JSONValue(input.new?.hex),
          ])
        }),
      "metrics": .array(
        diff.metrics.map { metric in
          .object([
            "stage": .string(metric.stage), "name": .string(metric.name),
            "old": json(metric.old), "new": json(metric.new), "change": JSONValue(metric.change),
          ])
        }),
      "gates": .array(
        diff.gates.map { gate in
          .object([
            "stage": .string(gate.stage), "rule": .string(gate.rule),
            "action": .string(gate.action.rawValue), "old": json(gate.old), "new": json(gate.new),
          ])
        }),
      "outputs": .array(diff.outputs.map(json)),
      "durations": .array(
        diff.durations.map { duration in
          .object([
            "stage": .string(duration.stage), "old": JSONValue(duration.old),
            "new": JSONValue(duration.new),
          ])
        }),
      "unmade": .array(diff.unmade.map { .string($0) }),
      "unknown": .array(diff.unknown.map { .string($0) }),
    ])
  }

  private static func json(_ side: RunDiff.Side) -> JSONValue {
    .object([
      "run": side.run.isEmpty ? .null : .string(side.run), "status": .string(side.status),
      "started": .string(PlanText.time(side.started)), "seconds": .double(side.seconds),
    ])
  }

  private static func json(_ measurement: Measurement?) -> JSONValue {
    guard let measurement else { return .null }
    return .object([
      "value": JSONValue(measurement.value), "low": JSONValue(measurement.low),
      "high": JSONValue(measurement.high), "reason": JSONValue(measurement.reason),
    ])
  }

  private static func json(_ gate: GateResult?) -> JSONValue {
    guard let gate else { return .null }
    return .object(["passed": .bool(gate.passed), "measurement": json(gate.measurement)])
  }

  private static func json(_ output: RunDiff.Output) -> JSONValue {
    .object([
      "stage": .string(output.stage), "name": .string(output.name), "old": json(output.old),
      "new": json(output.new), "reordered": .bool(output.isReordered),
      "unknown": JSONValue(output.unknown),
      "columns": .array(
        output.columns.map { column in
          .object([
            "name": .string(column.name), "old": json(column.old), "new": json(column.new),
          ])
        }),
    ])
  }

  private static func json(_ artifact: Artifact?) -> JSONValue {
    guard let artifact else { return .null }
    return .object([
      "kind": .string(artifact.kind.rawValue), "digest": .string(artifact.digest.hex),
      "bytes": JSONValue(artifact.bytes), "rows": artifact.rows.map { JSONValue($0) } ?? .null,
    ])
  }

  private static func json(_ column: ColumnFigures?) -> JSONValue {
    guard let column else { return .null }
    return .object([
      "type": .string(column.type.rawValue),
      "roles": .array(column.roles.map { .string($0.rawValue) }),
      "missing": JSONValue(column.missing), "least": JSONValue(column.least),
      "most": JSONValue(column.most), "mean": JSONValue(column.mean),
      "distinct": column.distinct.map { JSONValue($0) } ?? .null,
    ])
  }
}
