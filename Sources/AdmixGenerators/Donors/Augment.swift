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

/// A training row, changed.
struct AugmentPicker: DonorPicker {
  private let options: Augment
  private let table: DonorTable
  private let groups: [[Int64]]
  private let balance: Int?
  private let mayChange: [Bool]
  /// The standard deviation of the noise, by column.
  private let spreads: [Double]
  /// Values that many rows have, such as zeros: noise would make them something else.
  private let spikes: [Set<Double>]
  private let bounds: [ClosedRange<Double>]

  init(_ options: Augment, _ table: DonorTable, _ groups: [[Int64]], balance: Int?) {
    self.options = options
    self.table = table
    self.groups = groups
    self.balance = balance
    mayChange = table.columns.enumerated().map { index, column in
      index != balance && (options.only.isEmpty || options.only.contains(column.name))
    }
    bounds = DonorSampler.bounds(of: table)
    spikes = table.columns.map { column in
      var counts: [Double: Int] = [:]
      for value in column.numbers where !value.isNaN { counts[value, default: 0] += 1 }
      let least = max(2, Double(table.rows) * Augment.spike)
      return Set(counts.filter { Double($0.value) >= least }.keys)
    }
    spreads = table.columns.map { column in
      let present = column.numbers.filter { !$0.isNaN }
      guard present.count > 1 else { return 0 }
      let count = Double(present.count)
      let mean = present.reduce(0, +) / count
      let variance = present.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
      return options.noise * 1.06 * variance.squareRoot() * pow(count, -0.2)
    }
  }

  func row(_ number: Int, _ random: RandomSource, into values: inout [DonorValue]) {
    let row = UInt64(max(0, number))
    func unit(_ tag: UInt32, _ draw: UInt32) -> Double {
      random.uniform(row: row, tag: tag, draw: draw)
    }
    func below(_ count: Int, _ tag: UInt32, _ draw: UInt32) -> Int {
      min(count - 1, Int(unit(tag, draw) * Double(count)))
    }
    let group = groups[below(groups.count, 0, 0)]
    let base = Int(group[below(group.count, 0, 1)])
    let other = Int(group[below(group.count, 0, 2)])
    let share = options.mixup > 0 ? beta(options.mixup, row, random) : 1
    for (index, column) in table.columns.enumerated() {
      let tag = UInt32(truncatingIfNeeded: index + 1)
      var donor = base
      if mayChange[index], options.swap > 0, unit(tag, 0) < options.swap {
        donor = Int(group[below(group.count, tag, 1)])
      }
      guard !column.isNominal else {
        var code = column.codes[donor]
        if mayChange[index] {
          if options.mixup > 0, unit(tag, 2) >= share { code = column.codes[other] }
          if options.redraw > 0, unit(tag, 3) < options.redraw {
            code = column.codes[below(table.rows, tag, 4)]
          }
        }
        values[index] = code < 0 ? .missing : .level(code)
        continue
      }
      var value = column.numbers[donor]
      if mayChange[index], !value.isNaN {
        let second = column.numbers[other]
        if options.mixup > 0, !second.isNaN { value = share * value + (1 - share) * second }
        if spreads[index] > 0, !spikes[index].contains(value) {
          let pair = random.uniforms(row: row, tag: tag, draw: 5)
          let normal = (-2 * log(1 - pair.0)).squareRoot() * cos(2 * .pi * pair.1)
          value = Self.reflected(value + normal * spreads[index], bounds[index])
        }
      }
      values[index] = value.isNaN ? .missing : .number(value)
    }
  }

  /// What leaves the range comes back into it as far as it left.
  static func reflected(_ value: Double, _ bounds: ClosedRange<Double>) -> Double {
    let width = bounds.upperBound - bounds.lowerBound
    guard width > 0, value.isFinite else {
      return min(max(value, bounds.lowerBound), bounds.upperBound)
    }
    let offset = (value - bounds.lowerBound).truncatingRemainder(dividingBy: 2 * width)
    let inside = offset < 0 ? offset + 2 * width : offset
    return bounds.lowerBound + (inside > width ? 2 * width - inside : inside)
  }

  /// Beta(a, a) by Jöhnk's method for a below 1, else by the ratio of two gammas drawn by Marsaglia and Tsang's.
  private func beta(_ parameter: Double, _ row: UInt64, _ random: RandomSource) -> Double {
    var draw: UInt32 = 0
    func next() -> Double {
      draw += 1
      return random.uniform(row: row, tag: .max, draw: draw)
    }
    if parameter < 1 {
      while draw < 100_000 {
        let (x, y) = (pow(next(), 1 / parameter), pow(next(), 1 / parameter))
        if x + y <= 1, x + y > 0 { return x / (x + y) }
      }
      return 0.5
    }
    func gamma() -> Double {
      let d = parameter - 1.0 / 3
      let c = 1 / (9 * d).squareRoot()
      while draw < 100_000 {
        let normal = (-2 * log(1 - next())).squareRoot() * cos(2 * .pi * next())
        let v = pow(1 + c * normal, 3)
        if v > 0, log(1 - next()) < normal * normal / 2 + d - d * v + d * log(v) { return d * v }
      }
      return d
    }
    let (x, y) = (gamma(), gamma())
    return x / (x + y)
  }
}
