import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import Foundation
import Synchronization

/// Stage kinds that do next to nothing, so that what is tested is the engine.
let toys = StageRegistry([Numbers.self, Scale.self, Judge.self, Deliver.self, Work.self])

/// Gives the numbers from 1, or those of its file; a number is a line of text.
struct Numbers: StageKind {
  static let description = KindDescription(
    name: "numbers", revision: 1, summary: "Gives numbers.",
    fields: [
      .optional("count", .count, default: 3, "How many."),
      .optional("from", .path, "A file or folder with the numbers."),
      .optional("fails", .bool, default: false, "Whether it does."),
      .optional("meddles", .bool, default: false, "Writes to its file while reading it."),
    ], outputs: ["lines"], usesRandomness: true, example: "numbers: {count: 3}")

  let count: Int
  let fails: Bool
  let meddles: Bool
  let sources: [SourceRequest]

  init(_ options: OptionValues, report: inout Diagnostics) {
    count = options["count"]?.int ?? 0
    fails = options["fails"]?.bool ?? false
    meddles = options["meddles"]?.bool ?? false
    sources =
      options["from"].flatMap { node in
        node.text.map { [SourceRequest(location: $0, digest: nil, span: node.span)] }
      } ?? []
  }

  func drive(_ stage: any StageContext) async throws -> StageOutputs {
    if fails { throw TaskFailure(.error("AX0999", "it fails")) }
    guard !stage.sources.isEmpty else {
      let lines = (1...max(1, count)).map(String.init).joined(separator: "\n")
      return StageOutputs([
        "lines": try stage.artifacts.publish(Data(lines.utf8), kind: .statistics, rows: count)
      ])
    }
    let read = try await stage.run(
      stage.sources.joined().map {
        TaskRequest(step: "read", parameters: ["meddles": .bool(meddles)], files: [$0])
      })
    let parts = try read.compactMap { $0.artifacts["lines"]?.first }.map(stage.artifacts.read)
    let lines = Data(parts.joined(separator: [10]))
    return StageOutputs(["lines": try stage.artifacts.publish(lines, kind: .statistics, rows: nil)])
  }

  func perform(_ task: any TaskContext) throws -> TaskOutputs {
    guard let file = task.request.files.first else { return TaskOutputs() }
    let content = try Data(contentsOf: URL(fileURLWithPath: file.path))
    if task.request.parameters["meddles"]?.bool == true {
      try (content + Data("9".utf8)).write(to: URL(fileURLWithPath: file.path))
    }
    return TaskOutputs(
      ["lines": [try task.artifacts.publish(content, kind: .statistics, rows: nil)]])
  }
}

/// Multiplies each line, a task to a line; the outcome is a file.
struct Scale: StageKind {
  static let description = KindDescription(
    name: "scale", revision: 1, summary: "Multiplies numbers.",
    fields: [
      .required("from", .edge(.dataset), "The numbers."),
      .optional("by", .int(-1000...1000), default: 1, "The factor."),
      .optional("modulo", .int(1...1000), default: 1000, "What is left of the sum of all."),
      .optional("note", .text, "Says nothing.", affectsOutput: false),
    ], outputs: ["lines", "rest"], example: "scale: {from: a, by: 2}")

  let by: Int
  let modulo: Int

  init(_ options: OptionValues, report: inout Diagnostics) {
    by = options["by"]?.int ?? 1
    modulo = options["modulo"]?.int ?? 1
  }

  func drive(_ stage: any StageContext) async throws -> StageOutputs {
    guard let input = stage.inputs["from"] else { return StageOutputs() }
    let text = String(decoding: try stage.artifacts.read(input), as: UTF8.self)
    let results = try await stage.run(
      text.split(separator: "\n").map {
        TaskRequest(
          step: "times", parameters: ["line": .string(String($0)), "by": .int(Int64(by))],
          expectedRows: 1)
      })
    let values = results.map { $0.value.json.int ?? 0 }
    let lines = values.map { "\($0)" }.joined(separator: "\n")
    let rest = "\(values.reduce(0, +) % modulo)"
    return StageOutputs([
      "lines": try stage.artifacts.publish(Data(lines.utf8), kind: .file, rows: values.count),
      "rest": try stage.artifacts.publish(Data(rest.utf8), kind: .statistics, rows: nil),
    ])
  }

  func perform(_ task: any TaskContext) throws -> TaskOutputs {
    try task.checkCancellation()
    task.progress(rows: 1)
    guard let line = task.request.parameters["line"]?.string, let value = Int(line),
      let by = task.request.parameters["by"]?.int
    else { throw TaskFailure(.error("AX0998", "a line is no number")) }
    return TaskOutputs(value: .int(Int64(value * by)))
  }
}

/// A gate: trips when there are more lines than `most`.
struct Judge: StageKind {
  static let description = KindDescription(
    name: "judge", revision: 1, summary: "Judges numbers.",
    fields: [
      .required("of", .edge(.dataset), "The numbers."),
      .required("most", .count, "How many lines are fine."),
    ], outputs: [], example: "judge: {of: a, most: 3}")

  let most: Int
  init(_ options: OptionValues, report: inout Diagnostics) { most = options["most"]?.int ?? 0 }

  func drive(_ stage: any StageContext) async throws -> StageOutputs {
    let lines = stage.inputs["of"]?.rows ?? 0
    return StageOutputs(
      gates: [
        GateResult(
          rule: "lines > \(most)", action: .fail, measurement: Measurement(Double(lines)),
          passed: lines <= most)
      ])
  }
}

/// Puts the lines beside the project.
struct Deliver: StageKind {
  static let description = KindDescription(
    name: "deliver", revision: 1, summary: "Writes numbers.",
    fields: [
      .required("from", .edge(.dataset), "The numbers."), .required("to", .path, "Where."),
    ], outputs: [], example: "deliver: {from: a, to: out/a.txt}")

  let path: String
  init(_ options: OptionValues, report: inout Diagnostics) { path = options["to"]?.text ?? "" }

  func drive(_ stage: any StageContext) async throws -> StageOutputs {
    guard let input = stage.inputs["from"] else { return StageOutputs() }
    return StageOutputs(deliveries: [Delivery(artifact: input, path: path)])
  }
}

/// Does tasks that take their time, and says how many were at work at once.
struct Work: StageKind {
  static let description = KindDescription(
    name: "work", revision: 1, summary: "Takes time.",
    fields: [
      .optional("tasks", .count, default: 1, "How many tasks."),
      .optional("milliseconds", .count, default: 20, "How long each takes."),
      .optional("fails", .count, default: 0, "How many times it fails before it does not."),
    ], outputs: ["done"], usesRandomness: true, example: "work: {tasks: 3}")

  /// By the salt of the stage, since tests run side by side.
  static let watch = Mutex<[String: Watch]>([:])
  struct Watch: Equatable {
    var now = 0
    var most = 0
    var failures = 0
  }

  let tasks: Int
  let milliseconds: Int
  let fails: Int

  init(_ options: OptionValues, report: inout Diagnostics) {
    tasks = options["tasks"]?.int ?? 0
    milliseconds = options["milliseconds"]?.int ?? 0
    fails = options["fails"]?.int ?? 0
  }

  func drive(_ stage: any StageContext) async throws -> StageOutputs {
    let failures = Self.watch.withLock { watch in
      watch[stage.salt, default: Watch()].failures += 1
      return watch[stage.salt]?.failures ?? 0
    }
    if failures <= fails { throw TaskFailure(.error("AX0999", "it fails")) }
    _ = try await stage.run(
      (0..<tasks).map {
        TaskRequest(
          step: "wait",
          parameters: [
            "number": JSONValue($0), "salt": .string(stage.salt),
            "milliseconds": JSONValue(milliseconds),
          ])
      })
    return StageOutputs([
      "done": try stage.artifacts.publish(Data("done".utf8), kind: .statistics, rows: tasks)
    ])
  }

  func perform(_ task: any TaskContext) throws -> TaskOutputs {
    let salt = task.request.parameters["salt"]?.string ?? ""
    Self.watch.withLock { watch in
      var mine = watch[salt] ?? Watch()
      mine.now += 1
      mine.most = max(mine.most, mine.now)
      watch[salt] = mine
    }
    defer { Self.watch.withLock { $0[salt]?.now -= 1 } }
    for _ in 0..<(task.request.parameters["milliseconds"]?.int ?? 0) {
      try task.checkCancellation()
      usleep(1_000)
    }
    return TaskOutputs(value: 1)
  }
}
