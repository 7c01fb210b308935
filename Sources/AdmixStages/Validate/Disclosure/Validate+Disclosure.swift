import AdmixData
import AdmixEngine
import AdmixModel
import AdmixSpec
import AdmixStatistics

/// What an attacker knows of a person, and what they want to find out from synthetic rows.
struct DisclosureOptions: Sendable {
  static let fields: [Field] = [
    .required(
      "known", .listOrOne(.column), "Columns that an attacker knows of a person, categories best."),
    .required("secret", .listOrOne(.column), "Columns that they want to know; each by itself."),
  ]

  static let metrics = [
    "cap", "zero_cap", "holdout_cap", "excess", "baseline_uniform", "baseline_marginal",
  ]

  var known: [String]
  var secret: [String]
  private var columns: [Node]

  init(_ node: Node, report: inout Diagnostics) {
    let lists = ["known", "secret"].map { node[$0]?.items ?? [] }
    known = lists[0].compactMap(\.text)
    secret = lists[1].compactMap(\.text)
    columns = lists[0] + lists[1]
    for (name, list) in zip(["known", "secret"], lists) where list.isEmpty {
      report.append(
        .error(
          "AX0765", at: node[name]?.span ?? node.span, "'\(name)' names no column",
          cause: "an attack goes from columns that are known to one that is secret",
          hint: "name what others may know of a person, and what they must not find out"))
    }
    ColumnList.checkOnce(columns, report: &report)
  }

  func check(against schema: Schema, report: inout Diagnostics) {
    ColumnList.checkKnown(columns, schema, report: &report)
  }
}

/// Of one secret column.
private struct DisclosureResult: Hashable, Sendable, Codable {
  var reference = CorrectAttribution()
  var holdout = CorrectAttribution()
  /// Without any known column: what the secret's frequencies alone give.
  var marginal = CorrectAttribution()
  var values = 0
}

extension Validate {
  func measureDisclosure(
    _ options: DisclosureOptions, _ frame: ValidateFrame, _ report: inout CheckReport,
    _ said: inout [String]
  ) async throws {
    guard let reference = frame.reference, let holdout = frame.holdout else { return }
    let names = options.known + options.secret
    let absent = names.first { reference.schema[$0] == nil || holdout.schema[$0] == nil }
    var lack = frame.lackOfSynthetic
    if let absent { lack = lack ?? "the reference or the holdout has no column '\(absent)'" }
    var results = options.secret.map { _ in DisclosureResult() }
    if lack == nil {
      let sides = [(frame.table, true), (reference, false), (holdout, false)]
      let requests = try sides.map { manifest, onlySynthetic in
        let hasOrigins = onlySynthetic && frame.origins != nil
        let parameters: JSONValue = .object([
          "schema": try ValidateFrame.shape(
            manifest.schema, names + (hasOrigins ? [Schema.originSource] : [])),
          "known": .array(options.known.map { .string($0) }),
          "secret": .array(options.secret.map { .string($0) }),
          "origins": onlySynthetic ? frame.originsParameter : .null,
        ])
        return manifest.partitions.map {
          TaskRequest(
            step: "secrets", parameters: parameters, inputs: ["partition": [$0]],
            expectedRows: $0.rows)
        }
      }
      let counted = try await frame.stage.run(requests.flatMap { $0 })
      var inputs: [String: [Artifact]] = [:]
      var taken = 0
      for (role, list) in zip(["synthetic", "reference", "holdout"], requests) {
        for name in ClassFiles.names(options.secret.count) {
          inputs["\(role)-\(name)"] = counted[taken..<taken + list.count].flatMap {
            $0.artifacts[name] ?? []
          }
        }
        taken += list.count
      }
      let found = try await frame.stage.run(
        KeyBucket.all(of: sides.map(\.0.rows).max() ?? 0).map {
          TaskRequest(
            step: "disclosure",
            parameters: .object([
              "bits": JSONValue($0.bits), "bucket": JSONValue($0.index),
              "secrets": JSONValue(options.secret.count),
            ]), inputs: inputs)
        })
      for output in found {
        let part = try CanonicalJSON.decode(
          [DisclosureResult].self, from: CanonicalJSON.encode(output.value))
        for (index, result) in part.enumerated() where index < results.count {
          results[index].reference.merge(result.reference)
          results[index].holdout.merge(result.holdout)
          results[index].marginal = result.marginal
          results[index].values = result.values
        }
      }
    }
    tell(options, results, lack: lack, frame.synthetic, in: &report, &said)
  }

  private func tell(
    _ options: DisclosureOptions, _ results: [DisclosureResult], lack: String?,
    _ synthetic: String, in report: inout CheckReport, _ said: inout [String]
  ) {
    var rows: [[CheckReport.Cell]] = []
    for (column, result) in zip(options.secret, results) {
      func share(_ value: Double?, _ people: Int) -> Measurement {
        guard lack == nil, let value else {
          return .undefined(lack ?? "no synthetic row agrees with one of theirs", support: people)
        }
        // A mean of probabilities varies no more than a share of the same size, whose interval this is.
        var found = Measurement.share(Int((value * Double(people)).rounded()), of: people)
        found.value = value
        return found
      }
      let cap = share(result.reference.cap, result.reference.matched)
      let control = share(result.holdout.cap, result.holdout.matched)
      let figures = [
        cap, share(result.reference.zeroCap, result.reference.rows), control, cap.minus(control),
        lack.map { .undefined($0) }
          ?? (result.values > 0
            ? Measurement(1 / Double(result.values), support: result.reference.rows)
            : .undefined("the reference has no rows")),
        lack.map { .undefined($0) } ?? result.marginal.cap.map {
          Measurement($0, support: result.marginal.rows)
        } ?? .undefined("the reference has no rows"),
      ]
      for (name, figure) in zip(DisclosureOptions.metrics, figures) {
        report.metrics[Self.name("disclosure.\(name)", [column])] = figure
      }
      rows.append([.text(column)] + figures.map { .share($0) })
      said.append(
        "'\(column)' is guessed right for \(Self.words(cap)) of real people found, \(Self.words(control)) of others"
      )
    }
    report.sections.append(
      CheckReport.Section(
        title: "Attribute disclosure",
        text:
          "Who knows \(options.known.joined(separator: ", ")) of a person draws one of the synthetic rows that agree in them, missing values included, and takes its secret for theirs. CAP is the mean probability of being right, over people of the reference with whom a synthetic row agrees; zero-CAP counts the others as safe. The holdout is the control: of people who were not learned from as much is guessed by what holds of everybody, so only the excess is the reference's. Uniform is 1 over the number of values; marginal is what the same draw gives without knowing anything. SDMetrics' protection is 1 − CAP over 1 − uniform, which makes a skewed secret look leaky."
          + synthetic,
        tables: [
          CheckReport.Table(
            columns: [
              "Secret", "CAP", "Zero-CAP", "CAP of the holdout", "Excess", "Uniform", "Marginal",
            ], rows: rows)
        ]))
  }

  /// Counts what is known and secret in a partition; values are told apart across tables.
  func performSecrets(_ task: any TaskContext) throws -> TaskOutputs {
    let batch = try task.rows(task.parameter(Schema.self, "schema"))
    let known = try task.parameter([String].self, "known").compactMap { batch[$0] }
    let secret = try task.parameter([String].self, "secret").compactMap { batch[$0] }
    let outputs = try ClassFiles.publish(
      RowHash.keys(known, rows: batch.rows),
      secret.map { RowHash.keys([$0], rows: batch.rows) }, task)
    task.progress(rows: batch.rows)
    return TaskOutputs(outputs)
  }

  func performDisclosure(_ task: any TaskContext) throws -> TaskOutputs {
    let bucket = KeyBucket(
      bits: task.request.parameters["bits"]?.int ?? 0,
      index: task.request.parameters["bucket"]?.int ?? 0)
    func files(_ role: String) -> ClassFiles { ClassFiles(task, prefix: role + "-") }
    var results: [DisclosureResult] = []
    for index in 1..<max(1, (task.request.parameters["secrets"]?.int ?? 0) + 1) {
      let synthetic = try files("synthetic").counts(index, bucket)
      var result = DisclosureResult()
      result.reference = CorrectAttribution(
        try files("reference").counts(index, bucket), in: synthetic)
      result.holdout = CorrectAttribution(try files("holdout").counts(index, bucket), in: synthetic)
      let real = try files("reference").marginal(index)
      result.marginal = CorrectAttribution(
        real.asOneClass, in: try files("synthetic").marginal(index).asOneClass)
      result.values = real.values
      results.append(result)
      try task.checkCancellation()
    }
    return TaskOutputs(value: try ValidateFrame.json(results))
  }
}
