import AdmixEngine
import AdmixModel
import AdmixReport
import AdmixStore
import ArgumentParser
import Foundation

/// Which rows of what.
struct TraceArguments: ParsableArguments {
  @Argument(
    help:
      "A source file as the pipeline file names it, a stage, stage.output, or an exported file. Alone it is about the pipeline.yaml in this folder.",
    completion: .file())
  var what: String?

  @Option(
    help: .init(
      "This row, counted from 1 without a header. Repeatable. (The column _origin_row counts from 0.)",
      valueName: "number"))
  var row: [Int] = []

  @Option(
    name: .customLong("where"),
    help: .init(
      "The rows with this value in this column. Repeatable: all have to hold. Nothing after the '=' is a missing value. Values are not stored or logged.",
      valueName: "column=value"))
  var conditions: [String] = []

  @Option(
    help: .init(
      "Reads such conditions from a file, one on a line, or from standard input (-), where other users and the shell's history do not see them.",
      valueName: "file"), completion: .file())
  var whereFile: String?

  @Option(help: .init("At most so many row numbers of each thing.", valueName: "count"))
  var limit = 10

  func validate() throws {
    if let row = row.first(where: { $0 < 1 }) {
      throw ValidationError("--row counts from 1, there is no row \(row).")
    }
    if limit < 1 { throw ValidationError("--limit is at least 1.") }
    if row.isEmpty, conditions.isEmpty, whereFile == nil {
      throw ValidationError("Name rows: --row 17, or --where column=value.")
    }
    // Which of them is not shown: it may hold somebody's data.
    if conditions.contains(where: { TraceCondition($0) == nil }) {
      throw ValidationError("--where is column=value.")
    }
  }

  /// With one name alone the pipeline file is the usual one.
  private func pipeline(_ arguments: PipelineArguments) -> PipelineArguments {
    var arguments = arguments
    if what == nil { arguments.file = "pipeline.yaml" }
    return arguments
  }

  private func question(_ arguments: PipelineArguments) throws -> TraceQuestion {
    TraceQuestion(
      what: what ?? arguments.file, folder: FileManager.default.currentDirectoryPath, rows: row,
      conditions: conditions.compactMap { TraceCondition($0) } + (try fileConditions(arguments)),
      limit: limit)
  }

  private func fileConditions(_ arguments: PipelineArguments) throws -> [TraceCondition] {
    guard let whereFile else { return [] }
    let data =
      whereFile == "-"
      ? FileHandle.standardInput.readDataToEndOfFile()
      : FileManager.default.contents(atPath: whereFile)
    guard let data, let text = String(validating: data, as: UTF8.self) else {
      throw arguments.fail(
        Diagnostics([
          .error(
            "AX0833", "'\(whereFile)' cannot be read", cause: "it is not there, or no UTF-8 text",
            hint: "a file with column=value on each line")
        ]), .usage)
    }
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    var conditions: [TraceCondition] = []
    for (number, line) in lines.enumerated() where !line.isEmpty {
      guard let condition = TraceCondition(line) else {
        throw arguments.fail(
          Diagnostics([
            .error(
              "AX0833", "line \(number + 1) of '\(whereFile)' is not column=value",
              hint: "a file with column=value on each line")
          ]), .usage)
      }
      conditions.append(condition)
    }
    if conditions.isEmpty, row.isEmpty, self.conditions.isEmpty {
      throw arguments.fail(
        Diagnostics([
          .error(
            "AX0833", "'\(whereFile)' names no condition",
            hint: "a file with column=value on each line")
        ]), .usage)
    }
    return conditions
  }

  /// Puts the question to a pipeline's store, and prints the answer as text or JSON.
  func answer<Answer: Encodable>(
    _ arguments: PipelineArguments, _ store: StoreArguments,
    _ ask: (Engine, Graph, TraceQuestion) throws -> Answer,
    text: (Answer, PipelineArguments) -> String
  ) throws {
    let question = try question(arguments)
    let pipeline = pipeline(arguments)
    let graph = try pipeline.graph()
    let engine = try store.engine(pipeline, onlyAsks: true)
    let answer: Answer
    do { answer = try ask(engine, graph, question) } catch {
      throw Self.explained(error, pipeline)
    }
    engine.store.close()
    Terminal.out(
      pipeline.json ? try JSONValue(encoding: answer).pretty + "\n" : text(answer, pipeline))
  }

  /// How a command ends that was asked for what is not there, or not there yet.
  private static func explained(_ error: any Error, _ pipeline: PipelineArguments) -> any Error {
    guard let problem = error as? Diagnostic else { return Session.explained(error, pipeline) }
    let outcome: Outcome =
      problem.code == "AX0831" ? .stale : problem.code.hasPrefix("AX08") ? .usage : .stageFailed
    return pipeline.fail(Diagnostics([problem]), outcome)
  }
}

struct TraceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "Say where rows came from, and which datasets, models, checks and exports have them.")

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var rows: TraceArguments
  @OptionGroup var store: StoreArguments

  func run() async throws {
    try rows.answer(pipeline, store) {
      try $0.trace($1, $2)
    } text: { trace, _ in
      TraceText.text(trace)
    }
  }
}

struct Forget: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget",
    abstract:
      "Say what has to be done to forget rows of a source: what reruns, what is stale, what the store keeps. Changes nothing."
  )

  @OptionGroup var pipeline: PipelineArguments
  @OptionGroup var rows: TraceArguments
  @OptionGroup var store: StoreArguments

  func run() async throws {
    try rows.answer(pipeline, store) {
      try $0.forget($1, $2)
    } text: { plan, pipeline in
      TraceText.text(plan, run: pipeline.runCommand)
    }
  }
}
