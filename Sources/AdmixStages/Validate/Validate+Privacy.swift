import AdmixData
import AdmixEngine
import AdmixModel
import AdmixStatistics

extension ValidateFrame {
  /// Why there are no synthetic rows to look at; nil where there are.
  var lackOfSynthetic: String? {
    if table.rows == 0 { return "the dataset has no rows" }
    if origins?.isEmpty == true { return "no row of the dataset is synthetic" }
    return nil
  }

  /// Which rows count as synthetic, for the reader of a section.
  var synthetic: String {
    guard let origins, !origins.isEmpty else { return "" }
    return " Synthetic are the rows that come from \(origins.joined(separator: ", "))."
  }

  var originsParameter: JSONValue {
    origins.map { .array($0.map { .string($0) }) } ?? .null
  }

  /// The columns a task reads to see some columns of the synthetic rows.
  func names(_ columns: [ComparedColumn], withOrigins: Bool) -> [String] {
    columns.map(\.name) + (withOrigins && origins != nil ? [Schema.originSource] : [])
  }

  /// A request for a sample of rows, as one partition.
  ///
  /// - Parameter purpose: tells the random numbers of samples apart.
  func sample(
    _ manifest: DatasetManifest, _ columns: [ComparedColumn], rows: Int, onlySynthetic: Bool,
    purpose: String
  ) throws -> TaskRequest {
    try RowSample.request(
      manifest, names(columns, withOrigins: onlySynthetic), rows: rows,
      origins: onlySynthetic ? origins : nil, stage, purpose: purpose)
  }
}

extension Validate {
  func countCopies(_ frame: ValidateFrame, _ report: inout CheckReport, _ said: inout [String])
    async throws
  {
    guard let reference = frame.reference else { return }
    let columns = ComparedColumn.shared(frame.table.schema, reference.schema).filter {
      frame.holdout?.schema[$0.name] != nil || frame.holdout == nil
    }
    var section = CheckReport.Section(
      title: "Exact copies",
      text:
        "Synthetic rows that agree with a row of the reference in every compared column, missing values included. Where columns are few and coarse, equal rows are no leak: the holdout's share p says how many a generator without memory would hit. A holdout k times as large would hit 1 − (1 − p)^k, taking rows to be hit independently; the excess is the reference's share minus that, with k the rows of the reference over those of the holdout."
        + frame.synthetic)
    func finish(_ share: Measurement, _ baseline: Measurement, _ excess: Measurement) {
      report.metrics["privacy.copies.share"] = share
      report.metrics["privacy.copies.baseline"] = baseline
      report.metrics["privacy.copies.excess"] = excess
      func row(_ what: String, _ share: Measurement) -> [CheckReport.Cell] {
        let found = share.value.flatMap { value in
          share.support.map { Int((value * Double($0)).rounded()) }
        }
        return [
          .text(what), found.map { .count($0) } ?? .text(""),
          share.support.map { .count($0) } ?? .text(""), .share(share),
        ]
      }
      section.tables = [
        CheckReport.Table(
          columns: ["Synthetic rows", "Found", "Of", "Share"],
          rows: [
            row("equal to a row of the reference", share),
            row("equal to a row of the holdout", baseline),
            [
              .text("excess over what a holdout as large as the reference would hit by chance"),
              .text(""),
              .text(""), .share(excess),
            ],
          ])
      ]
      report.sections.append(section)
      said.append(
        share.value == nil
          ? "copies unknown (\(share.reason ?? "not computed"))"
          : "\(Self.words(share)) of synthetic rows are copies of real ones")
    }
    if let lack = frame.lackOfSynthetic {
      return finish(.undefined(lack), .undefined(lack), .undefined(lack))
    }
    func requests(_ manifest: DatasetManifest, onlySynthetic: Bool) throws -> [TaskRequest] {
      let parameters: JSONValue = .object([
        "schema": try ValidateFrame.shape(
          manifest.schema, frame.names(columns, withOrigins: onlySynthetic)),
        "columns": .array(columns.map { .string($0.name) }),
        "origins": onlySynthetic ? frame.originsParameter : .null,
      ])
      return manifest.partitions.map {
        TaskRequest(
          step: "hashes", parameters: parameters, inputs: ["partition": [$0]],
          expectedRows: $0.rows)
      }
    }
    let synthetic = try requests(frame.table, onlySynthetic: true)
    let real = try requests(reference, onlySynthetic: false)
    let other = try frame.holdout.map { try requests($0, onlySynthetic: false) } ?? []
    let hashes = try await frame.stage.run(synthetic + real + other)
      .map { $0.artifacts["keys"] ?? [] }
    let inputs = [
      "synthetic": hashes[..<synthetic.count].flatMap { $0 },
      "reference": hashes[synthetic.count..<synthetic.count + real.count].flatMap { $0 },
      "holdout": hashes[(synthetic.count + real.count)...].flatMap { $0 },
    ]
    let counted = try await frame.stage.run(
      KeyBucket.all(of: max(reference.rows, frame.holdout?.rows ?? 0)).map {
        TaskRequest(
          step: "copies",
          parameters: .object(["bits": JSONValue($0.bits), "bucket": JSONValue($0.index)]),
          inputs: inputs)
      })
    func sum(_ name: String) -> Int { counted.reduce(0) { $0 + ($1.value[name]?.int ?? 0) } }
    let rows = sum("rows")
    let share = Measurement.share(
      sum("reference"), of: rows, none: "no row of the dataset is synthetic")
    guard let holdout = frame.holdout else {
      return finish(
        share, .undefined("there is no holdout"), .undefined("there is no holdout"))
    }
    let baseline = Measurement.share(
      sum("holdout"), of: rows, none: "no row of the dataset is synthetic")
    // A smaller holdout is hit less often by chance alone. A row that misses it would have to miss k
    // such holdouts to miss real rows as many as the reference has, so chance gives 1 − (1 − p)^k and
    // not k·p, which ends at 1 where values are few and then hides that everything was copied.
    let scale = holdout.rows > 0 ? Double(reference.rows) / Double(holdout.rows) : .nan
    let excess: Measurement =
      scale.isFinite
      ? share.minus(baseline.hit(byTimes: scale)) : .undefined("the holdout has no rows")
    finish(share, baseline, excess)
  }

  func performHashes(_ task: any TaskContext) throws -> TaskOutputs {
    let batch = try task.rows(task.parameter(Schema.self, "schema"))
    let names = (task.request.parameters["columns"]?.array ?? []).compactMap(\.string)
    let keys = RowHash.keys(names.compactMap { batch[$0] }, rows: batch.rows).sorted()
    var out = PackedWriter()
    KeyFile.write(keys, to: &out)
    task.progress(rows: batch.rows)
    return TaskOutputs([
      "keys": [try task.artifacts.publish(out.data, kind: .statistics, rows: batch.rows)]
    ])
  }

  /// Joins the keys of one bucket.
  func performCopies(_ task: any TaskContext) throws -> TaskOutputs {
    let bucket = KeyBucket(
      bits: task.request.parameters["bits"]?.int ?? 0,
      index: task.request.parameters["bucket"]?.int ?? 0)
    func all(_ input: String) throws -> [RowKey] {
      var list: [RowKey] = []
      for part in task.request.inputs[input] ?? [] {
        list += try KeyFile(task.artifacts.mapped(part)).keys(bucket)
        try task.checkCancellation()
      }
      list.sort()
      return list
    }
    let real = try all("reference")
    let other = try all("holdout")
    var rows = 0
    var inReference = 0
    var inHoldout = 0
    for part in task.request.inputs["synthetic"] ?? [] {
      let synthetic = try KeyFile(task.artifacts.mapped(part)).keys(bucket)
      rows += synthetic.count
      inReference += RowKeys.common(synthetic, in: real)
      inHoldout += RowKeys.common(synthetic, in: other)
      try task.checkCancellation()
    }
    return TaskOutputs(
      value: .object([
        "rows": JSONValue(rows), "reference": JSONValue(inReference),
        "holdout": JSONValue(inHoldout),
      ]))
  }

  func measurePrivacy(
    _ options: PrivacyOptions, _ frame: ValidateFrame, _ report: inout CheckReport,
    _ said: inout [String]
  ) async throws {
    guard let reference = frame.reference, let holdout = frame.holdout else { return }
    let columns = ComparedColumn.shared(frame.table.schema, reference.schema).filter {
      guard let other = holdout.schema[$0.name], let own = frame.table.schema[$0.name] else {
        return false
      }
      return other.type.isContinuous == $0.isNumber && own.type != .text && other.type != .text
        && reference.schema[$0.name]?.type != .text
    }
    let compared = min(reference.rows, holdout.rows, options.compare)
    var records = ClosestRecords(toTraining: [], toHoldout: [])
    let lack =
      frame.lackOfSynthetic ?? (columns.isEmpty ? "no column can be compared" : nil)
      ?? (compared == 0 ? "the reference or the holdout has no rows" : nil)
    if lack == nil {
      let samples = try await frame.stage.run([
        frame.sample(
          frame.table, columns, rows: options.rows, onlySynthetic: true,
          purpose: "privacy-synthetic"),
        frame.sample(
          reference, columns, rows: compared, onlySynthetic: false, purpose: "privacy-reference"),
        frame.sample(
          holdout, columns, rows: compared, onlySynthetic: false, purpose: "privacy-holdout"),
      ])
      let parts = samples.map { $0.artifacts["sample"] ?? [] }
      let rows = parts[0].first?.rows ?? 0
      let names = frame.names(columns, withOrigins: false)
      let blocks = stride(from: 0, to: rows, by: 500).map { start in
        (start, min(rows, start + 500))
      }
      let schemas = try [frame.table, reference, holdout].map {
        try ValidateFrame.parameter($0.schema, names)
      }
      let found = try await frame.stage.run(
        try blocks.map { block in
          TaskRequest(
            step: "neighbours",
            parameters: .object([
              "columns": try ValidateFrame.json(columns), "schemas": .array(schemas),
              "from": JSONValue(block.0), "to": JSONValue(block.1),
            ]),
            inputs: ["synthetic": parts[0], "reference": parts[1], "holdout": parts[2]],
            expectedRows: block.1 - block.0)
        })
      for output in found {
        records.toTraining += (output.value["reference"]?.array ?? []).compactMap(\.double)
        records.toHoldout += (output.value["holdout"]?.array ?? []).compactMap(\.double)
      }
    }
    tell(
      records, lack: lack, compared: compared, columns.count, frame.synthetic, in: &report, &said)
  }

  private func tell(
    _ records: ClosestRecords, lack: String?, compared: Int, _ columns: Int, _ synthetic: String,
    in report: inout CheckReport, _ said: inout [String]
  ) {
    let rows = records.toTraining.count
    let none = Measurement.undefined(lack ?? "no row of the dataset is synthetic", support: rows)
    var share = none
    if let value = records.closerShare {
      // A tie is half a row on either side, so the interval is that of the share as it stands.
      share = .share(Int((value * Double(rows)).rounded()), of: rows)
      share.value = value
      if compared < 30 { share.reason = "only \(compared) holdout rows" }
    }
    func quantile(_ values: [Double], _ at: Double) -> Measurement {
      ClosestRecords.quantile(values, at).map { Measurement($0, support: rows) } ?? none
    }
    report.metrics["privacy.dcr.closer_share"] = share
    report.metrics["privacy.dcr.median"] = quantile(records.toTraining, 0.5)
    report.metrics["privacy.dcr.p5"] = quantile(records.toTraining, 0.05)
    report.metrics["privacy.dcr.holdout_median"] = quantile(records.toHoldout, 0.5)
    report.metrics["privacy.dcr.holdout_p5"] = quantile(records.toHoldout, 0.05)
    report.sections.append(
      CheckReport.Section(
        title: "Distance to the closest record (privacy screen)",
        text:
          "Distance to the closest record (DCR), from 0 (equal) to 1, a mean over \(columns) columns: numbers by their distance over the reference's range, categories equal or not. \(rows) synthetic rows were compared with \(compared) rows of the reference and as many of the holdout, drawn with the seed. The share that lies closer to the reference, a tie counting half, is 0.5 where nothing was memorised. This is a screen, not evidence of privacy: some leaks leave no trace in distances (Yao et al., The DCR Delusion, arXiv 2505.01524).\(synthetic)",
        tables: [
          CheckReport.Table(
            columns: ["Distance", "To the reference", "To the holdout"],
            rows: [
              [
                .text("5th percentile"), .measurement(quantile(records.toTraining, 0.05)),
                .measurement(quantile(records.toHoldout, 0.05)),
              ],
              [
                .text("median"), .measurement(quantile(records.toTraining, 0.5)),
                .measurement(quantile(records.toHoldout, 0.5)),
              ],
            ]),
          CheckReport.Table(
            columns: ["Figure", "Value"],
            rows: [
              [.text("share closer to the reference"), .share(share)],
              [.text("ties"), .count(records.ties)],
            ]),
        ]))
    said.append(
      share.value == nil
        ? "distances unknown (\(share.reason ?? "not computed"))"
        : "\(Self.words(share)) of synthetic rows lie closer to the reference than to the holdout (a screen)"
    )
  }

  func performNeighbours(_ task: any TaskContext) throws -> TaskOutputs {
    let columns = try task.parameter([ComparedColumn].self, "columns")
    let schemas = try task.parameter([Schema].self, "schemas")
    let tables = try zip(["synthetic", "reference", "holdout"], schemas).map { name, schema in
      guard let part = task.request.inputs[name]?.first else { throw PackedReader.damaged }
      return try task.artifacts.batch(part, schema: schema)
    }
    guard tables.count == 3, let from = task.request.parameters["from"]?.int,
      let to = task.request.parameters["to"]?.int, from >= 0, from <= to, to <= tables[0].rows
    else { throw PackedReader.damaged }
    let rows = MixedRows.encode(tables, columns: columns, reference: 1)
    var near: [JSONValue] = []
    var far: [JSONValue] = []
    for start in stride(from: from, to: to, by: 100) {
      let block = start..<min(to, start + 100)
      near += rows[0].nearest(in: rows[1], of: block).map { .double($0) }
      far += rows[0].nearest(in: rows[2], of: block).map { .double($0) }
      task.progress(rows: block.count)
      try task.checkCancellation()
    }
    return TaskOutputs(value: .object(["reference": .array(near), "holdout": .array(far)]))
  }
}
