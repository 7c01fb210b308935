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

/// The training rows in order, and how the new ones are timed.
struct BootstrapSeries: Sendable {
  var order: [Int64]
  var length: Int
  var start: Double
  var step: Double

  init(order: [Int64], length: Int, start: Double, step: Double) {
    self.order = order
    self.length = length
    self.start = start
    self.step = step
  }

  var encoded: Data {
    var writer = ByteWriter()
    writer.write(order)
    writer.write(length)
    writer.write(start)
    writer.write(step)
    return writer.data
  }

  init(_ data: Data, rows: Int) throws {
    var reader = ByteReader(data)
    order = try reader.int64s()
    length = try reader.int()
    start = try reader.double()
    step = try reader.double()
    guard rows > 0, order.count == rows, length >= 1, start.isFinite, step.isFinite,
      order.allSatisfy({ (0..<Int64(rows)).contains($0) })
    else { throw DamagedBytes() }
  }
}

/// Which training row each row is.
struct BootstrapPicker: DonorPicker {
  var table: DonorTable
  var series: BootstrapSeries
  var kind: BootstrapKind
  var period: Int
  /// The column of the order, which goes on in equal steps.
  var time: Int?

  func row(_ number: Int, _ random: RandomSource, into values: inout [DonorValue]) {
    let donor = Int(series.order[place(max(0, number), random)])
    for (index, column) in table.columns.enumerated() {
      if index == time {
        values[index] = .number(series.start + Double(number) * series.step)
      } else if column.isNominal {
        values[index] = column.codes[donor] < 0 ? .missing : .level(column.codes[donor])
      } else {
        let number = column.numbers[donor]
        values[index] = number.isNaN ? .missing : .number(number)
      }
    }
  }

  /// The place in the series of a row's donor.
  private func place(_ number: Int, _ random: RandomSource) -> Int {
    let count = series.order.count
    func start(_ block: Int) -> Int { below(count, block, random) }
    switch kind {
    case .row: return start(number)
    case .moving:
      let (block, offset) = number.quotientAndRemainder(dividingBy: series.length)
      return (start(block) + offset) % count
    case .stationary:
      // A block ends at each row with the same chance, so lengths are geometric.
      var first = number
      while first > 0,
        random.uniform(row: UInt64(first), tag: 1) >= 1 / Double(series.length)
      { first -= 1 }
      return (start(first) + (number - first)) % count
    case .seasonal:
      let (block, offset) = number.quotientAndRemainder(dividingBy: series.length)
      let phase = block * series.length % period
      // Whole blocks only: one that goes round would change its phase.
      let starts = max(1, (count - phase - min(series.length, count - phase)) / period + 1)
      let from = phase + below(starts, block, random) * period
      return min(count - 1, from + offset)
    }
  }

  private func below(_ count: Int, _ row: Int, _ random: RandomSource) -> Int {
    min(count - 1, Int(random.uniform(row: UInt64(row), tag: 0) * Double(count)))
  }
}

/// How long blocks have to be for what follows what to be kept.
package enum BlockLength {
  /// The length that makes the variance of a mean most exact.
  ///
  /// Politis and White 2004, with the correction of Patton, Politis and White 2009: flat-top weights up to twice
  /// the lag after which autocorrelations are no longer told from none.
  ///
  /// - Parameter values: in order; missing ones are passed over.
  /// - Returns: at least 1; nil where the values do not vary, or are fewer than 8.
  package static func automatic(_ values: [Double], isStationary: Bool) -> Double? {
    let present = values.filter { !$0.isNaN }
    let count = Double(present.count)
    guard present.count >= 8 else { return nil }
    let mean = present.reduce(0, +) / count
    let apart = present.map { $0 - mean }
    func covariance(_ lag: Int) -> Double {
      var sum = 0.0
      for at in lag..<apart.count { sum += apart[at] * apart[at - lag] }
      return sum / count
    }
    let variance = covariance(0)
    guard variance > 0, variance.isFinite else { return nil }
    let least = 2 * (log10(count) / count).squareRoot()
    let run = max(5, Int(log10(count).squareRoot().rounded(.up)))
    let furthest = min(present.count - 1, Int(count.squareRoot().rounded(.up)) + run)
    var lag = 0
    var insignificant = 0
    // The first lag after which a run of autocorrelations says nothing.
    var last = furthest
    while lag < furthest {
      lag += 1
      insignificant = abs(covariance(lag) / variance) < least ? insignificant + 1 : 0
      if insignificant == run {
        last = lag - run
        break
      }
    }
    let reach = min(2 * max(1, last), present.count - 1)
    var (moment, spectrum) = (0.0, variance)
    for lag in 1...reach {
      let t = Double(lag) / Double(reach)
      let weight = t <= 0.5 ? 1 : 2 * (1 - t)
      moment += 2 * weight * Double(lag) * covariance(lag)
      spectrum += 2 * weight * covariance(lag)
    }
    let scale = (isStationary ? 2 : 4.0 / 3) * spectrum * spectrum
    guard scale > 0 else { return 1 }
    let length = pow(2 * moment * moment / scale, 1.0 / 3) * pow(count, 1.0 / 3)
    return min(max(1, length), (3 * count.squareRoot()).rounded(.up), count / 3)
  }
}
