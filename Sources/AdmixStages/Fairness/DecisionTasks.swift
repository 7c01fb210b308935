import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStatistics

/// The tasks that count decisions: those in a column of a dataset, or those of models that learn from it.
struct DecisionTasks: Sendable {
  static let countStep = "decisions"
  static let scoreStep = "scores"
  static let modelStep = "model"

  /// What a model's own columns are called.
  static let label = "label"
  static let decision = "decision"

  let stage: any StageContext
  let options: FairnessStageOptions

  private var views: JSONValue {
    .array(options.views.map { .array($0.names.map { .string($0) }) })
  }

  // MARK: A column of decisions

  /// The decisions of a dataset that has them in a column, followed by those about its parts.
  func column(_ prediction: FairnessStageOptions.Prediction, _ plan: FairnessCounting) async throws
    -> [(role: String, part: String?, counts: DecisionCounts)]
  {
    let names = Set(options.views.flatMap(\.names) + [options.label.name, prediction.column.name])
    let origin = plan.hasOrigin ? [Schema.originSource] : []
    func shape(_ more: [String]) throws -> JSONValue {
      let used = names.union(origin).union(more)
      return try ValidateFrame.json(
        Schema(plan.manifest.schema.columns.filter { used.contains($0.name) }).shape)
    }
    let parameters: JSONValue = [
      "schema": try shape([]), "origin": .bool(plan.hasOrigin),
      "views": views, "label": .string(options.label.name),
      "decision": .string(prediction.column.name),
    ]
    var requests = plan.manifest.partitions.map {
      TaskRequest(
        step: Self.countStep, parameters: parameters, inputs: ["partition": [$0]],
        expectedRows: $0.rows)
    }
    if let score = prediction.score {
      requests.append(
        TaskRequest(
          step: Self.scoreStep,
          parameters: [
            "schema": try ValidateFrame.json(
              Schema(
                plan.manifest.schema.columns.filter {
                  names.union([score.name]).contains($0.name)
                })),
            "views": views, "label": .string(options.label.name), "score": .string(score.name),
            "positive": .array(options.everyPositive.map { .string($0) }),
          ], inputs: ["partitions": plan.manifest.partitions],
          expectedRows: plan.manifest.rows))
    }
    var outputs = try await stage.run(requests)
    var scores: [[DecisionCounts.GroupScores]] = []
    if prediction.score != nil, let last = outputs.popLast(),
      let artifact = last.artifacts["scores"]?.first
    {
      scores = try stage.artifacts.decode([[DecisionCounts.GroupScores]].self, from: artifact)
    }
    var sum = DecisionCounts(tables: [])
    for output in outputs {
      guard let artifact = output.artifacts["counts"]?.first else { continue }
      sum = sum.adding(
        DecisionCounts(tables: try stage.artifacts.decode([CountTable].self, from: artifact)))
    }
    guard plan.hasOrigin else {
      sum.scores = scores
      return [(plan.role, nil, sum)]
    }
    let whole = sum.tables.map { $0.marginal($0.axes.dropFirst().map(\.column)) ?? $0 }
    var all: [(role: String, part: String?, counts: DecisionCounts)] = [
      (plan.role, nil, DecisionCounts(tables: whole, scores: scores))
    ]
    for (code, part) in (sum.tables.first?.axes.first?.values ?? []).enumerated() {
      let tables = sum.tables.compactMap { $0.slice(Schema.originSource, code: code) }
      if (tables.first?.total ?? 0) > 0 {
        all.append(("part", part, DecisionCounts(tables: tables)))
      }
    }
    return all
  }

  static func performCount(_ task: any TaskContext, _ options: FairnessStageOptions) throws
    -> TaskOutputs
  {
    let parameters = task.request.parameters
    guard let partition = task.request.inputs["partition"]?.first,
      let label = parameters["label"]?.string, let decision = parameters["decision"]?.string
    else { throw TaskFailure(.error("AX0901", "decisions were to be counted without a partition")) }
    let schema = try task.parameter(Schema.self, "schema")
    let batch = try task.artifacts.batch(partition, shape: schema)
    try task.checkCancellation()
    let coded = try FairnessCounting.coded(batch, options)
    let origin = parameters["origin"]?.bool == true ? [Schema.originSource] : []
    let tables = try Self.views(parameters).map { names in
      try FairnessCounting.counted(origin + names + [label, decision], coded, options)
    }
    task.progress(rows: batch.rows)
    return TaskOutputs(["counts": [try task.artifacts.publish(tables, kind: .statistics)]])
  }

  static func views(_ parameters: EncodedJSON) -> [[String]] {
    (parameters["views"]?.array ?? []).map { ($0.array ?? []).compactMap(\.string) }
  }

  /// Scores are put in order, so that all of them are looked at together.
  static func performScores(_ task: any TaskContext, _ options: FairnessStageOptions) throws
    -> TaskOutputs
  {
    let parameters = task.request.parameters
    let schema = try task.parameter(Schema.self, "schema")
    guard let label = parameters["label"]?.string, let score = parameters["score"]?.string else {
      throw TaskFailure(.error("AX0901", "scores were asked for without their column"))
    }
    var batches: [Batch] = []
    for partition in task.request.inputs["partitions"] ?? [] {
      batches.append(try task.artifacts.batch(partition, schema: schema))
      task.progress(rows: partition.rows ?? 0)
      try task.checkCancellation()
    }
    let batch = Batch.concatenating(batches, schema: schema)
    guard let labels = batch[label], let values = batch[score]?.numbers else {
      throw TaskFailure(.error("AX0901", "the dataset lacks its scores"))
    }
    let good = Set(
      (parameters["positive"]?.array ?? []).compactMap(\.string).map(ExactText.init))
    let outcome = try FairnessCounting.coded(
      Batch(schema: Schema([schema[label]].compactMap { $0 }), columns: [labels], rows: batch.rows),
      options)[label]
    let known = (0..<batch.rows).filter { row in
      guard let outcome else { return false }
      return Int(outcome.codes[row]) < outcome.values.count && !values[row].isNaN
    }
    if known.contains(where: { !(0...1).contains(values[$0]) }) {
      throw TaskFailure(
        .error(
          "AX0792", at: options.prediction?.score?.span ?? options.label.span,
          "'\(score)' holds numbers outside 0 to 1",
          cause: "a score is the chance of the good outcome",
          hint: "bring it into 0 to 1 with a 'transform' stage, as by sigmoid(…)"))
    }
    let kept = batch.taking(known)
    let coded = try FairnessCounting.coded(
      Batch(
        schema: Schema(kept.schema.columns.filter { $0.name != score }),
        columns: zip(kept.schema.columns, kept.columns).filter { $0.0.name != score }.map(\.1),
        rows: kept.rows), options)
    let isGood = known.map { row in
      outcome.map { good.contains(ExactText($0.values[Int($0.codes[row])])) } ?? false
    }
    let numbers = known.map { values[$0] }
    let scores = Self.views(parameters).map { names in
      DecisionCounts.scores(names.compactMap { coded[$0] }, numbers, isGood)
    }
    return TaskOutputs(["scores": [try task.artifacts.publish(scores, kind: .statistics)]])
  }

  // MARK: Models

  /// What a model is trained on.
  struct Training: Sendable {
    var role: String
    var title: String
    var prefix: String?
    var manifest: DatasetManifest
    /// Only rows from this part; all rows where nil.
    var origin: String?
  }

  /// By model, in the order of the options, what each training leads to on the holdout.
  func models(_ trainings: [Training], holdout: DatasetManifest) async throws
    -> [[DecisionCounts]]
  {
    guard let fit = trainings.first else { return [] }
    var columns = ComparedColumn.shared(fit.manifest.schema, holdout.schema).filter { column in
      trainings.allSatisfy { training in
        guard let own = training.manifest.schema[column.name] else { return false }
        return own.type != .text && own.type.isContinuous == column.isNumber
          && holdout.schema[column.name]?.type != .text
      }
    }
    if !columns.contains(where: { $0.name == options.label.name }) {
      columns.append(ComparedColumn(options.label.name, isNumber: false))
    }
    let names = columns.map(\.name)
    let groups = options.views.flatMap(\.names).filter { !names.contains($0) }
    var seen: Set<String> = []
    let tested = names + groups.filter { seen.insert($0).inserted }
    let limit = options.learnRows
    let samples = try await stage.run(
      [
        try RowSample.request(
          holdout, tested, rows: limit, origins: nil, stage, purpose: "models-holdout")
      ]
        + trainings.map {
          try RowSample.request(
            $0.manifest, names, rows: limit, origins: $0.origin.map { [$0] }, stage,
            purpose: "models-\($0.prefix ?? "of")")
        })
    let parts = samples.map { $0.artifacts["sample"] ?? [] }
    var requests: [TaskRequest] = []
    for model in options.models {
      for (index, training) in trainings.enumerated() {
        requests.append(
          TaskRequest(
            step: Self.modelStep,
            parameters: [
              "model": .string(model), "library": JSONValue(Classifier.library(model)),
              "target": .string(options.label.name),
              "positive": .array(options.everyPositive.map { .string($0) }),
              "columns": try ValidateFrame.json(columns), "views": views,
              "schemas": .array([
                try ValidateFrame.parameter(fit.manifest.schema, names),
                try ValidateFrame.parameter(training.manifest.schema, names),
                try ValidateFrame.parameter(holdout.schema, tested),
              ]),
            ],
            inputs: ["fit": parts[1], "train": parts[index + 1], "test": parts[0]],
            expectedRows: parts[index + 1].first?.rows))
      }
    }
    let outputs = try await stage.run(requests)
    let counts = try outputs.map { output -> DecisionCounts in
      guard let artifact = output.artifacts["counts"]?.first else {
        return DecisionCounts(lack: "not computed")
      }
      return try stage.artifacts.decode(DecisionCounts.self, from: artifact)
    }
    return options.models.indices.map { index in
      Array(counts[(index * trainings.count)..<((index + 1) * trainings.count)])
    }
  }

  static func performModel(_ task: any TaskContext, _ options: FairnessStageOptions) throws
    -> TaskOutputs
  {
    let parameters = task.request.parameters
    let columns = try task.parameter([ComparedColumn].self, "columns")
    let schemas = try task.parameter([Schema].self, "schemas")
    let tables = try zip(["fit", "train", "test"], schemas).map { name, schema in
      guard let part = task.request.inputs[name]?.first else {
        throw TaskFailure(.error("AX0901", "a model was to be trained without its rows"))
      }
      return try task.artifacts.batch(part, schema: schema)
    }
    guard tables.count == 3 else {
      throw TaskFailure(.error("AX0901", "a model was to be trained without its rows"))
    }
    var counts: DecisionCounts
    switch try Classifier.scores(
      parameters["model"]?.string ?? "", tables, columns: columns,
      target: parameters["target"]?.string ?? "",
      positive: (parameters["positive"]?.array ?? []).compactMap(\.string))
    {
    case .failure(let lack): counts = DecisionCounts(lack: lack.reason)
    case .success(let found):
      let names = Self.views(parameters)
      let used = Set(names.joined())
      let test = tables[2].taking(found.rows)
      let kept = zip(test.schema.columns, test.columns).filter { used.contains($0.0.name) }
      var coded = try FairnessCounting.coded(
        Batch(schema: Schema(kept.map(\.0)), columns: kept.map(\.1), rows: test.rows), options)
      func flags(_ bits: (Int) -> Bool) throws -> CodedColumn {
        try CodedColumn(Column(.bool(Bitmap(count: test.rows, bits))))
      }
      coded[Self.label] = try flags { found.labels[$0] }
      coded[Self.decision] = try flags { found.scores[$0] >= 0.5 }
      counts = DecisionCounts(
        tables: try names.map {
          try FairnessCounting.counted($0 + [Self.label, Self.decision], coded, options)
        },
        scores: names.map { names in
          DecisionCounts.scores(names.compactMap { coded[$0] }, found.scores, found.labels)
        })
    }
    counts.learned = tables[1].rows
    task.progress(rows: tables[1].rows)
    return TaskOutputs(["counts": [try task.artifacts.publish(counts, kind: .statistics)]])
  }
}
