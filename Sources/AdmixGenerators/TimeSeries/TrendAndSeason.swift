import AdmixModel
import AdmixStatistics

/// What has a mean of its own in each of its places, which come again.
enum Season: Hashable, Sendable, Codable {
  case period(Int)
  case calendar(CalendarUnit)

  var count: Int {
    switch self {
    case .period(let count): count
    case .calendar(let unit): unit.count
    }
  }

  /// In 0..<count.
  func place(time: Double, on grid: Int, isDate: Bool) -> Int {
    switch self {
    case .period(let count): ((grid % count) + count) % count
    case .calendar(let unit): unit.place(of: time, isDate: isDate)
    }
  }

  var isSound: Bool {
    if case .period(let count) = self { (2...1000).contains(count) } else { true }
  }
}

/// The part of a column that its time alone decides: level, trend and seasons, by least squares.
struct TrendAndSeason: Hashable, Sendable, Codable {
  var level = 0.0
  /// By how much it goes up with each step.
  var slope = 0.0
  /// By season, by place; over the rows that were learned from they add up to nothing.
  var seasons: [[Double]] = []

  /// - Parameters:
  ///   - step: since the first row of the series.
  ///   - places: in each season.
  func value(step: Int, _ places: [Int]) -> Double {
    var sum = level + slope * Double(step)
    for (season, place) in zip(seasons, places) { sum += season[place] }
    return sum
  }
}

/// The regression of columns on level, trend and seasons.
struct TrendRegression {
  let seasons: [Season]
  let hasTrend: Bool
  let rows: SeriesRows
  /// By row in order, by season.
  let places: [[Int]]
  private let starts: [Int]
  private let size: Int
  private let scale: Double
  /// Of the normal equations where no value is missing.
  private var whole: SemidefiniteFactor?

  init(_ seasons: [Season], hasTrend: Bool, _ rows: SeriesRows) {
    self.seasons = seasons
    self.hasTrend = hasTrend
    self.rows = rows
    let isDate = rows.grid.type == .date
    places = rows.order.indices.map { at in
      seasons.map { $0.place(time: rows.times[at], on: rows.places[at], isDate: isDate) }
    }
    var next = hasTrend ? 2 : 1
    var starts: [Int] = []
    for season in seasons {
      starts.append(next)
      next += season.count
    }
    self.starts = starts
    size = next
    scale = 1 / Double(max(1, rows.offsets.max() ?? 1))
  }

  /// Calls with each term of a row that is not 0.
  private func terms(_ at: Int, _ body: (Int, Double) -> Void) {
    body(0, 1)
    if hasTrend { body(1, Double(rows.offsets[at]) * scale) }
    for (index, place) in places[at].enumerated() { body(starts[index] + place, 1) }
  }

  private func factor(_ values: [Double]) -> SemidefiniteFactor {
    var gram = SquareMatrix(size: size)
    for start in stride(from: 0, to: values.count, by: 4096) {
      var block: [Int: Double] = [:]
      for at in start..<min(values.count, start + 4096) where !values[at].isNaN {
        terms(at) { i, x in
          terms(at) { j, y in if j <= i { block[i * size + j, default: 0] += x * y } }
        }
      }
      for (place, sum) in block { gram.values[place] += sum }
    }
    return SemidefiniteFactor(gram)
  }

  /// - Parameter values: in order; NaN is missing.
  /// - Returns: nothing but zeros where all are missing.
  mutating func fit(_ values: [Double]) -> TrendAndSeason {
    let factor: SemidefiniteFactor
    if values.contains(where: \.isNaN) {
      factor = self.factor(values)
    } else if let whole {
      factor = whole
    } else {
      factor = self.factor(values)
      whole = factor
    }
    // The mean first, so that sums are of what varies.
    let mean = Self.mean(values)
    var products = [Double](repeating: 0, count: size)
    var counts = [Double](repeating: 0, count: size)
    for start in stride(from: 0, to: values.count, by: 4096) {
      var block = [Double](repeating: 0, count: size)
      for at in start..<min(values.count, start + 4096) where !values[at].isNaN {
        terms(at) { i, x in
          block[i] += x * (values[at] - mean)
          counts[i] += 1
        }
      }
      for i in block.indices { products[i] += block[i] }
    }
    let solution = factor.solve(products)
    var out = TrendAndSeason()
    out.level = mean + solution[0]
    out.slope = hasTrend ? solution[1] * scale : 0
    for (season, start) in zip(seasons, starts) {
      var effects = Array(solution[start..<(start + season.count)])
      // Which place has no coefficient of its own is chance; as differences from the mean they say something.
      var (sum, all) = (0.0, 0.0)
      for place in effects.indices {
        sum += effects[place] * counts[start + place]
        all += counts[start + place]
      }
      let middle = all > 0 ? sum / all : 0
      for place in effects.indices {
        effects[place] = counts[start + place] > 0 ? effects[place] - middle : 0
      }
      out.level += middle
      out.seasons.append(effects)
    }
    return out
  }

  /// 0 where nothing is there.
  static func mean(_ values: [Double]) -> Double {
    var (sum, count) = (0.0, 0.0)
    for start in stride(from: 0, to: values.count, by: 4096) {
      var block = 0.0
      for at in start..<min(values.count, start + 4096) where !values[at].isNaN {
        block += values[at]
        count += 1
      }
      sum += block
    }
    return count > 0 ? sum / count : 0
  }
}
