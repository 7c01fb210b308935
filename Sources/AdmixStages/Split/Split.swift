import AdmixData
package import AdmixEngine
package import AdmixModel
package import AdmixSpec

/// Cuts a dataset into parts of exact size; rows keep their order within each part.
///
/// Every row is ranked by a seeded permutation of row numbers within its stratum, and the first so
/// many of each stratum go to the first part, and so on. Which part a row is in follows from the seed
/// and the data alone. Rows that miss the value they are stratified or grouped by are a stratum, or a
/// group, of their own.
package struct Split: StageKind {
  package static let description = KindDescription(
    name: "split", revision: 4, summary: "Cuts a dataset into parts of exact size.",
    fields: [
      .required("from", .edge(.dataset), "The dataset to cut."),
      .required(
        "into", .orderedMap(.number(0...Double(1 << 53))),
        "The parts with their shares, which add up to 1, or with their numbers of rows."),
      .optional(
        "stratify", .listOrOne(.column),
        "Columns whose combinations of values have the same shares in every part, to the row; missing is a value of its own."
      ),
      .optional(
        "group", .column,
        "All rows with the same value go to the same part, as do all rows without one; sizes are then as near as whole groups come."
      ),
    ],
    outputs: nil, usesRandomness: true,
    tasks: [
      .init("count", "For `stratify`: counts a partition's combinations.", ["from", "stratify"]),
      .init("cut", "Cuts rows into the parts.", ["from", "into", "stratify", "group"]),
      .init("count-groups", "For `group`: counts a partition's groups.", ["from", "group"]),
      .init(
        "assign-groups", "For `group`: gives each group a part.",
        ["from", "into", "stratify", "group"]),
      .init(
        "cut-groups", "For `group`: cuts a partition.", ["from", "into", "stratify", "group"]),
    ],
    example: """
      split: {from: census, into: {train: 0.8, holdout: 0.2}, stratify: [income, sex]}
      """)

  private let parts: [(name: String, size: Double)]
  private let isShares: Bool
  let stratify: [(name: String, span: SourceSpan)]
  let group: (name: String, span: SourceSpan)?
  private let span: SourceSpan

  package init(_ options: OptionValues, report: inout Diagnostics) {
    let into = options["into"]
    span = into?.span ?? options.span
    parts = (into?.items ?? []).flatMap(\.members).map { ($0.key, $0.value.double ?? 0) }
    let sum = parts.reduce(0) { $0 + $1.size }
    // `{a: 0.5, b: 0.6}` are shares that do not add up, and no numbers of rows.
    isShares = sum <= 1 + 1e-9 || parts.contains { $0.size != $0.size.rounded() && $0.size <= 1 }
    if parts.isEmpty || parts.count > 250 {
      report.append(.error("AX0630", at: span, "'into' names 1 to 250 parts, not \(parts.count)"))
    } else if isShares, abs(sum - 1) > 1e-9 {
      report.append(
        .error(
          "AX0631", at: span,
          "the shares of 'into' add up to \((sum * 1e9).rounded() / 1e9), not 1",
          cause: parts.contains { $0.size > 1 }
            ? "shares and numbers of rows do not mix" : nil,
          hint: sum < 1 ? "name the rest as a part too, such as {train: 0.8, rest: 0.2}" : nil))
    } else if !isShares, parts.contains(where: { $0.size != $0.size.rounded() }) {
      report.append(.error("AX0631", at: span, "a number of rows in 'into' is not whole"))
    }
    stratify = (options["stratify"]?.items ?? []).compactMap { item in
      item.text.map { ($0, item.span) }
    }
    group = options["group"].flatMap { node in node.text.map { ($0, node.span) } }
    if let group, !stratify.isEmpty {
      report.append(
        .error(
          "AX0632", at: group.span, "'group' and 'stratify' exclude each other",
          cause: "a group goes to one side as a whole, whatever its rows are"))
    }
  }

  package var outputs: [String] { parts.map(\.name) }

  package func schemas(of inputs: [String: Schema], report: inout Diagnostics) -> [String: Schema] {
    guard let schema = inputs["from"] else { return [:] }
    do { try check(schema) } catch let problem as Diagnostic { report.append(problem) } catch {}
    return Dictionary(parts.map { ($0.name, schema) }) { first, _ in first }
  }

  private func check(_ schema: Schema) throws {
    for column in stratify + (group.map { [$0] } ?? []) where schema[column.name] == nil {
      throw Diagnostic.error(
        "AX0633", at: column.span, "there is no column '\(column.name)'",
        hint: Spelling.closest(to: column.name, among: schema.names).map { "did you mean '\($0)'?" }
      )
    }
  }

  package func drive(_ stage: any StageContext) async throws -> StageOutputs {
    guard let input = stage.inputs["from"] else {
      throw TaskFailure(.error("AX0909", "a split without a dataset"))
    }
    let manifest = try stage.artifacts.dataset(input)
    try check(manifest.schema)
    let total = manifest.rows
    if !isShares {
      let asked = parts.reduce(0) { $0 + Int($1.size) }
      guard asked == total else {
        throw TaskFailure(
          .error(
            "AX0634", at: span, "the parts have \(asked) rows together and the dataset \(total)"))
      }
    }
    let cuts: [TaskOutputs]
    if let group {
      cuts = try await SplitGroups.drive(
        stage, manifest, column: group.name, sizes: parts.map(\.size), isShares: isShares)
    } else {
      cuts = try await stratified(stage, manifest)
    }
    var outputs = StageOutputs()
    var rows: [Int] = []
    var lineage = RowLineage([:])
    for (index, part) in parts.enumerated() {
      let derived = try DerivedDataset(
        cuts, schema: manifest.schema, partitions: "part\(index)", maps: "map\(index)")
      let dataset = derived.manifest
      lineage.outputs[part.name] = .rows(of: ["from"], by: derived.steps)
      rows.append(dataset.rows)
      outputs.artifacts[part.name] = try stage.artifacts.publish(
        dataset, kind: .dataset, rows: dataset.rows)
      if dataset.rows == 0 {
        outputs.warnings.append(.warning("AX0635", at: span, "part '\(part.name)' has no rows"))
      }
    }
    outputs.rows = try stage.artifacts.publish(lineage, kind: .statistics)
    outputs.warnings += unevenness(rows, total)
    return outputs
  }

  /// Whole groups seldom make the sizes that were asked for; far off is worth a word.
  private func unevenness(_ rows: [Int], _ total: Int) -> [Diagnostic] {
    guard group != nil else { return [] }
    return zip(parts, rows).compactMap { part, rows in
      let wanted = isShares ? part.size * Double(total) : part.size
      let off = (Double(rows) - wanted).magnitude
      guard isShares ? off > max(1, 0.01 * Double(total)) : off > 0 else { return nil }
      return .warning(
        "AX0637", at: group?.span,
        "part '\(part.name)' has \(rows) rows instead of \(Int(wanted.rounded()))",
        cause: "groups go to one part as a whole, and the largest are too large to come nearer")
    }
  }

  private func stratified(_ stage: any StageContext, _ manifest: DatasetManifest) async throws
    -> [TaskOutputs]
  {
    var counts = manifest.partitions.map { (keys: [CellKey([])], counts: [$0.rows ?? 0]) }
    if !stratify.isEmpty {
      let columns = Schema(stratify.compactMap { manifest.schema[$0.name] })
      let requests = try CellCounting.requests(manifest, schema: columns)
      counts = try await stage.run(requests).map { try CellCounting.counts($0, stage.artifacts) }
    }
    let strata = SplitStrata(counts)
    guard strata.keys.count <= CellCounting.most else {
      throw TaskFailure(
        .error(
          "AX0636", at: stratify.first?.span,
          "the columns to stratify by have \(strata.keys.count) combinations of values",
          cause: "at most \(CellCounting.most) can be strata",
          hint: "stratify by fewer columns, or by binned ones"))
    }
    let total = manifest.rows
    let shares = isShares ? parts.map(\.size) : parts.map { $0.size / Double(max(1, total)) }
    let sizes = SplitSizes.of(strata.totals, shares: shares)
    let schema = try JSONValue(encoding: manifest.schema.shape)
    // Each task gets its own strata only: all of them for all partitions would be read once by each.
    return try await stage.run(
      zip(manifest.partitions, strata.perPartition(sizes)).map { partition, strata in
        let plan = SplitPlan(
          seed: stage.seed, salt: stage.salt, columns: stratify.map(\.name), parts: parts.count,
          strata: strata)
        return TaskRequest(
          step: SplitPlan.step, parameters: ["schema": schema],
          inputs: [
            "partition": [partition],
            "plan": [try stage.artifacts.publish(plan, kind: .statistics)],
          ], expectedRows: partition.rows)
      })
  }

  package func perform(_ task: any TaskContext) throws -> TaskOutputs {
    switch task.request.step {
    case CellCounting.step: try CellCounting.perform(task)
    case SplitPlan.step: try SplitPlan.cut(task)
    case SplitGroups.countStep: try SplitGroups.count(task)
    case SplitGroups.assignStep: try SplitGroups.assign(task)
    case SplitGroups.cutStep: try SplitGroups.cut(task)
    default:
      throw TaskFailure(.error("AX0901", "stage kind 'split' has no step '\(task.request.step)'"))
    }
  }

  /// The rows of a partition by the part that owns them.
  static func publish(
    _ batch: Batch, owners: [UInt8], parts: Int, _ task: any TaskContext
  ) throws -> TaskOutputs {
    var outputs = TaskOutputs()
    for part in 0..<parts {
      let rows = owners.indices.filter { Int(owners[$0]) == part }
      if rows.isEmpty { continue }
      outputs.artifacts["part\(part)"] = [try task.artifacts.publish(batch.taking(rows))]
      if let map = try task.artifacts.publish(RowMap(rows: rows), whole: batch.rows) {
        outputs.artifacts["map\(part)"] = [map]
      }
    }
    task.progress(rows: batch.rows)
    return outputs
  }
}
