import AdmixData
package import AdmixEngine
package import AdmixModel
package import AdmixSpec

/// Blends rows of several datasets in the shares that were asked for, shuffled, each row with its
/// origin.
package struct Mix: StageKind {
  package static let mostRows = 1 << 40

  package static let description = KindDescription(
    name: "mix", revision: 3,
    summary: "Blends rows of several datasets in chosen shares; every row keeps its origin.",
    fields: [
      .optional(
        "rows", .count,
        "How many rows the blend has; not needed where every part says its own 'rows'."),
      .required(
        "parts",
        .map(
          .object([
            .required("from", .edge(.dataset), "The dataset to take rows from."),
            .optional(
              "share", .share, "Its part of the blend, from 0 to 1; all shares add up to 1."),
            .optional("rows", .count, "How many of its rows are taken, instead of a share."),
            .optional(
              "when-short", .choice(MixOptions.WhenShort.allCases.map(\.rawValue)),
              default: "error",
              "What to do when it has fewer rows: stop with an error, repeat rows, or shrink the blend so that the shares still hold."
            ),
          ])),
        "The parts by name; rows say which stage they come from."),
      .optional(
        "balance",
        .object([
          .required(
            "by", .listOrOne(.column), "Columns whose combinations of values are balanced."),
          .required(
            "to", .oneOf([.choice(["equal"]), .map(.share)]),
            "'equal' for all combinations that occur, or shares by value; of several columns, the values joined by ', '. Rows without a value are a group of their own, '(missing)'."
          ),
        ]),
        "Gives the whole blend a chosen distribution over the values of some columns."),
    ],
    outputs: ["data"], usesRandomness: true,
    tasks: [
      .init("count", "For `balance`: counts a partition's combinations.", ["parts", "balance"]),
      .init("blend", "Makes one partition of the blend.", ["rows", "parts", "balance"]),
    ],
    example: """
      mix:
        rows: 40000
        parts:
          real: {from: parts.train, share: 0.65}
          synthetic: {from: synthetic, share: 0.35}
        balance: {by: [sex, income], to: equal}
      """)

  let options: MixOptions

  package init(_ options: OptionValues, report: inout Diagnostics) {
    self.options = MixOptions(options, report: &report)
  }

  package func schemas(of inputs: [String: Schema], report: inout Diagnostics) -> [String: Schema] {
    checkBalance(inputs.mapValues { $0 }, report: &report)
    guard options.parts.allSatisfy({ inputs[$0.role] != nil }) else { return [:] }
    let sources = options.parts.compactMap { part in
      inputs[part.role].map {
        BlendSchema.Source(name: part.name, stage: part.name, schema: $0, span: part.fromSpan)
      }
    }
    return BlendSchema.merged(sources, report: &report).map { ["data": $0] } ?? [:]
  }

  private func checkBalance(_ inputs: [String: Schema], report: inout Diagnostics) {
    for column in options.balance?.columns ?? [] {
      for part in options.parts {
        guard let schema = inputs[part.role], schema[column.name] == nil else { continue }
        report.append(
          .error(
            "AX0626", at: column.span,
            "there is no column '\(column.name)' to balance by in the part '\(part.name)'",
            hint: Spelling.closest(to: column.name, among: schema.names).map {
              "did you mean '\($0)'?"
            }))
      }
    }
  }

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    var datasets: [DatasetManifest] = []
    for part in options.parts {
      guard let artifact = stage.inputs[part.role] else { throw missingInput("blend") }
      datasets.append(try stage.artifacts.dataset(artifact))
    }
    let schema = try merged(datasets, stage)
    let columns = options.balance?.columns.map(\.name) ?? []
    var counts: [CellCounts] = []
    for (part, dataset) in zip(options.parts, datasets) {
      counts.append(try await self.counts(dataset, part, columns, stage))
    }
    let allotment = try Allotment(options, counts: counts)
    let plan = BlendPlan(
      seed: stage.seed, salt: stage.salt, columns: columns,
      parts: zip(options.parts, zip(datasets, zip(counts, allotment.taken))).map {
        .init(
          name: $0.name, origin: stage.inputNames[$0.role] ?? $0.name, schema: $1.0.schema,
          counts: $1.1.0, taken: $1.1.1)
      }, schema: schema)
    let planArtifact = try stage.artifacts.publish(plan, kind: .statistics)
    var inputs = ["plan": [planArtifact]]
    for (index, dataset) in datasets.enumerated() { inputs["part.\(index)"] = dataset.partitions }
    let tasks = Partitioning.ranges(rows: plan.rows).map { range in
      TaskRequest(
        step: "blend",
        parameters: ["from": .init(range.lowerBound), "to": .init(range.upperBound)],
        inputs: inputs, expectedRows: range.count)
    }
    let made = try await stage.run(tasks)
    let partitions = made.flatMap { $0.artifacts["rows"] ?? [] }
    let maps = made.flatMap { $0.artifacts["map"] ?? [] }
    guard maps.count == partitions.count else { throw missingInput("blend") }
    let lineage = RowLineage([
      "data": .rows(
        of: options.parts.map(\.role),
        by: [zip(partitions, maps).map { .init(rows: $0.rows ?? 0, from: nil, map: $1) }])
    ])
    let manifest = DatasetManifest(schema: schema, partitions: partitions)
    let data = try stage.artifacts.publish(manifest, kind: .dataset, rows: manifest.rows)
    return StageOutputs(
      ["data": data], warnings: allotment.warnings,
      rows: try stage.artifacts.publish(lineage, kind: .statistics))
  }

  private func merged(_ datasets: [DatasetManifest], _ stage: any StageContext) throws -> Schema {
    var report = Diagnostics()
    let sources = zip(options.parts, datasets).map { part, dataset in
      BlendSchema.Source(
        name: part.name, stage: stage.inputNames[part.role] ?? part.name, schema: dataset.schema,
        span: part.fromSpan)
    }
    let schemas = zip(options.parts, datasets).map { ($0.role, $1.schema) }
    checkBalance(Dictionary(schemas) { first, _ in first }, report: &report)
    let schema = BlendSchema.merged(sources, report: &report)
    guard let schema, !report.hasErrors else { throw TaskFailure(report) }
    return schema
  }

  private func counts(
    _ dataset: DatasetManifest, _ part: MixOptions.Part, _ columns: [String],
    _ stage: any StageContext
  ) async throws -> CellCounts {
    guard !columns.isEmpty else {
      return CellCounts(partitionRows: dataset.partitions.map { $0.rows ?? 0 })
    }
    let schema = Schema(columns.compactMap { dataset.schema[$0] })
    let requests = try CellCounting.requests(dataset, schema: schema)
    let counts = CellCounts(
      merging: try await stage.run(requests).map { try CellCounting.counts($0, stage.artifacts) })
    guard counts.keys.count <= CellCounting.most else {
      throw TaskFailure(
        .error(
          "AX0629", at: options.balance?.columns.first?.span,
          "the columns to balance by have \(counts.keys.count) combinations of values in the part '\(part.name)'",
          cause: "at most \(CellCounting.most) can be balanced",
          hint: "balance by fewer columns, or by binned ones"))
    }
    return counts
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    switch task.request.step {
    case CellCounting.step: return try CellCounting.perform(task)
    case "blend": return try Blending.perform(task)
    default: throw missingInput(task.request.step)
    }
  }
}
