import AdmixData
package import AdmixModel
package import AdmixSpec
import Foundation

/// Training rows changed a little: noise, mixtures of two, values of others.
package struct Augment: DonorGenerator {
  package static let description = GeneratorDescription(
    name: "augment", revision: 1,
    summary:
      "Training rows drawn again and changed: noise, mixtures of two rows, swapped and redrawn values.",
    fields: [
      .optional(
        "noise", .number(0...10), default: 1,
        "Normal noise on numbers, in Silverman's bandwidths: 1.06 standard deviations over the fifth root of the rows. Values that 5 % of the rows have, such as zeros, stay. 0 for none."
      ),
      .optional(
        "mixup", .number(0...100), default: 0,
        "The parameter of the Beta distribution that two rows are mixed by; numbers between them, other values of the first with that chance. 0 for none."
      ),
      .optional(
        "swap", .share, default: 0,
        "The chance that a value is replaced by that of another row, of the same class where `balance` names one."
      ),
      .optional(
        "redraw", .share, default: 0,
        "The chance that a category or truth value is drawn anew by its frequency (post-randomisation)."
      ),
      .optional(
        "balance", .column,
        "A column whose classes come out alike often, instead of as often as they are."),
      .optional(
        "columns", .listOrOne(.column), default: [],
        "The columns that may change; all unless given."),
      DonorOptions.text,
    ],
    needsLearning: true, conditionsExactly: false,
    cost: "One pass over the training data; O(columns) for each row.",
    limits:
      "Rows are near training rows, which are easily found again; not private. Noise ignores what belongs together: a sum no longer adds up. Learn from the training part only. The model holds all training rows.",
    sources:
      "Silverman, Density Estimation for Statistics and Data Analysis (1986), section 6.4.1, the smoothed bootstrap; Zhang, Cissé, Dauphin and Lopez-Paz, mixup (2018); Gouweleeuw, Kooiman, Willenborg and de Wolf, Post randomisation for statistical disclosure control (1998)."
  )

  /// The share of the rows from which on a value stays as it is.
  static let spike = 0.05

  let noise: Double
  let mixup: Double
  let swap: Double
  let redraw: Double
  let balance: String?
  private let balanceSpan: SourceSpan?
  let only: [String]
  private let onlySpans: [SourceSpan]
  let text: TextPolicy

  package init(_ options: Node, report: inout Diagnostics) {
    noise = options["noise"]?.double ?? 1
    mixup = options["mixup"]?.double ?? 0
    swap = options["swap"]?.double ?? 0
    redraw = options["redraw"]?.double ?? 0
    balance = options["balance"]?.text
    balanceSpan = options["balance"]?.span
    let named = options["columns"].map { $0.text == nil ? $0.items : [$0] } ?? []
    only = named.compactMap(\.text)
    onlySpans = named.filter { $0.text != nil }.map(\.span)
    text = DonorOptions.text(options)
  }

  package var learningParameters: JSONValue {
    ["balance": .string(balance ?? ""), "text": .string(text.rawValue)]
  }
  package var samplingParameters: JSONValue {
    [
      "noise": .double(noise), "mixup": .double(mixup), "swap": .double(swap),
      "redraw": .double(redraw), "columns": .array(only.map { .string($0) }),
    ]
  }

  package func schemas(learned: Schema?, report: inout Diagnostics) -> [String: Schema] {
    guard let learned else { return [:] }
    check(learned, &report)
    return ["data": ColumnPlan(learned, text: text).schema]
  }

  private func check(_ schema: Schema, _ report: inout Diagnostics) {
    _ = column(
      balance, at: balanceSpan, in: schema, [.category, .bool, .text, .int],
      as: "what classes are balanced by", report: &report)
    for (name, span) in zip(only, onlySpans) {
      _ = column(
        name, at: span, in: schema, ColumnType.allCases, as: "changed", report: &report)
    }
  }

  func facts(_ table: DonorTable, _ learning: LearningContext, _ warnings: inout [Diagnostic])
    throws
    -> Data
  {
    var report = Diagnostics()
    check(learning.schema, &report)
    try report.check()
    var groups: [(name: String, rows: [Int64])] = [("all rows", Array(0..<Int64(table.rows)))]
    if let balance, let column = table[balance] {
      var rows: [String: [Int64]] = [:]
      for row in 0..<table.rows {
        rows[column.label(row) ?? "missing", default: []].append(Int64(row))
      }
      groups = rows.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
    var writer = ByteWriter()
    writer.write(groups.count)
    for group in groups {
      writer.write(group.name)
      writer.write(group.rows)
    }
    return writer.data
  }

  private func groups(_ model: DonorModel) throws -> [(name: String, rows: [Int64])] {
    var reader = ByteReader(model.facts)
    let groups = try (0..<(try reader.count())).map { _ in
      (name: try reader.text(), rows: try reader.int64s())
    }
    guard !groups.isEmpty,
      groups.allSatisfy({ group in
        !group.rows.isEmpty && group.rows.allSatisfy { (0..<Int64(model.table.rows)).contains($0) }
      })
    else { throw DamagedBytes() }
    return groups
  }

  func picker(_ model: DonorModel, _ request: SamplingRequest) throws -> any DonorPicker {
    AugmentPicker(
      self, model.table, try groups(model).map(\.rows),
      balance: model.table.columns.firstIndex { $0.name == balance })
  }

  func report(_ model: DonorModel) throws -> CheckReport {
    CheckReport(
      title: "Augmentation",
      summary: "holds \(model.table.rows) training rows of \(model.table.columns.count) columns",
      sections: [
        .init(
          title: "Classes",
          text: "New rows begin at a training row, of each class alike often.",
          tables: [
            .init(
              columns: ["class", "rows"],
              rows: try groups(model).map { [.text($0.name), .count($0.rows.count)] })
          ])
      ])
  }
}
