import AdmixModel
import AdmixStatistics

/// What an expectation found in a part of the rows; parts merge in the order of the dataset.
struct ExpectationTally: Sendable, Codable, Equatable {
  static let mostRowsShown = 10

  /// Rows in scope.
  var rows = 0
  /// Of these, rows with something to check.
  var checked = 0
  var failing = 0
  /// The first failing rows, counted from 0 in the dataset.
  var first: [Int] = []
  var missing = 0
  /// For figures of numbers.
  var mean = 0.0
  var squares = 0.0
  var sum = 0.0
  /// What Neumaier's sum has lost in rounding (ZAMM 54, 1974).
  var lost = 0.0
  var least: Double?
  var greatest: Double?
  /// For `increasing`: the value before and after the seams.
  var opening: Double?
  var openingRow: Int?
  var closing: Double?

  mutating func fail(_ row: Int) {
    failing += 1
    if first.count < Self.mostRowsShown { first.append(row) }
  }

  mutating func add(_ value: Double) {
    checked += 1
    let delta = value - mean
    let n = Double(checked)
    // Two numbers may lie further apart than a number can say.
    mean += delta.isFinite ? delta / n : value / n - mean / n
    squares += delta * (value - mean)
    addToSum(value)
    least = min(least ?? value, value)
    greatest = max(greatest ?? value, value)
  }

  private mutating func addToSum(_ value: Double) {
    let total = sum + value
    lost += abs(sum) >= abs(value) ? (sum - total) + value : (value - total) + sum
    sum = total
  }

  /// - Parameters:
  ///   - offset: how many rows of the dataset come before the other part.
  ///   - strictly: whether equal neighbours break the order, for `increasing`.
  mutating func merge(_ other: ExpectationTally, offset: Int, strictly: Bool? = nil) {
    if let strictly, let last = closing, let next = other.opening, let row = other.openingRow,
      strictly ? next <= last : next < last
    {
      fail(row + offset)
    }
    let before = checked
    rows += other.rows
    checked += other.checked
    failing += other.failing
    first += other.first.prefix(Self.mostRowsShown - min(first.count, Self.mostRowsShown))
      .map { $0 + offset }
    missing += other.missing
    if before == 0 {
      mean = other.mean
      squares = other.squares
    } else if other.checked > 0 {
      // Chan, Golub and LeVeque (1979); shares of the mean, as the sum may be too large for a number.
      let n = Double(before)
      let m = Double(other.checked)
      let delta = other.mean - mean
      mean =
        delta.isFinite
        ? mean + delta * (m / (n + m)) : mean * (n / (n + m)) + other.mean * (m / (n + m))
      squares += other.squares + delta * delta * n * m / (n + m)
    }
    addToSum(other.sum)
    lost += other.lost
    if let value = other.least { least = min(least ?? value, value) }
    if let value = other.greatest { greatest = max(greatest ?? value, value) }
    if opening == nil {
      opening = other.opening
      openingRow = other.openingRow.map { $0 + offset }
    }
    closing = other.closing ?? closing
  }
}
