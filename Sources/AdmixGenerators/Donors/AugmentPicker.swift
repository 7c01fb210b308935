import AdmixData
import AdmixModel
import Foundation

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
      // In logarithms, since the powers of small parameters are less than any number.
      while draw < 100_000 {
        let (x, y) = (log(1 - next()) / parameter, log(1 - next()) / parameter)
        if max(x, y) + log1p(exp(-abs(x - y))) <= 0 { return 1 / (1 + exp(y - x)) }
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
