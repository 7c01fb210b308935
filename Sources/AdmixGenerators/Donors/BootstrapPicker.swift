import AdmixData
import AdmixModel
import Foundation

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
