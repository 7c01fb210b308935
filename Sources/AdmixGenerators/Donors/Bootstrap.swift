import AdmixData
package import AdmixModel
package import AdmixSpec
import Foundation

/// Training rows drawn again: one by one, or in blocks that keep what follows what.
package struct Bootstrap: DonorGenerator {
  package static let description = GeneratorDescription(
    name: "bootstrap", revision: 1,
    summary: "Training rows drawn again with replacement, singly or in blocks of a time series.",
    fields: [
      .optional(
        "kind", .choice(BootstrapKind.allCases.map(\.rawValue)), default: "row",
        "`row` draws rows singly; `moving` blocks of equal length from anywhere in the series, which goes round; `stationary` blocks of random length; `seasonal` blocks that begin at the same phase of the period."
      ),
      .optional(
        "order", .column,
        "The column that the series is in order of: a number, date or time. Its values come out as a regular continuation of how they begin."
      ),
      .optional(
        "length", .int(1...100_000_000),
        "Rows in a block; for `stationary` on average. Found from the autocorrelation of the numbers unless given."
      ),
      .optional("period", .int(2...100_000_000), "Rows in a season."),
      DonorOptions.text,
    ],
    needsLearning: true, conditionsExactly: false,
    cost: "One pass over the training data; O(columns) for each row.",
    limits:
      "Every row is a training row, and blocks are runs of them: not private in any way, and privacy checks say so. Nothing that was never seen comes out. Where blocks meet, the series jumps. One series: rows of several are mixed unless each is learned by itself. The model holds all training rows.",
    sources:
      "Efron, Bootstrap methods (1979); Künsch, The jackknife and the bootstrap for general stationary observations (1989); Politis and Romano, The stationary bootstrap (1994); Politis and White, Automatic block-length selection (2004), corrected by Patton, Politis and White (2009)."
  )

  let kind: BootstrapKind
  let order: String?
  private let orderSpan: SourceSpan?
  let length: Int?
  let period: Int?
  let text: TextPolicy

  package init(_ options: Node, report: inout Diagnostics) {
    kind = options["kind"]?.text.flatMap(BootstrapKind.init(rawValue:)) ?? .row
    order = options["order"]?.text
    orderSpan = options["order"]?.span
    length = options["length"]?.int
    period = options["period"]?.int
    text = DonorOptions.text(options)
    if kind == .seasonal, period == nil {
      report.append(
        .error(
          "AX0612", at: options.span, "'period' is missing",
          cause: "a seasonal block begins at the same phase of a period", hint: "period: 24"))
    }
    if kind != .row, order == nil {
      report.append(
        .error(
          "AX0612", at: options.span, "'order' is missing",
          cause: "blocks are runs of a series, which is in order of a column",
          hint: "order: the name of a date or time column"))
    }
  }

  package var learningParameters: JSONValue {
    [
      "kind": .string(kind.rawValue), "order": .string(order ?? ""),
      "length": JSONValue(length ?? 0), "period": JSONValue(period ?? 0),
      "text": .string(text.rawValue),
    ]
  }

  private static let orders: [ColumnType] = [.int, .double, .date, .datetime]

  package func schemas(learned: Schema?, report: inout Diagnostics) -> [String: Schema] {
    guard let learned else { return [:] }
    _ = column(
      order, at: orderSpan, in: learned, Self.orders, as: "the order of a series", report: &report)
    return ["data": ColumnPlan(learned, text: text).schema]
  }

  func facts(_ table: DonorTable, _ learning: LearningContext, _ warnings: inout [Diagnostic])
    throws
    -> Data
  {
    var report = Diagnostics()
    _ = column(
      order, at: orderSpan, in: learning.schema, Self.orders, as: "the order of a series",
      report: &report)
    try report.check()
    var series = BootstrapSeries(order: Array(0..<Int64(table.rows)), length: 1, start: 0, step: 0)
    if kind != .row, let order, let column = table[order] {
      if column.numbers.contains(where: \.isNaN) {
        throw Diagnostics([
          .error(
            "AX0654", at: orderSpan, "column '\(order)' has rows without a value",
            cause: "they have no place in the series", hint: "drop them in a transform stage before"
          )
        ])
      }
      let times = column.numbers
      series.order = (0..<table.rows).sorted { (times[$0], $0) < (times[$1], $1) }.map { Int64($0) }
      let sorted = series.order.map { times[Int($0)] }
      let steps = zip(sorted.dropFirst(), sorted).map { $0 - $1 }.sorted()
      series.start = sorted.first ?? 0
      series.step = steps.isEmpty ? 1 : steps[steps.count / 2]
      series.length = min(max(1, length ?? found(table, series, except: order)), table.rows)
      // A block of a season begins at a phase, and so does the next one.
      if kind == .seasonal, let period {
        series.length = max(period, series.length / period * period)
        if table.rows < 2 * period {
          throw Diagnostics([
            .error(
              "AX0654", at: orderSpan,
              "the series has \(table.rows) rows, and a period \(period)",
              cause: "there is no second season to draw from")
          ])
        }
      }
    }
    return series.encoded
  }

  /// The longest block that one of the numbers asks for.
  private func found(_ table: DonorTable, _ series: BootstrapSeries, except order: String) -> Int {
    let lengths = table.columns.filter { !$0.isNominal && $0.name != order }.compactMap { column in
      BlockLength.automatic(
        series.order.map { column.numbers[Int($0)] }, isStationary: kind == .stationary)
    }
    return Int((lengths.max() ?? 1).rounded(.up))
  }

  func picker(_ model: DonorModel, _ request: SamplingRequest) throws -> any DonorPicker {
    let series = try BootstrapSeries(model.facts, rows: model.table.rows)
    return BootstrapPicker(
      table: model.table, series: series, kind: kind, period: period ?? 1,
      time: kind == .row ? nil : model.table.columns.firstIndex { $0.name == order })
  }

  func report(_ model: DonorModel) throws -> CheckReport {
    let series = try BootstrapSeries(model.facts, rows: model.table.rows)
    return CheckReport(
      title: "Bootstrap",
      summary: "holds \(model.table.rows) training rows of \(model.table.columns.count) columns",
      sections: [
        .init(
          title: "Blocks",
          text: series.length == 1
            ? "Rows are drawn singly; each is a copy of a training row."
            : "Blocks have \(series.length) rows, each a copy of a run of the training rows.")
      ])
  }
}

enum BootstrapKind: String, CaseIterable, Sendable { case row, moving, stationary, seasonal }
